/*
 * overlay.c - maps files over addresses that the process has reserved, and covers them again.
 */
#include "os/overlay.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

int os_overlay(void *address, uint64_t size, int fd, uint64_t from, struct os_overlay how)
{
	int protection = how.writable ? PROT_READ | PROT_WRITE : PROT_READ;
	int flags = (how.shared ? MAP_SHARED : MAP_PRIVATE) | MAP_FIXED;

	if (mmap(address, (size_t)size, protection, flags, fd, (off_t)from) == MAP_FAILED)
		return -errno;
	/*
	 * Read-ahead would put zeros into the page cache, in large folios, and ext4 looks at all
	 * of a folio at the first write to each of its pages.
	 */
	if (how.made)
		posix_madvise(address, (size_t)size, POSIX_MADV_RANDOM);
	return 0;
}

void os_cover(void *address, uint64_t size)
{
	int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	void *covered = MAP_FAILED;

	if (fd >= 0) {
		covered = mmap(address, (size_t)size, PROT_NONE, MAP_PRIVATE | MAP_FIXED, fd, 0);
		close(fd);
	}
	if (covered == MAP_FAILED)
		mprotect(address, (size_t)size, PROT_NONE);
}
