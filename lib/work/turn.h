/*
 * turn.h - where a pool uses several priorities: which ring a worker looks into first.
 */
#ifndef SHEAF_WORK_TURN_H
#define SHEAF_WORK_TURN_H

#include "member/member.h"
#include "os/output.h"
#include "queue/ring.h"

#define CLAIMS_PER_TAIL 32 /* a task is seldom anywhere but in the next slot */

/* A task that the member has claimed. */
struct claim {
	struct shared_slot *slot; /* NULL: none */
	uint64_t word;
};

/*
 * Claim a task of any ring, and note its priority as the member's. @announced: as work_step().
 * False: none was found.
 */
bool turn_claim(struct member *member, bool announced, struct claim *claim);

/*
 * Claim a task of higher priority than the member's, as turn_claim() does, unless it is the turn of
 * the member's own. For a member that could go on with what it has in hand.
 */
bool turn_claim_higher(struct member *member, struct claim *claim);

/* Claim the oldest task of a ring. */
static inline bool claim_oldest(struct member *member, enum sheaf_priority priority, struct claim *claim)
{
	return !ring_claim(&member->segment->rings[priority], member->claimant, &member->tail[priority], &claim->slot,
			   &claim->word);
}

/*
 * Claim a task of SHEAF_NORMAL. Without hurry to sleep only the next slot is tried, because each
 * check of the tail takes its line from the submitters. The check is made now and then, and finds
 * what has gathered elsewhere.
 */
static inline bool claim_normal(struct member *member, bool announced, struct claim *claim)
{
	if (!announced && ++member->looks % CLAIMS_PER_TAIL)
		return !ring_claim_next(&member->segment->rings[SHEAF_NORMAL], member->claimant, &member->tail[SHEAF_NORMAL],
					&claim->slot, &claim->word);
	if (!announced)
		output_look();
	return claim_oldest(member, SHEAF_NORMAL, claim);
}

#endif
