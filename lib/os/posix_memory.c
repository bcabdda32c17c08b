/*
 * posix_memory.c - memory of a segment's file with POSIX alone, but for leaving it out of core
 * files.
 *
 * Freed memory stays with the pool, which clears it before it hands it out again.
 */
#define _DEFAULT_SOURCE /* for os_leave_out_of_core() alone */
#include "os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

int os_reserve_unlocked(int fd, uint64_t size, uint64_t align, unsigned char **base)
{
	(void)fd;
	(void)size;
	(void)align;
	(void)base;
	return -EAGAIN;
}

/*
 * Goes beyond POSIX, because the core file of a crashed pool could else become as large as the heap
 * may ever be.
 */
void os_keep_from_children(void *address, uint64_t size)
{
	(void)address;
	(void)size;
}

void os_leave_out_of_core(void *address, uint64_t size)
{
#if defined(MADV_DONTDUMP)
	madvise(address, (size_t)size, MADV_DONTDUMP);
#elif defined(MADV_NOCORE)
	madvise(address, (size_t)size, MADV_NOCORE);
#else
	(void)address;
	(void)size;
#endif
}

int os_commit(int fd, uint64_t offset, uint64_t size, void *at)
{
	int r;

	(void)at;
	do
		r = posix_fallocate(fd, (off_t)offset, (off_t)size);
	while (r == EINTR);
	return -r;
}

int os_commit_mapped(void *address, uint64_t size)
{
	(void)address;
	(void)size;
	return -EBADF;
}

void os_release(int fd, uint64_t offset, uint64_t size)
{
	(void)fd;
	(void)offset;
	(void)size;
}

int os_release_mapped(void *address, uint64_t size)
{
	(void)address;
	(void)size;
	return 0;
}

void os_clear(void *address, uint64_t size)
{
	memset(address, 0, size);
}

void *os_wiped_memory(void)
{
	return NULL;
}

void *os_large_alloc(size_t size)
{
	return malloc(size);
}

int os_each_own_mapping(bool (*visit)(uintptr_t begin, uintptr_t end, void *context), void *context)
{
	(void)visit;
	(void)context;
	return -ENOTSUP;
}

int os_own_memory(uint64_t *bytes)
{
	(void)bytes;
	return -ENOTSUP;
}
