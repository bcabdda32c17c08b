/*
 * linux_shm.c - shared memory without a name, or with one only later.
 *
 * Each call that an older kernel or a sandbox may lack falls back to what POSIX offers.
 */
#define _GNU_SOURCE
#include "os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SHM_FOLDER "/dev/shm" /* of shm_open() in every Linux libc */

int os_shm_anonymous(int *fd, char *left, size_t size)
{
	int file = memfd_create("sheaf", MFD_CLOEXEC);

	if (left)
		*left = '\0';
	/* An old kernel or a sandbox may refuse the call. */
	if (file < 0 && errno != EMFILE && errno != ENFILE && errno != ENOMEM)
		file = open(SHM_FOLDER, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (file >= 0) {
		if ((file = os_raise(file)) < 0)
			return file;
		*fd = file;
		return 0;
	}
	if (errno == EMFILE || errno == ENFILE || errno == ENOMEM)
		return -errno;
	return left ? os_shm_create_unlinked(fd, left, size) : -ENOTSUP;
}

/*
 * Compose the path that shm_open() opens, and that of the link by which a nameless file can be
 * named. That is of this thread, because the system shows no descriptors by a first thread that has
 * ended, and the first one may end at any time.
 */
static void paths_of(int fd, const char *name, char *target, size_t target_size, char *source, size_t source_size)
{
	snprintf(target, target_size, SHM_FOLDER "%s", name);
	snprintf(source, source_size, "/proc/thread-self/fd/%d", fd);
}

bool os_shm_begins_empty(void)
{
	return false; /* without O_TMPFILE it does, and a killed creator's empty file may stay */
}

int os_shm_unnamed(int *fd)
{
	int file = open(SHM_FOLDER, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	char target[16], source[40];

	if (file < 0 || (file = os_raise(file)) < 0)
		return -ENOTSUP;
	paths_of(file, "", target, sizeof(target), source, sizeof(source));
	/*
	 * A link without names tells whether links can be made at all, which a sandbox may refuse.
	 */
	if (access(source, F_OK) || linkat(AT_FDCWD, "", AT_FDCWD, "", 0) == 0 || errno != ENOENT) {
		close(file);
		return -ENOTSUP;
	}
	(void)!fchmod(file, 0600); /* as in os_shm_create() */
	*fd = file;
	return 0;
}

int os_shm_link(int fd, const char *name)
{
	char target[NAME_MAX + sizeof(SHM_FOLDER)], source[40];

	paths_of(fd, name, target, sizeof(target), source, sizeof(source));
	return linkat(AT_FDCWD, source, AT_FDCWD, target, AT_SYMLINK_FOLLOW) ? -errno : 0;
}
