/*
 * test_stock.c - heap units that stay committed from one batch to the next: their words, and what a
 * pool does with them.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

#include "base/atomic.h"
#include "member/region.h"
#include "segment/create.h"
#include "segment/heap.h"
#include "segment/stock.h"
#include "sheaf_inspect.h"
#include "support/deadline.h"

#define UNITS 64
#define SEAT 0
#define OWNER 1

static struct segment segment;
static struct shared_batch *batch;
static uint64_t id;

/* Open the batch of the segment anew, for the member in a seat. */
static void open_batch(unsigned seat)
{
	id = heap_new_batch_id(&segment);
	batch = &segment.batches[0];
	batch->heap_id = id;
	store_relaxed(&batch->units, 0);
	store_relaxed(&batch->opener, HELD_BY(seat_name(seat, 1)));
}

static void set_up(void)
{
	struct segment_options options = {.anonymous = true,
					  .workers = 1,
					  .ring_size = 1,
					  .batches = 1,
					  .max_attempts = 1,
					  .heap_size = (uint64_t)UNITS * UNIT};

	cr_assert_eq(segment_create(&segment, &options), 0, "%s", sheaf_message());
	open_batch(SEAT);
}

static void tear_down(void)
{
	segment_destroy(&segment);
}

TestSuite(stock, .init = set_up, .fini = tear_down);

static uint64_t alloc(uint64_t size)
{
	uint64_t offset = 0;
	int r = stock_alloc(&segment, batch, id, size, &offset);

	cr_assert_eq(r, 0, "%d", r);
	return offset;
}

static uint64_t take(void)
{
	uint64_t offset = 0;

	cr_assert(stock_take(&segment, batch, id, &offset));
	return offset;
}

/* Retire the batch: false if there was more than fits the stock, which then is freed. */
static bool keep(unsigned seat)
{
	bool left;

	(void)stock_keep(&segment, seat, batch, id, &left);
	if (left)
		heap_free_all(&segment, id);
	return !left;
}

static uint64_t committed(void)
{
	struct stat status;

	cr_assert_eq(fstat(segment.fd, &status), 0);
	return (uint64_t)status.st_blocks * 512;
}

Test(stock, hands_the_unit_of_one_batch_to_the_next)
{
	uint64_t first = alloc(UNIT), before = committed();

	cr_assert(keep(SEAT));
	cr_assert_eq(heap_used(&segment), 0);
	cr_assert_eq(heap_stocked(&segment), UNIT);
	cr_assert_eq(committed(), before);
	open_batch(SEAT);
	cr_assert_eq(take(), first);
	cr_assert_eq(heap_used(&segment), UNIT);
	cr_assert_eq(heap_stocked(&segment), 0);
}

Test(stock, has_nothing_at_first_and_for_other_members)
{
	uint64_t offset = 1;

	cr_assert_not(stock_take(&segment, batch, id, &offset));
	alloc(UNIT);
	keep(SEAT);
	open_batch(OWNER);
	cr_assert_not(stock_take(&segment, batch, id, &offset), "the unit is in the stock of another seat");
	cr_assert_eq(offset, 1);
}

Test(stock, takes_sixteen_units_of_a_member)
{
	for (unsigned round = 0; round < 3; round++) {
		alloc(40 * UNIT);
		cr_assert_not(keep(SEAT));
		cr_assert_eq(heap_stocked(&segment), STOCK_UNITS * UNIT);
		cr_assert_eq(heap_used(&segment), 0);
		open_batch(SEAT);
	}
	for (unsigned i = 0; i < STOCK_UNITS; i++)
		take();
	cr_assert_eq(heap_stocked(&segment), 0);
	cr_assert(keep(SEAT), "all come back");
	cr_assert_eq(heap_stocked(&segment), STOCK_UNITS * UNIT);
	open_batch(OWNER);
	alloc(3 * UNIT);
	cr_assert(keep(OWNER), "each member has a stock of its own");
	cr_assert_eq(heap_stocked(&segment), (STOCK_UNITS + 3) * UNIT);
}

Test(stock, finds_all_units_of_a_batch_wherever_they_are)
{
	uint64_t user, low;

	alloc(UNIT);
	cr_assert_eq(heap_alloc(&segment, heap_new_id(&segment), 20 * UNIT, &user), 0);
	alloc(2 * UNIT);
	low = alloc(UNIT);
	cr_assert_eq(heap_free(&segment, user), 0);
	alloc(UNIT);
	cr_assert_gt(low, user);
	cr_assert(keep(SEAT));
	cr_assert_eq(heap_stocked(&segment), 5 * UNIT);
	cr_assert_eq(heap_used(&segment), 0);
}

Test(stock, does_not_believe_the_hint)
{
	alloc(3 * UNIT);
	store_relaxed(&batch->lowest, 2);
	cr_assert(keep(SEAT));
	cr_assert_eq(heap_stocked(&segment), 3 * UNIT);
	open_batch(SEAT);
	take();
	store_relaxed(&batch->lowest, UINT64_MAX);
	cr_assert(keep(SEAT));
	cr_assert_eq(heap_stocked(&segment), 3 * UNIT);
}

Test(stock, frees_what_a_dead_worker_had_counted_and_not_taken)
{
	alloc(2 * UNIT);
	fetch_add_relaxed(&batch->units, 5);
	cr_assert(keep(SEAT));
	cr_assert_eq(heap_stocked(&segment), 2 * UNIT);
	cr_assert_eq(heap_used(&segment), 0);
}

Test(stock, slots_of_units_that_others_have_are_used_again)
{
	uint64_t offset;

	alloc(STOCK_UNITS * UNIT);
	keep(SEAT);
	/* All slots name units that are used now, or gone. */
	open_batch(SEAT);
	for (unsigned i = 0; i < STOCK_UNITS / 2; i++)
		take();
	cr_assert(stock_empty(&segment, heap_new_id(&segment)));
	alloc(STOCK_UNITS * UNIT);
	cr_assert_eq(heap_alloc(&segment, heap_new_id(&segment), 3 * UNIT, &offset), 0);
	cr_assert_not(keep(SEAT), "8 more than fit");
	cr_assert_eq(heap_stocked(&segment), STOCK_UNITS * UNIT);
	cr_assert_eq(heap_used(&segment), 3 * UNIT);
}

Test(stock, is_given_back_to_the_system)
{
	uint64_t before = committed();

	alloc(UNIT);
	alloc(3 * UNIT);
	keep(SEAT);
	cr_assert(stock_empty(&segment, UNIT_LEAVING));
	cr_assert_eq(heap_stocked(&segment), 0);
	cr_assert_eq(heap_used(&segment), 0);
#ifdef OS_LAYER_LINUX
	cr_assert_eq(committed(), before + PAGE, "a page of the heap map stays");
#else
	(void)before;
#endif
	cr_assert_not(stock_empty(&segment, UNIT_LEAVING));
	for (unsigned u = 0; u < UNITS; u++)
		cr_assert_eq(load_relaxed(&segment.heap_map[u]), 0);
}

Test(stock, what_a_dead_supervisor_was_giving_back_is_found)
{
	uint64_t unit = (alloc(2 * UNIT) - segment.heap) / UNIT;

	keep(SEAT);
	store_relaxed(&segment.heap_map[unit], UNIT_LEAVING);
	cr_assert_eq(heap_used(&segment), 0);
	open_batch(SEAT);
	alloc(2 * STOCK_UNITS * UNIT);
	cr_assert_not(keep(SEAT), "the slot of a unit that is leaving is kept");
	cr_assert_eq(heap_stocked(&segment), (STOCK_UNITS - 1) * UNIT);
	cr_assert(stock_empty(&segment, heap_new_id(&segment)));
	cr_assert_eq(load_relaxed(&segment.heap_map[unit]), UNIT_LEAVING, "another member leaves it alone");
	cr_assert(stock_empty(&segment, UNIT_LEAVING));
	cr_assert_eq(load_relaxed(&segment.heap_map[unit]), 0);
}

Test(stock, does_not_make_an_allocation_fail)
{
	uint64_t offset;

	alloc(STOCK_UNITS * UNIT);
	keep(SEAT);
	open_batch(OWNER);
	cr_assert_eq(heap_alloc(&segment, id, (uint64_t)UNITS * UNIT, &offset), -ENOMEM);
	cr_assert_eq(alloc((uint64_t)UNITS * UNIT), segment.heap);
	cr_assert_eq(heap_stocked(&segment), 0);
	heap_free_all(&segment, id);
	cr_assert_eq(heap_used(&segment), 0);
}

Test(stock, no_unit_of_it_is_an_allocation)
{
	uint64_t offset = alloc(UNIT);
	unsigned char *memory = segment_at(&segment, offset);

	keep(SEAT);
	cr_assert_not(heap_contains(&segment, memory, 1));
	cr_assert_eq(heap_free(&segment, offset), -EINVAL);
	cr_assert_eq(heap_alloc(&segment, UNIT_STOCKED, UNIT, &offset), -ENOMEM);
	cr_assert_eq(heap_alloc(&segment, UNIT_LEAVING, UNIT, &offset), -ENOMEM);
	cr_assert_not(stock_take(&segment, batch, UNIT_STOCKED, &offset));
	cr_assert_eq(heap_stocked(&segment), UNIT);
}

Test(stock, wild_slots_lead_nowhere)
{
	uint64_t offset;

	alloc(UNIT);
	keep(SEAT);
	for (unsigned i = 0; i < STOCK_UNITS; i++)
		store_relaxed(&segment.seats[SEAT].stock[i], i % 2 ? UINT32_MAX : UNITS + i);
	open_batch(SEAT);
	cr_assert_not(stock_take(&segment, batch, id, &offset));
	cr_assert_not(stock_empty(&segment, UNIT_LEAVING));
	store_relaxed(&batch->opener, 0);
	cr_assert_not(stock_take(&segment, batch, id, &offset), "a seat that there is not");
	alloc(UNIT);
	cr_assert(keep(SEAT));
}

Test(stock, regions_hand_out_zeroes_of_it)
{
	struct region region = {0};
	uint64_t offset;

	memset(segment_at(&segment, alloc(UNIT)), 0xff, UNIT);
	keep(SEAT);
	open_batch(SEAT);
	for (unsigned i = 0; i < 4; i++) {
		static const unsigned char zero[640];

		cr_assert_eq(region_alloc(&segment, batch->heap_id, batch, &region, 600, &offset), 0);
		cr_assert_eq(memcmp(segment_at(&segment, offset), zero, sizeof(zero)), 0);
		memset(segment_at(&segment, offset), 0xff, 600);
	}
	/* A piece of its own. */
	memset(segment_at(&segment, alloc(UNIT)), 0xff, UNIT);
	keep(SEAT);
	open_batch(SEAT);
	cr_assert_eq(region_alloc(&segment, batch->heap_id, batch, &region, 64, &offset), 0);
	cr_assert_eq(region_alloc(&segment, batch->heap_id, batch, &region, UNIT, &offset), 0);
	for (unsigned i = 0; i < UNIT; i++)
		cr_assert_eq(((unsigned char *)segment_at(&segment, offset))[i], 0);
}

/* ---- in a pool ---- */

static sheaf_pool *pool;

static void set_up_pool(void)
{
	cr_assert_eq(sheaf_pool_create(&pool, &(sheaf_pool_options){.workers = 2}), 0, "%s", sheaf_message());
}

static void tear_down_pool(void)
{
	sheaf_pool_destroy(pool);
}

TestSuite(stock_pool, .init = set_up_pool, .fini = tear_down_pool);

static sheaf_pool_info info(void)
{
	sheaf_pool_info figures;

	cr_assert_eq(sheaf_pool_get_info(pool, &figures), 0);
	return figures;
}

static int answer(sheaf_task *task, const void *arg, void *result)
{
	void *memory;
	int r = sheaf_task_result(task, 100, &memory);

	(void)result;
	if (!r && memcmp(memory, (const char[100]){0}, 100))
		return sheaf_task_fail(task, -EBADMSG, "the memory is not zero");
	if (!r)
		memcpy(memory, arg, 100);
	return r;
}

static void run_batch(unsigned tasks)
{
	const sheaf_result *results;
	sheaf_batch *all;
	char arg[100];
	size_t n;

	memset(arg, 0xee, sizeof(arg));
	cr_assert_eq(sheaf_batch_create(&all, pool, NULL), 0, "%s", sheaf_message());
	for (unsigned i = 0; i < tasks; i++)
		cr_assert_eq(sheaf_submit(all, i, answer, arg, sizeof(arg)), 0);
	cr_assert_eq(sheaf_gather(all, &results, &n, SHEAF_FOREVER), 0, "%s", sheaf_message());
	cr_assert_eq(n, tasks);
	for (unsigned i = 0; i < tasks; i++)
		cr_assert_eq(memcmp(results[i].data, arg, sizeof(arg)), 0);
	sheaf_batch_retire(all);
}

Test(stock_pool, counts_what_it_keeps)
{
	for (unsigned i = 0; i < 50; i++) {
		run_batch(1);
		cr_assert_eq(info().heap_used, 0);
		cr_assert_geq(info().heap_stocked, UNIT);
		cr_assert_leq(info().heap_stocked, 2 * UNIT, "one of each worker");
	}
	run_batch(100);
	run_batch(5000);
	cr_assert_eq(info().heap_used, 0);
	cr_assert_eq(info().heap_stocked, STOCK_UNITS * UNIT);
}

static void wait_until_empty(void)
{
	uint64_t deadline = hang_deadline();

	while (info().heap_stocked && sheaf_now_ns() < deadline)
		sleep_ns(1000000);
	cr_assert_eq(info().heap_stocked, 0, "the stock is not given back");
}

Test(stock_pool, gives_back_what_it_does_not_use)
{
	for (unsigned i = 0; i < 2; i++) {
		uint64_t began = sheaf_now_ns();

		run_batch(5000);
		cr_assert_eq(info().heap_stocked, STOCK_UNITS * UNIT);
		wait_until_empty();
		cr_assert_geq(sheaf_now_ns() - began, UINT64_C(1000000000), "not before a second has passed");
	}
}

Test(stock_pool, keeps_nothing_for_a_pool_that_is_closed)
{
	sheaf_inspect_pool figures;
	sheaf_inspect *inspect;
	sheaf_batch *all;

	run_batch(1);
	cr_assert_eq(sheaf_batch_create(&all, pool, NULL), 0);
	cr_assert_eq(sheaf_submit(all, 0, answer, (char[100]){0}, 100), 0);
	cr_assert_eq(sheaf_pool_close(pool), 0);
	cr_assert_eq(sheaf_pool_join(pool, SHEAF_FOREVER), 0);
	sheaf_batch_retire(all);
	wait_until_empty();
	cr_assert_eq(info().heap_used, 0);
	cr_assert_eq(sheaf_inspect_open(&inspect, info().name), 0, "%s", sheaf_message());
	cr_assert_eq(sheaf_inspect_look(inspect, &figures), 0);
	cr_assert_eq(figures.heap_stocked, 0);
	sheaf_inspect_close(inspect);
}

/* They have no supervisor that would give it back. */
Test(stock_pool, keeps_nothing_with_threads)
{
	sheaf_pool_destroy(pool);
	cr_assert_eq(sheaf_pool_create(&pool, &(sheaf_pool_options){.workers = 1, .backend = SHEAF_THREADS}), 0);
	run_batch(100);
	cr_assert_eq(info().heap_used, 0);
	cr_assert_eq(info().heap_stocked, 0);
}

Test(stock_pool, gives_back_what_a_dead_supervisor_has_left)
{
	uint64_t began, deadline = hang_deadline();

	run_batch(5000);
	began = info().supervisors;
	cr_assert_gt(info().heap_stocked, 0);
	cr_assert_eq(kill(info().supervisor, SIGKILL), 0);
	while (info().supervisors == began && sheaf_now_ns() < deadline)
		sleep_ns(1000000);
	wait_until_empty();
	run_batch(100);
	wait_until_empty();
}

Test(stock_pool, is_seen_from_outside)
{
	sheaf_inspect_pool figures;
	sheaf_inspect *inspect;

	run_batch(1);
	cr_assert_eq(sheaf_inspect_open(&inspect, info().name), 0, "%s", sheaf_message());
	cr_assert_eq(sheaf_inspect_look(inspect, &figures), 0);
	cr_assert_eq(figures.heap_stocked, info().heap_stocked);
	cr_assert_eq(figures.heap_used, 0);
	sheaf_inspect_close(inspect);
}

Test(stock_pool, gives_way_to_the_user)
{
	sheaf_pool *small;
	void *memory;

	sheaf_pool_destroy(pool);
	cr_assert_eq(sheaf_pool_create(&small, &(sheaf_pool_options){.workers = 1, .heap_size = (size_t)UNITS * UNIT}), 0);
	pool = small;
	run_batch(2000);
	cr_assert_eq(info().heap_stocked, STOCK_UNITS * UNIT);
	cr_assert_eq(sheaf_alloc(pool, (size_t)info().heap_size, &memory), 0, "%s", sheaf_message());
	cr_assert_eq(info().heap_stocked, 0);
	cr_assert_eq(info().heap_used, info().heap_size);
}
