/*
 * test_gather.c - the three ways to gather: by position, by completion, all at once; deadlines; one
 * gatherer at a time.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "pools.h"
#include "support/deadline.h"

static void set_up(void)
{
	begin();
	start_workers(2);
}

TestSuite(gather, .init = set_up, .fini = end);

static const sheaf_batch_options of_8 = {.result_size = 8};

static void submit(sheaf_batch *batch, uint64_t position)
{
	expect_done(sheaf_submit(batch, position, mix_position, NULL, 0));
}

static void submit_waiting(sheaf_batch *batch, uint64_t position, struct gate *gate)
{
	expect_done(sheaf_submit(batch, position, wait_at_gate, &gate, sizeof(gate)));
}

static void expect_next(sheaf_batch *batch, uint64_t position)
{
	sheaf_result result;

	cr_assert_eq(sheaf_next(batch, &result, SHEAF_FOREVER), 1, "%s", sheaf_message());
	cr_assert_eq(result.position, position, "%llu", (unsigned long long)result.position);
	cr_assert_eq(result.status, 0);
}

/* Wait until so many tasks are done. */
static void await(sheaf_batch *batch, uint64_t done)
{
	sheaf_progress progress;

	do {
		nap();
		expect_done(sheaf_batch_get_progress(batch, &progress));
	} while (progress.done < done);
}

Test(gather, of_nothing_is_nothing)
{
	sheaf_batch *batch = new_batch(&of_8);
	const sheaf_result *results = NULL;
	sheaf_result result;
	size_t n = 7;

	cr_assert_eq(sheaf_next(batch, &result, SHEAF_FOREVER), 0);
	cr_assert_eq(sheaf_next_done(batch, &result, SHEAF_FOREVER), 0);
	cr_assert_eq(sheaf_gather(batch, &results, &n, SHEAF_FOREVER), 0);
	cr_assert_eq(n, 0);
	cr_assert_not_null(results);
}

Test(gather, refuses_null)
{
	sheaf_batch *batch = new_batch(NULL);
	const sheaf_result *results;
	sheaf_result result;
	size_t n;

	expect_failure(sheaf_next(NULL, &result, 0), -EINVAL, "sheaf_next: batch is NULL");
	expect_failure(sheaf_next(batch, NULL, 0), -EINVAL, "sheaf_next: result is NULL");
	expect_failure(sheaf_next_done(NULL, &result, 0), -EINVAL, "sheaf_next_done: batch is NULL");
	expect_failure(sheaf_next_done(batch, NULL, 0), -EINVAL, "sheaf_next_done: result is NULL");
	expect_failure(sheaf_gather(NULL, &results, &n, 0), -EINVAL, "sheaf_gather: batch is NULL");
	expect_failure(sheaf_gather(batch, NULL, &n, 0), -EINVAL, "sheaf_gather: results is NULL");
	expect_failure(sheaf_gather(batch, &results, NULL, 0), -EINVAL, "sheaf_gather: n is NULL");
}

/* ---- by position ---- */

Test(gather, by_position_goes_on_after_the_end)
{
	sheaf_batch *batch = new_batch(&of_8);
	sheaf_result result;

	for (uint64_t round = 0; round < 5; round++) {
		for (uint64_t p = 0; p < 10; p++)
			submit(batch, round * 10 + (p * 7) % 10);
		for (uint64_t p = 0; p < 10; p++)
			expect_next(batch, round * 10 + p);
		cr_assert_eq(sheaf_next(batch, &result, SHEAF_FOREVER), 0);
	}
}

Test(gather, by_position_waits_for_the_lowest)
{
	sheaf_batch *batch = new_batch(&of_8);
	struct gate *gate = new_gate();
	sheaf_result result;

	submit_waiting(batch, 1, gate);
	submit(batch, 2);
	submit(batch, 3);
	await(batch, 2);
	expect_failure(sheaf_next(batch, &result, 0), -EAGAIN, "not done yet");
	gate_open(gate);
	expect_next(batch, 1);
	expect_next(batch, 2);
	expect_next(batch, 3);
}

Test(gather, by_position_takes_a_lower_one_that_came_later)
{
	sheaf_batch *batch = new_batch(&of_8);

	submit(batch, 10);
	submit(batch, 20);
	expect_next(batch, 10);
	submit(batch, 5);
	submit(batch, 15);
	expect_next(batch, 5);
	expect_next(batch, 15);
	expect_next(batch, 20);
}

struct waiting {
	sheaf_batch *batch;
	sheaf_result result;
	int code;
	_Atomic int over;
};

static void *wait_for_next(void *context)
{
	struct waiting *waiting = context;

	/*
	 * start_waiting() checks whether this thread gathers. For an instant it is the test, then,
	 * that gathers.
	 */
	do
		waiting->code = sheaf_next(waiting->batch, &waiting->result, SHEAF_FOREVER);
	while (waiting->code == -EBUSY);
	atomic_store(&waiting->over, 1);
	return NULL;
}

/* Start a thread that waits in sheaf_next(), and wait until it does. */
static pthread_t start_waiting(struct waiting *waiting)
{
	sheaf_result result;
	pthread_t thread;

	cr_assert_eq(pthread_create(&thread, NULL, wait_for_next, waiting), 0);
	while (sheaf_next(waiting->batch, &result, 0) != -EBUSY)
		nap();
	return thread;
}

Test(gather, by_position_takes_a_lower_one_that_came_while_it_waited)
{
	sheaf_batch *batch = new_batch(&of_8);
	struct gate *gate = new_gate();
	struct waiting waiting = {.batch = batch};
	pthread_t thread;

	submit_waiting(batch, 10, gate);
	thread = start_waiting(&waiting);
	submit(batch, 5);
	await(batch, 1);
	gate_open(gate);
	cr_assert_eq(pthread_join(thread, NULL), 0);
	cr_assert_eq(waiting.code, 1);
	cr_assert_eq(waiting.result.position, 5);
	expect_next(batch, 10);
}

/* ---- by completion ---- */

Test(gather, by_completion_does_not_wait_for_the_slow)
{
	sheaf_batch *batch = new_batch(&of_8);
	struct gate *gate = new_gate();
	sheaf_result result;

	submit_waiting(batch, 0, gate);
	gate_await(gate, 1);
	for (uint64_t p = 1; p < 100; p++)
		submit(batch, p);
	for (uint64_t p = 1; p < 100; p++) {
		cr_assert_eq(sheaf_next_done(batch, &result, SHEAF_FOREVER), 1);
		cr_assert_eq(result.position, p, "one worker ran them, one after the other");
	}
	expect_failure(sheaf_next_done(batch, &result, 0), -EAGAIN, "not done yet");
	gate_open(gate);
	cr_assert_eq(sheaf_next_done(batch, &result, SHEAF_FOREVER), 1);
	cr_assert_eq(result.position, 0);
	cr_assert_eq(sheaf_next_done(batch, &result, SHEAF_FOREVER), 0);
}

Test(gather, by_completion_goes_by_the_time_when_tasks_ended)
{
	sheaf_batch *batch = new_batch(&of_8);
	struct gate *gate = new_gate();
	sheaf_result result;

	submit_waiting(batch, 0, gate);
	gate_await(gate, 1);
	for (uint64_t p = 1; p <= 20; p++)
		submit(batch, 100 - p);
	await(batch, 20);
	gate_open(gate);
	await(batch, 21);
	for (uint64_t p = 1; p <= 20; p++) {
		cr_assert_eq(sheaf_next_done(batch, &result, 0), 1);
		cr_assert_eq(result.position, 100 - p);
	}
	cr_assert_eq(sheaf_next_done(batch, &result, 0), 1);
	cr_assert_eq(result.position, 0);
}

Test(gather, by_completion_hands_out_each_once)
{
	for (unsigned flags = 0; flags <= SHEAF_NO_TIMES; flags += SHEAF_NO_TIMES) {
		sheaf_batch *batch = new_batch(&(sheaf_batch_options){.result_size = 8, .flags = flags});
		bool seen[2000] = {0};
		sheaf_result result;

		for (uint64_t p = 0; p < 2000; p++)
			submit(batch, (p * 7) % 2000);
		for (int i = 0; i < 2000; i++) {
			cr_assert_eq(sheaf_next_done(batch, &result, SHEAF_FOREVER), 1);
			cr_assert_lt(result.position, 2000);
			cr_assert_not(seen[result.position]);
			cr_assert_eq(value_of(&result), mix(result.position));
			seen[result.position] = true;
		}
		cr_assert_eq(sheaf_next_done(batch, &result, SHEAF_FOREVER), 0);
		cr_assert_eq(sheaf_next(batch, &result, SHEAF_FOREVER), 0);
	}
}

Test(gather, in_turns_hands_out_each_once)
{
	sheaf_batch *batch = new_batch(&of_8);
	bool seen[2000] = {0};
	sheaf_result result;
	int handed = 0, r;

	/* Submits meanwhile, in falling and rising positions. */
	for (uint64_t i = 0; i < 1000; i++) {
		submit(batch, 999 - i);
		submit(batch, 1000 + i);
		r = i % 3 ? sheaf_next(batch, &result, 0) : sheaf_next_done(batch, &result, 0);
		cr_assert(r == 1 || r == -EAGAIN);
		if (r == 1) {
			cr_assert_not(seen[result.position]);
			seen[result.position] = true;
			handed++;
		}
	}
	while ((r = handed % 2 ? sheaf_next(batch, &result, SHEAF_FOREVER) : sheaf_next_done(batch, &result, SHEAF_FOREVER)) ==
	       1) {
		cr_assert_not(seen[result.position]);
		seen[result.position] = true;
		handed++;
	}
	cr_assert_eq(r, 0);
	cr_assert_eq(handed, 2000);
}

Test(gather, by_completion_waits_for_what_is_submitted_meanwhile)
{
	sheaf_batch *batch = new_batch(&of_8);
	struct gate *gate = new_gate();
	struct waiting waiting = {.batch = batch};
	sheaf_result result;
	pthread_t thread;

	submit_waiting(batch, 0, gate);
	submit(batch, 1);
	cr_assert_eq(sheaf_next_done(batch, &result, SHEAF_FOREVER), 1);
	cr_assert_eq(result.position, 1);
	thread = start_waiting(&waiting);
	for (uint64_t p = 2; p < 500; p++)
		submit(batch, p);
	gate_open(gate);
	cr_assert_eq(pthread_join(thread, NULL), 0);
	cr_assert_eq(waiting.result.position, 0);
	for (uint64_t p = 2; p < 500; p++)
		cr_assert_eq(sheaf_next_done(batch, &result, SHEAF_FOREVER), 1);
	cr_assert_eq(sheaf_next_done(batch, &result, SHEAF_FOREVER), 0);
}

/* ---- all at once ---- */

Test(gather, all_at_once_gives_also_what_was_handed_out)
{
	sheaf_batch *batch = new_batch(&of_8);
	const sheaf_result *results;
	size_t n;

	for (uint64_t p = 0; p < 100; p++)
		submit(batch, 99 - p);
	expect_next(batch, 0);
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(sheaf_gather(batch, &results, &n, SHEAF_FOREVER), 0);
		cr_assert_eq(n, 100);
		for (uint64_t p = 0; p < n; p++) {
			cr_assert_eq(results[p].position, p);
			cr_assert_eq(value_of(&results[p]), mix(p));
		}
	}
	/* It hands out nothing for good: the others go on where they were. */
	expect_next(batch, 1);
	submit(batch, 100);
	cr_assert_eq(sheaf_gather(batch, &results, &n, SHEAF_FOREVER), 0);
	cr_assert_eq(n, 101);
}

/* ---- deadlines ---- */

Test(gather, respects_its_deadline)
{
	sheaf_batch *batch = new_batch(&of_8);
	struct gate *gate = new_gate();
	sheaf_result result = {.position = 4711};
	const sheaf_result *results = &result;
	size_t n = 4711;
	uint64_t deadline;

	submit_waiting(batch, 0, gate);
	submit(batch, 1);
	await(batch, 1);
	expect_failure(sheaf_next(batch, &result, 0), -EAGAIN, "not done yet");
	expect_failure(sheaf_gather(batch, &results, &n, 0), -EAGAIN, "not done yet");
	/* Passed, even long ago. */
	expect_failure(sheaf_next(batch, &result, 1), -ETIMEDOUT, "the deadline passed before it was done");
	expect_failure(sheaf_gather(batch, &results, &n, sheaf_now_ns()), -ETIMEDOUT, "the deadline passed");
	/* Sooner and later than the owner checks which processes live. */
	for (uint64_t wait = 1000000; wait <= 130000000; wait += 129000000) {
		deadline = sheaf_now_ns() + wait;
		expect_failure(sheaf_next(batch, &result, deadline), -ETIMEDOUT, "the deadline passed");
		cr_assert_geq(sheaf_now_ns(), deadline);
		deadline = sheaf_now_ns() + wait;
		expect_failure(sheaf_gather(batch, &results, &n, deadline), -ETIMEDOUT, "the deadline passed");
		cr_assert_geq(sheaf_now_ns(), deadline);
	}
	cr_assert_eq(result.position, 4711, "untouched on failure");
	cr_assert_eq(results, &result);
	cr_assert_eq(n, 4711);
	cr_assert_eq(sheaf_next_done(batch, &result, 1), 1, "what is done is handed out after any deadline");
	cr_assert_eq(result.position, 1);
	result.position = 4711;
	expect_failure(sheaf_next_done(batch, &result, 0), -EAGAIN, "not done yet");
	expect_failure(sheaf_next_done(batch, &result, sheaf_now_ns() + 1000000), -ETIMEDOUT, "the deadline passed");
	cr_assert_eq(result.position, 4711);
	gate_open(gate);
	expect_next(batch, 0);
}

Test(gather, ends_before_its_deadline_when_all_is_done)
{
	sheaf_batch *batch = new_batch(&of_8);
	const sheaf_result *results;
	size_t n;

	for (uint64_t p = 0; p < 100; p++)
		submit(batch, p);
	cr_assert_eq(sheaf_gather(batch, &results, &n, hang_deadline()), 0);
	cr_assert_eq(n, 100);
	cr_assert_eq(sheaf_gather(batch, &results, &n, 0), 0);
	cr_assert_eq(sheaf_gather(batch, &results, &n, 1), 0);
}

/* ---- one at a time ---- */

Test(gather, refuses_a_second_gatherer)
{
	sheaf_batch *batch = new_batch(&of_8), *other = new_batch(&of_8);
	struct gate *gate = new_gate();
	struct waiting waiting = {.batch = batch};
	const sheaf_result *results;
	sheaf_result result;
	sheaf_progress progress;
	pthread_t thread;
	size_t n;

	submit_waiting(batch, 0, gate);
	thread = start_waiting(&waiting);
	expect_failure(sheaf_next(batch, &result, SHEAF_FOREVER), -EBUSY,
		       "sheaf_next: another thread is gathering from this batch");
	expect_failure(sheaf_next_done(batch, &result, SHEAF_FOREVER), -EBUSY, "sheaf_next_done: another thread is gathering");
	expect_failure(sheaf_gather(batch, &results, &n, SHEAF_FOREVER), -EBUSY, "sheaf_gather: another thread is gathering");
	/* All else goes on. */
	submit(other, 1);
	expect_next(other, 1);
	submit(batch, 1);
	expect_done(sheaf_batch_get_progress(batch, &progress));
	cr_assert_eq(progress.total, 2);
	cr_assert_eq(atomic_load(&waiting.over), 0);
	gate_open(gate);
	cr_assert_eq(pthread_join(thread, NULL), 0);
	cr_assert_eq(waiting.code, 1);
	cr_assert_eq(waiting.result.position, 0);
	expect_next(batch, 1);
}

static void *gather_and_submit(void *context)
{
	uint64_t first = *(uint64_t *)context;

	for (int round = 0; round < 20; round++) {
		sheaf_batch *batch;
		sheaf_result result;

		if (sheaf_batch_create(&batch, pool, &of_8))
			return "batch";
		for (uint64_t p = 0; p < 50; p++)
			if (sheaf_submit(batch, first + p, mix_position, NULL, 0))
				return "submit";
		for (uint64_t p = 0; p < 50; p++)
			if (sheaf_next(batch, &result, SHEAF_FOREVER) != 1 || result.position != first + p ||
			    *(uint64_t *)result.data != mix(first + p))
				return "next";
		sheaf_batch_retire(batch);
	}
	return NULL;
}

Test(gather, many_threads_each_from_their_own_batch)
{
	uint64_t firsts[8];
	pthread_t threads[8];
	void *wrong;

	for (uint64_t i = 0; i < 8; i++) {
		firsts[i] = i * 1000;
		cr_assert_eq(pthread_create(&threads[i], NULL, gather_and_submit, &firsts[i]), 0);
	}
	for (int i = 0; i < 8; i++) {
		cr_assert_eq(pthread_join(threads[i], &wrong), 0);
		cr_assert_null(wrong, "%s", (char *)wrong);
	}
}

/* ---- interrupted ---- */

static void ignore(int signal)
{
	(void)signal;
}

static _Atomic int stop;

static void *interrupt(void *context)
{
	while (!atomic_load(&stop)) {
		pthread_kill(*(pthread_t *)context, SIGUSR2);
		nap();
	}
	return NULL;
}

Test(gather, survives_signals)
{
	struct sigaction action = {.sa_handler = ignore};
	sheaf_batch *batch = new_batch(&of_8);
	struct gate *gate = new_gate();
	const sheaf_result *results;
	pthread_t self = pthread_self(), thread;
	sheaf_result result;
	size_t n;

	cr_assert_eq(sigaction(SIGUSR2, &action, NULL), 0);
	submit_waiting(batch, 0, gate);
	cr_assert_eq(pthread_create(&thread, NULL, interrupt, &self), 0);
	expect_failure(sheaf_next(batch, &result, sheaf_now_ns() + 50000000), -ETIMEDOUT, "the deadline passed");
	for (uint64_t p = 1; p < 3000; p++)
		submit(batch, p);
	gate_open(gate);
	expect_next(batch, 0);
	cr_assert_eq(sheaf_gather(batch, &results, &n, SHEAF_FOREVER), 0);
	cr_assert_eq(n, 3000);
	expect_done(sheaf_pool_close(pool));
	expect_done(sheaf_pool_join(pool, SHEAF_FOREVER));
	atomic_store(&stop, 1);
	cr_assert_eq(pthread_join(thread, NULL), 0);
}
