/*
 * linux_descriptors.c - descriptors with the calls of Linux, and what POSIX offers where an older
 * kernel or a sandbox lacks them.
 */
#define _GNU_SOURCE
#include "os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Close a range of descriptors at once. 0; -1: this system cannot. */
static int close_many(unsigned first, unsigned last)
{
#ifdef HAVE_CLOSE_RANGE
	return close_range(first, last, 0);
#elif defined(SYS_close_range)
	return (int)syscall(SYS_close_range, first, last, 0u);
#else
	(void)first;
	(void)last;
	return -1;
#endif
}

static int lesser(long a, int b)
{
	return a < b ? (int)a : b;
}

void os_close_range(int first, int last)
{
	long limit;

	if (first > last || !close_many((unsigned)first, (unsigned)last))
		return;
	limit = sysconf(_SC_OPEN_MAX);
	for (int fd = first; fd <= lesser(limit > 0 ? limit : 65536, last); fd++)
		close(fd);
}

int os_pipe(int ends[2])
{
	int raw[2];

	/* With the flag at once, if possible, because another thread may be in posix_spawn(). */
	if (pipe2(raw, O_CLOEXEC)) {
		if (pipe(raw))
			return -errno;
		fcntl(raw[0], F_SETFD, FD_CLOEXEC);
		fcntl(raw[1], F_SETFD, FD_CLOEXEC);
	}
	return os_raise_pipe(raw, ends);
}
