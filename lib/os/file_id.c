/*
 * file_id.c - whether a descriptor's number still names the file that it named.
 *
 * Descriptors are given out again. A host may close every descriptor that it does not know, as
 * closefrom(3) does, and the next file that it opens gets the number. So a descriptor is compared
 * with what was noted when it was opened, before its number is used for anything that would harm
 * another file.
 */
#define _XOPEN_SOURCE 700 /* realpath() */
#include "os/file_id.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int os_file_note(int fd, struct os_file_id *id)
{
	struct stat status;

	if (fstat(fd, &status))
		return -errno;
	*id = (struct os_file_id){.device = status.st_dev, .inode = status.st_ino};
	return 0;
}

bool os_file_is(int fd, const struct os_file_id *id)
{
	struct os_file_id found = {0};
	int r = os_file_note(fd, &found);

	/*
	 * No system is known to fail with anything but EBADF. Any other error says nothing against
	 * the number.
	 */
	return r ? r != -EBADF : found.device == id->device && found.inode == id->inode;
}

void os_file_close(int fd, const struct os_file_id *id)
{
	if (os_file_is(fd, id))
		close(fd);
}

bool os_file_resolve(const char *path, char *resolved)
{
	return realpath(path, resolved) != NULL;
}
