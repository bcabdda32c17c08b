/*
 * test_threads.c - SHEAF_THREADS as a backend for use: what it cannot do it says, and threads that
 * wait cost nothing.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pools.h"

#define MS UINT64_C(1000000)
#define SECOND UINT64_C(1000000000)

static void set_up(void)
{
	begin();
}

TestSuite(threads, .init = set_up, .fini = end);

static void start_threads(unsigned workers)
{
	start(&(sheaf_pool_options){.workers = workers, .heap_size = 64 << 20, .backend = SHEAF_THREADS});
}

/* ---- what cannot be ---- */

static const char limits_text[] = "task_timeout_ns needs a worker that can be killed, and those of this pool are threads";

Test(threads, limits_are_refused_wherever_there_is_an_option)
{
	const sheaf_map_options limited = {.task_timeout_ns = MS};
	const sheaf_pool_options options = {.backend = SHEAF_THREADS, .task_timeout_ns = MS};
	sheaf_batch *batch;

	expect_failure(sheaf_pool_create(&pool, &options), -ENOTSUP, limits_text);
	cr_assert_null(pool);
	start_threads(2);
	expect_failure(sheaf_batch_create(&batch, pool, &(sheaf_batch_options){.task_timeout_ns = MS}), -ENOTSUP, limits_text);
	expect_failure(sheaf_apply(pool, do_nothing, NULL, 0, NULL, 0, &limited), -ENOTSUP, "sheaf_apply: options.");
	expect_failure(sheaf_map(pool, do_nothing, NULL, 0, NULL, 0, 9, &limited), -ENOTSUP, "sheaf_map: options.");
	expect_failure(sheaf_for(pool, NULL, NULL, 9, &limited), -ENOTSUP, "sheaf_for: options.");
	batch = new_batch(NULL);
	expect_failure(sheaf_submit_with(batch, 0, do_nothing, NULL, 0, &(sheaf_task_options){.timeout_ns = MS}), -ENOTSUP,
		       "sheaf_submit_with: options.timeout_ns");
	expect_failure(sheaf_submit_map(batch, do_nothing, NULL, 0, NULL, 0, 9, &limited), -ENOTSUP, "map: options.");
	/* Nothing was submitted. */
	expect_done(sheaf_submit_map(batch, do_nothing, NULL, 0, NULL, 0, 9, NULL));
	expect_pool_works(1000);
}

Test(threads, option_that_says_that_there_is_no_limit_is_none)
{
	const sheaf_pool_options options = {
		.workers = 2, .heap_size = 16 << 20, .backend = SHEAF_THREADS, .task_timeout_ns = SHEAF_FOREVER};
	const sheaf_task_options none = {.timeout_ns = SHEAF_FOREVER};
	sheaf_result result;
	sheaf_batch *batch;

	start(&options);
	batch = new_batch(&(sheaf_batch_options){.task_timeout_ns = SHEAF_FOREVER});
	expect_done(sheaf_submit_with(batch, 0, do_nothing, NULL, 0, &none));
	cr_assert_eq(sheaf_next(batch, &result, SHEAF_FOREVER), 1);
	cr_assert_eq(result.status, 0);
}

static int limit_inside(sheaf_task *task, const void *arg, void *result)
{
	sheaf_pool *mine = sheaf_task_pool(task);
	int r = sheaf_apply(mine, do_nothing, NULL, 0, NULL, 0, &(sheaf_map_options){.task_timeout_ns = MS});

	(void)arg;
	(void)result;
	return r == -ENOTSUP ? 0 : sheaf_task_fail(task, -EPROTO, "%d: %s", r, sheaf_message());
}

Test(threads, limits_are_refused_in_tasks)
{
	start_threads(2);
	expect_done(sheaf_apply(pool, limit_inside, NULL, 0, NULL, 0, NULL));
}

Test(threads, kills_are_refused_and_change_nothing)
{
	const sheaf_result *results;
	struct gate *gate;
	sheaf_batch *batch;
	size_t n;

	start_threads(1);
	gate = new_gate();
	batch = new_batch(NULL);
	for (unsigned i = 0; i < 3; i++)
		expect_done(sheaf_submit(batch, i, wait_at_gate, &gate, sizeof(gate)));
	gate_await(gate, 1);
	expect_failure(sheaf_cancel(batch, 1, SHEAF_KILL), -ENOTSUP, "sheaf_cancel: SHEAF_KILL needs a worker");
	expect_failure(sheaf_batch_cancel(batch, SHEAF_KILL), -ENOTSUP, "sheaf_batch_cancel: SHEAF_KILL needs a worker");
	gate_open(gate);
	expect_done(sheaf_gather(batch, &results, &n, SHEAF_FOREVER));
	cr_assert_eq(n, 3);
}

static void *open_soon(void *gate)
{
	for (int i = 0; i < 1000; i++)
		nap();
	gate_open(gate);
	return NULL;
}

/* It has told of the task before, so it knows that it will wait. */
Test(threads, destruction_waits_for_tasks_that_run)
{
	static struct gate gate; /* not in the heap, which goes with the pool */
	struct gate *there = &gate;
	sheaf_batch *batch;
	pthread_t opener;

	start_threads(2);
	batch = new_batch(NULL);
	for (unsigned i = 0; i < 10; i++)
		expect_done(sheaf_submit(batch, i, wait_at_gate, &there, sizeof(there)));
	gate_await(&gate, 2);
	expect_failure(sheaf_pool_terminate(pool), -ENOTSUP, "no other task begins");
	cr_assert_eq(pthread_create(&opener, NULL, open_soon, &gate), 0);
	sheaf_pool_destroy(pool);
	pool = NULL;
	cr_assert(atomic_load(&gate.open));
	cr_assert_eq(atomic_load(&gate.arrived), 2);
	pthread_join(opener, NULL);
}

Test(threads, termination_of_idle_threads_is_done)
{
	start_threads(64);
	expect_pool_works(1000);
	expect_done(sheaf_pool_terminate(pool));
	expect_done(sheaf_pool_terminate(pool));
}

/* The program was written for processes, and is only debugged. */
Test(threads, environment_leaves_out_what_cannot_be)
{
	const sheaf_batch_options limited = {.task_timeout_ns = SECOND};
	const sheaf_result *results;
	struct gate *gate;
	sheaf_batch *batch;
	size_t n;

	setenv("SHEAF_BACKEND", "threads", 1);
	start(&(sheaf_pool_options){.workers = 1, .heap_size = 16 << 20, .task_timeout_ns = SECOND});
	unsetenv("SHEAF_BACKEND");
	gate = new_gate();
	batch = new_batch(&limited);
	for (unsigned i = 0; i < 3; i++)
		expect_done(sheaf_submit(batch, i, wait_at_gate, &gate, sizeof(gate)));
	gate_await(gate, 1);
	cr_assert_eq(sheaf_cancel(batch, 0, SHEAF_KILL), SHEAF_RUNS_ON);
	cr_assert_eq(sheaf_cancel(batch, 1, SHEAF_KILL), SHEAF_NEVER_RAN);
	gate_open(gate);
	cr_assert_eq(sheaf_gather(batch, &results, &n, SHEAF_FOREVER), 1);
	expect_done(sheaf_pool_terminate(pool));
}

/* An environment that says what the program says takes nothing back. */
Test(threads, environment_that_agrees_is_no_excuse)
{
	setenv("SHEAF_BACKEND", "threads", 1);
	start_threads(1);
	unsetenv("SHEAF_BACKEND");
	expect_failure(sheaf_apply(pool, do_nothing, NULL, 0, NULL, 0, &(sheaf_map_options){.task_timeout_ns = MS}), -ENOTSUP,
		       limits_text);
}

/* ---- waiting for sockets ---- */

#define WAITERS 64

static _Atomic int waiting;

/* Wait for a byte: half of the tasks in poll(), half in read(). Result: the byte. */
static int wait_for_byte(sheaf_task *task, const void *arg, void *result)
{
	int fd = *(const int *)arg;
	struct pollfd peer = {.fd = fd, .events = POLLIN};
	unsigned char byte;

	atomic_fetch_add(&waiting, 1);
	if (sheaf_task_position(task) % 2 && poll(&peer, 1, -1) != 1)
		return -EIO;
	if (read(fd, &byte, 1) != 1)
		return -EIO;
	*(uint64_t *)result = byte;
	return 0;
}

static uint64_t cpu_ns(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * SECOND +
	       (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000;
}

/* The figure is of this process alone, so other programs do not change it. */
Test(threads, that_wait_for_sockets_use_no_cpu)
{
	uint64_t used, began;
	int pairs[WAITERS][2];
	sheaf_result result;
	sheaf_batch *batch;

	start_threads(WAITERS);
	batch = new_batch(&(sheaf_batch_options){.result_size = 8});
	for (unsigned i = 0; i < WAITERS; i++) {
		cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pairs[i]), 0);
		expect_done(sheaf_submit(batch, i, wait_for_byte, &pairs[i][0], sizeof(int)));
	}
	while (atomic_load(&waiting) < WAITERS)
		nap();
	used = cpu_ns();
	began = sheaf_now_ns();
	expect_failure(sheaf_next(batch, &result, began + SECOND), -ETIMEDOUT, "the deadline passed");
	used = cpu_ns() - used;
	cr_assert_lt(used, SECOND / 50, "%.3f s of CPU time in %.3f s", (double)used / 1e9,
		     (double)(sheaf_now_ns() - began) / 1e9);
	for (unsigned i = WAITERS; i--;) {
		unsigned char byte = (unsigned char)(i * 3);

		cr_assert_eq(write(pairs[i][1], &byte, 1), 1);
	}
	for (unsigned i = 0; i < WAITERS; i++) {
		cr_assert_eq(sheaf_next(batch, &result, SHEAF_FOREVER), 1);
		cr_assert_eq(value_of(&result), (unsigned char)(i * 3));
	}
	for (unsigned i = 0; i < WAITERS; i++) {
		close(pairs[i][0]);
		close(pairs[i][1]);
	}
}
