/*
 * test_for.c - loops over ranges.
 */
#include <errno.h>

#include "pools.h"

static void set_up(void)
{
	begin();
	start_workers(3);
}

TestSuite(loop, .init = set_up, .fini = end);

static void *new_memory(size_t size)
{
	void *memory;

	expect_done(sheaf_alloc(pool, size, &memory));
	return memory;
}

static int count_positions(sheaf_task *task, size_t begin, size_t end, void *context)
{
	_Atomic unsigned *counts = context;

	if (begin >= end || sheaf_task_position(task) != begin || sheaf_task_attempt(task) != 1)
		return -EIO;
	for (size_t p = begin; p < end; p++)
		atomic_fetch_add(&counts[p], 1);
	return 0;
}

Test(loop, covers_each_position_once)
{
	static const size_t sizes[] = {1, 2, 63, 1000, 20011}, grains[] = {0, 1, 7, 60, 1000, SIZE_MAX};

	for (size_t s = 0; s < 5; s++)
		for (size_t g = 0; g < 6; g++) {
			unsigned *counts = new_memory(20012 * sizeof(*counts));

			expect_done(
				sheaf_for(pool, count_positions, counts, sizes[s], &(sheaf_map_options){.grain = grains[g]}));
			for (size_t p = 0; p < 20012; p++)
				cr_assert_eq(counts[p], p < sizes[s], "position %zu of %zu", p, sizes[s]);
			expect_done(sheaf_free(pool, counts));
		}
}

struct sums {
	_Atomic uint64_t positions, calls;
};

static int add_length(sheaf_task *task, size_t begin, size_t end, void *context)
{
	struct sums *sums = context;

	(void)task;
	atomic_fetch_add(&sums->positions, end - begin);
	atomic_fetch_add(&sums->calls, 1);
	return 0;
}

/* The uneven last range of a known example: nothing skipped, nothing twice. */
Test(loop, cuts_as_told)
{
	struct sums *sums = new_memory(sizeof(*sums));

	expect_done(sheaf_for(pool, add_length, sums, 483931, &(sheaf_map_options){.grain = 60000}));
	cr_assert_eq(sums->positions, 483931);
	cr_assert_eq(sums->calls, 9);
}

/* Counts that a size_t of 32 bits cannot hold. */
#if SIZE_MAX > UINT32_MAX
Test(loop, takes_2_to_the_45_positions)
{
	struct sums *sums = new_memory(sizeof(*sums));

	expect_done(sheaf_for(pool, add_length, sums, (size_t)1 << 45, &(sheaf_map_options){.grain = (size_t)1 << 40}));
	cr_assert_eq(sums->positions, UINT64_C(1) << 45);
	expect_failure(sheaf_for(pool, add_length, sums, ((size_t)1 << 45) + 1, NULL), -EOVERFLOW,
		       "for: n is 35184372088833, at most 2^45");
	expect_failure(sheaf_for(pool, add_length, sums, SIZE_MAX, NULL), -EOVERFLOW, "at most 2^45");
}
#endif

Test(loop, of_nothing_does_nothing)
{
	expect_done(sheaf_for(pool, count_positions, NULL, 0, NULL));
}

static int expect_no_context(sheaf_task *task, size_t begin, size_t end, void *context)
{
	(void)task;
	(void)begin;
	(void)end;
	return context ? -EIO : 0;
}

Test(loop, may_have_no_context)
{
	expect_done(sheaf_for(pool, expect_no_context, NULL, 100, NULL));
}

struct context {
	struct sums *sums;
	char text[1000];
};

static int read_context(sheaf_task *task, size_t begin, size_t end, void *context)
{
	struct context *mine = context;

	if (strlen(mine->text) != 900)
		return -EIO;
	return add_length(task, begin, end, mine->sums);
}

Test(loop, copies_its_context_if_told)
{
	sheaf_batch *batch = new_batch(NULL);
	const sheaf_result *results;
	struct context context = {.sums = new_memory(sizeof(struct sums))};
	size_t n;

	memset(context.text, 'x', 900);
	expect_done(
		sheaf_submit_for(batch, read_context, &context, 1000, &(sheaf_map_options){.context_size = sizeof(context)}));
	memset(&context.text, 0, sizeof(context.text));
	cr_assert_eq(sheaf_gather(batch, &results, &n, SHEAF_FOREVER), 0);
	cr_assert_eq(n, 1000);
	cr_assert_eq(context.sums->positions, 1000);
}

static int check_bytes(sheaf_task *task, size_t begin, size_t end, void *context)
{
	const unsigned char *bytes = context;

	(void)task;
	(void)begin;
	for (size_t i = 0; i < end; i++)
		if (bytes[i] != i % 251)
			return -EIO;
	return 0;
}

/* Behind the chunks of the map, few or many, or in memory of its own. */
Test(loop, copies_contexts_of_any_size)
{
	static const size_t sizes[] = {1, 63, 64, 1000, 2300, 2400, 3500, 3900, 4000, 4096, 4097, 70000};
	unsigned char context[70000];

	for (size_t i = 0; i < sizeof(context); i++)
		context[i] = (unsigned char)(i % 251);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		for (size_t grain = 0; grain < 2; grain++)
			expect_done(sheaf_for(pool, check_bytes, context, sizes[i],
					      &(sheaf_map_options){.grain = grain, .context_size = sizes[i]}));
}

static int find_context(sheaf_task *task, size_t begin, size_t end, void *context)
{
	(void)begin;
	(void)end;
	return sheaf_task_context(task) == context ? 0 : -EIO;
}

Test(loop, finds_its_context_by_its_task_too)
{
	uint64_t bytes = 5;

	for (int i = 0; i < 2; i++) {
		const sheaf_map_options copied = {.context_size = sizeof(bytes), .caller_works = i};

		expect_done(sheaf_for(pool, find_context, &bytes, 1000, &copied));
		expect_done(sheaf_for(pool, find_context, NULL, 1000, &(sheaf_map_options){.caller_works = i}));
		expect_done(sheaf_for(pool, find_context, new_memory(8), 1000, &(sheaf_map_options){.caller_works = i}));
	}
}

Test(loop, refuses_a_context_outside_of_shared_memory)
{
	struct context context;
	char text[200];

	snprintf(text, sizeof(text),
		 "for: context %p is not in the pool's shared memory: use sheaf_alloc(), or set options.context_size to have "
		 "it copied",
		 (void *)&context);
	expect_failure(sheaf_for(pool, read_context, &context, 10, NULL), -EFAULT, text);
	expect_failure(sheaf_for(pool, read_context, &context, 10, &(sheaf_map_options){.grain = 1}), -EFAULT, text);
	expect_failure(sheaf_for(pool, read_context, NULL, 10, &(sheaf_map_options){.context = &context}), -EINVAL,
		       "for: options.context is set, but a loop has its context as an argument: pass it there");
	expect_failure(sheaf_for(pool, read_context, NULL, 10, &(sheaf_map_options){.context_size = 8}), -EINVAL,
		       "for: context is NULL, but has 8 bytes");
	expect_failure(sheaf_for(pool, read_context, &context, 10, &(sheaf_map_options){.context_size = SIZE_MAX}), -ENOMEM,
		       "the context of a loop needs " SIZE_MAX_TEXT " bytes");
}

Test(loop, refuses_null_and_too_many_attempts)
{
	sheaf_batch *batch = new_batch(NULL);

	expect_failure(sheaf_for(NULL, expect_no_context, NULL, 1, NULL), -EINVAL, "pool is NULL");
	expect_failure(sheaf_for(pool, NULL, NULL, 1, NULL), -EINVAL, "for: fn is NULL");
	expect_failure(sheaf_submit_for(NULL, expect_no_context, NULL, 1, NULL), -EINVAL, "for: batch is NULL");
	expect_failure(sheaf_submit_for(batch, NULL, NULL, 1, NULL), -EINVAL, "for: fn is NULL");
	expect_failure(sheaf_for(pool, expect_no_context, NULL, 1, &(sheaf_map_options){.max_attempts = 32}), -EINVAL,
		       "for: max_attempts is 32, at most 31");
}

static int fail_with_42(sheaf_task *task, size_t begin, size_t end, void *context)
{
	(void)context;
	return begin <= 42 && 42 < end ? sheaf_task_fail(task, -EDOM, "has 42") : 0;
}

Test(loop, every_position_of_a_failing_range_fails)
{
	sheaf_batch *batch = new_batch(NULL);
	const sheaf_result *results;
	size_t n;

	expect_done(sheaf_submit_for(batch, fail_with_42, NULL, 100, &(sheaf_map_options){.grain = 10}));
	cr_assert_eq(sheaf_gather(batch, &results, &n, SHEAF_FOREVER), 10);
	cr_assert_eq(n, 100);
	for (uint64_t p = 0; p < n; p++) {
		cr_assert_eq(results[p].position, p);
		cr_assert_eq(results[p].status, p / 10 == 4 ? -EDOM : 0);
		cr_assert_str_eq(results[p].message, p / 10 == 4 ? "has 42" : "");
		cr_assert_null(results[p].data);
		cr_assert_eq(results[p].size, 0);
		cr_assert_eq(results[p].attempts, 1);
	}
	expect_failure(sheaf_for(pool, fail_with_42, NULL, 100, &(sheaf_map_options){.grain = 10}), -EDOM,
		       "position 40: has 42 (9 other positions failed, too)");
}

#if SIZE_MAX > UINT32_MAX
static int fail_all(sheaf_task *task, size_t begin, size_t end, void *context)
{
	(void)task;
	(void)begin;
	(void)end;
	(void)context;
	return -EIO;
}

Test(loop, counts_failures_that_are_more_than_an_int_holds)
{
	expect_failure(sheaf_for(pool, fail_all, NULL, (size_t)1 << 40, &(sheaf_map_options){.grain = (size_t)1 << 25}), -EIO,
		       "position 0: input or output failed (1099511627775 other positions failed, too)");
}
#endif

Test(loop, streams_like_a_map)
{
	sheaf_batch *batch = new_batch(NULL);
	sheaf_result result;

	expect_done(sheaf_submit_for(batch, fail_with_42, NULL, 100, &(sheaf_map_options){.grain = 10}));
	for (uint64_t p = 0; p < 100; p++) {
		cr_assert_eq(sheaf_next(batch, &result, SHEAF_FOREVER), 1);
		cr_assert_eq(result.position, p);
		cr_assert_eq(result.status, p / 10 == 4 ? -EDOM : 0);
	}
	cr_assert_eq(sheaf_next(batch, &result, SHEAF_FOREVER), 0);
}

static int note_range(sheaf_task *task, size_t begin, size_t end, void *context)
{
	uint64_t *out = *(uint64_t **)context;

	for (size_t i = begin; i < end; i++)
		out[i - 1000] = i;
	return sheaf_task_position(task) == begin ? 0 : -EIO;
}

Test(loop, tells_ranges_of_a_larger_loop)
{
	void *memory;

	expect_done(sheaf_alloc(pool, 500 * 8, &memory));
	expect_done(
		sheaf_for(pool, note_range, &memory, 500, &(sheaf_map_options){.first = 1000, .context_size = sizeof(memory)}));
	for (size_t i = 0; i < 500; i++)
		cr_assert_eq(((uint64_t *)memory)[i], 1000 + i);
}
