/*
 * posix_place.c - where a process runs, and what it may take: POSIX knows its nice level alone.
 */
#include "os/place.h"

#include "os/os.h"

#include <errno.h>

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
	return thread ? -ENOTSUP : os_add_own_nice(add);
}

int os_add_oom_score(int add)
{
	(void)add;
	return -ENOTSUP;
}

void os_shorten_slice(void)
{
}

void os_restore_slice(void)
{
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
