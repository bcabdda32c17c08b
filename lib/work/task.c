/*
 * task.c - the calls that a task makes while it runs.
 */
#include "work/task.h"

#include "base/error.h"
#include "base/guard.h"
#include "segment/heap.h"
#include "sheaf_workers.h"
#include "work/cancel.h"
#include "work/held.h"
#include "work/zone.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

void task_returned_oddly(struct member *member)
{
	/* Not exit(), because the streams may hold what the parent will write, too. */
	if (forks_count() != member->made)
		_exit(1);
	held_left(member);
	member->returns = member->made;
}

int task_status(struct sheaf_task *task, int returned)
{
	if (returned <= 0)
		return returned;
	return sheaf_task_fail(task, -EINVAL, "the task returned %d: a task returns 0 or a negative errno", returned);
}

uint64_t sheaf_task_position(const sheaf_task *task)
{
	/* Of a submitted task the batch may have anything there. */
	return task->of_map ? task->position + task->batch->first : task->position;
}

unsigned sheaf_task_attempt(const sheaf_task *task)
{
	return task->attempt;
}

unsigned sheaf_task_worker(const sheaf_task *task)
{
	return task->member->number;
}

/* Find the task's batch in the segment, also where the opener runs by its private copy. */
static struct shared_batch *shared_of(const sheaf_task *task)
{
	return task->of_map ? task->shared : task->batch;
}

const void *sheaf_task_context(const sheaf_task *task)
{
	const struct shared_batch *batch = task->batch;
	uint64_t offset = !task->of_map ? 0 : batch->kind == KIND_MAP ? batch->context : batch->in;

	if (offset)
		return segment_at(task->member->segment, offset);
	return batch->flags & BATCH_HAS_USER ? (const void *)(uintptr_t)batch->user : NULL;
}

size_t sheaf_task_arg_size(const sheaf_task *task)
{
	const struct shared_batch *batch = task->batch;

	if (task->of_map)
		return batch->kind == KIND_MAP && batch->in ? (size_t)batch->in_size : 0;
	return task->slot->arg_size - (batch->flags & BATCH_CHECKED ? sizeof(struct check_header) : 0);
}

UNGUARDED int sheaf_task_result(sheaf_task *task, size_t size, void **memory)
{
	struct shared_batch *batch;
	struct segment *segment;
	uint64_t offset, tail, heap_id;
	int r;

	if (!task || !memory)
		return sheaf_fail(-EINVAL, "sheaf_task_result: %s is NULL", task ? "memory" : "task");
	if (forks_count() != task->member->made)
		return sheaf_fail(-EPERM, "sheaf_task_result: this process is a child that the task has forked");
	segment = task->member->segment;
	batch = shared_of(task);
	tail = batch->flags & BATCH_CHECKED && size < SIZE_MAX - ZONE_TAIL ? ZONE_TAIL : 0;
	/* The id is that of its own copy, if an opener runs this: a wild write cannot change it. */
	heap_id = task->slot ? task_heap_id(task->batch, task->slot) : task->batch->heap_id;
	r = region_alloc(segment, heap_id, batch, member_region(task->member, heap_id), size + tail, &offset);
	if (r)
		return heap_fail(segment, r, size, "a result");
	task->data = offset;
	task->data_of = task->position;
	task->size = size;
	*memory = segment_at(segment, offset);
	if (tail)
		zone_fill((unsigned char *)*memory + size, ZONE_TAIL);
	return 0;
}

void *sheaf_task_state(const sheaf_task *task)
{
	return task->member->service ? task->member->service->state : NULL;
}

int sheaf_task_leave(sheaf_task *task)
{
	struct member *member;
	uint32_t stays = LEAVE_NOT;

	if (!task)
		return sheaf_fail(-EINVAL, "sheaf_task_leave: task is NULL");
	member = task->member;
	if (forks_count() != member->made)
		return sheaf_fail(-EPERM, "sheaf_task_leave: this process is a child that the task has forked");
	if (!member->service || member->segment->inlined)
		return sheaf_fail(-ENOTSUP,
				  "sheaf_task_leave: the thread that waits for the task runs it itself (%s), and is no worker "
				  "that could leave",
				  member->service ? "SHEAF_INLINE" : "caller_works");
	/* Relaxed, both: this worker reads it next, before it claims another task. */
	cas_relaxed(&member->service->leave, &stays, LEAVE_ASKED);
	if (!heeds_seat(load_relaxed(&member->segment->control->heed)))
		segment_heed(member->segment, HEED_SEAT);
	return 0;
}

bool sheaf_task_cancelled(const sheaf_task *task)
{
	const struct shared_entry *entry;

	if (task->of_map)
		return position_is_cancelled(task->shared, task->position);
	if (BATCH_STATE(load_relaxed(&task->batch->word)) != BATCH_OPEN)
		return true;
	/* Relaxed, both: the slot is the member's, and the flag is told to nobody else. */
	entry = segment_at(task->member->segment, load_relaxed(&task->slot->target));
	return word_unpack(load_relaxed(&entry->word)).flags & WORD_CANCELLED;
}

int sheaf_task_fail(sheaf_task *task, int code, const char *format, ...)
{
	va_list args;
	int size;

	va_start(args, format);
	size = vsnprintf(task->text, sizeof(task->text), format, args);
	va_end(args);
	task->text_size = size < 0 ? 0 : size < FAIL_TEXT ? (unsigned)size : FAIL_TEXT - 1;
	task->text_of = task->position;
	return code;
}
