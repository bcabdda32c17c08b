/*
 * chunk.c - claims a chunk, runs its positions and publishes it.
 *
 * Writers           A chunk's word: READY -> OWNED -> DONE by members that take part. What a dead
 *                   member left, the supervisor settles (settle.c). The cursor: the member, in its
 *                   own seat.
 * Invariant         A chunk is READY, OWNED by a member that is inside, or DONE. Of an OWNED chunk,
 *                   the positions from the word's payload to the owner's cursor are done.
 * Edges             CHUNK1  repair -> claim: hands over what was done of the chunk, and its failure
 *                   records. It begins in settle.c.
 *                   CHUNK2  publish -> gather: hands over the chunk's results. Its other end is in
 *                   batch/.
 * Deaths            While OWNED: the cursor tells the position in hand, and this position alone is
 *                   suspect. Positions that are done do not run again. A range function does not
 *                   tell how far it came. See blame.c.
 */
#include "work/chunk.h"

#include "base/atomic.h"
#include "base/guard.h"
#include "queue/bell.h"
#include "work/cancel.h"
#include "work/failure.h"
#include "work/held.h"

#define BLOCK_NS 20000  /* a block of items takes about so long */
#define MOST_ITEMS 2048 /* of a block, and of those that run without the clock after it */
#define UNCLOCKED 8     /* times as many as the block had */

void chunks_init(struct segment *segment, const struct plan *plan)
{
	_Atomic uint64_t *words = segment_at(segment, plan->words);
	struct shared_hint *hints = segment_at(segment, plan->hints);

	/* Relaxed, because the invitations hand it over (RING1). */
	for (uint64_t c = 0; c < plan->chunks; c++)
		store_relaxed(&words[c], CHUNK_FRESH);
	for (uint32_t s = 0; s < plan->shares && plan->chunks > FEW_CHUNKS; s++) {
		store_relaxed(&hints[s].front, cut_range(plan->chunks, plan->shares, s));
		store_relaxed(&hints[s].back, cut_range(plan->chunks, plan->shares, s + 1));
	}
}

/*
 * Tell that @count positions from @position on failed, with what they have left. Without memory for
 * that the whole chunk is marked, at once, because the member may die.
 */
__attribute__((noinline)) static void report_failure(struct walk *walk, uint64_t position, uint64_t count, int status)
{
	struct member *member = walk->member;
	struct sheaf_task *task = &walk->task;
	/* Another position may have told something, and have succeeded. */
	bool left = task->data && task->data_of == position;
	struct shared_failure record = {
		.position = position,
		.count = count,
		.status = status,
		.exit_code = -1,
		.pid = member->pid,
		.attempts = task->attempt,
		.worker = member->number,
		.text_size = task->text_size && task->text_of == position ? task->text_size : 0,
		.left = left ? task->data : 0,
		.left_size = left ? task->size : 0,
	};
	uint64_t lost = walk->bits | (uint64_t)WORD_LOST << WORD_FLAGS_AT;

	if (failure_push(member->segment, walk->batch->heap_id, task->shared, member_region(member, walk->batch->heap_id),
			 &record, task->text)) {
		/* Relaxed, because nobody else changes or reads the chunk until it is DONE. */
		cas_relaxed(&walk->words[walk->chunk], &walk->bits, lost);
		walk->bits = lost;
	}
	cancel_after_failure(walk->member->segment, task->shared);
}

/*
 * Is the time of this run wanted? It is if there is a limit, and after a death, so that the last
 * attempt can tell how long it took. All other items do without the clock.
 */
static bool is_timed(const struct shared_batch *batch, unsigned attempt)
{
	return batch->limit_ns || attempt > 1 || batch->max_attempts == 1;
}

/*
 * Note the position in hand before the task runs, so that a death names it. Relaxed, because the
 * supervisor reads it after the death, and a kill cuts the process's own order.
 */
static void take_in_hand(struct walk *walk, uint64_t position, unsigned attempt)
{
	store_relaxed(walk->items->cursor, position);
	walk->task.position = position;
	walk->task.attempt = attempt;
	walk->task.text_size = 0;
}

/*
 * Do what run_items() does with the time of each run, as long as that is wanted. Return how far it
 * came.
 */
__attribute__((noinline)) static uint64_t run_timed_items(struct walk *walk, uint64_t begin, uint64_t end, unsigned attempt)
{
	struct shared_batch *batch = walk->batch;
	const unsigned char *in = batch->in ? segment_at(walk->member->segment, batch->in) : NULL;
	unsigned char *out = batch->out ? segment_at(walk->member->segment, batch->out) : NULL;
	uint64_t p = begin;

	for (; p < end && is_timed(batch, attempt) && !position_is_cancelled(walk->task.shared, p); p++, attempt = 1) {
		int r;

		if (p > begin && walk_is_left(walk))
			break;
		take_in_hand(walk, p, attempt);
		held_begin(walk->member, sheaf_now_ns(), batch->limit_ns);
		r = ((sheaf_task_fn *)walk->fn)(&walk->task, in ? in + p * batch->in_size : NULL,
						out ? out + p * batch->out_size : NULL);
		task_returned(walk->member);
		output_look(); /* the next one may be killed */
		held_begin(walk->member, 0, 0);
		if (r)
			report_failure(walk, p, 1, task_status(&walk->task, r));
	}
	return p;
}

/*
 * Run positions [begin, end) of a map's chunk, all in their first run, and without the time of
 * each.
 */
__attribute__((always_inline)) static inline void run_items(struct walk *walk, uint64_t begin, uint64_t end)
{
	struct shared_batch *batch = walk->batch;
	struct items *items = walk->items;
	unsigned char *first_in = batch->in ? segment_at(walk->member->segment, batch->in) : NULL;
	unsigned char *first_out = batch->out ? segment_at(walk->member->segment, batch->out) : NULL;
	uint64_t p = begin;
	uintptr_t in, out; /* numbers, as NULL moves on by 0 like the others */

	/* What no item changes is set once, and arrays that are not there have steps of 0: this
	 * loop is what a map costs. */
	items->in_step = first_in ? batch->in_size : 0;
	items->out_step = first_out ? batch->out_size : 0;
	items->fn = (sheaf_task_fn *)walk->fn;
	items->end = end;
	in = (uintptr_t)first_in + p * items->in_step;
	out = (uintptr_t)first_out + p * items->out_step;
	walk->task.attempt = 1;
	walk->task.text_size = 0;
	for (; p < items->end; p++, in += items->in_step, out += items->out_step) {
		int r;

		/* Relaxed, and before the task runs: as in take_in_hand(). */
		store_relaxed(items->cursor, p);
		walk->task.position = p;
		r = items->fn(&walk->task, (const void *)in, (void *)out);
		if (r) {
			task_returned(walk->member);
			report_failure(walk, p, 1, task_status(&walk->task, r));
			walk->task.text_size = 0;
		}
	}
	task_returned(walk->member);
}

bool walk_is_left(struct walk *walk)
{
	/* Relaxed: a hint. */
	uint32_t heed = load_relaxed(&walk->member->segment->control->heed);

	if (!(heed & ~HEED_STATE) || walk->opener || walk->chunk == NO_CHUNK)
		return false;
	/* Inside the wait of a task it goes on: the higher task may take longer than that. */
	if (walk->member->outer)
		return false;
	if (walk_was_left(walk))
		return true;
	walk->leaves = !member_may_claim(walk->member, heed);
	return walk->leaves || (heeds_rings(heed) && turn_claim_higher(walk->member, &walk->next));
}

/* Choose how long the next block is, by the time that the last one took. */
__attribute__((noinline)) static void measure(struct walk *walk, uint64_t items)
{
	uint64_t now = sheaf_now_ns(), took = now - walk->block_ns;

	walk->block_ns = now;
	walk->block = took * MOST_ITEMS <= items * BLOCK_NS ? MOST_ITEMS : items * BLOCK_NS / took;
	if (!walk->block)
		walk->block = 1;
	walk->unclocked = walk->block < MOST_ITEMS / UNCLOCKED ? walk->block * UNCLOCKED : MOST_ITEMS;
}

/*
 * Run a range function's chunk. Return how far it came, as run_items(). Not inlined, because
 * chunk_try() would save its registers for each chunk of a map.
 */
__attribute__((noinline)) static uint64_t run_range(struct walk *walk, uint64_t begin, uint64_t end, struct word w)
{
	struct shared_batch *batch = walk->batch;
	sheaf_range_fn *fn = (sheaf_range_fn *)walk->fn;
	void *context = batch->in ? segment_at(walk->member->segment, batch->in) : NULL;
	bool singly = w.attempt > 1 || w.flags & WORD_WIDE;
	unsigned attempt = w.attempt;
	uint64_t p = begin;

	while (p < end && !position_is_cancelled(walk->task.shared, p)) {
		uint64_t to = singly ? p + 1 : end;
		bool clocked = is_timed(batch, attempt);
		int r;

		take_in_hand(walk, p, attempt);
		if (clocked)
			held_begin(walk->member, sheaf_now_ns(), batch->limit_ns);
		r = fn(&walk->task, p + batch->first, to + batch->first, context);
		task_returned(walk->member);
		if (clocked)
			held_begin(walk->member, 0, 0);
		if (r)
			report_failure(walk, p, to - p, task_status(&walk->task, r));
		attempt = w.flags & WORD_WIDE ? w.attempt : 1;
		p = to;
	}
	return p;
}

/*
 * May the opener run this READY chunk? Only if nobody has begun it. Not inlined, because what it
 * needs would take registers from the workers.
 */
__attribute__((noinline)) static bool is_openers_turn(const struct walk *walk, uint64_t bits)
{
	/* A mark says that the opener has cancelled its end, and nobody else is invited to it. */
	return (bits & ~((uint64_t)WORD_WIDE << WORD_FLAGS_AT)) == CHUNK_FRESH && !walk->over(walk->context);
}

/*
 * Run positions of a map's chunk, block by block. The first is in its @attempt-th run, those behind
 * in their first. Return how far it came: to the end, to a position that was cancelled, or to where
 * the walk is left.
 */
static uint64_t run_blocks(struct walk *walk, uint64_t begin, uint64_t end, unsigned attempt)
{
	uint64_t p = begin;

	if (is_timed(walk->batch, attempt))
		p = run_timed_items(walk, begin, end, attempt);
	walk->block_ns = sheaf_now_ns();
	for (;;) {
		/* Relaxed: a worker that does not see it yet runs one more block. */
		uint64_t stop = load_relaxed(&walk->task.shared->stop), to = stop < end ? stop : end;

		if (p >= to || position_is_cancelled(walk->task.shared, p) || (p > begin && walk_is_left(walk)))
			return p;
		if (to - p > walk->block)
			to = p + walk->block;
		run_items(walk, p, to);
		measure(walk, to - p);
		p = to;
	}
}

/* Return the word of a chunk whose positions before that number are done, and that is left. */
static uint64_t word_left(uint64_t bits, uint64_t first)
{
	struct word w = word_unpack(bits);

	return word_pack((struct word){.state = WORD_READY, .flags = w.flags, .payload = first});
}

/*
 * Run a chunk that is more than one block of a map's items, all in their first run. @ready: what
 * its word was. Return what its word becomes. Not inlined, because chunk_try() would need more
 * registers.
 */
__attribute__((noinline)) static uint64_t run_chunk(struct walk *walk, uint64_t c, uint64_t ready)
{
	struct shared_batch *batch = walk->batch;
	struct word w = word_unpack(ready);
	uint64_t first = cut_begin(batch->chunk, c), begin = first + w.payload, end = cut_end(batch->n, batch->chunk, c);
	/* Relaxed: a position that is cancelled just now may be begun all the same. */
	uint64_t stop = load_relaxed(&walk->task.shared->stop), to = stop >= end ? end : stop > begin ? stop : begin;

	w.attempt++;
	begin = batch->kind == KIND_MAP ? run_blocks(walk, begin, to, w.attempt) : run_range(walk, begin, to, w);
	if (begin == end)
		return word_done(walk->bits);
	if (!walk_was_left(walk))
		return cancel_cut(walk->bits, begin - first);
	walk->hides = true;
	return word_left(walk->bits, begin - first);
}

/*
 * May all items of the chunk run without the clock? They may if they are as short as those before,
 * of which a few at a time are not measured, and if none was cancelled.
 */
static inline bool is_block(struct walk *walk, uint64_t ready, uint64_t size)
{
	const struct shared_batch *batch = walk->batch;

	if (ready != CHUNK_FRESH || size > walk->unclocked || batch->kind != KIND_MAP || is_timed(batch, 1))
		return false;
	walk->unclocked -= size;
	return true;
}

/*
 * Publish a chunk that is over, or left. By what the walk has, because run_items() needs all
 * registers.
 */
static inline void publish_chunk(struct walk *walk, uint64_t done)
{
	uint64_t bits = walk->bits;

	/* CHUNK2: without it a gatherer would read results too early. Seq_cst, because the member
	 * checks for a gatherer next. */
	cas_seq_cst(&walk->words[walk->chunk], &bits, done);
	gatherer_ring(walk->member->segment, walk->batch, WAIT_CHUNK(walk->chunk));
	/* Relaxed: a sign of progress, written by this member alone. */
	store_relaxed(&walk->seat->completed, load_relaxed(&walk->seat->completed) + 1);
}

UNGUARDED void chunk_try(struct walk *walk, uint64_t c)
{
	/* Relaxed, because the CAS decides. */
	uint64_t bits = load_relaxed(&walk->words[c]), begin, end;

	/* Again if the opener has marked the chunk meanwhile, which is READY all the same. */
	do {
		if (word_state(bits) != WORD_READY)
			return;
		if (walk->opener && !is_openers_turn(walk, bits))
			return;
		walk->bits = word_claim(bits, walk->claimant);
		/* CHUNK1: without it a range function could read too early what was done of the
		 * chunk before. */
	} while (!cas_acquire(&walk->words[c], &bits, walk->bits));
	walk->chunk = c;
	begin = cut_begin(walk->batch->chunk, c);
	end = cut_end(walk->batch->n, walk->batch->chunk, c);
	if (!is_block(walk, bits, end - begin)) {
		publish_chunk(walk, run_chunk(walk, c, bits));
		return;
	}
	run_items(walk, begin, end);
	publish_chunk(walk, word_done(walk->bits));
}
