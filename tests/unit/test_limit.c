/*
 * test_limit.c - tasks over their time limits are ended, and nothing else is; what a failed
 * position tells of its end.
 */
#include "pools.h"

#include "pool/pool.h"
#include "support/deadline.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#define SHORT_NS UINT64_C(30000000)
#define LONG_NS (UINT64_C(100) * 1000000000)

TestSuite(limit, .init = begin, .fini = end);

static void new_pool(uint64_t timeout_ns)
{
	start(&(sheaf_pool_options){.workers = 2, .heap_size = 64 << 20, .task_timeout_ns = timeout_ns});
}

static _Noreturn void hang(void)
{
	for (;;)
		pause();
}

/* Position 3 never ends. */
static int hang_at_3(sheaf_task *task, const void *arg, void *result)
{
	uint64_t position = sheaf_task_position(task);

	(void)arg;
	if (position == 3)
		hang();
	if (result)
		memcpy(result, &position, sizeof(position));
	return 0;
}

static void expect_late(const sheaf_result *result)
{
	cr_assert_eq(result->status, -ETIMEDOUT, "%d: %s", result->status, result->message);
	cr_assert_eq(result->signal, SIGKILL);
	cr_assert_eq(result->attempts, 1);
	cr_assert_geq(result->finished_ns - result->started_ns, SHORT_NS);
	cr_assert_not_null(strstr(result->message, "ran longer than its limit"), "%s", result->message);
}

static void expect_only_3_late(sheaf_batch *batch, size_t n)
{
	const sheaf_result *results;
	sheaf_pool_info info;
	size_t count;

	cr_assert_eq(sheaf_gather(batch, &results, &count, hang_deadline()), 1);
	cr_assert_eq(count, n);
	for (size_t i = 0; i < n; i++) {
		if (i == 3)
			expect_late(&results[i]);
		else
			cr_assert(results[i].status == 0 && *(const uint64_t *)results[i].data == i, "position %zu", i);
	}
	sheaf_batch_retire(batch);
	cr_assert_eq(sheaf_pool_get_info(pool, &info), 0);
	cr_assert_eq(info.deaths, 0, "a worker that is ended by order has not died");
}

static sheaf_batch *limited_batch(uint64_t timeout_ns)
{
	return new_batch(&(sheaf_batch_options){.result_size = 8, .task_timeout_ns = timeout_ns});
}

static void submit(sheaf_batch *batch, uint64_t position, uint64_t timeout_ns)
{
	sheaf_task_options options = {.timeout_ns = timeout_ns};

	cr_assert_eq(sheaf_submit_with(batch, position, hang_at_3, NULL, 0, &options), 0, "%s", sheaf_message());
}

Test(limit, is_packed_rounded_up)
{
	uint64_t last = 0;

	cr_assert_eq(limit_pack(0), LIMIT_BATCH);
	cr_assert_eq(limit_pack(SHEAF_FOREVER), LIMIT_NONE);
	cr_assert_eq(limit_unpack(limit_pack(1)), 1000);
	cr_assert_eq(limit_unpack(limit_pack(2047000)), 2047000);
	for (uint64_t ns = 1; ns < UINT64_C(1) << 50; ns += 1 + ns / 997) {
		uint64_t unpacked = limit_unpack(limit_pack(ns));

		cr_assert(unpacked >= ns && unpacked <= ns + ns / 1000 + 1000 && unpacked >= last, "%llu became %llu",
			  (unsigned long long)ns, (unsigned long long)unpacked);
		last = unpacked;
	}
}

Test(limit, of_a_batch_ends_a_task)
{
	sheaf_batch *batch;

	new_pool(0);
	batch = limited_batch(SHORT_NS);
	for (uint64_t i = 0; i < 20; i++)
		cr_assert_eq(sheaf_submit(batch, i, hang_at_3, NULL, 0), 0);
	expect_only_3_late(batch, 20);
}

Test(limit, of_the_pool_holds_unless_a_batch_or_a_task_says_otherwise)
{
	sheaf_batch *batch;

	new_pool(SHORT_NS);
	batch = limited_batch(0);
	for (uint64_t i = 0; i < 5; i++)
		submit(batch, i, 0);
	expect_only_3_late(batch, 5);
	batch = limited_batch(SHEAF_FOREVER);
	for (uint64_t i = 0; i < 5; i++)
		submit(batch, i, i == 3 ? SHORT_NS : 0);
	expect_only_3_late(batch, 5);
	batch = limited_batch(LONG_NS);
	for (uint64_t i = 0; i < 5; i++)
		submit(batch, i, i == 3 ? SHORT_NS : SHEAF_FOREVER);
	expect_only_3_late(batch, 5);
}

static void expect_tick(uint64_t ns)
{
	const _Atomic uint64_t *tick = &pool->segment.control->tick_ns;

	for (uint64_t deadline = hang_deadline(); atomic_load(tick) != ns && sheaf_now_ns() < deadline;)
		nap();
	cr_assert_eq(atomic_load(tick), ns, "%llu", (unsigned long long)atomic_load(tick));
}

/*
 * The supervisor checks as often as the shortest limit of all open batches wants, by what each
 * batch says.
 */
Test(limit, the_shortest_of_all_batches_tells_how_often_to_check)
{
	sheaf_batch *first, *shorter, *none;

	new_pool(0);
	none = limited_batch(0);
	cr_assert_eq(atomic_load(&pool->segment.control->tick_ns), 0);
	first = limited_batch(60000000);
	expect_tick(30000000);
	shorter = limited_batch(40000000);
	expect_tick(20000000);
	submit(shorter, 0, 16384000);
	cr_assert_eq(shorter->shared->shortest_ns, 16384000);
	cr_assert_eq(first->shared->shortest_ns, 60000000);
	cr_assert_eq(none->shared->shortest_ns, 0);
	expect_tick(8192000);
	sheaf_batch_retire(first);
	cr_assert_eq(pool->segment.batches[1].shortest_ns, 0);
	first = limited_batch(50000000);
	cr_assert_eq(atomic_load(&pool->segment.control->tick_ns), 8192000, "a longer one changes nothing");
	sheaf_batch_retire(shorter);
	expect_tick(25000000);
	sheaf_batch_retire(first);
	expect_tick(0);
	sheaf_batch_retire(none);
}

Test(limit, of_a_map_ends_the_item_in_hand)
{
	sheaf_map_options options = {.grain = 7, .task_timeout_ns = SHORT_NS};
	sheaf_batch *batch;
	void *out;

	new_pool(0);
	cr_assert_eq(sheaf_alloc_array(pool, 50, 8, &out), 0);
	batch = limited_batch(0);
	cr_assert_eq(sheaf_submit_map(batch, hang_at_3, NULL, 0, out, 8, 50, &options), 0);
	expect_only_3_late(batch, 50);
}

static int hang_in_range(sheaf_task *task, size_t begin, size_t end, void *context)
{
	uint64_t *out = context;

	(void)task;
	for (size_t i = begin; i < end; i++) {
		if (i == 3 || i == 12)
			hang();
		out[i] = i + 1;
	}
	return 0;
}

Test(limit, of_a_loop_costs_no_position_but_those_that_hang)
{
	sheaf_map_options options = {.grain = 10, .task_timeout_ns = SHORT_NS, .max_attempts = 1};
	uint64_t *out;
	void *memory;
	int r;

	new_pool(0);
	cr_assert_eq(sheaf_alloc_array(pool, 30, 8, &memory), 0);
	out = memory;
	r = sheaf_for(pool, hang_in_range, out, 30, &options);
	cr_assert_eq(r, -ETIMEDOUT);
	cr_assert_not_null(strstr(sheaf_message(), "position 3: "), "%s", sheaf_message());
	cr_assert_not_null(strstr(sheaf_message(), "(1 other positions failed, too)"), "%s", sheaf_message());
	for (size_t i = 0; i < 30; i++)
		cr_assert_eq(out[i], i == 3 || i == 12 ? 0 : i + 1, "position %zu", i);
}

static int hang_always(sheaf_task *task, const void *arg, void *result)
{
	(void)task;
	(void)arg;
	(void)result;
	hang();
}

Test(limit, of_apply_is_its_error)
{
	sheaf_map_options options = {.task_timeout_ns = SHORT_NS};

	new_pool(LONG_NS);
	cr_assert_eq(sheaf_apply(pool, hang_always, NULL, 0, NULL, 0, &options), -ETIMEDOUT);
}

/* ---- last words ---- */

__attribute__((noinline)) static void touch_nothing(void)
{
	volatile int *volatile nothing = NULL;

	*nothing = 1;
}

static int fault(sheaf_task *task, const void *arg, void *result)
{
	(void)task;
	(void)arg;
	(void)result;
	touch_nothing();
	return 0;
}

static void expect_where(const sheaf_result *result)
{
	/* Thumb marks its functions */
	uint64_t code = (uint64_t)(uintptr_t)touch_nothing & ~UINT64_C(1);

	cr_assert_eq(result->signal, SIGSEGV, "%s", result->message);
	cr_assert(result->started_ns && result->finished_ns >= result->started_ns, "how long it ran is not known");
	cr_assert_not_null(strstr(result->message, "in attempt 3, the last, after "), "%s", result->message);
#ifdef OS_LAYER_LINUX
	cr_assert_gt(result->backtrace_size, 0);
	cr_assert(result->backtrace[0] >= code && result->backtrace[0] < code + 256, "%#llx is not in %#llx",
		  (unsigned long long)result->backtrace[0], (unsigned long long)code);
#else
	(void)code;
	cr_assert_eq(result->backtrace_size, 0);
#endif
}

Test(limit, a_fault_tells_where_it_was)
{
	const sheaf_result *results;
	sheaf_batch *batch;
	size_t n;

	new_pool(0);
	batch = limited_batch(0);
	cr_assert_eq(sheaf_submit(batch, 0, fault, NULL, 0), 0);
	cr_assert_eq(sheaf_gather(batch, &results, &n, hang_deadline()), 1, "%s", sheaf_message());
	expect_where(&results[0]);
	sheaf_batch_retire(batch);
	batch = limited_batch(0);
	cr_assert_eq(sheaf_submit_map(batch, fault, NULL, 0, NULL, 0, 4, NULL), 0);
	cr_assert_eq(sheaf_gather(batch, &results, &n, hang_deadline()), 4);
	for (size_t i = 0; i < n; i++)
		expect_where(&results[i]);
	sheaf_batch_retire(batch);
}
