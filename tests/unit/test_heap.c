/*
 * test_heap.c - the page-run allocator.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "segment/create.h"
#include "segment/heap.h"

#define UNITS 64

static struct segment segment;

static void create(uint64_t heap_size)
{
	struct segment_options options = {
		.anonymous = true, .workers = 1, .ring_size = 1, .batches = 1, .max_attempts = 1, .heap_size = heap_size};

	cr_assert_eq(segment_create(&segment, &options), 0, "%s", sheaf_message());
}

static void set_up(void)
{
	create((uint64_t)UNITS * UNIT);
}

static void tear_down(void)
{
	segment_destroy(&segment);
}

TestSuite(heap, .init = set_up, .fini = tear_down);

static uint64_t alloc_for(uint64_t id, uint64_t size)
{
	uint64_t offset = 0;
	int r = heap_alloc(&segment, id, size, &offset);

	cr_assert_eq(r, 0, "%d", r);
	return offset;
}

static uint64_t alloc(uint64_t size)
{
	return alloc_for(heap_new_id(&segment), size);
}

static bool all_bytes_are(uint64_t offset, uint64_t size, unsigned char value)
{
	const unsigned char *at = segment_at(&segment, offset);

	return !size || (at[0] == value && !memcmp(at, at + 1, size - 1));
}

Test(heap, gives_zeroed_units_inside_the_heap)
{
	uint64_t a = alloc(1), b = alloc(UNIT), c = alloc(UNIT + 1), d = alloc(0);

	cr_assert_eq(a % UNIT, 0);
	cr_assert_geq(a, segment.heap);
	cr_assert_eq(heap_used(&segment), 5 * UNIT);
	cr_assert(all_bytes_are(a, UNIT, 0));
	cr_assert(all_bytes_are(b, UNIT, 0));
	cr_assert(all_bytes_are(c, 2 * UNIT, 0));
	cr_assert(all_bytes_are(d, UNIT, 0));
	cr_assert(a != b && b != c && c != d && a != d);
}

Test(heap, never_gives_an_id_twice)
{
	uint64_t last = 0;

	for (int i = 0; i < 1000; i++) {
		uint64_t id = heap_new_id(&segment);

		cr_assert_gt(id, last);
		last = id;
	}
}

Test(heap, can_be_used_to_the_last_unit)
{
	uint64_t all = alloc((uint64_t)UNITS * UNIT), offset = 7;

	memset(segment_at(&segment, all), 1, (size_t)UNITS * UNIT);
	cr_assert_eq(heap_alloc(&segment, heap_new_id(&segment), 0, &offset), -ENOMEM);
	cr_assert_eq(offset, 7);
	cr_assert_eq(heap_free(&segment, all), 0);
	cr_assert_eq(heap_used(&segment), 0);
	cr_assert_eq(alloc((uint64_t)UNITS * UNIT), all);
}

Test(heap, refuses_more_than_it_has)
{
	uint64_t offset = 7;

	cr_assert_eq(heap_alloc(&segment, 1, (uint64_t)UNITS * UNIT + 1, &offset), -ENOMEM);
	cr_assert_eq(heap_alloc(&segment, 1, UINT64_MAX, &offset), -ENOMEM);
	cr_assert_eq(offset, 7);
	cr_assert_eq(heap_used(&segment), 0);
	cr_assert_eq(heap_fail(&segment, -ENOMEM, 99, "a test"), -ENOMEM);
	cr_assert_str_eq(sheaf_message(), "a test needs 99 bytes in one piece, and the pool's heap of 4194304 bytes has none "
					  "left: free some, or raise options.heap_size");
}

Test(heap, refuses_a_run_that_is_longer_than_any_gap)
{
	uint64_t offsets[UNITS], offset;

	for (int i = 0; i < UNITS; i++)
		offsets[i] = alloc(UNIT);
	for (int i = 0; i < UNITS; i += 2)
		cr_assert_eq(heap_free(&segment, offsets[i]), 0);
	cr_assert_eq(heap_alloc(&segment, heap_new_id(&segment), UNIT + 1, &offset), -ENOMEM);
	cr_assert_eq(heap_free(&segment, offsets[31]), 0);
	cr_assert_eq(alloc(3 * UNIT), offsets[30]);
}

Test(heap, finds_a_run_that_lies_across_the_hint)
{
	uint64_t a = alloc(20 * UNIT), b = alloc(UNIT), c = alloc(43 * UNIT);

	cr_assert_eq(heap_free(&segment, c), 0);
	cr_assert_eq(heap_free(&segment, b), 0);
	cr_assert_eq(heap_free(&segment, a), 0);
	a = alloc(UNIT);
	b = alloc(UNIT);
	cr_assert_eq(heap_free(&segment, a), 0);
	cr_assert_eq(alloc(62 * UNIT), b + UNIT);
}

Test(heap, finds_a_gap_below_the_hint)
{
	uint64_t offsets[UNITS];

	for (int i = 0; i < UNITS; i++)
		offsets[i] = alloc(UNIT);
	cr_assert_eq(heap_free(&segment, offsets[10]), 0);
	cr_assert_eq(heap_free(&segment, offsets[11]), 0);
	cr_assert_eq(heap_free(&segment, offsets[0]), 0);
	cr_assert_eq(alloc(2 * UNIT), offsets[10], "too long for the first gap, which the hint passes");
	cr_assert_eq(alloc(UNIT), offsets[0]);
}

Test(heap, clears_memory_before_it_gives_it_again)
{
	for (int i = 0; i < 3; i++) {
		uint64_t offset = alloc(5 * UNIT);

		cr_assert(all_bytes_are(offset, 5 * UNIT, 0));
		memset(segment_at(&segment, offset), 0xee, 5 * UNIT);
		cr_assert_eq(heap_free(&segment, offset), 0);
	}
}

#ifdef OS_LAYER_LINUX
static blkcnt_t blocks(void)
{
	struct stat status;

	cr_assert_eq(fstat(segment.fd, &status), 0);
	return status.st_blocks;
}

Test(heap, commits_memory_before_it_hands_it_out_and_gives_it_back)
{
	uint64_t small = alloc(1), offset;
	blkcnt_t least = blocks();

	offset = alloc(32 * UNIT);
	cr_assert_geq(blocks() - least, 32 * UNIT / 512);
	cr_assert_eq(heap_free(&segment, offset), 0);
	cr_assert_eq(blocks(), least);
	cr_assert_eq(heap_free(&segment, small), 0);
	cr_assert_lt(blocks(), least);
}
#endif

Test(heap, refuses_to_free_what_is_no_allocation)
{
	uint64_t offset = alloc(3 * UNIT);

	cr_assert_eq(heap_free(&segment, offset + UNIT), -EINVAL);
	cr_assert_eq(heap_free(&segment, offset + 1), -EINVAL);
	cr_assert_eq(heap_free(&segment, offset + 3 * UNIT), -EINVAL);
	cr_assert_eq(heap_free(&segment, 0), -EINVAL);
	cr_assert_eq(heap_free(&segment, segment.heap - UNIT), -EINVAL);
	cr_assert_eq(heap_free(&segment, segment.size), -EINVAL);
	cr_assert_eq(heap_free(&segment, UINT64_MAX - UNIT + 1), -EINVAL);
	cr_assert_eq(heap_used(&segment), 3 * UNIT);
	cr_assert_eq(heap_free(&segment, offset), 0);
	cr_assert_eq(heap_free(&segment, offset), -EINVAL);
}

Test(heap, frees_a_neighbour_alone)
{
	uint64_t a = alloc(UNIT), b = alloc(UNIT), c = alloc(UNIT);

	memset(segment_at(&segment, a), 1, UNIT);
	memset(segment_at(&segment, c), 3, UNIT);
	cr_assert_eq(heap_free(&segment, b), 0);
	cr_assert(all_bytes_are(a, UNIT, 1));
	cr_assert(all_bytes_are(c, UNIT, 3));
	cr_assert_eq(heap_used(&segment), 2 * UNIT);
}

Test(heap, frees_everything_of_an_id_and_nothing_else)
{
	uint64_t mine = heap_new_id(&segment), others[10];

	for (int i = 0; i < 10; i++) {
		alloc_for(mine, (uint64_t)(i % 3 + 1) * UNIT);
		others[i] = alloc(UNIT);
		memset(segment_at(&segment, others[i]), i + 1, UNIT);
	}
	alloc_for(mine, UNIT);
	heap_free_all(&segment, mine);
	cr_assert_eq(heap_used(&segment), 10 * UNIT);
	for (int i = 0; i < 10; i++)
		cr_assert(all_bytes_are(others[i], UNIT, (unsigned char)(i + 1)));
	heap_free_all(&segment, mine);
	cr_assert_eq(heap_used(&segment), 10 * UNIT);
}

Test(heap, frees_the_runs_of_a_batch_only_together)
{
	uint64_t batch = heap_new_batch_id(&segment), first = alloc_for(batch, UNIT), user = alloc(UNIT),
		 second = alloc_for(batch, UNIT);
	unsigned char *at = segment_at(&segment, first);

	cr_assert(first < user && user < second, "the test wants neighbours");
	cr_assert_eq(heap_free(&segment, first), -EINVAL);
	cr_assert_eq(heap_free(&segment, second), -EINVAL);
	cr_assert(heap_contains(&segment, at, UNIT));
	cr_assert_not(heap_contains(&segment, at, 2 * UNIT), "the second half is somebody else's");
	cr_assert_not(heap_contains(&segment, at, 3 * UNIT), "both ends are the batch's, and the middle is not");
	heap_free_all(&segment, batch);
	cr_assert_eq(heap_used(&segment), UNIT);
	cr_assert_eq(heap_free(&segment, user), 0);
}

Test(heap, knows_what_lies_in_one_allocation)
{
	uint64_t a = alloc(2 * UNIT), b = alloc(UNIT);
	unsigned char *at = segment_at(&segment, a), *next = segment_at(&segment, b);

	cr_assert_eq(next, at + 2 * UNIT, "the test wants neighbours");
	cr_assert(heap_contains(&segment, at, 0));
	cr_assert(heap_contains(&segment, at, 1));
	cr_assert(heap_contains(&segment, at, 2 * UNIT));
	cr_assert(heap_contains(&segment, at + UNIT - 1, 2));
	cr_assert(heap_contains(&segment, at + 2 * UNIT - 1, 1));
	cr_assert_not(heap_contains(&segment, at, 2 * UNIT + 1));
	cr_assert_not(heap_contains(&segment, at + 1, 2 * UNIT));
	cr_assert_not(heap_contains(&segment, at, UINT64_MAX));
	cr_assert_not(heap_contains(&segment, at, segment.heap_size + 1));
	cr_assert_not(heap_contains(&segment, at - 1, 1));
	cr_assert_not(heap_contains(&segment, next + UNIT, 1));
	cr_assert_not(heap_contains(&segment, NULL, 1));
	cr_assert_not(heap_contains(&segment, segment.header, 1));
	cr_assert_not(heap_contains(&segment, segment.base + segment.size, 0));
	cr_assert_not(heap_contains(&segment, &segment, 1));
	cr_assert_eq(heap_free(&segment, a), 0);
	cr_assert_not(heap_contains(&segment, at, 1));
}

/* Words of the map are committed in steps of a page, which stands for 32 MiB of heap. */
Test(heap, grows_its_map, .init = NULL)
{
	uint64_t first, large, last;

	create((uint64_t)256 << 20);
	first = alloc(1);
	large = alloc(40 << 20);
	last = alloc(1);
	cr_assert_eq(large, first + HUGE_PAGE);
	cr_assert_eq(last, large + (40 << 20));
	memset(segment_at(&segment, large), 1, 40 << 20);
	cr_assert(heap_contains(&segment, segment_at(&segment, large), 40 << 20));
	cr_assert_eq(heap_used(&segment), (40 << 20) + 2 * UNIT);
	cr_assert_eq(heap_free(&segment, large), 0);
	cr_assert_eq(heap_used(&segment), 2 * UNIT);
}

Test(heap, begins_large_runs_with_a_huge_page_where_it_can)
{
	uint64_t first = alloc(1), large = alloc(HUGE_PAGE), last;

	cr_assert_eq(large, first + HUGE_PAGE);
	cr_assert(all_bytes_are(large, HUGE_PAGE, 0));
	memset(segment_at(&segment, large), 1, HUGE_PAGE);
	cr_assert_eq(heap_free(&segment, large), 0);
	large = alloc(HUGE_PAGE + 1);
	cr_assert_eq(large, first + UNIT, "a run of 33 units fits nowhere behind the next huge page");
	cr_assert(all_bytes_are(large, HUGE_PAGE + UNIT, 0));
	last = alloc(HUGE_PAGE - 2 * UNIT);
	cr_assert_eq(last, large + HUGE_PAGE + UNIT);
	cr_assert_eq(heap_used(&segment), (uint64_t)UNITS * UNIT);
}

static _Atomic unsigned damaged;

static void *alloc_and_free(void *context)
{
	uint64_t random = (uint64_t)(uintptr_t)context * 7919 + 1;

	for (int i = 0; i < 500; i++) {
		uint64_t id = heap_new_id(&segment), offset, count;
		uint64_t *at;

		random = random * 6364136223846793005u + 1442695040888963407u;
		count = (random >> 33) % 12 + 1;
		if (heap_alloc(&segment, id, count * UNIT, &offset))
			continue;
		at = segment_at(&segment, offset);
		for (uint64_t u = 0; u < count; u++) {
			damaged += at[u * (UNIT / 8)] != 0;
			at[u * (UNIT / 8)] = id;
		}
		for (uint64_t u = 0; u < count; u++)
			damaged += at[u * (UNIT / 8)] != id;
		damaged += heap_free(&segment, offset) != 0;
	}
	return NULL;
}

Test(heap, gives_a_unit_to_one_thread_at_a_time)
{
	pthread_t threads[4];

	for (uintptr_t i = 0; i < 4; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, alloc_and_free, (void *)i), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	cr_assert_eq(damaged, 0);
	cr_assert_eq(heap_used(&segment), 0);
}

static void resize(uint64_t *offset, uint64_t size, uint64_t new_size)
{
	int r = heap_resize(&segment, offset, size, new_size);

	cr_assert_eq(r, 0, "%d", r);
}

Test(heap, lets_a_run_grow_in_place_and_gives_back_its_end)
{
	uint64_t offset = 0, first, next;

	resize(&offset, 0, UNIT);
	first = offset;
	cr_assert(all_bytes_are(offset, UNIT, 0));
	memset(segment_at(&segment, offset), 1, UNIT);
	resize(&offset, UNIT, 5 * UNIT);
	cr_assert_eq(offset, first);
	cr_assert(all_bytes_are(offset, UNIT, 1));
	cr_assert(all_bytes_are(offset + UNIT, 4 * UNIT, 0));
	cr_assert_eq(heap_used(&segment), 5 * UNIT);
	memset(segment_at(&segment, offset), 2, 5 * UNIT);
	resize(&offset, 5 * UNIT, UNIT + 1);
	cr_assert_eq(heap_used(&segment), 2 * UNIT);
	cr_assert(all_bytes_are(offset, 2 * UNIT, 2));
	/* What it gave back is free, and zero for the next caller. */
	resize(&offset, UNIT + 1, 5 * UNIT);
	cr_assert_eq(offset, first);
	cr_assert(all_bytes_are(offset + 2 * UNIT, 3 * UNIT, 0));
	cr_assert_eq(heap_free(&segment, offset), 0);
	cr_assert_eq(heap_used(&segment), 0);
	offset = 0;
	resize(&offset, 0, 3 * UNIT);
	resize(&offset, 3 * UNIT, 0);
	cr_assert_eq(heap_used(&segment), 0);
	next = alloc(UNIT);
	cr_assert_eq(heap_free(&segment, next), 0);
}

/* For all sizes around the piece that moves at once. */
Test(heap, moves_a_run_that_cannot_grow_in_place)
{
	for (uint64_t count = 1; count <= 10; count++) {
		uint64_t offset = 0, first, neighbour;

		resize(&offset, 0, count * UNIT);
		first = offset;
		for (uint64_t u = 0; u < count; u++)
			memset(segment_at(&segment, offset + u * UNIT), (int)(u + 1), UNIT);
		segment.control->heap_hint = (first - segment.heap) / UNIT + count;
		neighbour = alloc(UNIT);
		cr_assert_eq(neighbour, first + count * UNIT);
		memset(segment_at(&segment, neighbour), 99, UNIT);
		resize(&offset, count * UNIT, (count + 7) * UNIT);
		cr_assert_neq(offset, first);
		for (uint64_t u = 0; u < count; u++)
			cr_assert(all_bytes_are(offset + u * UNIT, UNIT, (unsigned char)(u + 1)), "unit %d", (int)u);
		cr_assert(all_bytes_are(offset + count * UNIT, 7 * UNIT, 0));
		cr_assert(all_bytes_are(neighbour, UNIT, 99));
		cr_assert_eq(heap_used(&segment), (count + 8) * UNIT);
		cr_assert_eq(heap_free(&segment, first), -EINVAL);
		cr_assert_eq(heap_free(&segment, offset), 0);
		cr_assert_eq(heap_free(&segment, neighbour), 0);
		cr_assert_eq(heap_used(&segment), 0);
	}
}

Test(heap, leaves_a_run_as_it_is_that_finds_no_more_room)
{
	uint64_t offset = 0, first;

	resize(&offset, 0, 40 * UNIT);
	first = offset;
	memset(segment_at(&segment, offset), 7, 40 * UNIT);
	cr_assert_eq(heap_resize(&segment, &offset, 40 * UNIT, (UNITS + 1) * UNIT), -ENOMEM);
	alloc((uint64_t)(UNITS - 40) * UNIT);
	cr_assert_eq(heap_resize(&segment, &offset, 40 * UNIT, 41 * UNIT), -ENOMEM);
	cr_assert_eq(offset, first);
	cr_assert(all_bytes_are(offset, 40 * UNIT, 7));
	cr_assert_eq(heap_free(&segment, offset), 0);
}

/* Two that grow side by side are rarely in each other's way. */
Test(heap, leaves_room_behind_a_run_that_grows)
{
	uint64_t a = 0, b = 0, moves = 0;

	for (uint64_t count = 0; count < 16; count++) {
		uint64_t before_a = a, before_b = b;

		resize(&a, count * UNIT, (count + 1) * UNIT);
		resize(&b, count * UNIT, (count + 1) * UNIT);
		moves += (before_a && a != before_a) + (before_b && b != before_b);
	}
	cr_assert_leq(moves, 15, "%d moves", (int)moves);
	cr_assert_eq(heap_used(&segment), 32 * UNIT);
}
