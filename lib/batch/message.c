/*
 * fault.c - from a signal and an address to what the user did.
 *
 * The worker only stores the address and why it could not be used. What lies there is told by the owner, which has the batch and its
 * results before it and may take its time. It looks at its own memory: a worker has shared memory at the same addresses, and all else as it
 * was when the pool was created.
 */
#include "batch/message.h"

#include "base/atomic.h"
#include "os/os.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define NEAR_NULL 4096u      /* a field or an item behind a pointer that is NULL */
#define NEAR_END (16u << 20) /* so far behind its end, somebody ran over the segment's end */

void fault_note(sheaf_result *result, struct cause *cause, uint64_t way, uint64_t address)
{
	*cause = (struct cause){.way = (uint32_t)way, .address = address};
	if (way >= FAULT_ADDRESS)
		result->fault_address = (const void *)(uintptr_t)address;
}

/* Which pointers of the task are NULL on purpose? */
static const char *tell_null(const struct sheaf_batch *batch)
{
	const struct plan *plan = &batch->plan;

	if (!batch->dense)
		return batch->result_size ? "NULL: a task that was submitted without an argument gets none"
					  : "NULL: the batch has no result_size, so its tasks get no result";
	if (plan->kind == KIND_MAP)
		return !plan->out ? "NULL: the map has no out array" : !plan->in ? "NULL: the map has no in array" : "NULL";
	return plan->in ? "NULL" : "NULL: the loop has no context";
}

/* The entry at or before the offset, and how far behind its result the offset is; negative: inside. */
static const struct shared_entry *find_entry(const struct sheaf_batch *batch, uint64_t offset, int64_t *behind)
{
	const struct entries *entries = &batch->entries;
	uint64_t size = batch->result_size;

	for (size_t i = 0; !batch->dense && entries->stride && i < entries->count; i++) {
		const struct stretch *stretch = &entries->stretches[i];
		uint64_t at = offset - stretch->offset, index = at / entries->stride;

		if (offset < stretch->offset || index >= stretch->count || stretch->first + index >= batch->order.count)
			continue;
		at %= entries->stride;
		*behind = (int64_t)at - (int64_t)(size > 8 ? sizeof(struct shared_entry) + size : sizeof(struct shared_entry));
		return segment_at(batch->member->segment, offset - at);
	}
	return NULL;
}

static void tell_shared(const struct sheaf_batch *batch, uint64_t offset, char *text, size_t size)
{
	const struct segment *segment = batch->member->segment;
	uint64_t guard = segment_offset(segment, segment->heap_map) + segment->heap_size / UNIT * sizeof(uint64_t);
	const struct shared_entry *entry;
	int64_t behind;

	if ((entry = find_entry(batch, offset, &behind)))
		snprintf(text, size, "%lld bytes %s the result of position %llu", (long long)(behind < 0 ? -behind : behind),
			 behind < 0 ? "before the end of" : "behind", (unsigned long long)entry->position);
	else if (offset < guard)
		snprintf(text, size, "in what the pool keeps for itself");
	else if (offset < segment->heap)
		snprintf(text, size, "in a guard page, %llu bytes in front of the heap",
			 (unsigned long long)(segment->heap - offset));
	else if (offset >= segment->size)
		snprintf(text, size, "%llu bytes behind the end of the shared memory",
			 (unsigned long long)(offset - segment->size));
	/* Relaxed: it may have been allocated since, or freed; then this is all that can be said. */
	else if (!load_relaxed(&segment->heap_map[(offset - segment->heap) / UNIT]))
		snprintf(text, size, "in memory of the heap that is not allocated");
	else
		snprintf(text, size, "in shared memory");
}

static void tell_place(const struct sheaf_batch *batch, const struct cause *cause, char *text, size_t size)
{
	const struct segment *segment = batch->member->segment;
	uint64_t offset = cause->address - (uint64_t)(uintptr_t)segment->base;

	if (cause->address < NEAR_NULL)
		snprintf(text, size, "%s", tell_null(batch));
	else if (offset < segment->size + NEAR_END)
		tell_shared(batch, offset, text, size);
	else if (cause->way == FAULT_STACK)
		snprintf(text, size, "the task's stack is full");
	else if (cause->way == FAULT_PROTECTED)
		snprintf(text, size, "memory that may not be used so, as a constant may not be written");
	else if (cause->way != FAULT_UNMAPPED)
		snprintf(text, size, "the file that is mapped there ends before, or memory is short");
	else if (os_is_mapped(cause->address))
		snprintf(text, size,
			 "memory that the owner has only since the pool was created: workers share what sheaf_alloc() gave");
	else
		snprintf(text, size, "not mapped");
}

static void tell_signal(const struct sheaf_batch *batch, const sheaf_result *result, const struct cause *cause, char *text,
			size_t size)
{
	char place[160];
	int length = snprintf(text, size, "was killed by signal %d (%s)", result->signal, strsignal(result->signal));

	if (cause->way < FAULT_ADDRESS || length < 0 || (size_t)length >= size)
		return;
	tell_place(batch, cause, place, sizeof(place));
	snprintf(text + length, size - (size_t)length, " at address 0x%llx (%s)", (unsigned long long)cause->address, place);
}

void fault_tell(const struct sheaf_batch *batch, const sheaf_result *result, const struct cause *cause, char *text, size_t size)
{
	if (result->status == -ETIMEDOUT)
		snprintf(text, size, "was killed because the task ran longer than its limit,");
	else if (result->signal)
		tell_signal(batch, result, cause, text, size);
	else if (cause->way == WAY_THREAD_EXIT)
		snprintf(text, size, "ended its thread (pthread_exit() or pthread_cancel())");
	else if (cause->way == WAY_JUMP)
		snprintf(text, size, "jumped out of the task by longjmp()");
	else if (cause->way & WAY_UNTOLD && cause->way < FAULT_ADDRESS)
		snprintf(text, size, "called %s()", cause->way & WAY_QUICK_EXIT ? "quick_exit" : "exit");
	else
		snprintf(text, size, "called %s(%d)", cause->way == WAY_QUICK_EXIT ? "quick_exit" : "exit", result->exit_code);
}
