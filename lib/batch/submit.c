/*
 * submit.c - submits one task: reserves its position, fills its entry and a slot of the ring, and
 * publishes the slot.
 *
 * Writers           The submitter: under the batch's lock the entry of the task and the argument,
 *                   and the slot while it is FILLING. Nobody knows of the entry before the slot is
 *                   READY.
 * Edges             By RING1 (ring.c) the slot hands over the entry and the argument.
 * Deaths            Of the owner while it submits: the pool ends.
 */
#include "base/cancel.h"
#include "base/error.h"
#include "base/guard.h"
#include "batch/help.h"
#include "batch/open.h"
#include "batch/piece.h"
#include "batch/publish.h"
#include "batch/room.h"
#include "batch/windowed.h"
#include "work/check.h"
#include "work/check_pointers.h"
#include "work/function.h"
#include "work/nest.h"
#include "work/task.h"
#include "work/traced.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Begin the entry of a task. Its offset. */
__attribute__((always_inline)) static inline uint64_t new_entry(struct sheaf_batch *batch, uint64_t index, uint64_t position)
{
	uint64_t offset = batch_entry_offset(batch, index);
	struct shared_entry *entry = segment_at(batch->segment, offset);

	/* Heap memory is zero already; the batch's own slot holds what earlier batches left. */
	if (index < batch->entries.stretches[0].count)
		memset(entry, 0, batch->entries.stride);
	entry->position = position;
	/* Relaxed: published by the ring slot (RING1). */
	store_relaxed(&entry->word, ENTRY_FRESH);
	return offset;
}

/* What a task takes beside its slot: a piece for a large argument, a new stretch of the table. */
struct taken {
	struct piece argument;
	bool stretch;
};

static void give_back_for_task(struct sheaf_batch *batch, const struct taken *taken)
{
	piece_give_back(batch, &taken->argument);
	if (taken->stretch)
		entries_shrink(&batch->entries, batch->segment, batch->shared);
}

/*
 * Take what the task needs, or nothing. -EAGAIN: the ring is full, so that there is no use for
 * memory.
 */
static int take_for_task(struct sheaf_batch *batch, const void *arg, size_t arg_size, struct taken *taken)
{
	int r;

	*taken = (struct taken){0};
	if (!ring_has_room(batch->ring))
		return -EAGAIN;
	if (batch->order.count == batch->entries.capacity) {
		if ((r = entries_grow(&batch->entries, batch->segment, batch->shared, batch->heap_id)))
			return r;
		taken->stretch = true;
	}
	if (arg_size <= INLINE_ARG)
		return 0;
	if ((r = piece_take(batch, batch->heap_id, arg_size, "the argument of a task", &taken->argument))) {
		give_back_for_task(batch, taken);
		return r;
	}
	memcpy(segment_at(batch->segment, taken->argument.offset), arg, arg_size);
	return 0;
}

/*
 * What is rare: the gatherer has to wait for this lower position instead; or the task was
 * withdrawn.
 */
__attribute__((noinline)) static void after_publish(struct sheaf_batch *batch, int r)
{
	if (!r)
		gatherer_ring_always(batch->segment, batch->shared);
	else
		order_drop_last(&batch->order);
}

/* Tell the flags of a task with a limit of its own. */
__attribute__((noinline)) static uint64_t flags_of(const struct sheaf_batch *batch, uint16_t limit)
{
	const struct member *member = batch->member;

	return batch_may_help(batch) && (member->careful || limit != LIMIT_NONE) ? READY_LEFT : 0;
}

/*
 * Take a slot, fill and publish it. @offset: where a large argument lies. -EAGAIN: the ring is
 * full.
 */
__attribute__((always_inline)) static inline int send_task(struct sheaf_batch *batch, uint64_t position, uint64_t function,
							   const void *arg, size_t arg_size, uint16_t limit, uint64_t offset)
{
	struct shared_slot *slot;
	uint64_t ticket;
	bool lower;
	int r;

	if ((r = ring_take(batch->ring, batch->member->name, &slot, &ticket)))
		return r;
	if (arg_size > INLINE_ARG)
		slot->arg.offset = offset;
	else if (__builtin_expect(arg_size == sizeof(uint64_t), 1)) /* a number or a pointer */
		memcpy(slot->arg.bytes, arg, sizeof(uint64_t));
	else if (arg_size)
		memcpy(slot->arg.bytes, arg, arg_size);
	slot->function = function;
	slot->arg_size = (uint32_t)arg_size;
	slot->kind = TASK_CALL;
	slot->limit = limit;
	/* Relaxed: the word publishes it (RING1). */
	store_relaxed(&slot->target, new_entry(batch, batch->order.count, position));
	/*
	 * Release, pairs with ring_clear(): else that could see this name, and not that the last
	 * task is over.
	 */
	store_release(&slot->batch, batch->ref);
	order_add(&batch->order, position);
	lower = batch->awaiting && position < batch->awaited;
	r = publish_slot(batch, slot, ticket, true, limit == LIMIT_BATCH ? batch->word_flags : flags_of(batch, limit));
	if (r || lower)
		after_publish(batch, r);
	return r;
}

/* send_task() for a task that takes memory, which is given back if it is refused. */
__attribute__((noinline)) static int send_heavy(struct sheaf_batch *batch, uint64_t position, uint64_t function,
						const void *arg, size_t arg_size, uint16_t limit)
{
	struct taken taken;
	int cancel = cancel_refuse(), r = take_for_task(batch, arg, arg_size, &taken);

	if (!r && (r = send_task(batch, position, function, arg, arg_size, limit, taken.argument.offset)))
		give_back_for_task(batch, &taken);
	cancel_allow(cancel);
	return r;
}

__attribute__((noinline)) static int refuse_call(const struct sheaf_batch *batch)
{
	if (batch->cancelled)
		return room_fail_cancelled();
	return sheaf_fail(-EBUSY, "the batch is a map: submit single tasks to another batch");
}

/* May the batch take a task with that position? It is reserved then. */
__attribute__((always_inline)) static inline int check_call_allowed(struct sheaf_batch *batch, uint64_t position)
{
	int r;

	if ((r = member_open(batch->member)))
		return r;
	if (batch_is_dense(batch) || batch->cancelled)
		return refuse_call(batch);
	r = order_reserve(&batch->order, position);
	if (r == -EEXIST)
		return sheaf_fail(r, "position %llu was submitted to this batch before", (unsigned long long)position);
	return r ? sheaf_fail(r, "no memory for the positions of a batch") : 0;
}

/*
 * Prepare all that may take time or fail, then send the task. Under the batch's lock, so that no
 * thread holds a slot while it waits for a lock. -EAGAIN: the ring is full.
 */
__attribute__((always_inline)) static inline int submit_call(struct sheaf_batch *batch, uint64_t position, uint64_t function,
							     const void *arg, size_t arg_size, uint16_t limit)
{
	int r = check_call_allowed(batch, position);

	if (r)
		return r;
	if (arg_size > INLINE_ARG || batch->order.count == batch->entries.capacity)
		return send_heavy(batch, position, function, arg, arg_size, limit);
	return send_task(batch, position, function, arg, arg_size, limit, 0);
}

__attribute__((always_inline)) static inline int submit_locked(struct sheaf_batch *batch, uint64_t position, uint64_t function,
							       const void *arg, size_t arg_size, uint16_t limit)
{
	int r;

	pthread_mutex_lock(&batch->lock);
	r = submit_call(batch, position, function, arg, arg_size, limit);
	pthread_mutex_unlock(&batch->lock);
	return r;
}

/* Do the same for a batch of any kind. -ENOBUFS: its window is full. */
__attribute__((noinline)) static int submit_any(struct sheaf_batch *batch, uint64_t position, uint64_t function,
						const void *arg, size_t arg_size, uint16_t limit)
{
	const struct order_of_task order = {position, function, arg, arg_size, limit};
	int r;

	if (!batch->window)
		return submit_locked(batch, position, function, arg, arg_size, limit);
	pthread_mutex_lock(&batch->lock);
	r = windowed_send(batch, &order, flags_of(batch, limit));
	pthread_mutex_unlock(&batch->lock);
	return r;
}

/*
 * Accept a task that has no slot of the ring, because the submitter runs it next. @slot: its own.
 * 0; errors as for any task.
 */
static int accept_at_once(struct sheaf_batch *batch, uint64_t position, uint64_t function, const void *arg, size_t arg_size,
			  uint16_t limit, struct shared_slot *slot)
{
	const struct order_of_task order = {position, function, arg, arg_size, limit};
	struct piece argument = {0};
	int r;

	if (batch->window)
		return windowed_take(batch, &order, slot);
	if ((r = check_call_allowed(batch, position)))
		return r;
	if (arg_size > INLINE_ARG && (r = piece_take(batch, batch->heap_id, arg_size, "the argument of a task", &argument)))
		return r;
	if (batch->order.count == batch->entries.capacity &&
	    (r = entries_grow(&batch->entries, batch->segment, batch->shared, batch->heap_id))) {
		piece_give_back(batch, &argument);
		return r;
	}
	slot->arg.offset = argument.offset;
	if (arg_size)
		memcpy(arg_size > INLINE_ARG ? segment_at(batch->segment, argument.offset) : slot->arg.bytes, arg, arg_size);
	slot->function = function;
	slot->arg_size = (uint32_t)arg_size;
	slot->kind = TASK_CALL;
	slot->epoch = 0;
	slot->limit = limit;
	/* Relaxed, both: nobody else sees the slot. */
	store_relaxed(&slot->target, new_entry(batch, batch->order.count, position));
	store_relaxed(&slot->batch, batch->ref);
	order_add(&batch->order, position);
	return 0;
}

/*
 * Submit as a task that finds the ring full: run others as long as one is READY. Where none is, all
 * slots are held by tasks that wait, perhaps for this one. So run it at once. A call that does not
 * wait runs one, too: else a task that asks again and again could do so for ever.
 */
static int submit_as_task(struct sheaf_batch *batch, uint64_t position, uint64_t function, const void *arg, size_t arg_size,
			  uint16_t limit, uint64_t deadline_ns)
{
	bool waits = deadline_ns || !(batch->flags & SHEAF_NONBLOCK);
	uint64_t until = deadline_ns ? deadline_ns : batch->deadline_ns ? batch->deadline_ns : SHEAF_FOREVER;
	struct shared_slot own;
	enum help_room room;
	int r = -EAGAIN;

	do {
		room = help_make_room(batch, waits);
		if (room != ROOM_NONE)
			r = submit_any(batch, position, function, arg, arg_size, limit);
	} while (r == -EAGAIN && room != ROOM_NONE && waits && sheaf_now_ns() < until);
	if (r != -EAGAIN)
		return r;
	if (room != ROOM_NONE)
		return room_fail_full(batch, waits ? -ETIMEDOUT : r);
	pthread_mutex_lock(&batch->lock);
	r = accept_at_once(batch, position, function, arg, arg_size, limit, &own);
	pthread_mutex_unlock(&batch->lock);
	if (!r)
		nest_run_at_once(batch->member, &own);
	return r;
}

static bool is_later(int r)
{
	return r == -EAGAIN || r == -ENOBUFS;
}

/*
 * Do the same after the ring (@r is -EAGAIN) or the window (-ENOBUFS) was found full: again and
 * again, as soon as there is room.
 */
__attribute__((noinline)) static int submit_waiting(struct sheaf_batch *batch, uint64_t position, uint64_t function,
						    const void *arg, size_t arg_size, uint16_t limit, uint64_t deadline_ns,
						    int r)
{
	unsigned heard = member_heard(batch->member);

	/* In a task, the ring and the window are its own affair. */
	if (member_is_task(batch->member) && r == -EAGAIN)
		r = submit_as_task(batch, position, function, arg, arg_size, limit, deadline_ns);
	if (member_is_task(batch->member))
		return r == -ENOBUFS ? windowed_wait(batch, arg_size, heard, deadline_ns) : r;
	do
		r = r == -ENOBUFS ? windowed_wait(batch, arg_size, heard, deadline_ns)
				  : batch_wait_for_room(batch, heard, deadline_ns);
	while (!r && is_later(r = submit_any(batch, position, function, arg, arg_size, limit)));
	return r == -EINTR ? member_interrupt(batch->member) : r;
}

/* Submit a task to a pool of SHEAF_CHECK: the function goes in front of the argument. */
__attribute__((noinline)) static int submit_checked(sheaf_batch *batch, uint64_t position, uint64_t function, const void *arg,
						    size_t arg_size, uint16_t limit, uint64_t deadline_ns)
{
	struct check_header header = {.function = function, .arg_size = arg_size};
	uint64_t checked = function_store_own(batch->segment, FUNCTION_CHECK_CALL, (any_fn *)check_call);
	unsigned char *whole;
	int r = check_pointers(batch->member->memory, batch->segment, "sheaf_submit", "the argument", arg, arg_size);

	if (r)
		return r;
	whole = arg_size <= UINT32_MAX - sizeof(header) ? malloc(sizeof(header) + arg_size) : NULL;
	if (!whole)
		return sheaf_fail(-ENOMEM, "no memory to check an argument of %zu bytes", arg_size);
	memcpy(whole, &header, sizeof(header));
	if (arg_size)
		memcpy(whole + sizeof(header), arg, arg_size);
	r = submit_any(batch, position, checked, whole, sizeof(header) + arg_size, limit);
	if (is_later(r))
		r = submit_waiting(batch, position, checked, whole, sizeof(header) + arg_size, limit, deadline_ns, r);
	free(whole);
	return r;
}

/*
 * Submit to a pool of SHEAF_CHECK, to one with a table of functions, or that is traced, or to a
 * windowed batch.
 */
__attribute__((noinline)) static int submit_rare(sheaf_batch *batch, uint64_t position, sheaf_task_fn *fn, const void *arg,
						 size_t arg_size, uint16_t limit, uint64_t deadline_ns)
{
	uint64_t function, begin_ns = batch->segment->trace_records ? sheaf_now_ns() : 0;
	int r = function_store(batch->segment, "sheaf_submit", (any_fn *)fn, FUNCTION_TASK, &function);

	if (r)
		return r;
	if (batch->flags & BATCH_CHECKED)
		r = submit_checked(batch, position, function, arg, arg_size, limit, deadline_ns);
	else if (is_later(r = submit_any(batch, position, function, arg, arg_size, limit)))
		r = submit_waiting(batch, position, function, arg, arg_size, limit, deadline_ns, r);
	if (!r && begin_ns)
		traced_submitted(batch->segment, batch->member->number, function, batch->heap_id, position, begin_ns);
	return r;
}

__attribute__((always_inline)) static inline int submit_one(sheaf_batch *batch, uint64_t position, sheaf_task_fn *fn,
							    const void *arg, size_t arg_size, uint16_t limit,
							    uint64_t deadline_ns)
{
	uint64_t function = (uint64_t)(uintptr_t)fn;
	int r;

	if (!batch || !fn || (!arg && arg_size))
		return sheaf_fail(-EINVAL, "sheaf_submit: %s is NULL", !batch ? "batch" : !fn ? "fn" : "arg");
	if (arg_size > UINT32_MAX)
		return sheaf_fail(-EOVERFLOW,
				  "sheaf_submit: an argument of %zu bytes: put it into sheaf_alloc() memory and pass a pointer",
				  arg_size);
	if ((r = batch_check(batch)))
		return r;
	if (batch->flags & (BATCH_CHECKED | BATCH_NAMED | BATCH_WINDOWED))
		return submit_rare(batch, position, fn, arg, arg_size, limit, deadline_ns);
	r = submit_locked(batch, position, function, arg, arg_size, limit);
	return r != -EAGAIN ? r : submit_waiting(batch, position, function, arg, arg_size, limit, deadline_ns, r);
}

UNGUARDED int sheaf_submit(sheaf_batch *batch, uint64_t position, sheaf_task_fn *fn, const void *arg, size_t arg_size)
{
	return submit_one(batch, position, fn, arg, arg_size, LIMIT_BATCH, 0);
}

static int check_limit(const sheaf_batch *batch, uint64_t limit_ns)
{
	int r = batch_check(batch);

	return r ? r : member_may_limit(batch->segment, "sheaf_submit_with", "options.timeout_ns", limit_ns);
}

UNGUARDED int sheaf_submit_with(sheaf_batch *batch, uint64_t position, sheaf_task_fn *fn, const void *arg, size_t arg_size,
				const sheaf_task_options *options)
{
	uint16_t limit = options ? limit_pack(options->timeout_ns) : LIMIT_BATCH;
	int r = options && batch ? check_limit(batch, options->timeout_ns) : 0;

	if (r || (r = submit_one(batch, position, fn, arg, arg_size, limit, options ? options->deadline_ns : 0)))
		return r;
	/* Only now: the supervisor need not wake up for a task that was refused. */
	if (limit != LIMIT_BATCH && limit != LIMIT_NONE)
		batch_limit(batch, limit_unpack(limit));
	return 0;
}
