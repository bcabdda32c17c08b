/*
 * nest.h - nested work: a task that waits for a batch of its own, and its worker, which runs other
 * tasks meanwhile.
 *
 * A task gets a *handle* of its pool from sheaf_task_pool(): a member in the same seat as its
 * worker, with the same name. It opens batches by it, and as the handle the worker runs tasks while
 * the task waits. Such a task may get a handle in turn, so the handles of one worker are a chain.
 * docs/explanation/nested.md tells the rules and what a death leaves.
 */
#ifndef SHEAF_WORK_NEST_H
#define SHEAF_WORK_NEST_H

#include "member/member.h"
#include "queue/ring.h"
#include "work/turn.h"

/*
 * So many tasks that are no descendants of its own may a worker have on its stack. At the bound it
 * runs only descendants, and sleeps where there are none.
 */
#define NEST_OTHERS 8

/*
 * Claim a task of a batch that the handle has opened, in the span. Tasks that are better left to
 * other workers are passed over: those with a time limit, and those with which a worker has died.
 * If this worker died in one of them, the batch would go, and with it what is known of the death.
 */
bool nest_claim_own(const struct member *handle, const struct ring *ring, uint64_t ref, struct ring_span *span,
		    struct claim *claim);

/*
 * For the owner: claim a task of its own batch that nobody has begun, and that has no time limit;
 * and run it in the calling thread. What crashes there ends the owner.
 */
bool nest_claim_fresh(const struct member *owner, const struct ring *ring, uint64_t ref, struct ring_span *span,
		      struct claim *claim);
void nest_run_as_caller(struct member *owner, const struct claim *claim, struct region *region);

/* Which tasks of others. */
enum nest_others {
	NEST_LEFT, /* what another worker has left, so that it is run at all */
	NEST_ANY,
};

/* Claim a task of another batch, in that ring; NULL: in any, the highest priority first. */
bool nest_claim_other(const struct member *handle, enum nest_others which, const struct ring *ring, struct claim *claim);

/* The same from any ring, but for tasks that are left to others. @spared: out: there was one. */
bool nest_claim_safe(const struct member *handle, enum nest_others which, struct claim *claim, bool *spared);

/* Does a task in the ring wait that the handle has left to other workers? A hint. */
bool nest_has_left(const struct member *handle, const struct ring *ring);

/*
 * Only what is left to others. @lowest: and only what no worker of a lower number could take that
 * waits for results, too.
 */
bool nest_claim_left(const struct member *handle, bool lowest, struct claim *claim);

/* How far the tasks of a batch are. Hints. */
struct nest_state {
	bool runs;     /* a worker runs one just now, and does not wait in it */
	bool has_died; /* a worker has died with one */
};

/* Look at the slots of a ring that may hold tasks of this batch. */
struct nest_state nest_look(const struct segment *segment, const struct ring *ring, uint64_t ref, const struct ring_span *span);

/*
 * Run the task that was claimed for the handle, while the handle's own task waits.
 * @descendant: of that task.
 */
void nest_run(struct member *handle, struct claim *claim, bool descendant);

/*
 * Run a task, or take part in a dense batch, of the handle's own without the ring, which is full of
 * tasks that wait. @slot: filled in but for its word, in memory of the caller. A death in there is
 * charged to the handle's task.
 */
void nest_run_at_once(struct member *handle, struct shared_slot *slot);

/* May the handle's task, while it waits, run tasks that are no descendants? */
static inline bool nest_may_run_others(const struct member *handle)
{
	const struct segment *segment = handle->segment;

	/*
	 * Each such task may wait in turn, with a batch at each depth. Half of the batch slots are
	 * left to those that a worker has to run.
	 */
	if (segment_batches(segment) > segment->batch_count / 2)
		return false;
	/* Where deaths must be expected, as few tasks as possible are to run again. */
	if (handle->careful)
		return false;
	/* Relaxed, of its own seat: with a time limit, only what it waits for is worth the time. */
	return handle->others < NEST_OTHERS && !load_relaxed(&handle->seat->deadline);
}

#endif
