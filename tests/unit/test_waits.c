/*
 * test_waits.c - how calls that wait end early: interrupted, cancelled with their thread, or by the
 * deadline of a whole call.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "waiter.h"
#include "support/deadline.h"

static const sheaf_pool_options small = {.workers = 2, .ring_size = 4, .heap_size = 16 << 20};

static void set_up(void)
{
	begin();
	start(&small);
}

TestSuite(waits, .init = set_up, .fini = end);

/* ---- a thread that waits ---- */

static int wait_next_done(struct waiter *waiter)
{
	sheaf_result result;

	return sheaf_next_done(waiter->batch, &result, SHEAF_FOREVER);
}

static int wait_apply(struct waiter *waiter)
{
	sheaf_map_options options = {.deadline_ns = waiter->deadline_ns};

	return sheaf_apply(pool, wait_at_gate, &waiter->gate, sizeof(waiter->gate), NULL, 0, &options);
}

static int wait_for_loop(struct waiter *waiter)
{
	sheaf_map_options options = {.deadline_ns = waiter->deadline_ns, .grain = 1, .caller_works = waiter->caller_works};

	return sheaf_for(pool, range_at_gate, waiter->gate, 1000, &options);
}

static int wait_map(struct waiter *waiter)
{
	sheaf_map_options options = {.deadline_ns = waiter->deadline_ns, .grain = 1};
	struct gate **in;
	void *memory;
	int r = sheaf_alloc_array(pool, 100, sizeof(*in), &memory);

	if (r)
		return r;
	in = memory;
	for (int i = 0; i < 100; i++)
		in[i] = waiter->gate;
	return sheaf_map(pool, wait_at_gate, in, sizeof(*in), NULL, 0, 100, &options);
}

static wait_fn *const gathers[] = {wait_next, wait_next_done, wait_gather}, *const calls[] = {wait_apply, wait_for_loop,
											      wait_map};

/* A batch with a task that is at the gate. */
static void start_waiting(struct waiter *waiter, wait_fn *fn)
{
	*waiter = (struct waiter){.fn = fn, .code = 1000, .gate = new_gate(), .batch = new_batch(NULL)};
	expect_done(sheaf_submit(waiter->batch, waiter->position++, wait_at_gate, &waiter->gate, sizeof(waiter->gate)));
	cr_assert_eq(pthread_create(&waiter->thread, NULL, wait_in_thread, waiter), 0);
	gate_await(waiter->gate, 1);
}

static void some_time(void)
{
	for (int i = 0; i < 50; i++)
		nap();
}

/* ---- interrupted ---- */

static void expect_interrupted(struct waiter *waiter)
{
	uint64_t deadline = hang_deadline();

	while (atomic_load(&waiter->code) == 1000 && sheaf_now_ns() < deadline)
		nap();
	cr_assert_eq(atomic_load(&waiter->code), -EINTR, "%d: %s", atomic_load(&waiter->code), waiter->message);
	cr_assert_str_eq(waiter->message, "interrupted by sheaf_pool_interrupt()");
	cr_assert_eq(pthread_join(waiter->thread, NULL), 0);
}

static void expect_nothing_lost(struct waiter *waiter, uint64_t n)
{
	const sheaf_result *results;
	size_t count;

	gate_open(waiter->gate);
	cr_assert_eq(sheaf_gather(waiter->batch, &results, &count, SHEAF_FOREVER), 0, "%s", sheaf_message());
	cr_assert_eq(count, n);
	sheaf_batch_retire(waiter->batch);
}

Test(waits, each_gathering_call_can_be_interrupted_and_made_again)
{
	for (int early = 0; early < 2; early++)
		for (int i = 0; i < 3; i++) {
			struct waiter waiter;

			/* Sooner or later than it begins to wait. */
			if (early)
				expect_done(sheaf_pool_interrupt(pool));
			start_waiting(&waiter, gathers[i]);
			if (!early)
				some_time();
			if (!early)
				expect_done(sheaf_pool_interrupt(pool));
			expect_interrupted(&waiter);
			expect_nothing_lost(&waiter, 1);
		}
}

Test(waits, a_submitter_that_waits_for_room_can_be_interrupted)
{
	struct waiter waiter;

	start_waiting(&waiter, wait_submit);
	some_time();
	expect_done(sheaf_pool_interrupt(pool));
	expect_interrupted(&waiter);
	/* The position that was refused. */
	gate_open(waiter.gate);
	expect_done(sheaf_submit(waiter.batch, waiter.position, do_nothing, NULL, 0));
	expect_nothing_lost(&waiter, waiter.position + 1);
}

Test(waits, join_can_be_interrupted)
{
	struct waiter waiter = {.fn = wait_join, .code = 1000, .gate = new_gate(), .batch = new_batch(NULL)};

	expect_done(sheaf_submit(waiter.batch, 0, wait_at_gate, &waiter.gate, sizeof(waiter.gate)));
	expect_done(sheaf_pool_close(pool));
	cr_assert_eq(pthread_create(&waiter.thread, NULL, wait_in_thread, &waiter), 0);
	gate_await(waiter.gate, 1);
	expect_done(sheaf_pool_interrupt(pool));
	expect_interrupted(&waiter);
	gate_open(waiter.gate);
	expect_done(sheaf_pool_join(pool, SHEAF_FOREVER));
}

Test(waits, calls_that_fan_out_and_wait_can_be_interrupted)
{
	for (int i = 0; i < 3; i++) {
		struct waiter waiter;

		start_waiting(&waiter, calls[i]);
		gate_await(waiter.gate, 2);
		expect_done(sheaf_pool_interrupt(pool));
		/* They have their workers killed, if those do not end their tasks. */
		expect_interrupted(&waiter);
		expect_nothing_lost(&waiter, 1);
		expect_pool_works(100);
	}
}

Test(waits, an_interruption_is_told_once_where_nobody_waited)
{
	sheaf_batch *batch = new_batch(NULL);
	struct gate *gate = new_gate();
	sheaf_result result;

	expect_done(sheaf_pool_interrupt(pool));
	expect_done(sheaf_pool_interrupt(pool));
	expect_done(sheaf_submit(batch, 0, wait_at_gate, &gate, sizeof(gate)));
	/* A caller that only polls does not wait. */
	expect_failure(sheaf_next(batch, &result, 0), -EAGAIN, "not done yet");
	expect_failure(sheaf_next(batch, &result, SHEAF_FOREVER), -EINTR, "interrupted");
	expect_failure(sheaf_next(batch, &result, sheaf_now_ns() + 1000000), -ETIMEDOUT, "the deadline passed");
	gate_open(gate);
	cr_assert_eq(sheaf_next(batch, &result, SHEAF_FOREVER), 1);
}

Test(waits, all_that_wait_are_told_once)
{
	struct waiter waiters[3];

	for (int i = 0; i < 2; i++)
		start_waiting(&waiters[i], gathers[i]);
	/* Both workers are at gates: this one waits behind them. */
	waiters[2] = (struct waiter){.fn = wait_gather, .code = 1000, .batch = new_batch(NULL)};
	expect_done(sheaf_submit(waiters[2].batch, 0, do_nothing, NULL, 0));
	cr_assert_eq(pthread_create(&waiters[2].thread, NULL, wait_in_thread, &waiters[2]), 0);
	some_time();
	expect_done(sheaf_pool_interrupt(pool));
	for (int i = 0; i < 3; i++)
		expect_interrupted(&waiters[i]);
	gate_open(waiters[0].gate);
	gate_open(waiters[1].gate);
	expect_pool_works(100);
}

static void on_signal(int signal)
{
	(void)signal;
	sheaf_pool_interrupt(pool);
}

Test(waits, a_signal_handler_may_interrupt)
{
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART}, before_it;
	struct waiter waiter;

	cr_assert_eq(sigaction(SIGINT, &action, &before_it), 0);
	for (int i = 0; i < 3; i++) {
		start_waiting(&waiter, gathers[i]);
		cr_assert_eq(pthread_kill(waiter.thread, SIGINT), 0);
		expect_interrupted(&waiter);
		expect_nothing_lost(&waiter, 1);
	}
	cr_assert_eq(sigaction(SIGINT, &before_it, NULL), 0);
	expect_failure(sheaf_pool_interrupt(NULL), -EINVAL, "");
}

/* ---- deadlines of whole calls ---- */

Test(waits, a_call_gives_up_at_its_deadline)
{
	for (int i = 0; i < 3; i++) {
		struct waiter waiter = {.gate = new_gate(), .deadline_ns = sheaf_now_ns() + 20000000};

		expect_failure(calls[i](&waiter), -ETIME, "options.deadline_ns passed before all positions were done");
		expect_pool_works(100);
	}
}

static void *open_later(void *gate)
{
	some_time();
	gate_open(gate);
	return NULL;
}

Test(waits, threads_are_waited_for_at_a_deadline)
{
	end();
	start(&(sheaf_pool_options){.workers = 2, .heap_size = 16 << 20, .backend = SHEAF_THREADS});
	for (int i = 0; i < 3; i++) {
		struct waiter waiter = {.gate = new_gate(), .deadline_ns = 1};
		pthread_t opener;
		int r;

		cr_assert_eq(pthread_create(&opener, NULL, open_later, waiter.gate), 0);
		/* All is done only if this thread checks late. */
		if ((r = calls[i](&waiter)))
			expect_failure(r, -ETIME, "options.deadline_ns passed");
		cr_assert_eq(pthread_join(opener, NULL), 0);
		expect_pool_works(100);
	}
}

Test(waits, a_caller_that_works_gives_up_at_its_deadline)
{
	struct waiter waiter = {.gate = new_gate(), .deadline_ns = 1, .caller_works = true};

	/* Were it to run a position, it would wait at the gate. */
	expect_failure(wait_for_loop(&waiter), -ETIME, "sheaf_for: options.deadline_ns passed");
	expect_done(sheaf_pool_interrupt(pool));
	waiter.deadline_ns = 0;
	expect_failure(wait_for_loop(&waiter), -EINTR, "interrupted");
	gate_open(waiter.gate);
	expect_done(wait_for_loop(&waiter));
}

Test(waits, a_call_that_waits_for_room_gives_up_at_its_deadline)
{
	struct waiter waiter;

	start_waiting(&waiter, wait_submit);
	for (int i = 0; i < 3; i++) {
		struct waiter other = {.gate = waiter.gate, .deadline_ns = sheaf_now_ns() + 1000000};

		expect_failure(calls[i](&other), -ETIME, "options.deadline_ns passed");
	}
	expect_done(sheaf_pool_interrupt(pool));
	expect_interrupted(&waiter);
	expect_nothing_lost(&waiter, waiter.position);
}

Test(waits, a_call_that_ends_before_its_deadline_returns_what_it_would)
{
	uint64_t later = sheaf_now_ns() + 1000000000000;
	sheaf_map_options options = {.deadline_ns = later, .task_timeout_ns = 10000000};
	struct gate *gate = new_gate();
	int r;

	/* A position that was over its limit is told apart from the call's deadline. */
	r = sheaf_apply(pool, wait_at_gate, &gate, sizeof(gate), NULL, 0, &options);
	expect_failure(r, -ETIMEDOUT, "position 0");
	options.deadline_ns = SHEAF_FOREVER;
	expect_done(sheaf_apply(pool, do_nothing, NULL, 0, NULL, 0, &options));
	options.deadline_ns = later;
	expect_done(sheaf_map(pool, do_nothing, NULL, 0, NULL, 0, 100, &options));
	expect_failure(sheaf_submit_map(new_batch(NULL), do_nothing, NULL, 0, NULL, 0, 100, &options), -EINVAL, "deadline_ns");
}

/* ---- cancelled ---- */

/* The address sanitizer takes the frames of a thread that was cancelled for damaged ones. */
#if !defined(__SANITIZE_ADDRESS__)

static void cancel(struct waiter *waiter)
{
	void *returned;

	cr_assert_eq(pthread_cancel(waiter->thread), 0);
	cr_assert_eq(pthread_join(waiter->thread, &returned), 0);
	cr_assert_eq(returned, PTHREAD_CANCELED);
}

Test(waits, a_batch_works_after_its_gatherer_was_cancelled)
{
	for (int i = 0; i < 3; i++) {
		struct waiter waiter;

		start_waiting(&waiter, gathers[i]);
		some_time();
		cancel(&waiter);
		expect_done(sheaf_submit(waiter.batch, 7, do_nothing, NULL, 0));
		expect_nothing_lost(&waiter, 2);
	}
}

Test(waits, a_batch_works_after_its_submitter_was_cancelled)
{
	struct waiter waiter;

	start_waiting(&waiter, wait_submit);
	some_time();
	cancel(&waiter);
	gate_open(waiter.gate);
	expect_done(sheaf_submit(waiter.batch, waiter.position, do_nothing, NULL, 0));
	expect_nothing_lost(&waiter, waiter.position + 1);
}

Test(waits, a_call_that_is_cancelled_leaves_no_batch)
{
	end();
	start(&(sheaf_pool_options){.workers = 2, .max_batches = 2, .heap_size = 16 << 20});
	for (int i = 0; i < 3; i++) {
		struct waiter waiter;

		start_waiting(&waiter, calls[i]);
		gate_await(waiter.gate, 2);
		some_time();
		cancel(&waiter);
		expect_nothing_lost(&waiter, 1);
		sheaf_batch_retire(new_batch(NULL));
		expect_pool_works(100);
	}
}

Test(waits, a_pool_can_be_joined_after_a_joiner_was_cancelled)
{
	struct waiter waiter = {.fn = wait_join, .code = 1000, .gate = new_gate(), .batch = new_batch(NULL)};

	expect_done(sheaf_submit(waiter.batch, 0, wait_at_gate, &waiter.gate, sizeof(waiter.gate)));
	expect_done(sheaf_pool_close(pool));
	cr_assert_eq(pthread_create(&waiter.thread, NULL, wait_in_thread, &waiter), 0);
	gate_await(waiter.gate, 1);
	cancel(&waiter);
	gate_open(waiter.gate);
	expect_done(sheaf_pool_join(pool, SHEAF_FOREVER));
}
#endif
