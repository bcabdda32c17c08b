/*
 * state.c - reads and changes the pool's state.
 *
 * Writers           The owner: closed and terminated, as it was asked; lost, when no supervisor can
 *                   be started. The supervisor: finished and broken. Every change is one CAS from
 *                   the state that was read.
 * Deaths            Of a member between its change and the wake-up: the supervisor, or the owner's
 *                   next check, wakes everybody.
 */
#include "pool/state.h"

#include "base/atomic.h"
#include "queue/bell.h"

uint32_t state_of(const struct segment *segment)
{
	/*
	 * Acquire: what the member that changed the state did before must not be read older than
	 * that.
	 */
	return load_acquire(&segment->control->state);
}

bool state_change(struct segment *segment, uint32_t from, uint32_t to)
{
	/*
	 * Seq_cst, because the ring is read next: see ending_finish(). What a change that failed
	 * has read is not used.
	 */
	if (!cas_seq_cst(&segment->control->state, &from, to))
		return false;
	if (to > POOL_FINISHED)
		segment_heed(segment, HEED_STATE);
	return true;
}

void state_force(struct segment *segment, uint32_t to)
{
	/* Seq_cst, pairs with member_wait(): see has_changed() in wait.c. */
	store_seq_cst(&segment->control->state, to);
	segment_heed(segment, HEED_STATE);
}

bool state_end(struct segment *segment, uint32_t how)
{
	return state_change(segment, POOL_OPEN, how) || state_change(segment, POOL_CLOSED, how);
}

void state_wake_everybody(struct segment *segment)
{
	workers_ring_all(segment);
	room_ring_all(segment);
	gatherer_ring_all(segment);
}
