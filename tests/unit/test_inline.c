/*
 * test_inline.c - SHEAF_INLINE: tasks run in the calls of the owner that wait, in its threads, with
 * the results of any other pool.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "pools.h"
#include "sheaf_workers.h"

static void set_up(void)
{
	begin();
}

TestSuite(inlined, .init = set_up, .fini = end);

#define N 500
#define MS UINT64_C(1000000)

static void start_inline(unsigned ring_size)
{
	start(&(sheaf_pool_options){.backend = SHEAF_INLINE, .heap_size = 64 << 20, .ring_size = ring_size});
}

/* ---- what tasks note: in this process, so plain variables ---- */

static unsigned ran;
static uint64_t order[N];
static pthread_t runner;
static _Atomic unsigned inside, most_inside;

static int note(sheaf_task *task, const void *arg, void *result)
{
	(void)arg;
	runner = pthread_self();
	if (ran < N)
		order[ran] = sheaf_task_position(task);
	ran++;
	if (result)
		*(uint64_t *)result = mix(sheaf_task_position(task));
	return 0;
}

static int note_range(sheaf_task *task, size_t begin, size_t end, void *context)
{
	(void)task;
	(void)context;
	ran += (unsigned)(end - begin);
	return 0;
}

static void submit_notes(sheaf_batch *batch, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		expect_done(sheaf_submit(batch, i, note, NULL, 0));
}

static void expect_notes(sheaf_batch *batch, unsigned n)
{
	const sheaf_result *results;
	size_t count;

	expect_done(sheaf_gather(batch, &results, &count, SHEAF_FOREVER));
	cr_assert_eq(count, n);
	for (size_t i = 0; i < n; i++) {
		cr_assert_eq(results[i].position, i);
		cr_assert_eq(value_of(&results[i]), mix(i));
		cr_assert_eq(results[i].worker, 0);
		cr_assert_eq(results[i].pid, getpid());
		cr_assert_eq(results[i].attempts, 1);
	}
}

static sheaf_batch *batch_of_notes(void)
{
	return new_batch(&(sheaf_batch_options){.result_size = 8});
}

/* ---- where and when tasks run ---- */

Test(inlined, tasks_run_in_the_thread_that_waits_and_not_before)
{
	sheaf_batch *batch;
	sheaf_pool_info info;

	start_inline(0);
	expect_done(sheaf_pool_get_info(pool, &info));
	cr_assert_eq(info.workers, 1);
	cr_assert_eq(info.supervisor, 0);
	cr_assert_eq(sheaf_pool_worker_pid(pool, 0), 0);
	cr_assert_eq(count_children(), before.children, "it has no process");
	batch = batch_of_notes();
	submit_notes(batch, N);
	cr_assert_eq(ran, 0);
	expect_notes(batch, N);
	cr_assert_eq(ran, N);
	cr_assert(pthread_equal(runner, pthread_self()));
	for (unsigned i = 0; i < N; i++)
		cr_assert_eq(order[i], i, "they begin in the order of their submission");
}

Test(inlined, next_runs_no_more_than_it_needs)
{
	sheaf_batch *batch;
	sheaf_result result;

	start_inline(0);
	batch = batch_of_notes();
	submit_notes(batch, 10);
	for (unsigned i = 0; i < 10; i++) {
		cr_assert_eq(sheaf_next(batch, &result, SHEAF_FOREVER), 1);
		cr_assert_eq(result.position, i);
		cr_assert_eq(ran, i + 1);
	}
	cr_assert_eq(sheaf_next(batch, &result, SHEAF_FOREVER), 0);
}

Test(inlined, call_that_polls_runs_one_task)
{
	sheaf_batch *batch;
	sheaf_result result;

	start_inline(0);
	batch = batch_of_notes();
	for (unsigned i = 5; i; i--)
		expect_done(sheaf_submit(batch, i, note, NULL, 0));
	for (unsigned i = 1; i < 5; i++) {
		expect_failure(sheaf_next(batch, &result, 0), -EAGAIN, "not done");
		cr_assert_eq(ran, i);
	}
	cr_assert_eq(sheaf_next(batch, &result, 0), 1);
	cr_assert_eq(result.position, 1);
}

Test(inlined, asking_for_progress_makes_progress)
{
	sheaf_progress progress = {0};
	sheaf_batch *batch;
	unsigned asked = 0;

	start_inline(0);
	batch = batch_of_notes();
	submit_notes(batch, 20);
	do {
		expect_done(sheaf_batch_get_progress(batch, &progress));
		asked++;
	} while (progress.done < progress.total && asked < 1000);
	cr_assert_eq(asked, 20);
	expect_notes(batch, 20);
}

Test(inlined, apply_map_and_for_have_the_usual_results)
{
	uint64_t value = 0;

	start_inline(0);
	expect_done(sheaf_apply(pool, note, NULL, 0, &value, sizeof(value), NULL));
	cr_assert_eq(value, mix(0));
	expect_pool_works(10000);
	ran = 0;
	expect_done(sheaf_for(pool, note_range, NULL, 10000, NULL));
	cr_assert_eq(ran, 10000);
	ran = 0;
	expect_done(sheaf_for(pool, note_range, NULL, 10000, &(sheaf_map_options){.caller_works = true}));
	cr_assert_eq(ran, 10000);
}

/* ---- a full ring ---- */

Test(inlined, submitting_into_a_full_ring_runs_tasks)
{
	sheaf_batch *batch;

	start_inline(8);
	batch = batch_of_notes();
	submit_notes(batch, N);
	cr_assert_geq(ran, N - 8);
	cr_assert_lt(ran, N);
	expect_notes(batch, N);
}

Test(inlined, submitting_without_waiting_runs_nothing)
{
	sheaf_batch *batch;
	unsigned i = 0;
	int r;

	start_inline(8);
	batch = new_batch(&(sheaf_batch_options){.result_size = 8, .flags = SHEAF_NONBLOCK});
	while (!(r = sheaf_submit(batch, i, note, NULL, 0)))
		i++;
	expect_failure(r, -EAGAIN, "the ring is full");
	cr_assert_eq(i, 8);
	cr_assert_eq(ran, 0);
	expect_notes(batch, 8);
}

/* ---- nested work ---- */

static int fibonacci(sheaf_task *task, const void *arg, void *result)
{
	uint64_t n = *(const uint64_t *)arg, sum = 0;
	const sheaf_result *results;
	sheaf_batch *batch;
	size_t count;
	int r;

	if (n < 2) {
		*(uint64_t *)result = n;
		return 0;
	}
	r = sheaf_batch_create(&batch, sheaf_task_pool(task), &(sheaf_batch_options){.result_size = 8});
	for (uint64_t i = 1; !r && i <= 2; i++) {
		uint64_t less = n - i;

		r = sheaf_submit(batch, i, fibonacci, &less, sizeof(less));
	}
	if (!r)
		r = sheaf_gather(batch, &results, &count, SHEAF_FOREVER);
	if (r)
		return sheaf_task_fail(task, -EPROTO, "%d: %s", r, sheaf_message());
	for (size_t i = 0; i < count; i++)
		sum += *(const uint64_t *)results[i].data;
	*(uint64_t *)result = sum;
	return 0;
}

static void expect_nested(unsigned ring_size)
{
	uint64_t n = 16, found = 0;

	start_inline(ring_size);
	expect_done(sheaf_apply(pool, fibonacci, &n, sizeof(n), &found, sizeof(found), NULL));
	cr_assert_eq(found, 987);
}

Test(inlined, tasks_nest)
{
	expect_nested(0);
}

Test(inlined, tasks_nest_in_a_ring_that_is_full)
{
	expect_nested(2);
}

static int loop_inside(sheaf_task *task, const void *arg, void *result)
{
	int r = sheaf_for(sheaf_task_pool(task), note_range, NULL, 1000, NULL);

	(void)arg;
	(void)result;
	return r ? sheaf_task_fail(task, -EPROTO, "%d: %s", r, sheaf_message()) : 0;
}

Test(inlined, loops_nest)
{
	start_inline(0);
	expect_done(sheaf_apply(pool, loop_inside, NULL, 0, NULL, 0, NULL));
	cr_assert_eq(ran, 1000);
}

static int use_owners_pool(sheaf_task *task, const void *arg, void *result)
{
	int r = sheaf_apply(pool, note, NULL, 0, NULL, 0, NULL);

	(void)arg;
	(void)result;
	return r == -EPERM ? 0 : sheaf_task_fail(task, -EPROTO, "%d: %s", r, sheaf_message());
}

Test(inlined, tasks_may_not_use_the_owners_handles)
{
	start_inline(0);
	expect_done(sheaf_apply(pool, use_owners_pool, NULL, 0, NULL, 0, NULL));
}

static int leave(sheaf_task *task, const void *arg, void *result)
{
	int r = sheaf_task_leave(task);

	(void)arg;
	(void)result;
	return r == -ENOTSUP && strstr(sheaf_message(), "SHEAF_INLINE") ? 0 : sheaf_task_fail(task, -EPROTO, "%d", r);
}

Test(inlined, there_is_no_worker_that_could_leave)
{
	start_inline(0);
	expect_done(sheaf_apply(pool, leave, NULL, 0, NULL, 0, NULL));
}

/* ---- order, failures, cancelling ---- */

Test(inlined, urgent_tasks_begin_first)
{
	sheaf_batch *low, *normal, *high;
	const sheaf_result *results;
	size_t n;

	start_inline(0);
	low = new_batch(&(sheaf_batch_options){.priority = SHEAF_LOW});
	normal = new_batch(NULL);
	high = new_batch(&(sheaf_batch_options){.priority = SHEAF_HIGH});
	expect_done(sheaf_submit(low, 3, note, NULL, 0));
	expect_done(sheaf_submit(normal, 2, note, NULL, 0));
	expect_done(sheaf_submit(high, 1, note, NULL, 0));
	expect_done(sheaf_gather(low, &results, &n, SHEAF_FOREVER));
	cr_assert_eq(ran, 3);
	for (unsigned i = 0; i < 3; i++)
		cr_assert_eq(order[i], i + 1);
}

static int fail_odd(sheaf_task *task, const void *arg, void *result)
{
	(void)arg;
	(void)result;
	ran++;
	return sheaf_task_position(task) % 2 ? sheaf_task_fail(task, -EDOM, "odd") : 0;
}

Test(inlined, failures_are_told_as_ever)
{
	const sheaf_result *results;
	sheaf_batch *batch;
	size_t n;

	start_inline(0);
	batch = new_batch(NULL);
	for (unsigned i = 0; i < 10; i++)
		expect_done(sheaf_submit(batch, i, fail_odd, NULL, 0));
	cr_assert_eq(sheaf_gather(batch, &results, &n, SHEAF_FOREVER), 5);
	for (size_t i = 0; i < n; i++) {
		cr_assert_eq(results[i].status, i % 2 ? -EDOM : 0);
		cr_assert_str_eq(results[i].message, i % 2 ? "odd" : "");
	}
}

Test(inlined, first_failure_cancels_the_rest)
{
	const sheaf_result *results;
	sheaf_batch *batch;
	size_t n;

	start_inline(0);
	batch = new_batch(&(sheaf_batch_options){.on_error = SHEAF_CANCEL_REST});
	for (unsigned i = 0; i < 10; i++)
		expect_done(sheaf_submit(batch, i, fail_odd, NULL, 0));
	cr_assert_eq(sheaf_gather(batch, &results, &n, SHEAF_FOREVER), 9);
	cr_assert_eq(results[0].status, 0);
	cr_assert_eq(results[1].status, -EDOM);
	cr_assert_eq(results[2].status, -ECANCELED);
	cr_assert_eq(ran, 2);
}

Test(inlined, cancelled_positions_never_run)
{
	const sheaf_result *results;
	sheaf_batch *batch;
	size_t n;

	start_inline(0);
	batch = batch_of_notes();
	submit_notes(batch, 10);
	cr_assert_eq(sheaf_cancel(batch, 4, 0), SHEAF_NEVER_RAN);
	cr_assert_eq(sheaf_gather(batch, &results, &n, SHEAF_FOREVER), 1);
	cr_assert_eq(ran, 9);
	cr_assert_eq(results[4].status, -ECANCELED);
	cr_assert_eq(sheaf_cancel(batch, 5, 0), SHEAF_WAS_DONE);
	sheaf_batch_retire(batch);
	batch = batch_of_notes();
	submit_notes(batch, 10);
	expect_done(sheaf_batch_cancel(batch, 0));
	cr_assert_eq(sheaf_gather(batch, &results, &n, SHEAF_FOREVER), 10);
	cr_assert_eq(ran, 9);
}

Test(inlined, retired_batch_runs_nothing)
{
	sheaf_batch *batch;

	start_inline(0);
	batch = batch_of_notes();
	submit_notes(batch, 10);
	sheaf_batch_retire(batch);
	cr_assert_eq(ran, 0);
	expect_pool_works(100);
}

/* ---- deadlines and interrupts: between two tasks, or two chunks ---- */

static int take_10_ms(sheaf_task *task, const void *arg, void *result)
{
	nanosleep(&(struct timespec){.tv_nsec = 10 * MS}, NULL);
	return note(task, arg, result);
}

Test(inlined, deadline_ends_the_wait_between_two_tasks)
{
	const sheaf_result *results;
	sheaf_batch *batch;
	size_t n;

	start_inline(0);
	batch = batch_of_notes();
	for (unsigned i = 0; i < 10; i++)
		expect_done(sheaf_submit(batch, i, take_10_ms, NULL, 0));
	expect_failure(sheaf_gather(batch, &results, &n, sheaf_now_ns() + 25 * MS), -ETIMEDOUT, "the deadline passed");
	cr_assert(ran >= 1 && ran <= 3, "%u tasks ran", ran);
	expect_notes(batch, 10);
}

static int note_item(sheaf_task *task, const void *arg, void *result)
{
	(void)arg;
	(void)result;
	return take_10_ms(task, NULL, NULL);
}

Test(inlined, deadline_ends_a_map_between_two_chunks)
{
	const sheaf_map_options options = {.grain = 1, .deadline_ns = sheaf_now_ns() + 25 * MS};

	start_inline(0);
	expect_failure(sheaf_map(pool, note_item, NULL, 0, NULL, 0, 100, &options), -ETIME, "options.deadline_ns passed");
	cr_assert(ran < 10, "%u items ran", ran);
	expect_pool_works(100);
}

Test(inlined, results_of_a_map_come_one_by_one)
{
	sheaf_result result;
	sheaf_batch *batch;
	unsigned found = 0, asked = 0;
	int r;

	start_inline(0);
	batch = new_batch(NULL);
	expect_done(sheaf_submit_map(batch, note, NULL, 0, NULL, 0, 100, &(sheaf_map_options){.grain = 1}));
	cr_assert_eq(ran, 0);
	cr_assert_eq(sheaf_next(batch, &result, SHEAF_FOREVER), 1);
	cr_assert_eq(ran, 1, "%u items ran for the first result", ran);
	found++;
	while ((r = sheaf_next_done(batch, &result, 0)) && asked++ < 1000) {
		cr_assert(r == 1 || r == -EAGAIN);
		found += r == 1;
	}
	cr_assert_eq(found, 100);
	cr_assert_eq(ran, 100);
}

/* As a signal handler does, so not a call of the task: its thread may make none. */
static void *interrupt_soon(void *unused)
{
	(void)unused;
	while (!inside)
		nap();
	sheaf_pool_interrupt(pool);
	atomic_store(&inside, 2);
	return NULL;
}

static int wait_for_interrupt(sheaf_task *task, const void *arg, void *result)
{
	if (sheaf_task_position(task) == 2) {
		atomic_store(&inside, 1);
		while (atomic_load(&inside) != 2)
			nap();
	}
	return note(task, arg, result);
}

Test(inlined, interrupt_ends_the_wait_after_the_task)
{
	const sheaf_result *results;
	sheaf_batch *batch;
	pthread_t thread;
	size_t n;

	start_inline(0);
	batch = batch_of_notes();
	for (unsigned i = 0; i < 10; i++)
		expect_done(sheaf_submit(batch, i, wait_for_interrupt, NULL, 0));
	cr_assert_eq(pthread_create(&thread, NULL, interrupt_soon, NULL), 0);
	cr_assert_eq(sheaf_gather(batch, &results, &n, SHEAF_FOREVER), -EINTR);
	cr_assert_eq(ran, 3);
	pthread_join(thread, NULL);
	expect_notes(batch, 10);
}

/* ---- several batches, event loops ---- */

Test(inlined, waiting_for_one_of_several)
{
	sheaf_batch *batches[3];
	sheaf_result result;

	start_inline(0);
	for (unsigned i = 0; i < 3; i++)
		batches[i] = batch_of_notes();
	for (unsigned i = 3; i--;)
		expect_done(sheaf_submit(batches[i], 0, note, NULL, 0));
	cr_assert_eq(sheaf_wait(batches, 3, SHEAF_FIRST_DONE, SHEAF_FOREVER), 2);
	cr_assert_eq(ran, 1);
	cr_assert_eq(sheaf_next(batches[2], &result, 0), 1);
	cr_assert_eq(sheaf_wait(batches, 3, SHEAF_ALL_DONE, SHEAF_FOREVER), 3);
	cr_assert_eq(ran, 3);
}

Test(inlined, armed_batch_has_news_for_poll)
{
	struct pollfd news = {.events = POLLIN};
	sheaf_batch *batch, *found;
	sheaf_result result;
	unsigned count = 0;
	int r;

	start_inline(0);
	news.fd = sheaf_pool_fd(pool);
	cr_assert_gt(news.fd, 2);
	batch = batch_of_notes();
	submit_notes(batch, 10);
	while (count < 10) {
		expect_done(sheaf_batch_arm(batch));
		cr_assert_eq(poll(&news, 1, 10000), 1);
		while (sheaf_pool_news(pool, &found) == 1) {
			cr_assert_eq(found, batch);
			while ((r = sheaf_next_done(found, &result, 0)) == 1)
				count++;
		}
	}
	cr_assert_eq(count, 10);
	expect_done(sheaf_batch_arm(batch));
	cr_assert_eq(poll(&news, 1, 0), 0, "nothing is left, so nothing is new");
}

/* ---- threads ---- */

static int run_alone(sheaf_task *task, const void *arg, void *result)
{
	unsigned now = atomic_fetch_add(&inside, 1) + 1;

	(void)arg;
	if (now > atomic_load(&most_inside))
		atomic_store(&most_inside, now);
	if (sheaf_task_position(task) % 50 == 0)
		nap();
	*(uint64_t *)result = mix(sheaf_task_position(task));
	atomic_fetch_sub(&inside, 1);
	return 0;
}

/* What a thread of its own does with a batch of its own. NULL, or what went wrong. */
static void *gather_own(void *unused)
{
	const sheaf_result *results;
	sheaf_batch *batch;
	size_t n;

	(void)unused;
	if (sheaf_batch_create(&batch, pool, &(sheaf_batch_options){.result_size = 8}))
		return "create";
	for (unsigned i = 0; i < N; i++)
		if (sheaf_submit(batch, i, run_alone, NULL, 0))
			return "submit";
	if (sheaf_gather(batch, &results, &n, SHEAF_FOREVER) || n != N)
		return "gather";
	for (size_t i = 0; i < n; i++)
		if (*(const uint64_t *)results[i].data != mix(i))
			return "result";
	sheaf_batch_retire(batch);
	return NULL;
}

Test(inlined, threads_take_turns)
{
	pthread_t threads[4];
	void *wrong;

	start_inline(16);
	for (unsigned i = 0; i < 4; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, gather_own, NULL), 0);
	for (unsigned i = 0; i < 4; i++) {
		cr_assert_eq(pthread_join(threads[i], &wrong), 0);
		cr_assert_null(wrong, "%s: %s", (const char *)wrong, sheaf_message());
	}
	cr_assert_eq(most_inside, 1, "%u tasks ran at once", most_inside);
}

static _Atomic bool waits;

static void *wait_for_next(void *batch)
{
	sheaf_result result;

	atomic_store(&waits, true);
	return sheaf_next(batch, &result, SHEAF_FOREVER) == 1 && result.position == 1 ? NULL : "next";
}

/* The batch has a task at first that only the waiting thread can be asked to run. */
Test(inlined, thread_that_sleeps_runs_what_another_one_submits)
{
	struct gate *gate;
	sheaf_batch *batch, *other;
	pthread_t first, second;
	void *wrong;

	start_inline(0);
	gate = new_gate();
	batch = new_batch(NULL);
	other = new_batch(NULL);
	/* One thread is the worker, in a task; another one sleeps. */
	expect_done(sheaf_submit(other, 1, wait_at_gate, &gate, sizeof(gate)));
	cr_assert_eq(pthread_create(&first, NULL, wait_for_next, other), 0);
	gate_await(gate, 1);
	expect_done(sheaf_submit(batch, 2, note, NULL, 0));
	atomic_store(&waits, false);
	cr_assert_eq(pthread_create(&second, NULL, wait_for_next, batch), 0);
	while (!atomic_load(&waits))
		nap();
	nap();
	expect_done(sheaf_submit(batch, 1, note, NULL, 0));
	gate_open(gate);
	cr_assert_eq(pthread_join(first, &wrong), 0);
	cr_assert_null(wrong);
	cr_assert_eq(pthread_join(second, &wrong), 0);
	cr_assert_null(wrong);
}

/* ---- the end ---- */

Test(inlined, join_runs_what_is_left)
{
	sheaf_batch *batch;

	start_inline(0);
	batch = batch_of_notes();
	submit_notes(batch, 10);
	expect_done(sheaf_pool_close(pool));
	expect_failure(sheaf_submit(batch, 10, note, NULL, 0), -EPIPE, "closed");
	expect_failure(sheaf_pool_join(pool, 0), -EAGAIN, "still has work");
	cr_assert_eq(ran, 1);
	expect_done(sheaf_pool_join(pool, SHEAF_FOREVER));
	cr_assert_eq(ran, 10);
	expect_notes(batch, 10);
}

Test(inlined, terminated_pool_runs_nothing)
{
	const sheaf_result *results;
	sheaf_batch *batch;
	size_t n;

	start_inline(0);
	batch = batch_of_notes();
	submit_notes(batch, 10);
	expect_done(sheaf_pool_terminate(pool));
	expect_failure(sheaf_gather(batch, &results, &n, SHEAF_FOREVER), -ECANCELED, "terminated");
	expect_failure(sheaf_pool_join(pool, SHEAF_FOREVER), -ECANCELED, "terminated");
	cr_assert_eq(ran, 0);
}

Test(inlined, termination_tells_of_a_task_that_runs_on)
{
	struct gate *gate;
	sheaf_batch *batch;
	pthread_t thread;
	void *wrong;

	start_inline(0);
	gate = new_gate();
	batch = new_batch(NULL);
	expect_done(sheaf_submit(batch, 1, wait_at_gate, &gate, sizeof(gate)));
	cr_assert_eq(pthread_create(&thread, NULL, wait_for_next, batch), 0);
	gate_await(gate, 1);
	expect_failure(sheaf_pool_terminate(pool), -ENOTSUP, "1 of the pool's tasks still run");
	gate_open(gate);
	cr_assert_eq(pthread_join(thread, &wrong), 0);
	expect_done(sheaf_pool_terminate(pool));
}

static int destroy_in_child(void *unused)
{
	(void)unused;
	child_check(sheaf_apply(pool, note, NULL, 0, NULL, 0, NULL) == -EPERM && strstr(sheaf_message(), "fork"));
	sheaf_pool_destroy(pool);
	return 0;
}

Test(inlined, forked_child_has_nothing_of_it)
{
	start_inline(0);
	expect_pool_works(100);
	in_child(destroy_in_child, NULL);
	expect_pool_works(100);
}

/* ---- what cannot be ---- */

Test(inlined, workers_and_limits_are_refused)
{
	sheaf_batch *batch;

	expect_failure(sheaf_pool_create(&pool, &(sheaf_pool_options){.backend = SHEAF_INLINE, .workers = 2}), -EINVAL,
		       "options.workers is 2: must be 0 with SHEAF_INLINE");
	expect_failure(
		sheaf_pool_create(&pool, &(sheaf_pool_options){.backend = SHEAF_INLINE, .task_timeout_ns = 1}), -ENOTSUP,
		"options.task_timeout_ns needs a worker that can be killed, and the tasks of this pool run in the thread "
		"that waits (SHEAF_INLINE)");
	start(&(sheaf_pool_options){.backend = SHEAF_INLINE, .heap_size = 16 << 20, .task_timeout_ns = SHEAF_FOREVER});
	expect_failure(sheaf_batch_create(&batch, pool, &(sheaf_batch_options){.task_timeout_ns = MS}), -ENOTSUP,
		       "sheaf_batch_create: options.task_timeout_ns");
}

Test(inlined, environment_chooses_it_for_a_program_that_does_not_know_it)
{
	const sheaf_batch_options limited = {.task_timeout_ns = MS, .result_size = 8};
	sheaf_batch *batch;

	setenv("SHEAF_BACKEND", "inline", 1);
	start(&(sheaf_pool_options){.workers = 4, .heap_size = 64 << 20, .task_timeout_ns = MS});
	unsetenv("SHEAF_BACKEND");
	batch = new_batch(&limited);
	submit_notes(batch, 10);
	cr_assert_eq(sheaf_cancel(batch, 3, SHEAF_KILL), SHEAF_NEVER_RAN);
	expect_done(sheaf_submit_with(batch, 10, take_10_ms, NULL, 0, &(sheaf_task_options){.timeout_ns = MS}));
	cr_assert_eq(sheaf_gather(batch, &(const sheaf_result *){NULL}, &(size_t){0}, SHEAF_FOREVER), 1);
	cr_assert_eq(ran, 10);
}
