/*
 * overlay.h - files mapped over addresses that the process has reserved.
 */
#ifndef SHEAF_OS_OVERLAY_H
#define SHEAF_OS_OVERLAY_H

#include <stdbool.h>
#include <stdint.h>

/* How a file is mapped. */
struct os_overlay {
	bool writable;
	bool shared; /* what is written goes into the file */
	bool made;   /* the file is a new one, of which nothing is worth reading ahead */
};

/*
 * Map @size bytes of the file from @from on, a multiple of the page size, over what is at @address.
 * 0, or -errno of mmap(): then it is as it was.
 */
int os_overlay(void *address, uint64_t size, int fd, uint64_t from, struct os_overlay how);

/*
 * Cover what is at @address, so that a touch is a SIGSEGV. A file that was mapped there is let go
 * where the system has /dev/zero, and where not as soon as something else covers it.
 */
void os_cover(void *address, uint64_t size);

#endif
