/*
 * deadline.c - the deadline of a hanging program, and a sleep.
 */
#include "deadline.h"

#include <time.h>

#include "sheaf.h"

uint64_t hang_deadline(void)
{
	return sheaf_now_ns() + 120 * UINT64_C(1000000000);
}

void sleep_ns(uint64_t ns)
{
	struct timespec time = {.tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u)};

	nanosleep(&time, NULL);
}
