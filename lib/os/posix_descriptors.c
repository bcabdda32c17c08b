/*
 * posix_descriptors.c - descriptors with POSIX alone: they are closed one by one.
 */
#include "os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

void os_close_range(int first, int last)
{
	long limit = sysconf(_SC_OPEN_MAX);

	if (limit <= 0 || limit > 65536)
		limit = 65536;
	for (int fd = first; fd <= last && fd < limit; fd++)
		close(fd);
}

int os_pipe(int ends[2])
{
	int raw[2];

	if (pipe(raw))
		return -errno;
	fcntl(raw[0], F_SETFD, FD_CLOEXEC);
	fcntl(raw[1], F_SETFD, FD_CLOEXEC);
	return os_raise_pipe(raw, ends);
}
