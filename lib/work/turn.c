/*
 * turn.c - shares the claims of a worker out among the rings of a pool.
 *
 * A worker takes turns of its own, so nothing is written that others read. In each turn one ring
 * comes first, and the others follow, the highest first. Of ROUND turns one is that of
 * SHEAF_NORMAL, one that of SHEAF_LOW, and all others are those of SHEAF_HIGH. So a task of each
 * priority begins once in ROUND claims of a worker, however many others wait.
 *
 * Deaths            As in step.c: a task that was claimed and not begun is OWNED.
 */
#include "work/turn.h"

#include "queue/bell.h"

#define ROUND 16 /* sheaf.h states it */

/* In which order the rings are looked into. */
static const enum sheaf_priority orders[PRIORITIES][PRIORITIES] = {
	[SHEAF_HIGH] = {SHEAF_HIGH, SHEAF_NORMAL, SHEAF_LOW},
	[SHEAF_NORMAL] = {SHEAF_NORMAL, SHEAF_HIGH, SHEAF_LOW},
	[SHEAF_LOW] = {SHEAF_LOW, SHEAF_HIGH, SHEAF_NORMAL},
};

static const enum sheaf_priority *order_of(const struct member *member)
{
	unsigned turn = member->turns % ROUND;

	return orders[turn == ROUND - 1 ? SHEAF_LOW : turn == ROUND / 2 - 1 ? SHEAF_NORMAL : SHEAF_HIGH];
}

/* Count from the highest priority, which is 0. */
static unsigned rank(enum sheaf_priority priority)
{
	return priority == SHEAF_HIGH ? 0 : priority == SHEAF_NORMAL ? 1 : 2;
}

static bool claim_of(struct member *member, enum sheaf_priority priority, bool announced, struct claim *claim)
{
	const struct ring *ring = &member->segment->rings[priority];

	if (priority == SHEAF_NORMAL ? !claim_normal(member, announced, claim)
				     : (!announced && ring_seems_empty(ring)) || !claim_oldest(member, priority, claim))
		return false;
	member->turns++;
	member->priority = priority;
	/*
	 * A task that was handed back may have stood in the way of submitters, and no longer does.
	 */
	room_ring(member->segment);
	return true;
}

bool turn_claim(struct member *member, bool announced, struct claim *claim)
{
	const enum sheaf_priority *order = order_of(member);

	for (unsigned i = 0; i < PRIORITIES; i++)
		if (claim_of(member, order[i], announced, claim))
			return true;
	return false;
}

bool turn_claim_higher(struct member *member, struct claim *claim)
{
	const enum sheaf_priority *order = order_of(member), own = member->priority;

	if (order[0] == own)
		member->turns++;
	for (unsigned i = 0; order[i] != own; i++)
		if (rank(order[i]) < rank(own) && claim_of(member, order[i], false, claim))
			return true;
	return false;
}
