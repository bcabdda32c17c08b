/*
 * posix_frames.c - POSIX does not tell where a signal has interrupted the code.
 */
#include "os/os.h"

uint64_t os_stack_pointer(const void *context)
{
	(void)context;
	return 0;
}

unsigned os_frames(const void *context, uint64_t *frames, unsigned most)
{
	(void)context;
	(void)frames;
	(void)most;
	return 0;
}
