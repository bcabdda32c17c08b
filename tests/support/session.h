/*
 * session.h - all that a host leaves behind: its processes, and the names of its segments.
 *
 * A host is a child that leads a session of its own (setsid), which its supervisors and workers
 * inherit, also from processes that have died.
 */
#ifndef SHEAF_TESTS_SUPPORT_SESSION_H
#define SHEAF_TESTS_SUPPORT_SESSION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Make the calling child the leader of a session, and take away what is left of an earlier process
 * with its pid: a test that was killed could not. False: it leads no session.
 */
bool session_begin(void);

/* Can processes and names be listed here? If not, tests that need it are skipped. */
bool session_visible(void);

/*
 * List living processes of the session in @pids, as far as they fit. Zombies have ended. Return
 * their number.
 */
unsigned session_processes(pid_t session, pid_t *pids, unsigned room);

/* List living children of a process in the same way. */
unsigned living_children(pid_t parent, pid_t *pids, unsigned room);

/*
 * Wait until no process of the session lives. False: some lived at the deadline, and were killed.
 */
bool session_ended(pid_t session, uint64_t deadline_ns);

/* Count the segments in /dev/shm that this process has created and that are still there. */
unsigned segments_of(pid_t owner);

#endif
