/*
 * test_binding.c - what a binding to another language needs of tasks: the context of a batch, the
 * argument's size, results of any size in one call, and what a failure leaves.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "batch/handle.h"
#include "pools.h"
#include "work/failure.h"

#define WORKERS 2

static void set_up(void)
{
	begin();
	start_workers(WORKERS);
}

TestSuite(binding, .init = set_up, .fini = end);

static void start_checked(void)
{
	setenv("SHEAF_CHECK", "1", 1);
	start_workers(WORKERS);
	unsetenv("SHEAF_CHECK");
}

/* ---- the context ---- */

struct told {
	const void *context;
	size_t arg_size;
};

static int tell(sheaf_task *task, const void *arg, void *result)
{
	struct told *told = result;

	(void)arg;
	*told = (struct told){sheaf_task_context(task), sheaf_task_arg_size(task)};
	return 0;
}

static void expect_told(const sheaf_batch_options *options, const void *arg, size_t arg_size, const void *context)
{
	sheaf_batch *batch = new_batch(options);
	const struct told *told;
	sheaf_result result;

	expect_done(sheaf_submit(batch, 9, tell, arg, arg_size));
	cr_assert_eq(sheaf_next(batch, &result, hang_deadline()), 1, "%s", sheaf_message());
	told = result.data;
	cr_assert_eq(told->context, context);
	cr_assert_eq(told->arg_size, arg_size);
	sheaf_batch_retire(batch);
}

Test(binding, a_task_gets_the_context_of_its_batch_and_the_size_of_its_argument)
{
	static const unsigned char bytes[1000];
	static const size_t sizes[] = {0, 1, 8, 24, 25, 1000};

	for (unsigned kind = 0; kind < 4; kind++) {
		if (kind == 1) {
			end();
			start_checked();
		} else if (kind == 2) {
			end();
			start(&(sheaf_pool_options){.backend = SHEAF_THREADS, .workers = WORKERS, .heap_size = 64 << 20});
		}
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			sheaf_batch_options options = {.result_size = sizeof(struct told), .caller_works = kind == 3};
			static int mine;

			expect_told(&options, bytes, sizes[i], NULL);
			options.context = &mine;
			expect_told(&options, bytes, sizes[i], &mine);
			/* Another batch in the same place has none. */
			options.context = NULL;
			expect_told(&options, bytes, sizes[i], NULL);
		}
	}
}

Test(binding, any_value_may_be_a_context)
{
	sheaf_batch_options options = {.result_size = sizeof(struct told), .context = (const void *)(uintptr_t)12345};

	expect_told(&options, NULL, 0, options.context);
	options.context = (const void *)UINTPTR_MAX;
	expect_told(&options, NULL, 0, options.context);
}

Test(binding, apply_has_a_context_and_copies_none)
{
	const sheaf_map_options options = {.context = (const void *)(uintptr_t)99};
	struct told told;

	expect_done(sheaf_apply(pool, tell, "abc", 3, &told, sizeof(told), &options));
	cr_assert_eq(told.context, options.context);
	cr_assert_eq(told.arg_size, 3);
	expect_failure(sheaf_apply(pool, tell, NULL, 0, NULL, 0, &(sheaf_map_options){.context = "context", .context_size = 8}),
		       -EINVAL, "sheaf_apply: options.context_size is 8");
}

/* In a map or a loop: 1 where the context is that of the batch, else 2. */
static int tell_item(sheaf_task *task, const void *in, void *out)
{
	static const size_t wanted = 3;

	(void)in;
	*(int *)out = sheaf_task_arg_size(task) != wanted ? -1 : sheaf_task_context(task) == (void *)(uintptr_t)7 ? 1 : 2;
	return 0;
}

static int tell_range(sheaf_task *task, size_t begin, size_t end, void *context)
{
	bool own = sheaf_task_context(task) == context, of_batch = sheaf_task_context(task) == (void *)(uintptr_t)7;

	(void)begin;
	(void)end;
	return sheaf_task_arg_size(task) == 0 && (context ? own : of_batch) ? 0 : -EPROTO;
}

Test(binding, maps_and_loops_have_their_own_context_or_that_of_the_batch)
{
	sheaf_batch_options options = {.context = (const void *)(uintptr_t)7};
	void *in, *out;

	expect_done(sheaf_alloc_array(pool, 100, 3, &in));
	expect_done(sheaf_alloc_array(pool, 100, sizeof(int), &out));
	for (int own = 0; own < 8; own++) {
		sheaf_map_options map = {.context = own & 1 ? in : NULL};
		const sheaf_result *results;
		sheaf_batch *batch;
		size_t n;

		options.caller_works = own & 2;
		batch = new_batch(&options);
		if (own & 4)
			expect_done(sheaf_submit_for(batch, tell_range, own & 1 ? in : NULL, 100, NULL));
		else
			expect_done(sheaf_submit_map(batch, tell_item, in, 3, out, sizeof(int), 100, &map));
		cr_assert_eq(sheaf_gather(batch, &results, &n, hang_deadline()), 0, "%s", sheaf_message());
		for (int i = 0; i < 100 && !(own & 4); i++)
			cr_assert_eq(((int *)out)[i], own & 1 ? 2 : 1);
		sheaf_batch_retire(batch);
	}
}

/* With checks, an address that only the owner has is refused. */
Test(binding, a_check_finds_contexts_that_workers_do_not_have)
{
	sheaf_batch_options options = {.result_size = sizeof(struct told)};
	size_t size = (size_t)8 << 20;
	sheaf_batch *batch = NULL;
	void *late, *shared;

	end();
	start_checked();
	late = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	cr_assert_neq(late, MAP_FAILED);
	options.context = late;
#ifdef OS_LAYER_LINUX /* others do not tell what is mapped */
	expect_failure(sheaf_batch_create(&batch, pool, &options), -EFAULT, "options.context");
	cr_assert_null(batch);
#else
	expect_done(sheaf_batch_create(&batch, pool, &options));
	sheaf_batch_retire(batch);
#endif
	munmap(late, size);
	expect_done(sheaf_alloc(pool, 8, &shared));
	options.context = shared;
	expect_told(&options, NULL, 0, shared);
}

/* ---- results of any size ---- */

/* Leave as many bytes as the argument says, which tell their index. */
static int leave(sheaf_task *task, const void *arg, void *result)
{
	size_t size = *(const size_t *)arg;
	void *memory;
	int r = sheaf_task_result(task, size, &memory);

	(void)result;
	for (size_t i = 0; !r && i < size; i++)
		((unsigned char *)memory)[i] = (unsigned char)(i * 7 + 1);
	return r;
}

static void expect_bytes(const void *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		cr_assert_eq(((const unsigned char *)bytes)[i], (unsigned char)(i * 7 + 1), "byte %zu", i);
}

Test(binding, apply_copies_a_result_that_does_not_fit)
{
	static const size_t sizes[] = {0, 1, 8, 100, 101, 70000, 3000000};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		for (size_t room = 0; room <= 100; room += 100) {
			unsigned char result[100];
			void *left = &left;
			size_t left_size = 12345;
			sheaf_map_options options = {.left = &left, .left_size = &left_size};

			expect_done(
				sheaf_apply(pool, leave, &sizes[i], sizeof(sizes[i]), room ? result : NULL, room, &options));
			cr_assert_eq(left_size, sizes[i]);
			cr_assert_eq(left != NULL, sizes[i] > room, "%zu bytes for %zu", sizes[i], room);
			expect_bytes(left ? left : result, sizes[i]);
			for (size_t k = sizes[i]; !left && k < room; k++)
				cr_assert_eq(result[k], 0);
			free(left);
		}
}

Test(binding, apply_tells_the_size_of_a_result_that_does_not_fit)
{
	size_t size = 100, left_size = 0;
	sheaf_map_options options = {.left_size = &left_size};
	unsigned char result[100] = "";

	expect_done(sheaf_apply(pool, leave, &size, sizeof(size), result, 100, &options));
	cr_assert_eq(left_size, 100);
	expect_bytes(result, 100);
	memset(result, 0, sizeof(result));
	expect_failure(sheaf_apply(pool, leave, &size, sizeof(size), result, 99, &options), -EMSGSIZE,
		       "the result has 100 bytes, and result_size is 99");
	cr_assert_eq(left_size, 100);
	cr_assert_eq(result[0], 0, "untouched on failure");
	/* Without options it is cut, as ever. */
	expect_done(sheaf_apply(pool, leave, &size, sizeof(size), result, 99, NULL));
	expect_bytes(result, 99);
}

Test(binding, a_result_of_the_batchs_size_fits)
{
	void *left = &left;
	size_t left_size = 0;
	sheaf_map_options options = {.left = &left, .left_size = &left_size};
	uint64_t result = 0;

	expect_done(sheaf_apply(pool, mix_position, NULL, 0, &result, sizeof(result), &options));
	cr_assert_eq(result, mix(0));
	cr_assert_null(left);
	cr_assert_eq(left_size, 8);
}

/* ---- what a failure leaves ---- */

/* Fail with bytes, a text or both, by the argument's bits: size << 2 | text << 1 | bytes. */
static int fail_by(sheaf_task *task, const void *arg, void *result)
{
	size_t how = *(const size_t *)arg, size = how >> 2;

	(void)result;
	if (how & 1) {
		int r = leave(task, &size, NULL);

		if (r)
			return sheaf_task_fail(task, -ENODATA, "no room: %s", sheaf_strerror(r));
	}
	return how & 2 ? sheaf_task_fail(task, -ERANGE, "text of %zu", size) : -ERANGE;
}

static void expect_left(const sheaf_result *result, size_t how)
{
	char text[64];

	snprintf(text, sizeof(text), "text of %zu", how >> 2);
	cr_assert_eq(result->status, -ERANGE, "%d: %s", result->status, result->message);
	cr_assert_str_eq(result->message, how & 2 ? text : sheaf_strerror(-ERANGE));
	cr_assert_eq(result->data != NULL, how & 1);
	cr_assert_eq(result->size, how & 1 ? how >> 2 : 0);
	expect_bytes(result->data, result->size);
}

static const size_t left_sizes[] = {0, 1, 511, 512, 100000};

Test(binding, a_task_that_fails_leaves_bytes_and_text)
{
	for (int caller = 0; caller < 2; caller++) {
		sheaf_batch *batch = new_batch(&(sheaf_batch_options){.result_size = 16, .caller_works = caller});
		const sheaf_result *results;
		size_t n;

		for (size_t p = 0; p < 20; p++) {
			size_t how = left_sizes[p / 4] << 2 | p % 4;

			expect_done(sheaf_submit(batch, p, fail_by, &how, sizeof(how)));
		}
		cr_assert_eq(sheaf_gather(batch, &results, &n, hang_deadline()), 20);
		for (size_t p = 0; p < n; p++)
			expect_left(&results[p], left_sizes[p / 4] << 2 | p % 4);
		sheaf_batch_retire(batch);
	}
}

static void expect_call_left(int r, const sheaf_map_options *options, size_t how)
{
	cr_assert_eq(r, -ERANGE, "%d: %s", r, sheaf_message());
	cr_assert_eq(*options->left != NULL, how & 1);
	cr_assert_eq(*options->left_size, how & 1 ? how >> 2 : 0);
	expect_bytes(*options->left, *options->left_size);
	free(*options->left);
}

Test(binding, apply_hands_on_what_its_task_left)
{
	for (size_t p = 0; p < 20; p++) {
		size_t how = left_sizes[p / 4] << 2 | p % 4, left_size = 3;
		void *left = &left;
		sheaf_map_options options = {.left = &left, .left_size = &left_size};

		expect_call_left(sheaf_apply(pool, fail_by, &how, sizeof(how), NULL, 0, &options), &options, how);
	}
}

/* Each third position calls sheaf_task_result() in vain, because it succeeds; each fifth fails. */
static int fail_some_ranges(sheaf_task *task, size_t begin, size_t end, void *context)
{
	size_t how = begin << 2 | 3, vain = 64;

	(void)context;
	(void)end;
	if (begin % 5 != 4)
		return begin % 3 ? 0 : leave(task, &vain, NULL);
	return begin % 10 == 4 ? fail_by(task, &how, NULL) : -ERANGE;
}

static int fail_some_items(sheaf_task *task, const void *in, void *out)
{
	size_t p = sheaf_task_position(task);

	(void)in;
	(void)out;
	if (p % 7 == 0 && p % 5 != 4) /* a text of a position that succeeds is nobody's */
		(void)sheaf_task_fail(task, -EIO, "never told");
	return fail_some_ranges(task, p, p + 1, NULL);
}

Test(binding, each_range_and_item_that_fails_leaves_its_own)
{
	size_t N = 300;

	for (int kind = 0; kind < 8; kind++) {
		sheaf_batch_options options = {.caller_works = kind & 2};
		sheaf_map_options map = {.grain = kind & 1 ? 1 : 100, .task_timeout_ns = kind & 4 ? SHEAF_FOREVER / 4 : 0};
		sheaf_batch *batch = new_batch(&options);
		const sheaf_result *results;
		size_t n;

		if (kind & 1)
			expect_done(sheaf_submit_for(batch, fail_some_ranges, NULL, N, &map));
		else
			expect_done(sheaf_submit_map(batch, fail_some_items, NULL, 0, NULL, 0, N, &map));
		cr_assert_eq(sheaf_gather(batch, &results, &n, hang_deadline()), (int)N / 5, "%s", sheaf_message());
		for (size_t p = 0; p < n; p++) {
			if (p % 5 == 4)
				expect_left(&results[p], p % 10 == 4 ? p << 2 | 3 : 0);
			else
				cr_assert(results[p].status == 0 && !results[p].data && !results[p].size);
		}
		sheaf_batch_retire(batch);
	}
}

static int fail_wide(sheaf_task *task, size_t begin, size_t end, void *context)
{
	size_t how = (end - begin) << 2 | 1;

	(void)context;
	return begin >= 50 ? fail_by(task, &how, NULL) : 0;
}

Test(binding, all_positions_of_a_range_share_what_it_left)
{
	sheaf_batch *batch = new_batch(NULL);
	const sheaf_result *results;
	size_t n;

	expect_done(sheaf_submit_for(batch, fail_wide, NULL, 100, &(sheaf_map_options){.grain = 25}));
	cr_assert_eq(sheaf_gather(batch, &results, &n, hang_deadline()), 50);
	for (size_t p = 50; p < 100; p++) {
		expect_left(&results[p], 25 << 2 | 1);
		cr_assert_eq(results[p].data, results[p / 25 * 25].data);
	}
	sheaf_batch_retire(batch);
}

Test(binding, maps_and_loops_hand_on_what_the_lowest_failure_left)
{
	for (int caller = 0; caller < 2; caller++) {
		size_t left_size = 1;
		void *left = &left;
		sheaf_map_options options = {.caller_works = caller, .grain = 1, .left = &left, .left_size = &left_size};

		expect_call_left(sheaf_for(pool, fail_some_ranges, NULL, 100, &options), &options, 4 << 2 | 1);
		expect_call_left(sheaf_map(pool, fail_some_items, NULL, 0, NULL, 0, 100, &options), &options, 4 << 2 | 1);
		left = &left;
		left_size = 1;
		expect_done(sheaf_for(pool, fail_some_ranges, NULL, 4, &options));
		cr_assert_null(left);
		cr_assert_eq(left_size, 0);
		left = &left;
		cr_assert_lt(sheaf_for(NULL, fail_some_ranges, NULL, 4, &options), 0);
		cr_assert_null(left);
	}
}

Test(binding, calls_that_do_not_wait_refuse_the_options_of_those_that_do)
{
	sheaf_batch *batch = new_batch(NULL);
	size_t size;
	void *left;

	expect_failure(sheaf_submit_map(batch, do_nothing, NULL, 0, NULL, 0, 3, &(sheaf_map_options){.left = &left}), -EINVAL,
		       "options.left is set");
	expect_failure(sheaf_submit_for(batch, fail_wide, NULL, 3, &(sheaf_map_options){.left_size = &size}), -EINVAL,
		       "options.left_size is set");
	sheaf_batch_retire(batch);
}

Test(binding, what_failures_leave_is_freed_with_their_batch)
{
	sheaf_map_options options = {.caller_works = true, .grain = 1};
	sheaf_pool_info info;

	for (int i = 0; i < 20; i++) {
		cr_assert_eq(sheaf_for(pool, fail_some_ranges, NULL, 5000, &options), -ERANGE);
		cr_assert_eq(sheaf_map(pool, fail_some_items, NULL, 0, NULL, 0, 5000, &options), -ERANGE);
	}
	expect_done(sheaf_pool_get_info(pool, &info));
	cr_assert_eq(info.heap_used, 0);
}

Test(binding, without_room_for_the_bytes_the_text_must_do)
{
	size_t how = ((size_t)65 << 20) << 2 | 1;
	void *left = &left;
	sheaf_map_options options = {.left = &left};

	expect_failure(sheaf_apply(pool, fail_by, &how, sizeof(how), NULL, 0, &options), -ENODATA, "no room: ");
	cr_assert_null(left);
}

/* The first run leaves bytes and dies. What it left is nobody's. */
static int leave_and_die(sheaf_task *task, const void *arg, void *result)
{
	size_t size = 50;

	(void)arg;
	(void)result;
	if (leave(task, &size, NULL))
		return -EIO;
	if (sheaf_task_attempt(task) == 1)
		raise(SIGKILL);
	return 0;
}

static int leave_and_die_always(sheaf_task *task, const void *arg, void *result)
{
	size_t size = 50;

	(void)arg;
	(void)result;
	(void)leave(task, &size, NULL);
	raise(SIGKILL);
	return 0;
}

Test(binding, a_death_leaves_nothing)
{
	sheaf_batch *batch = new_batch(&(sheaf_batch_options){.max_attempts = 2});
	sheaf_result result;

	expect_done(sheaf_submit(batch, 0, leave_and_die, NULL, 0));
	expect_done(sheaf_submit(batch, 1, leave_and_die_always, NULL, 0));
	cr_assert_eq(sheaf_next(batch, &result, hang_deadline()), 1);
	cr_assert(result.status == 0 && result.attempts == 2 && result.size == 50);
	expect_bytes(result.data, 50);
	cr_assert_eq(sheaf_next(batch, &result, hang_deadline()), 1);
	cr_assert(result.status == -ECHILD && !result.data && !result.size);
	sheaf_batch_retire(batch);
}

/* ---- wild writes ---- */

Test(binding, what_was_written_over_is_not_followed)
{
	size_t how = 100 << 2 | 3;
	struct shared_left *left;
	struct shared_entry *entry;
	sheaf_batch *batch;

	for (int i = 0; i < 4; i++) {
		sheaf_result result;

		batch = new_batch(NULL);
		expect_done(sheaf_submit(batch, 0, fail_by, &how, sizeof(how)));
		cr_assert_eq(sheaf_wait(&batch, 1, SHEAF_ALL_DONE, hang_deadline()), 1);
		entry = batch_entry(batch, 0);
		left = segment_at(batch->segment, entry->data);
		if (i == 0)
			left->offset = UINT64_MAX;
		else if (i == 1)
			left->offset = batch->segment->heap - 64;
		else if (i == 2)
			left->size = UINT64_MAX;
		else
			entry->size |= UINT64_C(1) << 40;
		expect_failure(sheaf_next(batch, &result, hang_deadline()), -EBADMSG, "position 0");
		sheaf_batch_retire(batch);
	}
	for (int i = 0; i < 2; i++) {
		struct shared_failure *record;
		sheaf_result result;

		batch = new_batch(NULL);
		expect_done(sheaf_submit_for(batch, fail_wide, NULL, 100, &(sheaf_map_options){.grain = 25}));
		cr_assert_eq(sheaf_wait(&batch, 1, SHEAF_ALL_DONE, hang_deadline()), 1);
		record = failure_at(batch->segment, batch->shared->failures);
		cr_assert_not_null(record);
		if (i)
			record->left = batch->segment->size;
		else
			record->left_size = UINT64_MAX - 1;
		cr_assert_eq(sheaf_next(batch, &result, hang_deadline()), -EBADMSG, "%s", sheaf_message());
		sheaf_batch_retire(batch);
	}
}

/* ---- what can never fit ---- */

static int ask_for_too_much(sheaf_task *task, const void *arg, void *result)
{
	void *memory;
	int r = sheaf_task_result(task, (size_t)65 << 20, &memory);

	(void)arg;
	(void)result;
	return r ? sheaf_task_fail(task, r, "%s", sheaf_message()) : 0;
}

Test(binding, a_message_tells_what_can_never_fit)
{
	size_t heap = (size_t)64 << 20, large = heap + 1;
	sheaf_batch *batch = new_batch(NULL);
	void *memory, *half;
	char *bytes = malloc(large);

	cr_assert_not_null(bytes);
	expect_failure(sheaf_alloc(pool, large, &memory), -ENOMEM,
		       "can never fit: the pool's heap has 67108864 bytes in all: raise options.heap_size");
	expect_failure(sheaf_alloc_array(pool, 3, heap, &memory), -ENOMEM, "can never fit");
	memset(bytes, 1, large);
	expect_failure(sheaf_submit(batch, 0, do_nothing, bytes, large), -ENOMEM,
		       "the argument of a task needs 67108865 bytes, "
		       "which can never fit");
	expect_failure(sheaf_batch_create(&batch, pool, &(sheaf_batch_options){.result_size = large}), -EINVAL,
		       "more than the pool's heap of 67108864 bytes, so it can never fit");
	expect_failure(sheaf_apply(pool, ask_for_too_much, NULL, 0, NULL, 0, NULL), -ENOMEM,
		       "a result needs 68157440 bytes, which can never fit");
	expect_failure(sheaf_submit_map(batch, do_nothing, NULL, 0, NULL, 0, 10,
					&(sheaf_map_options){.context = bytes, .context_size = large}),
		       -ENOMEM, "the context of a map needs 67108865 bytes, which can never fit");
	/* Not now, but later. */
	expect_done(sheaf_alloc(pool, heap / 2, &half));
	expect_failure(sheaf_alloc(pool, heap, &memory), -ENOMEM, "has none left: free some, or raise options.heap_size");
	expect_done(sheaf_free(pool, half));
	expect_done(sheaf_alloc(pool, heap, &memory));
	expect_done(sheaf_free(pool, memory));
	free(bytes);
	sheaf_batch_retire(batch);
}
