/*
 * crash_guest.c - hosts that do to their own process what a library must live with.
 *
 * Usage: crash_guest [SEED [ROUNDS [COMBINATIONS [CASE]]]]. Each host uses pools, kills workers and
 * supervisors under them, and checks that the library left alone what is not its own: signals,
 * threads, descriptors, children. Then come hosts that do several such things at once. So many
 * COMBINATIONS (of 640) are drawn by the seed.
 */
#include "support/arguments.h"
#include "support/children.h"
#include "support/deadline.h"
#include "support/leaks.h"
#include "support/pool_life.h"
#include "support/process_state.h"
#include "support/report.h"
#include "support/rng.h"
#include "support/tested_host.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- hosts and their signals ---- */

static int plain(void)
{
	struct process_state before = process_state_now();

	life_whole(0);
	life_whole(SHEAF_ANONYMOUS);
	life_whole(SHEAF_KEEP_FDS);
	process_state_check(&before);
	return 0;
}

static volatile sig_atomic_t signals;

static void count_signal(int number)
{
	(void)number;
	signals++;
}

static int sigchld_handled(void)
{
	struct process_state before;
	sheaf_pool *pool;

	sigaction(SIGCHLD, &(struct sigaction){.sa_handler = count_signal}, NULL);
	before = process_state_now();
	pool = life_create(0);
	for (unsigned i = 0; i < 10; i++) {
		life_kill_worker(pool);
		life_work(pool, 1);
	}
	CHECK(signals == 0, "%d SIGCHLD came of workers", (int)signals);
	sheaf_pool_destroy(pool);
	CHECK(signals <= 1, "%d SIGCHLD came of one supervisor", (int)signals);
	life_whole(0);
	process_state_check(&before);
	return 0;
}

/*
 * Signals of the terminal are for the owner. A worker reports a fault before it dies. Others have
 * their default.
 */
static bool action_is_right(int number, const struct sigaction *action)
{
	switch (number) {
	case SIGINT:
	case SIGTSTP: /* an empty handler, which programs do not inherit */
		return action->sa_handler != SIG_IGN && action->sa_handler != SIG_DFL && action->sa_handler != count_signal;
	case SIGTTIN:
	case SIGTTOU:
		return action->sa_handler == SIG_IGN;
	case SIGPIPE: /* ignored where the host ignores it */
		return action->sa_handler != count_signal;
	case SIGSEGV:
	case SIGBUS:
	case SIGFPE:
	case SIGILL:
	case SIGABRT:
		return action->sa_handler != SIG_IGN && action->sa_handler != count_signal;
	default:
		return action->sa_handler == SIG_DFL;
	}
}

/* Check a worker's process from a task. The argument: which standard files the host has closed. */
static int look_around(sheaf_task *task, const void *arg, void *result)
{
	struct sigaction action;
	unsigned closed;
	sigset_t mask;

	(void)result;
	memcpy(&closed, arg, sizeof(closed));
	sigprocmask(SIG_SETMASK, NULL, &mask);
	for (int i = 1; i < 32; i++) {
		if (sigismember(&mask, i))
			return sheaf_task_fail(task, -EBADMSG, "signal %d is blocked in a worker", i);
		if (!sigaction(i, NULL, &action) && !action_is_right(i, &action))
			return sheaf_task_fail(task, -EBADMSG, "signal %d has another action in a worker", i);
	}
	/* Closed or not: what is in its place must not be the library's. */
	for (int fd = 0; fd < 3; fd++)
		if (!(closed & 1u << fd) != (fcntl(fd, F_GETFD) >= 0))
			return sheaf_task_fail(task, -EBADMSG, "descriptor %d is %s in a worker", fd,
					       closed & 1u << fd ? "open" : "closed");
	if (closed & 2)
		printf("a text that is long enough to overwrite the head of a segment, if it went there by mistake\n");
	fflush(stdout);
	return 0;
}

static void send_tasks_around(sheaf_pool *pool, unsigned closed)
{
	for (unsigned i = 0; i < 8; i++) {
		int r = sheaf_apply(pool, look_around, &closed, sizeof(closed), NULL, 0, NULL);

		CHECK(r == 0, "closed %u: sheaf_apply: %d", closed, r);
	}
}

static int signals_blocked(void)
{
	struct process_state before;
	sheaf_pool *pool;
	sigset_t all;

	for (int i = 1; i < 32; i++)
		if (i != SIGKILL && i != SIGSTOP)
			sigaction(i, &(struct sigaction){.sa_handler = i % 2 ? count_signal : SIG_IGN}, NULL);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
	before = process_state_now();
	pool = life_create(0);
	send_tasks_around(pool, 0);
	sheaf_pool_destroy(pool);
	life_whole(0);
	process_state_check(&before);
	return 0;
}

/* ---- hosts with threads of their own ---- */

static _Atomic bool stop;

static void *wait_for_any(void *context)
{
	(void)context;
	while (!atomic_load(&stop))
		if (waitpid(-1, NULL, 0) < 0)
			sleep_ns(100000);
	return NULL;
}

/*
 * Children that live for a while with whatever they inherited, one after the other. A host that
 * ignores SIGCHLD, or waits for any child, reaps them elsewhere.
 */
#define BROOD 50

/* The host may handle SIGCHLD, which comes for its supervisor, too, and interrupts the wait. */
static void kill_child(pid_t pid)
{
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

static void *breed(pid_t (*give_birth)(void))
{
	pid_t pids[BROOD];
	unsigned count = 0;

	for (; !atomic_load(&stop); count++) {
		if (count >= BROOD) {
			kill_child(pids[count % BROOD]);
			sleep_ns(300000);
		}
		pids[count % BROOD] = give_birth();
	}
	for (unsigned i = 0; i < BROOD && i < count; i++)
		kill_child(pids[i]);
	return NULL;
}

static pid_t fork_idler(void)
{
	pid_t pid = fork();

	if (pid == 0)
		for (;;)
			pause();
	CHECK(pid > 0, "fork");
	return pid;
}

static pid_t fork_program(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		execlp("sleep", "sleep", "3600", (char *)NULL);
		_exit(127);
	}
	CHECK(pid > 0, "fork");
	return pid;
}

/* posix_spawn() runs no atfork handlers. */
static pid_t spawn_program(void)
{
	extern char **environ;
	char *const argv[] = {"sleep", "3600", NULL};
	pid_t pid;

	CHECK(!posix_spawnp(&pid, "sleep", NULL, NULL, argv, environ), "posix_spawnp");
	return pid;
}

static void *fork_on(void *context)
{
	(void)context;
	return breed(fork_idler);
}

static void *exec_on(void *context)
{
	(void)context;
	return breed(fork_program);
}

static void *spawn_on(void *context)
{
	(void)context;
	return breed(spawn_program);
}

static void *create_in_thread(void *context)
{
	*(sheaf_pool **)context = life_create(0);
	return NULL;
}

/* The thread that made the pool ends, and the pool goes on. */
static int short_thread(void)
{
	struct process_state before = process_state_now();
	pthread_t thread;
	sheaf_pool *pool;

	CHECK(!pthread_create(&thread, NULL, create_in_thread, &pool), "thread");
	pthread_join(thread, NULL);
	life_work(pool, 10);
	CHECK(life_info(pool).supervisors == 1 && life_info(pool).deaths == 0, "%llu deaths",
	      (unsigned long long)life_info(pool).deaths);
	life_kill_worker(pool);
	life_work(pool, 5);
	CHECK(life_info(pool).supervisors == 1, "%llu supervisors", (unsigned long long)life_info(pool).supervisors);
	sheaf_pool_destroy(pool);
	process_state_check(&before);
	return 0;
}

/* ---- hosts without standard files ---- */

static void close_files(unsigned closed)
{
	for (int fd = 0; fd < 3; fd++)
		if (closed & 1u << fd)
			close(fd);
}

/* ---- hosts with two pools ---- */

static int two_pools(void)
{
	struct process_state before = process_state_now();

	for (unsigned flags = 0; flags < 4; flags++) {
		sheaf_pool *a = life_create(0), *b = life_create(flags);

		life_work(a, 2);
		life_work(b, 2);
		life_kill_supervisor(a);
		life_work(b, 2);
		CHECK(life_info(b).supervisors == 1 && life_info(b).deaths == 0, "the other pool's supervisor died, too");
		life_work(a, 2);
		if (flags % 2) {
			sheaf_pool *c = a;

			a = b;
			b = c;
		}
		sheaf_pool_destroy(a);
		life_kill_worker(b);
		life_work(b, 2);
		sheaf_pool_destroy(b);
	}
	process_state_check(&before);
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
	       sheaf_submit_with(batch, 1001, nothing, NULL, 0, NULL) == -EPERM &&
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
	struct process_state before = process_state_now();
	sheaf_pool *pool = life_create(0);
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
				own = life_create(0);
				life_work(own, 2);
				sheaf_pool_destroy(own);
			}
			if (i % 3 == 2) {
				sheaf_batch_retire(batch);
				sheaf_pool_destroy(pool);
			}
			_exit(i % 2 ? 0 : (life_whole(0), 0));
		}
		CHECK((r = sheaf_submit(batch, 2 * i + 1, nothing, NULL, 0)) == 0, "sheaf_submit: %d", r);
		CHECK(waitpid(pid, &status, 0) == pid && status == 0, "child %u: status %#x", i, (unsigned)status);
		r = sheaf_apply(pool, try_handle, &handle, sizeof(handle), NULL, 0, NULL);
		CHECK(r == 0, "sheaf_apply: %d", r);
	}
	for (unsigned i = 0; i < 20; i++)
		CHECK((r = sheaf_next(batch, &result, hang_deadline())) == 1 && result.position == i, "sheaf_next: %d", r);
	sheaf_batch_retire(batch);
	life_work(pool, 3);
	CHECK(life_info(pool).supervisors == 1 && life_info(pool).deaths == 0, "children of the host did harm");
	sheaf_pool_destroy(pool);
	process_state_check(&before);
	return 0;
}

/* A thread of the host works with the pool, and has its locks, whenever another one forks. */
static void *use_pool(void *context)
{
	while (!atomic_load(&stop))
		life_work(context, 1);
	return NULL;
}

static int forks_in_use(void)
{
	struct process_state before = process_state_now();
	sheaf_pool *pool = life_create(0);
	pthread_t threads[2];
	sheaf_batch *batch;
	void *memory;

	CHECK(sheaf_alloc(pool, 1, &memory) == 0, "sheaf_alloc");
	CHECK(sheaf_batch_create(&batch, pool, NULL) == 0, "sheaf_batch_create");
	atomic_store(&stop, false);
	for (unsigned i = 0; i < 2; i++)
		CHECK(!pthread_create(&threads[i], NULL, use_pool, pool), "thread");
	for (unsigned i = 0; i < 100; i++) {
		int status;
		pid_t pid = fork();

		CHECK(pid >= 0, "fork");
		if (pid == 0) {
			if (!pool_is_dead(pool, memory) || !batch_is_dead(batch))
				_exit(2);
			sheaf_batch_retire(batch);
			sheaf_pool_destroy(pool);
			_exit(0);
		}
		CHECK(waitpid(pid, &status, 0) == pid && status == 0, "child %u: status %#x", i, (unsigned)status);
	}
	atomic_store(&stop, true);
	for (unsigned i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	CHECK(life_info(pool).supervisors == 1 && life_info(pool).deaths == 0, "children of the host did harm");
	sheaf_pool_destroy(pool);
	process_state_check(&before);
	return 0;
}

/* ---- hosts with atfork handlers ---- */

static void allocate(void)
{
	void *memory = malloc(1 + (size_t)(sheaf_now_ns() % 100000));

	CHECK(memory, "malloc");
	free(memory);
}

static _Thread_local bool in_handler; /* or the forks of a handler would call it again */
static pid_t first_pid;
static pid_t born[4096]; /* by handlers of the host's own process */
static unsigned births;

static pid_t fork_in_handler(bool lives_on)
{
	pid_t pid;

	in_handler = true;
	pid = fork();
	while (pid == 0) {
		if (!lives_on || atomic_load(&progress->over) || getpgid(first_pid) < 0)
			_exit(0);
		sleep_ns(1000000);
	}
	CHECK(pid > 0, "fork");
	in_handler = false;
	return pid;
}

/* The child has all that it inherited until the host is through. */
static void fork_companion(void)
{
	pid_t pid = in_handler ? 0 : fork_in_handler(true);

	if (pid && getpid() == first_pid) {
		CHECK(births < 4096, "too many children");
		born[births++] = pid;
	}
}

static void fork_and_wait(void)
{
	pid_t pid = in_handler ? 0 : fork_in_handler(false);

	if (pid)
		CHECK(waitpid(pid, NULL, 0) == pid, "waitpid");
}

static int live_with_handlers(void (*handler)(void), bool before_library)
{
	struct process_state before;

	first_pid = getpid();
	/* The first pool brings the library's handlers, which run after or before the host's. */
	if (!before_library)
		life_whole(0);
	CHECK(!pthread_atfork(handler, handler, handler), "pthread_atfork");
	before = process_state_now();
	life_whole(0);
	life_whole(SHEAF_KEEP_FDS);
	atomic_store(&progress->over, true);
	for (unsigned i = 0; i < births; i++)
		CHECK(waitpid(born[i], NULL, 0) == born[i], "waitpid");
	process_state_check(&before);
	return 0;
}

static int allocates_in_fork(void)
{
	return live_with_handlers(allocate, true);
}

static int allocates_in_later_fork(void)
{
	return live_with_handlers(allocate, false);
}

static int forks_in_fork(void)
{
	return live_with_handlers(fork_companion, true);
}

static int forks_in_later_fork(void)
{
	return live_with_handlers(fork_and_wait, false);
}

/* ---- hosts that do several things at once ---- */

enum chld { CHLD_DEFAULT, CHLD_IGNORED, CHLD_HANDLED, CHLD_NO_ZOMBIES, CHLD_WAITED_FOR, CHLDS };
enum blocked { BLOCKED_NONE, BLOCKED_CHLD, BLOCKED_USR1, BLOCKED_ALL, BLOCKEDS };
enum beside { BESIDE_NOTHING, BESIDE_FORKS, BESIDE_EXECS, BESIDE_SPAWNS, BESIDES };
#define CLOSED_FILES 8 /* subsets of descriptors 0, 1 and 2 */
#define COMBINATIONS (CHLDS * CLOSED_FILES * BLOCKEDS * BESIDES)
/* Any 9 in a row have each value of each setting; any 64 have 97 % of all pairs of values. */
#define STRIDE 283

static const char *const chld_names[] = {"default", "ignored", "handled", "without zombies", "waited for"};
static const char *const blocked_names[] = {"nothing", "SIGCHLD", "SIGUSR1", "everything"};
static const char *const beside_names[] = {"nothing", "forks", "forks and execs", "spawns"};

static struct combination {
	enum chld chld;
	enum blocked blocked;
	enum beside beside;
	unsigned closed;
} combination;

static struct combination combination_of(unsigned number)
{
	return (struct combination){
		.chld = number % CHLDS,
		.blocked = number / CHLDS % BLOCKEDS,
		.beside = number / CHLDS / BLOCKEDS % BESIDES,
		.closed = number / CHLDS / BLOCKEDS / BESIDES,
	};
}

static void take_sigchld(enum chld how)
{
	static const struct sigaction actions[CHLDS] = {
		[CHLD_DEFAULT] = {.sa_handler = SIG_DFL},
		[CHLD_IGNORED] = {.sa_handler = SIG_IGN},
		[CHLD_HANDLED] = {.sa_handler = count_signal},
		[CHLD_NO_ZOMBIES] = {.sa_handler = SIG_DFL, .sa_flags = SA_NOCLDWAIT},
		[CHLD_WAITED_FOR] = {.sa_handler = SIG_DFL},
	};

	sigaction(SIGCHLD, &actions[how], NULL);
}

static void block(enum blocked what)
{
	sigset_t set;

	sigemptyset(&set);
	if (what == BLOCKED_CHLD)
		sigaddset(&set, SIGCHLD);
	if (what == BLOCKED_USR1)
		sigaddset(&set, SIGUSR1);
	if (what == BLOCKED_ALL)
		sigfillset(&set);
	pthread_sigmask(SIG_SETMASK, &set, NULL);
}

static int combined(void)
{
	static void *(*const beside[BESIDES])(void *) = {NULL, fork_on, exec_on, spawn_on};
	struct combination is = combination;
	struct process_state before;
	pthread_t threads[2];
	unsigned count = 0;
	sheaf_pool *pool;

	take_sigchld(is.chld);
	block(is.blocked);
	close_files(is.closed);
	before = process_state_now();
	if (is.chld == CHLD_WAITED_FOR)
		CHECK(!pthread_create(&threads[count++], NULL, wait_for_any, NULL), "thread");
	if (is.beside)
		CHECK(!pthread_create(&threads[count++], NULL, beside[is.beside], NULL), "thread");
	pool = life_create((unsigned)rng_below(&life_rng, 4));
	send_tasks_around(pool, is.closed);
	life_kill_worker(pool);
	life_work(pool, 2);
	life_kill_supervisor(pool);
	send_tasks_around(pool, is.closed);
	CHECK(life_info(pool).supervisors == 2, "%llu supervisors", (unsigned long long)life_info(pool).supervisors);
	sheaf_pool_destroy(pool);
	atomic_store(&stop, true);
	while (count > 0)
		pthread_join(threads[--count], NULL);
	process_state_check(&before);
	return 0;
}

static void play_combination(unsigned number)
{
	char name[160];

	combination = combination_of(number);
	snprintf(name, sizeof(name), "combination %u: SIGCHLD %s, %s blocked, files %u closed, a thread does %s", number,
		 chld_names[combination.chld], blocked_names[combination.blocked], combination.closed,
		 beside_names[combination.beside]);
	tested_host_play(&(struct tested_host){.name = name, .play = combined});
}

/* ---- the cases ---- */

static const struct tested_host hosts[] = {
	{"plain", .play = plain},
	{"SIGCHLD handled", .play = sigchld_handled},
	{"all signals blocked, handled or ignored", .play = signals_blocked},
	{"the creating thread ends", .play = short_thread},
	{"two pools", .play = two_pools},
	{"forks with a pool", .play = forks},
	{"forks with a pool in use", .play = forks_in_use},
	{"an atfork handler allocates", .play = allocates_in_fork},
	{"a later atfork handler allocates", .play = allocates_in_later_fork},
	{"an atfork handler forks", .play = forks_in_fork},
	{"a later atfork handler forks", .play = forks_in_later_fork},
};

int main(int argc, char **argv)
{
	unsigned count = sizeof(hosts) / sizeof(hosts[0]), first;
	uint64_t rounds = amount_argument(argc, argv, 2, 1), combinations = amount_argument(argc, argv, 3, 16),
		 only = amount_argument(argc, argv, 4, count);

	if (!tested_host_begin(argc, argv))
		return 77;
	for (uint64_t round = 0; round < rounds; round++)
		for (unsigned i = 0; i < count; i++)
			if (only >= count || i == only)
				tested_host_play(&hosts[i]);
	/* STRIDE and COMBINATIONS have no common factor, so none is drawn twice. */
	first = (unsigned)rng_below(&life_rng, COMBINATIONS);
	for (uint64_t i = 0; i < combinations; i++)
		play_combination((unsigned)((first + STRIDE * i) % COMBINATIONS));
	report_end();
	return 0;
}
