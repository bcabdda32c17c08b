/*
 * forks.c - one set of atfork handlers for the whole library.
 *
 * The lock is never held while this library forks, because another library's handlers may take
 * locks of their own, and another thread may have taken those first. Instead the child closes what
 * it must not have.
 *
 * A child of _Fork() or of a raw clone() runs no handlers. There the kernel wipes the number, which
 * makes all handles foreign. What the handler would have done is done before the child takes the
 * lock. Until then the child keeps the watched descriptors open.
 *
 * Handlers of others may fork in their turn. If such a fork comes while ours is under way, its
 * thread holds the lock already. Then its child gets no watched descriptor, not even those that our
 * child keeps. If it comes before (from a handler that was registered later than these), nothing
 * tells it from ours. Then the kept descriptors stay open in its child until that ends or calls
 * exec.
 */
#include "os/forks.h"

#include "base/atomic.h"
#include "os/os.h"

#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#define REGISTERED ((pid_t)-1)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic pid_t handled;        /* REGISTERED; the process that is registering them; or 0 */
static unsigned numbers = 1;         /* the last number that this process or an ancestor had */
static _Atomic unsigned unwiped = 1; /* this process's number, where the kernel wipes nothing */
_Atomic unsigned *forks_mark = &unwiped;
static uint64_t unwiped_private[FORKS_PRIVATE / 8];
void *forks_private = unwiped_private;
static struct forks_fd *watched; /* under the lock */
/* What the child of this thread's fork keeps; up to NULL. */
static _Thread_local const struct forks_fd *const *kept;
static _Thread_local unsigned depth; /* how often this thread holds the lock */

static bool is_listed(const struct forks_fd *const *list, const struct forks_fd *fd)
{
	while (list && *list && *list != fd)
		list++;
	return list && *list;
}

/*
 * Give a new process a number of its own, and close all watched descriptors but those that it
 * keeps.
 */
static void begin_process(const struct forks_fd *const *keep)
{
	struct forks_fd **link = &watched;

	while (*link) {
		if (is_listed(keep, *link)) {
			link = &(*link)->next;
		} else {
			os_file_close((*link)->fd, &(*link)->id);
			*link = (*link)->next;
		}
	}
	kept = NULL; /* a child that the child's handlers fork keeps none */
	memset(forks_private, 0, FORKS_PRIVATE);
	/* Relaxed: no other thread of the child uses the library yet. */
	store_relaxed(forks_mark, ++numbers);
}

/*
 * Do what the handler would have done, in a child that no handler announced. A thread of the parent
 * may have held the lock at the fork.
 */
static void begin_unannounced(void)
{
	if (forks_count() || depth) /* within a fork of this thread, the handler is still to come */
		return;
	pthread_mutex_init(&lock, NULL);
	begin_process(NULL);
}

static void hold_lock(void)
{
	begin_unannounced();
	if (depth++ == 0)
		pthread_mutex_lock(&lock);
}

static void release_lock(void)
{
	if (--depth == 0)
		pthread_mutex_unlock(&lock);
}

static void after_fork_in_child(void)
{
	begin_process(depth == 1 ? kept : NULL);
	release_lock();
}

/* Have the kernel tell of forks, too. Once in a process and its children. Under the lock. */
static void ask_kernel(void)
{
	_Atomic unsigned *wiped = forks_mark == &unwiped ? os_wiped_memory() : NULL;

	if (!wiped)
		return;
	/* Relaxed: the number is the same, and no handle was made yet. */
	store_relaxed(wiped, numbers);
	forks_mark = wiped;
	forks_private = wiped + 16; /* another cache line */
}

bool forks_told(void)
{
	return forks_mark != &unwiped;
}

/* Register the handlers once. pthread_once() would not do, because it cannot be tried again. */
static int register_handlers(void)
{
	pid_t me = getpid(), found = 0;
	int r;

	while (!cas_acquire_always(&handled, &found, me)) {
		if (found == REGISTERED)
			return 0;
		/*
		 * Another thread of this process is registering: wait for it. If it is a thread of
		 * another process, that one forked us meanwhile, and the thread is not here.
		 */
		if (found == me) {
			os_relax();
			found = 0;
		}
	}
	r = pthread_atfork(hold_lock, release_lock, after_fork_in_child);
	/*
	 * Release, pairs with the acquire above: else a thread could find REGISTERED, and fork
	 * before the handlers are in the list.
	 */
	store_release(&handled, r ? 0 : REGISTERED);
	return -r;
}

int forks_prepare(void)
{
	int r = register_handlers();

	if (r)
		return r;
	hold_lock();
	ask_kernel();
	release_lock();
	return 0;
}

void forks_hold(void)
{
	forks_prepare(); /* a caller that depends on the handlers has called this before */
	hold_lock();
}

void forks_release(void)
{
	release_lock();
}

static void watch_fd(struct forks_fd *fd)
{
	fd->next = watched;
	watched = fd;
}

int forks_pipe(struct forks_fd *write_end, struct forks_fd *read_end)
{
	int ends[2], r;

	forks_hold();
	r = os_pipe(ends);
	if (!r) {
		read_end->fd = ends[0];
		write_end->fd = ends[1];
		if ((r = os_file_note(ends[0], &read_end->id)) || (r = os_file_note(ends[1], &write_end->id))) {
			close(ends[0]);
			close(ends[1]);
		} else {
			watch_fd(read_end);
			watch_fd(write_end);
		}
	}
	forks_release();
	return r;
}

int forks_pidfd(struct forks_fd *fd, pid_t pid)
{
	int pidfd, r;

	forks_hold();
	r = pidfd = os_pidfd_open(pid);
	if (pidfd >= 0) {
		fd->fd = pidfd;
		if ((r = os_file_note(pidfd, &fd->id)))
			close(pidfd);
		else
			watch_fd(fd);
	}
	forks_release();
	return r;
}

pid_t forks_fork(const struct forks_fd *const *keep)
{
	pid_t pid;

	kept = keep;
	pid = fork();
	kept = NULL;
	return pid;
}

void forks_close(struct forks_fd *fd)
{
	struct forks_fd **link = &watched;

	forks_hold();
	while (*link && *link != fd)
		link = &(*link)->next;
	if (*link) {
		*link = fd->next;
		os_file_close(fd->fd, &fd->id);
	}
	forks_release();
}
