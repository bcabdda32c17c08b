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

#if UINTPTR_MAX > UINT32_MAX
/*
 * On the usual systems of 64 bits programs, libraries, stacks and what mmap() chooses lie above,
 * and a program without PIE below. Sanitizers leave most of it free, too.
 */
#define APART_FROM ((uint64_t)0x200000000000)
#define APART_BITS 45
#define APART_TRIES 8
#endif

int os_reserve_at(int fd, uint64_t size, unsigned char *base)
{
	/* A hint that is not free is not followed. */
	void *found = mmap(base, (size_t)size, PROT_NONE, MAP_SHARED, fd, 0);
	int error = errno;

	if (found == MAP_FAILED)
		return -error;
	if (found != base) {
		munmap(found, (size_t)size);
		return -EADDRINUSE;
	}
	munlock(base, (size_t)size);
	return 0;
}

int os_reserve_apart(int fd, uint64_t size, uint64_t align, unsigned char **base)
{
#ifdef APART_FROM
	uint64_t random;

	for (unsigned i = 0; i < APART_TRIES && size < (UINT64_C(1) << APART_BITS) && !os_random(&random); i++) {
		*base = (unsigned char *)(uintptr_t)(APART_FROM + (random >> (64 - APART_BITS) & ~(align - 1)));
		if (!os_reserve_at(fd, size, *base))
			return 0;
	}
#endif
	return os_reserve(fd, size, align, base);
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
