/*
 * test_semantics.c - what users of other pools rely on, where no other test of this folder shows
 * it. docs/reference/checklist.md lists all of it, and names the test of each.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "pools.h"
#include "support/deadline.h"
#include "support/session.h"

static const sheaf_batch_options of_8 = {.result_size = 8};

static void set_up(void)
{
	begin();
	start_workers(2);
}

static sheaf_pool_info info(void)
{
	sheaf_pool_info now;

	expect_done(sheaf_pool_get_info(pool, &now));
	return now;
}

static void *new_memory(size_t size)
{
	void *memory;

	expect_done(sheaf_alloc(pool, size, &memory));
	return memory;
}

/* Wait for all, expect so many results of which so many failed, and return them. */
static const sheaf_result *gather(sheaf_batch *batch, size_t n, int failed)
{
	const sheaf_result *results;
	size_t count;
	int r = sheaf_gather(batch, &results, &count, hang_deadline());

	cr_assert_eq(r, failed, "%d instead of %d: %s", r, failed, sheaf_message());
	cr_assert_eq(count, n);
	return results;
}

static void end_in_order(void)
{
	expect_done(sheaf_pool_close(pool));
	expect_done(sheaf_pool_join(pool, hang_deadline()));
}

/* ---- multiprocessing.Pool ---- */

TestSuite(like_pool, .init = set_up, .fini = end);

struct power {
	uint64_t base, exponent;
};

static int raise_to_power(sheaf_task *task, const void *arg, void *result)
{
	const struct power *power = arg;
	uint64_t value = 1;

	(void)task;
	for (uint64_t i = 0; i < power->exponent; i++)
		value *= power->base;
	*(uint64_t *)result = value;
	return 0;
}

Test(like_pool, an_item_of_a_map_holds_several_arguments)
{
	struct power *powers = new_memory(100 * sizeof(*powers));
	uint64_t *values = new_memory(100 * sizeof(*values));

	for (uint64_t i = 0; i < 100; i++)
		powers[i] = (struct power){i, i % 9};
	expect_done(
		sheaf_map(pool, raise_to_power, powers, sizeof(*powers), values, 8, 100, &(sheaf_map_options){.grain = 20}));
	for (uint64_t i = 0; i < 100; i++) {
		uint64_t value;

		raise_to_power(NULL, &powers[i], &value);
		cr_assert_eq(values[i], value);
	}
}

/* Submit what an input gives that ends with an error, and say how many that was. */
static uint64_t submit_until_an_error(sheaf_batch *batch, uint64_t good)
{
	uint64_t p = 0;

	while (p < good) {
		expect_done(sheaf_submit(batch, p, mix_position, NULL, 0));
		p++;
	}
	expect_failure(sheaf_submit(batch, p, mix_position, NULL, 1), -EINVAL, "arg is NULL");
	return p;
}

Test(like_pool, an_input_that_fails_leaves_what_came_before)
{
	for (uint64_t good = 0; good <= 50; good += 10) {
		sheaf_batch *batch = new_batch(&of_8);
		sheaf_result result;
		uint64_t n = submit_until_an_error(batch, good);

		for (uint64_t p = 0; p < n; p++) {
			cr_assert_eq(sheaf_next(batch, &result, hang_deadline()), 1);
			cr_assert_eq(result.position, p);
			cr_assert_eq(value_of(&result), mix(p));
		}
		cr_assert_eq(sheaf_next(batch, &result, hang_deadline()), 0, "the failed one leaves no position");
		sheaf_batch_retire(batch);
	}
	expect_pool_works(1000);
}

static int fail_at_57(sheaf_task *task, const void *arg, void *result)
{
	(void)arg;
	if (sheaf_task_position(task) == 57)
		return sheaf_task_fail(task, -EDOM, "no 57");
	*(uint64_t *)result = mix(sheaf_task_position(task));
	return 0;
}

Test(like_pool, a_failing_item_hides_no_other_in_a_stream)
{
	static const size_t grains[] = {0, 1, 7, 50, 1000};
	uint64_t *values = new_memory(1000 * sizeof(*values));

	for (size_t g = 0; g < sizeof(grains) / sizeof(grains[0]); g++) {
		sheaf_batch *batch = new_batch(NULL);
		sheaf_result result;

		memset(values, 0, 1000 * sizeof(*values));
		expect_done(sheaf_submit_map(batch, fail_at_57, NULL, 0, values, 8, 1000,
					     &(sheaf_map_options){.grain = grains[g]}));
		for (uint64_t p = 0; p < 1000; p++) {
			cr_assert_eq(sheaf_next(batch, &result, hang_deadline()), 1);
			cr_assert_eq(result.position, p);
			cr_assert_eq(result.status, p == 57 ? -EDOM : 0);
			cr_assert_str_eq(result.message, p == 57 ? "no 57" : "");
			if (p != 57)
				cr_assert_eq(value_of(&result), mix(p));
		}
		cr_assert_eq(sheaf_next(batch, &result, hang_deadline()), 0);
		sheaf_batch_retire(batch);
	}
}

static int fail_at_length(sheaf_task *task, const void *arg, void *result)
{
	(void)arg;
	(void)result;
	return sheaf_task_fail(task, -EIO, "%0511d", 7);
}

Test(like_pool, long_errors_do_not_hold_up_the_end)
{
	sheaf_batch *batch = new_batch(NULL);
	const sheaf_result *results;

	/* No result is taken before the pool has ended. */
	for (uint64_t p = 0; p < 3000; p++)
		expect_done(sheaf_submit(batch, p, fail_at_length, NULL, 0));
	end_in_order();
	results = gather(batch, 3000, 3000);
	for (size_t i = 0; i < 3000; i++) {
		cr_assert_eq(results[i].status, -EIO);
		cr_assert_eq(strlen(results[i].message), 511);
	}
}

/* ---- concurrent.futures ---- */

TestSuite(like_executor, .init = set_up, .fini = end);

static int end_its_worker(sheaf_task *task, const void *arg, void *result)
{
	uint64_t position = sheaf_task_position(task);

	(void)arg;
	if (position % 10 == 0)
		_exit(100 - (int)position / 10);
	*(uint64_t *)result = mix(position);
	return 0;
}

Test(like_executor, each_death_tells_its_own_exit_code)
{
	sheaf_batch *batch = new_batch(&(sheaf_batch_options){.result_size = 8, .max_attempts = 1});
	const sheaf_result *results;
	char text[64];

	for (uint64_t p = 1; p <= 40; p++)
		expect_done(sheaf_submit(batch, p, end_its_worker, NULL, 0));
	results = gather(batch, 40, 4);
	for (size_t i = 0; i < 40; i++) {
		int code = results[i].position % 10 ? -1 : 100 - (int)results[i].position / 10;

		cr_assert_eq(results[i].exit_code, code);
		cr_assert_eq(results[i].status, code < 0 ? 0 : -ECHILD);
		snprintf(text, sizeof(text), "called exit(%d)", code);
		if (code >= 0)
			cr_assert_not_null(strstr(results[i].message, text), "\"%s\"", results[i].message);
		for (size_t k = 0; code >= 0 && k < i; k++)
			cr_assert_str_neq(results[k].message, results[i].message);
	}
	expect_pool_works(100);
}

static int tell_pid(sheaf_task *task, const void *arg, void *result)
{
	(void)task;
	(void)arg;
	*(int64_t *)result = getpid();
	return 0;
}

Test(like_executor, more_tasks_than_workers_start_no_process)
{
	enum { WORKERS = 3 };
	const sheaf_result *results;
	pid_t pids[WORKERS];
	sheaf_batch *batch;

	end();
	start_workers(WORKERS);
	for (unsigned w = 0; w < WORKERS; w++)
		pids[w] = sheaf_pool_worker_pid(pool, w);
	batch = new_batch(&of_8);
	for (uint64_t p = 0; p < 15 * WORKERS; p++)
		expect_done(sheaf_submit(batch, p, tell_pid, NULL, 0));
	results = gather(batch, 15 * WORKERS, 0);
	for (size_t i = 0; i < 15 * WORKERS; i++) {
		int64_t pid = (int64_t)value_of(&results[i]);

		cr_assert(pid == pids[0] || pid == pids[1] || pid == pids[2], "process %lld", (long long)pid);
		cr_assert_eq(results[i].pid, pid);
	}
	for (unsigned w = 0; w < WORKERS; w++)
		cr_assert_eq(sheaf_pool_worker_pid(pool, w), pids[w]);
	cr_assert_eq(info().workers, WORKERS);
	cr_assert_eq(info().deaths, 0);
}

Test(like_executor, an_idle_worker_is_used_again)
{
	int64_t first, pid;

	end();
	start_workers(1);
	expect_done(sheaf_apply(pool, tell_pid, NULL, 0, &first, sizeof(first), NULL));
	for (int i = 0; i < 3; i++) {
		sleep_ns(20000000); /* until it sleeps; if it does not yet, that is no harm */
		expect_done(sheaf_apply(pool, tell_pid, NULL, 0, &pid, sizeof(pid), NULL));
		cr_assert_eq(pid, first);
	}
}

static void expect_terminated(void)
{
	sheaf_batch *batch = NULL;

	for (int i = 0; i < 2; i++) {
		expect_done(sheaf_pool_terminate(pool));
		expect_failure(sheaf_batch_create(&batch, pool, NULL), -ECANCELED, "the pool was terminated");
		expect_failure(sheaf_apply(pool, do_nothing, NULL, 0, NULL, 0, NULL), -ECANCELED, "the pool was terminated");
		cr_assert_null(batch);
	}
	cr_assert_eq(count_children(), before.children);
}

Test(like_executor, a_pool_that_ran_nothing_may_be_terminated_twice)
{
	expect_terminated();
}

Test(like_executor, a_pool_that_stopped_may_be_terminated)
{
	uint64_t start_ns = sheaf_now_ns();
	sheaf_batch *batch;
	int r;

	do {
		for (unsigned w = 0; w < 2; w++) {
			pid_t pid = sheaf_pool_worker_pid(pool, w);

			if (pid > 0)
				kill(pid, SIGKILL);
		}
		r = sheaf_batch_create(&batch, pool, NULL);
		if (!r)
			sheaf_batch_retire(batch);
	} while (!r && sheaf_now_ns() - start_ns < UINT64_C(3000000000));
	if (!r)
		skip("this machine is too slow to end so many workers within a second");
	expect_failure(r, -ENOTRECOVERABLE, "the pool stopped");
	expect_done(sheaf_pool_terminate(pool));
	expect_done(sheaf_pool_terminate(pool));
	cr_assert(sheaf_batch_create(&batch, pool, NULL) < 0, "a pool that has stopped takes no work");
	cr_assert_eq(count_children(), before.children);
}

Test(like_executor, cancel_and_close_finish_what_runs)
{
	sheaf_batch *batch = new_batch(&of_8);
	struct gate *gate = new_gate();
	const sheaf_result *results;

	for (uint64_t p = 0; p < 50; p++)
		expect_done(sheaf_submit(batch, p, wait_at_gate, &gate, sizeof(gate)));
	gate_await(gate, 2);
	expect_done(sheaf_batch_cancel(batch, 0));
	expect_done(sheaf_pool_close(pool));
	gate_open(gate);
	expect_done(sheaf_pool_join(pool, hang_deadline()));
	results = gather(batch, 50, 48);
	for (uint64_t p = 0; p < 50; p++) {
		cr_assert_eq(results[p].status, p < 2 ? 0 : -ECANCELED);
		cr_assert_eq(results[p].attempts, p < 2 ? 1 : 0);
	}
	cr_assert_eq(atomic_load(&gate->arrived), 2);
}

Test(like_executor, a_pool_ends_right_after_a_cancelled_submit)
{
	for (int i = 0; i < 20; i++) {
		sheaf_batch *batch = new_batch(NULL);

		expect_done(sheaf_submit(batch, 0, do_nothing, NULL, 0));
		cr_assert_geq(sheaf_cancel(batch, 0, i % 2 ? SHEAF_KILL : 0), SHEAF_WAS_DONE, "%s", sheaf_message());
		end_in_order();
		end();
		start_workers(2);
	}
}

Test(like_executor, a_wait_that_times_out_tells_how_many_are_done)
{
	sheaf_batch *batch = new_batch(&of_8);
	struct gate *gate = new_gate();
	sheaf_progress progress;
	sheaf_result result;

	for (uint64_t p = 0; p < 4; p++)
		expect_done(sheaf_submit(batch, p, p == 0 || p == 3 ? wait_at_gate : mix_position, &gate, sizeof(gate)));
	gate_await(gate, 2);
	expect_failure(sheaf_wait(&batch, 1, SHEAF_ALL_DONE, 0), -EAGAIN, "not done yet");
	expect_failure(sheaf_wait(&batch, 1, SHEAF_ALL_DONE, sheaf_now_ns() + 1000000), -ETIMEDOUT, "the deadline passed");
	expect_done(sheaf_batch_get_progress(batch, &progress));
	cr_assert_eq(progress.total, 4);
	cr_assert_eq(progress.done, 2);
	for (uint64_t p = 1; p <= 2; p++) {
		cr_assert_eq(sheaf_next_done(batch, &result, 0), 1);
		cr_assert_eq(result.position, p);
	}
	expect_failure(sheaf_next_done(batch, &result, 0), -EAGAIN, "not done yet");
	gate_open(gate);
	gather(batch, 4, 0);
}

/* ---- loky ---- */

TestSuite(like_loky, .init = set_up, .fini = end);

static int fail_if_odd(sheaf_task *task, const void *arg, void *result)
{
	uint64_t position = sheaf_task_position(task);

	(void)arg;
	if (position % 2)
		return sheaf_task_fail(task, -EDOM, "%llu is odd", (unsigned long long)position);
	*(uint64_t *)result = mix(position);
	return 0;
}

Test(like_loky, a_hundred_failures_in_a_full_ring_harm_no_other_task)
{
	const sheaf_result *results;
	sheaf_batch *batch;
	char text[32];

	end();
	start(&(sheaf_pool_options){.workers = 2, .ring_size = 4, .heap_size = 16 << 20});
	batch = new_batch(&of_8);
	for (uint64_t p = 0; p < 200; p++)
		expect_done(sheaf_submit(batch, p, fail_if_odd, NULL, 0));
	results = gather(batch, 200, 100);
	for (uint64_t p = 0; p < 200; p++) {
		snprintf(text, sizeof(text), "%llu is odd", (unsigned long long)p);
		cr_assert_str_eq(results[p].message, p % 2 ? text : "");
		if (p % 2 == 0)
			cr_assert_eq(value_of(&results[p]), mix(p));
	}
	cr_assert_eq(info().deaths, 0);
}

struct brawl {
	_Atomic unsigned arrived;
	unsigned workers;
};

/*
 * In its first run, wait until each worker runs such a task, and then kill all others; where there
 * are none, itself.
 */
static int kill_the_others(sheaf_task *task, const void *arg, void *result)
{
	struct brawl *brawl;
	pid_t pids[64];
	unsigned count;

	memcpy(&brawl, arg, sizeof(brawl));
	*(uint64_t *)result = mix(sheaf_task_position(task));
	if (sheaf_task_attempt(task) > 1)
		return 0;
	atomic_fetch_add(&brawl->arrived, 1);
	while (atomic_load(&brawl->arrived) < brawl->workers)
		nap();
	count = living_children(getppid(), pids, 64);
	for (unsigned i = 0; i < count && i < 64; i++)
		if (pids[i] != getpid() || brawl->workers == 1)
			kill(pids[i], SIGKILL);
	return 0;
}

/* A death is counted a moment after its task was returned. */
static void await_deaths(uint64_t count)
{
	uint64_t deadline = hang_deadline();

	while (info().deaths < count && sheaf_now_ns() < deadline)
		nap();
	cr_assert_geq(info().deaths, count);
}

Test(like_loky, workers_that_kill_each_other_lose_nothing)
{
	static const unsigned counts[] = {1, 2, 5, 13};

	if (!session_visible())
		skip("processes cannot be listed here");
	for (size_t c = 0; c < sizeof(counts) / sizeof(counts[0]); c++) {
		const sheaf_result *results;
		struct brawl *brawl;
		sheaf_batch *batch;

		end();
		start_workers(counts[c]);
		brawl = new_memory(sizeof(*brawl));
		brawl->workers = counts[c];
		batch = new_batch(&(sheaf_batch_options){.result_size = 8, .max_attempts = SHEAF_MAX_ATTEMPTS});
		for (uint64_t p = 0; p < counts[c]; p++)
			expect_done(sheaf_submit(batch, p, kill_the_others, &brawl, sizeof(brawl)));
		results = gather(batch, counts[c], 0);
		for (uint64_t p = 0; p < counts[c]; p++)
			cr_assert_eq(value_of(&results[p]), mix(p));
		/* Of two or more that shoot at the same time one may be left. */
		await_deaths(counts[c] > 1 ? counts[c] - 1 : 1);
		expect_pool_works(100);
	}
}

Test(like_loky, a_pool_ends_while_its_workers_are_killed)
{
	for (int i = 0; i < 20; i++) {
		sheaf_batch *batch = new_batch(NULL);
		struct gate *gate = new_gate();

		for (uint64_t p = 0; p < 10; p++)
			expect_done(sheaf_submit(batch, p, wait_at_gate, &gate, sizeof(gate)));
		gate_await(gate, 1 + i % 2);
		for (unsigned w = 0; w < 2; w++) {
			pid_t pid = sheaf_pool_worker_pid(pool, w);

			if (pid > 0)
				kill(pid, SIGKILL);
		}
		if (i % 3 == 0) {
			gate_open(gate);
			end_in_order();
		} else if (i % 3 == 1) {
			expect_done(sheaf_pool_terminate(pool));
		}
		end();
		start_workers(2);
	}
}

/* ---- joblib ---- */

TestSuite(like_joblib, .init = set_up, .fini = end);

Test(like_joblib, after_a_cancelled_rest_the_pool_is_as_new)
{
	for (int i = 0; i < 5; i++) {
		const sheaf_map_options options = {.grain = 1, .on_error = SHEAF_CANCEL_REST};
		uint64_t *values = new_memory(1000 * sizeof(*values));

		expect_failure(sheaf_map(pool, fail_at_57, NULL, 0, values, 8, 1000, &options), -EDOM, "position 57: no 57");
		expect_done(sheaf_free(pool, values));
		expect_pool_works(1000);
	}
	cr_assert_eq(info().deaths, 0);
}

/* A part of a matrix: how far it is from one element to the next, in both directions. */
struct view {
	const uint64_t *first;
	ptrdiff_t down, right;
	size_t columns;
};

static int add_up_row(sheaf_task *task, const void *arg, void *result)
{
	const struct view *view = sheaf_task_context(task);
	const uint64_t *at = view->first + (ptrdiff_t)sheaf_task_position(task) * view->down;
	uint64_t sum = 0;

	(void)arg;
	for (size_t i = 0; i < view->columns; i++)
		sum += at[(ptrdiff_t)i * view->right];
	*(uint64_t *)result = sum;
	return 0;
}

Test(like_joblib, views_of_an_array_are_seen_in_place)
{
	enum { ROWS = 300, COLUMNS = 500 };
	uint64_t *matrix = new_memory(ROWS * COLUMNS * sizeof(*matrix));
	uint64_t *sums = new_memory(COLUMNS * sizeof(*sums));
	const struct {
		struct view view;
		size_t rows;
	} cases[] = {
		/* as it lies, by columns, a slice with steps, backwards, one row again and again */
		{{matrix, COLUMNS, 1, COLUMNS}, ROWS},
		{{matrix, 1, COLUMNS, ROWS}, COLUMNS},
		{{matrix + 7 * COLUMNS + 3, 2 * COLUMNS, 3, 100}, 100},
		{{matrix + ROWS * COLUMNS - 1, -COLUMNS, -1, COLUMNS}, ROWS},
		{{matrix + ROWS * COLUMNS - COLUMNS, 0, 1, COLUMNS}, COLUMNS},
	};

	for (size_t i = 0; i < ROWS * COLUMNS; i++)
		matrix[i] = mix(i);
	for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
		const struct view *view = &cases[c].view;

		expect_done(sheaf_map(pool, add_up_row, NULL, 0, sums, 8, cases[c].rows,
				      &(sheaf_map_options){.context = view, .context_size = sizeof(*view)}));
		for (size_t row = 0; row < cases[c].rows; row++) {
			uint64_t sum = 0;

			for (size_t i = 0; i < view->columns; i++)
				sum += view->first[(ptrdiff_t)row * view->down + (ptrdiff_t)i * view->right];
			cr_assert_eq(sums[row], sum, "case %zu, row %zu", c, row);
		}
	}
}
