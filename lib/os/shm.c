/*
 * shm.c - shared-memory objects by their names: makes names up, creates, opens, renames, unlinks
 * and lists.
 *
 * A name may be anybody's by the time it is used. So a file is compared with the one that is meant
 * before its name is taken away, and nothing but a regular file of this user is opened.
 */
#include "os/os.h"
#include "os/process_id.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SHM_FOLDER "/dev/shm" /* where the system shows its shared-memory objects, if it does */
#define INVENTED "/sheaf-%ld-%016llx"

/*
 * Compute a number that all names of this process share, and hardly ever one of a process with its
 * pid.
 */
static uint32_t mark_of_process(void)
{
	struct os_process_id me;
	uint64_t mixed;

	os_process_note(&me);
	mixed = (me.start ^ me.space) * UINT64_C(0x9e3779b97f4a7c15);
	return (uint32_t)(mixed >> 32);
}

int os_shm_invent(char *name, size_t size)
{
	uint64_t bits;
	int r = os_random(&bits);

	if (!r)
		snprintf(name, size, INVENTED, (long)getpid(),
			 (unsigned long long)((uint64_t)mark_of_process() << 32 | (uint32_t)bits));
	return r;
}

/* Split a made-up name into pid and random part. 0: it was not made up. */
static pid_t parse_invented(const char *name, uint64_t *bits)
{
	unsigned long long number;
	char again[64];
	long pid;

	if (sscanf(name, "/sheaf-%ld-%llx", &pid, &number) != 2 || pid <= 0 || pid > INT32_MAX)
		return 0;
	snprintf(again, sizeof(again), INVENTED, pid, number);
	*bits = number;
	return strcmp(name, again) ? 0 : (pid_t)pid;
}

pid_t os_shm_maker(const char *name)
{
	uint64_t bits;

	return parse_invented(name, &bits);
}

bool os_shm_made_here(const char *name)
{
	uint64_t bits = 0;

	return parse_invented(name, &bits) == getpid() && bits >> 32 == mark_of_process();
}

int os_shm_create(const char *name, int *fd)
{
	int file = shm_open(name, O_CREAT | O_EXCL | O_RDWR, 0600);

	if (file < 0)
		return -errno;
	if ((file = os_raise(file)) < 0) {
		shm_unlink(name);
		return file;
	}
	/*
	 * The host's umask may have taken the owner's right to read. If this fails, the file cannot
	 * be inspected or swept, and nothing worse happens.
	 */
	(void)!fchmod(file, 0600);
	*fd = file;
	return 0;
}

int os_shm_create_unlinked(int *fd, char *left, size_t size)
{
	char name[64];
	int r;

	*left = '\0';
	if ((r = os_shm_invent(name, sizeof(name))) || (r = os_shm_create(name, fd)))
		return r;
	if (shm_unlink(name) && errno != ENOENT)
		snprintf(left, size, "%s", name);
	return 0;
}

int os_shm_look(const char *name, struct stat *status)
{
	char path[sizeof(SHM_FOLDER) + NAME_MAX + 1];

	snprintf(path, sizeof(path), SHM_FOLDER "%s", name);
	if (!fstatat(AT_FDCWD, path, status, AT_SYMLINK_NOFOLLOW))
		return 0;
	if (errno != ENOENT)
		return -errno;
	return access(SHM_FOLDER, F_OK) ? -ENOTSUP : -ENOENT;
}

int os_shm_open(const char *name, bool writable, int *fd)
{
	int way = writable ? O_RDWR : O_RDONLY, file, r;
	struct stat status;

	r = os_shm_look(name, &status);
	if (r && r != -ENOTSUP)
		return r;
	/* Opening a pipe or a device has effects of its own, and a terminal would become ours. */
	if (!r && !S_ISREG(status.st_mode))
		return S_ISLNK(status.st_mode) ? -ELOOP : -ENXIO;
	if (!r && status.st_uid != geteuid())
		return -EACCES;
	/*
	 * Something else may have the name by now. These flags keep the call from waiting for the
	 * other end of a pipe, or for the end of a lease. A system may refuse flags that it does
	 * not know.
	 */
	file = shm_open(name, way | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY, 0);
	if (file < 0 && errno == EINVAL)
		file = shm_open(name, way, 0);
	if (file < 0)
		return -errno;
	if ((file = os_raise(file)) < 0)
		return file;
	*fd = file;
	return 0;
}

static bool is_file(const struct stat *status, const struct os_file_id *id)
{
	return status->st_dev == id->device && status->st_ino == id->inode;
}

/* 1; 0: the file has no name, is another one, or was closed; or -errno: that cannot be told. */
static int has_some_name(int fd, const struct os_file_id *id)
{
	struct stat status;

	if (fstat(fd, &status))
		return errno == EBADF ? 0 : -errno;
	return is_file(&status, id) && status.st_nlink > 0;
}

bool os_shm_is(const char *name, int fd, const struct os_file_id *id)
{
	struct stat status;
	int r = os_shm_look(name, &status);

	if (r == -ENOENT)
		return false;
	/*
	 * Where names are not shown, the file tells whether it has one. Opening the name, and
	 * closing it again, would drop the locks of this process.
	 */
	return r ? has_some_name(fd, id) > 0 : is_file(&status, id);
}

int os_shm_unlink(const char *name, int fd, const struct os_file_id *id)
{
	struct stat status;
	int r = os_shm_look(name, &status);

	/* Where the folder does not show the name, the name may be in another one. */
	r = r ? has_some_name(fd, id) : is_file(&status, id);
	if (r <= 0)
		return r;
	return shm_unlink(name) && errno != ENOENT ? -errno : 0;
}

int os_shm_rename(const char *from, const char *to)
{
	char old[sizeof(SHM_FOLDER) + NAME_MAX + 1], new[sizeof(SHM_FOLDER) + NAME_MAX + 1];

	snprintf(old, sizeof(old), SHM_FOLDER "%s", from);
	snprintf(new, sizeof(new), SHM_FOLDER "%s", to);
	/* rename() would replace what has the name. */
	if (linkat(AT_FDCWD, old, AT_FDCWD, new, 0))
		return errno == EEXIST ? -EEXIST : -ENOTSUP;
	return shm_unlink(from) && errno != ENOENT;
}

int os_each_segment(const char *prefix, void (*visit)(const char *name, void *context), void *context)
{
	DIR *folder = opendir(SHM_FOLDER);
	struct dirent *entry;

	if (!folder)
		return -errno;
	while ((entry = readdir(folder))) {
		char name[sizeof(entry->d_name) + 2];
		struct stat status;

		if (strncmp(entry->d_name, prefix, strlen(prefix)) ||
		    fstatat(dirfd(folder), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) || !S_ISREG(status.st_mode) ||
		    status.st_uid != geteuid())
			continue;
		snprintf(name, sizeof(name), "/%s", entry->d_name);
		visit(name, context);
	}
	closedir(folder);
	return 0;
}
