/*
 * nest.c - chooses tasks for a worker whose task waits, and runs them inside of that wait.
 *
 * Who writes what   As the worker of any task (call.c, share.c), and its seat as held.c says.
 * Deaths            Of the worker: what it had claimed goes back to the ring, and what its tasks
 *                   had opened is freed (recover.c, orphans.c).
 */
#include "work/nest.h"

#include "base/atomic.h"
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

bool nest_claim_own(const struct member *handle, uint64_t ref, struct ring_span *span, struct shared_slot **slot,
		    uint64_t *word)
{
	struct own own = {.ref = ref, .all = !held_has_others(handle->segment)};

	return !ring_claim_where(&handle->segment->ring, handle->claimant, span, is_own, &own, slot, word);
}

struct other {
	const struct member *handle;
	bool left_only;
};

static bool is_others(const void *context, const struct shared_slot *slot, uint64_t word)
{
	const struct other *other = context;
	const struct member *handle = other->handle;
	const struct shared_batch *batch = batch_of_slot(handle->segment, slot);
	bool left;

	if (!batch)
		return false;
	left = is_left(word);
	if (left ? held_spares(handle, batch) : other->left_only)
		return false;
	/*
	 * A worker is in a dense batch once at most, so that leaving it means that it has left.
	 * Relaxed: its own bit.
	 */
	return !(word_unpack(word).flags & WORD_SHARE) ||
	       !(load_relaxed(&batch->inside[handle->number / 64]) >> handle->number % 64 & 1);
}

bool nest_claim_other(const struct member *handle, enum nest_others which, struct shared_slot **slot, uint64_t *word)
{
	struct other other = {.handle = handle, .left_only = which == NEST_LEFT};
	struct ring_span span = ring_span(&handle->segment->ring);

	return !ring_claim_where(&handle->segment->ring, handle->claimant, &span, is_others, &other, slot, word);
}

/* @hand: what the seat tells of it. */
static void run_inside(struct member *handle, struct shared_slot *slot, uint64_t word, uint64_t hand)
{
	struct held held;

	held_save(&held, handle);
	handle->outer = &held;
	handle->thread = pthread_self();
	handle->forks = MEMBER_BUSY;
	handle->clock_ns = 0;
	if (held.deadline)
		held_limit(handle->seat, &held);
	/* Relaxed, because the supervisor reads it after the death. */
	store_relaxed(&handle->seat->hand, hand);
	if (slot->kind == TASK_SHARE)
		share_run_nested(handle, slot, word);
	else
		call_run_nested(handle, slot, word);
	handle->forks = handle->made;
	handle->outer = NULL;
	if (handle->forks_private)
		memcpy(handle->forks_private, held.items, sizeof(held.items));
}

void nest_run(struct member *handle, struct shared_slot *slot, uint64_t word, bool descendant)
{
	handle->others += !descendant;
	run_inside(handle, slot, word, segment_offset(handle->segment, slot));
	handle->others -= !descendant;
}

void nest_run_at_once(struct member *handle, struct shared_slot *slot)
{
	uint64_t word = word_claim(WORD_READY, handle->claimant);

	/* Relaxed, all: nobody else sees the slot. Its hand stays that of the task that waits. */
	store_relaxed(&slot->word, word);
	run_inside(handle, slot, word, load_relaxed(&handle->seat->hand));
}
