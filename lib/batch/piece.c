/*
 * piece.c - takes memory from the region of a batch, and puts the region back as it was.
 *
 * Deaths            None leaves a trace: all memory of the batch goes by its heap id.
 */
#include "batch/piece.h"

#include "segment/heap.h"

int piece_take(struct sheaf_batch *batch, uint64_t heap_id, uint64_t size, const char *what, struct piece *piece)
{
	struct region before = batch->region;
	struct piece taken = {.size = size, .before = before};
	int r = region_alloc(batch->segment, heap_id, batch->shared, &batch->region, size, &taken.offset);

	if (r) {
		batch->region = before;
		return heap_fail(batch->segment, r, size, what);
	}
	*piece = taken;
	return 0;
}

void piece_give_back(struct sheaf_batch *batch, const struct piece *piece)
{
	if (piece->size)
		region_undo(batch->segment, &batch->region, &piece->before, piece->offset, piece->size);
}
