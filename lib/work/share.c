/*
 * share.c - walks along the chunks of a dense batch.
 *
 * Writers           A share's front: the worker of that share. Its back: members that steal.
 *                   inside: bit w by worker w, and of a dead worker the supervisor, which clears
 *                   it.
 * Way               Each share has a contiguous range of chunks, which its worker claims from the
 *                   front. Then it steals from the other ranges, at their backs, several chunks at
 *                   a time if they are short. Hints tell where claimed chunks lie, so that nobody
 *                   walks over them. A worker whose invitation went through a death tries every
 *                   chunk instead, because only then a hint may be wrong.
 * Deaths            The invitation stays OWNED until the worker leaves. So a dead worker's chunks
 *                   always have a worker that is invited to them.
 */
#include "work/share.h"

#include "base/atomic.h"
#include "base/guard.h"
#include "queue/bell.h"
#include "work/chunk.h"
#include "work/function.h"
#include "work/held.h"

/*
 * Set up a walk, field by field. What a task or the text of its failure needs is set when that
 * begins, and not cleared before.
 */
static void begin_walk(struct walk *walk, struct member *member, struct shared_batch *batch, bool opener)
{
	walk->member = member;
	walk->batch = batch;
	walk->seat = member->seat;
	walk->opener = opener;
	walk->words = segment_at(member->segment, batch->words);
	walk->fn = function_of(member->segment, batch->function);
	walk->claimant = member->claimant;
	walk->items = member->forks_private ? member->forks_private : &walk->own_items;
	walk->items->cursor = member->at_once ? &walk->aside : &member->seat->cursor;
	walk->chunk = NO_CHUNK;
	walk->next.slot = NULL;
	walk->leaves = false;
	walk->hides = false;
	walk->block = 1;
	walk->unclocked = 0;
	walk->task.shared = batch;
	walk->task.member = member;
	walk->task.batch = batch;
	walk->task.of_map = true;
	walk->task.data = 0;
	walk->task.text_size = 0;
}

/* Is there no use in beginning another chunk? */
static bool is_cancelled(const struct shared_control *control, const struct shared_batch *batch)
{
	/* Relaxed, both: a chunk more or less does not matter, because the member that cancels
	 * waits for this slot. */
	return BATCH_STATE(load_relaxed(&batch->word)) != BATCH_OPEN || load_relaxed(&control->state) > POOL_FINISHED;
}

/*
 * Has the pool ended, or is the batch to be left? Not inlined, because mostly there is nothing to
 * heed.
 */
__attribute__((noinline)) static bool must_leave(struct walk *walk)
{
	/* Relaxed: as above. */
	return load_relaxed(&walk->member->segment->control->state) > POOL_FINISHED || walk_is_left(walk);
}

/* Is there use in beginning another chunk? Relaxed, both: as above. */
static inline bool goes_on(struct walk *walk, const struct shared_control *control, const struct shared_batch *batch)
{
	return BATCH_STATE(load_relaxed(&batch->word)) == BATCH_OPEN && (!load_relaxed(&control->heed) || !must_leave(walk));
}

static struct shared_hint *hint_of(const struct walk *walk, uint64_t share)
{
	return (struct shared_hint *)segment_at(walk->member->segment, walk->batch->hints) + share;
}

static uint64_t range_begin(const struct walk *walk, uint64_t share)
{
	return cut_range(walk->batch->chunks, walk->batch->shares, share);
}

/* Relaxed, all: hints. */
static void walk_own_range(struct walk *walk, uint64_t share)
{
	const struct shared_control *control = walk->member->segment->control;
	const struct shared_batch *batch = walk->batch;
	struct shared_hint *hint = hint_of(walk, share);
	uint64_t end = range_begin(walk, share + 1);

	for (uint64_t c = load_relaxed(&hint->front); c < end && goes_on(walk, control, batch); c++) {
		if (c >= load_relaxed(&hint->back))
			break;
		store_relaxed(&hint->front, c + 1);
		chunk_try(walk, c);
	}
}

/*
 * Choose how many of @left chunks to steal at once: as many as take no longer than a block, and at
 * most half. Each move of the hint takes its line, and that of the chunks' words, from the share's
 * worker.
 */
static uint64_t steal_most(const struct walk *walk, uint64_t left)
{
	/* Only a wild write makes chunks of no positions. */
	uint64_t half = left - left / 2, size = walk->batch->chunk, brief = size && size < walk->block ? walk->block / size : 1;

	return brief < half ? brief : half;
}

/*
 * Steal from a share. Relaxed, all: hints. Not inlined, because the walk along the own range would
 * need more registers.
 */
__attribute__((noinline)) static void steal(struct walk *walk, uint64_t share)
{
	const struct shared_control *control = walk->member->segment->control;
	struct shared_hint *hint = hint_of(walk, share);

	while (goes_on(walk, control, walk->batch)) {
		uint64_t back = load_relaxed(&hint->back), front = load_relaxed(&hint->front), c, end;

		if (back <= front)
			break;
		/* A wild write: there are no such chunks. */
		if (back > walk->batch->chunks)
			break;
		end = back - steal_most(walk, back - front);
		if (!cas_relaxed(&hint->back, &back, end))
			continue;
		/* The member that moves the hint tries the chunks, or lets the next one do it. */
		for (c = back; c > end && !walk_was_left(walk) && !is_cancelled(control, walk->batch);)
			chunk_try(walk, --c);
		walk->hides |= c > end;
	}
}

static void walk_share(struct walk *walk, uint64_t share)
{
	const struct shared_control *control = walk->member->segment->control;
	uint64_t chunks = walk->batch->chunks, first = range_begin(walk, share);

	for (uint64_t i = 0; chunks <= FEW_CHUNKS && i < chunks && goes_on(walk, control, walk->batch); i++)
		chunk_try(walk, first + i < chunks ? first + i : first + i - chunks);
	if (chunks <= FEW_CHUNKS)
		return;
	walk_own_range(walk, share);
	for (uint64_t i = 1; i < walk->batch->shares; i++)
		steal(walk, (share + i) % walk->batch->shares);
}

static bool never_over(void *unused)
{
	(void)unused;
	return false;
}

/* Leave the batch. True: nobody is left inside. */
static bool leave_batch(struct walk *walk)
{
	struct shared_batch *batch = walk->batch;
	unsigned i = walk->member->number / 64;
	uint64_t bit = UINT64_C(1) << walk->member->number % 64;

	/* Seq_cst: of two that leave at once the second must see that nobody is left. It checks for
	 * the gatherer next. */
	if (fetch_and_seq_cst(&batch->inside[i], ~bit) != bit)
		return false;
	for (i = 0; i * 64 < walk->member->segment->worker_count; i++)
		if (load_seq_cst(&batch->inside[i]))
			return false;
	return true;
}

/*
 * Is the batch likely to need the worker that leaves it? A hint. What is left of one that was
 * cancelled is the gatherer's.
 */
static bool is_more_left(const struct walk *walk)
{
	/*
	 * Seq_cst, pairs with the CAS in cancel_batch(): either we see it, or its gatherer is rung
	 * after what we have left is READY.
	 */
	if (BATCH_STATE(load_seq_cst(&walk->batch->word)) != BATCH_OPEN)
		return false;
	/* Relaxed, all: if it is wrong, a gatherer is rung for nothing. */
	return word_state(load_relaxed(&walk->words[walk->chunk])) == WORD_READY ||
	       (walk->chunk + 1 < walk->batch->chunks && word_state(load_relaxed(&walk->words[walk->chunk + 1])) == WORD_READY);
}

/*
 * Hand the invitation back. If hints hide that chunks were left, as after a death, another attempt
 * counts, and the worker that claims the invitation tries every chunk.
 */
static void hand_back(struct walk *walk, struct shared_slot *slot, uint64_t word)
{
	const struct segment *segment = walk->member->segment;
	unsigned attempts = word_unpack(word).attempt - 1;

	if (!attempts && walk->hides)
		attempts = 1;
	ring_hand_back(ring_of_slot(segment, slot), slot, word, attempts);
	workers_ring(walk->member->segment);
}

/* Take part. @nested: inside the wait of a task, as run_slot() in call.c. */
__attribute__((always_inline)) static inline bool take_part(struct member *member, struct claim *claim, const bool nested)
{
	struct segment *segment = member->segment;
	struct shared_slot *slot = claim->slot;
	uint64_t word = claim->word;
	struct shared_batch *batch = task_batch(segment, slot);
	uint64_t share = load_relaxed(&slot->target); /* handed over by the word (RING1) */
	bool last = false;
	struct walk walk;

	/* Where the words of most batches are: under way while the batch's own lines come. */
	__builtin_prefetch(batch->table, 1);
	begin_walk(&walk, member, batch, nested && held_spares(member, batch));
	if (nested)
		walk.over = never_over;
	/* Only a wild write to the slot names a share that is not there. Its hints would lie in
	 * other words. */
	if (!is_cancelled(segment->control, batch) && share < batch->shares) {
		/* Relaxed: it is of an earlier batch, and the supervisor reads it only after this
		 * member's death. */
		store_relaxed(walk.items->cursor, CURSOR_NONE);
		if (nested)
			held_begin(member, 0, 0);
		else
			task_hold(walk.seat, 0, 0);
		/* Relaxed: a gatherer that does not see it yet reads the words. leave_batch() gets
		 * the newest value whatever the order. */
		fetch_or_relaxed(&batch->inside[member->number / 64], UINT64_C(1) << member->number % 64);
		if (word_unpack(word).attempt > 1) {
			for (uint64_t c = 0; c < batch->chunks && goes_on(&walk, segment->control, batch); c++)
				chunk_try(&walk, c);
		} else {
			walk_share(&walk, share);
		}
		last = leave_batch(&walk) && !(walk_was_left(&walk) && is_more_left(&walk));
	}
	member->clock_ns = 0;
	if (nested)
		held_end(member);
	if (walk_was_left(&walk))
		hand_back(&walk, slot, word);
	else
		task_release(slot, word);
	/* Only now, as in call_run(). */
	if (last)
		gatherer_ring(segment, batch, WAIT_ALL);
	room_ring(segment);
	*claim = walk.next;
	return claim->slot;
}

UNGUARDED bool share_run(struct member *member, struct claim *claim)
{
	return take_part(member, claim, false);
}

UNGUARDED void share_run_nested(struct member *member, struct claim *claim)
{
	(void)take_part(member, claim, true);
}

/* What the opener needs to walk along its own batch. */
struct helper {
	struct member member;    /* as which this thread runs tasks, in the opener's seat */
	struct shared_batch own; /* the private copy: all that is read of it is filled in */
	struct walk walk;
};

static void begin_help(struct helper *helper, struct member *opener, struct shared_batch *batch, const struct plan *plan,
		       uint64_t heap_id)
{
	struct shared_batch *own = &helper->own;

	member_sit(&helper->member, opener->segment, opener->number, opener->generation, opener->pid, NULL);
	helper->member.handle = opener;
	helper->member.service = opener->service;
	/* Relaxed, both: nobody else sees it. @over tells when the batch must end, and the only
	 * gatherer is the caller. */
	store_relaxed(&own->word, BATCH_OPEN);
	store_relaxed(&own->waiter, WAIT_NOTHING);
	own->kind = plan->kind;
	own->max_attempts = 0; /* without limit and attempts the clock is not read */
	own->flags = plan->user ? BATCH_HAS_USER : 0;
	own->user = plan->user;
	own->limit_ns = 0;
	own->shares = plan->shares;
	own->heap_id = heap_id;
	own->function = plan->function;
	own->in = plan->in;
	own->in_size = plan->in_size;
	own->out = plan->out;
	own->out_size = plan->out_size;
	own->n = plan->n;
	own->chunk = plan->chunk;
	own->chunks = plan->chunks;
	own->words = plan->words;
	own->hints = plan->hints;
	own->checked = plan->checked;
	own->context = plan->context;
	own->first = plan->first;
	begin_walk(&helper->walk, &helper->member, own, true);
	helper->walk.task.shared = batch;
}

void share_help(struct member *opener, struct shared_batch *batch, const struct plan *plan, uint64_t heap_id,
		bool (*over)(void *context), void *context)
{
	struct helper helper;

	begin_help(&helper, opener, batch, plan, heap_id);
	helper.walk.over = over;
	helper.walk.context = context;
	walk_share(&helper.walk, CALLERS_SHARE);
}

/* By the words alone: a hint that moved before the opener stops would hide a chunk. */
void share_help_beside(struct member *opener, struct shared_batch *batch, const struct plan *plan, uint64_t heap_id,
		       bool (*over)(void *context), void *context, uint64_t *left)
{
	struct helper helper;

	begin_help(&helper, opener, batch, plan, heap_id);
	helper.walk.over = never_over;
	while (*left && !over(context))
		chunk_try(&helper.walk, --*left);
}
