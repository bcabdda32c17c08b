/*
 * posix_shm.c - shared memory with POSIX alone: an object without a name has one for an instant.
 */
#include "os/os.h"

#include <errno.h>

int os_shm_anonymous(int *fd, char *left, size_t size)
{
	return left ? os_shm_create_unlinked(fd, left, size) : -ENOTSUP;
}

bool os_shm_begins_empty(void)
{
	return true;
}

int os_shm_unnamed(int *fd)
{
	(void)fd;
	return -ENOTSUP;
}

int os_shm_link(int fd, const char *name)
{
	(void)fd;
	(void)name;
	return -ENOTSUP;
}
