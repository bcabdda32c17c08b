/*
 * cancel.h - what the words say of cancelled positions, which no worker starts or runs again.
 *
 * Any member may cancel a whole batch, by its word. Its opener also cancels single positions: by
 * the entry's word, or by `stop` of a dense batch. See docs/explanation/cancel.md.
 */
#ifndef SHEAF_WORK_CANCEL_H
#define SHEAF_WORK_CANCEL_H

#include "base/atomic.h"
#include "segment/segment.h"

/*
 * Was the whole batch cancelled? Relaxed: a worker that does not see it yet runs one more task.
 */
static inline bool batch_is_cancelled(const struct shared_batch *batch)
{
	return BATCH_STATE(load_relaxed(&batch->word)) == BATCH_CANCELLED;
}

/* Is that position of a dense batch not to be begun? Relaxed, both: as above. */
static inline bool position_is_cancelled(const struct shared_batch *batch, uint64_t position)
{
	return position >= load_relaxed(&batch->stop) || BATCH_STATE(load_relaxed(&batch->word)) != BATCH_OPEN;
}

/* Cancel the whole batch of that serial, if it is open, and wake its gatherer. */
void cancel_batch(const struct segment *segment, struct shared_batch *batch, uint64_t serial);

/*
 * A position of the batch has failed, and that is published: cancel the rest if the batch wants
 * that.
 */
static inline void cancel_after_failure(const struct segment *segment, struct shared_batch *batch)
{
	if (batch->flags & BATCH_CANCELS)
		cancel_batch(segment, batch, batch->heap_id);
}

/* Return the word of a chunk that ends before the position with that number in it. */
uint64_t cancel_cut(uint64_t bits, uint64_t first);

#endif
