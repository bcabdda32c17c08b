/*
 * window.c - the places of held positions and their order.
 *
 * Writers           accepted, given and head of the batch: the opener. result_bytes: the workers.
 * Invariant         A released entry is used again only when no slot of the ring names it: else the
 *                   supervisor could take the next task in it for the one that a dead worker had in
 *                   hand. The same holds for the epoch of its memory.
 * Edges             By RING2 (ring.c) a slot that is free tells that its task is over.
 * Deaths            Of a worker between the count of a result's bytes and its publication: the next
 *                   run counts them again, which is found when the window is full (recount()).
 *                   Of the opener: the supervisor frees all with the batch (orphans.c).
 */
#include "batch/window.h"

#include "base/atomic.h"
#include "base/cancel.h"
#include "base/error.h"
#include "base/grow.h"
#include "batch/message.h"
#include "os/os.h"
#include "queue/bell.h"
#include "segment/heap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_PLACES 64

/* ---- places ---- */

/* Is the task of a place over, so that no slot names its entry? */
static bool is_over(struct sheaf_batch *batch, uint64_t index)
{
	const struct place *place = &batch->window->places[index];
	enum word_state state;

	if (place->watched)
		return false;
	if (!place->slot)
		return true;
	/* RING2. Acquire: else the worker could still use what is used again. */
	state = word_state(load_acquire(&place->slot->word));
	/* Relaxed, both: handed over by the word. */
	return (state != WORD_OWNED && state != WORD_READY) || load_relaxed(&place->slot->batch) != batch->ref ||
	       load_relaxed(&place->slot->target) != batch_entry_offset(batch, index);
}

/* Release what a place of this batch has read, in the batch that it is chained to. */
static void let_source_go(struct sheaf_batch *source, uint64_t index)
{
	pthread_mutex_lock(&source->lock);
	window_let_go(source, index);
	pthread_mutex_unlock(&source->lock);
}

/* Free the places whose tasks are over, and the epochs that nothing is in any longer. */
static void settle_places(struct sheaf_batch *batch)
{
	struct window *window = batch->window;
	/* One that is stuck, because its worker was stopped, goes to the end. */
	for (uint32_t first = 0; window->leaving_first && window->leaving_first != first;) {
		uint32_t at = window->leaving_first;
		struct place *place = &window->places[at - 1];

		window->leaving_first = place->next;
		if (!window->leaving_first)
			window->leaving_last = 0;
		place->next = 0;
		if (is_over(batch, at - 1)) {
			place->state = PLACE_FREE;
			window->free[window->free_count++] = at - 1;
			epochs_leave(batch, &window->epochs, place->epoch);
			if (place->source && window->feed.source)
				let_source_go(window->feed.source, place->source - 1);
			continue;
		}
		if (!first)
			first = at;
		if (window->leaving_last)
			window->places[window->leaving_last - 1].next = at;
		else
			window->leaving_first = at;
		window->leaving_last = at;
	}
}

static int grow_places(struct window *window)
{
	uint64_t capacity = window->capacity ? 2 * window->capacity : FIRST_PLACES;
	struct place *places = grow_array(window->places, capacity * sizeof(*places));
	uint64_t *indices = places ? grow_array(window->free, capacity * sizeof(*indices)) : NULL;

	if (places)
		window->places = places;
	if (!indices)
		return -ENOMEM;
	window->free = indices;
	window->capacity = capacity;
	return 0;
}

/* ---- order ---- */

static bool is_waiting(const struct window *window, const struct turn *turn)
{
	const struct place *place = &window->places[turn->index];

	return place->state == PLACE_HELD && place->position == turn->position;
}

/* Find the first turn at or behind a position. */
static uint64_t turn_of(const struct window *window, uint64_t position)
{
	uint64_t low = window->first, high = window->turn_count;

	if (low < high && window->turns[high - 1].position < position)
		return high;
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;

		if (window->turns[middle].position < position)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Drop the turns of positions that were handed out. */
static void compact(struct window *window)
{
	uint64_t kept = 0;

	for (uint64_t i = window->first; i < window->turn_count; i++)
		if (is_waiting(window, &window->turns[i]))
			window->turns[kept++] = window->turns[i];
	window->first = 0;
	window->turn_count = kept;
}

/* Make room for one more turn. */
static int grow_turns(struct window *window)
{
	uint64_t capacity = window->turn_capacity ? 2 * window->turn_capacity : FIRST_PLACES;
	struct turn *turns;

	if (window->turn_count < window->turn_capacity)
		return 0;
	/* It pays at least a half of the turns each time. */
	if (window->waiting < window->turn_capacity / 2) {
		compact(window);
		return 0;
	}
	turns = grow_array(window->turns, capacity * sizeof(*turns));
	if (!turns)
		return -ENOMEM;
	window->turns = turns;
	window->turn_capacity = capacity;
	return 0;
}

bool window_lowest(struct window *window, uint64_t *index)
{
	while (window->first < window->turn_count && !is_waiting(window, &window->turns[window->first]))
		window->first++;
	if (window->first == window->turn_count) {
		window->first = window->turn_count = 0;
		return false;
	}
	*index = window->turns[window->first].index;
	return true;
}

bool window_next(const struct window *window, uint64_t *at, uint64_t *index)
{
	uint64_t i = *at > window->first ? *at : window->first;

	while (i < window->turn_count && !is_waiting(window, &window->turns[i]))
		i++;
	*at = i + 1;
	if (i >= window->turn_count)
		return false;
	*index = window->turns[i].index;
	return true;
}

bool window_find(const struct window *window, uint64_t position, uint64_t *index)
{
	uint64_t i = turn_of(window, position);

	if (i < window->turn_count && window->turns[i].position == position && is_waiting(window, &window->turns[i])) {
		*index = window->turns[i].index;
		return true;
	}
	if (!window->given || window->places[window->given - 1].position != position)
		return false;
	*index = window->given - 1;
	return true;
}

/* ---- room ---- */

uint64_t window_bytes(const struct sheaf_batch *batch)
{
	const struct window *window = batch->window;
	/* Relaxed: a result that is being published may count or not. */
	uint64_t results = load_relaxed(&batch->shared->result_bytes), less = window->gone + window->drift;

	return window->bytes + (results > less ? results - less : 0);
}

/* How many bytes of a result lie elsewhere than with its entry. It is done. */
static uint64_t loose_bytes(const struct shared_entry *entry)
{
	return !entry->status && entry->data ? entry->size : 0;
}

/*
 * Find the bytes that were counted more than once. @counted is read before the results are, so what
 * is published meanwhile makes the drift too small rather than too large.
 */
static void recount(struct sheaf_batch *batch)
{
	struct window *window = batch->window;
	uint64_t counted = load_relaxed(&batch->shared->result_bytes), there = window->gone;

	if (window->recounted == counted + there)
		return;
	window->recounted = counted + there;
	for (uint64_t i = 0; i < window->count; i++) {
		const struct shared_entry *entry = batch_entry(batch, i);

		if (window->places[i].state != PLACE_HELD && window->places[i].state != PLACE_PINNED)
			continue;
		/* CALL1. Acquire: else the size could be read before it is written. */
		if (word_state(load_acquire(&entry->word)) == WORD_DONE)
			there += loose_bytes(entry);
	}
	if (counted > there && counted - there > window->drift)
		window->drift = counted - there;
}

static bool has_bytes(const struct sheaf_batch *batch, uint64_t bytes)
{
	const struct window *window = batch->window;
	uint64_t held = window_bytes(batch);

	return held <= window->most_bytes && bytes <= window->most_bytes - held;
}

/* Is there an epoch for one more position? If the current one has grown, some may be free. */
static bool has_epoch(struct sheaf_batch *batch)
{
	struct epochs *epochs = &batch->window->epochs;

	if (!epochs_grown(batch, epochs))
		return true;
	settle_places(batch);
	return epochs_choose(batch, epochs);
}

bool window_is_full(struct sheaf_batch *batch, uint64_t bytes)
{
	struct window *window = batch->window;
	bool full;

	/* What this batch has read is held in the other one until it is settled here. */
	if (window->feed.source)
		settle_places(batch);
	/* Alone, a position may be larger than the window. */
	if (!window->held) {
		(void)has_epoch(batch);
		return false;
	}
	full = window->held >= window->most;
	if (!full && window->most_bytes != UINT64_MAX && !has_bytes(batch, bytes)) {
		recount(batch);
		full = !has_bytes(batch, bytes);
	}
	full = full || !has_epoch(batch);
	window->full_ns = !full ? 0 : window->full_ns ? window->full_ns : sheaf_now_ns();
	return full;
}

bool window_is_alone(const struct sheaf_batch *batch)
{
	unsigned threads = os_thread_count(), workers = batch->segment->threaded ? batch->segment->crew_count : 0;

	return member_is_task(batch->member) || (threads && threads <= 1 + workers);
}

/* ---- one position ---- */

/* May the batch have that position? 0; -EEXIST with its message. */
static int check_position(const struct window *window, uint64_t position)
{
	uint64_t index;

	if (position < window->floor)
		return sheaf_fail(-EEXIST,
				  "position %llu was submitted too late: sheaf_next() has handed out %llu already, and does "
				  "not go back",
				  (unsigned long long)position, (unsigned long long)(window->floor - 1));
	if (window_find(window, position, &index))
		return sheaf_fail(-EEXIST, "position %llu was submitted to this batch before", (unsigned long long)position);
	return 0;
}

int window_reserve(struct sheaf_batch *batch, uint64_t position, uint64_t *index)
{
	struct window *window = batch->window;
	int r = check_position(window, position), cancel;

	if (r)
		return r;
	/* Not at each release: some of their slots would still be in the caches of workers. */
	if (!window->free_count)
		settle_places(batch);
	if (grow_turns(window) || (!window->free_count && window->count == window->capacity && grow_places(window)))
		return sheaf_fail(-ENOMEM, "no memory for the window of a batch");
	if (window->free_count) {
		*index = window->free[window->free_count - 1];
		return 0;
	}
	if (window->count == batch->entries.capacity) {
		cancel = cancel_refuse();
		r = entries_grow(&batch->entries, batch->segment, batch->shared, batch->heap_id);
		cancel_allow(cancel);
	}
	*index = window->count;
	return r;
}

void window_add(struct sheaf_batch *batch, uint64_t index, uint64_t position, struct shared_slot *slot, uint64_t bytes)
{
	struct window *window = batch->window;
	uint64_t at = turn_of(window, position);

	if (window->free_count)
		window->free_count--;
	else
		window->count++;
	window->places[index] = (struct place){.position = position,
					       .slot = slot,
					       .bytes = bytes,
					       .epoch = (uint8_t)window->epochs.current,
					       .state = PLACE_HELD};
	/* One of the same position is a former one's. */
	if (at == window->turn_count || window->turns[at].position != position) {
		memmove(&window->turns[at + 1], &window->turns[at], (window->turn_count - at) * sizeof(*window->turns));
		window->turn_count++;
	}
	window->turns[at] = (struct turn){.position = position, .index = index};
	window->epochs.members[window->epochs.current]++;
	window->held++;
	window->waiting++;
	window->accepted++;
	window->bytes += bytes;
	/* Relaxed: for those who look on. */
	store_relaxed(&batch->shared->accepted, window->accepted);
	if (at == window->first)
		store_relaxed(&batch->shared->head, position);
}

void window_expect(struct sheaf_batch *batch)
{
	const struct window *window = batch->window;

	if (window->free_count)
		batch_entry(batch, window->free[window->free_count - 1])->position = 0;
}

void window_drop(struct sheaf_batch *batch, uint64_t index)
{
	struct window *window = batch->window;
	struct place *place = &window->places[index];

	place->state = PLACE_FREE;
	window->free[window->free_count++] = index;
	window->epochs.members[place->epoch]--;
	window->held--;
	window->waiting--;
	window->accepted--;
	window->bytes -= place->bytes;
}

/* The place counts no longer, so there may be room. Its result is done. */
static void discount(struct sheaf_batch *batch, uint64_t index)
{
	struct window *window = batch->window;

	window->gone += loose_bytes(batch_entry(batch, index));
	window->bytes -= window->places[index].bytes;
	window->held--;
	window->full_ns = 0;
	if (window->submitters)
		room_ring_all(batch->segment);
}

void window_hand(struct sheaf_batch *batch, uint64_t index)
{
	struct window *window = batch->window;
	uint64_t lowest;

	window->places[index].state = PLACE_GIVEN;
	window->given = index + 1;
	window->waiting--;
	discount(batch, index);
	/* Relaxed, all: for those who look on. */
	store_relaxed(&batch->shared->given, window->accepted - window->waiting);
	if (window_lowest(window, &lowest))
		store_relaxed(&batch->shared->head, window->places[lowest].position);
}

uint64_t window_pin(struct sheaf_batch *batch)
{
	struct window *window = batch->window;
	uint64_t index = window->given - 1;

	window->given = 0;
	window->places[index].state = PLACE_PINNED;
	window->gone -= loose_bytes(batch_entry(batch, index));
	window->bytes += window->places[index].bytes;
	window->held++;
	return index;
}

void window_let_go(struct sheaf_batch *batch, uint64_t index)
{
	struct window *window = batch->window;
	struct place *place = &window->places[index];

	if (place->state == PLACE_PINNED)
		discount(batch, index);
	place->state = PLACE_LEAVING;
	place->next = 0;
	if (window->leaving_last)
		window->places[window->leaving_last - 1].next = (uint32_t)index + 1;
	else
		window->leaving_first = (uint32_t)index + 1;
	window->leaving_last = (uint32_t)index + 1;
}

void window_release(struct sheaf_batch *batch)
{
	uint64_t given = batch->window->given;

	batch->window->given = 0;
	if (!given)
		return;
	if (batch->notes)
		message_free(batch);
	window_let_go(batch, given - 1);
}

/* ---- the whole ---- */

int window_open(struct sheaf_batch *batch, const sheaf_batch_options *options)
{
	struct window *window = calloc(1, sizeof(*window));

	if (!window)
		return sheaf_fail(-ENOMEM, "no memory for the window of a batch");
	window->most = options->window ? options->window : UINT64_MAX;
	window->most_bytes = options->window_bytes ? options->window_bytes : UINT64_MAX;
	batch->window = window;
	batch->flags |= BATCH_WINDOWED;
	batch->shared->flags = batch->flags;
	epochs_open(batch, &window->epochs);
	/* Relaxed, all: the slots of its tasks hand it over (RING1). */
	store_relaxed(&batch->shared->result_bytes, 0);
	store_relaxed(&batch->shared->accepted, 0);
	store_relaxed(&batch->shared->given, 0);
	store_relaxed(&batch->shared->head, 0);
	return 0;
}

void window_close(struct sheaf_batch *batch, bool units)
{
	struct window *window = batch->window;

	if (window->feed.source)
		window->feed.source->window->reader = NULL;
	if (window->reader) { /* all batches are freed, in some order */
		window->reader->window->feed.source = NULL;
		window->reader->window->finished = true;
	}
	if (units)
		epochs_close(batch, &window->epochs);
	free(window->places);
	free(window->free);
	free(window->turns);
	free(window);
	batch->window = NULL;
}
