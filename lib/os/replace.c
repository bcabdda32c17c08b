/*
 * replace.c - writes a file anew, under another name until it is whole.
 *
 * A rename replaces whatever has the name. So a device, a pipe or a socket would be gone, for all
 * of the system if the caller is root: such a name is refused before anything is made.
 *
 * Deaths            Of the writer: the part is left, and the next writer of that file removes it.
 */
#include "os/replace.h"

#include "os/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST_AT_ONCE ((size_t)1 << 30) /* systems write no more than 2 GiB by one call */

/* Does a link lead to what a process has open, as /dev/stdout does? */
static bool leads_to_process(const char *path)
{
	static const char proc[] = "/proc/";
	char target[sizeof(proc)];

	return readlink(path, target, sizeof(target)) >= (ssize_t)sizeof(proc) - 1 && !memcmp(target, proc, sizeof(proc) - 1);
}

/*
 * Look at what has the name. *@mode: out: of the new file, which others may use no more than the
 * old one. 0; -EISDIR, -ENOTSUP: it cannot be replaced; -errno.
 */
static int judge_old(const char *path, mode_t *mode)
{
	struct stat status;

	*mode = 0666;
	if (fstatat(AT_FDCWD, path, &status, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT ? 0 : -errno;
	if (S_ISLNK(status.st_mode)) {
		if (leads_to_process(path))
			return -ENOTSUP;
		if (fstatat(AT_FDCWD, path, &status, 0))
			return errno == ENOENT ? 0 : -errno;
	}
	if (S_ISDIR(status.st_mode))
		return -EISDIR;
	*mode = 0600 | (status.st_mode & 0066);
	return S_ISREG(status.st_mode) ? 0 : -ENOTSUP;
}

int os_replace_begin(const char *path, char *part)
{
	static const char ending[] = ".part";
	size_t length = strlen(path);
	mode_t mode;
	int fd, r;

	if (length + sizeof(ending) > PATH_MAX)
		return -ENAMETOOLONG;
	if ((r = judge_old(path, &mode)))
		return r;
	memcpy(part, path, length + 1);
	memcpy(part + length, ending, sizeof(ending));
	/* What may have that name was left by a writer that was killed, or is somebody's trap. */
	unlink(part);
	do
		fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	while (fd < 0 && errno == EINTR);
	return fd < 0 ? -errno : fd;
}

int os_replace_write(int fd, const void *bytes, size_t size)
{
	const char *at = bytes;
	off_t from;

	if (os_file_limit() != UINT64_MAX) {
		if ((from = lseek(fd, 0, SEEK_CUR)) < 0)
			return -errno;
		if (!os_file_fits((uint64_t)from, size))
			return -EFBIG;
	}
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

const char *os_replace_why(int code)
{
	switch (code) {
	case -ENOTSUP:
		return "it is no regular file, and would be replaced by one: write to another name";
	case -EACCES:
		return "Permission denied; FILE.part is made first, in the same folder";
	case -EEXIST:
		return "FILE.part is there, and cannot be removed";
	case -ENAMETOOLONG:
		return "File name too long, with the .part that it has until it is whole";
	default:
		return strerror(-code);
	}
}
