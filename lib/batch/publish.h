/*
 * publish.h - the last step of each submission: make a slot READY, which hands its task to the
 * workers.
 */
#ifndef SHEAF_BATCH_PUBLISH_H
#define SHEAF_BATCH_PUBLISH_H

#include "base/atomic.h"
#include "batch/handle.h"
#include "queue/bell.h"
#include "queue/ring.h"

#include <errno.h>

/* Private: withdraw the task. False: a worker has it. */
bool publish_withdraw(const struct sheaf_batch *batch, struct shared_slot *slot);

/* Note which slots of the ring may name the batch. */
static inline void publish_note(struct sheaf_batch *batch, uint64_t ticket)
{
	if (!batch->sent || ticket < batch->first_ticket)
		batch->first_ticket = ticket;
	if (!batch->sent || ticket > batch->last_ticket)
		batch->last_ticket = ticket;
	batch->sent = true;
}

/*
 * Publish the slot under the batch's lock, unless the pool has finished: the supervisor of a pool
 * that is just being closed may have checked the ring before the task was in it. @ring: wake a
 * worker if one sleeps. @flags: as for ring_publish(). 0; -EPIPE with its message: the task was
 * withdrawn.
 */
__attribute__((always_inline)) static inline int publish_slot(struct sheaf_batch *batch, struct shared_slot *slot,
							      uint64_t ticket, bool ring, uint64_t flags)
{
	struct segment *segment = batch->segment;

	publish_note(batch, ticket);
	ring_publish(batch->ring, slot, ticket, flags);
	/*
	 * Seq_cst, pairs with ending_finish() in ending.c: else both could read what was there
	 * before the other's store.
	 */
	if (load_seq_cst(&segment->control->state) == POOL_FINISHED && publish_withdraw(batch, slot))
		return -EPIPE;
	if (ring)
		batch->woke |= workers_ring(segment);
	return 0;
}

#endif
