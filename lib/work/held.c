/*
 * held.c - keeps the seat of a worker true while tasks are nested.
 *
 * Writers           The seat: the worker. While a task waits and the worker runs another one, what
 *                   the seat told of it is kept on the stack (struct held). It is back in the seat
 *                   before the slot of the inner task is free.
 * Invariant         Whenever the worker can be killed, at most one of its slots is named by `hand`,
 *                   and that one is charged (blame.h). `deadline` is the earliest of all tasks on
 *                   the stack, and `limited` tells whose it is, if it is not the innermost one's.
 * Order             Relaxed, all: the seat is the worker's own, and the supervisor reads it after
 *                   the death. A kill cuts the process's own order.
 * Deaths            Between the claim of an inner task and the change of `hand`: the task that
 *                   waits counts as the innermost one.
 */
#include "work/held.h"

#include "base/atomic.h"

#include <string.h>

/* For so long this thread has run tasks of others while its own waited. */
static _Thread_local uint64_t others_ns;

void held_save(struct held *held, const struct member *handle)
{
	const struct shared_seat *seat = handle->seat;

	held->others_ns = others_ns;

	held->hand = load_relaxed(&seat->hand);
	held->cursor = load_relaxed(&seat->cursor);
	held->started = load_relaxed(&seat->started);
	held->deadline = load_relaxed(&seat->deadline);
	held->limited = load_relaxed(&seat->limited);
	held->limited_cursor = load_relaxed(&seat->limited_cursor);
	if (handle->forks_private)
		memcpy(held->items, handle->forks_private, sizeof(held->items));
}

uint64_t held_pause(struct held *held, struct shared_seat *seat)
{
	uint64_t deadline = held->deadline;

	if (!deadline)
		return 0;
	held->deadline = 0;
	store_relaxed(&seat->deadline, 0);
	held->paused_ns = sheaf_now_ns();
	return deadline;
}

void held_resume(const struct held *held, struct shared_seat *seat, uint64_t deadline)
{
	uint64_t took;

	if (!deadline)
		return;
	took = sheaf_now_ns() - held->paused_ns;
	/* Once, however many of others were nested in there. */
	others_ns = held->others_ns + took;
	store_relaxed(&seat->started, held->started + took);
	store_relaxed(&seat->deadline, deadline + took);
}

void held_limit(struct shared_seat *seat, const struct held *outer)
{
	store_relaxed(&seat->limited_cursor, outer->limited ? outer->limited_cursor : outer->cursor);
	store_relaxed(&seat->limited, outer->limited ? outer->limited : outer->hand);
}

void held_begin(const struct member *member, uint64_t started_ns, uint64_t limit_ns)
{
	struct shared_seat *seat = member->seat;
	const struct held *outer = member->outer;
	uint64_t deadline = limit_ns ? started_ns + limit_ns : 0;

	store_relaxed(&seat->deadline, 0);
	if (outer && outer->deadline && (!deadline || outer->deadline <= deadline)) {
		held_limit(seat, outer);
		started_ns = outer->started;
		deadline = outer->deadline;
	} else {
		store_relaxed(&seat->limited, 0);
	}
	store_relaxed(&seat->started, started_ns);
	store_relaxed(&seat->deadline, deadline);
}

/* Say again of the seat what was true before the inner task. */
static void restore_seat(const struct member *handle)
{
	struct shared_seat *seat = handle->seat;
	const struct held *outer = handle->outer;
	uint64_t more = outer->deadline ? others_ns - outer->others_ns : 0;

	store_relaxed(&seat->deadline, 0);
	store_relaxed(&seat->cursor, outer->cursor);
	store_relaxed(&seat->hand, outer->hand);
	store_relaxed(&seat->limited_cursor, outer->limited_cursor);
	store_relaxed(&seat->limited, outer->limited);
	store_relaxed(&seat->started, outer->started + more);
	store_relaxed(&seat->deadline, outer->deadline + more);
}

void held_left(struct member *member)
{
	struct member *handle = member->handle;

	if (!handle)
		return;
	if (!member_is_task(handle))
		handle->ops->returned(handle);
	else if (handle->task)
		handle->left(handle);
}

void held_end(struct member *member)
{
	restore_seat(member);
}

bool held_has_others(const struct segment *segment)
{
	return segment_wanted(segment) > 1 && !segment->threaded;
}

bool held_spares(const struct member *handle, const struct shared_batch *batch)
{
	/* The opener of a batch with a claimed slot does not change. */
	return held_has_others(handle->segment) && load_relaxed(&batch->opener) == HELD_BY(handle->name);
}
