/*
 * entries.c - a list of stretches, each as long as all those before it together, up to a bound.
 *
 * Writers           Entries belong to the submitter until the ring slot of their task is READY, and
 *                   to the worker after that.
 * Deaths            Of the opener: the pool ends. All units go by the batch's heap id, whatever
 *                   this list says.
 */
#include "batch/entries.h"

#include "base/error.h"
#include "base/number.h"
#include "segment/heap.h"
#include "segment/stock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LARGEST_STRETCH ((uint64_t)16 << 20) /* bytes */

__attribute__((noinline)) const struct stretch *entries_search(struct entries *entries, uint64_t index)
{
	size_t low = 0, high = entries->count;

	while (high - low > 1) {
		size_t middle = (low + high) / 2;

		if (entries->stretches[middle].first <= index)
			low = middle;
		else
			high = middle;
	}
	entries->near = low;
	return &entries->stretches[low];
}

bool entries_find(const struct entries *entries, uint64_t offset, uint64_t *index, uint64_t *byte)
{
	for (size_t i = 0; i < entries->count; i++) {
		const struct stretch *stretch = &entries->stretches[i];
		uint64_t at = offset - stretch->offset;

		if (offset < stretch->offset || at / entries->stride >= stretch->count)
			continue;
		*index = stretch->first + at / entries->stride;
		*byte = at % entries->stride;
		return true;
	}
	return false;
}

/* How many bytes of the heap a stretch takes that begins at this entry. */
static uint64_t stretch_bytes(const struct entries *entries, uint64_t first)
{
	uint64_t bytes = round_up(entries->stride, UNIT);

	while (bytes < LARGEST_STRETCH && bytes / entries->stride < first)
		bytes *= 2;
	return bytes;
}

/* Make room for one more stretch. */
static bool make_room(struct entries *entries)
{
	struct stretch *old = entries->stretches == &entries->own ? NULL : entries->stretches, *stretches;

	if (!entries->count && !old) {
		entries->stretches = &entries->own;
		return true;
	}
	stretches = realloc(old, (entries->count + 1) * sizeof(*stretches));
	if (!stretches)
		return false;
	if (!old)
		stretches[0] = entries->own;
	entries->stretches = stretches;
	return true;
}

int entries_grow(struct entries *entries, struct segment *segment, struct shared_batch *shared, uint64_t heap_id)
{
	struct stretch *stretch;
	int r;

	if (!make_room(entries))
		return sheaf_fail(-ENOMEM, "no memory for the result table of a batch");
	stretch = &entries->stretches[entries->count];
	stretch->first = entries->capacity;
	if (!entries->count && BATCH_INLINE / entries->stride) {
		stretch->offset = segment_offset(segment, shared->table);
		stretch->count = BATCH_INLINE / entries->stride;
	} else {
		uint64_t bytes = stretch_bytes(entries, entries->capacity);

		if (bytes == UNIT && stock_take(segment, shared, heap_id, &stretch->offset))
			memset(segment_at(segment, stretch->offset), 0, bytes);
		else if ((r = stock_alloc(segment, shared, heap_id, bytes, &stretch->offset)))
			return heap_fail(segment, r, bytes, "the result table of a batch");
		stretch->count = bytes / entries->stride;
	}
	entries->capacity += stretch->count;
	entries->count++;
	return 0;
}

void entries_shrink(struct entries *entries, struct segment *segment, const struct shared_batch *shared)
{
	const struct stretch *stretch = &entries->stretches[--entries->count];

	entries->capacity = stretch->first;
	if (stretch->offset != segment_offset(segment, shared->table))
		heap_give_back(segment, stretch->offset, stretch_bytes(entries, stretch->first));
}

void entries_free(struct entries *entries)
{
	if (entries->stretches != &entries->own)
		free(entries->stretches);
}
