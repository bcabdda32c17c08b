/*
 * posix_place.c - where a process runs, and what it may take: POSIX knows its nice level alone.
 */
#define _XOPEN_SOURCE 700
#include "os/place.h"

#include "os/os.h"

#include <errno.h>
#include <sys/resource.h>

#define LEAST_NICE (-20)
#define MOST_NICE 19

int os_list_cpus(struct os_cpu *cpus, unsigned most)
{
	(void)cpus;
	(void)most;
	return -ENOTSUP;
}

int os_pin(unsigned cpu)
{
	(void)cpu;
	return -ENOTSUP;
}

int os_add_nice(int add, bool thread)
{
	int level;

	if (thread)
		return -ENOTSUP;
	errno = 0;
	level = getpriority(PRIO_PROCESS, 0);
	if (level == -1 && errno)
		return -errno;
	level += add;
	level = level < LEAST_NICE ? LEAST_NICE : level > MOST_NICE ? MOST_NICE : level;
	return setpriority(PRIO_PROCESS, 0, level) ? -errno : 0;
}

int os_add_oom_score(int add)
{
	(void)add;
	return -ENOTSUP;
}

int os_limit_address_space(uint64_t more)
{
	(void)more;
	return -ENOTSUP;
}

void os_tell_openmp(unsigned threads)
{
	(void)threads;
}
