/*
 * dense.c - gathers dense batches: which chunk is next, and which of its positions failed.
 *
 * Edges             G2, pairs with P2 in chunks.c: an acquire load that finds a chunk DONE sees its results and failure records.
 */
#include "batch/view_dense.h"

#include "base/atomic.h"
#include "base/error.h"
#include "segment/heap.h"
#include "work/failure.h"
#include "work/task.h"

#include <errno.h>
#include <stdlib.h>

static uint64_t word_at(const struct sheaf_batch *batch, uint64_t c)
{
	const _Atomic uint64_t *words = segment_at(batch->member->segment, batch->plan.words);

	/* G2. Seq_cst: a gatherer that has announced itself looks here before it sleeps. */
	return load_seq_cst(&words[c]);
}

bool dense_chunk_done(const struct sheaf_batch *batch, uint64_t c)
{
	return word_state(word_at(batch, c)) == WORD_DONE;
}

bool dense_all_done(struct sheaf_batch *batch)
{
	struct dense_view *view = &batch->view;

	while (view->done < batch->plan.chunks && dense_chunk_done(batch, view->done))
		view->done++;
	return view->done == batch->plan.chunks;
}

bool dense_busy(const struct sheaf_batch *batch)
{
	/* Spares the spinning gatherer from pulling at the words that workers write. Seq_cst: it is part of the last look before it sleeps. */
	for (unsigned i = 0; i * 64 < batch->member->segment->worker_count; i++)
		if (load_seq_cst(&batch->shared->inside[i]))
			return true;
	return false;
}

void dense_forget_inside(struct sheaf_batch *batch)
{
	/* Relaxed: for the next batch in the slot, whose invitations hand it over. */
	for (unsigned i = 0; i * 64 < batch->member->segment->worker_count; i++)
		store_relaxed(&batch->shared->inside[i], 0);
}

struct span dense_span(const struct sheaf_batch *batch, uint64_t c)
{
	const struct plan *plan = &batch->plan;
	uint64_t begin = c * plan->chunk;

	return (struct span){.at = begin, .end = c + 1 < plan->chunks ? begin + plan->chunk : plan->n};
}

/* What the owner sorts by position. */
static int compare_failures(const void *a, const void *b)
{
	const struct failed *x = a, *y = b;

	return x->position < y->position ? -1 : x->position > y->position;
}

/* Copy a record, with what follows it bounded. False: none can lie there, as a wild task has written over the chain. */
static bool read_record(const struct sheaf_batch *batch, uint64_t offset, struct shared_failure *record)
{
	const struct segment *segment = batch->member->segment;
	const struct shared_failure *found;
	uint64_t follows;

	if (offset % 64 || offset >= segment->size || !heap_contains(segment, segment_at(segment, offset), sizeof(*record)))
		return false;
	found = segment_at(segment, offset);
	*record = (struct shared_failure){
		.next = found->next,
		.position = found->position,
		.status = found->status,
		.signal = found->signal,
		.exit_code = found->exit_code,
		.pid = found->pid,
		.attempts = found->attempts,
		.worker = found->worker,
		.text_size = found->text_size,
		.frame_count = found->frame_count,
		.started_ns = found->started_ns,
		.finished_ns = found->finished_ns,
		.address = found->address,
		.way = found->way,
	};
	/* Relaxed, both: the record was written before the chunk's edge (P2), and the copy is ours. */
	store_relaxed(&record->count, load_relaxed(&found->count));
	if (record->text_size >= FAIL_TEXT || record->frame_count > MAX_FRAMES || !record->status)
		return false;
	follows = record->text_size + record->frame_count * sizeof(uint64_t);
	return heap_contains(segment, found, sizeof(*found) + follows);
}

static int fail_chain(void)
{
	return sheaf_fail(-EBADMSG,
			  "the failures of a map were written over, most likely by a task that wrote behind its result");
}

/* Take over what the chain from @newest on says, in one walk. The records are at *@found then, which the caller frees; also on failure. */
static int walk_failures(const struct sheaf_batch *batch, uint64_t newest, struct failed **found, size_t *count)
{
	struct chain chain = chain_begin(batch->member->segment, newest);
	size_t capacity = 0;

	for (uint64_t at; (at = chain.at);) {
		struct shared_failure record;
		uint64_t positions;

		if (!read_record(batch, at, &record))
			return fail_chain();
		/* Relaxed: our copy. */
		positions = load_relaxed(&record.count);
		if (positions > batch->plan.n || record.position >= batch->plan.n ||
		    positions > batch->plan.n - record.position)
			return fail_chain();
		if (*count == capacity) {
			struct failed *grown;

			capacity = capacity ? 2 * capacity : 16;
			if (!(grown = realloc(*found, capacity * sizeof(*grown))))
				return sheaf_fail(-ENOMEM, "no memory for the failures of a map");
			*found = grown;
		}
		if (positions)
			(*found)[(*count)++] = (struct failed){.position = record.position, .count = positions, .offset = at};
		if (!chain_next(&chain, record.next))
			return fail_chain();
	}
	return 0;
}

/* Sorts the failure records anew if there are more than at the last look. */
static int list_failures(struct sheaf_batch *batch)
{
	struct dense_view *view = &batch->view;
	/* Acquire, pairs with the push in chunks.c: the records are written. */
	uint64_t newest = load_acquire(&batch->shared->failures);
	struct failed *failures = NULL;
	size_t count = 0, kept = 0;
	int r;

	if (newest == view->failures_seen)
		return 0;
	if ((r = walk_failures(batch, newest, &failures, &count))) {
		free(failures);
		return r;
	}
	if (count)
		qsort(failures, count, sizeof(*failures), compare_failures);
	/* A supervisor that dies after it has given a position up leaves it to its successor to do so again. */
	for (size_t i = 0; i < count; i++)
		if (!i || failures[i].position != failures[i - 1].position)
			failures[kept++] = failures[i];
	free(view->failures);
	view->failures = failures;
	view->failure_count = kept;
	view->failures_seen = newest;
	return 0;
}

/* The number of a worker, or -1 for the owner. */
static int worker_id(const struct sheaf_batch *batch, unsigned seat)
{
	return seat < batch->member->segment->worker_count ? (int)seat : -1;
}

/* Where in the list the first record lies that reaches beyond the position; failure_count: nowhere. */
static size_t first_beyond(const struct dense_view *view, uint64_t position)
{
	size_t low = 0, high = view->failure_count;

	while (low < high) {
		size_t middle = (low + high) / 2;
		const struct failed *failed = &view->failures[middle];

		if (position >= failed->position && position - failed->position >= failed->count)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The record that covers the position, or NULL. */
static struct failed *failure_of(const struct dense_view *view, uint64_t position)
{
	size_t i = first_beyond(view, position);

	return i < view->failure_count && view->failures[i].position <= position ? &view->failures[i] : NULL;
}

static int fill_failure(struct sheaf_batch *batch, struct failed *failed, sheaf_result *result, struct cause *cause)
{
	struct shared_failure record;
	const unsigned char *follows;
	int r;

	/* Once more: what it says may have changed since it was listed. */
	if (!read_record(batch, failed->offset, &record))
		return batch_damaged(result->position);
	follows = (unsigned char *)segment_at(batch->member->segment, failed->offset) + sizeof(record);
	result->status = record.status;
	result->signal = record.signal;
	result->exit_code = record.exit_code;
	result->attempts = record.attempts;
	result->worker = worker_id(batch, record.worker);
	result->pid = record.pid > 0 ? record.pid : 0;
	result->message = failed->text;
	result->started_ns = record.started_ns;
	result->finished_ns = record.finished_ns;
	fault_note(result, cause, record.way, record.address);
	if (record.frame_count) {
		result->backtrace = (const uint64_t *)(const void *)follows;
		result->backtrace_size = record.frame_count;
	}
	if (!record.text_size || failed->text)
		return 0;
	if (!(r = batch_take_text(batch, result, (const char *)follows, record.text_size)))
		failed->text = result->message;
	return r;
}

int dense_result(struct sheaf_batch *batch, uint64_t position, sheaf_result *result, struct cause *cause)
{
	const struct plan *plan = &batch->plan;
	const struct segment *segment = batch->member->segment;
	struct word w = word_unpack(word_at(batch, position / plan->chunk));
	struct failed *failed;
	int r = list_failures(batch);

	if (r)
		return r;
	*result = (sheaf_result){
		.position = position, .exit_code = -1, .attempts = 1, .worker = worker_id(batch, w.seat), .message = ""};
	failed = batch->view.failure_count ? failure_of(&batch->view, position) : NULL;
	if (failed)
		return fill_failure(batch, failed, result, cause);
	if (w.flags & WORD_LOST) {
		result->status = -ENOMEM;
		result->message = "some positions of this chunk failed, and the segment had no memory left to tell which";
		return 0;
	}
	/* A worker's pid is known while it is of the generation that ran the chunk. Relaxed: a fact for people. */
	if (w.seat < segment->worker_count &&
	    (load_relaxed(&segment->seats[w.seat].generation) & GENERATION_MASK) == w.generation) {
		int32_t pid = load_relaxed(&segment->seats[w.seat].pid);

		result->pid = pid > 0 ? pid : 0;
	}
	if (plan->chunk == 1)
		result->attempts = w.attempt;
	if (plan->out) {
		result->data = segment_at(segment, plan->out + position * plan->out_size);
		result->size = plan->out_size;
	}
	return 0;
}

/* How many positions of the span have no record. */
static uint64_t untold(const struct dense_view *view, struct span span)
{
	uint64_t count = 0;

	for (size_t i = first_beyond(view, span.at); i < view->failure_count && view->failures[i].position < span.end; i++) {
		uint64_t begin = view->failures[i].position, end = begin + view->failures[i].count;

		if (begin > span.at)
			count += begin - span.at;
		if (end > span.at)
			span.at = end < span.end ? end : span.end;
	}
	return count + (span.end - span.at);
}

int dense_failures(struct sheaf_batch *batch, uint64_t *lowest, uint64_t *count)
{
	struct dense_view *view = &batch->view;
	const struct plan *plan = &batch->plan;
	uint64_t least = UINT64_MAX, total = 0;
	int r = list_failures(batch);

	if (r)
		return r;
	for (size_t i = 0; i < view->failure_count; i++) {
		if (view->failures[i].position < least)
			least = view->failures[i].position;
		total += view->failures[i].count;
	}
	for (uint64_t c = 0; c < plan->chunks; c++) {
		struct span span = dense_span(batch, c);

		/* Every position of a LOST chunk counts, also those that have a record. */
		if (!(word_unpack(word_at(batch, c)).flags & WORD_LOST))
			continue;
		if (span.at < least)
			least = span.at;
		total += untold(view, span);
	}
	*lowest = least;
	*count = total;
	return 0;
}

int dense_prepare(struct sheaf_batch *batch)
{
	struct dense_view *view = &batch->view;

	if (view->taken || !batch->plan.chunks)
		return 0;
	view->taken = calloc((size_t)batch->plan.chunks, sizeof(*view->taken));
	return view->taken ? 0 : sheaf_fail(-ENOMEM, "no memory to gather a map");
}

bool dense_lowest(struct sheaf_batch *batch, uint64_t *chunk)
{
	struct dense_view *view = &batch->view;

	while (view->next_chunk < batch->plan.chunks && view->taken[view->next_chunk])
		view->next_chunk++;
	*chunk = view->next_chunk;
	return view->next_chunk < batch->plan.chunks;
}

bool dense_any_done(struct sheaf_batch *batch, uint64_t *chunk)
{
	struct dense_view *view = &batch->view;
	uint64_t chunks = batch->plan.chunks;

	for (uint64_t i = 0; i < chunks; i++) {
		uint64_t c = (view->scan + i) % chunks;

		if (!view->taken[c] && dense_chunk_done(batch, c)) {
			view->scan = *chunk = c;
			return true;
		}
	}
	return false;
}
