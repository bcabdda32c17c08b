/*
 * test_cancel.c - cancel one position, all, or those after a failure; of submitted tasks, of maps
 * and of loops.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "pools.h"
#include "pool/pool.h"
#include "support/deadline.h"
#include "work/failure.h"

#define MANY 1000

static void set_up(void)
{
	begin();
	start_workers(2);
}

TestSuite(cancel, .init = set_up, .fini = end);

static const sheaf_batch_options of_8 = {.result_size = 8};

static void submit_at_gate(sheaf_batch *batch, uint64_t position, struct gate *gate)
{
	expect_done(sheaf_submit(batch, position, wait_at_gate, &gate, sizeof(gate)));
}

/* Keep both workers busy at the gate, in positions 0 and 1. */
static void occupy(sheaf_batch *batch, struct gate *gate)
{
	submit_at_gate(batch, 0, gate);
	submit_at_gate(batch, 1, gate);
	gate_await(gate, 2);
}

static void expect_never_ran(const sheaf_result *result)
{
	cr_assert_eq(result->status, -ECANCELED, "position %llu: %d", (unsigned long long)result->position, result->status);
	cr_assert_eq(result->attempts, 0);
	cr_assert_eq(result->worker, -1);
	cr_assert_eq(result->signal, 0);
	cr_assert_null(result->data);
	cr_assert_str_eq(result->message, "the position was cancelled");
}

static void expect_killed(const sheaf_result *result)
{
	cr_assert_eq(result->status, -ECANCELED, "%d: %s", result->status, result->message);
	cr_assert_eq(result->attempts, 1);
	cr_assert_eq(result->signal, SIGKILL);
	cr_assert_not_null(strstr(result->message, "was killed because the position was cancelled"), "%s", result->message);
}

static const sheaf_result *gather(sheaf_batch *batch, size_t wanted, int failed)
{
	const sheaf_result *results;
	size_t n;

	cr_assert_eq(sheaf_gather(batch, &results, &n, SHEAF_FOREVER), failed, "%s", sheaf_message());
	cr_assert_eq(n, wanted);
	return results;
}

static bool can_kill(void)
{
	sheaf_pool_info info;

	expect_done(sheaf_pool_get_info(pool, &info));
	return info.supervisor;
}

/* ---- one submitted task ---- */

Test(cancel, tells_which_of_four_it_was)
{
	sheaf_batch *batch = new_batch(&of_8), *other = new_batch(&of_8);
	struct gate *gate = new_gate(), *shut = new_gate();
	const sheaf_result *results;
	bool kills = can_kill();

	expect_done(sheaf_submit(other, 7, mix_position, NULL, 0));
	gather(other, 1, 0);
	cr_assert_eq(sheaf_cancel(other, 7, 0), SHEAF_WAS_DONE);
	cr_assert_eq(sheaf_cancel(other, 7, SHEAF_KILL), SHEAF_WAS_DONE);

	submit_at_gate(batch, 0, gate);
	submit_at_gate(batch, 1, shut);
	gate_await(gate, 1);
	gate_await(shut, 1);
	submit_at_gate(batch, 2, gate);
	cr_assert_eq(sheaf_cancel(batch, 2, 0), SHEAF_NEVER_RAN);
	cr_assert_eq(sheaf_cancel(batch, 2, 0), SHEAF_WAS_DONE);
	cr_assert_eq(sheaf_cancel(batch, 0, 0), SHEAF_RUNS_ON);
	cr_assert_eq(sheaf_cancel(batch, 0, 0), SHEAF_RUNS_ON);
	cr_assert_eq(sheaf_cancel(batch, 1, SHEAF_KILL), kills ? SHEAF_WAS_KILLED : SHEAF_RUNS_ON, "%s", sheaf_message());
	gate_open(gate);
	gate_open(shut);
	results = gather(batch, 3, kills ? 2 : 1);
	cr_assert_eq(results[0].status, 0);
	cr_assert_eq(value_of(&results[0]), 0);
	if (kills)
		expect_killed(&results[1]);
	expect_never_ran(&results[2]);
	cr_assert_eq(atomic_load(&gate->arrived), 1);
	cr_assert_eq(atomic_load(&shut->arrived), 1);
	expect_pool_works(MANY);
}

Test(cancel, from_the_middle_of_the_queue)
{
	sheaf_batch *batch = new_batch(&of_8);
	struct gate *gate = new_gate();
	const sheaf_result *results;

	occupy(batch, gate);
	for (uint64_t p = MANY; p > 2; p--)
		expect_done(sheaf_submit(batch, p, mix_position, NULL, 0));
	for (uint64_t p = 3; p <= MANY; p += 3)
		cr_assert_eq(sheaf_cancel(batch, p, 0), SHEAF_NEVER_RAN);
	gate_open(gate);
	results = gather(batch, MANY, MANY / 3);
	for (size_t i = 2; i < MANY; i++)
		if (results[i].position % 3)
			cr_assert_eq(value_of(&results[i]), mix(results[i].position));
		else
			expect_never_ran(&results[i]);
}

Test(cancel, refuses_what_there_is_not)
{
	sheaf_batch *batch = new_batch(&of_8), *map = new_batch(NULL), *retired = new_batch(NULL);

	expect_failure(sheaf_cancel(NULL, 0, 0), -EINVAL, "sheaf_cancel: batch is NULL");
	expect_failure(sheaf_batch_cancel(NULL, 0), -EINVAL, "sheaf_batch_cancel: batch is NULL");
	expect_failure(sheaf_cancel(batch, 0, 2), -EINVAL, "sheaf_cancel: flags is 0x2");
	expect_failure(sheaf_batch_cancel(batch, 4), -EINVAL, "sheaf_batch_cancel: flags is 0x4");
	expect_failure(sheaf_cancel(batch, 0, 0), -ENOENT, "the batch has no position 0");
	expect_done(sheaf_submit(batch, 5, mix_position, NULL, 0));
	expect_failure(sheaf_cancel(batch, 4, SHEAF_KILL), -ENOENT, "the batch has no position 4");
	expect_done(sheaf_submit(batch, 3, mix_position, NULL, 0));
	expect_failure(sheaf_cancel(batch, 4, 0), -ENOENT, "the batch has no position 4");
	expect_done(sheaf_submit_map(map, do_nothing, NULL, 0, NULL, 0, 10, NULL));
	expect_failure(sheaf_cancel(map, 10, 0), -ENOENT, "the batch has no position 10");
	sheaf_batch_retire(retired);
	expect_failure(sheaf_cancel(retired, 0, 0), -EINVAL, "retired");
	expect_failure(sheaf_batch_cancel(retired, 0), -EINVAL, "retired");
	gather(batch, 2, 0);
	gather(map, 10, 0);
}

Test(cancel, refuses_a_wrong_on_error)
{
	sheaf_batch *batch;

	expect_failure(sheaf_batch_create(&batch, pool, &(sheaf_batch_options){.on_error = (enum sheaf_on_error)2}), -EINVAL,
		       "options.on_error is 2");
	expect_failure(
		sheaf_map(pool, do_nothing, NULL, 0, NULL, 0, 1, &(sheaf_map_options){.on_error = (enum sheaf_on_error)7}),
		-EINVAL, "options.on_error is 7");
}

/* A task that dies in its first run, after it was told to go on. */
static int die_at_gate(sheaf_task *task, const void *arg, void *result)
{
	(void)result;
	wait_at_gate(task, arg, NULL);
	kill(getpid(), SIGKILL);
	return 0;
}

Test(cancel, a_cancelled_task_whose_worker_dies_does_not_run_again)
{
	sheaf_batch *batch = new_batch(&of_8);
	struct gate *gate = new_gate();
	const sheaf_result *results;

	if (!can_kill())
		skip("threads cannot die");
	expect_done(sheaf_submit(batch, 0, die_at_gate, &gate, sizeof(gate)));
	gate_await(gate, 1);
	cr_assert_eq(sheaf_cancel(batch, 0, 0), SHEAF_RUNS_ON);
	gate_open(gate);
	results = gather(batch, 1, 1);
	expect_killed(&results[0]);
	cr_assert_eq(atomic_load(&gate->arrived), 1);
}

static int wait_to_be_cancelled(sheaf_task *task, const void *arg, void *result)
{
	uint64_t deadline = hang_deadline();
	struct gate *gate;

	(void)result;
	memcpy(&gate, arg, sizeof(gate));
	if (sheaf_task_cancelled(task))
		return -EINVAL;
	atomic_fetch_add(&gate->arrived, 1);
	while (!sheaf_task_cancelled(task))
		if (sheaf_now_ns() > deadline)
			return -ETIME;
	return sheaf_task_fail(task, -ECANCELED, "so I was told");
}

Test(cancel, a_task_can_ask)
{
	sheaf_batch *batch = new_batch(&of_8), *all = new_batch(&of_8);
	struct gate *gate = new_gate();
	const sheaf_result *results;

	expect_done(sheaf_submit(batch, 0, wait_to_be_cancelled, &gate, sizeof(gate)));
	expect_done(sheaf_submit(all, 0, wait_to_be_cancelled, &gate, sizeof(gate)));
	gate_await(gate, 2);
	cr_assert_eq(sheaf_cancel(batch, 0, 0), SHEAF_RUNS_ON);
	expect_done(sheaf_batch_cancel(all, 0));
	results = gather(batch, 1, 1);
	cr_assert_eq(results[0].status, -ECANCELED);
	cr_assert_str_eq(results[0].message, "so I was told");
	results = gather(all, 1, 1);
	cr_assert_str_eq(results[0].message, "so I was told");
}

/* ---- a whole batch ---- */

Test(cancel, a_whole_batch)
{
	sheaf_batch *batch = new_batch(&of_8), *after = new_batch(&of_8);
	struct gate *gate = new_gate();
	const sheaf_result *results;
	sheaf_progress progress;

	occupy(batch, gate);
	for (uint64_t p = 2; p < MANY; p++)
		expect_done(sheaf_submit(batch, p, mix_position, NULL, 0));
	expect_done(sheaf_submit(after, 0, mix_position, NULL, 0));
	expect_done(sheaf_batch_cancel(batch, 0));
	expect_done(sheaf_batch_cancel(batch, 0));
	expect_failure(sheaf_submit(batch, MANY, mix_position, NULL, 0), -ECANCELED, "the batch was cancelled");
	expect_failure(sheaf_submit_map(batch, do_nothing, NULL, 0, NULL, 0, 1, NULL), -ECANCELED, "the batch was cancelled");
	expect_done(sheaf_batch_get_progress(batch, &progress));
	cr_assert_eq(progress.done, MANY - 2, "%llu", (unsigned long long)progress.done);
	gate_open(gate);
	results = gather(batch, MANY, MANY - 2);
	for (size_t i = 0; i < 2; i++)
		cr_assert_eq(value_of(&results[i]), i);
	for (size_t i = 2; i < MANY; i++)
		expect_never_ran(&results[i]);
	results = gather(after, 1, 0);
	cr_assert_eq(value_of(&results[0]), mix(0));
}

/* A gatherer of a batch that was cancelled need not wait for a worker. */
static void cancel_and_take(int (*take)(sheaf_batch *, sheaf_result *, uint64_t))
{
	sheaf_batch *busy = new_batch(&of_8), *batch = new_batch(&of_8);
	struct gate *gate = new_gate();
	sheaf_result result;

	occupy(busy, gate);
	for (uint64_t p = 0; p < 10; p++)
		expect_done(sheaf_submit(batch, p, mix_position, NULL, 0));
	cr_assert_eq(take(batch, &result, 0), -EAGAIN);
	expect_done(sheaf_batch_cancel(batch, 0));
	for (uint64_t p = 0; p < 10; p++) {
		cr_assert_eq(take(batch, &result, SHEAF_FOREVER), 1);
		cr_assert_eq(result.position, p);
		expect_never_ran(&result);
	}
	cr_assert_eq(take(batch, &result, SHEAF_FOREVER), 0);
	gate_open(gate);
	gather(busy, 2, 0);
}

Test(cancel, by_position_while_no_worker_is_free)
{
	cancel_and_take(sheaf_next);
}

Test(cancel, by_completion_while_no_worker_is_free)
{
	cancel_and_take(sheaf_next_done);
}

static void *cancel_later(void *context)
{
	nap();
	expect_done(sheaf_batch_cancel(context, 0));
	return NULL;
}

Test(cancel, wakes_a_gatherer_that_sleeps)
{
	sheaf_batch *busy = new_batch(&of_8), *batch = new_batch(&of_8);
	struct gate *gate = new_gate();
	pthread_t thread;

	occupy(busy, gate);
	for (uint64_t p = 0; p < 10; p++)
		expect_done(sheaf_submit(batch, p, mix_position, NULL, 0));
	cr_assert_eq(pthread_create(&thread, NULL, cancel_later, batch), 0);
	gather(batch, 10, 10);
	pthread_join(thread, NULL);
	gate_open(gate);
	gather(busy, 2, 0);
}

Test(cancel, a_batch_and_kill)
{
	sheaf_batch *batch = new_batch(&of_8), *other = new_batch(&of_8);
	struct gate *gate = new_gate(), *open = new_gate();
	const sheaf_result *results;

	if (!can_kill())
		skip("threads cannot be killed");
	submit_at_gate(batch, 0, gate);
	submit_at_gate(other, 0, open);
	gate_await(gate, 1);
	gate_await(open, 1);
	submit_at_gate(batch, 1, gate);
	expect_done(sheaf_batch_cancel(batch, SHEAF_KILL));
	results = gather(batch, 2, 2);
	expect_killed(&results[0]);
	expect_never_ran(&results[1]);
	gate_open(open);
	results = gather(other, 1, 0);
	cr_assert_eq(results[0].attempts, 1);
	expect_pool_works(MANY);
}

Test(cancel, of_an_empty_batch)
{
	sheaf_batch *batch = new_batch(NULL);

	expect_done(sheaf_batch_cancel(batch, SHEAF_KILL));
	gather(batch, 0, 0);
	expect_failure(sheaf_submit_map(batch, do_nothing, NULL, 0, NULL, 0, 1, NULL), -ECANCELED, "the batch was cancelled");
}

Test(cancel, a_full_ring_gets_room)
{
	sheaf_batch *busy, *batch;
	struct gate *gate;

	end();
	begin();
	start(&(sheaf_pool_options){.workers = 2, .ring_size = 8, .heap_size = 64 << 20});
	busy = new_batch(&of_8);
	batch = new_batch(&(sheaf_batch_options){.result_size = 8, .flags = SHEAF_NONBLOCK});
	gate = new_gate();
	occupy(busy, gate);
	for (uint64_t p = 0; p < 6; p++)
		expect_done(sheaf_submit(batch, p, mix_position, NULL, 0));
	cr_assert_eq(sheaf_submit(batch, 6, mix_position, NULL, 0), -EAGAIN);
	expect_done(sheaf_batch_cancel(batch, 0));
	gather(batch, 6, 6);
	sheaf_batch_retire(batch);
	batch = new_batch(&(sheaf_batch_options){.result_size = 8, .flags = SHEAF_NONBLOCK});
	for (uint64_t p = 0; p < 6; p++)
		expect_done(sheaf_submit(batch, p, mix_position, NULL, 0));
	gate_open(gate);
	gather(batch, 6, 0);
	gather(busy, 2, 0);
}

/* ---- after a failure ---- */

static int fail_at_five(sheaf_task *task, const void *arg, void *result)
{
	(void)arg;
	(void)result;
	return sheaf_task_position(task) == 5 ? sheaf_task_fail(task, -EDOM, "five") : 0;
}

Test(cancel, the_rest_after_a_failure)
{
	sheaf_batch *batch = new_batch(&(sheaf_batch_options){.on_error = SHEAF_CANCEL_REST});
	sheaf_batch *busy = new_batch(&of_8);
	struct gate *gate = new_gate();
	const sheaf_result *results;
	size_t cancelled = 0;

	/* One worker runs the batch, in its order. */
	submit_at_gate(busy, 0, gate);
	gate_await(gate, 1);
	for (uint64_t p = 0; p < MANY; p++) {
		int r = sheaf_submit(batch, p, fail_at_five, NULL, 0);

		cr_assert(r == 0 || r == -ECANCELED, "%s", sheaf_message());
		if (r)
			break;
	}
	while (sheaf_gather(batch, &results, &cancelled, SHEAF_FOREVER) < 1)
		;
	cr_assert_eq(strncmp(sheaf_message(), "position 5: five", 16), 0, "%s", sheaf_message());
	for (size_t i = 0; i < 5; i++)
		cr_assert_eq(results[i].status, 0);
	cr_assert_eq(results[5].status, -EDOM);
	cr_assert_str_eq(results[5].message, "five");
	for (size_t i = 6; i < cancelled; i++)
		expect_never_ran(&results[i]);
	gate_open(gate);
	gather(busy, 1, 0);
}

static int fail_at_fifty(sheaf_task *task, const void *arg, void *result)
{
	_Atomic uint64_t *runs;

	(void)result;
	memcpy(&runs, arg, sizeof(runs));
	atomic_fetch_add(runs, 1);
	return sheaf_task_position(task) == 50 ? sheaf_task_fail(task, -EDOM, "fifty") : 0;
}

static _Atomic uint64_t *new_counter(void)
{
	void *memory;

	expect_done(sheaf_alloc(pool, 8, &memory));
	return memory;
}

Test(cancel, the_rest_of_a_map_after_a_failure)
{
	_Atomic uint64_t *runs = new_counter();
	void *in;
	const size_t n = 1 << 20;

	expect_done(sheaf_alloc_array(pool, n, 8, &in));
	for (size_t i = 0; i < n; i++)
		((_Atomic uint64_t **)in)[i] = runs;
	expect_failure(sheaf_map(pool, fail_at_fifty, in, 8, NULL, 0, n, &(sheaf_map_options){.on_error = SHEAF_CANCEL_REST}),
		       -EDOM, "position 50: fifty");
	cr_assert_lt(atomic_load(runs), n);
	expect_failure(sheaf_map(pool, fail_at_fifty, in, 8, NULL, 0, n,
				 &(sheaf_map_options){.on_error = SHEAF_CANCEL_REST, .caller_works = true}),
		       -EDOM, "position 50: fifty");
	atomic_store(runs, 0);
	expect_failure(sheaf_map(pool, fail_at_fifty, in, 8, NULL, 0, n, NULL), -EDOM, "position 50: fifty");
	cr_assert_eq(atomic_load(runs), n);
}

static int fail_range(sheaf_task *task, size_t begin, size_t end, void *context)
{
	atomic_fetch_add((_Atomic uint64_t *)context, end - begin);
	return begin == 0 ? sheaf_task_fail(task, -EDOM, "the first") : 0;
}

Test(cancel, the_rest_of_a_loop_after_a_failure)
{
	_Atomic uint64_t *runs = new_counter();

	expect_failure(
		sheaf_for(pool, fail_range, runs, 1 << 20, &(sheaf_map_options){.on_error = SHEAF_CANCEL_REST, .grain = 16}),
		-EDOM, "the first");
	cr_assert_lt(atomic_load(runs), 1 << 20);
}

static int die_at_five(sheaf_task *task, const void *arg, void *result)
{
	(void)arg;
	(void)result;
	if (sheaf_task_position(task) == 5)
		raise(SIGKILL);
	return 0;
}

Test(cancel, the_rest_after_a_death)
{
	const sheaf_batch_options options = {.on_error = SHEAF_CANCEL_REST, .max_attempts = 1};
	sheaf_batch *batch, *map;
	const sheaf_result *results;
	size_t n;

	if (!can_kill())
		skip("threads cannot die");
	batch = new_batch(&options);
	for (uint64_t p = 0; p < 6; p++)
		expect_done(sheaf_submit(batch, p, die_at_five, NULL, 0));
	cr_assert_geq(sheaf_gather(batch, &results, &n, SHEAF_FOREVER), 1);
	cr_assert_eq(results[5].status, -ECHILD, "%s", results[5].message);
	map = new_batch(&options);
	expect_done(sheaf_submit_map(map, die_at_five, NULL, 0, NULL, 0, MANY, &(sheaf_map_options){.grain = 10}));
	cr_assert_geq(sheaf_gather(map, &results, &n, SHEAF_FOREVER), 1);
	cr_assert_eq(n, MANY);
	for (size_t i = 0; i < n; i++)
		cr_assert(results[i].status == 0 || results[i].status == -ECANCELED || (i == 5 && results[i].status == -ECHILD),
			  "%zu: %d", i, results[i].status);
	cr_assert_eq(results[5].status, -ECHILD, "%s", results[5].message);
}

struct blocked {
	sheaf_batch *batch;
	uint64_t position;
	int r;
};

static void *submit_until_full(void *context)
{
	struct blocked *blocked = context;

	while (!(blocked->r = sheaf_submit(blocked->batch, blocked->position, mix_position, NULL, 0)))
		blocked->position++;
	return NULL;
}

Test(cancel, wakes_a_submitter_that_waits_for_room)
{
	struct blocked blocked = {.position = 1};
	sheaf_progress progress = {0};
	pthread_t thread;
	struct gate *gate;

	end();
	start(&(sheaf_pool_options){.workers = 1, .ring_size = 4, .heap_size = 64 << 20});
	gate = new_gate();
	blocked.batch = new_batch(&of_8);
	submit_at_gate(blocked.batch, 0, gate);
	gate_await(gate, 1);
	cr_assert_eq(pthread_create(&thread, NULL, submit_until_full, &blocked), 0);
	while (progress.total < 4)
		expect_done(sheaf_batch_get_progress(blocked.batch, &progress));
	expect_done(sheaf_batch_cancel(blocked.batch, 0));
	cr_assert_eq(pthread_join(thread, NULL), 0);
	cr_assert_eq(blocked.r, -ECANCELED);
	gate_open(gate);
	gather(blocked.batch, 4, 3);
}

/* ---- maps and loops ---- */

/* Items stop at the gate, and count. */
static int count_at_gate(sheaf_task *task, const void *arg, void *result)
{
	(void)task;
	(void)result;
	return wait_at_gate(task, arg, NULL);
}

static struct gate **items_at(struct gate *gate, size_t n)
{
	void *in;

	expect_done(sheaf_alloc_array(pool, n, sizeof(gate), &in));
	for (size_t i = 0; i < n; i++)
		((struct gate **)in)[i] = gate;
	return in;
}

Test(cancel, a_map_stops_between_two_items)
{
	sheaf_batch *batch = new_batch(NULL);
	struct gate *gate = new_gate();
	const sheaf_result *results;
	sheaf_progress progress;
	size_t n, done = 0;

	expect_done(sheaf_submit_map(batch, count_at_gate, items_at(gate, MANY), sizeof(gate), NULL, 0, MANY,
				     &(sheaf_map_options){.grain = 100}));
	gate_await(gate, 2);
	expect_done(sheaf_batch_cancel(batch, 0));
	expect_done(sheaf_batch_get_progress(batch, &progress));
	cr_assert_eq(progress.done, MANY - 200, "%llu", (unsigned long long)progress.done);
	gate_open(gate);
	cr_assert_gt(sheaf_gather(batch, &results, &n, SHEAF_FOREVER), 0);
	cr_assert_eq(atomic_load(&gate->arrived), 2);
	for (size_t i = 0; i < MANY; i++)
		if (results[i].status)
			expect_never_ran(&results[i]);
		else
			done++;
	cr_assert_eq(done, (size_t)atomic_load(&gate->arrived));
}

Test(cancel, a_map_from_a_position_on)
{
	sheaf_batch *batch = new_batch(NULL);
	struct gate *gate = new_gate();
	const sheaf_result *results;

	expect_done(sheaf_submit_map(batch, count_at_gate, items_at(gate, MANY), sizeof(gate), NULL, 0, MANY,
				     &(sheaf_map_options){.grain = 10}));
	gate_await(gate, 2);
	cr_assert_eq(sheaf_cancel(batch, 705, 0), SHEAF_NEVER_RAN);
	cr_assert_eq(sheaf_cancel(batch, 995, 0), SHEAF_WAS_DONE);
	cr_assert_eq(sheaf_cancel(batch, 700, 0), SHEAF_NEVER_RAN);
	gate_open(gate);
	results = gather(batch, MANY, 300);
	for (size_t i = 0; i < MANY; i++)
		if (i >= 700)
			expect_never_ran(&results[i]);
		else
			cr_assert_eq(results[i].status, 0, "%zu", i);
	cr_assert_eq(atomic_load(&gate->arrived), 700);
	cr_assert_eq(sheaf_cancel(batch, 0, 0), SHEAF_WAS_DONE);
}

Test(cancel, a_map_in_the_middle_of_a_chunk)
{
	sheaf_batch *batch = new_batch(NULL), *busy = new_batch(&of_8);
	struct gate *gate = new_gate(), *open = new_gate();

	gate_open(open);
	occupy(busy, gate);
	expect_done(sheaf_submit_map(batch, count_at_gate, items_at(open, MANY), sizeof(gate), NULL, 0, MANY,
				     &(sheaf_map_options){.grain = 100}));
	cr_assert_eq(sheaf_cancel(batch, 250, 0), SHEAF_NEVER_RAN);
	gate_open(gate);
	gather(batch, MANY, MANY - 250);
	cr_assert_eq(atomic_load(&open->arrived), 250);
	gather(busy, 2, 0);
}

Test(cancel, a_map_and_kill)
{
	sheaf_batch *batch = new_batch(NULL);
	struct gate *gate = new_gate();
	const sheaf_result *results;
	size_t killed = 0;

	if (!can_kill())
		skip("threads cannot be killed");
	expect_done(sheaf_submit_map(batch, count_at_gate, items_at(gate, MANY), sizeof(gate), NULL, 0, MANY,
				     &(sheaf_map_options){.grain = 10}));
	gate_await(gate, 2);
	cr_assert_eq(sheaf_cancel(batch, 0, SHEAF_KILL), SHEAF_WAS_KILLED, "%s", sheaf_message());
	results = gather(batch, MANY, MANY);
	for (size_t i = 0; i < MANY; i++)
		if (results[i].signal) {
			expect_killed(&results[i]);
			killed++;
		} else {
			expect_never_ran(&results[i]);
		}
	cr_assert_eq(killed, 2);
	cr_assert_eq(atomic_load(&gate->arrived), 2);
	expect_pool_works(MANY);
}

/* The worker has the chunk, and is not as far as what is cancelled. */
Test(cancel, a_map_ahead_of_a_worker)
{
	sheaf_batch *batch = new_batch(NULL);
	struct gate *gate = new_gate();

	expect_done(sheaf_submit_map(batch, count_at_gate, items_at(gate, MANY), sizeof(gate), NULL, 0, MANY,
				     &(sheaf_map_options){.grain = MANY}));
	gate_await(gate, 1);
	/* It does not wait for an item that was not cancelled. */
	cr_assert_eq(sheaf_cancel(batch, 700, SHEAF_KILL), SHEAF_RUNS_ON);
	cr_assert_eq(sheaf_cancel(batch, 600, 0), SHEAF_RUNS_ON);
	gate_open(gate);
	gather(batch, MANY, 400);
	cr_assert_eq(atomic_load(&gate->arrived), 600);
}

static int range_at_gate(sheaf_task *task, size_t begin, size_t end, void *context)
{
	(void)task;
	(void)begin;
	(void)end;
	gate_pass(context);
	return 0;
}

Test(cancel, a_loop_and_kill)
{
	sheaf_batch *batch = new_batch(NULL);
	struct gate *gate = new_gate();
	const sheaf_result *results;
	size_t killed = 0;

	if (!can_kill())
		skip("threads cannot be killed");
	expect_done(sheaf_submit_for(batch, range_at_gate, gate, MANY, &(sheaf_map_options){.grain = 10}));
	gate_await(gate, 2);
	expect_done(sheaf_batch_cancel(batch, SHEAF_KILL));
	results = gather(batch, MANY, MANY);
	for (size_t i = 0; i < MANY; i++)
		killed += results[i].signal == SIGKILL;
	cr_assert_eq(killed, 20, "%zu", killed);
	cr_assert_eq(atomic_load(&gate->arrived), 2);
}

/* It is not told where in its range a loop is. */
Test(cancel, a_part_of_a_range)
{
	static const sheaf_map_options one_range = {.grain = MANY};
	sheaf_batch *batch = new_batch(NULL), *other = new_batch(NULL);
	struct gate *gate = new_gate(), *shut = new_gate();
	const sheaf_result *results;

	expect_done(sheaf_submit_for(batch, range_at_gate, gate, MANY, &one_range));
	gate_await(gate, 1);
	cr_assert_eq(sheaf_cancel(batch, 400, 0), SHEAF_RUNS_ON);
	gate_open(gate);
	gather(batch, MANY, 0);
	if (!can_kill())
		return;
	expect_done(sheaf_submit_for(other, range_at_gate, shut, MANY, &one_range));
	gate_await(shut, 1);
	cr_assert_eq(sheaf_cancel(other, 400, SHEAF_KILL), SHEAF_WAS_KILLED);
	gate_open(shut);
	results = gather(other, MANY, MANY - 400);
	for (size_t i = 0; i < MANY; i++)
		if (i >= 400)
			expect_never_ran(&results[i]);
	cr_assert_eq(atomic_load(&shut->arrived), 2);
}

/* Taking part in a map, the owner sees that too. */
static int cancel_own(sheaf_task *task, const void *arg, void *result)
{
	_Atomic uint64_t *runs;

	(void)result;
	memcpy(&runs, arg, sizeof(runs));
	atomic_fetch_add(runs, 1);
	return sheaf_task_position(task) == 0 ? -EDOM : 0;
}

Test(cancel, where_the_caller_works)
{
	_Atomic uint64_t *runs = new_counter();
	void *in;

	expect_done(sheaf_alloc_array(pool, MANY, 8, &in));
	for (size_t i = 0; i < MANY; i++)
		((_Atomic uint64_t **)in)[i] = runs;
	cr_assert_eq(sheaf_map(pool, cancel_own, in, 8, NULL, 0, MANY,
			       &(sheaf_map_options){.on_error = SHEAF_CANCEL_REST, .caller_works = true, .grain = 1}),
		     -EDOM);
	cr_assert_leq(atomic_load(runs), MANY);
	expect_pool_works(MANY);
}

/* ---- with threads ---- */

static void set_up_threads(void)
{
	begin();
	start(&(sheaf_pool_options){.workers = 2, .backend = SHEAF_THREADS, .heap_size = 64 << 20});
}

TestSuite(cancel_threads, .init = set_up_threads, .fini = end);

Test(cancel_threads, are_let_finish)
{
	sheaf_batch *batch = new_batch(&of_8);
	struct gate *gate = new_gate();

	occupy(batch, gate);
	submit_at_gate(batch, 2, gate);
	expect_failure(sheaf_cancel(batch, 0, SHEAF_KILL), -ENOTSUP, "SHEAF_KILL needs a worker that can be killed");
	expect_failure(sheaf_cancel(batch, 2, SHEAF_KILL), -ENOTSUP, "those of this pool are threads (SHEAF_THREADS)");
	expect_failure(sheaf_batch_cancel(batch, SHEAF_KILL), -ENOTSUP, "sheaf_batch_cancel: SHEAF_KILL");
	cr_assert_eq(sheaf_cancel(batch, 0, 0), SHEAF_RUNS_ON);
	cr_assert_eq(sheaf_cancel(batch, 2, 0), SHEAF_NEVER_RAN);
	expect_done(sheaf_batch_cancel(batch, 0));
	gate_open(gate);
	gather(batch, 3, 1);
}

static int cancel_inside(sheaf_task *task, const void *arg, void *result)
{
	const sheaf_result *results;
	sheaf_batch *batch;
	size_t n;
	int r;

	(void)arg;
	(void)result;
	if ((r = sheaf_batch_create(&batch, sheaf_task_pool(task), NULL)) ||
	    (r = sheaf_submit_map(batch, do_nothing, NULL, 0, NULL, 0, 100, &(sheaf_map_options){.grain = 10})))
		return sheaf_task_fail(task, r, "%s", sheaf_message());
	r = sheaf_cancel(batch, 55, 0);
	if (r < 0 || (r = sheaf_gather(batch, &results, &n, SHEAF_FOREVER)) < 0 || r > 45)
		return sheaf_task_fail(task, -EPROTO, "%d: %s", r, sheaf_message());
	for (size_t i = 0; i < 55; i++)
		if (results[i].status)
			return sheaf_task_fail(task, -EPROTO, "position %zu: %d", i, results[i].status);
	return 0;
}

/* It runs the chunk itself of which it has cancelled the end. */
Test(cancel, a_task_cuts_a_map_of_its_own_inside_a_chunk)
{
	for (unsigned i = 0; i < 20; i++)
		expect_done(sheaf_apply(pool, cancel_inside, NULL, 0, NULL, 0, NULL));
}

static struct {
	sheaf_batch *batch;
	int returned;
} refused;

static void *submit_map_now(void *context)
{
	refused.returned = sheaf_submit_map(refused.batch, do_nothing, NULL, 0, NULL, 0, MANY, NULL);
	return context;
}

/* Nothing of a map that was refused holds for the next one in its batch. */
Test(cancel, a_map_that_is_refused_then)
{
	sheaf_batch *busy;
	struct gate *gate;
	pthread_t thread;
	uint64_t sent = 0;
	int r;

	end();
	begin();
	start(&(sheaf_pool_options){.workers = 2, .ring_size = 4});
	busy = new_batch(&(sheaf_batch_options){.flags = SHEAF_NONBLOCK});
	gate = new_gate();
	while (!(r = sheaf_submit(busy, sent, wait_at_gate, &gate, sizeof(gate))))
		sent++;
	cr_assert_eq(r, -EAGAIN);
	refused.batch = new_batch(NULL);
	cr_assert_eq(pthread_create(&thread, NULL, submit_map_now, NULL), 0);
	while ((r = sheaf_cancel(refused.batch, 3, 0)) == -ENOENT)
		nap();
	cr_assert_eq(r, SHEAF_NEVER_RAN);
	expect_done(sheaf_pool_interrupt(pool));
	cr_assert_eq(pthread_join(thread, NULL), 0);
	cr_assert_eq(refused.returned, -EINTR);
	gate_open(gate);
	expect_done(sheaf_submit_map(refused.batch, do_nothing, NULL, 0, NULL, 0, MANY, NULL));
	gather(refused.batch, MANY, 0);
	gather(busy, sent, 0);
}

/* A worker fails a position, and dies before the chunk is published: it runs again. */
Test(cancel, a_failure_that_was_seen_and_did_not_count)
{
	sheaf_batch *batch = new_batch(NULL);
	struct gate *gate = new_gate(), *open = new_gate(), **items = items_at(gate, 2);
	struct region region = {0};
	struct shared_failure record = {.position = 0, .count = 1, .status = -EIO, .attempts = 1, .worker = 0};
	sheaf_result result;

	gate_open(open);
	items[1] = open;
	expect_done(
		sheaf_submit_map(batch, count_at_gate, items, sizeof(*items), NULL, 0, 2, &(sheaf_map_options){.grain = 1}));
	gate_await(gate, 1);
	expect_done(failure_push(&pool->segment, batch->heap_id, batch->shared, &region, &record, ""));
	cr_assert_eq(sheaf_next_done(batch, &result, SHEAF_FOREVER), 1);
	cr_assert_eq(result.position, 1);
	cr_assert(failure_void(&pool->segment, batch->shared, 0, 0, 1));
	gate_open(gate);
	cr_assert_eq(sheaf_next_done(batch, &result, SHEAF_FOREVER), 1);
	cr_assert_eq(result.position, 0);
	cr_assert_eq(result.status, 0);
	sheaf_batch_retire(batch);
}
