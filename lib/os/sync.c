/*
 * sync.c - fsync(), also of the folder that a name is in.
 */
#include "os/sync.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

int os_sync(int fd)
{
	while (fsync(fd))
		if (errno != EINTR)
			return -errno;
	return 0;
}

/* The folder's path: up to the last slash. */
static int folder_of(const char *path, char *folder)
{
	const char *slash = strrchr(path, '/');
	size_t length = slash ? (size_t)(slash - path) : 0;

	if (length >= PATH_MAX)
		return -ENAMETOOLONG;
	if (!slash)
		memcpy(folder, ".", 2);
	else if (!length)
		memcpy(folder, "/", 2);
	else
		memcpy(folder, path, length);
	if (length)
		folder[length] = '\0';
	return 0;
}

int os_sync_name(const char *path)
{
	char folder[PATH_MAX];
	int r = folder_of(path, folder), fd;

	if (r)
		return r;
	do
		fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	while (fd < 0 && errno == EINTR);
	/* A folder that may be written to, and not be read, cannot be synced by anybody. */
	if (fd < 0)
		return errno == EACCES ? 0 : -errno;
	r = os_sync(fd);
	close(fd);
	return r == -EINVAL || r == -ENOTSUP || r == -EROFS ? 0 : r;
}
