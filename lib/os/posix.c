/*
 * posix.c - the second half of os.h with POSIX.1-2008 alone, and two things that no program should lack where its system has them: what
 * does not belong into core files, and whether a program has more rights than who started it.
 *
 * Dearer than its twin in three places: an anonymous segment has a name for an instant, freed memory stays with the pool,
 * which clears it before it hands it out again, and the death of a parent is noticed by looking, ten times a second.
 */
#define _DEFAULT_SOURCE /* for os_leave_out_of_core() alone */
#include "os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef HAVE_GETAUXVAL
#include <sys/auxv.h>
#endif
#include <sys/mman.h>
#include <sys/select.h>
#include <time.h>
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

int os_pidfd_open(pid_t pid)
{
	(void)pid;
	return -ENOSYS;
}

int os_pidfd_ended(int pidfd, bool reap)
{
	(void)pidfd;
	(void)reap;
	return -ENOSYS;
}

int os_pidfd_signal(int pidfd, int signal, bool group)
{
	(void)pidfd;
	(void)signal;
	(void)group;
	return -ENOSYS;
}

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

#ifdef HAVE_ISSETUGID
int issetugid(void); /* where headers do not show it to a POSIX program */
#endif

bool os_rights_by_file(void)
{
#if defined(HAVE_ISSETUGID)
	return issetugid();
#elif defined(HAVE_GETAUXVAL)
	return getauxval(AT_SECURE) != 0;
#else
	return getuid() != geteuid() || getgid() != getegid();
#endif
}

const char *os_guarded(void)
{
	if (os_rights_by_file())
		return "has rights by its program's file (set-user-ID, set-group-ID or file capabilities)";
	if (getuid() != geteuid())
		return "has real and effective user ids that differ";
	if (getgid() != getegid())
		return "has real and effective group ids that differ";
	return NULL;
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

int os_reserve_unlocked(int fd, uint64_t size, uint64_t align, unsigned char **base)
{
	(void)fd;
	(void)size;
	(void)align;
	(void)base;
	return -EAGAIN;
}

/* Beyond POSIX, but without it the crash of a pool without a name takes as much memory and disk as the heap may ever have. */
void os_leave_out_of_core(void *address, uint64_t size)
{
#if defined(MADV_DONTDUMP)
	madvise(address, (size_t)size, MADV_DONTDUMP);
#elif defined(MADV_NOCORE)
	madvise(address, (size_t)size, MADV_NOCORE);
#else
	(void)address;
	(void)size;
#endif
}

int os_commit(int fd, uint64_t offset, uint64_t size, void *at)
{
	int r;

	(void)at;
	do
		r = posix_fallocate(fd, (off_t)offset, (off_t)size);
	while (r == EINTR);
	return -r;
}

void *os_wiped_memory(void)
{
	return NULL;
}

int os_commit_mapped(void *address, uint64_t size)
{
	(void)address;
	(void)size;
	return -EBADF;
}

void *os_large_alloc(size_t size)
{
	return malloc(size);
}

void os_release(int fd, uint64_t offset, uint64_t size)
{
	(void)fd;
	(void)offset;
	(void)size;
}

int os_release_mapped(void *address, uint64_t size)
{
	(void)address;
	(void)size;
	return 0;
}

void os_clear(void *address, uint64_t size)
{
	memset(address, 0, size);
}

bool os_die_with_parent(pid_t parent, int signal)
{
	(void)signal;
	return getppid() == parent;
}

uint64_t os_parent_check_ns(void)
{
	return 100000000u;
}

bool os_ends_orphans(void)
{
	return false;
}

bool os_adopts_orphans(void)
{
	return getpid() == 1;
}

bool os_is_stopped(pid_t pid)
{
	(void)pid;
	return false;
}

int os_maps_file(pid_t pid, const struct os_file_id *file)
{
	(void)pid;
	(void)file;
	return -1;
}

void os_name_process(const char *name)
{
	(void)name;
}

bool os_wait_news(int fd, uint64_t timeout_ns)
{
	struct timespec timeout = {.tv_sec = (time_t)(timeout_ns / 1000000000u), .tv_nsec = (long)(timeout_ns % 1000000000u)};
	sigset_t none;
	fd_set news;

	FD_ZERO(&news);
	/* A descriptor that select() cannot take is looked at when the time is over. */
	if (fd < FD_SETSIZE)
		FD_SET(fd, &news);
	sigemptyset(&none);
	if (pselect(fd < FD_SETSIZE ? fd + 1 : 0, &news, NULL, NULL, &timeout, &none) > 0)
		return true;
	return fd >= FD_SETSIZE && poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 0) > 0;
}

uint64_t os_stack_pointer(const void *context)
{
	(void)context;
	return 0;
}

unsigned os_frames(const void *context, uint64_t *frames, unsigned most)
{
	(void)context;
	(void)frames;
	(void)most;
	return 0;
}

void os_sem_kick(sem_t *sem)
{
	(void)sem;
}

int os_sem_wait_until(sem_t *sem, uint64_t deadline_ns)
{
	return os_sem_wait_slice(sem, deadline_ns);
}

unsigned os_usable_cpus(unsigned enough)
{
	long online = sysconf(_SC_NPROCESSORS_ONLN);

	(void)enough;
	return online > 0 ? (unsigned)online : 1;
}

int os_each_own_mapping(bool (*visit)(uintptr_t begin, uintptr_t end, void *context), void *context)
{
	(void)visit;
	(void)context;
	return -ENOTSUP;
}
