/*
 * view_window.c - gathers from a windowed batch: which position is next, and when the stream ends.
 *
 * Edges             As in view_calls.c.
 * Deaths            As in view_calls.c.
 */
#include "batch/view_window.h"

#include "base/atomic.h"
#include "base/error.h"
#include "batch/await.h"
#include "batch/feed.h"
#include "batch/view_calls.h"
#include "batch/window.h"
#include "batch/withdraw.h"
#include "work/cancel.h"

#include <errno.h>
#include <stddef.h>

/* Under the batch's lock. */
static bool is_place_done(struct sheaf_batch *batch, uint64_t index)
{
	const struct shared_entry *entry = batch_entry(batch, index);

	return is_entry_done(entry) || (withdraw_if_due(batch) && is_entry_done(entry));
}

/* Can no more tasks come? */
static bool is_ended(const struct sheaf_batch *batch)
{
	const struct window *window = batch->window;

	/* Acquire: as state_of() in state.c. */
	return window->finished || batch_is_cancelled(batch->shared) || (feed_is(window) && window->feed.ended) ||
	       load_acquire(&batch->segment->control->state) != POOL_OPEN;
}

/* Nothing is held: does anything come? */
static int pick_nothing(struct sheaf_batch *batch, struct pick *next)
{
	if (is_ended(batch))
		return PICK_NONE;
	next->item = 0;
	next->entry = NULL;
	next->what = WAIT_ANY;
	return PICK_LATER;
}

static int pick_lowest_place(struct sheaf_batch *batch, struct pick *next)
{
	if (!window_lowest(batch->window, &next->item))
		return pick_nothing(batch, next);
	next->entry = batch_entry(batch, next->item);
	if (is_place_done(batch, next->item))
		return PICK_DONE;
	/* The submitter of a lower position rings, because that comes first then. */
	batch->awaited = batch->window->places[next->item].position;
	batch->awaiting = true;
	next->what = WAIT_ENTRY(segment_offset(batch->segment, next->entry));
	return PICK_LATER;
}

/* Pick the lowest place that is done; @failed: and that failed. */
static int pick_place(struct sheaf_batch *batch, struct pick *next, bool failed)
{
	uint64_t at = 0;

	if (!batch->window->waiting)
		return pick_nothing(batch, next);
	while (window_next(batch->window, &at, &next->item)) {
		next->entry = batch_entry(batch, next->item);
		if (is_place_done(batch, next->item) && (!failed || is_failure(next->entry)))
			return PICK_DONE;
	}
	next->entry = NULL;
	next->what = WAIT_ANY;
	return PICK_LATER;
}

static int pick_done_place(struct sheaf_batch *batch, struct pick *next)
{
	return pick_place(batch, next, false);
}

static int pick_failed_place(struct sheaf_batch *batch, struct pick *next)
{
	int r = pick_place(batch, next, true);
	uint64_t at = 0, index;

	/* As for any batch: none will be, if all that was submitted so far is done. */
	if (r != PICK_LATER)
		return r;
	while (window_next(batch->window, &at, &index))
		if (!is_place_done(batch, index))
			return PICK_LATER;
	return PICK_NONE;
}

static int give_place(struct sheaf_batch *batch, const struct pick *next, sheaf_result *result)
{
	int r = calls_entry_result(batch, next->entry, batch->window->places[next->item].position, result);

	if (r)
		return r;
	window_hand(batch, next->item);
	batch->window->failed += is_failure(next->entry);
	return 1;
}

static int give_lowest_place(struct sheaf_batch *batch, const struct pick *next, sheaf_result *result)
{
	uint64_t position = batch->window->places[next->item].position;
	int r = give_place(batch, next, result);

	if (r > 0)
		batch->window->floor = position == UINT64_MAX ? position : position + 1;
	return r;
}

/* Could nobody but the calling thread submit? Then it would wait for ever. */
static int check_producers(const struct sheaf_batch *batch, uint64_t deadline_ns)
{
	const struct window *window = batch->window;

	if (window->waiting || is_ended(batch) || feed_is(window) || !deadline_ns || !window_is_alone(batch))
		return 0;
	return sheaf_fail(-EDEADLK, "the batch holds nothing, and no other thread could submit to it: submit first, say "
				    "sheaf_batch_finish() at the end, or have sheaf_feed() submit");
}

/* Hand out the next result, once the one before it was released and the window is filled up. */
static int stream(struct sheaf_batch *batch, sheaf_result *result, uint64_t deadline_ns, pick_fn *pick, give_fn *give)
{
	struct window *window = batch->window;
	int r;

	window->gatherer = pthread_self();
	window->gathered = true;
	window_release(batch);
	if (feed_is(window) && (r = feed_fill(batch, deadline_ns)))
		return r;
	if ((r = check_producers(batch, deadline_ns)))
		return r;
	r = view_hand_out(batch, result, deadline_ns, pick, give);
	return !r && feed_is(window) ? feed_end(window) : r;
}

static int window_hand_next(struct sheaf_batch *batch, sheaf_result *result, uint64_t deadline_ns)
{
	return stream(batch, result, deadline_ns, pick_lowest_place, give_lowest_place);
}

static int window_hand_done(struct sheaf_batch *batch, sheaf_result *result, uint64_t deadline_ns)
{
	return stream(batch, result, deadline_ns, pick_done_place, give_place);
}

/* Wait until all that was submitted so far is done. */
static int window_wait_all(struct sheaf_batch *batch, uint64_t deadline_ns, unsigned heard)
{
	struct await wait = {.batch = batch, .ready = calls_awaited_done, .heard = heard};
	uint64_t at = 0, index;

	while (window_next(batch->window, &at, &index))
		while (!is_place_done(batch, index)) {
			int r;

			wait.next.item = index;
			wait.next.entry = batch_entry(batch, index);
			wait.next.what = WAIT_ENTRY(batch_entry_offset(batch, index));
			if ((r = await_ready(&wait, deadline_ns)))
				return r;
			at = 0; /* others may have submitted meanwhile */
		}
	return 0;
}

static uint64_t window_count(const struct sheaf_batch *batch)
{
	return batch->window->accepted;
}

static uint64_t window_count_done(struct sheaf_batch *batch, uint64_t *failed)
{
	uint64_t done = batch->window->accepted - batch->window->waiting, at = 0, index;

	(void)withdraw_if_due(batch);
	*failed += batch->window->failed;
	while (window_next(batch->window, &at, &index)) {
		const struct shared_entry *entry = batch_entry(batch, index);

		if (!is_entry_done(entry))
			continue;
		done++;
		*failed += is_failure(entry);
	}
	return done;
}

static uint64_t window_open_count(const struct sheaf_batch *batch)
{
	return batch->window->waiting;
}

static uint64_t window_missing(struct sheaf_batch *batch)
{
	uint64_t at = 0, index;

	while (window_next(batch->window, &at, &index))
		if (!is_place_done(batch, index))
			return batch->window->places[index].position;
	return 0;
}

/* It is never gathered as a whole, so nothing is sorted and shown. */
const struct view view_window = {
	.wait_all = window_wait_all,
	.next = window_hand_next,
	.next_done = window_hand_done,
	.pick_done = pick_done_place,
	.pick_failed = pick_failed_place,
	.count = window_count,
	.count_done = window_count_done,
	.open = window_open_count,
	.missing = window_missing,
};
