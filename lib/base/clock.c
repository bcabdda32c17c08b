/*
 * clock.c - the one clock of the library, monotonic nanoseconds, and its version.
 */
#include "base/guard.h"
#include "sheaf.h"

#include <time.h>

UNGUARDED uint64_t sheaf_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

const char *sheaf_version(void)
{
	return SHEAF_VERSION;
}
