/*
 * waits.c - kind M: waits that end early, and what is told of processes and limits.
 */
#include "host.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>

enum { MARK_GO, MARK_RUNS, MARK_READY, MARK_CLEANED };

static sheaf_pool *pool;
static sheaf_batch *batch;

static int wait_for_go(sheaf_task *task, const void *arg, void *result)
{
	(void)task, (void)arg;
	host_add(MARK_RUNS, 1);
	while (!host_get(MARK_GO))
		host_nap(1);
	if (result)
		return host_position(task, NULL, result);
	return 0;
}

static int wait_in_range(sheaf_task *task, size_t begin, size_t end, void *context)
{
	(void)begin, (void)end, (void)context;
	return wait_for_go(task, NULL, NULL);
}

/* ---- gatherers that are cancelled ---- */

static void mark_cleaned(void *unused)
{
	(void)unused;
	host_add(MARK_CLEANED, 1);
}

enum call { CALL_GATHER, CALL_NEXT, CALL_NEXT_DONE, CALL_SUBMIT, CALL_APPLY, CALL_MAP, CALL_JOIN, CALLS };

static void *call_for_ever(void *which)
{
	const sheaf_result *results;
	sheaf_result result;
	size_t n;

	pthread_cleanup_push(mark_cleaned, NULL);
	host_set(MARK_READY, 1);
	switch (*(enum call *)which) {
	case CALL_GATHER:
		sheaf_gather(batch, &results, &n, SHEAF_FOREVER);
		break;
	case CALL_NEXT:
		sheaf_next(batch, &result, SHEAF_FOREVER);
		break;
	case CALL_NEXT_DONE:
		sheaf_next_done(batch, &result, SHEAF_FOREVER);
		break;
	case CALL_SUBMIT:
		for (uint64_t i = 100; i < 200; i++)
			sheaf_submit(batch, i, wait_for_go, NULL, 0);
		break;
	case CALL_APPLY:
		sheaf_apply(pool, wait_for_go, NULL, 0, NULL, 0, NULL);
		break;
	case CALL_MAP:
		sheaf_map(pool, wait_for_go, NULL, 0, NULL, 0, 10, NULL);
		break;
	default:
		sheaf_pool_join(pool, SHEAF_FOREVER);
	}
	pthread_cleanup_pop(0);
	return NULL;
}

/* Cancel a thread in the call, then make all calls that it may have left in a wrong state. */
static void cancel_in(enum call call)
{
	const sheaf_result *results;
	pthread_t thread;
	size_t n;
	void *end;
	int r;

	for (int mark = MARK_GO; mark <= MARK_CLEANED; mark++)
		host_set(mark, 0);
	pool = host_pool_with(&(sheaf_pool_options){.workers = 2, .ring_size = 2, .heap_size = 64 * MIB});
	batch = host_batch(pool, &(sheaf_batch_options){.result_size = 8});
	for (uint64_t i = 0; i < 2; i++)
		NEED(sheaf_submit(batch, i, wait_for_go, NULL, 0));
	host_await(MARK_RUNS, 2, "two tasks");
	if (call == CALL_JOIN)
		NEED(sheaf_pool_close(pool));
	EXPECT(!pthread_create(&thread, NULL, call_for_ever, &call), "got no thread, expected one");
	host_await(MARK_READY, 1, "the thread");
	/* So that it sleeps; if it does not yet, it is cancelled on its way. */
	host_nap(call % 2 ? 5 : 50);
	pthread_cancel(thread);
	/* Some calls may be no cancellation points: they end when they are done. */
	if (call == CALL_SUBMIT || call == CALL_APPLY || call == CALL_MAP || call == CALL_JOIN)
		host_set(MARK_GO, 1);
	EXPECT(!pthread_join(thread, &end), "got no end of the thread, expected one");
	if (call <= CALL_NEXT_DONE) {
		r = sheaf_gather(batch, &results, &n, sheaf_now_ns() + SECOND / 100);
		EXPECT(r == -ETIMEDOUT, "got %d (%s) after a gatherer was cancelled, expected -ETIMEDOUT", r, sheaf_message());
	}
	host_set(MARK_GO, 1);
	r = sheaf_gather(batch, &results, &n, host_deadline());
	EXPECT(r == 0 && n >= 2, "got %d (%s) and %zu results after a call was cancelled, expected 0 and 2", r, sheaf_message(),
	       n);
	for (uint64_t i = 0; i < 2; i++)
		EXPECT(*(uint64_t *)results[i].data == i, "got a wrong result after a call was cancelled, expected it right");
	if (call != CALL_JOIN)
		host_works(pool);
	sheaf_batch_retire(batch);
	sheaf_pool_destroy(pool);
}

static int gatherers_that_are_cancelled(void)
{
	for (enum call call = CALL_GATHER; call <= CALL_NEXT_DONE; call++)
		cancel_in(call);
	return 0;
}

static int other_calls_that_are_cancelled(void)
{
	for (enum call call = CALL_SUBMIT; call < CALLS; call++)
		cancel_in(call);
	return 0;
}

/* ---- what is told ---- */

static int memory_lock_limit_in_the_message(void)
{
	struct rlimit limit;
	void *memory;
	int r = 0;

	host_be_plain();
	getrlimit(RLIMIT_MEMLOCK, &limit);
	limit.rlim_cur = 2 * MIB < limit.rlim_max ? 2 * MIB : limit.rlim_max;
	pool = NULL;
	if (setrlimit(RLIMIT_MEMLOCK, &limit) || mlockall(MCL_FUTURE))
		SKIP("memory cannot be locked here (%s)", strerror(errno));
	r = sheaf_pool_create(&pool, &(sheaf_pool_options){.workers = 1, .heap_size = 256 * MIB});
	if (r == 0)
		r = sheaf_alloc(pool, 64 * MIB, &memory);
	EXPECT(r == 0 || strstr(sheaf_message(), "ulimit -l"),
	       "got %d and the message \"%s\", expected one that names ulimit -l", r, sheaf_message());
	munlockall();
	sheaf_pool_destroy(pool);
	return 0;
}

static void expect_name(pid_t pid, const char *name)
{
	uint64_t deadline = host_deadline();
	char path[64], text[64];

	snprintf(path, sizeof(path), "/proc/%ld/comm", (long)pid);
	do {
		if (access(path, R_OK))
			SKIP("no /proc here");
		host_read(path, text, sizeof(text));
		text[strcspn(text, "\n")] = 0;
	} while (strcmp(text, name) && sheaf_now_ns() < deadline - 18 * SECOND);
	EXPECT(!strcmp(text, name), "got a process named \"%s\", expected \"%s\"", text, name);
}

static int names_of_the_processes(void)
{
	char own[64], after[64], name[32];

	NEEDS_LINUX_LAYER("how to name a process");
	if (access("/proc/self/comm", R_OK))
		SKIP("no /proc here");
	host_read("/proc/self/comm", own, sizeof(own));
	pool = host_pool(5);
	host_works(pool);
	for (int round = 0; round < 3; round++) {
		sheaf_pool_info info = host_info(pool);

		expect_name(info.supervisor, "sheaf-super");
		for (unsigned i = 0; i < 5; i++) {
			pid_t pid = sheaf_pool_worker_pid(pool, i);

			snprintf(name, sizeof(name), "sheaf-worker/%u", i);
			if (pid > 0)
				expect_name(pid, name);
		}
		if (round == 0)
			host_kill(host_worker(pool, 3));
		else
			host_kill(info.supervisor);
		host_works(pool);
		host_await_supervisors(pool, (uint64_t)(round + 1));
	}
	host_read("/proc/self/comm", after, sizeof(after));
	EXPECT(!strcmp(own, after), "got the owner renamed to %s, expected its name kept", after);
	sheaf_pool_destroy(pool);
	return 0;
}

/* ---- deadlines of the calls that do all at once ---- */

static int deadlines_of_apply_map_and_for(void)
{
	for (int which = 0; which < 3; which++) {
		sheaf_map_options options = {0};
		uint64_t began;
		int r;

		host_set(MARK_GO, 0);
		pool = host_pool(2);
		began = sheaf_now_ns();
		options.deadline_ns = began + SECOND / 5;
		r = which == 0   ? sheaf_apply(pool, wait_for_go, NULL, 0, NULL, 0, &options)
		    : which == 1 ? sheaf_map(pool, wait_for_go, NULL, 0, NULL, 0, 100, &options)
				 : sheaf_for(pool, wait_in_range, NULL, 100, &options);
		EXPECT(r == -ETIME || r == -ETIMEDOUT, "got %d (%s) after the deadline, expected -ETIME", r, sheaf_message());
		EXPECT(sheaf_now_ns() - began < 10 * SECOND, "got %.1f s with a deadline of 0.2 s, expected a few at most",
		       (double)(sheaf_now_ns() - began) / 1e9);
		/* Nothing of it is left in the way. */
		host_works(pool);
		options.deadline_ns = sheaf_now_ns() + 20 * SECOND;
		NEED(sheaf_map(pool, host_nothing, NULL, 0, NULL, 0, 100, &options));
		EXPECT(host_info(pool).deaths == 0, "got a death charged, expected none");
		sheaf_pool_destroy(pool);
	}
	return 0;
}

/* ---- signals ---- */

static volatile sig_atomic_t signals;

static void count_signal(int number)
{
	(void)number;
	signals++;
}

static void *kill_thread(void *thread)
{
	while (!host_get(MARK_GO)) {
		pthread_kill(*(pthread_t *)thread, SIGUSR1);
		host_nap(1);
	}
	return NULL;
}

/* Handlers without SA_RESTART end system calls with EINTR; no call of the library fails for it. */
static int signals_that_come_all_the_time(void)
{
	struct itimerval often = {{0, 500}, {0, 500}}, never = {{0, 0}, {0, 0}};
	pthread_t self = pthread_self(), thread;
	int ms = 3;

	sigaction(SIGUSR1, &(struct sigaction){.sa_handler = count_signal}, NULL);
	sigaction(SIGALRM, &(struct sigaction){.sa_handler = count_signal}, NULL);
	EXPECT(!pthread_create(&thread, NULL, kill_thread, &self), "got no thread, expected one");
	setitimer(ITIMER_REAL, &often, NULL);
	for (int round = 0; round < 3; round++) {
		pool = host_pool(2);
		batch = host_batch(pool, NULL);
		for (uint64_t i = 0; i < 50; i++)
			NEED(sheaf_submit(batch, i, host_nap_ms, &ms, sizeof(ms)));
		host_gather(batch, 50, NULL);
		host_works(pool);
		host_kill_supervisor(pool);
		host_works(pool);
		sheaf_pool_destroy(pool);
	}
	setitimer(ITIMER_REAL, &never, NULL);
	host_set(MARK_GO, 1);
	pthread_join(thread, NULL);
	EXPECT(signals > 10, "got %d signals, expected many", (int)signals);
	return 0;
}

static void interrupt(int number)
{
	(void)number;
	sheaf_pool_interrupt(pool);
}

static int wait_interrupted_by_a_signal_handler(void)
{
	const sheaf_result *results;
	sheaf_result result;
	pid_t pid, self = getpid();
	size_t n;
	int r;

	sigaction(SIGINT, &(struct sigaction){.sa_handler = interrupt, .sa_flags = SA_RESTART}, NULL);
	pool = host_pool(2);
	for (int which = 0; which < 3; which++) {
		host_set(MARK_GO, 0);
		host_set(MARK_RUNS, 0);
		batch = host_batch(pool, NULL);
		for (uint64_t i = 0; i < 4; i++)
			NEED(sheaf_submit(batch, i, wait_for_go, NULL, 0));
		pid = fork();
		if (!pid) {
			host_nap(50);
			kill(self, SIGINT);
			_exit(0);
		}
		r = which == 0   ? sheaf_gather(batch, &results, &n, host_deadline())
		    : which == 1 ? sheaf_next(batch, &result, host_deadline())
				 : sheaf_next_done(batch, &result, host_deadline());
		EXPECT(r == -EINTR, "got %d (%s) from a wait that a signal handler ended, expected -EINTR", r, sheaf_message());
		EXPECT(host_join(pid, 20) == 0, "got a failed child, expected none");
		host_set(MARK_GO, 1);
		host_gather(batch, 4, NULL);
		sheaf_batch_retire(batch);
	}
	host_works(pool);
	sheaf_pool_destroy(pool);
	return 0;
}

static void *interrupt_soon(void *unused)
{
	(void)unused;
	host_nap(50);
	sheaf_pool_interrupt(pool);
	return NULL;
}

static int wait_interrupted_by_another_thread(void)
{
	const sheaf_result *results;
	pthread_t thread;
	size_t n;
	int r;

	pool = host_pool(2);
	batch = host_batch(pool, NULL);
	for (uint64_t i = 0; i < 4; i++)
		NEED(sheaf_submit(batch, i, wait_for_go, NULL, 0));
	for (int round = 0; round < 5; round++) {
		EXPECT(!pthread_create(&thread, NULL, interrupt_soon, NULL), "got no thread, expected one");
		r = sheaf_gather(batch, &results, &n, SHEAF_FOREVER);
		EXPECT(r == -EINTR, "got %d (%s) from a wait that another thread ended, expected -EINTR", r, sheaf_message());
		pthread_join(thread, NULL);
	}
	/* One that comes before the wait ends the next one. */
	NEED(sheaf_pool_interrupt(pool));
	r = sheaf_gather(batch, &results, &n, SHEAF_FOREVER);
	EXPECT(r == -EINTR, "got %d (%s) from a wait after an interruption, expected -EINTR", r, sheaf_message());
	host_set(MARK_GO, 1);
	host_gather(batch, 4, NULL);
	host_works(pool);
	sheaf_pool_destroy(pool);
	return 0;
}

/* Ctrl-C at a terminal goes to all processes of the job. */
static int signal_of_the_terminal_for_all(void)
{
	pid_t pids[64];
	int n;

	sigaction(SIGINT, &(struct sigaction){.sa_handler = count_signal}, NULL);
	pool = host_pool(2);
	batch = host_batch(pool, NULL);
	for (uint64_t i = 0; i < 4; i++)
		NEED(sheaf_submit(batch, i, wait_for_go, NULL, 0));
	host_await(MARK_RUNS, 2, "two tasks");
	n = host_processes(pids, 64);
	for (int i = 0; i < n; i++)
		kill(pids[i], SIGINT);
	raise(SIGINT);
	host_set(MARK_GO, 1);
	host_gather(batch, 4, NULL);
	EXPECT(host_info(pool).deaths == 0 && host_info(pool).supervisors == 1, "got a death by Ctrl-C, expected none");
	EXPECT(signals == 1, "got %d signals in the owner, expected 1", (int)signals);
	host_works(pool);
	sheaf_pool_destroy(pool);
	return 0;
}

HOST_PROGRAM("waits", CASE(gatherers_that_are_cancelled), CASE(other_calls_that_are_cancelled),
	     CASE(memory_lock_limit_in_the_message), CASE(names_of_the_processes), CASE(deadlines_of_apply_map_and_for),
	     CASE(wait_interrupted_by_a_signal_handler), CASE(wait_interrupted_by_another_thread),
	     CASE(signals_that_come_all_the_time), CASE(signal_of_the_terminal_for_all))
