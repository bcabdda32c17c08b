/*
 * memory.c - address space for a segment, and what memory there is.
 */
#include "os/os.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

/* Map the file without permission at a multiple of @align, a power of two. */
static int map_aligned(int fd, uint64_t size, uint64_t align, unsigned char **base)
{
	unsigned char *raw;
	uint64_t ahead;

	/* A size that an address space of 32 bits does not have. */
	if ((size_t)(size + align) != size + align)
		return -ENOMEM;
	raw = mmap(NULL, (size_t)(size + align), PROT_NONE, MAP_SHARED, fd, 0);
	if (raw == MAP_FAILED)
		return -errno;
	ahead = -(uint64_t)(uintptr_t)raw & (align - 1);
	*base = raw + ahead;
	if (ahead)
		munmap(raw, (size_t)ahead);
	if (ahead < align)
		munmap(*base + size, (size_t)(align - ahead));
	/* The offset has shifted with the address: map again, so that base shows offset 0. */
	if (mmap(*base, (size_t)size, PROT_NONE, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED) {
		int error = errno;

		munmap(*base, (size_t)size);
		return -error;
	}
	return 0;
}

int os_reserve(int fd, uint64_t size, uint64_t align, unsigned char **base)
{
	int r = map_aligned(fd, size, align, base);

	if (r == -EAGAIN)
		return os_reserve_unlocked(fd, size, align, base);
	/*
	 * A host that locks all that it maps means memory, and this is address space. If it cannot
	 * be unlocked, its pages are locked as they are used.
	 */
	if (!r)
		munlock(*base, (size_t)size);
	return r;
}

bool os_is_mapped(uint64_t address)
{
	long page = sysconf(_SC_PAGESIZE);

	/* This writes nothing back. It fails only where nothing is mapped. */
	return !msync((void *)(uintptr_t)(address - address % (uint64_t)page), 1, MS_ASYNC) || errno != ENOMEM;
}

uint64_t os_memory(void)
{
	long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);

	return pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size : (uint64_t)1 << 30;
}
