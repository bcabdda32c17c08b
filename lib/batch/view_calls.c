/*
 * view_calls.c - gathers submitted tasks: which one is next, and what its entry says.
 *
 * Pointers into the segment are handed out as results. The opener believes no field of an entry
 * that leads it anywhere, because a task may have written over it.
 *
 * Edges             The end of CALL1 (call.c): an acquire load that finds an entry DONE sees all of
 *                   it, and the result.
 * Deaths            Of a worker: its entry stays READY until the task has run again, or the
 *                   supervisor publishes the failure.
 */
#include "batch/view_calls.h"

#include "base/atomic.h"
#include "base/error.h"
#include "base/guard.h"
#include "batch/await.h"
#include "batch/withdraw.h"
#include "batch/message.h"
#include "segment/heap.h"
#include "work/task.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Under the batch's lock. */
static bool is_call_done(struct sheaf_batch *batch, uint64_t index)
{
	const struct shared_entry *entry = batch_entry(batch, index);

	return is_entry_done(entry) || (withdraw_if_due(batch) && is_entry_done(entry));
}

/* ---- results ---- */

/*
 * Fill in what a task told that failed: its text, and the bytes that it left. @entry: a copy that
 * was checked. 0; -ENOMEM, -EBADMSG with their messages.
 */
static int fill_told(struct sheaf_batch *batch, const struct shared_entry *entry, sheaf_result *result)
{
	const struct segment *segment = batch->segment;
	const unsigned char *at = segment_at(segment, entry->data);
	struct shared_left left;

	if (entry->size & FAILED_WITH) {
		memcpy(&left, at, sizeof(left)); /* what is checked is used */
		at += sizeof(left);
		if (left.offset >= segment->size || !heap_contains(segment, segment_at(segment, left.offset), left.size))
			return message_fail_damaged(result->position);
		result->data = segment_at(segment, left.offset);
		result->size = (size_t)left.size;
	}
	if (!(entry->size & ~FAILED_WITH))
		return 0;
	return message_copy(batch, result, (const char *)at, (size_t)(entry->size & ~FAILED_WITH));
}

/* Fill in the result of a task that failed: what it told, or what its worker's death did. */
__attribute__((noinline)) static int failed_result(struct sheaf_batch *batch, const struct shared_entry *entry,
						   sheaf_result *result)
{
	const struct segment *segment = batch->segment;
	struct cause cause = {0};
	int r;

	result->data = NULL;
	result->size = 0;
	result->message = NULL;
	result->signal = entry->last.cause.signal;
	result->exit_code = entry->last.cause.exit_code;
	if (!result->pid)
		result->worker = -1; /* it was cancelled while it waited */
	if (entry->data && message_of_death(result)) {
		const struct shared_account *account = segment_at(segment, entry->data);

		message_note_cause(result, &cause, account->way, account->address);
		result->backtrace = entry->size ? (const uint64_t *)(account + 1) : NULL;
		result->backtrace_size = (unsigned)entry->size;
	} else if (entry->data && (r = fill_told(batch, entry, result))) {
		return r;
	}
	return message_complete(batch, result, &cause);
}

/* Tell where the result of a task lies that succeeded and did not call sheaf_task_result(). */
static void *own_data(struct shared_entry *entry, uint64_t size)
{
	return !size ? NULL : size <= 8 ? (void *)entry->last.small : (void *)(entry + 1);
}

/* Fill in the result of a task that succeeded and left one of the batch's size. */
__attribute__((always_inline)) static inline void fill_result(const struct sheaf_batch *batch, struct shared_entry *entry,
							      sheaf_result *result)
{
	/*
	 * Relaxed: it was found DONE before, in this call or under the lock in an earlier one
	 * (CALL1).
	 */
	struct word w = word_unpack(load_relaxed(&entry->word));

	/* Every field is named, or the compiler clears all of it first. */
	*result = (sheaf_result){
		.position = entry->position,
		.status = entry->status,
		.signal = 0,
		.exit_code = -1,
		.attempts = w.attempt,
		.worker = (int)w.seat,
		.pid = entry->pid,
		.data = own_data(entry, batch->result_size),
		.size = (size_t)batch->result_size,
		.message = "",
		.started_ns = entry->started_ns,
		.finished_ns = entry->finished_ns,
		.backtrace = NULL,
		.backtrace_size = 0,
		.fault_address = NULL,
	};
	/* The owner has run it. */
	if (batch->gatherer_works && w.seat == segment_owner_seat(batch->segment))
		result->worker = -1;
}

/*
 * Complete the result of an entry with a status or data of its own, unless it looks so because
 * somebody wrote over it.
 */
__attribute__((noinline)) static int rare_result(struct sheaf_batch *batch, struct shared_entry *entry, uint64_t position,
						 sheaf_result *result)
{
	const struct segment *segment = batch->segment;
	uint64_t most = segment->size, told, size;
	struct shared_entry seen = *entry; /* what is checked is used */
	sheaf_result found;
	int r;

	size = told = seen.size;
	if (seen.status && (seen.last.cause.signal || seen.last.cause.exit_code >= 0)) {
		most = MAX_FRAMES;
		size = sizeof(struct shared_account) + seen.size * sizeof(uint64_t);
	} else if (seen.status) {
		most = FAIL_TEXT - 1;
		told &= ~FAILED_WITH;
		size = told + (seen.size & FAILED_WITH ? sizeof(struct shared_left) : 0);
	}
	if (seen.position != position || seen.pid < 0 || told > most || seen.data >= segment->size ||
	    (!seen.status && !seen.data) || (seen.data && !heap_contains(segment, segment_at(segment, seen.data), size)))
		return message_fail_damaged(position);
	fill_result(batch, entry, &found);
	found.status = seen.status;
	found.data = seen.status ? NULL : segment_at(segment, seen.data);
	found.size = seen.status ? 0 : (size_t)seen.size;
	if (seen.status && (r = failed_result(batch, &seen, &found)))
		return r;
	*result = found;
	return 0;
}

__attribute__((always_inline)) static inline int entry_result(struct sheaf_batch *batch, struct shared_entry *entry,
							      uint64_t position, sheaf_result *result)
{
	if (entry->status || entry->data || entry->pid < 0 || entry->position != position)
		return rare_result(batch, entry, position, result);
	fill_result(batch, entry, result);
	return 0;
}

int calls_result(struct sheaf_batch *batch, uint64_t index, sheaf_result *result)
{
	return entry_result(batch, batch_entry(batch, index), batch->order.positions[index], result);
}

int calls_entry_result(struct sheaf_batch *batch, struct shared_entry *entry, uint64_t position, sheaf_result *result)
{
	return entry_result(batch, entry, position, result);
}

/* ---- all ---- */

bool calls_awaited_done(void *context)
{
	const struct await *await = context;

	/* What is news is settled by the gatherer, under the lock. */
	return is_entry_done(await->next.entry) || withdraw_is_due(await->batch);
}

static int wait_for_call(struct await *wait, uint64_t index, uint64_t deadline_ns)
{
	wait->next.item = index;
	wait->next.entry = batch_entry(wait->batch, index);
	wait->next.what = WAIT_ENTRY(batch_entry_offset(wait->batch, index));
	return await_ready(wait, deadline_ns);
}

/* Wait for the last task first, because few others run when it ends. So few tokens are spent. */
UNGUARDED static int calls_wait_all(struct sheaf_batch *batch, uint64_t deadline_ns, unsigned heard)
{
	struct await wait = {.batch = batch, .ready = calls_awaited_done, .heard = heard};
	struct calls_state *state = &batch->calls;
	int r;

	while (state->done < batch->order.count) {
		uint64_t last = batch->order.count - 1;

		while (!is_call_done(batch, last))
			if ((r = wait_for_call(&wait, last, deadline_ns)))
				return r;
		for (; state->done <= last; state->done++)
			while (!is_call_done(batch, state->done))
				if ((r = wait_for_call(&wait, state->done, deadline_ns)))
					return r;
	}
	return 0;
}

static uint64_t calls_count(const struct sheaf_batch *batch)
{
	return batch->order.count;
}

static uint64_t calls_open(const struct sheaf_batch *batch)
{
	return batch->order.count - batch->calls.done;
}

static uint64_t calls_count_done(struct sheaf_batch *batch, uint64_t *failed)
{
	uint64_t done = 0;

	(void)withdraw_if_due(batch);
	for (uint64_t i = 0; i < batch->order.count; i++) {
		const struct shared_entry *entry = batch_entry(batch, i);

		if (!is_entry_done(entry))
			continue;
		done++;
		*failed += is_failure(entry);
	}
	return done;
}

static int calls_sort(const struct sheaf_batch *batch, uint64_t **indices)
{
	if (order_sorted(&batch->order, indices))
		return sheaf_fail(-ENOMEM, "no memory to sort %zu positions", (size_t)batch->order.count);
	return 0;
}

static uint64_t calls_missing(struct sheaf_batch *batch)
{
	for (uint64_t i = 0; i < batch->order.count; i++)
		if (!is_call_done(batch, i))
			return batch->order.positions[i];
	return 0;
}

/* ---- by position ---- */

__attribute__((always_inline)) static inline int pick_lowest_call(struct sheaf_batch *batch, struct pick *next)
{
	if (!order_lowest(&batch->order, &next->item))
		return PICK_NONE;
	next->entry = batch_entry(batch, next->item);
	if (is_entry_done(next->entry) || (withdraw_if_due(batch) && is_entry_done(next->entry)))
		return PICK_DONE;
	/* The submitter of a lower position rings, because that comes first then. */
	batch->awaited = batch->order.positions[next->item];
	batch->awaiting = true;
	next->what = WAIT_ENTRY(segment_offset(batch->segment, next->entry));
	return PICK_LATER;
}

__attribute__((always_inline)) static inline int give_call(struct sheaf_batch *batch, const struct pick *next,
							   sheaf_result *result)
{
	int r = entry_result(batch, next->entry, batch->order.positions[next->item], result);

	if (r)
		return r;
	order_hand(&batch->order, next->item);
	return 1;
}

UNGUARDED static int calls_next(struct sheaf_batch *batch, sheaf_result *result, uint64_t deadline_ns)
{
	return view_hand_out(batch, result, deadline_ns, pick_lowest_call, give_call);
}

/* ---- by completion ---- */

/* Make room for @need indices. 0; -ENOMEM with its message. */
static int grow_indices(uint64_t **vector, size_t *capacity, size_t need)
{
	size_t wanted = *capacity ? *capacity : 64;
	uint64_t *grown;

	if (need <= *capacity)
		return 0;
	while (wanted < need)
		wanted *= 2;
	grown = realloc(*vector, wanted * sizeof(**vector));
	if (!grown)
		return sheaf_fail(-ENOMEM, "no memory to gather a batch");
	*vector = grown;
	*capacity = wanted;
	return 0;
}

struct finish {
	uint64_t time;
	uint64_t index;
};

static int compare_finishes(const void *a, const void *b)
{
	const struct finish *x = a, *y = b;

	if (x->time != y->time)
		return x->time < y->time ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

/*
 * Sort the @count indices that were just found by the times at which they ended. Without times, or
 * memory, submission order must do.
 */
static void sort_ready(struct sheaf_batch *batch, uint64_t *found, size_t count)
{
	struct finish *finishes;

	if (batch->flags & SHEAF_NO_TIMES || count < 2 || !(finishes = malloc(count * sizeof(*finishes))))
		return;
	for (size_t i = 0; i < count; i++)
		finishes[i] = (struct finish){batch_entry(batch, found[i])->finished_ns, found[i]};
	qsort(finishes, count, sizeof(*finishes), compare_finishes);
	for (size_t i = 0; i < count; i++)
		found[i] = finishes[i].index;
	free(finishes);
}

/* Drop what was handed out from the ready list. Return how many are left. */
static size_t drop_given(struct calls_state *state)
{
	size_t left = state->ready_count - state->ready_at;

	if (left && state->ready_at)
		memmove(state->ready, state->ready + state->ready_at, left * sizeof(*state->ready));
	state->judged = state->judged > state->ready_at ? state->judged - state->ready_at : 0;
	state->ready_at = 0;
	state->ready_count = left;
	return left;
}

/*
 * Move what is done from the open list to the ready list. At most a ring full of tasks is not done,
 * so the open list is short.
 */
static int find_ready(struct sheaf_batch *batch)
{
	struct calls_state *state = &batch->calls;
	size_t all, kept, found, left;
	int r;

	if ((r = grow_indices(&state->open, &state->open_capacity,
			      state->open_count + (size_t)(batch->order.count - state->listed))))
		return r;
	while (state->listed < batch->order.count)
		state->open[state->open_count++] = state->listed++;
	left = drop_given(state);
	if ((r = grow_indices(&state->ready, &state->ready_capacity, left + state->open_count)))
		return r;
	all = kept = state->open_count;
	found = left + all;
	/*
	 * From the last one on. Of two tasks that a worker ran one after the other, the earlier one
	 * is checked after the later one, so it is found as well.
	 */
	for (size_t i = all; i-- > 0;) {
		uint64_t index = state->open[i];

		if (batch->order.handed[index])
			continue;
		if (is_call_done(batch, index))
			state->ready[--found] = index;
		else
			state->open[--kept] = index;
	}
	state->open_count = all - kept;
	state->ready_count = left + (left + all - found);
	if (all) {
		memmove(state->open, state->open + kept, state->open_count * sizeof(*state->open));
		memmove(state->ready + left, state->ready + found, (state->ready_count - left) * sizeof(*state->ready));
		sort_ready(batch, state->ready + left, state->ready_count - left);
	}
	return 0;
}

static int pick_done_call(struct sheaf_batch *batch, struct pick *next)
{
	struct calls_state *state = &batch->calls;
	int r;

	for (;;) {
		/* sheaf_next() may have been quicker. */
		while (state->ready_at < state->ready_count && batch->order.handed[state->ready[state->ready_at]])
			state->ready_at++;
		if (state->ready_at < state->ready_count)
			break;
		if ((r = find_ready(batch)))
			return r;
		if (state->ready_count)
			continue;
		if (!state->open_count)
			return PICK_NONE;
		next->entry = NULL;
		next->what = WAIT_ANY;
		return PICK_LATER;
	}
	next->item = state->ready[state->ready_at];
	next->entry = batch_entry(batch, next->item);
	return PICK_DONE;
}

static int pick_failed_call(struct sheaf_batch *batch, struct pick *next)
{
	struct calls_state *state = &batch->calls;
	size_t known;
	int r;

	next->what = WAIT_ANY;
	do {
		for (; state->judged < state->ready_count; state->judged++) {
			next->item = state->ready[state->judged];
			next->entry = batch_entry(batch, next->item);
			if (!batch->order.handed[next->item] && is_failure(next->entry))
				return PICK_DONE;
		}
		known = state->ready_count - state->ready_at;
		if ((r = find_ready(batch)))
			return r;
	} while (state->ready_count > known);
	next->entry = NULL;
	return state->open_count ? PICK_LATER : PICK_NONE;
}

static int calls_next_done(struct sheaf_batch *batch, sheaf_result *result, uint64_t deadline_ns)
{
	return view_hand_out(batch, result, deadline_ns, pick_done_call, give_call);
}

const struct view view_calls = {
	.wait_all = calls_wait_all,
	.next = calls_next,
	.next_done = calls_next_done,
	.pick_done = pick_done_call,
	.pick_failed = pick_failed_call,
	.count = calls_count,
	.count_done = calls_count_done,
	.open = calls_open,
	.sort = calls_sort,
	.result = calls_result,
	.missing = calls_missing,
};
