/*
 * linux_memory.c - memory of a segment's file: huge pages, holes, and what mlockall() makes of it.
 *
 * Each call that an older kernel or a sandbox may lack falls back to what POSIX offers.
 */
#define _GNU_SOURCE
#include "os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define HUGE_PAGE ((size_t)2 << 20)
#define COMMIT_PIECE ((uint64_t)64 << 20)
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif
#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

int os_reserve_unlocked(int fd, uint64_t size, uint64_t align, unsigned char **base)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	/*
	 * If the host has called mlockall(MCL_FUTURE), a new mapping is charged to RLIMIT_MEMLOCK.
	 * One that grows is charged only if it is locked. So one page is mapped, unlocked, and
	 * grows. A free place is found by growing once and unmapping. Another thread may take that
	 * place meanwhile, so this is tried again.
	 */
	for (int tries = 0; tries < 16; tries++) {
		unsigned char *page_at = mmap(NULL, page, PROT_NONE, MAP_SHARED, fd, 0), *found, *place;

		if (page_at == MAP_FAILED)
			return -errno;
		munlock(page_at, page);
		found = mremap(page_at, page, (size_t)(size + align), MREMAP_MAYMOVE);
		if (found == MAP_FAILED) {
			int error = errno;

			munmap(page_at, page);
			return -error;
		}
		munmap(found, (size_t)(size + align));
		place = found + (-(uintptr_t)found & (align - 1));
		page_at = mmap(place, page, PROT_NONE, MAP_SHARED, fd, 0);
		if (page_at == MAP_FAILED)
			return -errno;
		munlock(page_at, page);
		if (page_at == place && mremap(page_at, page, (size_t)size, 0) == place) {
			*base = place;
			return 0;
		}
		munmap(page_at, page);
	}
	return -ENOMEM;
}

void os_keep_from_children(void *address, uint64_t size)
{
	madvise(address, (size_t)size, MADV_DONTFORK); /* if it fails, they have it, unused */
}

void os_leave_out_of_core(void *address, uint64_t size)
{
	madvise(address, (size_t)size, MADV_DONTDUMP); /* if it fails, core files are larger */
}

/*
 * Commit the whole huge pages among the bytes at once, for a tenth of what single pages cost. What
 * the kernel does not commit here stays as it was, for the caller to commit. Kernels before 6.1
 * know no MADV_COLLAPSE. All others want one page of each huge page to be there.
 */
static void commit_huge(int fd, uint64_t offset, uint64_t size, char *at)
{
	size_t ahead = -(uintptr_t)at & (HUGE_PAGE - 1), all = ahead < size ? (size - ahead) & ~(HUGE_PAGE - 1) : 0;

	for (size_t done = 0; done < all; done += HUGE_PAGE) {
		if (posix_fallocate(fd, (off_t)(offset + ahead + done), 1))
			return;
		*(volatile const char *)(at + ahead + done);
	}
	if (all)
		madvise(at + ahead, all, MADV_COLLAPSE);
}

int os_commit(int fd, uint64_t offset, uint64_t size, void *at)
{
	/*
	 * Huge pages are asked for once per byte, so that a call that is interrupted again and
	 * again gets on.
	 */
	uint64_t asked = 0;

	/*
	 * In pieces, each with signals blocked, because kernels begin anew when a signal comes, and
	 * a host may have a timer that never rests.
	 */
	for (uint64_t done = 0; done < size;) {
		uint64_t piece = size - done < COMMIT_PIECE ? size - done : COMMIT_PIECE;
		sigset_t before;
		int r;

		os_block_all_signals(&before);
		if (at && asked == done) {
			commit_huge(fd, offset + done, piece, (char *)at + done);
			asked += piece;
		}
		r = posix_fallocate(fd, (off_t)(offset + done), (off_t)piece);
		pthread_sigmask(SIG_SETMASK, &before, NULL);
		if (r && r != EINTR)
			return -r;
		if (!r)
			done += piece;
	}
	return 0;
}

int os_commit_mapped(void *address, uint64_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	unsigned char *begin = (unsigned char *)((uintptr_t)address & ~(uintptr_t)(page - 1));
	uint64_t all = (uint64_t)((unsigned char *)address - begin) + size;

	/*
	 * In pieces, each with signals blocked, as above. This call fails with an error where
	 * touching would bring SIGBUS.
	 */
	for (uint64_t done = 0; done < all;) {
		uint64_t piece = all - done < COMMIT_PIECE ? all - done : COMMIT_PIECE;
		sigset_t before;
		int r, error;

		os_block_all_signals(&before);
		r = madvise(begin + done, (size_t)piece, MADV_POPULATE_WRITE);
		error = errno;
		pthread_sigmask(SIG_SETMASK, &before, NULL);
		if (!r)
			done += piece;
		else if (error == EFAULT || error == ENOMEM)
			return -ENOSPC;
		else if (error != EINTR && error != EAGAIN)
			return -EBADF; /* before Linux 5.14 */
	}
	return 0;
}

/* Write zeros over all that is no hole. */
static void overwrite(int fd, uint64_t offset, uint64_t size)
{
	static const unsigned char zeros[65536];

	for (uint64_t at = offset, end = offset + size; at < end;) {
		off_t data = lseek(fd, (off_t)at, SEEK_DATA);
		ssize_t written;

		if (data < 0 && errno == ENXIO)
			return;
		if (data >= 0)
			at = (uint64_t)data;
		if (at >= end)
			return;
		written = pwrite(fd, zeros, end - at < sizeof(zeros) ? end - at : sizeof(zeros), (off_t)at);
		if (written > 0)
			at += (uint64_t)written;
		else if (errno != EINTR)
			return;
	}
}

void os_release(int fd, uint64_t offset, uint64_t size)
{
	while (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)size))
		if (errno != EINTR) {
			/*
			 * This file can have no holes: the memory stays, but is handed out as zero.
			 */
			overwrite(fd, offset, size);
			return;
		}
}

int os_release_mapped(void *address, uint64_t size)
{
	munlock(address, (size_t)size); /* the host may have locked its memory since */
	return madvise(address, (size_t)size, MADV_REMOVE) ? -errno : 0;
}

void os_clear(void *address, uint64_t size)
{
	/* os_release() has done so. */
	(void)address;
	(void)size;
}

void *os_wiped_memory(void)
{
	size_t size = (size_t)sysconf(_SC_PAGESIZE);
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return NULL;
	if (!madvise(memory, size, MADV_WIPEONFORK))
		return memory;
	munmap(memory, size);
	return NULL;
}

void *os_large_alloc(size_t size)
{
	void *memory;

	if (size < 2 * HUGE_PAGE)
		return malloc(size);
	if (posix_memalign(&memory, HUGE_PAGE, size))
		return NULL;
	madvise(memory, size, MADV_HUGEPAGE); /* nothing depends on it */
	return memory;
}

int os_each_own_mapping(bool (*visit)(uintptr_t begin, uintptr_t end, void *context), void *context)
{
	FILE *maps = fopen("/proc/thread-self/maps", "re");
	char line[512];

	if (!maps)
		return -errno;
	while (fgets(line, sizeof(line), maps)) {
		char *at = line;
		uintptr_t begin = (uintptr_t)strtoull(line, &at, 16), end = *at ? (uintptr_t)strtoull(at + 1, &at, 16) : 0;

		/*
		 * Lines are "begin-end rwxp ...". A line that is too long goes on in pieces, which
		 * do not begin with a number and a dash.
		 */
		if (end > begin && at[0] == ' ' && at[1] == 'r' && at[2] == 'w' && at[4] == 'p' && !visit(begin, end, context))
			break;
	}
	fclose(maps);
	return 0;
}

int os_own_memory(uint64_t *bytes)
{
	int fd = open("/proc/thread-self/statm", O_RDONLY | O_CLOEXEC);
	char line[128], *next = line;
	unsigned long long resident, shared;
	ssize_t size;

	if (fd < 0)
		return -ENOTSUP;
	size = read(fd, line, sizeof(line) - 1);
	close(fd);
	if (size <= 0)
		return -ENOTSUP;
	line[size] = '\0';
	/* In pages: the whole size, then these two. */
	(void)strtoull(next, &next, 10);
	resident = strtoull(next, &next, 10);
	shared = strtoull(next, &next, 10);
	*bytes = resident > shared ? (resident - shared) * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
	return 0;
}
