/*
 * proc.h - what /proc tells about a process.
 */
#ifndef SHEAF_TESTS_SUPPORT_PROC_H
#define SHEAF_TESTS_SUPPORT_PROC_H

#include <stdbool.h>
#include <sys/types.h>

struct proc {
	char state; /* 'Z': a zombie */
	pid_t parent;
};

/* False: there is no such process, or no /proc. */
bool proc_read(pid_t pid, struct proc *proc);

#endif
