/*
 * region.c - a bump allocator over blocks of the heap that belong to a batch.
 *
 * Deaths            The rest of a dead member's block is wasted until its batch is retired. Then
 *                   the opener finds the block by the batch's id: see stock.c.
 */
#include "member/region.h"

#include "base/guard.h"
#include "base/number.h"
#include "segment/heap.h"
#include "segment/stock.h"

#include <errno.h>
#include <string.h>

#define LARGEST_BLOCK ((uint64_t)4 << 20)

/* Take a block of *@block bytes from the heap. Where memory is short, take no more than @least. */
static int take_block(struct segment *segment, uint64_t heap_id, struct shared_batch *batch, uint64_t least, uint64_t *block,
		      uint64_t *offset)
{
	int r = stock_alloc(segment, batch, heap_id, *block, offset);

	if (r && *block > least)
		r = stock_alloc(segment, batch, heap_id, *block = least, offset);
	return r;
}

UNGUARDED int region_alloc(struct segment *segment, uint64_t heap_id, struct shared_batch *batch, struct region *region,
			   uint64_t size, uint64_t *offset)
{
	uint64_t need, least, block, got;
	bool used;
	int r;

	if (size > segment->heap_size)
		return -ENOMEM;
	need = round_up(size ? size : 1, 64);
	if (region->heap_id != heap_id)
		*region = (struct region){.heap_id = heap_id, .block = UNIT};
	if (need > region->end - region->at) {
		least = round_up(need, UNIT);
		block = least > region->block ? least : region->block;
		used = least == UNIT && stock_take(segment, batch, heap_id, &got);
		if (used)
			block = least;
		else if ((r = take_block(segment, heap_id, batch, least, &block, &got)))
			return r;
		/* A large piece of its own does not end the block in use. */
		if (need >= block && region->end > region->at) {
			if (used)
				memset(segment_at(segment, got), 0, need);
			*offset = got;
			return 0;
		}
		region->at = got;
		region->end = got + block;
		region->used = used;
		if (!used && region->block < LARGEST_BLOCK)
			region->block *= 2;
	}
	if (region->used)
		memset(segment_at(segment, region->at), 0, need);
	*offset = region->at;
	region->at += need;
	return 0;
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
