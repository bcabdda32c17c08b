/*
 * test_nest.c - tasks that make tasks: how deep, with how few workers, what a death and a time
 * limit in them cost, and what a task may not do with the pool.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "pools.h"
#include "batch/handle.h"
#include "support/deadline.h"

static void set_up(void)
{
	begin();
}

TestSuite(nest, .init = set_up, .fini = end);

static const sheaf_batch_options of_8 = {.result_size = 8};

/* Expect a call in a task to fail with this code, and its message to hold the text. */
static int expect(sheaf_task *task, int code, int wanted, const char *text)
{
	return code == wanted && strstr(sheaf_message(), text) ? 0 : report(task, code ? code : -EPROTO);
}

static uint64_t heap_used(void)
{
	sheaf_pool_info info;

	expect_done(sheaf_pool_get_info(pool, &info));
	return info.heap_used;
}

/* What dead workers have left is freed soon. */
static void await_heap(uint64_t wanted)
{
	uint64_t deadline = hang_deadline();

	while (heap_used() != wanted && sheaf_now_ns() < deadline)
		nap();
	cr_assert_eq(heap_used(), wanted);
}

/* ---- depth and width ---- */

static int fibonacci(sheaf_task *task, const void *arg, void *result)
{
	uint64_t n = *(const uint64_t *)arg, less[2] = {n - 1, n - 2}, sum = 0;
	const sheaf_result *results;
	sheaf_batch *batch;
	size_t count;

	if (n < 2) {
		*(uint64_t *)result = n;
		return 0;
	}
	DO(sheaf_batch_create(&batch, sheaf_task_pool(task), &of_8));
	for (unsigned i = 0; i < 2; i++)
		DO(sheaf_submit(batch, i, fibonacci, &less[i], sizeof(less[i])));
	DO(sheaf_gather(batch, &results, &count, SHEAF_FOREVER));
	for (size_t i = 0; i < count; i++)
		sum += *(const uint64_t *)results[i].data;
	sheaf_batch_retire(batch);
	*(uint64_t *)result = sum;
	return 0;
}

static void expect_fibonacci(uint64_t n, uint64_t wanted)
{
	uint64_t found;

	expect_done(sheaf_apply(pool, fibonacci, &n, sizeof(n), &found, sizeof(found), NULL));
	cr_assert_eq(found, wanted);
}

Test(nest, a_task_makes_tasks_with_any_number_of_workers)
{
	for (unsigned workers = 1; workers < 5; workers++) {
		start_workers(workers);
		expect_fibonacci(16, 987);
		end();
	}
}

Test(nest, a_task_makes_tasks_in_a_pool_of_threads)
{
	for (unsigned workers = 1; workers < 4; workers++) {
		start(&(sheaf_pool_options){.workers = workers, .backend = SHEAF_THREADS});
		expect_fibonacci(16, 987);
		end();
	}
}

static int go_down(sheaf_task *task, const void *arg, void *result)
{
	uint64_t depth = *(const uint64_t *)arg, below = depth - 1;

	*(uint64_t *)result = 1;
	if (depth) {
		DO(sheaf_apply(sheaf_task_pool(task), go_down, &below, sizeof(below), result, 8, NULL));
		++*(uint64_t *)result;
	}
	return 0;
}

Test(nest, no_depth_needs_a_second_worker)
{
	uint64_t depth = 900, found;

	for (unsigned workers = 1; workers < 3; workers++) {
		start_workers(workers);
		expect_done(sheaf_apply(pool, go_down, &depth, sizeof(depth), &found, sizeof(found), NULL));
		cr_assert_eq(found, depth + 1);
		end();
	}
}

Test(nest, more_tasks_may_wait_than_the_ring_has_slots)
{
	uint64_t depth = 300, found;

	for (unsigned workers = 1; workers < 4; workers++) {
		start(&(sheaf_pool_options){.workers = workers, .ring_size = 8});
		expect_done(sheaf_apply(pool, go_down, &depth, sizeof(depth), &found, sizeof(found), NULL));
		cr_assert_eq(found, depth + 1);
		expect_fibonacci(14, 377);
		end();
	}
}

static int many_children(sheaf_task *task, const void *arg, void *result)
{
	const uint64_t count = *(const uint64_t *)arg;
	sheaf_result found;
	sheaf_batch *batch;
	uint64_t sum = 0;
	int r;

	DO(sheaf_batch_create(&batch, sheaf_task_pool(task), &of_8));
	for (uint64_t i = 0; i < count; i++)
		DO(sheaf_submit(batch, i, mix_position, NULL, 0));
	while ((r = sheaf_next(batch, &found, SHEAF_FOREVER)) == 1)
		sum += *(const uint64_t *)found.data;
	DO(r);
	sheaf_batch_retire(batch);
	*(uint64_t *)result = sum;
	return 0;
}

Test(nest, a_task_may_submit_more_than_the_ring_holds)
{
	uint64_t count = 5000, wanted = 0, found;

	for (uint64_t i = 0; i < count; i++)
		wanted += mix(i);
	for (unsigned workers = 1; workers < 4; workers++) {
		start(&(sheaf_pool_options){.workers = workers, .ring_size = 16});
		for (unsigned round = 0; round < 3; round++) {
			expect_done(sheaf_apply(pool, many_children, &count, sizeof(count), &found, sizeof(found), NULL));
			cr_assert_eq(found, wanted);
		}
		end();
	}
}

static int wait_for_several(sheaf_task *task, const void *arg, void *result)
{
	sheaf_pool *mine = sheaf_task_pool(task);
	sheaf_batch *batches[3];
	uint64_t n = 8, sum = 0;
	sheaf_result found;
	int r;

	(void)arg;
	for (unsigned i = 0; i < 3; i++) {
		DO(sheaf_batch_create(&batches[i], mine, &of_8));
		for (uint64_t p = 0; p < 3; p++)
			DO(sheaf_submit(batches[i], p, fibonacci, &n, sizeof(n)));
	}
	while ((r = sheaf_wait(batches, 3, SHEAF_FIRST_DONE, SHEAF_FOREVER)) >= 0 && r < 3) {
		if (sheaf_next_done(batches[r], &found, 0) != 1 || found.status)
			return report(task, -EPROTO);
		sum += *(const uint64_t *)found.data;
	}
	if (r != 3 || sheaf_wait(batches, 3, SHEAF_ALL_DONE, SHEAF_FOREVER) != 3 ||
	    sheaf_wait(batches, 3, SHEAF_FIRST_FAILED, SHEAF_FOREVER) != 3)
		return report(task, r);
	DO(expect(task, sheaf_pool_fd(mine), -EPERM, "only the process that created"));
	DO(expect(task, sheaf_batch_arm(batches[0]), -EPERM, "use sheaf_wait()"));
	*(uint64_t *)result = sum;
	return 0;
}

Test(nest, a_task_waits_for_several_batches)
{
	for (unsigned workers = 1; workers < 4; workers++) {
		uint64_t found;

		start_workers(workers);
		for (unsigned i = 0; i < 5; i++) {
			expect_done(sheaf_apply(pool, wait_for_several, NULL, 0, &found, sizeof(found), NULL));
			cr_assert_eq(found, 9 * 21);
		}
		end();
	}
}

/* The argument says which priority the batch of this task has, and that of its own then. */
static int look_at_priority(sheaf_task *task, const void *arg, void *result)
{
	enum sheaf_priority wanted = *(const enum sheaf_priority *)arg;
	sheaf_batch *inherited, *low;

	(void)result;
	DO(sheaf_batch_create(&inherited, sheaf_task_pool(task), NULL));
	DO(sheaf_batch_create(&low, sheaf_task_pool(task), &(sheaf_batch_options){.priority = SHEAF_LOW}));
	if (inherited->ring != &inherited->segment->rings[wanted] || low->ring != &low->segment->rings[SHEAF_LOW])
		return sheaf_task_fail(task, -EPROTO, "not the ring of priority %d", wanted);
	return 0;
}

static int nest_priority(sheaf_task *task, const void *arg, void *result)
{
	enum sheaf_priority wanted = *(const enum sheaf_priority *)arg, low = SHEAF_LOW;
	const sheaf_map_options options = {.priority = SHEAF_LOW};

	DO(look_at_priority(task, arg, result));
	DO(sheaf_apply(sheaf_task_pool(task), look_at_priority, &wanted, sizeof(wanted), NULL, 0, NULL));
	DO(sheaf_apply(sheaf_task_pool(task), look_at_priority, &low, sizeof(low), NULL, 0, &options));
	return look_at_priority(task, arg, result);
}

Test(nest, nested_work_inherits_the_priority)
{
	static const enum sheaf_priority priorities[] = {SHEAF_NORMAL, SHEAF_HIGH, SHEAF_LOW};

	for (unsigned workers = 1; workers < 4; workers++) {
		start_workers(workers);
		for (unsigned i = 0; i < 3; i++)
			expect_done(sheaf_apply(pool, nest_priority, &priorities[i], sizeof(priorities[i]), NULL, 0,
						&(sheaf_map_options){.priority = priorities[i]}));
		end();
	}
}

static int square_range(sheaf_task *task, size_t begin, size_t end_, void *context)
{
	uint64_t *out;

	(void)task;
	memcpy(&out, context, sizeof(out));
	for (size_t i = begin; i < end_; i++)
		out[i] = i * i;
	return 0;
}

#define ROW 300

/* A row of a table: a map and a loop of its own, in memory of its own. */
static int fill_row(sheaf_task *task, const void *arg, void *result)
{
	sheaf_pool *mine = sheaf_task_pool(task);
	void *in, *out;
	uint64_t *squares = arg ? *(uint64_t *const *)arg : result, sum = 0;

	DO(sheaf_alloc_array(mine, ROW, 8, &in));
	DO(sheaf_alloc_array(mine, ROW, 8, &out));
	DO(sheaf_for(mine, square_range, &in, ROW, &(sheaf_map_options){.context_size = sizeof(in)}));
	DO(sheaf_map(mine, mix_item, in, 8, out, 8, ROW, &(sheaf_map_options){.caller_works = true}));
	for (size_t i = 0; i < ROW; i++)
		sum += ((uint64_t *)out)[i];
	*squares = sum;
	DO(sheaf_free(mine, in));
	DO(sheaf_free(mine, out));
	return 0;
}

Test(nest, maps_and_loops_nest_in_maps)
{
	uint64_t wanted = 0, before_;
	void *out;

	for (uint64_t i = 0; i < ROW; i++)
		wanted += mix(i * i);
	for (unsigned workers = 1; workers < 4; workers++) {
		start_workers(workers);
		expect_done(sheaf_alloc_array(pool, 50, 8, &out));
		before_ = heap_used();
		for (unsigned works = 0; works < 2; works++) {
			expect_done(sheaf_map(pool, fill_row, NULL, 0, out, 8, 50,
					      &(sheaf_map_options){.grain = 1 + works, .caller_works = works}));
			for (unsigned i = 0; i < 50; i++)
				cr_assert_eq(((uint64_t *)out)[i], wanted);
			cr_assert_eq(heap_used(), before_);
		}
		end();
	}
}

static int nest_in_range(sheaf_task *task, size_t begin, size_t end_, void *context)
{
	for (size_t i = begin; i < end_; i++) {
		int r = fill_row(task, NULL, (uint64_t *)context + i);

		if (r)
			return r;
	}
	return 0;
}

Test(nest, loops_nest_in_loops)
{
	void *out;

	start_workers(2);
	expect_done(sheaf_alloc_array(pool, 40, 8, &out));
	expect_done(sheaf_for(pool, nest_in_range, out, 40, NULL));
	for (unsigned i = 1; i < 40; i++)
		cr_assert_eq(((uint64_t *)out)[i], *(uint64_t *)out);
}

Test(nest, a_closed_pool_still_does_what_its_tasks_submit)
{
	for (unsigned workers = 1; workers < 4; workers++) {
		sheaf_batch *batch;
		uint64_t n = 14;
		sheaf_result found;

		start_workers(workers);
		batch = new_batch(&of_8);
		for (uint64_t i = 0; i < 20; i++)
			expect_done(sheaf_submit(batch, i, fibonacci, &n, sizeof(n)));
		expect_done(sheaf_pool_close(pool));
		expect_done(sheaf_pool_join(pool, hang_deadline()));
		for (uint64_t i = 0; i < 20; i++) {
			cr_assert_eq(sheaf_next(batch, &found, SHEAF_FOREVER), 1, "%s", sheaf_message());
			cr_assert_eq(value_of(&found), 377);
		}
		end();
	}
}

/* ---- what a task may not do ---- */

struct bad {
	sheaf_pool *pool;
	sheaf_batch *batch;
};

static int use_pool_badly(sheaf_task *task, const void *arg, void *result)
{
	const struct bad *bad = arg;
	sheaf_pool *mine = sheaf_task_pool(task);
	sheaf_pool_info info;
	sheaf_result found;
	sheaf_batch *batch;

	(void)result;
	if (sheaf_task_pool(NULL) || !strstr(sheaf_message(), "task is NULL") || mine != sheaf_task_pool(task))
		return report(task, -EPROTO);
	DO(expect(task, sheaf_pool_close(mine), -EPERM, "sheaf_pool_close: only the process that created the pool"));
	DO(expect(task, sheaf_pool_terminate(mine), -EPERM, "only the process"));
	DO(expect(task, sheaf_pool_join(mine, 0), -EPERM, "only the process"));
	DO(expect(task, sheaf_pool_get_info(mine, &info), -EPERM, "only the process"));
	sheaf_pool_destroy(mine);
	if (sheaf_pool_interrupt(mine) != -EPERM)
		return report(task, -EPROTO);
	DO(sheaf_batch_create(&batch, mine, NULL));
	DO(sheaf_submit(batch, 7, do_nothing, NULL, 0));
	DO(expect(task, sheaf_submit(batch, 7, do_nothing, NULL, 0), -EEXIST, "position 7"));
	DO(sheaf_next(batch, &found, SHEAF_FOREVER) != 1);
	DO(expect(task, sheaf_batch_create(&batch, bad->pool, NULL), -EPERM, "sheaf_task_pool()"));
	DO(expect(task, sheaf_submit(bad->batch, 9, do_nothing, NULL, 0), -EPERM, "sheaf_task_pool()"));
	DO(expect(task, sheaf_next(bad->batch, &found, 0), -EPERM, "sheaf_task_pool()"));
	return 0;
}

Test(nest, a_task_cannot_do_what_only_the_owner_may)
{
	struct bad bad;

	start_workers(2);
	bad = (struct bad){.pool = pool, .batch = new_batch(NULL)};
	for (unsigned i = 0; i < 5; i++)
		expect_done(sheaf_apply(pool, use_pool_badly, &bad, sizeof(bad), NULL, 0, NULL));
	expect_pool_works(100);
	sheaf_batch_retire(bad.batch);
}

static sheaf_pool *kept_pool;
static sheaf_batch *kept_batch;

static int keep_handles(sheaf_task *task, const void *arg, void *result)
{
	(void)arg;
	(void)result;
	kept_pool = sheaf_task_pool(task);
	DO(sheaf_batch_create(&kept_batch, kept_pool, &of_8));
	for (uint64_t i = 0; i < 100; i++)
		DO(sheaf_submit(kept_batch, i, mix_position, NULL, 0));
	return 0;
}

static int use_kept(sheaf_task *task, const void *arg, void *result)
{
	sheaf_batch *batch;
	sheaf_result found;

	(void)arg;
	(void)result;
	DO(expect(task, sheaf_batch_create(&batch, kept_pool, NULL), -EINVAL, "the task has ended"));
	DO(expect(task, sheaf_submit(kept_batch, 1, do_nothing, NULL, 0), -EINVAL, "the batch was retired"));
	return expect(task, sheaf_next(kept_batch, &found, 0), -EINVAL, "the batch was retired");
}

Test(nest, handles_end_with_their_task_and_so_does_what_it_left)
{
	uint64_t used;

	start(&(sheaf_pool_options){.workers = 1, .max_batches = 4});
	used = heap_used();
	for (unsigned i = 0; i < 20; i++) {
		expect_done(sheaf_apply(pool, keep_handles, NULL, 0, NULL, 0, NULL));
		expect_done(sheaf_apply(pool, use_kept, NULL, 0, NULL, 0, NULL));
		cr_assert_eq(heap_used(), used);
	}
}

static int wait_for_myself(sheaf_task *task, const void *arg, void *result)
{
	sheaf_batch *batch = *(sheaf_batch *const *)arg, *own;
	sheaf_result found;
	int r = sheaf_next(batch, &found, SHEAF_FOREVER);

	(void)result;
	/* In the worker of the task that opened it, or in another one. */
	if (r != -EDEADLK && r != -EPERM)
		return report(task, r);
	if (r == -EDEADLK) {
		DO(expect(task, sheaf_submit(batch, 5, do_nothing, NULL, 0), -EDEADLK, "batches of another task"));
		sheaf_batch_retire(batch);
	}
	DO(sheaf_batch_create(&own, sheaf_task_pool(task), NULL));
	sheaf_batch_retire(own);
	return 0;
}

static int open_for_itself(sheaf_task *task, const void *arg, void *result)
{
	sheaf_batch *batch;
	sheaf_result found;

	(void)arg;
	(void)result;
	DO(sheaf_batch_create(&batch, sheaf_task_pool(task), NULL));
	DO(sheaf_submit(batch, 3, wait_for_myself, &batch, sizeof(batch)));
	DO(sheaf_next(batch, &found, SHEAF_FOREVER) != 1);
	return found.status ? sheaf_task_fail(task, found.status, "%s", found.message) : 0;
}

Test(nest, a_task_that_waits_for_its_own_position_is_told)
{
	for (unsigned workers = 1; workers < 3; workers++) {
		start_workers(workers);
		for (unsigned i = 0; i < 10; i++)
			expect_done(sheaf_apply(pool, open_for_itself, NULL, 0, NULL, 0, NULL));
		end();
	}
}

/* ---- deaths ---- */

/* What the tasks of a test tell, in shared memory. */
struct tale {
	_Atomic unsigned outer_runs, inner_runs, outer_attempt, inner_attempt, opener;
	unsigned inner_kills; /* so many runs of the inner task die */
	bool patient;         /* the inner task has no limit that passes */
	int inner_status;
	unsigned inner_attempts;
	struct gate gate;
};

static struct tale *new_tale(void)
{
	void *memory;

	expect_done(sheaf_alloc(pool, sizeof(struct tale), &memory));
	return memory;
}

static int die_inside(sheaf_task *task, const void *arg, void *result)
{
	struct tale *tale = *(struct tale *const *)arg;

	atomic_store(&tale->inner_attempt, sheaf_task_attempt(task));
	if (atomic_fetch_add(&tale->inner_runs, 1) < tale->inner_kills)
		raise(SIGKILL);
	*(uint64_t *)result = 42;
	return 0;
}

static int outer_task(sheaf_task *task, const void *arg, void *result)
{
	struct tale *tale = *(struct tale *const *)arg;
	sheaf_result found;
	sheaf_batch *batch;

	(void)result;
	atomic_fetch_add(&tale->outer_runs, 1);
	atomic_store(&tale->outer_attempt, sheaf_task_attempt(task));
	DO(sheaf_batch_create(&batch, sheaf_task_pool(task), &of_8));
	DO(sheaf_submit(batch, 0, die_inside, &tale, sizeof(tale)));
	DO(sheaf_next(batch, &found, SHEAF_FOREVER) != 1);
	tale->inner_status = found.status;
	tale->inner_attempts = found.attempts;
	return 0;
}

Test(nest, a_death_is_charged_to_the_innermost_task_alone)
{
	for (unsigned kills = 1; kills < 3; kills++) {
		struct tale *tale;

		start_workers(2);
		tale = new_tale();
		tale->inner_kills = kills;
		/* One charge would make the outer task fail. */
		expect_done(
			sheaf_apply(pool, outer_task, &tale, sizeof(tale), NULL, 0, &(sheaf_map_options){.max_attempts = 1}));
		cr_assert_eq(atomic_load(&tale->outer_attempt), 1);
		cr_assert_eq(tale->inner_status, 0);
		await_heap(heap_used());
		end();
	}
}

Test(nest, a_task_that_always_kills_fails_alone)
{
	for (unsigned workers = 2; workers < 5; workers++) {
		struct tale *tale;

		start_workers(workers);
		tale = new_tale();
		tale->inner_kills = 1000;
		expect_done(
			sheaf_apply(pool, outer_task, &tale, sizeof(tale), NULL, 0, &(sheaf_map_options){.max_attempts = 1}));
		cr_assert_eq(tale->inner_status, -ECHILD);
		cr_assert_eq(tale->inner_attempts, 3);
		cr_assert_leq(atomic_load(&tale->outer_runs), 2, "%u", atomic_load(&tale->outer_runs));
		end();
	}
}

Test(nest, with_one_worker_the_task_fails_that_made_it)
{
	struct tale *tale;

	start_workers(1);
	tale = new_tale();
	tale->inner_kills = 1000;
	expect_failure(sheaf_apply(pool, outer_task, &tale, sizeof(tale), NULL, 0, NULL), -ECHILD, "signal 9");
	expect_fibonacci(10, 55);
}

static int wait_inside(sheaf_task *task, const void *arg, void *result)
{
	struct tale *tale = *(struct tale *const *)arg;
	sheaf_pool *mine = sheaf_task_pool(task);
	struct gate *gate = &tale->gate;
	sheaf_batch *batch[3];

	(void)result;
	if (atomic_fetch_add(&tale->outer_runs, 1))
		return 0;
	atomic_store(&tale->opener, (unsigned)sheaf_task_worker(task));
	for (unsigned i = 0; i < 3; i++) {
		DO(sheaf_batch_create(&batch[i], mine, &(sheaf_batch_options){.result_size = 100000}));
		for (uint64_t p = 0; p < 3; p++)
			DO(sheaf_submit(batch[i], p, wait_at_gate, &gate, sizeof(gate)));
	}
	gate_pass(&tale->gate);
	return 0;
}

Test(nest, batches_of_a_dead_worker_are_freed)
{
	struct tale *tale;
	sheaf_batch *batch, *open[60];
	const sheaf_result *results;
	uint64_t used;
	size_t n;

	start(&(sheaf_pool_options){.workers = 3, .max_batches = 64});
	tale = new_tale();
	batch = new_batch(NULL);
	used = heap_used();
	expect_done(sheaf_submit(batch, 0, wait_inside, &tale, sizeof(tale)));
	gate_await(&tale->gate, 3); /* the opener, and two that run tasks of it */
	for (unsigned worker = 0; worker < 3; worker++)
		kill(sheaf_pool_worker_pid(pool, worker), SIGKILL);
	cr_assert_eq(sheaf_gather(batch, &results, &n, SHEAF_FOREVER), 0, "%s", sheaf_message());
	cr_assert_eq(results[0].attempts, 2, "it was running itself");
	gate_open(&tale->gate);
	await_heap(used);
	sheaf_batch_retire(batch);
	for (unsigned i = 0; i < 60; i++)
		open[i] = new_batch(NULL);
	for (unsigned i = 0; i < 60; i++)
		sheaf_batch_retire(open[i]);
	expect_pool_works(100);
}

Test(nest, others_that_run_tasks_of_a_dead_opener_are_ended)
{
	struct tale *tale;
	sheaf_batch *batch;
	const sheaf_result *results;
	uint64_t used;
	size_t n;

	start_workers(2);
	tale = new_tale();
	batch = new_batch(NULL);
	used = heap_used();
	expect_done(sheaf_submit(batch, 0, wait_inside, &tale, sizeof(tale)));
	gate_await(&tale->gate, 2);
	/* The other worker hangs at the gate, in a task of what is then an orphan. */
	kill(sheaf_pool_worker_pid(pool, atomic_load(&tale->opener)), SIGKILL);
	cr_assert_eq(sheaf_gather(batch, &results, &n, SHEAF_FOREVER), 0, "%s", sheaf_message());
	await_heap(used);
	sheaf_batch_retire(batch);
	gate_open(&tale->gate);
}

/* ---- time limits and cancelling ---- */

static int sleep_inside(sheaf_task *task, const void *arg, void *result)
{
	struct tale *tale = *(struct tale *const *)arg;

	(void)task;
	(void)result;
	atomic_fetch_add(&tale->inner_runs, 1);
	gate_pass(&tale->gate);
	return 0;
}

static int outer_with_limit_inside(sheaf_task *task, const void *arg, void *result)
{
	struct tale *tale = *(struct tale *const *)arg;
	sheaf_batch_options options = {.result_size = 8, .task_timeout_ns = tale->patient ? UINT64_C(3600000000000) : 30000000};
	sheaf_result found;
	sheaf_batch *batch;

	(void)result;
	atomic_fetch_add(&tale->outer_runs, 1);
	DO(sheaf_batch_create(&batch, sheaf_task_pool(task), &options));
	DO(sheaf_submit(batch, 0, sleep_inside, &tale, sizeof(tale)));
	DO(sheaf_next(batch, &found, SHEAF_FOREVER) != 1);
	tale->inner_status = found.status;
	return 0;
}

Test(nest, a_limit_of_an_inner_task_makes_it_alone_fail)
{
	struct tale *tale;

	start_workers(2);
	tale = new_tale();
	expect_done(sheaf_apply(pool, outer_with_limit_inside, &tale, sizeof(tale), NULL, 0,
				&(sheaf_map_options){.max_attempts = 1}));
	cr_assert_eq(tale->inner_status, -ETIMEDOUT);
	cr_assert_eq(atomic_load(&tale->outer_runs), 1);
}

static int outer_of_sleeper(sheaf_task *task, const void *arg, void *result)
{
	struct tale *tale = *(struct tale *const *)arg;

	(void)result;
	atomic_fetch_add(&tale->outer_runs, 1);
	DO(sheaf_apply(sheaf_task_pool(task), sleep_inside, &tale, sizeof(tale), NULL, 0, NULL));
	return 0;
}

Test(nest, a_limit_of_an_outer_task_covers_its_wait)
{
	const sheaf_batch_options options = {.result_size = 8, .task_timeout_ns = 50000000};

	for (unsigned workers = 1; workers < 4; workers++) {
		struct tale *tale;
		sheaf_batch *batch;
		const sheaf_result *results;
		size_t n;

		start_workers(workers);
		tale = new_tale();
		batch = new_batch(&options);
		expect_done(sheaf_submit(batch, 0, outer_of_sleeper, &tale, sizeof(tale)));
		expect_done(sheaf_submit(batch, 1, mix_position, NULL, 0));
		cr_assert_eq(sheaf_gather(batch, &results, &n, SHEAF_FOREVER), 1);
		cr_assert_eq(results[0].status, -ETIMEDOUT, "%d: %s", results[0].status, results[0].message);
		cr_assert_eq(results[0].attempts, 1);
		cr_assert_eq(results[1].status, 0);
		cr_assert_eq(atomic_load(&tale->outer_runs), 1);
		gate_open(&tale->gate);
		sheaf_batch_retire(batch);
		await_heap(heap_used());
		end();
	}
}

Test(nest, a_limit_of_an_outer_item_of_a_map_covers_its_wait)
{
	for (unsigned workers = 1; workers < 4; workers++) {
		struct tale *tale;
		void *in, *out;
		int r;

		start_workers(workers);
		tale = new_tale();
		expect_done(sheaf_alloc_array(pool, 4, sizeof(tale), &in));
		expect_done(sheaf_alloc_array(pool, 4, 8, &out));
		for (unsigned i = 0; i < 4; i++)
			((struct tale **)in)[i] = tale;
		r = sheaf_map(pool, outer_of_sleeper, in, sizeof(tale), out, 8, 4,
			      &(sheaf_map_options){.task_timeout_ns = 50000000, .grain = 2});
		expect_failure(r, -ETIMEDOUT, "position 0");
		cr_assert_eq(atomic_load(&tale->outer_runs), 4, "%u runs", atomic_load(&tale->outer_runs));
		end();
	}
}

static int cancel_inside(sheaf_task *task, const void *arg, void *result)
{
	struct tale *tale = *(struct tale *const *)arg;
	struct gate *gate = &tale->gate;
	const sheaf_result *results;
	sheaf_batch *batch;
	size_t n;

	(void)result;
	DO(sheaf_batch_create(&batch, sheaf_task_pool(task), NULL));
	for (uint64_t p = 0; p < 10; p++)
		DO(sheaf_submit(batch, p, wait_at_gate, &gate, sizeof(gate)));
	while (atomic_load(&gate->arrived) < 1)
		nap();
	DO(sheaf_batch_cancel(batch, SHEAF_KILL));
	if (sheaf_gather(batch, &results, &n, SHEAF_FOREVER) != 10)
		return report(task, -EPROTO);
	for (size_t i = 0; i < n; i++)
		if (results[i].status != -ECANCELED)
			return sheaf_task_fail(task, -EPROTO, "%zu: %d", i, results[i].status);
	return 0;
}

Test(nest, a_task_cancels_what_it_has_submitted)
{
	struct tale *tale;

	start_workers(3);
	tale = new_tale();
	expect_done(sheaf_apply(pool, cancel_inside, &tale, sizeof(tale), NULL, 0, &(sheaf_map_options){.max_attempts = 1}));
}

Test(nest, a_task_that_waits_is_cancelled_and_killed)
{
	for (unsigned workers = 1; workers < 4; workers++) {
		struct tale *tale;
		sheaf_batch *batch;
		const sheaf_result *results;
		size_t n;

		start_workers(workers);
		tale = new_tale();
		batch = new_batch(NULL);
		expect_done(sheaf_submit(batch, 0, outer_of_sleeper, &tale, sizeof(tale)));
		gate_await(&tale->gate, 1);
		cr_assert_eq(sheaf_cancel(batch, 0, SHEAF_KILL), SHEAF_WAS_KILLED, "%s", sheaf_message());
		cr_assert_eq(sheaf_gather(batch, &results, &n, SHEAF_FOREVER), 1);
		cr_assert_eq(results[0].status, -ECANCELED);
		gate_open(&tale->gate);
		sheaf_batch_retire(batch);
		expect_pool_works(100);
		end();
	}
}

/* All at once: a limit in a task of a batch that a task has opened whose own batch is cancelled. */
Test(nest, a_limit_inside_a_batch_inside_one_that_is_cancelled)
{
	for (unsigned flags = 0; flags <= SHEAF_KILL; flags += SHEAF_KILL) {
		struct tale *tale;
		sheaf_batch *batch;
		const sheaf_result *results;
		size_t n;

		start_workers(2);
		tale = new_tale();
		/* What is to be killed has no end of its own before that. */
		tale->patient = flags;
		batch = new_batch(NULL);
		expect_done(sheaf_submit(batch, 0, outer_with_limit_inside, &tale, sizeof(tale)));
		gate_await(&tale->gate, 1);
		/* However long this takes, nobody begins a second one before all is cancelled. */
		expect_done(sheaf_pool_pause(pool));
		for (uint64_t p = 1; p < 4; p++)
			expect_done(sheaf_submit(batch, p, outer_with_limit_inside, &tale, sizeof(tale)));
		expect_done(sheaf_batch_cancel(batch, flags));
		expect_done(sheaf_pool_resume(pool));
		cr_assert_eq(sheaf_gather(batch, &results, &n, SHEAF_FOREVER), flags ? 4 : 3, "%s", sheaf_message());
		cr_assert_eq(results[0].status, flags ? -ECANCELED : 0, "%s", results[0].message);
		for (uint64_t p = 1; p < 4; p++)
			cr_assert_eq(results[p].status, -ECANCELED);
		if (!flags)
			cr_assert_eq(tale->inner_status, -ETIMEDOUT);
		cr_assert_eq(atomic_load(&tale->outer_runs), 1);
		gate_open(&tale->gate);
		sheaf_batch_retire(batch);
		expect_pool_works(100);
		end();
	}
}

/* ---- what ran at once, without a slot ---- */

/* Between an outer map or task and what it runs at once, because the ring has no room. */
struct at_once {
	_Atomic unsigned died, outer_runs[100], runs;
	uint64_t out[100];
};

static int die_at_50(sheaf_task *task, const void *in, void *out)
{
	struct at_once *story = *(struct at_once *const *)sheaf_task_context(task);

	(void)in;
	(void)out;
	if (sheaf_task_position(task) == 50 && !atomic_exchange(&story->died, 1))
		raise(SIGKILL);
	return 0;
}

static int map_at_first(sheaf_task *task, const void *in, void *out)
{
	struct at_once *story = *(struct at_once *const *)sheaf_task_context(task);
	uint64_t position = sheaf_task_position(task);
	sheaf_map_options options = {.grain = 1, .context = &story, .context_size = sizeof(story)};

	(void)in;
	atomic_fetch_add(&story->outer_runs[position], 1);
	if (position == 0)
		DO(sheaf_map(sheaf_task_pool(task), die_at_50, NULL, 0, NULL, 0, 60, &options));
	*(uint64_t *)out = position + 1;
	return 0;
}

Test(nest, a_death_in_a_map_that_ran_at_once_costs_the_outer_map_nothing)
{
	struct at_once *story;
	sheaf_map_options options = {.grain = 100, .context = &story, .context_size = sizeof(story)};
	void *memory;

	start(&(sheaf_pool_options){.workers = 1, .ring_size = 1});
	expect_done(sheaf_alloc(pool, sizeof(*story), &memory));
	story = memory;
	expect_done(sheaf_map(pool, map_at_first, NULL, 0, story->out, 8, 100, &options));
	for (uint64_t i = 0; i < 100; i++)
		cr_assert_eq(story->out[i], i + 1, "position %llu", (unsigned long long)i);
	cr_assert_eq(story->died, 1);
}

static int hang_for_ever(sheaf_task *task, const void *arg, void *result)
{
	(void)task;
	(void)arg;
	(void)result;
	while (pause())
		continue;
	return 0;
}

static int apply_hanging(sheaf_task *task, const void *arg, void *result)
{
	struct at_once *story = *(struct at_once *const *)arg;

	(void)result;
	atomic_fetch_add(&story->runs, 1);
	return sheaf_apply(sheaf_task_pool(task), hang_for_ever, NULL, 0, NULL, 0, NULL);
}

/* In a ring of one slot the inner task runs at once. In the other ring its worker runs it. */
Test(nest, a_limit_ends_a_task_and_what_it_waits_for)
{
	for (unsigned size = 1; size <= 1024; size += 1023) {
		sheaf_batch_options options = {.task_timeout_ns = 50000000};
		struct at_once *story;
		const sheaf_result *results;
		sheaf_batch *batch;
		void *memory;
		size_t n;

		start(&(sheaf_pool_options){.workers = 1, .ring_size = size});
		expect_done(sheaf_alloc(pool, sizeof(*story), &memory));
		story = memory;
		batch = new_batch(&options);
		expect_done(sheaf_submit(batch, 0, apply_hanging, &story, sizeof(story)));
		cr_assert_eq(sheaf_gather(batch, &results, &n, hang_deadline()), 1, "%s", sheaf_message());
		cr_assert_eq(results[0].status, -ETIMEDOUT);
		cr_assert_eq(story->runs, 1);
		sheaf_batch_retire(batch);
		end();
	}
}

struct chain {
	struct at_once *story;
	unsigned depth;
};

/* Each level has a time limit, and one worker runs all of them. The outermost one has none. */
static int hang_deep(sheaf_task *task, const void *arg, void *result)
{
	struct chain chain = *(const struct chain *)arg, less = {chain.story, chain.depth - 1};
	sheaf_map_options options = {.task_timeout_ns = 20000000};

	(void)result;
	atomic_fetch_add(&chain.story->outer_runs[chain.depth], 1);
	while (!chain.depth)
		pause();
	return sheaf_apply(sheaf_task_pool(task), hang_deep, &less, sizeof(less), NULL, 0, &options);
}

Test(nest, limits_of_several_levels_end_with_one_worker)
{
	struct chain chain = {.depth = 3};
	void *memory;

	start_workers(1);
	expect_done(sheaf_alloc(pool, sizeof(*chain.story), &memory));
	chain.story = memory;
	cr_assert_eq(sheaf_apply(pool, hang_deep, &chain, sizeof(chain), NULL, 0, NULL), -ETIMEDOUT, "%s", sheaf_message());
	cr_assert_leq(chain.story->outer_runs[3], 6);
}

/* ---- tasks that are left to other workers ---- */

#define BAD 30

static int crash_if_bad(sheaf_task *task, const void *arg, void *result)
{
	(void)arg;
	(void)result;
	/* It holds the other worker, so that the ring stays full. */
	for (unsigned i = 0; i < 100 && sheaf_task_position(task) == 0; i++)
		nap();
	if (sheaf_task_position(task) == BAD)
		raise(SIGKILL);
	return 0;
}

/* Submit more tasks than the ring holds. By their limit they are left to other workers. */
static int submit_limited(sheaf_task *task, sheaf_task_fn *fn, sheaf_batch **batch)
{
	sheaf_batch_options options = {.task_timeout_ns = UINT64_C(600000000000)};

	DO(sheaf_batch_create(batch, sheaf_task_pool(task), &options));
	for (uint64_t i = 0; i < 40; i++)
		DO(sheaf_submit(*batch, i, fn, NULL, 0));
	return 0;
}

static int submit_more_than_fit(sheaf_task *task, const void *arg, void *result)
{
	const sheaf_result *results;
	sheaf_batch *batch;
	size_t n;

	(void)arg;
	(void)result;
	DO(submit_limited(task, crash_if_bad, &batch));
	if (sheaf_gather(batch, &results, &n, SHEAF_FOREVER) != 1)
		return report(task, -EPROTO);
	return results[BAD].status == -ECHILD ? 0 : sheaf_task_fail(task, -EPROTO, "%d", results[BAD].status);
}

Test(nest, tasks_that_are_left_to_others_do_not_run_at_once)
{
	start(&(sheaf_pool_options){.workers = 2, .ring_size = 16});
	expect_done(sheaf_apply(pool, submit_more_than_fit, NULL, 0, NULL, 0, &(sheaf_map_options){.max_attempts = 1}));
}

/* Die once, then fill the ring with tasks that only the worker can run that waits for this one. */
static int fill_the_ring(sheaf_task *task, const void *arg, void *result)
{
	const sheaf_result *results;
	sheaf_batch *batch;
	size_t n;

	(void)arg;
	(void)result;
	if (sheaf_task_attempt(task) == 1)
		raise(SIGKILL);
	DO(submit_limited(task, do_nothing, &batch));
	DO(sheaf_gather(batch, &results, &n, SHEAF_FOREVER));
	return 0;
}

static int wait_for_filler(sheaf_task *task, const void *arg, void *result)
{
	sheaf_map_options options = {.task_timeout_ns = UINT64_C(600000000000)};

	(void)arg;
	(void)result;
	return sheaf_apply(sheaf_task_pool(task), fill_the_ring, NULL, 0, NULL, 0, &options);
}

Test(nest, a_task_that_waits_for_room_does_not_count_as_one_that_runs)
{
	start(&(sheaf_pool_options){.workers = 2, .ring_size = 4});
	for (unsigned i = 0; i < 10; i++)
		expect_done(sheaf_apply(pool, wait_for_filler, NULL, 0, NULL, 0, NULL));
}

static unsigned depth;

static int apply_nap(sheaf_task *task, const void *arg, void *result)
{
	sheaf_map_options options = {.task_timeout_ns = UINT64_C(600000000000)};
	struct tale *tale = *(struct tale *const *)arg;

	(void)result;
	if (++depth > 1)
		atomic_fetch_add(&tale->inner_runs, 1);
	nap();
	DO(sheaf_apply(sheaf_task_pool(task), do_nothing, NULL, 0, NULL, 0, &options));
	depth--;
	return 0;
}

/* A worker whose task has a time limit does not run more of the owner's meanwhile. */
Test(nest, tasks_of_an_owner_that_works_are_not_left_to_waiting_workers)
{
	sheaf_batch_options options = {.task_timeout_ns = UINT64_C(600000000000), .caller_works = true};
	const sheaf_result *results;
	struct tale *tale;
	sheaf_batch *batch;
	size_t n;

	start_workers(2);
	tale = new_tale();
	batch = new_batch(&options);
	for (uint64_t i = 0; i < 60; i++)
		expect_done(sheaf_submit(batch, i, apply_nap, &tale, sizeof(tale)));
	cr_assert_eq(sheaf_gather(batch, &results, &n, SHEAF_FOREVER), 0, "%s", sheaf_message());
	cr_assert_eq(tale->inner_runs, 0);
	sheaf_batch_retire(batch);
}

/* ---- a task that only waits below another one ---- */

struct below {
	_Atomic unsigned open, sub_runs, waits, x_runs[8];
};

struct below_arg {
	struct below *below;
	unsigned x;
};

static int wait_in_sub(sheaf_task *task, const void *arg, void *result)
{
	struct below *below = ((const struct below_arg *)arg)->below;

	(void)task;
	(void)result;
	atomic_fetch_add(&below->sub_runs, 1);
	while (!atomic_load(&below->open))
		nap();
	return 0;
}

/* With a limit, so that it is left to the other worker. */
static int wait_for_sub(sheaf_task *task, const void *arg, void *result)
{
	sheaf_map_options options = {.task_timeout_ns = UINT64_C(600000000000)};

	(void)result;
	atomic_fetch_add(&((const struct below_arg *)arg)->below->waits, 1);
	return sheaf_apply(sheaf_task_pool(task), wait_in_sub, arg, sizeof(struct below_arg), NULL, 0, &options);
}

static int die_now(sheaf_task *task, const void *arg, void *result)
{
	(void)task;
	(void)arg;
	(void)result;
	raise(SIGKILL);
	return 0;
}

static int crash_in_child_once(sheaf_task *task, const void *arg, void *result)
{
	const struct below_arg *x = arg;

	(void)result;
	if (atomic_fetch_add(&x->below->x_runs[x->x], 1))
		return 0;
	return sheaf_apply(sheaf_task_pool(task), die_now, NULL, 0, NULL, 0, NULL);
}

Test(nest, a_task_is_not_charged_for_what_runs_on_it)
{
	struct below_arg arg;
	const sheaf_result *results;
	sheaf_batch *batch;
	void *memory;
	size_t n;

	start_workers(2);
	expect_done(sheaf_alloc(pool, sizeof(*arg.below), &memory));
	arg = (struct below_arg){memory, 0};
	batch = new_batch(NULL);
	expect_done(sheaf_submit(batch, 0, wait_for_sub, &arg, sizeof(arg)));
	for (; arg.x < 6; arg.x++) {
		struct below *below = arg.below;
		unsigned runs = below->sub_runs;
		uint64_t deadline = hang_deadline();

		while (!below->sub_runs && sheaf_now_ns() < deadline)
			nap();
		expect_done(sheaf_apply(pool, crash_in_child_once, &arg, sizeof(arg), NULL, 0, NULL));
		/* The next one finds the task waiting again, if its worker was what died. */
		while (below->waits > below->sub_runs && below->sub_runs == runs && sheaf_now_ns() < deadline)
			nap();
	}
	atomic_store(&arg.below->open, 1);
	cr_assert_eq(sheaf_gather(batch, &results, &n, hang_deadline()), 0, "%s", sheaf_message());
	sheaf_batch_retire(batch);
}
