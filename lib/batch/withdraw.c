/*
 * withdraw.c - ends positions that were cancelled and that nobody has begun.
 *
 * To take a task out of the ring, the opener withdraws it, and publishes that it was cancelled.
 * Workers claim tasks by a CAS of the same word. So only one of the two publishes a position
 * (promise 3).
 *
 * Writers           Slots and chunks that are READY: the opener, or the worker that claims them.
 *                   The entry of a task that the opener has withdrawn: the opener.
 * Deaths            Of the opener: its batches end with it. Of a worker: settle.c.
 */
#include "batch/withdraw.h"

#include "base/cancel.h"
#include "queue/bell.h"
#include "queue/ring.h"
#include "work/call.h"
#include "work/cut.h"

/* ---- tasks in the ring ---- */

struct search withdraw_begin(const struct sheaf_batch *batch)
{
	uint64_t size = batch->ring->size, count = batch->last_ticket - batch->first_ticket + 1;

	if (!batch->sent)
		return (struct search){0};
	if (count > size)
		count = size;
	return (struct search){.ticket = batch->last_ticket + 1 - count, .left = count};
}

bool withdraw_next(const struct sheaf_batch *batch, struct search *search, struct shared_slot **slot, uint64_t *bits)
{
	const struct ring *ring = batch->ring;

	for (; search->left; search->left--, search->ticket++) {
		*slot = &ring->slots[search->ticket & (ring->size - 1)];
		/*
		 * RING1: else the two fields below could be read as they were before. They may be
		 * those of a later task, for which the word is no longer this one.
		 */
		*bits = load_acquire(&(*slot)->word);
		/* Relaxed: handed over by the word. */
		if ((word_state(*bits) != WORD_READY && word_state(*bits) != WORD_OWNED) ||
		    load_relaxed(&(*slot)->batch) != batch->ref)
			continue;
		search->left--;
		search->ticket++;
		return true;
	}
	return false;
}

bool withdraw_task(struct sheaf_batch *batch, struct shared_slot *slot, uint64_t bits)
{
	/* Relaxed: handed over by the word, which is the same when the task is withdrawn. */
	uint64_t target = load_relaxed(&slot->target);
	struct shared_entry *entry = call_entry_at(batch->segment, batch->shared, target, batch->result_size);
	int cancel = cancel_refuse();
	bool ours = ring_withdraw(slot, bits);

	if (ours) {
		/* NULL if the slot was written over. Then gathering finds that the task is lost. */
		if (entry)
			call_cancel(entry, bits, word_unpack(bits).attempt);
		gatherer_ring(batch->segment, batch->shared, WAIT_ENTRY(target));
		room_ring_one(batch->segment); /* as in retire.c */
	}
	cancel_allow(cancel);
	return ours;
}

void withdraw_all(struct sheaf_batch *batch)
{
	struct search search = withdraw_begin(batch);
	struct shared_slot *slot;
	uint64_t bits;

	/* It may have been a worker that cancelled it. */
	batch->cancelled = true;
	/* Relaxed: under the lock. */
	store_relaxed(&batch->swept, true);
	while (withdraw_next(batch, &search, &slot, &bits))
		if (word_state(bits) == WORD_READY)
			(void)withdraw_task(batch, slot, bits);
}

/* ---- chunks ---- */

bool withdraw_chunk(const struct sheaf_batch *batch, uint64_t c, uint64_t bits)
{
	struct word w = word_unpack(bits);

	/*
	 * Seq_cst, both, pairs with cancel_positions() and cancel_batch(): for a gatherer that has
	 * announced its sleep.
	 */
	if (w.state != WORD_READY || (cut_begin(batch->plan.chunk, c) + w.payload < load_seq_cst(&batch->shared->stop) &&
				      BATCH_STATE(load_seq_cst(&batch->shared->word)) == BATCH_OPEN))
		return false;
	/*
	 * Relaxed: the opener has acquired what was done of the chunk before, with @bits, and
	 * nobody does more of it.
	 */
	if (cas_relaxed(batch_chunk(batch, c), &bits, cancel_cut(bits, w.payload)))
		return true;
	/* Another thread may have been quicker. CHUNK2, seq_cst as is_chunk_done(). */
	return word_state(load_seq_cst(batch_chunk(batch, c))) == WORD_DONE;
}
