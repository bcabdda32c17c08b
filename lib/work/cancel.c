/*
 * cancel.c - cancels a batch, and cuts chunks off.
 *
 * Writers           The batch's word, OPEN -> CANCELLED: the opener, or a member
 *                   that publishes a failure.
 * Deaths            Between a failure and the word: the supervisor finds the failure, and cancels
 *                   the rest (settle.c).
 */
#include "work/cancel.h"

#include "queue/bell.h"

void cancel_batch(const struct segment *segment, struct shared_batch *batch, uint64_t serial)
{
	uint64_t open = BATCH_WORD(BATCH_OPEN, serial);

	/*
	 * Seq_cst: a gatherer that has announced its sleep checks the word once more, and the
	 * caller checks for one next.
	 */
	if (cas_seq_cst(&batch->word, &open, BATCH_WORD(BATCH_CANCELLED, serial)))
		gatherer_ring_always(segment, batch);
}

uint64_t cancel_cut(uint64_t bits, uint64_t first)
{
	struct word w = word_unpack(bits);

	/* Which worker ran what is before it is no longer known. */
	if (w.state == WORD_READY)
		w.seat = SEAT_MASK;
	w.state = WORD_DONE;
	w.attempt = 0;
	w.flags &= WORD_LOST;
	w.payload = first;
	return word_pack(w);
}
