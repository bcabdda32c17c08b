/*
 * chunk.c - claims a chunk, runs its positions and publishes it.
 *
 * Who writes what   A chunk's word: READY -> OWNED -> DONE by members that take part. What a dead
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
#include "work/failure.h"

void chunks_init(struct segment *segment, const struct plan *plan)
{
	_Atomic uint64_t *words = segment_at(segment, plan->words);
	struct shared_hint *hints = segment_at(segment, plan->hints);

	/* Relaxed, because the invitations hand it over (RING1). */
	for (uint64_t c = 0; c < plan->chunks; c++)
		store_relaxed(&words[c], word_pack((struct word){.state = WORD_READY}));
	for (uint32_t s = 0; s < plan->shares && plan->chunks > FEW_CHUNKS; s++) {
		store_relaxed(&hints[s].front, cut_range(plan->chunks, plan->shares, s));
		store_relaxed(&hints[s].back, cut_range(plan->chunks, plan->shares, s + 1));
	}
}

/*
 * Tell that @count positions from @position on failed. Without memory for that the whole chunk is
 * marked, at once, because the member may die.
 */
__attribute__((noinline)) static void report_failure(struct walk *walk, uint64_t position, uint64_t count, int status)
{
	struct member *member = walk->member;
	struct shared_failure record = {
		.position = position,
		.count = count,
		.status = status,
		.exit_code = -1,
		.pid = member->pid,
		.attempts = walk->task.attempt,
		.worker = member->number,
		.text_size = walk->task.text_size,
	};
	uint64_t lost = walk->bits | (uint64_t)WORD_LOST << WORD_FLAGS_AT;

	if (!failure_push(member->segment, walk->batch->heap_id, walk->opener ? walk->openers : walk->batch,
			  member_region(member, walk->batch), &record, walk->task.text))
		return;
	/* Relaxed, because nobody else changes or reads the chunk until it is DONE. */
	cas_relaxed(&walk->words[walk->chunk], &walk->bits, lost);
	walk->bits = lost;
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
	store_relaxed(&walk->seat->cursor, position);
	walk->task.position = position;
	walk->task.attempt = attempt;
	walk->task.text_size = 0;
}

/*
 * Do what run_items() does with the time of each run, as long as that is wanted. Return how far it
 * came.
 */
__attribute__((noinline)) static uint64_t run_timed_items(struct walk *walk, uint64_t begin, uint64_t end, unsigned attempt,
							  const unsigned char *in, unsigned char *out)
{
	struct shared_batch *batch = walk->batch;
	uint64_t p = begin;

	for (; p < end && is_timed(batch, attempt); p++, attempt = 1) {
		int r;

		take_in_hand(walk, p, attempt);
		task_hold(walk->seat, sheaf_now_ns(), batch->limit_ns);
		r = ((sheaf_task_fn *)(uintptr_t)batch->function)(&walk->task, in ? in + p * batch->in_size : NULL,
								  out ? out + p * batch->out_size : NULL);
		task_returned(walk->forks);
		output_look(); /* the next one may be killed */
		task_hold(walk->seat, 0, 0);
		if (r)
			report_failure(walk, p, 1, task_status(&walk->task, r));
	}
	return p;
}

/*
 * Run positions [begin, end) of a map's chunk. The first is in its @attempt-th run, those behind in
 * their first.
 */
static void run_items(struct walk *walk, uint64_t begin, uint64_t end, unsigned attempt)
{
	struct shared_batch *batch = walk->batch;
	struct items *items = walk->items;
	unsigned char *first_in = batch->in ? segment_at(walk->member->segment, batch->in) : NULL;
	unsigned char *first_out = batch->out ? segment_at(walk->member->segment, batch->out) : NULL;
	uint64_t p = begin;
	uintptr_t in, out; /* numbers, as NULL moves on by 0 like the others */

	if (is_timed(batch, attempt))
		p = run_timed_items(walk, begin, end, attempt, first_in, first_out);
	/* What no item changes is set once, and arrays that are not there have steps of 0: this
	 * loop is what a map costs. */
	items->in_step = first_in ? batch->in_size : 0;
	items->out_step = first_out ? batch->out_size : 0;
	items->fn = (sheaf_task_fn *)(uintptr_t)batch->function;
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
			task_returned(walk->forks);
			report_failure(walk, p, 1, task_status(&walk->task, r));
			walk->task.text_size = 0;
		}
	}
	task_returned(walk->forks);
}

/*
 * Run a range function's chunk. Not inlined, because chunk_try() would save its registers for each
 * chunk of a map.
 */
__attribute__((noinline)) static void run_range(struct walk *walk, uint64_t begin, uint64_t end, struct word w)
{
	struct shared_batch *batch = walk->batch;
	sheaf_range_fn *fn = (sheaf_range_fn *)(uintptr_t)batch->function;
	void *context = batch->in ? segment_at(walk->member->segment, batch->in) : NULL;
	bool singly = w.attempt > 1 || w.flags & WORD_WIDE;
	unsigned attempt = w.attempt;

	for (uint64_t p = begin; p < end; p = singly ? p + 1 : end) {
		uint64_t to = singly ? p + 1 : end;
		bool clocked = is_timed(batch, attempt);
		int r;

		take_in_hand(walk, p, attempt);
		if (clocked)
			task_hold(walk->seat, sheaf_now_ns(), batch->limit_ns);
		r = fn(&walk->task, p, to, context);
		task_returned(walk->forks);
		if (clocked)
			task_hold(walk->seat, 0, 0);
		if (r)
			report_failure(walk, p, to - p, task_status(&walk->task, r));
		attempt = w.flags & WORD_WIDE ? w.attempt : 1;
	}
}

/*
 * May the opener run this READY chunk? Only if nobody has begun it. Not inlined, because what it
 * needs would take registers from the workers.
 */
__attribute__((noinline)) static bool is_openers_turn(const struct walk *walk, uint64_t bits)
{
	return bits == word_pack((struct word){.state = WORD_READY}) && !walk->over(walk->context);
}

UNGUARDED void chunk_try(struct walk *walk, uint64_t c)
{
	struct shared_batch *batch = walk->batch;
	/* Relaxed, because the CAS decides. */
	uint64_t bits = load_relaxed(&walk->words[c]), begin, end;
	struct word w;

	if (word_state(bits) != WORD_READY)
		return;
	w = word_unpack(bits);
	if (walk->opener && !is_openers_turn(walk, bits))
		return;
	walk->bits = word_claim(bits, walk->claimant);
	w.attempt++;
	/* CHUNK1: without it a range function could read too early what was done of the chunk
	 * before. */
	if (!cas_acquire(&walk->words[c], &bits, walk->bits))
		return;
	walk->chunk = c;
	begin = cut_begin(batch->chunk, c);
	end = cut_end(batch->n, batch->chunk, c);
	begin += w.payload;
	if (batch->kind == KIND_MAP)
		run_items(walk, begin, end, w.attempt);
	else
		run_range(walk, begin, end, w);

	bits = walk->bits;
	/* CHUNK2: without it a gatherer would read results too early. Seq_cst, because the member
	 * checks for a gatherer next. */
	cas_seq_cst(&walk->words[c], &bits, word_done(bits));
	gatherer_ring(batch, WAIT_CHUNK(c));
	/* Relaxed: a sign of progress, written by this member alone. */
	store_relaxed(&walk->seat->completed, load_relaxed(&walk->seat->completed) + 1);
}
