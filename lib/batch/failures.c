/*
 * failures.c - reads the failure records of a dense batch, and finds the one of a position.
 *
 * The records lie in the segment, linked from the newest to the oldest. They are copied and sorted
 * when there are new ones. No field of them is believed that leads anywhere, because a task may
 * have written over it.
 *
 * Writers           The records: workers and the supervisor (see chunk.c). The list: the gatherer.
 * Edges             By CHUNK2 (chunk.c) a record is seen by the gatherer that finds its chunk DONE.
 * Deaths            Of a supervisor that has failed a position: its successor may do so again, so a
 *                   position may have two records.
 */
#include "batch/failures.h"

#include "base/error.h"
#include "batch/message.h"
#include "segment/heap.h"
#include "work/failure.h"
#include "work/task.h"

#include <errno.h>
#include <stdlib.h>

static int compare_failures(const void *a, const void *b)
{
	const struct failed *x = a, *y = b;

	return x->position < y->position ? -1 : x->position > y->position;
}

/*
 * Copy a record, with what follows it bounded. False: none can lie there, as a wild task has
 * written over the chain.
 */
static bool read_record(const struct sheaf_batch *batch, uint64_t offset, struct shared_failure *record)
{
	const struct segment *segment = batch->segment;
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
		.left = found->left,
		.left_size = found->left_size,
	};
	/*
	 * Relaxed, both: the record was written before the chunk's edge (CHUNK2), and the copy is
	 * ours.
	 */
	store_relaxed(&record->count, load_relaxed(&found->count));
	if (record->text_size >= FAIL_TEXT || record->frame_count > MAX_FRAMES || !record->status)
		return false;
	if (record->left &&
	    (record->left >= segment->size || !heap_contains(segment, segment_at(segment, record->left), record->left_size)))
		return false;
	follows = record->text_size + record->frame_count * sizeof(uint64_t);
	return heap_contains(segment, found, sizeof(*found) + follows);
}

static int fail_chain(void)
{
	return sheaf_fail(-EBADMSG,
			  "the failures of a map were written over, most likely by a task that wrote behind its result");
}

/* Copy the chain from @newest on, in one walk. The caller frees *@found, also on failure. */
static int read_failures(const struct sheaf_batch *batch, uint64_t newest, struct failed **found, size_t *count)
{
	struct chain chain = chain_begin(batch->segment, newest);
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

int failures_list(struct sheaf_batch *batch)
{
	struct dense_state *state = &batch->dense;
	/*
	 * Acquire, pairs with the push in chunk.c: else a record could be read before it is
	 * written.
	 */
	uint64_t newest = load_acquire(&batch->shared->failures);
	struct failed *failures = NULL;
	size_t count = 0, kept = 0;
	int r;

	if ((r = read_failures(batch, newest, &failures, &count))) {
		free(failures);
		return r;
	}
	if (count)
		qsort(failures, count, sizeof(*failures), compare_failures);
	/* Of two records of a position one counts. */
	for (size_t i = 0; i < count; i++)
		if (!i || failures[i].position != failures[i - 1].position)
			failures[kept++] = failures[i];
	free(state->failures);
	state->failures = failures;
	state->failure_count = kept;
	state->failures_seen = newest;
	return 0;
}

/*
 * Find where in the list the first record lies that reaches beyond the position; failure_count:
 * nowhere.
 */
static size_t first_beyond(const struct dense_state *state, uint64_t position)
{
	size_t low = 0, high = state->failure_count;

	while (low < high) {
		size_t middle = (low + high) / 2;
		const struct failed *failed = &state->failures[middle];

		if (position >= failed->position && position - failed->position >= failed->count)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool failures_count(const struct sheaf_batch *batch, const struct failed *failed)
{
	const struct shared_failure *record = failure_at(batch->segment, failed->offset);

	/* Relaxed: handed over by the word of its chunk, which is DONE (CHUNK2). */
	return !record || load_relaxed(&record->count);
}

struct failed *failures_find(const struct sheaf_batch *batch, uint64_t position)
{
	const struct dense_state *state = &batch->dense;
	size_t i = first_beyond(state, position);

	if (i == state->failure_count || state->failures[i].position > position || !failures_count(batch, &state->failures[i]))
		return NULL;
	return &state->failures[i];
}

int failures_fill(struct sheaf_batch *batch, struct failed *failed, sheaf_result *result)
{
	struct cause cause;
	struct shared_failure record;
	const unsigned char *follows;
	int r;

	/* Read it once more, because a wild task may have changed it since it was listed. */
	if (!read_record(batch, failed->offset, &record))
		return message_fail_damaged(result->position);
	follows = (unsigned char *)segment_at(batch->segment, failed->offset) + sizeof(record);
	result->status = record.status;
	result->signal = record.signal;
	result->exit_code = record.exit_code;
	result->attempts = record.attempts;
	result->worker = failures_worker(batch, record.worker);
	result->pid = record.pid > 0 ? record.pid : 0;
	result->message = failed->text;
	result->started_ns = record.started_ns;
	result->finished_ns = record.finished_ns;
	if (record.left) {
		result->data = segment_at(batch->segment, record.left);
		result->size = (size_t)record.left_size;
	}
	message_note_cause(result, &cause, record.way, record.address);
	if (record.frame_count) {
		result->backtrace = (const uint64_t *)(const void *)follows;
		result->backtrace_size = record.frame_count;
	}
	if (record.text_size && !failed->text) {
		if ((r = message_copy(batch, result, (const char *)follows, record.text_size)))
			return r;
		failed->text = result->message;
	}
	return message_complete(batch, result, &cause);
}

uint64_t failures_untold(const struct sheaf_batch *batch, struct span span)
{
	const struct dense_state *state = &batch->dense;
	uint64_t count = 0;

	for (size_t i = first_beyond(state, span.at); i < state->failure_count && state->failures[i].position < span.end; i++) {
		uint64_t begin = state->failures[i].position, end = begin + state->failures[i].count;

		if (begin > span.at)
			count += begin - span.at;
		if (end > span.at)
			span.at = end < span.end ? end : span.end;
	}
	return count + (span.end - span.at);
}
