/*
 * nest.c - chooses tasks for a worker whose task waits, and runs them inside of that wait.
 *
 * Writers           As the worker of any task (call.c, share.c), and its seat as held.c says.
 * Deaths            Of the worker: what it had claimed goes back to the ring, and what its tasks
 *                   had opened is freed (recover.c, orphans.c).
 */
#include "work/nest.h"

#include "base/atomic.h"
#include "segment/mappings.h"
#include "work/call.h"
#include "work/held.h"
#include "work/share.h"

#include <string.h>

/* ---- which tasks ---- */

static const struct shared_batch *batch_of_slot(const struct segment *segment, const struct shared_slot *slot)
{
	/* Relaxed: handed over by the word (RING1), and the claim tells whether it still is. */
	uint32_t index = BATCH_INDEX(load_relaxed(&slot->batch));

	return index < segment_batches(segment) ? &segment->batches[index] : NULL;
}

/* Does the opener of this task leave it to other workers? */
static bool is_left(uint64_t word)
{
	struct word w = word_unpack(word);

	return w.flags & WORD_LEFT || w.attempt;
}

struct own {
	uint64_t ref;
	bool all;
};

static bool is_own(const void *context, const struct shared_slot *slot, uint64_t word)
{
	const struct own *own = context;

	/* Relaxed: handed over by the word. */
	return load_relaxed(&slot->batch) == own->ref && (own->all || !is_left(word));
}

bool nest_claim_own(const struct member *handle, const struct ring *ring, uint64_t ref, struct ring_span *span,
		    struct claim *claim)
{
	struct own own = {.ref = ref, .all = !held_has_others(handle->segment)};

	return !ring_claim_where(ring, handle->claimant, span, is_own, &own, &claim->slot, &claim->word);
}

bool nest_claim_fresh(const struct member *owner, const struct ring *ring, uint64_t ref, struct ring_span *span,
		      struct claim *claim)
{
	struct own own = {.ref = ref};

	return !ring_claim_where(ring, owner->claimant, span, is_own, &own, &claim->slot, &claim->word);
}

void nest_run_as_caller(struct member *owner, const struct claim *claim, struct region *region)
{
	struct member_scope before = member_run_tasks_of(owner->segment);
	struct member member; /* as which this thread runs tasks, in the owner's seat */

	member_sit(&member, owner->segment, owner->number, owner->generation, owner->pid, NULL);
	member.handle = owner;
	member.regions[0] = *region;
	call_run(&member, claim->slot, claim->word);
	*region = member.regions[0];
	member_end_tasks(before);
}

struct other {
	const struct member *handle;
	bool left_only;
	bool spare_left;
	bool *spared; /* a task was passed over that is left to others */
	bool lowest;  /* of those that are left, none that a lower worker could take */
};

/*
 * A worker is in a dense batch once at most, so that leaving it means that it has left. Relaxed:
 * its own bit, or a hint.
 */
static bool is_inside(const struct shared_batch *batch, unsigned seat, uint64_t word)
{
	return word_unpack(word).flags & WORD_SHARE && load_relaxed(&batch->inside[seat / 64]) >> seat % 64 & 1;
}

/* Could a worker of a lower number, which waits for results, take the task that @opener left? */
static bool is_for_lower(const struct member *handle, const struct shared_batch *batch, unsigned opener, uint64_t word)
{
	for (unsigned seat = 0; seat < handle->number; seat++) {
		/* Relaxed: a hint. */
		uint32_t awaits = load_relaxed(&handle->segment->seats[seat].awaits);

		if (awaits && awaits != AWAITS_OTHERS && seat != opener && !is_inside(batch, seat, word))
			return true;
	}
	return false;
}

static bool is_others(const void *context, const struct shared_slot *slot, uint64_t word)
{
	const struct other *other = context;
	const struct member *handle = other->handle;
	const struct shared_batch *batch = batch_of_slot(handle->segment, slot);
	unsigned opener;
	bool left;

	if (!batch)
		return false;
	/*
	 * The owner waits for its tasks without taking a worker, so none has to run them. Relaxed:
	 * the same as long as the slot names the batch.
	 */
	opener = (load_relaxed(&batch->opener) - 1) & SEAT_MASK;
	left = is_left(word) && opener < handle->segment->worker_count;
	if (left ? held_spares(handle, batch) : other->left_only)
		return false;
	if (left && other->spare_left) {
		*other->spared = true;
		return false;
	}
	if (left && other->lowest && is_for_lower(handle, batch, opener, word))
		return false;
	return !is_inside(batch, handle->number, word);
}

static bool claim_other_of(const struct ring *ring, const struct other *other, struct claim *claim)
{
	struct ring_span span = ring_span(ring);

	return !ring_claim_where(ring, other->handle->claimant, &span, is_others, other, &claim->slot, &claim->word);
}

static bool claim_other(const struct other *other, const struct ring *ring, struct claim *claim)
{
	static const enum sheaf_priority order[PRIORITIES] = {SHEAF_HIGH, SHEAF_NORMAL, SHEAF_LOW};
	const struct segment *segment = other->handle->segment;

	if (ring)
		return claim_other_of(ring, other, claim);
	/* Seq_cst, pairs with segment_heed(), as in claim_task(): it has announced its sleep. */
	if (!heeds_rings(load_seq_cst(&segment->control->heed)))
		return claim_other_of(&segment->rings[SHEAF_NORMAL], other, claim);
	for (unsigned i = 0; i < PRIORITIES; i++)
		if (claim_other_of(&segment->rings[order[i]], other, claim))
			return true;
	return false;
}

bool nest_claim_other(const struct member *handle, enum nest_others which, const struct ring *ring, struct claim *claim)
{
	return claim_other(&(struct other){.handle = handle, .left_only = which == NEST_LEFT}, ring, claim);
}

bool nest_claim_left(const struct member *handle, bool lowest, struct claim *claim)
{
	return claim_other(&(struct other){.handle = handle, .left_only = true, .lowest = lowest}, NULL, claim);
}

bool nest_claim_safe(const struct member *handle, enum nest_others which, struct claim *claim, bool *spared)
{
	struct other other = {.handle = handle, .left_only = which == NEST_LEFT, .spare_left = true, .spared = spared};

	*spared = false;
	return claim_other(&other, NULL, claim);
}

bool nest_has_left(const struct member *handle, const struct ring *ring)
{
	for (uint32_t i = 0; i < ring->size; i++) {
		/* Relaxed: a hint. */
		uint64_t word = load_relaxed(&ring->slots[i].word);
		const struct shared_batch *batch = batch_of_slot(handle->segment, &ring->slots[i]);

		if (word_state(word) == WORD_READY && is_left(word) && batch && held_spares(handle, batch))
			return true;
	}
	return false;
}

struct nest_state nest_look(const struct segment *segment, const struct ring *ring, uint64_t ref, const struct ring_span *span)
{
	struct nest_state state = {0};

	/* Relaxed, all: hints, for a member that looks again soon. */
	for (uint64_t i = 0; i < span->count; i++) {
		const struct shared_slot *slot = &ring->slots[(span->ticket + i) & (ring->size - 1)];
		struct word w = word_unpack(load_relaxed(&slot->word));
		const struct shared_seat *seat = &segment->seats[w.seat];

		if ((w.state != WORD_READY && w.state != WORD_OWNED) || load_relaxed(&slot->batch) != ref)
			continue;
		if (w.attempt > (w.state == WORD_OWNED))
			state.has_died = true;
		if (w.state == WORD_OWNED && w.seat < segment->worker_count &&
		    load_relaxed(&seat->hand) == segment_offset(segment, slot) && !load_relaxed(&seat->awaits))
			state.runs = true;
	}
	return state;
}

/*
 * @hand: what the seat tells of it. @priority: of its batch, which those that it opens inherit.
 * @others: it is no descendant of the task that waits.
 */
static void run_inside(struct member *handle, struct claim *claim, uint64_t hand, enum sheaf_priority priority, bool others)
{
	enum sheaf_priority before = handle->priority;
	uint64_t paused = 0;
	struct held held;

	held_save(&held, handle);
	if (others)
		paused = held_pause(&held, handle->seat);
	handle->outer = &held;
	handle->thread = pthread_self();
	handle->forks = MEMBER_BUSY;
	handle->clock_ns = 0;
	handle->priority = priority;
	if (held.deadline)
		held_limit(handle->seat, &held);
	/* Relaxed, because the supervisor reads it after the death. */
	store_relaxed(&handle->seat->hand, hand);
	mappings_follow((struct segment *)handle->segment);
	if (claim->slot->kind == TASK_SHARE)
		share_run_nested(handle, claim);
	else
		call_run_nested(handle, claim->slot, claim->word);
	held_resume(&held, handle->seat, paused);
	handle->priority = before;
	handle->forks = handle->made;
	handle->outer = NULL;
	if (handle->forks_private)
		memcpy(handle->forks_private, held.items, sizeof(held.items));
}

void nest_run(struct member *handle, struct claim *claim, bool descendant)
{
	const struct segment *segment = handle->segment;

	handle->others += !descendant;
	run_inside(handle, claim, segment_offset(segment, claim->slot),
		   (enum sheaf_priority)(ring_of_slot(segment, claim->slot) - segment->rings), !descendant);
	handle->others -= !descendant;
}

void nest_run_at_once(struct member *handle, struct shared_slot *slot)
{
	struct claim claim = {.slot = slot, .word = word_claim(WORD_READY, handle->claimant)};

	/* Relaxed, all: nobody else sees the slot. Its hand stays that of the task that waits. */
	store_relaxed(&slot->word, claim.word);
	handle->at_once = true;
	run_inside(handle, &claim, load_relaxed(&handle->seat->hand), handle->priority, false);
	handle->at_once = false;
}
