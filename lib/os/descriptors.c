/*
 * descriptors.c - descriptors that must not be where a host expects others.
 */
#include "base/cancel.h"
#include "os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

int os_raise(int fd)
{
	int raised, error;

	if (fd > 2)
		return fd;
	raised = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	error = errno;
	close(fd);
	return raised < 0 ? -error : raised;
}

int os_raise_pipe(const int raw[2], int ends[2])
{
	int low = os_raise(raw[0]), high = os_raise(raw[1]);

	if (low >= 0 && high >= 0) {
		ends[0] = low;
		ends[1] = high;
		return 0;
	}
	if (low >= 0)
		close(low);
	if (high >= 0)
		close(high);
	return low < 0 ? low : high;
}

void os_never_wait(int fd)
{
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

void os_tell(int fd)
{
	int error = errno, cancel = cancel_refuse();

	/* If it is full, it is readable already. */
	while (write(fd, "", 1) < 0 && errno == EINTR)
		;
	cancel_allow(cancel);
	errno = error;
}

void os_drain(int fd)
{
	int cancel = cancel_refuse();
	char bytes[512];
	ssize_t got;

	do
		got = read(fd, bytes, sizeof(bytes));
	while (got == (ssize_t)sizeof(bytes) || (got < 0 && errno == EINTR));
	cancel_allow(cancel);
}

static int compare_numbers(const void *a, const void *b)
{
	const int *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

void os_close_files(int *keep, unsigned n)
{
	int from = 3;

	/* So few that qsort() needs no memory. */
	qsort(keep, n, sizeof(*keep), compare_numbers);
	for (unsigned i = 0; i < n; i++) {
		os_close_range(from, keep[i] - 1);
		if (keep[i] >= from)
			from = keep[i] + 1;
	}
	os_close_range(from, INT_MAX);
}

void os_close_input(void)
{
	int ends[2], fd;

	/* If the host has closed it, it stays closed. */
	if (fcntl(STDIN_FILENO, F_GETFD) < 0)
		return;
	fd = open("/dev/null", O_RDONLY);
	if (fd < 0 && !pipe(ends)) {
		fd = ends[0];
		close(ends[1]);
	}
	if (fd < 0 || dup2(fd, STDIN_FILENO) < 0)
		close(STDIN_FILENO);
	if (fd >= 0)
		close(fd);
}
