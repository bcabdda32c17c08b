/*
 * units.c - frees the heap units of a batch, or keeps them in its opener's stock.
 *
 * Writers           stock_watched: the opener sets it, see STOCK1.
 * Edges             STOCK1  stock units -> give all stocks back (stocktake.c): hands over which
 *                   units are in a stock.
 * Deaths            Of the opener: the supervisor frees by the id, too (orphans.c).
 */
#include "batch/units.h"

#include "base/atomic.h"
#include "segment/heap.h"
#include "segment/stock.h"

/* Some units stay committed for the next batches, as long as there may be any. */
void units_free(struct sheaf_batch *batch, uint64_t id)
{
	struct member *member = batch->member;
	struct segment *segment = batch->segment;
	bool left = true, kept;

	/* Relaxed: a pool that has just ended gives its heap back soon. */
	if (member->stocks && load_relaxed(&segment->control->state) == POOL_OPEN) {
		pthread_mutex_lock(&member->openings->lock);
		kept = stock_keep(segment, member->number, batch->shared, id, &left);
		pthread_mutex_unlock(&member->openings->lock);
		/*
		 * STOCK1: if the supervisor changes it back after us, it finds our units. If it did
		 * before, we find 0.
		 */
		if (kept && !fetch_or_acq_rel(&segment->control->stock_watched, 1))
			member->ops->nudge(member);
	}
	if (left && id == batch->heap_id)
		heap_free_all(segment, id);
	else if (left)
		stock_free(segment, batch->shared, id);
}
