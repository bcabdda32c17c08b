/*
 * place.c - what both systems do for the place of a process.
 */
#define _XOPEN_SOURCE 700
#include "os/place.h"

#include <errno.h>
#include <sys/resource.h>

#define LEAST_NICE (-20)
#define MOST_NICE 19

int os_add_own_nice(int add)
{
	int level;

	errno = 0;
	level = getpriority(PRIO_PROCESS, 0);
	if (level == -1 && errno)
		return -errno;
	level += add;
	level = level < LEAST_NICE ? LEAST_NICE : level > MOST_NICE ? MOST_NICE : level;
	return setpriority(PRIO_PROCESS, 0, level) ? -errno : 0;
}
