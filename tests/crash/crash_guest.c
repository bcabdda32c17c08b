/*
 * crash_guest.c - hosts that do to their process what a library has to live with.
 *
 * Usage: crash_guest [SEED [CASE]]. Each host uses pools, kills workers and supervisors under them, and checks that the library left
 * alone what is not its own: signals, threads, descriptors, children.
 */
#include "support/children.h"
#include "support/guest.h"
#include "support/leaks.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- hosts and their signals ---- */

static int plain(void)
{
	struct belongings before = belongings_now();

	guest_live(0);
	guest_live(SHEAF_ANONYMOUS);
	guest_live(SHEAF_KEEP_FDS);
	belongings_check(&before);
	return 0;
}

static int sigchld_ignored(void)
{
	signal(SIGCHLD, SIG_IGN);
	return plain();
}

static int sigchld_without_zombies(void)
{
	sigaction(SIGCHLD, &(struct sigaction){.sa_handler = SIG_DFL, .sa_flags = SA_NOCLDWAIT}, NULL);
	return plain();
}

static volatile sig_atomic_t signals;

static void count_signal(int number)
{
	(void)number;
	signals++;
}

static int sigchld_handled(void)
{
	struct belongings before;
	sheaf_pool *pool;

	sigaction(SIGCHLD, &(struct sigaction){.sa_handler = count_signal}, NULL);
	before = belongings_now();
	pool = guest_create(0);
	for (unsigned i = 0; i < 10; i++) {
		guest_kill_worker(pool);
		guest_work(pool, 1);
	}
	CHECK(signals == 0, "%d SIGCHLD came of workers", (int)signals);
	sheaf_pool_destroy(pool);
	CHECK(signals <= 1, "%d SIGCHLD came of one supervisor", (int)signals);
	guest_live(0);
	belongings_check(&before);
	return 0;
}

/* Signals that a worker ignores, as they are the owner's business, or that it tells of before it dies. */
static bool is_workers_own(int i)
{
	return i == SIGINT || i == SIGTSTP || i == SIGTTIN || i == SIGTTOU || i == SIGSEGV || i == SIGBUS || i == SIGFPE ||
	       i == SIGILL || i == SIGABRT;
}

/* What a worker's process is like, seen from a task. */
static int look_around(sheaf_task *task, const void *arg, void *result)
{
	struct sigaction action;
	sigset_t mask;

	(void)arg;
	(void)result;
	sigprocmask(SIG_SETMASK, NULL, &mask);
	for (int i = 1; i < 32; i++) {
		if (sigismember(&mask, i))
			return sheaf_task_fail(task, -EBADMSG, "signal %d is blocked in a worker", i);
		if (!is_workers_own(i) && !sigaction(i, NULL, &action) && action.sa_handler != SIG_DFL)
			return sheaf_task_fail(task, -EBADMSG, "signal %d does not have its default in a worker", i);
	}
	return 0;
}

static int signals_blocked(void)
{
	struct belongings before;
	sheaf_pool *pool;
	sigset_t all;
	int r;

	for (int i = 1; i < 32; i++)
		if (i != SIGKILL && i != SIGSTOP)
			sigaction(i, &(struct sigaction){.sa_handler = i % 2 ? count_signal : SIG_IGN}, NULL);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
	before = belongings_now();
	pool = guest_create(0);
	for (unsigned i = 0; i < 20; i++) {
		r = sheaf_apply(pool, look_around, NULL, 0, NULL, 0, NULL);
		CHECK(r == 0, "sheaf_apply: %d", r);
	}
	sheaf_pool_destroy(pool);
	guest_live(0);
	belongings_check(&before);
	return 0;
}

/* ---- hosts with threads of their own ---- */

static _Atomic bool stop;

static void *wait_for_any(void *context)
{
	(void)context;
	while (!atomic_load(&stop))
		if (waitpid(-1, NULL, 0) < 0)
			trial_nap(100000);
	return NULL;
}

static int waiter(void)
{
	pthread_t thread;

	CHECK(!pthread_create(&thread, NULL, wait_for_any, NULL), "thread");
	for (unsigned i = 0; i < 5; i++)
		guest_live(0);
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	CHECK(count_children() == 0, "%d children are left", count_children());
	return 0;
}

#define BROOD 200

/* Children that live until the host kills them, with whatever they inherited. */
static void *fork_on(void *context)
{
	pid_t pids[BROOD];
	unsigned count = 0;

	(void)context;
	while (!atomic_load(&stop)) {
		pid_t pid;

		if (count == BROOD) {
			trial_nap(1000000);
			continue;
		}
		pid = fork();
		if (pid == 0)
			for (;;)
				pause();
		CHECK(pid > 0, "fork");
		pids[count++] = pid;
	}
	while (count > 0) {
		kill(pids[--count], SIGKILL);
		CHECK(waitpid(pids[count], NULL, 0) == pids[count], "waitpid");
	}
	return NULL;
}

static int forker(void)
{
	struct belongings before = belongings_now();
	pthread_t thread;

	for (unsigned i = 0; i < 10; i++) {
		atomic_store(&stop, false);
		CHECK(!pthread_create(&thread, NULL, fork_on, NULL), "thread");
		guest_live(i % 2 ? 0 : SHEAF_ANONYMOUS);
		atomic_store(&stop, true);
		pthread_join(thread, NULL);
	}
	belongings_check(&before);
	return 0;
}

/* The same with posix_spawn(), which runs no atfork handlers. */
static void *spawn_on(void *context)
{
	extern char **environ;
	char *const argv[] = {"sleep", "3600", NULL};
	pid_t pids[BROOD];
	unsigned count = 0;

	(void)context;
	while (!atomic_load(&stop)) {
		if (count == BROOD || posix_spawnp(&pids[count], "sleep", NULL, NULL, argv, environ))
			trial_nap(1000000);
		else
			count++;
	}
	while (count > 0) {
		kill(pids[--count], SIGKILL);
		CHECK(waitpid(pids[count], NULL, 0) == pids[count], "waitpid");
	}
	return NULL;
}

static int spawner(void)
{
	pthread_t thread;

	CHECK(!pthread_create(&thread, NULL, spawn_on, NULL), "thread");
	for (unsigned i = 0; i < 20; i++) {
		sheaf_pool *pool = guest_create(0);

		guest_work(pool, 1);
		sheaf_pool_destroy(pool);
	}
	guest_live(0);
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	CHECK(count_children() == 0, "%d children are left", count_children());
	return 0;
}

static void *create_in_thread(void *context)
{
	*(sheaf_pool **)context = guest_create(0);
	return NULL;
}

/* The thread that made the pool ends, and the pool goes on. */
static int short_thread(void)
{
	struct belongings before = belongings_now();
	pthread_t thread;
	sheaf_pool *pool;

	CHECK(!pthread_create(&thread, NULL, create_in_thread, &pool), "thread");
	pthread_join(thread, NULL);
	guest_work(pool, 10);
	CHECK(guest_look(pool).supervisors == 1 && guest_look(pool).deaths == 0, "%llu deaths",
	      (unsigned long long)guest_look(pool).deaths);
	guest_kill_worker(pool);
	guest_work(pool, 5);
	CHECK(guest_look(pool).supervisors == 1, "%llu supervisors", (unsigned long long)guest_look(pool).supervisors);
	sheaf_pool_destroy(pool);
	belongings_check(&before);
	return 0;
}

/* ---- hosts without standard files ---- */

/* Tasks print, and nothing of the library may stand where they print to. */
static int print(sheaf_task *task, const void *arg, void *result)
{
	unsigned closed;

	(void)result;
	memcpy(&closed, arg, sizeof(closed));
	for (int fd = 0; fd < 3; fd++)
		if (closed & 1u << fd && fcntl(fd, F_GETFD) >= 0)
			return sheaf_task_fail(task, -EBADMSG, "descriptor %d is open in a worker", fd);
	/* Closed or not: what is in its place now must not be the library's. */
	if (closed & 2)
		printf("a text that is long enough to overwrite the head of a segment, if it went there by mistake\n");
	fflush(stdout);
	return 0;
}

static int closed_files(void)
{
	for (unsigned closed = 1; closed < 8; closed++) {
		pid_t pid = fork();
		int status;

		CHECK(pid >= 0, "fork");
		if (pid == 0) {
			sheaf_pool *pool;
			int r;

			for (int fd = 0; fd < 3; fd++)
				if (closed & 1u << fd)
					close(fd);
			for (unsigned flags = 0; flags < 4; flags++) { /* named or not, descriptors kept or not */
				pool = guest_create(flags);
				for (unsigned i = 0; i < 8; i++) {
					r = sheaf_apply(pool, print, &closed, sizeof(closed), NULL, 0, NULL);
					CHECK(r == 0, "closed %u: sheaf_apply: %d", closed, r);
				}
				guest_kill_supervisor(pool);
				guest_work(pool, 2);
				for (int fd = 0; fd < 3; fd++)
					CHECK(!(closed & 1u << fd) || fcntl(fd, F_GETFD) < 0, "descriptor %d is open", fd);
				sheaf_pool_destroy(pool);
			}
			_exit(0);
		}
		CHECK(waitpid(pid, &status, 0) == pid && status == 0, "closed %u: status %#x", closed, (unsigned)status);
	}
	return 0;
}

/* ---- hosts with two pools ---- */

static int two_pools(void)
{
	struct belongings before = belongings_now();

	for (unsigned flags = 0; flags < 4; flags++) {
		sheaf_pool *a = guest_create(0), *b = guest_create(flags);

		guest_work(a, 2);
		guest_work(b, 2);
		guest_kill_supervisor(a);
		guest_work(b, 2);
		CHECK(guest_look(b).supervisors == 1 && guest_look(b).deaths == 0, "the other pool's supervisor died, too");
		guest_work(a, 2);
		if (flags % 2) {
			sheaf_pool *c = a;

			a = b;
			b = c;
		}
		sheaf_pool_destroy(a);
		guest_kill_worker(b);
		guest_work(b, 2);
		sheaf_pool_destroy(b);
	}
	belongings_check(&before);
	return 0;
}

/* ---- hosts that fork ---- */

static int nothing(sheaf_task *task, const void *arg, void *result)
{
	(void)task;
	(void)arg;
	(void)result;
	return 0;
}

static int nothing_range(sheaf_task *task, size_t begin, size_t end, void *context)
{
	(void)task;
	(void)begin;
	(void)end;
	(void)context;
	return 0;
}

/* Every call with a pool, in a process that does not own it. */
static bool pool_is_dead(sheaf_pool *pool, void *memory)
{
	sheaf_batch *batch = NULL;
	sheaf_pool_info info;
	void *more = NULL;

	return sheaf_pool_close(pool) == -EPERM && sheaf_pool_join(pool, SHEAF_FOREVER) == -EPERM &&
	       sheaf_pool_terminate(pool) == -EPERM && sheaf_pool_get_info(pool, &info) == -EPERM &&
	       sheaf_pool_worker_pid(pool, 0) == -EPERM && sheaf_alloc(pool, 1, &more) == -EPERM &&
	       sheaf_alloc_array(pool, 1, 1, &more) == -EPERM && sheaf_free(pool, memory) == -EPERM &&
	       sheaf_apply(pool, nothing, NULL, 0, NULL, 0, NULL) == -EPERM &&
	       sheaf_map(pool, nothing, memory, 1, NULL, 0, 1, NULL) == -EPERM &&
	       sheaf_for(pool, nothing_range, memory, 1, NULL) == -EPERM && sheaf_batch_create(&batch, pool, NULL) == -EPERM &&
	       !batch && !more;
}

static bool batch_is_dead(sheaf_batch *batch)
{
	const sheaf_result *results;
	sheaf_progress progress;
	sheaf_result result;
	size_t n;

	return sheaf_submit(batch, 1000, nothing, NULL, 0) == -EPERM &&
	       sheaf_submit_map(batch, nothing, NULL, 0, NULL, 0, 1, NULL) == -EPERM &&
	       sheaf_submit_for(batch, nothing_range, NULL, 1, NULL) == -EPERM &&
	       sheaf_next(batch, &result, SHEAF_FOREVER) == -EPERM &&
	       sheaf_next_done(batch, &result, SHEAF_FOREVER) == -EPERM &&
	       sheaf_gather(batch, &results, &n, SHEAF_FOREVER) == -EPERM &&
	       sheaf_batch_get_progress(batch, &progress) == -EPERM;
}

struct handle {
	sheaf_pool *pool;
	void *memory;
};

static int try_handle(sheaf_task *task, const void *arg, void *result)
{
	struct handle handle;

	(void)result;
	memcpy(&handle, arg, sizeof(handle));
	return pool_is_dead(handle.pool, handle.memory) ? 0 : sheaf_task_fail(task, -EBADMSG, "a task used its pool");
}

static int forks(void)
{
	struct belongings before = belongings_now();
	sheaf_pool *pool = guest_create(0);
	struct handle handle = {.pool = pool};
	sheaf_result result;
	sheaf_batch *batch;
	int r;

	CHECK(sheaf_alloc(pool, 1, &handle.memory) == 0, "sheaf_alloc");
	CHECK(sheaf_batch_create(&batch, pool, NULL) == 0, "sheaf_batch_create");
	for (unsigned i = 0; i < 10; i++) {
		int status;
		pid_t pid;

		CHECK((r = sheaf_submit(batch, 2 * i, nothing, NULL, 0)) == 0, "sheaf_submit: %d", r);
		pid = fork();
		CHECK(pid >= 0, "fork");
		if (pid == 0) {
			sheaf_pool *own;

			if (!pool_is_dead(pool, handle.memory) || !batch_is_dead(batch))
				_exit(2);
			if (i % 3 == 1) {
				own = guest_create(0);
				guest_work(own, 2);
				sheaf_pool_destroy(own);
			}
			if (i % 3 == 2) {
				sheaf_batch_retire(batch);
				sheaf_pool_destroy(pool);
			}
			_exit(i % 2 ? 0 : (guest_live(0), 0));
		}
		CHECK((r = sheaf_submit(batch, 2 * i + 1, nothing, NULL, 0)) == 0, "sheaf_submit: %d", r);
		CHECK(waitpid(pid, &status, 0) == pid && status == 0, "child %u: status %#x", i, (unsigned)status);
		r = sheaf_apply(pool, try_handle, &handle, sizeof(handle), NULL, 0, NULL);
		CHECK(r == 0, "sheaf_apply: %d", r);
	}
	for (unsigned i = 0; i < 20; i++)
		CHECK((r = sheaf_next(batch, &result, patience())) == 1 && result.position == i, "sheaf_next: %d", r);
	sheaf_batch_retire(batch);
	guest_work(pool, 3);
	CHECK(guest_look(pool).supervisors == 1 && guest_look(pool).deaths == 0, "children of the host did harm");
	sheaf_pool_destroy(pool);
	belongings_check(&before);
	return 0;
}

/* ---- the cases ---- */

static const struct guest guests[] = {
	{"plain", plain, NULL, 0},
	{"SIGCHLD ignored", sigchld_ignored, NULL, 0},
	{"SIGCHLD leaves no zombies", sigchld_without_zombies, NULL, 0},
	{"SIGCHLD handled", sigchld_handled, NULL, 0},
	{"all signals blocked, handled or ignored", signals_blocked, NULL, 0},
	{"a thread waits for any child", waiter, NULL, 0},
	{"a thread forks", forker, NULL, 0},
	{"a thread spawns", spawner, NULL, 0},
	{"the creating thread ends", short_thread, NULL, 0},
	{"standard files closed", closed_files, NULL, 0},
	{"two pools", two_pools, NULL, 0},
	{"forks with a pool", forks, NULL, 0},
};

int main(int argc, char **argv)
{
	return guests_play(argc, argv, guests, sizeof(guests) / sizeof(guests[0]));
}
