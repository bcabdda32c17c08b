/*
 * session.h - all that a host leaves behind: its processes, and the names of its segments.
 *
 * A host is a child that leads a session of its own (setsid), which its supervisors and workers inherit, whoever dies in between.
 */
#ifndef SHEAF_TESTS_SUPPORT_SESSION_H
#define SHEAF_TESTS_SUPPORT_SESSION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Can processes and names be listed here? If not, a test that needs it is skipped. */
bool session_visible(void);

/* Living processes of the session (zombies have ended), in @pids as far as they fit. Their number. */
unsigned session_processes(pid_t session, pid_t *pids, unsigned room);

/* Living children of a process, the same way. */
unsigned living_children(pid_t parent, pid_t *pids, unsigned room);

/* Waits until no process of the session lives. False, and all are killed: some still did at the deadline. */
bool session_ended(pid_t session, uint64_t deadline_ns);

/* Segments in /dev/shm that this process created and that nobody removed. */
unsigned segments_of(pid_t owner);

#endif
