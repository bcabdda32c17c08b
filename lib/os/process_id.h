/*
 * process_id.h - what tells a process from later ones with its pid.
 *
 * Every function returns 0 or -errno unless its comment says otherwise.
 */
#ifndef SHEAF_OS_PROCESS_ID_H
#define SHEAF_OS_PROCESS_ID_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* What tells a process from all others, also from later ones with its pid. */
struct os_process_id {
	uint32_t pid;
	uint64_t start; /* when it started, as the system counts; 0: not to be told */
	uint64_t space; /* the namespaces that count pids and times so; 0: not to be told */
};

/* Note which process this one is. */
void os_process_note(struct os_process_id *id);

/*
 * Note which process has the pid now. Its end must not go unnoticed yet: it is, for example, a
 * child that nobody has reaped.
 */
void os_process_note_other(pid_t pid, struct os_process_id *id);

/*
 * Ask whether the pid still is that process, which may have ended and not been reaped. 1; 0; -1: it
 * cannot be told, because its start is not known.
 */
int os_process_is(const struct os_process_id *id);

/*
 * Ask whether that process lives. 1; 0: it has ended; -1: it cannot be told from here, because pids
 * mean other processes there.
 */
int os_process_lives(const struct os_process_id *id);

#endif
