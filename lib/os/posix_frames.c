/*
 * posix_frames.c - POSIX does not tell where a signal has interrupted the code, nor what code is
 * named.
 */
#include "os/os.h"

#include <inttypes.h>
#include <stdio.h>

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

void os_code_name(uint64_t address, char *name, size_t size)
{
	snprintf(name, size, "0x%" PRIx64, address);
}
