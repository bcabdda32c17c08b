/*
 * replace.c - writes a file anew, under another name until it is whole.
 *
 * Deaths            Of the writer: the part is left, and the next writer of that file removes it.
 */
#include "os/replace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST_AT_ONCE ((size_t)1 << 30) /* systems write no more than 2 GiB by one call */

int os_replace_begin(const char *path, char *part)
{
	static const char ending[] = ".part";
	size_t length = strlen(path);
	int fd;

	if (length + sizeof(ending) > PATH_MAX)
		return -ENAMETOOLONG;
	memcpy(part, path, length + 1);
	memcpy(part + length, ending, sizeof(ending));
	/* What may have that name was left by a writer that was killed, or is somebody's trap. */
	unlink(part);
	do
		fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
	while (fd < 0 && errno == EINTR);
	return fd < 0 ? -errno : fd;
}

int os_replace_write(int fd, const void *bytes, size_t size)
{
	const char *at = bytes;

	while (size) {
		ssize_t n = write(fd, at, size < MOST_AT_ONCE ? size : MOST_AT_ONCE);

		if (n < 0 && errno != EINTR)
			return -errno;
		at += n > 0 ? n : 0;
		size -= n > 0 ? (size_t)n : 0;
	}
	return 0;
}

int os_replace_end(int fd, const char *part, const char *path, int error)
{
	/* It is closed, also where a signal is said to have interrupted that. */
	if (close(fd) && errno != EINTR && !error)
		error = -errno;
	if (!error && rename(part, path))
		error = -errno;
	if (error)
		unlink(part);
	return error;
}
