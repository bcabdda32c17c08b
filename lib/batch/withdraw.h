/*
 * withdraw.h - the opener takes tasks out of the ring that were cancelled, and cuts chunks off.
 */
#ifndef SHEAF_BATCH_WITHDRAW_H
#define SHEAF_BATCH_WITHDRAW_H

#include "batch/handle.h"
#include "work/cancel.h"

/* The slots that may hold tasks of a batch of calls, one after the other. */
struct search {
	uint64_t ticket, left;
};

/* Begin with the first of them: the batch knows its tickets. */
struct search withdraw_begin(const struct sheaf_batch *batch);

/* Go on to the next slot that holds a task of the batch, with its word. False: there is none. */
bool withdraw_next(const struct sheaf_batch *batch, struct search *search, struct shared_slot **slot, uint64_t *bits);

/*
 * Take a task that is READY out of the ring, and publish that it was cancelled. Under the batch's
 * lock, so that no gatherer takes it for lost meanwhile. False: a worker has claimed it.
 */
bool withdraw_task(struct sheaf_batch *batch, struct shared_slot *slot, uint64_t bits);

/* Private: for withdraw_if_due(). Under the batch's lock. */
void withdraw_all(struct sheaf_batch *batch);

/*
 * Was the batch cancelled since the ring was searched for its tasks? May be asked without the lock.
 */
static inline bool withdraw_is_due(struct sheaf_batch *batch)
{
	/*
	 * Seq_cst, pairs with the CAS in cancel_batch(): for a gatherer that has announced its
	 * sleep. Relaxed: a search more or less changes nothing.
	 */
	return BATCH_STATE(load_seq_cst(&batch->shared->word)) == BATCH_CANCELLED && !load_relaxed(&batch->swept);
}

/*
 * If so, end all its tasks that nobody has claimed. True: more may be done than before. Under the
 * batch's lock.
 */
static inline bool withdraw_if_due(struct sheaf_batch *batch)
{
	if (!withdraw_is_due(batch))
		return false;
	withdraw_all(batch);
	return true;
}

/*
 * End a chunk of a dense batch that nobody has begun, if all its positions were cancelled. @bits:
 * its word, by a load that acquires (CHUNK2). True: it is done.
 */
bool withdraw_chunk(const struct sheaf_batch *batch, uint64_t c, uint64_t bits);

#endif
