/*
 * region.c - a bump allocator over blocks of the heap that belong to a batch.
 *
 * Who writes what   units of a batch: every member that takes a block, before it has one.
 * Deaths            The rest of a dead member's block is wasted until its batch is retired. Then
 *                   heap_free_all() finds the block by the batch's id, because units is not 0.
 */
#include "member/region.h"

#include "base/atomic.h"
#include "base/guard.h"
#include "base/number.h"
#include "segment/heap.h"

#include <errno.h>

#define LARGEST_BLOCK ((uint64_t)4 << 20)

UNGUARDED int region_alloc_as(struct segment *segment, uint64_t heap_id, struct shared_batch *batch, struct region *region,
			      uint64_t size, uint64_t *offset)
{
	uint64_t need, least, block, got;
	int r;

	if (size > segment->heap_size)
		return -ENOMEM;
	need = round_up(size ? size : 1, 64);
	if (region->heap_id != heap_id)
		*region = (struct region){.heap_id = heap_id, .block = UNIT};
	if (need > region->end - region->at) {
		least = round_up(need, UNIT);
		block = least > region->block ? least : region->block;
		/*
		 * Before the first unit is taken, so that the opener that retires the batch finds a
		 * number that is not 0. Relaxed: the end of the task hands it over.
		 */
		fetch_add_relaxed(&batch->units, block / UNIT);
		r = heap_alloc(segment, heap_id, block, &got);
		/* Where memory is short, take no more than is needed. */
		if (r && block > least)
			r = heap_alloc(segment, heap_id, block = least, &got);
		if (r)
			return r;
		/* A large piece of its own does not end the block in use. */
		if (need >= block && region->end > region->at) {
			*offset = got;
			return 0;
		}
		region->at = got;
		region->end = got + block;
		if (region->block < LARGEST_BLOCK)
			region->block *= 2;
	}
	*offset = region->at;
	region->at += need;
	return 0;
}

int region_alloc(struct segment *segment, struct shared_batch *batch, struct region *region, uint64_t size, uint64_t *offset)
{
	return region_alloc_as(segment, batch->heap_id, batch, region, size, offset);
}

void region_undo(struct segment *segment, struct region *region, const struct region *before, uint64_t offset, uint64_t size)
{
	uint64_t need = round_up(size ? size : 1, 64);

	/*
	 * Outside of the block that was in use, it lies at the beginning of a new one, or in a
	 * piece of its own.
	 */
	if (need > before->end - before->at || region->heap_id != before->heap_id)
		heap_give_back(segment, offset, region->end == before->end ? need : region->end - offset);
	*region = *before;
}
