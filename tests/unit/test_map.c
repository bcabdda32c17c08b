/*
 * test_map.c - maps: every item once, whatever the cut; their results by position, by completion
 * and all at once; bad arguments.
 */
#include <errno.h>
#include <stdlib.h>

#include "pools.h"
#include "sheaf_random.h"

static void set_up(void)
{
	begin();
	start_workers(3);
}

TestSuite(map, .init = set_up, .fini = end);

static uint64_t *new_array(size_t n)
{
	void *memory;

	expect_done(sheaf_alloc_array(pool, n, 8, &memory));
	return memory;
}

/* out = in + position, and counts the runs of each item. */
static int add_position(sheaf_task *task, const void *arg, void *result)
{
	_Atomic uint64_t *out = result;

	atomic_fetch_add(out, *(const uint64_t *)arg + sheaf_task_position(task));
	return sheaf_task_attempt(task) == 1 ? 0 : -EIO;
}

Test(map, equals_a_loop_for_any_cut)
{
	static const size_t sizes[] = {1, 2, 3, 40, 41, 100, 1000, 20011}, grains[] = {0, 1, 6, 20, 40, 50, 1000, SIZE_MAX};
	uint64_t *in = new_array(20011), *out = new_array(20011);

	for (size_t i = 0; i < 20011; i++)
		in[i] = i * i;
	for (size_t s = 0; s < 8; s++)
		for (size_t g = 0; g < 8; g++) {
			size_t n = sizes[s];

			memset(out, 0, 20011 * 8);
			expect_done(sheaf_map(pool, add_position, in, 8, out, 8, n, &(sheaf_map_options){.grain = grains[g]}));
			for (size_t i = 0; i < 20011; i++)
				cr_assert_eq(out[i], i < n ? i * i + i : 0, "item %zu of %zu, grain %zu", i, n, grains[g]);
		}
}

/* out = in + the last byte of the context, which knows its length. */
static int add_context(sheaf_task *task, const void *arg, void *result)
{
	const unsigned char *context = sheaf_task_context(task);
	uint32_t length;

	memcpy(&length, context, sizeof(length));
	*(uint64_t *)result = *(const uint64_t *)arg + context[length - 1];
	return 0;
}

static void *new_context(uint32_t length, unsigned char last)
{
	unsigned char *context = calloc(1, length);

	cr_assert_not_null(context);
	memcpy(context, &length, sizeof(length));
	context[length - 1] = last;
	return context;
}

/* Behind the chunks of the map, few or many, or in memory of its own. */
static int tell_position(sheaf_task *task, const void *arg, void *result)
{
	sheaf_random_stream stream;

	(void)arg;
	sheaf_random(task, &stream);
	((uint64_t *)result)[0] = sheaf_task_position(task);
	((uint64_t *)result)[1] = stream.position;
	return sheaf_task_position(task) == UINT64_C(1000000000007) ? sheaf_task_fail(task, -EDOM, "it is the seventh") : 0;
}

/* Also for the caller that works, which has a copy of the batch. */
Test(map, tells_tasks_positions_of_a_larger_map)
{
	const uint64_t first = UINT64_C(1000000000000);
	uint64_t *out = new_array(2000);

	for (unsigned works = 0; works < 2; works++) {
		expect_failure(sheaf_map(pool, tell_position, NULL, 0, out, 16, 1000,
					 &(sheaf_map_options){.first = first, .caller_works = works}),
			       -EDOM, "position 7: it is the seventh");
		for (uint64_t i = 0; i < 1000; i++)
			cr_assert(out[2 * i] == first + i && out[2 * i + 1] == first + i, "item %llu", (unsigned long long)i);
	}
	expect_done(sheaf_map(pool, tell_position, NULL, 0, out, 16, 1000, NULL));
	for (uint64_t i = 0; i < 1000; i++)
		cr_assert(out[2 * i] == i, "item %llu", (unsigned long long)i);
	expect_failure(sheaf_map(pool, tell_position, NULL, 0, out, 16, 2, &(sheaf_map_options){.first = UINT64_MAX}),
		       -EOVERFLOW, "options.first is");
}

Test(map, hands_its_context_to_each_item)
{
	static const uint32_t lengths[] = {5, 63, 64, 1000, 3500, 4000, 4096, 4097, 70000};
	uint64_t *in = new_array(5000), *out = new_array(5000);

	for (size_t i = 0; i < 5000; i++)
		in[i] = i;
	for (size_t l = 0; l < sizeof(lengths) / sizeof(lengths[0]); l++)
		for (unsigned way = 0; way < 6; way++) {
			sheaf_map_options options = {.grain = way % 3, .caller_works = way > 2, .context_size = lengths[l]};
			void *context = new_context(lengths[l], (unsigned char)(7 + l));
			size_t n = way % 3 ? 300 : 5000;

			options.context = context;
			memset(out, 0, 5000 * 8);
			expect_done(sheaf_map(pool, add_context, in, 8, out, 8, n, &options));
			free(context);
			for (size_t i = 0; i < n; i++)
				cr_assert_eq(out[i], i + 7 + l, "item %zu, context of %u bytes, way %u", i, lengths[l], way);
		}
}

static int expect_no_context(sheaf_task *task, const void *arg, void *result)
{
	(void)arg;
	(void)result;
	return sheaf_task_context(task) ? -EIO : 0;
}

Test(map, reads_a_context_in_shared_memory_where_it_lies)
{
	uint64_t *in = new_array(100), *out = new_array(100);
	sheaf_batch *batch = new_batch(NULL);
	const sheaf_result *results;
	unsigned char *context = (unsigned char *)new_array(10);
	uint32_t length = 9;
	size_t n;

	memcpy(context, &length, sizeof(length));
	context[8] = 3;
	expect_done(sheaf_submit_map(batch, add_context, in, 8, out, 8, 100, &(sheaf_map_options){.context = context}));
	cr_assert_eq(sheaf_gather(batch, &results, &n, SHEAF_FOREVER), 0, "%s", sheaf_message());
	for (size_t i = 0; i < 100; i++)
		cr_assert_eq(*(uint64_t *)results[i].data, 3);
	sheaf_batch_retire(batch);
	/* The next one in the same place has none. */
	expect_done(sheaf_map(pool, expect_no_context, in, 8, NULL, 0, 100, NULL));
	expect_done(sheaf_apply(pool, expect_no_context, in, 8, NULL, 0, NULL));
}

Test(map, refuses_a_context_that_workers_do_not_have)
{
	uint64_t *in = new_array(10), context = 4;
	char text[200];

	snprintf(text, sizeof(text),
		 "map: context %p is not in the pool's shared memory: use sheaf_alloc(), or set options.context_size to have "
		 "it copied",
		 (void *)&context);
	expect_failure(sheaf_map(pool, expect_no_context, in, 8, NULL, 0, 10, &(sheaf_map_options){.context = &context}),
		       -EFAULT, text);
	expect_failure(sheaf_map(pool, expect_no_context, in, 8, NULL, 0, 10, &(sheaf_map_options){.context_size = 8}), -EINVAL,
		       "map: context is NULL, but has 8 bytes");
	expect_failure(sheaf_map(pool, expect_no_context, in, 8, NULL, 0, 10,
				 &(sheaf_map_options){.context = &context, .context_size = SIZE_MAX}),
		       -ENOMEM, "the context of a map needs " SIZE_MAX_TEXT " bytes");
	expect_done(sheaf_map(pool, expect_no_context, in, 8, NULL, 0, 10, NULL));
}

Test(map, of_nothing_does_nothing)
{
	const sheaf_result *results = NULL;
	sheaf_result result;
	sheaf_batch *batch;
	size_t n = 7;

	expect_done(sheaf_map(pool, add_position, NULL, 8, NULL, 8, 0, NULL));
	expect_done(sheaf_map(pool, add_position, NULL, 8, NULL, 8, 0, &(sheaf_map_options){.grain = 3}));
	expect_done(sheaf_map(pool, add_position, &n, SIZE_MAX, &n, 8, 0, NULL));
	batch = new_batch(NULL);
	expect_done(sheaf_submit_map(batch, add_position, NULL, 8, NULL, 8, 0, NULL));
	cr_assert_eq(sheaf_next(batch, &result, 0), 0);
	cr_assert_eq(sheaf_next_done(batch, &result, 0), 0);
	cr_assert_eq(sheaf_gather(batch, &results, &n, 0), 0);
	cr_assert_eq(n, 0);
	cr_assert_not_null(results);
}

static int count_no_bytes(sheaf_task *task, const void *arg, void *result)
{
	return arg || result ? sheaf_task_fail(task, -EIO, "arg %p, result %p", arg, result) : 0;
}

static int check_arg_only(sheaf_task *task, const void *arg, void *result)
{
	return !result && *(const uint64_t *)arg == sheaf_task_position(task) ? 0 : -EIO;
}

static int write_result_only(sheaf_task *task, const void *arg, void *result)
{
	*(uint64_t *)result = sheaf_task_position(task);
	return arg ? -EIO : 0;
}

Test(map, takes_items_of_no_bytes)
{
	uint64_t *array = new_array(1000);

	expect_done(sheaf_map(pool, count_no_bytes, NULL, 0, NULL, 0, 1000, NULL));
	expect_done(sheaf_map(pool, write_result_only, NULL, 0, array, 8, 1000, NULL));
	expect_done(sheaf_map(pool, check_arg_only, array, 8, NULL, 0, 1000, NULL));
	/* A size of 0 makes the pointer meaningless. */
	expect_done(sheaf_map(pool, count_no_bytes, &array, 0, &array, 0, 1000, NULL));
}

Test(map, may_work_in_place)
{
	uint64_t *array = new_array(5000);

	for (size_t i = 0; i < 5000; i++)
		array[i] = i;
	expect_done(sheaf_map(pool, mix_item, array, 8, array, 8, 5000, NULL));
	for (size_t i = 0; i < 5000; i++)
		cr_assert_eq(array[i], mix(i));
}

struct odd {
	unsigned char bytes[13];
};

static int copy_odd(sheaf_task *task, const void *arg, void *result)
{
	(void)task;
	memcpy(result, arg, sizeof(struct odd));
	return 0;
}

Test(map, takes_items_of_odd_sizes_inside_an_allocation)
{
	unsigned char *in = (unsigned char *)new_array(4000) + 5, *out = (unsigned char *)new_array(4000) + 3;

	for (size_t i = 0; i < 13 * 1000; i++)
		in[i] = (unsigned char)(i * 7);
	expect_done(sheaf_map(pool, copy_odd, in, 13, out, 13, 1000, NULL));
	cr_assert_eq(memcmp(in, out, 13 * 1000), 0);
	cr_assert_eq(out[-1], 0);
	cr_assert_eq(out[13 * 1000], 0);
}

Test(map, leaves_alone_what_tasks_do_not_write)
{
	uint64_t *out = new_array(100);

	for (size_t i = 0; i < 100; i++)
		out[i] = i + 1;
	expect_done(sheaf_map(pool, do_nothing, NULL, 0, out, 8, 100, NULL));
	for (size_t i = 0; i < 100; i++)
		cr_assert_eq(out[i], i + 1);
}

/* ---- bad arguments ---- */

Test(map, refuses_arrays_outside_of_shared_memory)
{
	uint64_t *one = new_array(8192), *two = new_array(8192), mine[4];
	char text[200];

	cr_assert_eq(two, one + 8192, "the test wants neighbours");
	snprintf(text, sizeof(text),
		 "map: in, 32 bytes at %p, is not in one piece of the pool's shared memory: use sheaf_alloc()", (void *)mine);
	expect_failure(sheaf_map(pool, mix_item, mine, 8, one, 8, 4, NULL), -EFAULT, text);
	snprintf(text, sizeof(text), "map: out, 32 bytes at %p, is not", (void *)mine);
	expect_failure(sheaf_map(pool, mix_item, one, 8, mine, 8, 4, NULL), -EFAULT, text);
	expect_failure(sheaf_map(pool, mix_item, one, 8, NULL, 0, 8193, NULL), -EFAULT, "map: in, 65544 bytes");
	expect_failure(sheaf_map(pool, mix_item, one + 1, 8, NULL, 0, 8192, NULL), -EFAULT, "map: in, 65536 bytes");
	expect_failure(sheaf_map(pool, mix_item, NULL, 0, two - 1, 8, 2, NULL), -EFAULT, "map: out, 16 bytes");
	expect_failure(sheaf_map(pool, mix_item, NULL, 0, (void *)(uintptr_t)-8, 8, 2, NULL), -EFAULT, "map: out, 16 bytes");
	expect_done(sheaf_free(pool, two));
	expect_failure(sheaf_map(pool, mix_item, two, 8, NULL, 0, 1, NULL), -EFAULT, "map: in, 8 bytes");
}

Test(map, refuses_sizes_that_do_not_fit)
{
	uint64_t *array = new_array(1);

	expect_failure(sheaf_map(pool, mix_item, array, SIZE_MAX, NULL, 0, 2, NULL), -EOVERFLOW,
		       "map: 2 items of " SIZE_MAX_TEXT " bytes (in) do not fit the address space");
	expect_failure(sheaf_map(pool, mix_item, NULL, 0, array, SIZE_MAX / 2 + 1, 2, NULL), -EOVERFLOW,
		       "map: 2 items of " SIZE_HALF_TEXT " bytes (out) do not fit the address space");
#if SIZE_MAX > UINT32_MAX
	expect_failure(sheaf_map(pool, do_nothing, NULL, 0, NULL, 0, ((size_t)1 << 45) + 1, NULL), -EOVERFLOW,
		       "map: n is 35184372088833, at most 2^45");
#endif
}

Test(map, refuses_null)
{
	sheaf_batch *batch = new_batch(NULL);

	expect_failure(sheaf_map(NULL, mix_item, NULL, 0, NULL, 0, 1, NULL), -EINVAL, "sheaf_map: pool is NULL");
	expect_failure(sheaf_map(pool, NULL, NULL, 0, NULL, 0, 1, NULL), -EINVAL, "map: fn is NULL");
	expect_failure(sheaf_map(pool, mix_item, NULL, 8, NULL, 0, 1, NULL), -EINVAL,
		       "map: in is NULL, but its items have 8 bytes");
	expect_failure(sheaf_map(pool, mix_item, NULL, 0, NULL, 8, 1, NULL), -EINVAL,
		       "map: out is NULL, but its items have 8 bytes");
	expect_failure(sheaf_submit_map(NULL, mix_item, NULL, 0, NULL, 0, 1, NULL), -EINVAL, "map: batch is NULL");
	expect_failure(sheaf_submit_map(batch, NULL, NULL, 0, NULL, 0, 1, NULL), -EINVAL, "map: fn is NULL");
	expect_failure(sheaf_submit_map(batch, do_nothing, NULL, 0, NULL, 0, 1, &(sheaf_map_options){.max_attempts = 32}),
		       -EINVAL, "map: max_attempts is 32, at most 31");
	/* The batch is not used up by that. */
	expect_done(sheaf_submit_map(batch, do_nothing, NULL, 0, NULL, 0, 1, NULL));
}

Test(map, needs_a_batch_of_its_own)
{
	sheaf_batch *map = new_batch(NULL), *calls = new_batch(NULL);

	expect_done(sheaf_submit_map(map, do_nothing, NULL, 0, NULL, 0, 10, NULL));
	expect_failure(sheaf_submit_map(map, do_nothing, NULL, 0, NULL, 0, 10, NULL), -EBUSY,
		       "map: the batch has tasks already: a map needs a batch of its own");
	expect_failure(sheaf_submit(map, 99, do_nothing, NULL, 0), -EBUSY,
		       "the batch is a map: submit single tasks to another batch");
	expect_done(sheaf_submit(calls, 99, do_nothing, NULL, 0));
	expect_failure(sheaf_submit_map(calls, do_nothing, NULL, 0, NULL, 0, 10, NULL), -EBUSY, "the batch has tasks already");
}

static int fill_result(sheaf_task *task, const void *arg, void *result)
{
	(void)task;
	(void)arg;
	memset(result, 0x5a, 8);
	return 0;
}

/* A map that found no room in the ring leaves the batch as it was. */
Test(map, that_was_refused_leaves_its_batch_usable)
{
	sheaf_batch *full, *batch;
	const sheaf_result *results;
	struct gate *gate;
	uint64_t *out;
	size_t n;
	int r;

	end();
	start(&(sheaf_pool_options){.workers = 1, .ring_size = 1, .heap_size = 16 << 20});
	gate = new_gate();
	out = new_array(10 * 125);
	full = new_batch(NULL);
	expect_done(sheaf_submit(full, 0, wait_at_gate, &gate, sizeof(gate)));
	batch = new_batch(&(sheaf_batch_options){.result_size = 8, .max_attempts = 1, .flags = SHEAF_NONBLOCK});
	expect_failure(sheaf_submit_map(batch, fill_result, NULL, 0, out, 1000, 10, &(sheaf_map_options){.max_attempts = 5}),
		       -EAGAIN, "the ring is full: 1 tasks wait or run");
	gate_open(gate);
	for (uint64_t p = 0; p < 50; p++)
		while ((r = sheaf_submit(batch, p, fill_result, NULL, 0)) == -EAGAIN)
			nap();
	expect_done(r);
	cr_assert_eq(sheaf_gather(batch, &results, &n, SHEAF_FOREVER), 0);
	cr_assert_eq(n, 50);
	for (uint64_t p = 0; p < n; p++) {
		cr_assert_eq(results[p].size, 8, "%zu", results[p].size);
		cr_assert_eq(value_of(&results[p]), UINT64_C(0x5a5a5a5a5a5a5a5a));
	}
	for (int i = 0; i < 10 * 125; i++)
		cr_assert_eq(out[i], 0);
}

/* ---- failures ---- */

static int fail_some(sheaf_task *task, const void *arg, void *result)
{
	uint64_t p = sheaf_task_position(task);

	(void)arg;
	*(uint64_t *)result = p + 1;
	return p % 100 == 42 ? sheaf_task_fail(task, -EDOM, "no %d", (int)p) : 0;
}

Test(map, of_failing_items_names_the_lowest_and_keeps_the_others)
{
	for (size_t grain = 0; grain < 300; grain += 37) {
		uint64_t *out = new_array(1000);

		expect_failure(sheaf_map(pool, fail_some, NULL, 0, out, 8, 1000, &(sheaf_map_options){.grain = grain}), -EDOM,
			       "position 42: no 42 (9 other positions failed, too)");
		for (size_t i = 0; i < 1000; i++)
			cr_assert_eq(out[i], i + 1);
		expect_done(sheaf_free(pool, out));
	}
	expect_pool_works(1000);
}

Test(map, of_one_failing_item_says_just_that)
{
	uint64_t *out = new_array(100);

	expect_failure(sheaf_map(pool, fail_some, NULL, 0, out, 8, 100, NULL), -EDOM, "position 42: no 42");
	cr_assert_null(strstr(sheaf_message(), "other"));
}

static int fail_at_length(sheaf_task *task, const void *arg, void *result)
{
	(void)arg;
	(void)result;
	return sheaf_task_fail(task, -EIO, "%0500d", 7);
}

Test(map, of_failing_items_alone_ends)
{
	sheaf_batch *batch = new_batch(NULL);
	const sheaf_result *results;
	size_t n;

	expect_done(sheaf_submit_map(batch, fail_at_length, NULL, 0, NULL, 0, 20000, NULL));
	cr_assert_eq(sheaf_gather(batch, &results, &n, SHEAF_FOREVER), 20000);
	for (size_t i = 0; i < n; i++) {
		cr_assert_eq(results[i].status, -EIO);
		cr_assert_eq(strlen(results[i].message), 500);
	}
	sheaf_batch_retire(batch);
	expect_pool_works(1000);
}

static int return_7(sheaf_task *task, const void *arg, void *result)
{
	(void)task;
	(void)arg;
	(void)result;
	return 7;
}

Test(map, refuses_positive_return_values)
{
	expect_failure(sheaf_map(pool, return_7, NULL, 0, NULL, 0, 1, NULL), -EINVAL,
		       "position 0: the task returned 7: a task returns 0 or a negative errno");
}

static int ask_for_result(sheaf_task *task, const void *arg, void *result)
{
	void *memory;
	int r = sheaf_task_result(task, 8, &memory);

	(void)arg;
	*(uint64_t *)result = sheaf_task_position(task);
	return r;
}

/* Only what fails leaves what sheaf_task_result() gave: see test_binding.c. */
Test(map, has_its_results_in_the_out_array_alone)
{
	sheaf_batch *batch = new_batch(NULL);
	uint64_t *out = new_array(10);
	sheaf_result result;

	expect_done(sheaf_submit_map(batch, ask_for_result, NULL, 0, out, 8, 10, NULL));
	for (uint64_t p = 0; p < 10; p++) {
		cr_assert_eq(sheaf_next(batch, &result, hang_deadline()), 1);
		cr_assert(result.status == 0 && result.data == &out[p] && result.size == 8 && out[p] == p);
	}
	sheaf_batch_retire(batch);
}

/* ---- results ---- */

static sheaf_batch *submit_failing_map(uint64_t **out, size_t grain)
{
	sheaf_batch *batch = new_batch(NULL);

	*out = new_array(1000);
	expect_done(sheaf_submit_map(batch, fail_some, NULL, 0, *out, 8, 1000, &(sheaf_map_options){.grain = grain}));
	return batch;
}

static void check_result(const sheaf_result *result, uint64_t position, const uint64_t *out)
{
	char text[20] = "";

	if (position % 100 == 42)
		snprintf(text, sizeof(text), "no %d", (int)position);
	cr_assert_eq(result->position, position);
	cr_assert_eq(result->status, *text ? -EDOM : 0);
	cr_assert_str_eq(result->message, text);
	cr_assert_eq(result->data, *text ? NULL : (void *)&out[position]);
	cr_assert_eq(result->size, *text ? 0 : 8);
	cr_assert_eq(result->signal, 0);
	cr_assert_eq(result->exit_code, -1);
	cr_assert_eq(result->attempts, 1);
	cr_assert(result->worker >= 0 && result->worker < 3);
	cr_assert_eq(result->pid, sheaf_pool_worker_pid(pool, (unsigned)result->worker));
	cr_assert_eq(result->started_ns, 0);
	cr_assert_eq(result->finished_ns, 0);
}

Test(map, hands_out_results_by_position)
{
	for (size_t grain = 1; grain <= 1000; grain *= 10) {
		sheaf_result result;
		uint64_t *out;
		sheaf_batch *batch = submit_failing_map(&out, grain);

		for (uint64_t p = 0; p < 1000; p++) {
			cr_assert_eq(sheaf_next(batch, &result, SHEAF_FOREVER), 1);
			check_result(&result, p, out);
		}
		cr_assert_eq(sheaf_next(batch, &result, SHEAF_FOREVER), 0);
		cr_assert_eq(sheaf_next_done(batch, &result, SHEAF_FOREVER), 0);
	}
}

Test(map, hands_out_each_result_once_by_completion)
{
	for (size_t grain = 1; grain <= 1000; grain *= 10) {
		bool seen[1000] = {0};
		sheaf_result result;
		uint64_t *out;
		sheaf_batch *batch = submit_failing_map(&out, grain);

		for (int i = 0; i < 1000; i++) {
			cr_assert_eq(sheaf_next_done(batch, &result, SHEAF_FOREVER), 1);
			cr_assert_lt(result.position, 1000);
			cr_assert_not(seen[result.position]);
			seen[result.position] = true;
			check_result(&result, result.position, out);
		}
		cr_assert_eq(sheaf_next_done(batch, &result, 0), 0);
	}
}

Test(map, hands_out_each_result_once_in_turns)
{
	for (size_t grain = 1; grain <= 1000; grain *= 10) {
		bool seen[1000] = {0};
		sheaf_result result;
		uint64_t *out, lowest = 0;
		sheaf_batch *batch = submit_failing_map(&out, grain);

		for (unsigned i = 0; i < 1000; i++) {
			bool by_position = i % 7 < 3;

			cr_assert_eq(by_position ? sheaf_next(batch, &result, SHEAF_FOREVER)
						 : sheaf_next_done(batch, &result, SHEAF_FOREVER),
				     1);
			cr_assert_lt(result.position, 1000);
			cr_assert_not(seen[result.position]);
			seen[result.position] = true;
			if (by_position)
				cr_assert_eq(result.position, lowest, "%u instead of %u", (unsigned)result.position,
					     (unsigned)lowest);
			while (lowest < 1000 && seen[lowest])
				lowest++;
		}
		cr_assert_eq(sheaf_next(batch, &result, 0), 0);
	}
}

Test(map, hands_out_all_results_whatever_was_handed_out_before)
{
	const sheaf_result *results;
	sheaf_result result;
	uint64_t *out;
	size_t n;
	sheaf_batch *batch = submit_failing_map(&out, 0);

	cr_assert_eq(sheaf_next(batch, &result, SHEAF_FOREVER), 1);
	cr_assert_eq(sheaf_next_done(batch, &result, SHEAF_FOREVER), 1);
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(sheaf_gather(batch, &results, &n, SHEAF_FOREVER), 10);
		cr_assert_eq(n, 1000);
		for (uint64_t p = 0; p < n; p++)
			check_result(&results[p], p, out);
	}
}

Test(map, streams_while_later_items_still_run)
{
	struct gate *gate = new_gate();
	struct gate **gates;
	const sheaf_result *results;
	sheaf_progress progress;
	sheaf_result result;
	sheaf_batch *batch = new_batch(NULL);
	size_t n;

	end();
	start_workers(2);
	gate = new_gate();
	batch = new_batch(NULL);
	gates = (struct gate **)(void *)new_array(10);
	for (int i = 0; i < 10; i++)
		gates[i] = i == 5 ? gate : gate + 1;
	gate_open(gate + 1);
	expect_done(sheaf_submit_map(batch, wait_at_gate, gates, sizeof(gate), NULL, 0, 10, &(sheaf_map_options){.grain = 1}));
	for (uint64_t p = 0; p < 5; p++) {
		cr_assert_eq(sheaf_next(batch, &result, SHEAF_FOREVER), 1);
		cr_assert_eq(result.position, p);
	}
	expect_failure(sheaf_next(batch, &result, 0), -EAGAIN, "not done yet");
	expect_failure(sheaf_next(batch, &result, sheaf_now_ns() + 1000000), -ETIMEDOUT, "the deadline passed");
	expect_failure(sheaf_gather(batch, &results, &n, 0), -EAGAIN, "not done yet");
	for (int i = 0; i < 4; i++) {
		cr_assert_eq(sheaf_next_done(batch, &result, SHEAF_FOREVER), 1);
		cr_assert_neq(result.position, 5);
	}
	expect_failure(sheaf_next_done(batch, &result, 0), -EAGAIN, "not done yet");
	expect_done(sheaf_batch_get_progress(batch, &progress));
	cr_assert_eq(progress.total, 10);
	cr_assert_eq(progress.done, 9);
	gate_open(gate);
	cr_assert_eq(sheaf_next(batch, &result, SHEAF_FOREVER), 1);
	cr_assert_eq(result.position, 5);
	expect_done(sheaf_batch_get_progress(batch, &progress));
	cr_assert_eq(progress.done, 10);
}

Test(map, of_more_items_than_chunks_and_ring_slots)
{
	end();
	start(&(sheaf_pool_options){.workers = 3, .ring_size = 1, .heap_size = 64 << 20});
	expect_pool_works(1 << 21);
}
