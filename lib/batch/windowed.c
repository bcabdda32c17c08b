/*
 * windowed.c - submits tasks to a windowed batch: takes a place, fills its entry and a slot of the
 * ring, and publishes the slot.
 *
 * Writers           As in submit.c.
 * Deaths            Of the owner while it submits: the pool ends. Of a worker that does: its
 *                   batches go with it (orphans.c).
 */
#include "batch/windowed.h"

#include "base/cancel.h"
#include "base/error.h"
#include "batch/piece.h"
#include "batch/room.h"
#include "batch/publish.h"
#include "member/wait.h"
#include "work/cancel.h"
#include "work/task.h"

#include <errno.h>
#include <string.h>

/* May the batch take another task? */
static int may_accept(struct sheaf_batch *batch)
{
	int r = member_open(batch->member);

	if (r)
		return r;
	if (batch->cancelled)
		return room_fail_cancelled();
	if (batch->window->finished)
		return sheaf_fail(-EPIPE, "the batch takes no more tasks: sheaf_batch_finish() was called");
	return 0;
}

/* Begin the entry of a place. Its offset. */
static uint64_t begin_entry(struct sheaf_batch *batch, uint64_t index, uint64_t position)
{
	uint64_t offset = batch_entry_offset(batch, index);
	struct shared_entry *entry = segment_at(batch->segment, offset);

	memset(entry, 0, batch->entries.stride);
	entry->position = position;
	/* Relaxed: published by the ring slot (RING1). */
	store_relaxed(&entry->word, ENTRY_FRESH);
	return offset;
}

/* Fill all of a slot but its word. @offset: of the argument, if it is not in the slot. */
static void fill_slot(struct sheaf_batch *batch, struct shared_slot *slot, const struct order_of_task *order, uint64_t index,
		      uint64_t offset)
{
	if (order->arg_size > INLINE_ARG)
		slot->arg.offset = offset;
	else if (order->arg_size)
		memcpy(slot->arg.bytes, order->arg, order->arg_size);
	slot->function = order->function;
	slot->arg_size = (uint32_t)order->arg_size;
	slot->kind = TASK_CALL;
	slot->epoch = (uint8_t)batch->window->epochs.current;
	slot->limit = order->limit;
	/* Relaxed: the word publishes it (RING1). */
	store_relaxed(&slot->target, begin_entry(batch, index, order->position));
	/* Release, pairs with ring_clear(), as in submit.c. */
	store_release(&slot->batch, batch->ref);
}

static uint64_t bytes_of(const struct sheaf_batch *batch, uint64_t arg_size)
{
	return arg_size + batch->result_size;
}

/* Is there room, and may the position come? *@index: its place. */
static int reserve(struct sheaf_batch *batch, const struct order_of_task *order, uint64_t *index)
{
	int r = may_accept(batch);

	if (r)
		return r;
	return window_is_full(batch, bytes_of(batch, order->arg_size)) ? -ENOBUFS
								       : window_reserve(batch, order->position, index);
}

/* Take a slot, fill and publish it, and accept the position. */
static int publish(struct sheaf_batch *batch, const struct order_of_task *order, uint64_t index, uint64_t offset,
		   uint64_t source, uint64_t flags)
{
	/* What is chained counts where it lies. */
	uint64_t bytes = bytes_of(batch, source ? 0 : order->arg_size), ticket;
	bool lower = batch->awaiting && order->position < batch->awaited;
	struct shared_slot *slot;
	int r = ring_take(batch->ring, batch->member->name, &slot, &ticket);

	if (r)
		return r;
	fill_slot(batch, slot, order, index, offset);
	window_add(batch, index, order->position, slot, bytes);
	r = publish_slot(batch, slot, ticket, true, flags);
	if (r)
		window_drop(batch, index);
	else
		batch->window->places[index].source = source;
	if (!r && lower)
		gatherer_ring_always(batch->segment, batch->shared);
	window_expect(batch);
	return r;
}

/* Send a task with an argument that needs memory. */
static int send_large(struct sheaf_batch *batch, const struct order_of_task *order, uint64_t index, uint64_t flags)
{
	uint64_t id = epochs_id(&batch->window->epochs);
	struct piece argument;
	int r, cancel;

	/* Without a slot there is no use for memory. */
	if (!ring_has_room(batch->ring))
		return -EAGAIN;
	cancel = cancel_refuse();
	r = piece_take(batch, id, order->arg_size, "the argument of a task", &argument);
	if (!r) {
		memcpy(segment_at(batch->segment, argument.offset), order->arg, order->arg_size);
		r = publish(batch, order, index, argument.offset, 0, flags);
		if (r)
			piece_give_back(batch, &argument);
	}
	cancel_allow(cancel);
	return r;
}

int windowed_send(struct sheaf_batch *batch, const struct order_of_task *order, uint64_t flags)
{
	uint64_t index;
	int r = reserve(batch, order, &index);

	if (r)
		return r;
	if (order->arg_size > INLINE_ARG)
		return send_large(batch, order, index, flags);
	return publish(batch, order, index, 0, 0, flags);
}

int windowed_send_shared(struct sheaf_batch *batch, const struct order_of_task *order, uint64_t source, uint64_t flags)
{
	uint64_t index;
	int r = reserve(batch, order, &index);

	return r ? r : publish(batch, order, index, segment_offset(batch->segment, order->arg), source, flags);
}

int windowed_take(struct sheaf_batch *batch, const struct order_of_task *order, struct shared_slot *slot)
{
	struct piece argument = {0};
	uint64_t index;
	int r = reserve(batch, order, &index);

	if (r)
		return r;
	if (order->arg_size > INLINE_ARG) {
		r = piece_take(batch, epochs_id(&batch->window->epochs), order->arg_size, "the argument of a task", &argument);
		if (r)
			return r;
		memcpy(segment_at(batch->segment, argument.offset), order->arg, order->arg_size);
	}
	fill_slot(batch, slot, order, index, argument.offset);
	window_add(batch, index, order->position, NULL, bytes_of(batch, order->arg_size));
	return 0;
}

int windowed_fail(struct sheaf_batch *batch, const sheaf_result *result)
{
	size_t size = strlen(result->message);
	struct piece text = {0};
	struct shared_entry *entry;
	uint64_t index;
	int r = may_accept(batch);

	/* It takes no more than its place, so a full window is no reason to lose it. */
	if (r || (r = window_reserve(batch, result->position, &index)))
		return r;
	if (size && piece_take(batch, epochs_id(&batch->window->epochs), size, "a message", &text))
		size = 0; /* then the code alone must do */
	if (size)
		memcpy(segment_at(batch->segment, text.offset), result->message, size);
	entry = segment_at(batch->segment, begin_entry(batch, index, result->position));
	window_add(batch, index, result->position, NULL, 0);
	entry->status = result->status;
	entry->pid = result->pid;
	entry->data = size ? text.offset : 0;
	entry->size = size < FAIL_TEXT ? size : FAIL_TEXT - 1;
	entry->started_ns = result->started_ns;
	entry->finished_ns = result->finished_ns;
	entry->last.cause.signal = 0;
	entry->last.cause.exit_code = -1;
	/* Relaxed: no other process has a use for it. */
	store_relaxed(&entry->word, word_done(word_pack((struct word){.state = WORD_OWNED,
								      .seat = result->worker < 0 ? 0 : (uint32_t)result->worker,
								      .attempt = result->attempts})));
	return 0;
}

/* ---- room ---- */

/* A submitter that waits for the window. */
struct window_wait {
	struct sheaf_batch *batch;
	uint64_t bytes;
	int room;
};

static bool has_room(void *context)
{
	const struct window_wait *wait = context;
	bool room;

	if (batch_is_cancelled(wait->batch->shared))
		return true;
	pthread_mutex_lock(&wait->batch->lock);
	room = wait->batch->window->finished || !window_is_full(wait->batch, wait->bytes);
	pthread_mutex_unlock(&wait->batch->lock);
	return room;
}

static int doubt_window(void *context, bool late)
{
	const struct window_wait *wait = context;

	(void)late;
	return member_open(wait->batch->member);
}

static void leave_room(struct window_wait *wait)
{
	room_leave(wait->batch->segment, wait->room);
	pthread_mutex_lock(&wait->batch->lock);
	wait->batch->window->submitters--;
	pthread_mutex_unlock(&wait->batch->lock);
}

static void undo_wait(void *context)
{
	leave_room(context);
}

static int fail_full(const struct sheaf_batch *batch, int code)
{
	const struct window *window = batch->window;
	const char *late = code == -ETIMEDOUT ? "the deadline passed while " : "";

	if (window->held >= window->most)
		return sheaf_fail(code, "%sthe window is full: it holds %llu positions", late,
				  (unsigned long long)window->held);
	if (window->most_bytes != UINT64_MAX)
		return sheaf_fail(code, "%sthe window is full: the arguments and results that it holds have %llu bytes of %llu",
				  late, (unsigned long long)window_bytes(batch), (unsigned long long)window->most_bytes);
	return sheaf_fail(code, "%sthe window is full: positions that do not end hold all its memory", late);
}

/* Can nobody but the calling thread make room? Under the batch's lock. */
static bool is_stuck(const struct sheaf_batch *batch)
{
	const struct window *window = batch->window;

	if (batch->gathering || !window->gathered)
		return window_is_alone(batch) && !batch->gathering;
	return pthread_equal(window->gatherer, pthread_self()) || window_is_alone(batch);
}

int windowed_wait(struct sheaf_batch *batch, uint64_t bytes, unsigned heard, uint64_t deadline_ns)
{
	struct window_wait context = {.batch = batch, .bytes = bytes_of(batch, bytes)};
	struct wait wait = {
		.context = &context,
		.ready = has_room,
		.doubt = doubt_window,
		.cancelled = undo_wait,
		.longest_ns = CHECK_EVERY_NS,
		.sleep = true,
		.heard = heard,
	};
	bool stuck;
	int r;

	pthread_mutex_lock(&batch->lock);
	stuck = is_stuck(batch);
	if (!deadline_ns && batch->flags & SHEAF_NONBLOCK)
		r = fail_full(batch, -EAGAIN);
	else
		r = stuck ? sheaf_fail(-EDEADLK,
				       "the window is full with %llu positions, and no other thread gathers from the batch: "
				       "gather with sheaf_next() first, or have sheaf_feed() submit",
				       (unsigned long long)batch->window->held)
			  : 0;
	batch->window->submitters += !r;
	pthread_mutex_unlock(&batch->lock);
	if (r)
		return r;
	context.room = room_take(batch->segment, batch->member->name, batch_priority(batch));
	wait.sleeper = sleeper_of_room(batch->segment, context.room);
	r = member_wait(batch->member, &wait, deadline_ns ? deadline_ns : SHEAF_FOREVER);
	leave_room(&context);
	if (r == -ETIMEDOUT)
		r = fail_full(batch, r);
	if (!r && batch_is_cancelled(batch->shared))
		r = room_fail_cancelled();
	if (r)
		room_ring_one(batch->segment);
	return r;
}
