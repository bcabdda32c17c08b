/*
 * test_entries.c - the result table of submitted tasks: stretches, and the entries in them.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "batch/entries.h"
#include "segment/heap.h"
#include "segment/create.h"

#define INLINE_ENTRIES (BATCH_INLINE / 64)

static struct segment segment;
static struct shared_batch *shared;
static struct entries entries;
static uint64_t heap_id;

static void set_up(void)
{
	struct segment_options options = {.anonymous = true,
					  .workers = 1,
					  .ring_size = 1,
					  .batches = 1,
					  .max_attempts = 1,
					  .heap_size = UINT64_C(64) << 20};

	cr_assert_eq(segment_create(&segment, &options), 0, "%s", sheaf_message());
	shared = &segment.batches[0];
	heap_id = heap_new_batch_id(&segment);
	entries = (struct entries){.stride = 64};
}

static void tear_down(void)
{
	entries_free(&entries);
	segment_destroy(&segment);
}

TestSuite(entries, .init = set_up, .fini = tear_down);

static int grow(void)
{
	return entries_grow(&entries, &segment, shared, heap_id);
}

Test(entries, begin_in_the_slot_of_the_batch)
{
	cr_assert_eq(grow(), 0);
	cr_assert_eq(entries.capacity, INLINE_ENTRIES);
	cr_assert_eq(entries_offset(&entries, 0), segment_offset(&segment, shared->table));
	cr_assert_eq(entries_offset(&entries, INLINE_ENTRIES - 1), entries_offset(&entries, 0) + BATCH_INLINE - 64);
	cr_assert_eq(heap_used(&segment), 0);
}

Test(entries, too_large_for_the_slot_begin_in_the_heap)
{
	entries.stride = BATCH_INLINE + 64;
	cr_assert_eq(grow(), 0);
	cr_assert_geq(entries.capacity, 1);
	cr_assert(heap_contains(&segment, segment_at(&segment, entries_offset(&entries, 0)), entries.stride));
}

Test(entries, stay_where_they_are_while_the_table_grows)
{
	enum { STRETCHES = 6 };
	uint64_t first[STRETCHES], last[STRETCHES], capacity[STRETCHES];

	for (int i = 0; i < STRETCHES; i++) {
		uint64_t before = entries.capacity;

		cr_assert_eq(grow(), 0);
		capacity[i] = entries.capacity;
		cr_assert_gt(capacity[i], before);
		first[i] = entries_offset(&entries, before);
		last[i] = entries_offset(&entries, capacity[i] - 1);
		cr_assert_eq(last[i] - first[i], (capacity[i] - before - 1) * 64, "a stretch is in one piece");
	}
	/* In an order in which searches have to go back. */
	for (int i = STRETCHES; i-- > 0;) {
		cr_assert_eq(entries_offset(&entries, capacity[i] - 1), last[i]);
		cr_assert_eq(entries_offset(&entries, i ? capacity[i - 1] : 0), first[i]);
		cr_assert_eq(entries_offset(&entries, 0), first[0]);
	}
}

Test(entries, are_found_by_each_of_their_bytes)
{
	uint64_t index, byte;

	cr_assert_not(entries_find(&entries, segment_offset(&segment, shared->table), &index, &byte));
	for (int i = 0; i < 3; i++)
		cr_assert_eq(grow(), 0);
	for (uint64_t wanted = 0; wanted < entries.capacity; wanted += wanted < 100 ? 1 : 97) {
		uint64_t offset = entries_offset(&entries, wanted);

		for (uint64_t at = 0; at < 64; at += 21) {
			cr_assert(entries_find(&entries, offset + at, &index, &byte));
			cr_assert_eq(index, wanted);
			cr_assert_eq(byte, at);
		}
	}
	cr_assert_not(entries_find(&entries, segment_offset(&segment, shared->table) - 1, &index, &byte));
	cr_assert_not(entries_find(&entries, segment_offset(&segment, shared->table) + BATCH_INLINE, &index, &byte));
}

Test(entries, give_back_the_last_stretch)
{
	uint64_t used, capacity;

	cr_assert_eq(grow(), 0);
	entries_shrink(&entries, &segment, shared);
	cr_assert_eq(entries.capacity, 0);
	cr_assert_eq(grow(), 0);
	cr_assert_eq(grow(), 0);
	used = heap_used(&segment);
	capacity = entries.capacity;
	cr_assert_eq(grow(), 0);
	cr_assert_gt(heap_used(&segment), used);
	entries_shrink(&entries, &segment, shared);
	cr_assert_eq(heap_used(&segment), used);
	cr_assert_eq(entries.capacity, capacity);
	cr_assert_eq(grow(), 0, "the table grows again");
}

Test(entries, say_how_much_memory_there_was_not)
{
	uint64_t capacity;
	int r;

	do
		capacity = entries.capacity;
	while (!(r = grow()));
	cr_assert(r == -ENOMEM || r == -ENOSPC, "%d", r);
	cr_assert_not_null(strstr(sheaf_message(), "the result table of a batch"), "%s", sheaf_message());
	cr_assert_eq(entries.capacity, capacity);
	cr_assert_eq(entries_offset(&entries, 0), segment_offset(&segment, shared->table));
}
