/*
 * step.c - claims a task, whatever its kind, and runs it.
 *
 * Who writes what   hand: the member, in its own seat, after each claim.
 * Deaths            Between claim and hand: the seat does not tell which task was innermost. See
 *                   blame_outer().
 *                   A wake-up that died with the member is made up for by the supervisor, which
 *                   rings after every death.
 */
#include "work/step.h"

#include "queue/bell.h"
#include "queue/ring.h"
#include "work/call.h"
#include "work/share.h"

#define CLAIMS_PER_TAIL 32 /* a task is seldom anywhere but in the next slot */

/* Are there tasks in the ring behind this one? */
static bool more_behind(const struct segment *segment, const struct shared_slot *slot)
{
	/* Relaxed: a hint. */
	uint64_t tail = load_relaxed(&segment->ring.shared->tail);

	return (uint64_t)(slot - segment->ring.slots) != ((tail - 1) & (segment->ring.size - 1));
}

/*
 * Claim a task. Without hurry to sleep only the next slot is tried, because each check of the tail
 * takes its line from the submitters. The check is made now and then, and
 * finds what has gathered elsewhere.
 */
static bool claim_task(struct member *member, bool announced, struct shared_slot **slot, uint64_t *word)
{
	const struct ring *ring = &member->segment->ring;

	if (!announced && ++member->looks % CLAIMS_PER_TAIL)
		return !ring_claim_next(ring, member->claimant, &member->tail, slot, word);
	if (!announced)
		output_look();
	return !ring_claim(ring, member->claimant, &member->tail, slot, word);
}

/*
 * Retract the announcement. If a wake-up was spent on it, pass it on, because it was meant for
 * another task.
 */
static void pass_on(struct member *member)
{
	struct sleeper sleeper = sleeper_of_worker(member->segment, member->number, member->generation);

	if (!sleeper_retract(&sleeper))
		workers_ring(member->segment);
}

bool work_step(struct member *member, bool announced)
{
	struct segment *segment = member->segment;
	struct shared_slot *slot;
	uint64_t word;

	/*
	 * Relaxed: processes of a terminated pool are killed, and threads check before each task.
	 */
	if (load_relaxed(&segment->control->state) > POOL_FINISHED || !claim_task(member, announced, &slot, &word))
		return false;
	/* Relaxed, because the supervisor reads it after this member's death. */
	store_relaxed(&member->seat->hand, segment_offset(segment, slot));
	/* Submitters may have left several tasks to this spinning worker, which takes only one. */
	if (member->looking) {
		work_spins(member, false);
		if (segment->worker_count > 1 && more_behind(segment, slot))
			workers_ring(segment);
	}
	if (announced)
		pass_on(member);
	if (slot->kind == TASK_SHARE)
		share_run(member, slot, word);
	else
		call_run(member, slot, word);
	return true;
}
