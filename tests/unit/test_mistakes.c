/*
 * test_mistakes.c - mistakes of programs that use pools: each gets an error that names it, and
 * harms no other task.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "batch/handle.h"
#include "pools.h"
#include "support/deadline.h"

TestSuite(mistakes, .init = begin, .fini = end);

/* ---- handles in tasks ---- */

struct handles_of_owner {
	sheaf_pool *pool;
	sheaf_batch *batch;
};

#define MANY 200 /* more than the library has static memory for */

static const char refusal[] = "a task cannot use the handles of the pool's owner";

/* The line of the first call that is not refused as it should be, or 0. */
static int try_all(struct handles_of_owner of)
{
	const sheaf_result *results;
	sheaf_progress progress;
	sheaf_batch *batch;
	sheaf_result result;
	sheaf_pool_info now;
	void *memory;
	size_t n;
	long x = 0;

#define REFUSED(call)                                                      \
	do                                                                 \
		if ((call) != -EPERM || !strstr(sheaf_message(), refusal)) \
			return __LINE__;                                   \
	while (0)
	REFUSED(sheaf_submit(of.batch, 1000, do_nothing, NULL, 0));
	REFUSED(sheaf_submit_with(of.batch, 1000, do_nothing, NULL, 0, NULL));
	REFUSED(sheaf_submit_map(of.batch, do_nothing, NULL, 0, NULL, 0, 3, NULL));
	REFUSED(sheaf_next(of.batch, &result, SHEAF_FOREVER));
	REFUSED(sheaf_next_done(of.batch, &result, SHEAF_FOREVER));
	REFUSED(sheaf_gather(of.batch, &results, &n, SHEAF_FOREVER));
	REFUSED(sheaf_batch_get_progress(of.batch, &progress));
	REFUSED(sheaf_apply(of.pool, do_nothing, NULL, 0, &x, sizeof(x), NULL));
	REFUSED(sheaf_map(of.pool, do_nothing, NULL, 0, NULL, 0, 3, NULL));
	REFUSED(sheaf_batch_create(&batch, of.pool, NULL));
	REFUSED(sheaf_alloc(of.pool, 8, &memory));
	REFUSED(sheaf_alloc_array(of.pool, 8, 8, &memory));
	REFUSED(sheaf_free(of.pool, &memory));
	REFUSED(sheaf_pool_close(of.pool));
	REFUSED(sheaf_pool_join(of.pool, SHEAF_FOREVER));
	REFUSED(sheaf_pool_terminate(of.pool));
	REFUSED(sheaf_pool_get_info(of.pool, &now));
	REFUSED(sheaf_pool_worker_pid(of.pool, 0));
#undef REFUSED
	sheaf_batch_retire(of.batch);
	sheaf_pool_destroy(of.pool);
	return 0;
}

static int use_handles(sheaf_task *task, const void *arg, void *result)
{
	struct handles_of_owner of;
	int line;

	(void)result;
	memcpy(&of, arg, sizeof(of));
	line = try_all(of);
	return line ? sheaf_task_fail(task, -EPROTO, "line %d: %s", line, sheaf_message()) : 0;
}

static void expect_refused_in_tasks(enum sheaf_backend backend)
{
	struct handles_of_owner of;

	start(&(sheaf_pool_options){.workers = 2, .max_batches = MANY + 2, .heap_size = 16 << 20, .backend = backend});
	of.pool = pool;
	for (unsigned i = 0; i < MANY; i++) {
		of.batch = new_batch(NULL);
		if (i % 50 == 0 || i == MANY - 1)
			expect_done(sheaf_apply(pool, use_handles, &of, sizeof(of), NULL, 0, NULL));
	}
	expect_pool_works(100);
}

Test(mistakes, a_task_that_uses_its_owners_handles_is_refused)
{
	expect_refused_in_tasks(SHEAF_PROCESSES);
}

Test(mistakes, so_is_one_that_runs_in_a_thread)
{
	expect_refused_in_tasks(SHEAF_THREADS);
}

static int use_no_handle(sheaf_task *task, const void *arg, void *result)
{
	struct handles_of_owner wild = {.pool = (sheaf_pool *)(uintptr_t)arg, .batch = (sheaf_batch *)(uintptr_t)task};
	int line = try_all(wild);

	(void)result;
	return line ? sheaf_task_fail(task, -EPROTO, "line %d: %s", line, sheaf_message()) : 0;
}

Test(mistakes, nor_is_anything_else_taken_for_a_handle_there)
{
	start_workers(1);
	expect_done(sheaf_apply(pool, use_no_handle, "123456789012345678901234567890", 30, NULL, 0, NULL));
}

static int use_other_pool(sheaf_task *task, const void *arg, void *result)
{
	sheaf_pool *other = *(sheaf_pool *const *)arg;
	int r = sheaf_apply(other, mix_position, NULL, 0, result, sizeof(uint64_t), NULL);

	return r ? sheaf_task_fail(task, r, "%s", sheaf_message()) : 0;
}

Test(mistakes, a_task_in_a_thread_may_use_another_pool)
{
	sheaf_pool_options options = {.workers = 2, .heap_size = 16 << 20, .backend = SHEAF_THREADS};
	sheaf_pool *other;
	uint64_t got = 0;

	start(&options);
	expect_done(sheaf_pool_create(&other, &options));
	expect_done(sheaf_apply(pool, use_other_pool, &other, sizeof(other), &got, sizeof(got), NULL));
	cr_assert_eq(got, mix(0));
	sheaf_pool_destroy(other);
}

#define DEPTH 2

struct depth {
	int depth;
	sheaf_pool *outer;
};

/*
 * A pool of a task's own, with more batches than there is static memory for; tasks in it do the
 * same. 0, or the line that is wrong.
 */
static int use_own_pool(sheaf_task *task, const void *arg, void *result)
{
	sheaf_pool_options options = {.workers = 1, .max_batches = MANY + 1, .heap_size = 16 << 20};
	struct depth at = *(const struct depth *)arg, deeper = {.depth = at.depth + 1};
	int depth = at.depth, *line = result;
	sheaf_batch *batches[MANY];
	sheaf_result got;
	sheaf_pool *own;

#define RIGHT(condition)                                                                                                  \
	do                                                                                                                \
		if (!(condition)) {                                                                                       \
			*line = __LINE__;                                                                                 \
			return sheaf_task_fail(task, -EPROTO, "depth %d, line %d: %s", depth, __LINE__, sheaf_message()); \
		}                                                                                                         \
	while (0)
	RIGHT(!sheaf_pool_create(&own, &options));
	deeper.outer = own;
	for (int i = 0; i < MANY; i++) {
		RIGHT(!sheaf_batch_create(&batches[i], own, &(sheaf_batch_options){.result_size = 8}));
		RIGHT(!sheaf_submit(batches[i], (uint64_t)i, mix_position, NULL, 0));
	}
	if (depth < DEPTH)
		RIGHT(!sheaf_apply(own, use_own_pool, &deeper, sizeof(deeper), line, sizeof(*line), NULL) && !*line);
	for (int i = 0; i < MANY; i++) {
		RIGHT(sheaf_next(batches[i], &got, SHEAF_FOREVER) == 1 && *(uint64_t *)got.data == mix((uint64_t)i));
		if (i % 2)
			sheaf_batch_retire(batches[i]);
	}
	RIGHT(sheaf_pool_interrupt(own) == 0);
	sheaf_pool_destroy(own);
	RIGHT(sheaf_next(batches[0], &got, SHEAF_FOREVER) < 0);
	/* The outer pool stays refused. */
	RIGHT(sheaf_pool_close(at.outer) == -EPERM && sheaf_pool_interrupt(at.outer) == -EPERM);
#undef RIGHT
	return 0;
}

Test(mistakes, a_task_may_use_a_pool_of_its_own)
{
	struct depth depth;
	int line = 0;

	start_workers(2);
	depth = (struct depth){.outer = pool};
	expect_done(sheaf_apply(pool, use_own_pool, &depth, sizeof(depth), &line, sizeof(line), NULL));
	expect_pool_works(100);
}

/* ---- handles after their end ---- */

static void expect_dead(sheaf_batch *batch)
{
	static const char text[] = "the batch was retired, or its pool destroyed";
	const sheaf_result *results;
	sheaf_progress progress;
	sheaf_result result;
	size_t n;

	sheaf_batch_retire(batch);
	expect_failure(sheaf_submit(batch, 1, do_nothing, NULL, 0), -EINVAL, text);
	expect_failure(sheaf_submit_map(batch, do_nothing, NULL, 0, NULL, 0, 1, NULL), -EINVAL, text);
	expect_failure(sheaf_next(batch, &result, SHEAF_FOREVER), -EINVAL, text);
	expect_failure(sheaf_next_done(batch, &result, 0), -EINVAL, text);
	expect_failure(sheaf_gather(batch, &results, &n, 0), -EINVAL, text);
	expect_failure(sheaf_batch_get_progress(batch, &progress), -EINVAL, text);
	sheaf_batch_retire(batch);
}

Test(mistakes, a_batch_that_was_retired_says_so)
{
	sheaf_batch *batches[3];

	start_workers(1);
	for (int i = 0; i < 3; i++)
		batches[i] = new_batch(NULL);
	for (int i = 0; i < 3; i++)
		sheaf_batch_retire(batches[i]);
	for (int i = 0; i < 3; i++)
		expect_dead(batches[i]);
	expect_pool_works(100);
}

Test(mistakes, a_batch_whose_pool_was_destroyed_says_so)
{
	sheaf_batch *batches[MANY];

	start(&(sheaf_pool_options){.workers = 1, .max_batches = MANY, .heap_size = 16 << 20});
	for (int i = 0; i < MANY; i++) {
		batches[i] = new_batch(NULL);
		expect_done(sheaf_submit(batches[i], 0, do_nothing, NULL, 0));
	}
	sheaf_pool_destroy(pool);
	pool = NULL;
	for (int i = 0; i < MANY; i++)
		expect_dead(batches[i]);
}

Test(mistakes, a_pool_that_was_destroyed_says_so)
{
	static const char text[] = "the pool was destroyed";

	for (int backend = SHEAF_PROCESSES; backend <= SHEAF_THREADS; backend++) {
		sheaf_pool *dead;
		sheaf_batch *batch;
		sheaf_pool_info now;
		void *memory;

		start(&(sheaf_pool_options){.workers = 1, .heap_size = 16 << 20, .backend = (enum sheaf_backend)backend});
		dead = pool;
		sheaf_pool_destroy(pool);
		pool = NULL;
		sheaf_pool_destroy(dead);
		expect_failure(sheaf_pool_close(dead), -EINVAL, text);
		expect_failure(sheaf_pool_join(dead, 0), -EINVAL, text);
		expect_failure(sheaf_pool_terminate(dead), -EINVAL, text);
		expect_failure(sheaf_pool_get_info(dead, &now), -EINVAL, text);
		expect_failure(sheaf_alloc(dead, 8, &memory), -EINVAL, text);
		expect_failure(sheaf_batch_create(&batch, dead, NULL), -EINVAL, text);
		expect_failure(sheaf_map(dead, do_nothing, NULL, 0, NULL, 0, 1, NULL), -EINVAL, text);
	}
}

static int use_dead_batch(void *context)
{
	sheaf_result result;

	child_check(sheaf_next(context, &result, 0) == -EPERM);
	sheaf_pool_destroy(pool);
	child_check(sheaf_next(context, &result, 0) == -EINVAL);
	sheaf_batch_retire(context);
	sheaf_pool_destroy(pool);
	return 0;
}

Test(mistakes, a_forked_child_may_destroy_its_copy_twice)
{
	sheaf_batch *batch;

	start_workers(1);
	batch = new_batch(NULL);
	in_child(use_dead_batch, batch);
	expect_done(sheaf_submit(batch, 0, do_nothing, NULL, 0));
}

/* ---- results that are overrun ---- */

struct overrun {
	struct gate *gate;
	unsigned char pattern;
	unsigned short size;
};

/* Write behind a result of 8 bytes, over the places of the positions behind. */
static int overrun_result(sheaf_task *task, const void *arg, void *result)
{
	const struct overrun *overrun = arg;

	(void)task;
	gate_pass(overrun->gate);
	memset(result, overrun->pattern, overrun->size);
	return 0;
}

/*
 * Positions 0 to 39; position 5 is the one that writes too much, when all of them have been
 * submitted.
 */
static sheaf_batch *new_damaged_batch(unsigned char pattern, unsigned short size)
{
	struct overrun overrun = {.gate = new_gate(), .pattern = pattern, .size = size};
	sheaf_batch *batch = new_batch(&(sheaf_batch_options){.result_size = 8});

	for (uint64_t position = 0; position < 40; position++)
		expect_done(position == 5 ? sheaf_submit(batch, position, overrun_result, &overrun, sizeof(overrun))
					  : sheaf_submit(batch, position, wait_at_gate, &overrun.gate, sizeof(overrun.gate)));
	gate_open(overrun.gate);
	return batch;
}

Test(mistakes, a_batch_whose_results_were_overrun_fails_and_never_hangs)
{
	static const unsigned char patterns[] = {0, 0x01, 0x02, 0x03, 0x04, 0x41, 0x5a, 0xa4, 0xff};

	for (unsigned i = 0; i < sizeof(patterns); i++)
		for (int way = 0; way < 3; way++) {
			const sheaf_result *results;
			sheaf_batch *batch;
			sheaf_result result;
			size_t n, count = 0;
			int r;

			start_workers(1);
			batch = new_damaged_batch(patterns[i], 2000);
			if (way == 0)
				r = sheaf_gather(batch, &results, &n, hang_deadline());
			else
				while ((r = (way == 1 ? sheaf_next : sheaf_next_done)(batch, &result, hang_deadline())) == 1)
					count++;
			/* The pool may have seen it, too. */
			cr_assert(r == -EBADMSG || r == -ENOTRECOVERABLE, "pattern %#x: %d: %s", patterns[i], r,
				  sheaf_message());
			cr_assert(r != -EBADMSG || strstr(sheaf_message(), "was written over"));
			cr_assert_leq(count, 40);
			sheaf_batch_retire(batch);
			expect_pool_works(100);
			end();
		}
}

/* The table of the first batch ends where the other begins: its state, its bell. */
Test(mistakes, nor_does_the_batch_beside_it_hang)
{
	static const unsigned char patterns[] = {0, 0x02, 0x41, 0x5a, 0x82, 0xff};

	for (unsigned i = 0; i < sizeof(patterns); i++) {
		struct overrun overrun = {.pattern = patterns[i], .size = 4096};
		sheaf_batch *batch, *beside;
		const sheaf_result *results;
		size_t n;
		int r;

		start_workers(1);
		overrun.gate = new_gate();
		batch = new_batch(&(sheaf_batch_options){.result_size = 8});
		beside = new_batch(&(sheaf_batch_options){.result_size = 8});
		for (uint64_t position = 0; position < 60; position++) {
			expect_done(position == 30
					    ? sheaf_submit(batch, position, overrun_result, &overrun, sizeof(overrun))
					    : sheaf_submit(batch, position, wait_at_gate, &overrun.gate, sizeof(overrun.gate)));
			expect_done(sheaf_submit(beside, position, wait_at_gate, &overrun.gate, sizeof(overrun.gate)));
		}
		gate_open(overrun.gate);
		r = sheaf_gather(batch, &results, &n, hang_deadline());
		cr_assert(r == -EBADMSG || r == -ENOTRECOVERABLE, "pattern %#x: %d: %s", patterns[i], r, sheaf_message());
		r = sheaf_gather(beside, &results, &n, hang_deadline());
		cr_assert(r == -EBADMSG || r == -ENOTRECOVERABLE, "pattern %#x: %d: %s", patterns[i], r, sheaf_message());
		sheaf_batch_retire(beside);
		sheaf_batch_retire(batch);
		end();
	}
}

/* Its own bell and those of the batches behind it. */
Test(mistakes, an_owner_outlives_semaphores_that_a_task_has_run_over)
{
	static const unsigned char patterns[] = {0, 0x01, 0x5a, 0x80, 0xff};

	for (unsigned i = 0; i < sizeof(patterns); i++) {
		sheaf_batch *batch, *others[5];
		const sheaf_result *results;
		size_t n;
		int r;

		start_workers(2);
		batch = new_damaged_batch(patterns[i], 60000);
		for (int j = 0; j < 5; j++) {
			others[j] = new_batch(&(sheaf_batch_options){.result_size = 8});
			sheaf_submit(others[j], 0, do_nothing, NULL, 0);
		}
		r = sheaf_gather(batch, &results, &n, hang_deadline());
		cr_assert(r == -EBADMSG || r == -ENOTRECOVERABLE, "pattern %#x: %d: %s", patterns[i], r, sheaf_message());
		cr_assert_eq(sheaf_pool_interrupt(pool), 0);
		for (int j = 0; j < 5; j++) {
			r = sheaf_gather(others[j], &results, &n, hang_deadline());
			cr_assert_neq(r, -ETIMEDOUT, "pattern %#x", patterns[i]);
			sheaf_batch_retire(others[j]);
		}
		sheaf_batch_retire(batch);
		end();
	}
}

static int damage_chunks(sheaf_task *task, size_t first, size_t last, void *context)
{
	(void)task;
	(void)last;
	if (first == 3) /* the words of the chunks: found from outside, as a wild pointer would */
		memset(*(void **)context, 0, 40 * 8);
	return 0;
}

Test(mistakes, so_does_a_loop_whose_words_were_written_over)
{
	sheaf_batch *batch;
	sheaf_result result;
	void *words;
	int r;

	start_workers(1);
	batch = new_batch(NULL);
	words = batch->shared->table;
	expect_done(sheaf_submit_for(batch, damage_chunks, &words, 40,
				     &(sheaf_map_options){.grain = 1, .context_size = sizeof(words)}));
	while ((r = sheaf_next(batch, &result, hang_deadline())) == 1)
		continue;
	expect_failure(r, -EBADMSG, "was written over");
	sheaf_batch_retire(batch);
	expect_failure(
		sheaf_for(pool, damage_chunks, &words, 40, &(sheaf_map_options){.grain = 1, .context_size = sizeof(words)}),
		-EBADMSG, "was written over");
	expect_pool_works(100);
}

/* ---- SHEAF_CHECK ---- */

static void start_checked(enum sheaf_backend backend)
{
	setenv("SHEAF_CHECK", "1", 1);
	start(&(sheaf_pool_options){.workers = 2, .heap_size = 64 << 20, .backend = backend});
	unsetenv("SHEAF_CHECK");
}

/* So many bytes are written behind what a task was given, or before. */
struct excess {
	short behind_result, before_result, behind_arg, before_arg, behind_data;
};

static int exceed(sheaf_task *task, const void *arg, void *result)
{
	struct excess excess;
	unsigned char *out = result, *in = (unsigned char *)(uintptr_t)arg;
	void *data;
	int r;

	memcpy(&excess, arg, sizeof(excess));
	memset(out, 7, 8 + (size_t)excess.behind_result);
	memset(out - excess.before_result, 7, (size_t)excess.before_result);
	memset(in + sizeof(excess), 7, (size_t)excess.behind_arg);
	memset(in - excess.before_arg, 7, (size_t)excess.before_arg);
	if (!excess.behind_data)
		return 0;
	if ((r = sheaf_task_result(task, 100, &data)))
		return r;
	memset(data, 7, 100 + (size_t)excess.behind_data);
	return 0;
}

static void expect_found(struct excess excess, const char *text)
{
	sheaf_batch *batch = new_batch(&(sheaf_batch_options){.result_size = 8});
	static const struct excess none;
	const sheaf_result *results;
	size_t n;

	for (uint64_t position = 0; position < 6; position++)
		expect_done(sheaf_submit(batch, position, exceed, position == 3 ? &excess : &none, sizeof(excess)));
	cr_assert_eq(sheaf_gather(batch, &results, &n, hang_deadline()), text ? 1 : 0, "%s", sheaf_message());
	for (size_t i = 0; i < n; i++) {
		cr_assert_eq(results[i].status, i == 3 && text ? -EFAULT : 0);
		cr_assert_str_eq(results[i].message, i == 3 && text ? text : "");
		cr_assert(results[i].status || value_of(&results[i]) == 0x0707070707070707);
	}
	sheaf_batch_retire(batch);
}

Test(mistakes, a_check_tells_what_was_overrun_and_where)
{
	for (int backend = SHEAF_PROCESSES; backend <= SHEAF_THREADS; backend++) {
		start_checked((enum sheaf_backend)backend);
		expect_found((struct excess){0}, NULL);
		expect_found((struct excess){.behind_result = 8},
			     "the task wrote 8 bytes behind its result of 8 bytes (position 3)");
		expect_found((struct excess){.behind_result = 4000},
			     "the task wrote 4000 bytes behind its result of 8 bytes (position 3)");
		expect_found((struct excess){.before_result = 1},
			     "the task wrote 1 byte before its result of 8 bytes (position 3)");
		expect_found((struct excess){.behind_arg = 3},
			     "the task wrote 3 bytes behind its argument of 10 bytes (position 3)");
		expect_found((struct excess){.before_arg = 16},
			     "the task wrote 16 bytes before its argument of 10 bytes (position 3)");
		expect_found((struct excess){.behind_data = 5},
			     "the task wrote 5 bytes behind the 100 bytes of sheaf_task_result() (position 3)");
		expect_pool_works(1000);
		end();
	}
}

static int exceed_item(sheaf_task *task, const void *arg, void *result)
{
	uint64_t *out = result;

	*out = mix(*(const uint64_t *)arg);
	if (sheaf_task_position(task) == 17)
		out[1] = 0;
	return 0;
}

Test(mistakes, a_check_finds_items_of_maps_that_overrun_and_saves_their_neighbours)
{
	uint64_t *in;
	void *memory;

	start_checked(SHEAF_PROCESSES);
	expect_done(sheaf_alloc_array(pool, 100, 8, &memory));
	in = memory;
	for (uint64_t i = 0; i < 100; i++)
		in[i] = i;
	/* In place. */
	expect_failure(sheaf_map(pool, exceed_item, in, 8, in, 8, 100, NULL), -EFAULT,
		       "the task wrote 8 bytes behind its result of 8 bytes (position 17)");
	for (uint64_t i = 0; i < 100; i++)
		cr_assert_eq(in[i], i == 17 ? 17 : mix(i));
}

/* What its worker had on its stack for the task, and below it, is not zero after that. */
static int litter(sheaf_task *task, const void *arg, void *result)
{
	volatile unsigned char stack[32768];

	(void)arg;
	(void)result;
	for (size_t i = 0; i < sizeof(stack); i++)
		stack[i] = 0x5a;
	return sheaf_task_fail(task, -EIO, "%0500d", 7);
}

static int mix_range(sheaf_task *task, size_t first, size_t last, void *context)
{
	uint64_t *out = *(uint64_t *const *)context;

	(void)task;
	for (size_t i = first; i < last; i++)
		out[i] = mix(i);
	return 0;
}

static void expect_all_and_clear(uint64_t *out)
{
	for (uint64_t i = 0; i < 100; i++)
		cr_assert_eq(out[i], mix(i));
	memset(out, 0, 100 * sizeof(*out));
}

/* A worker's tasks lie on its stack, where earlier ones have left something. */
Test(mistakes, a_check_finds_nothing_where_nothing_is_wrong_whatever_ran_before)
{
	for (int backend = SHEAF_PROCESSES; backend <= SHEAF_THREADS; backend++) {
		uint64_t *out, got = 0;
		void *memory;

		setenv("SHEAF_CHECK", "1", 1);
		start(&(sheaf_pool_options){.workers = 1, .heap_size = 64 << 20, .backend = (enum sheaf_backend)backend});
		unsetenv("SHEAF_CHECK");
		expect_done(sheaf_alloc_array(pool, 100, 8, &memory));
		out = memory;
		for (int i = 0; i < 3; i++) {
			sheaf_map_options with_limit = {.task_timeout_ns = 60 * UINT64_C(1000000000)};
			sheaf_map_options with_context = {.context_size = sizeof(out)};
			sheaf_map_options *with = i == 1 && backend == SHEAF_PROCESSES ? &with_limit : NULL;

			cr_assert_eq(sheaf_apply(pool, litter, NULL, 0, NULL, 0, NULL), -EIO);
			expect_done(sheaf_map(pool, mix_position, NULL, 0, out, 8, 100, with));
			expect_all_and_clear(out);
			cr_assert_eq(sheaf_apply(pool, litter, NULL, 0, NULL, 0, NULL), -EIO);
			expect_done(sheaf_for(pool, mix_range, &out, 100, &with_context));
			expect_all_and_clear(out);
			cr_assert_eq(sheaf_apply(pool, litter, NULL, 0, NULL, 0, NULL), -EIO);
			expect_done(sheaf_apply(pool, mix_position, NULL, 0, &got, sizeof(got), NULL));
			cr_assert_eq(got, mix(0));
		}
		end();
	}
}

#ifdef OS_LAYER_LINUX
static int read_pointer(sheaf_task *task, const void *arg, void *result)
{
	(void)task;
	*(uint64_t *)result = **(const uint64_t *const *)arg;
	return 0;
}

static int range_of_nothing(sheaf_task *task, size_t first, size_t last, void *context)
{
	(void)task;
	(void)first;
	(void)last;
	(void)context;
	return 0;
}

Test(mistakes, a_check_refuses_pointers_that_workers_do_not_have)
{
	static uint64_t global = 5;
	struct {
		char text[8];
		const uint64_t *pointer;
	} arg = {.text = "x"};
	uint64_t got = 0, *early = malloc(1 << 20), *late;
	double number = 3.14;
	void *memory;

	cr_assert_not_null(early);
	early[0] = 6;
	start_checked(SHEAF_PROCESSES);
	late = malloc(1 << 20);
	cr_assert_not_null(late);
	late[0] = 7;
	arg.pointer = late;
	expect_failure(sheaf_apply(pool, read_pointer, &arg, sizeof(arg), &got, sizeof(got), NULL), -EFAULT, "at offset 8");
	expect_failure(sheaf_for(pool, range_of_nothing, &arg, 3, &(sheaf_map_options){.context_size = sizeof(arg)}), -EFAULT,
		       "context holds the address");
	expect_done(sheaf_alloc(pool, 800, &memory));
	expect_failure(sheaf_map(pool, do_nothing, memory, 8, NULL, 0, 100,
				 &(sheaf_map_options){.context = &arg, .context_size = sizeof(arg)}),
		       -EFAULT, "map: context holds the address");
	((const void **)memory)[99] = late;
	expect_failure(sheaf_map(pool, do_nothing, memory, 8, NULL, 0, 100, NULL), -EFAULT, "at offset 792");
	/* What workers have. */
	for (int i = 0; i < 3; i++) {
		const uint64_t *pointer = i == 0 ? &global : i == 1 ? early : memory;

		expect_done(sheaf_apply(pool, read_pointer, &pointer, sizeof(pointer), &got, sizeof(got), NULL));
		cr_assert_eq(got, *pointer);
	}
	expect_done(sheaf_apply(pool, do_nothing, &number, sizeof(number), NULL, 0, NULL));
	free(early);
	free(late);
}
#endif

/* ---- the environment ---- */

Test(mistakes, the_environment_chooses_the_backend)
{
	setenv("SHEAF_BACKEND", "threads", 1);
	start_workers(2);
	cr_assert_eq(sheaf_pool_worker_pid(pool, 0), 0);
	expect_pool_works(100);
	end();
	setenv("SHEAF_BACKEND", "processes", 1);
	start(&(sheaf_pool_options){.workers = 2, .heap_size = 16 << 20, .backend = SHEAF_THREADS});
	expect_pool_works(100);
	cr_assert_gt(sheaf_pool_worker_pid(pool, 0), 0);
	end();
	setenv("SHEAF_BACKEND", "fibers", 1);
	expect_failure(sheaf_pool_create(&pool, NULL), -EINVAL,
		       "SHEAF_BACKEND is \"fibers\" in the environment: processes, threads or inline");
	unsetenv("SHEAF_BACKEND");
	setenv("SHEAF_CHECK", "yes", 1);
	expect_failure(sheaf_pool_create(&pool, NULL), -EINVAL, "SHEAF_CHECK is \"yes\" in the environment: 0 or 1");
	unsetenv("SHEAF_CHECK");
}
