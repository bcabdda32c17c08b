/*
 * posix_shm.c - shared memory with POSIX alone: an object without a name has one for an instant.
 */
#include "os/os.h"

#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>

int os_shm_anonymous(int *fd, char *left, size_t size)
{
	char name[64];
	int r = os_shm_invent(name, sizeof(name));

	if (!left)
		return -ENOTSUP;
	*left = '\0';
	if (r)
		return r;
	if ((r = os_shm_create(name, fd)))
		return r;
	if (shm_unlink(name) && errno != ENOENT)
		snprintf(left, size, "%s", name);
	return 0;
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
