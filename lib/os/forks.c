/*
 * forks.c - one set of atfork handlers for the whole library.
 *
 * The lock is never held while this library forks: another library's handlers may take locks of theirs, and another thread may have
 * taken those first. Instead the child closes what it may not have.
 */
#include "os/forks.h"

#include "os/os.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static _Atomic unsigned count;
static struct forks_fd *watched;                  /* under the lock */
static _Thread_local const struct forks_fd *kept; /* by the child of this thread's fork */

static void before_fork(void)
{
	pthread_mutex_lock(&lock);
}

static void after_fork_in_parent(void)
{
	pthread_mutex_unlock(&lock);
}

static void after_fork_in_child(void)
{
	for (struct forks_fd *fd = watched; fd; fd = fd->next)
		if (fd != kept)
			close(fd->fd);
	watched = NULL;
	/* Relaxed: no other thread runs in a child. */
	atomic_fetch_add_explicit(&count, 1, memory_order_relaxed);
	pthread_mutex_unlock(&lock);
}

static void handle_forks(void)
{
	pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

unsigned forks_count(void)
{
	return atomic_load_explicit(&count, memory_order_relaxed);
}

void forks_hold(void)
{
	pthread_once(&once, handle_forks);
	pthread_mutex_lock(&lock);
}

void forks_release(void)
{
	pthread_mutex_unlock(&lock);
}

static void add(struct forks_fd *fd)
{
	fd->next = watched;
	watched = fd;
}

int forks_pipe(struct forks_fd *write_end, int *read_end)
{
	int ends[2], r;

	forks_hold();
	r = os_pipe(ends);
	if (!r) {
		*read_end = ends[0];
		write_end->fd = ends[1];
		add(write_end);
	}
	forks_release();
	return r;
}

pid_t forks_fork(const struct forks_fd *keep)
{
	pid_t pid;

	kept = keep;
	pid = fork();
	kept = NULL;
	return pid;
}

void forks_watch(struct forks_fd *fd)
{
	forks_hold();
	add(fd);
	forks_release();
}

void forks_close(struct forks_fd *fd)
{
	struct forks_fd **link = &watched;

	forks_hold();
	while (*link && *link != fd)
		link = &(*link)->next;
	if (*link) {
		*link = fd->next;
		close(fd->fd);
	}
	forks_release();
}
