/*
 * view_dense.c - gathers dense batches: which chunk is next, and which of its positions failed.
 *
 * A chunk that is taken becomes an open span, and its positions are handed out from there. At most
 * two are open: one that sheaf_next() has begun, below all chunks that are not taken, and one that
 * sheaf_next_done() has begun, while none was open.
 *
 * Writers           The marks `inside`, of workers in the batch: those workers; the gatherer, once
 *                   it knows that none is left.
 * Edges             The end of CHUNK2 (chunk.c): an acquire load that finds a chunk DONE sees its
 *                   results and its failure records.
 * Deaths            Of a worker: its chunk is not DONE until the supervisor or another worker has
 *                   settled it.
 */
#include "batch/view_dense.h"

#include "base/atomic.h"
#include "base/error.h"
#include "base/guard.h"
#include "batch/await.h"
#include "batch/withdraw.h"
#include "work/failure.h"
#include "batch/failures.h"
#include "batch/message.h"

#include <errno.h>
#include <stdlib.h>

/* ---- chunks ---- */

static uint64_t chunk_word(const struct sheaf_batch *batch, uint64_t c)
{
	const _Atomic uint64_t *words = segment_at(batch->segment, batch->plan.words);

	/*
	 * CHUNK2. Seq_cst: else a gatherer that has announced itself could read here what was
	 * before, and then sleep (BELL1).
	 */
	return load_seq_cst(&words[c]);
}

static bool is_chunk_done(const struct sheaf_batch *batch, uint64_t c)
{
	uint64_t bits = chunk_word(batch, c);

	if (word_state(bits) == WORD_DONE)
		return true;
	return word_state(bits) == WORD_READY && withdraw_chunk(batch, c, bits);
}

static bool are_chunks_done(struct sheaf_batch *batch)
{
	struct dense_state *state = &batch->dense;

	while (state->done < batch->plan.chunks && is_chunk_done(batch, state->done))
		state->done++;
	return state->done == batch->plan.chunks;
}

/* Is a worker in the batch? Then it is too early to check the words. A hint. */
static bool is_busy(const struct sheaf_batch *batch)
{
	/*
	 * A spinning gatherer leaves the words alone that workers write. Seq_cst: it is part of the
	 * last check before a sleep.
	 */
	for (unsigned i = 0; i * 64 < batch->segment->worker_count; i++)
		if (load_seq_cst(&batch->shared->inside[i]))
			return true;
	return false;
}

/* Forget that workers are in the batch, because it is known that none is. */
static void forget_inside(struct sheaf_batch *batch)
{
	/* Relaxed: for the next batch in the slot, whose invitations hand it over. */
	for (unsigned i = 0; i * 64 < batch->segment->worker_count; i++)
		store_relaxed(&batch->shared->inside[i], 0);
}

static struct span span_of(const struct sheaf_batch *batch, uint64_t c)
{
	const struct plan *plan = &batch->plan;

	return (struct span){.at = cut_begin(plan->chunk, c), .end = cut_end(plan->n, plan->chunk, c)};
}

/* ---- results ---- */

/* Fill in the result of a position without a failure record. @w: the word of its chunk. */
static void fill_success(const struct sheaf_batch *batch, struct word w, sheaf_result *result)
{
	const struct segment *segment = batch->segment;
	const struct plan *plan = &batch->plan;

	if (w.flags & WORD_LOST) {
		result->status = -ENOMEM;
		result->message = "some positions of this chunk failed, and the segment had no memory left to tell which";
		return;
	}
	/*
	 * The worker's pid is known while the seat is of the generation that ran the chunk.
	 * Relaxed: a fact for people.
	 */
	if (w.seat < segment->worker_count &&
	    (load_relaxed(&segment->seats[w.seat].generation) & GENERATION_MASK) == w.generation) {
		int32_t pid = load_relaxed(&segment->seats[w.seat].pid);

		result->pid = pid > 0 ? pid : 0;
	}
	if (plan->chunk == 1)
		result->attempts = w.attempt;
	if (plan->out) {
		result->data = segment_at(segment, plan->out + result->position * plan->out_size);
		result->size = plan->out_size;
	}
}

/* Fill in the result of a position whose chunk is DONE. */
UNGUARDED static int dense_result(struct sheaf_batch *batch, uint64_t position, sheaf_result *result)
{
	uint64_t bits = chunk_word(batch, position / batch->plan.chunk);
	struct word w = word_unpack(bits);
	struct failed *failed;
	int r = failures_refresh(batch);

	if (r)
		return r;
	*result = (sheaf_result){
		.position = position, .exit_code = -1, .attempts = 1, .worker = failures_worker(batch, w.seat), .message = ""};
	failed = batch->dense.failure_count ? failures_find(batch, position) : NULL;
	if (failed)
		return failures_fill(batch, failed, result);
	if (word_is_cut(bits) && position % batch->plan.chunk >= w.payload) {
		result->status = -ECANCELED;
		result->attempts = 0;
		result->worker = -1;
		result->message = MESSAGE_CANCELLED;
		return 0;
	}
	fill_success(batch, w, result);
	return 0;
}

/*
 * Count the positions that failed, of a batch that is all done. Find the lowest, but one that was
 * cancelled only if all were. -ENOMEM, -EBADMSG.
 */
static int count_failures(struct sheaf_batch *batch, uint64_t *lowest, uint64_t *count)
{
	struct dense_state *state = &batch->dense;
	const struct plan *plan = &batch->plan;
	uint64_t least = UINT64_MAX, least_cut = UINT64_MAX, total = 0;
	int r = failures_list(batch); /* anew, because some may be void by now */

	if (r)
		return r;
	for (size_t i = 0; i < state->failure_count; i++) {
		const struct shared_failure *record = failure_at(batch->segment, state->failures[i].offset);
		uint64_t *lowest_of = record && record->status == -ECANCELED ? &least_cut : &least;

		if (state->failures[i].position < *lowest_of)
			*lowest_of = state->failures[i].position;
		total += state->failures[i].count;
	}
	for (uint64_t c = 0; c < plan->chunks; c++) {
		struct span span = span_of(batch, c);
		uint64_t bits = chunk_word(batch, c);
		struct word w = word_unpack(bits);

		/* Every position of a LOST chunk counts, also those that have a record. */
		if (!(w.flags & WORD_LOST) && !word_is_cut(bits))
			continue;
		if (w.flags & WORD_LOST && span.at < least)
			least = span.at;
		if (!(w.flags & WORD_LOST))
			span.at += w.payload;
		if (span.at < least_cut)
			least_cut = span.at;
		total += failures_untold(batch, span);
	}
	*lowest = least != UINT64_MAX ? least : least_cut;
	*count = total;
	return 0;
}

UNGUARDED int dense_first_failure(struct sheaf_batch *batch, sheaf_result *result, uint64_t *failed)
{
	uint64_t lowest;
	int r = count_failures(batch, &lowest, failed);

	return r || !*failed ? r : dense_result(batch, lowest, result);
}

/* ---- all ---- */

static bool is_all_done(void *context)
{
	const struct await *await = context;
	struct sheaf_batch *batch = await->batch;

	return (batch->plan.chunks <= FEW_CHUNKS || !is_busy(batch)) && are_chunks_done(batch);
}

UNGUARDED static int dense_wait_all(struct sheaf_batch *batch, uint64_t deadline_ns, unsigned heard)
{
	struct await wait = {.batch = batch, .ready = is_all_done, .next.what = WAIT_ALL, .heard = heard};
	int r;

	if (are_chunks_done(batch))
		return 0;
	if (!(r = await_ready(&wait, deadline_ns)) || !are_chunks_done(batch))
		return r;
	/*
	 * Workers that were killed at the end of the pool stay inside, and so do those that a wild
	 * task has put there.
	 */
	if (r == -EBADMSG)
		forget_inside(batch);
	return 0;
}

static uint64_t dense_count(const struct sheaf_batch *batch)
{
	return batch->plan.n;
}

static uint64_t dense_open(const struct sheaf_batch *batch)
{
	return batch->plan.chunks - batch->dense.done;
}

static int dense_sort(const struct sheaf_batch *batch, uint64_t **positions)
{
	(void)batch;
	*positions = NULL;
	return 0;
}

static uint64_t dense_missing(struct sheaf_batch *batch)
{
	for (uint64_t c = 0; c < batch->plan.chunks; c++)
		if (!is_chunk_done(batch, c))
			return span_of(batch, c).at;
	return 0;
}

/* ---- one by one ---- */

static bool is_open(const struct span *span)
{
	return span->at < span->end;
}

/* Find the open span with the lowest positions, or NULL. */
static struct span *lowest_open(struct dense_state *state)
{
	struct span *a = &state->open[0], *b = &state->open[1];

	if (!is_open(b) || (is_open(a) && a->at < b->at))
		return is_open(a) ? a : NULL;
	return b;
}

/* Take a chunk that is done: it becomes an open span. */
static struct span *take_chunk(struct sheaf_batch *batch, uint64_t c)
{
	struct span *open = &batch->dense.open[is_open(&batch->dense.open[0])];

	batch->dense.taken[c] = true;
	*open = span_of(batch, c);
	return open;
}

/* Make sure that there are marks for chunks. 0; -ENOMEM with its message. */
static int make_marks(struct sheaf_batch *batch)
{
	struct dense_state *state = &batch->dense;

	if (state->taken || !batch->plan.chunks)
		return 0;
	state->taken = calloc((size_t)batch->plan.chunks, sizeof(*state->taken));
	return state->taken ? 0 : sheaf_fail(-ENOMEM, "no memory to gather a map");
}

/* Find the lowest chunk that is not taken. False: there is none. */
static bool lowest_chunk(struct sheaf_batch *batch, uint64_t *chunk)
{
	struct dense_state *state = &batch->dense;

	while (state->next_chunk < batch->plan.chunks && state->taken[state->next_chunk])
		state->next_chunk++;
	*chunk = state->next_chunk;
	return state->next_chunk < batch->plan.chunks;
}

/* Find a chunk that is done and not taken. */
static bool any_done_chunk(struct sheaf_batch *batch, uint64_t *chunk)
{
	struct dense_state *state = &batch->dense;
	uint64_t chunks = batch->plan.chunks;

	for (uint64_t i = 0; i < chunks; i++) {
		uint64_t c = (state->scan + i) % chunks;

		if (!state->taken[c] && is_chunk_done(batch, c)) {
			state->scan = *chunk = c;
			return true;
		}
	}
	return false;
}

static int pick_lowest_item(struct sheaf_batch *batch, struct pick *next)
{
	struct dense_state *state = &batch->dense;
	uint64_t c;
	int r;

	next->entry = NULL;
	if (batch_is_undecided(batch))
		return PICK_NONE;
	if ((r = make_marks(batch)))
		return r;
	state->giving = lowest_open(state);
	if (lowest_chunk(batch, &c) && (!state->giving || span_of(batch, c).at < state->giving->at)) {
		next->what = WAIT_CHUNK(c);
		if (!is_chunk_done(batch, c))
			return PICK_LATER;
		state->giving = take_chunk(batch, c);
	}
	return state->giving ? PICK_DONE : PICK_NONE;
}

/* An open span comes first, because it is of a chunk that is done. */
static int pick_done_item(struct sheaf_batch *batch, struct pick *next)
{
	struct dense_state *state = &batch->dense;
	uint64_t c;
	int r;

	next->entry = NULL;
	next->what = WAIT_ANY;
	if (batch_is_undecided(batch))
		return PICK_NONE;
	if ((r = make_marks(batch)))
		return r;
	if ((state->giving = lowest_open(state)))
		return PICK_DONE;
	if (!lowest_chunk(batch, &c))
		return PICK_NONE;
	if (!any_done_chunk(batch, &c))
		return PICK_LATER;
	state->giving = take_chunk(batch, c);
	return PICK_DONE;
}

/*
 * Was the last one of these positions of a chunk handed out? Then all of them were, because a chunk
 * is handed out in order.
 */
static bool is_handed(const struct sheaf_batch *batch, uint64_t last)
{
	const struct dense_state *state = &batch->dense;

	if (!state->taken || !state->taken[last / batch->plan.chunk])
		return false;
	for (unsigned i = 0; i < 2; i++)
		if (last >= state->open[i].at && last < state->open[i].end)
			return false;
	return true;
}

/* Does the record say of a position that can be handed out that it failed? */
static bool tells_failure(const struct sheaf_batch *batch, const struct failed *failed)
{
	uint64_t last = failed->position + failed->count - 1;
	const struct shared_failure *record = failure_at(batch->segment, failed->offset);

	return record && record->status != -ECANCELED && is_chunk_done(batch, last / batch->plan.chunk) &&
	       !is_handed(batch, last) && failures_count(batch, failed);
}

/*
 * A chunk that is LOST has no record. It is found once all chunks before it are done, so that each
 * word is checked once.
 */
static bool any_lost(struct sheaf_batch *batch)
{
	struct dense_state *state = &batch->dense;

	for (; state->judged < batch->plan.chunks && is_chunk_done(batch, state->judged); state->judged++)
		if (word_unpack(chunk_word(batch, state->judged)).flags & WORD_LOST &&
		    !is_handed(batch, span_of(batch, state->judged).end - 1))
			return true;
	return false;
}

static int pick_failed_item(struct sheaf_batch *batch, struct pick *next)
{
	struct dense_state *state = &batch->dense;
	bool all;
	int r;

	next->entry = NULL;
	next->what = WAIT_ANY;
	if (batch_is_undecided(batch))
		return PICK_NONE;
	/* First: what a chunk that is DONE has told of is in the list then. */
	all = are_chunks_done(batch);
	if ((r = failures_refresh(batch)))
		return r;
	for (size_t i = 0; i < state->failure_count; i++)
		if (tells_failure(batch, &state->failures[i]))
			return PICK_DONE;
	return any_lost(batch) ? PICK_DONE : all ? PICK_NONE : PICK_LATER;
}

static int give_item(struct sheaf_batch *batch, const struct pick *next, sheaf_result *result)
{
	int r = dense_result(batch, batch->dense.giving->at, result);

	(void)next;
	if (r)
		return r;
	batch->dense.giving->at++;
	return 1;
}

static int dense_next(struct sheaf_batch *batch, sheaf_result *result, uint64_t deadline_ns)
{
	return view_hand_out(batch, result, deadline_ns, pick_lowest_item, give_item);
}

static int dense_next_done(struct sheaf_batch *batch, sheaf_result *result, uint64_t deadline_ns)
{
	return view_hand_out(batch, result, deadline_ns, pick_done_item, give_item);
}

static uint64_t dense_count_done(struct sheaf_batch *batch, uint64_t *failed)
{
	const _Atomic uint64_t *words = segment_at(batch->segment, batch->plan.words);
	const struct dense_state *state = &batch->dense;
	bool cancelled = position_is_cancelled(batch->shared, batch->plan.n - 1);
	uint64_t done = 0;

	for (uint64_t c = 0; c < batch->plan.chunks; c++) {
		struct span span = span_of(batch, c);
		/* Relaxed: a statistic. */
		struct word w = word_unpack(load_relaxed(&words[c]));
		bool over = w.state == WORD_DONE || (cancelled && is_chunk_done(batch, c));

		done += over ? span.end - span.at : 0;
		*failed += w.state == WORD_DONE && w.flags & WORD_LOST ? failures_untold(batch, span) : 0;
	}
	/* What cannot be listed is told by the call that gathers. */
	(void)failures_refresh(batch);
	for (size_t i = 0; i < state->failure_count; i++)
		*failed += tells_failure(batch, &state->failures[i]) ? state->failures[i].count : 0;
	return done;
}

const struct view view_dense = {
	.wait_all = dense_wait_all,
	.next = dense_next,
	.next_done = dense_next_done,
	.pick_done = pick_done_item,
	.pick_failed = pick_failed_item,
	.count = dense_count,
	.count_done = dense_count_done,
	.open = dense_open,
	.sort = dense_sort,
	.result = dense_result,
	.missing = dense_missing,
};
