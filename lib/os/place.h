/*
 * place.h - where a thread or a process runs, and what it may take: CPUs, nice level, score,
 * address space (place.c, linux_place.c, posix_place.c).
 */
#ifndef SHEAF_OS_PLACE_H
#define SHEAF_OS_PLACE_H

#include <stdbool.h>
#include <stdint.h>

/* A CPU, and where it is: CPUs with the same core share it, and cores a package. */
struct os_cpu {
	unsigned number, core, package;
};

/*
 * List the CPUs that the calling thread may use, by number, at most @most of them. Returns how many
 * were stored; -ENOTSUP: this system does not tell.
 */
int os_list_cpus(struct os_cpu *cpus, unsigned most);

/* Have the calling thread run on that CPU alone. -EINVAL: it may not use that; -ENOTSUP. */
int os_pin(unsigned cpu);

/*
 * Add to the nice level of the process, as far as levels go, or with @thread to that of the calling
 * thread alone. In a process of one thread the two are the same. -EACCES, -EPERM: it may not lower
 * the level; -ENOTSUP: threads have none of their own here.
 */
int os_add_nice(int add, bool thread);

/*
 * Add to the level that the system calls the caller's own: on Linux the thread's, else the
 * process's. The same errors, but for -ENOTSUP.
 */
int os_add_own_nice(int add);

/*
 * Add to the score by which the system chooses the process that it kills when memory is short, as
 * far as scores go. -EACCES, -EPERM: it may not lower the score; -ENOTSUP: there is none here.
 */
int os_add_oom_score(int add);

/*
 * Take the shortest slice of CPU time that the scheduler gives. A thread that sleeps, and runs
 * briefly, then need not wait until a busy one's slice is over. For a process of one thread.
 * Nothing changes where a process cannot choose its slice (Linux before 6.12).
 */
void os_shorten_slice(void);

/* Take the slice that the process, or the one that it was forked from, had before that. */
void os_restore_slice(void);

/*
 * Limit the address space of the process to @more bytes beyond what it has mapped, for good.
 * -ENOTSUP: this system does not tell that.
 */
int os_limit_address_space(uint64_t more);

/* Tell the OpenMP library of this process, if there is one, how many threads it may use. */
void os_tell_openmp(unsigned threads);

#endif
