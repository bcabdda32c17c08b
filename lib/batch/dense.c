/*
 * dense.c - gathers dense batches: which chunk is next, and which of its positions failed.
 *
 * Edges             G2, pairs with P2 in chunks.c: an acquire load that finds a chunk DONE sees its results and failure records.
 */
#include "batch/dense.h"

#include "base/error.h"
#include "segment/heap.h"

#include <errno.h>
#include <stdlib.h>

static uint64_t word_at(const struct sheaf_batch *batch, uint64_t c)
{
	const _Atomic uint64_t *words = segment_at(&batch->keeper->segment, batch->shared->words);

	/* G2. Seq_cst: a gatherer that has announced itself looks here before it sleeps. */
	return atomic_load_explicit(&words[c], memory_order_seq_cst);
}

bool dense_chunk_done(const struct sheaf_batch *batch, uint64_t c)
{
	return word_state(word_at(batch, c)) == WORD_DONE;
}

bool dense_all_done(struct sheaf_batch *batch)
{
	struct dense_view *view = &batch->view;

	while (view->done < batch->shared->chunks && dense_chunk_done(batch, view->done))
		view->done++;
	return view->done == batch->shared->chunks;
}

bool dense_busy(const struct sheaf_batch *batch)
{
	/* Spares the spinning gatherer from pulling at the words that workers write. Seq_cst: it is part of the last look before it sleeps. */
	for (unsigned i = 0; i * 64 < batch->keeper->segment.worker_count; i++)
		if (atomic_load_explicit(&batch->shared->inside[i], memory_order_seq_cst))
			return true;
	return false;
}

struct span dense_span(const struct sheaf_batch *batch, uint64_t c)
{
	const struct shared_batch *shared = batch->shared;
	uint64_t begin = c * shared->chunk;

	return (struct span){.at = begin, .end = c + 1 < shared->chunks ? begin + shared->chunk : shared->n};
}

/* Relaxed: written before the chunk's edge (P2). */
static uint64_t count_of(const struct shared_failure *failure)
{
	return atomic_load_explicit(&failure->count, memory_order_relaxed);
}

static const struct shared_failure *failure_at(const struct sheaf_batch *batch, uint64_t offset)
{
	return segment_at(&batch->keeper->segment, offset);
}

/* qsort() hands over no context, so the keys hold all that is compared. */
struct failure_key {
	uint64_t position;
	uint64_t offset;
};

static int compare_failures(const void *a, const void *b)
{
	uint64_t x = ((const struct failure_key *)a)->position, y = ((const struct failure_key *)b)->position;

	return x < y ? -1 : x > y;
}

static bool record_possible(const struct sheaf_batch *batch, uint64_t offset)
{
	const struct segment *segment = &batch->keeper->segment;
	const struct shared_failure *failure;
	uint64_t size = sizeof(*failure);

	if (offset % 64 || offset >= segment->size || !heap_contains(segment, segment_at(segment, offset), size))
		return false;
	failure = failure_at(batch, offset);
	size += failure->text_size + (uint64_t)failure->frame_count * sizeof(uint64_t);
	return heap_contains(segment, failure, size);
}

/* Sorts the failure records anew if there are more than at the last look. */
static int list_failures(struct sheaf_batch *batch)
{
	struct dense_view *view = &batch->view;
	/* Acquire, pairs with the push in chunks.c: the records are written. */
	uint64_t newest = atomic_load_explicit(&batch->shared->failures, memory_order_acquire);
	struct failure_key *keys;
	uint64_t *failures;
	size_t count = 0, kept = 0;

	if (newest == view->failures_seen)
		return 0;
	/* A wild task may have written over the chain: no longer than the heap has room for records, and nowhere else. */
	for (uint64_t at = newest; at; at = failure_at(batch, at)->next)
		if (!record_possible(batch, at) || ++count > heap_reach(&batch->keeper->segment) / 64)
			return sheaf_fail(
				-EBADMSG,
				"the failures of a map were written over, most likely by a task that wrote behind its "
				"result");
	keys = malloc(count * sizeof(*keys));
	failures = malloc(count * sizeof(*failures));
	if (!keys || !failures) {
		free(keys);
		free(failures);
		return sheaf_fail(-ENOMEM, "no memory for the failures of a map");
	}
	count = 0;
	for (uint64_t at = newest; at; at = failure_at(batch, at)->next)
		if (count_of(failure_at(batch, at)))
			keys[count++] = (struct failure_key){.position = failure_at(batch, at)->position, .offset = at};
	qsort(keys, count, sizeof(*keys), compare_failures);
	/* A supervisor that dies after it has given a position up leaves it to its successor to do so again. */
	for (size_t i = 0; i < count; i++)
		if (!i || keys[i].position != keys[i - 1].position)
			failures[kept++] = keys[i].offset;
	free(keys);
	free(view->failures);
	view->failures = failures;
	view->failure_count = kept;
	view->failures_seen = newest;
	return 0;
}

static int worker_id(unsigned worker)
{
	return worker == WORKER_NONE ? -1 : (int)worker;
}

/* The record that covers the position, or NULL. */
static const struct shared_failure *failure_of(const struct sheaf_batch *batch, uint64_t position)
{
	const struct dense_view *view = &batch->view;
	size_t low = 0, high = view->failure_count;

	while (low < high) {
		size_t middle = (low + high) / 2;
		const struct shared_failure *failure = failure_at(batch, view->failures[middle]);

		if (position < failure->position)
			high = middle;
		else if (position - failure->position >= count_of(failure))
			low = middle + 1;
		else
			return failure;
	}
	return NULL;
}

static void fill_failure(const struct shared_failure *failure, sheaf_result *result, struct cause *cause)
{
	result->status = failure->status;
	result->signal = failure->signal;
	result->exit_code = failure->exit_code;
	result->attempts = failure->attempts;
	result->worker = worker_id(failure->worker);
	result->pid = failure->pid;
	result->message = failure->text_size ? (const char *)(failure + 1) : NULL;
	result->started_ns = failure->started_ns;
	result->finished_ns = failure->finished_ns;
	fault_note(result, cause, failure->way, failure->address);
	if (failure->frame_count) {
		result->backtrace = (const uint64_t *)(failure + 1);
		result->backtrace_size = failure->frame_count;
	}
}

int dense_result(struct sheaf_batch *batch, uint64_t position, sheaf_result *result, struct cause *cause)
{
	const struct shared_batch *shared = batch->shared;
	const struct segment *segment = &batch->keeper->segment;
	struct word w = word_unpack(word_at(batch, position / shared->chunk));
	const struct shared_failure *failure;
	int r = list_failures(batch);

	if (r)
		return r;
	*result = (sheaf_result){
		.position = position, .exit_code = -1, .attempts = 1, .worker = worker_id(w.worker), .message = ""};
	failure = batch->view.failure_count ? failure_of(batch, position) : NULL;
	if (failure) {
		fill_failure(failure, result, cause);
		return 0;
	}
	if (w.flags & WORD_LOST) {
		result->status = -ENOMEM;
		result->message = "some positions of this chunk failed, and the segment had no memory left to tell which";
		return 0;
	}
	/* A worker's pid is known while it is of the generation that ran the chunk. */
	if (w.worker < segment->worker_count &&
	    (atomic_load_explicit(&segment->workers[w.worker].generation, memory_order_relaxed) & 0xffff) == w.generation)
		result->pid = atomic_load_explicit(&segment->workers[w.worker].pid, memory_order_relaxed);
	if (shared->chunk == 1)
		result->attempts = w.attempt;
	if (shared->out) {
		result->data = segment_at(segment, shared->out + position * shared->out_size);
		result->size = shared->out_size;
	}
	return 0;
}

int dense_failures(struct sheaf_batch *batch, uint64_t *lowest, uint64_t *count)
{
	struct dense_view *view = &batch->view;
	const struct shared_batch *shared = batch->shared;
	uint64_t least = UINT64_MAX, total = 0;
	int r = list_failures(batch);

	if (r)
		return r;
	for (size_t i = 0; i < view->failure_count; i++) {
		const struct shared_failure *failure = failure_at(batch, view->failures[i]);

		if (count_of(failure) && failure->position < least)
			least = failure->position;
		total += count_of(failure);
	}
	for (uint64_t c = 0; c < shared->chunks; c++) {
		struct span span = dense_span(batch, c);

		/* Every position of a LOST chunk counts, also those that have a record. */
		if (!(word_unpack(word_at(batch, c)).flags & WORD_LOST))
			continue;
		if (span.at < least)
			least = span.at;
		for (uint64_t p = span.at; p < span.end; p++)
			total += !failure_of(batch, p);
	}
	*lowest = least;
	*count = total;
	return 0;
}

int dense_prepare(struct sheaf_batch *batch)
{
	struct dense_view *view = &batch->view;

	if (view->taken || !batch->shared->chunks)
		return 0;
	view->taken = calloc((size_t)batch->shared->chunks, sizeof(*view->taken));
	return view->taken ? 0 : sheaf_fail(-ENOMEM, "no memory to gather a map");
}

bool dense_lowest(struct sheaf_batch *batch, uint64_t *chunk)
{
	struct dense_view *view = &batch->view;

	while (view->next_chunk < batch->shared->chunks && view->taken[view->next_chunk])
		view->next_chunk++;
	*chunk = view->next_chunk;
	return view->next_chunk < batch->shared->chunks;
}

bool dense_any_done(struct sheaf_batch *batch, uint64_t *chunk)
{
	struct dense_view *view = &batch->view;
	uint64_t chunks = batch->shared->chunks;

	for (uint64_t i = 0; i < chunks; i++) {
		uint64_t c = (view->scan + i) % chunks;

		if (!view->taken[c] && dense_chunk_done(batch, c)) {
			view->scan = *chunk = c;
			return true;
		}
	}
	return false;
}
