/*
 * step.c - claims a task, whatever its kind, and runs it.
 *
 * Writers           hand: the member, in its own seat, after each claim.
 * Deaths            Between claim and hand: the seat does not tell which task was innermost. See
 *                   blame_outer().
 *                   A wake-up that died with the member is made up for by the supervisor, which
 *                   rings after every death.
 */
#include "work/step.h"

#include "queue/bell.h"
#include "queue/ring.h"
#include "segment/mappings.h"
#include "work/call.h"
#include "work/share.h"
#include "work/turn.h"

/* Are there tasks in the ring behind this one? */
static bool more_behind(const struct segment *segment, const struct shared_slot *slot)
{
	const struct ring *ring = &segment->rings[SHEAF_NORMAL];
	/* Relaxed: a hint. */
	uint64_t tail = load_relaxed(&ring->shared->tail);

	return (uint64_t)(slot - ring->slots) != ((tail - 1) & (ring->size - 1));
}

/* Claim a task of a pool in which there is something to heed. */
__attribute__((noinline)) static bool claim_heeding(struct member *member, bool announced, uint32_t heed, struct claim *claim)
{
	/*
	 * Relaxed: processes of a terminated pool are killed, and threads check before each task.
	 */
	if (heed & HEED_STATE && load_relaxed(&member->segment->control->state) > POOL_FINISHED)
		return false;
	if (!member_may_claim(member, heed))
		return false;
	return heeds_rings(heed) ? turn_claim(member, announced, claim) : claim_normal(member, announced, claim);
}

static bool claim_task(struct member *member, bool announced, struct claim *claim)
{
	/*
	 * Seq_cst, pairs with segment_heed(): a worker that has announced its sleep must not miss
	 * that there are other rings.
	 */
	uint32_t heed = load_seq_cst(&member->segment->control->heed);

	if (__builtin_expect(heed != 0, 0))
		return claim_heeding(member, announced, heed, claim);
	return claim_normal(member, announced, claim);
}

/*
 * In a pool that starts workers on demand: submitters have called none while this worker looked for
 * a task. It has found one now, or just before it would have slept, so it calls for the rest.
 */
__attribute__((noinline)) static void call_for_rest(struct member *member)
{
	/*
	 * Seq_cst, pairs with ring_or_call() in bell.c: either its caller sees that this worker
	 * looks no longer, or what it has published is seen here.
	 */
	store_seq_cst(&member->seat->looking, 0);
	workers_ring_some(member->segment, rings_count_ready(member->segment, member->segment->worker_count));
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
	if (member->segment->call_worker)
		call_for_rest(member);
}

/* Note in the seat what is in hand. */
static inline void note_hand(struct member *member, const struct claim *claim)
{
	/* Relaxed, because the supervisor reads it after this member's death. */
	store_relaxed(&member->seat->hand, segment_offset(member->segment, claim->slot));
}

/* Run what was claimed. */
static inline void run_claimed(struct member *member, struct claim *claim)
{
	mappings_follow(member->segment);
	while (claim->slot->kind == TASK_SHARE) {
		if (!share_run(member, claim))
			return;
		/* It was left for another task, which is claimed now. */
		note_hand(member, claim);
		mappings_follow(member->segment);
	}
	call_run(member, claim->slot, claim->word);
}

bool work_step(struct member *member, bool announced)
{
	struct segment *segment = member->segment;
	struct claim claim;

	if (!claim_task(member, announced, &claim))
		return false;
	note_hand(member, &claim);
	/* Submitters may have left several tasks to this spinning worker, which takes only one. */
	if (member->looking) {
		work_spins(member, false);
		if (segment->call_worker)
			call_for_rest(member);
		else if (segment->worker_count > 1 && more_behind(segment, claim.slot))
			workers_ring(segment);
	}
	if (announced)
		pass_on(member);
	run_claimed(member, &claim);
	return true;
}

bool work_serve(struct member *member)
{
	struct claim claim;

	if (!claim_task(member, true, &claim))
		return false;
	note_hand(member, &claim);
	run_claimed(member, &claim);
	/* The next task begins when the next call waits. */
	member->clock_ns = 0;
	return true;
}
