/*
 * message.c - says in words why a position failed: from a signal and an address to what the user
 * did.
 *
 * The worker only stores the address, and why it could not be used. What lies there is told by the
 * opener, which has the batch and its results before it and may take its time. It checks its own
 * memory: a worker has shared memory at the same addresses, and all else as it was when the pool
 * was created.
 */
#include "batch/message.h"

#include "base/atomic.h"
#include "base/error.h"
#include "os/os.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NEAR_NULL 4096u      /* a field or an item behind a pointer that is NULL */
#define NEAR_END (16u << 20) /* so far behind its end, somebody ran over the segment's end */

/* A text composed for a result. */
struct note {
	struct note *next;
	char text[];
};

/* ---- how a worker died ---- */

void message_note_cause(sheaf_result *result, struct cause *cause, uint64_t way, uint64_t address)
{
	*cause = (struct cause){.way = (uint32_t)way, .address = address};
	if (way >= FAULT_ADDRESS)
		result->fault_address = (const void *)(uintptr_t)address;
}

/* Which pointers of the task are NULL on purpose? */
static const char *tell_null(const struct sheaf_batch *batch)
{
	const struct plan *plan = &batch->plan;

	if (!batch_is_dense(batch))
		return batch->result_size ? "NULL: a task that was submitted without an argument gets none"
					  : "NULL: the batch has no result_size, so its tasks get no result";
	if (plan->kind == KIND_MAP)
		return !plan->out ? "NULL: the map has no out array" : !plan->in ? "NULL: the map has no in array" : "NULL";
	return plan->in ? "NULL" : "NULL: the loop has no context";
}

/*
 * Find the entry that the offset lies in, and how far behind its result that is; negative: inside.
 * NULL: there is none.
 */
static const struct shared_entry *find_entry(const struct sheaf_batch *batch, uint64_t offset, int64_t *behind)
{
	uint64_t size = batch->result_size, index, byte;

	if (!entries_find(&batch->entries, offset, &index, &byte) || index >= batch->order.count)
		return NULL;
	*behind = (int64_t)byte - (int64_t)(size > 8 ? sizeof(struct shared_entry) + size : sizeof(struct shared_entry));
	return segment_at(batch->segment, offset - byte);
}

static void tell_shared(const struct sheaf_batch *batch, uint64_t offset, char *text, size_t size)
{
	const struct segment *segment = batch->segment;
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
	/* Relaxed: if it has been allocated or freed since, no more can be said. */
	else if (!load_relaxed(&segment->heap_map[(offset - segment->heap) / UNIT]))
		snprintf(text, size, "in memory of the heap that is not allocated");
	else
		snprintf(text, size, "in shared memory");
}

static void tell_place(const struct sheaf_batch *batch, const struct cause *cause, char *text, size_t size)
{
	const struct segment *segment = batch->segment;
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

/* Say how the worker of a result that failed by its death has ended: "called exit(3)". */
static void tell_death(const struct sheaf_batch *batch, const sheaf_result *result, const struct cause *cause, char *text,
		       size_t size)
{
	if (result->status == -ETIMEDOUT)
		snprintf(text, size, "was killed because the task ran longer than its limit,");
	else if (result->status == -ECANCELED && result->signal == SIGKILL)
		snprintf(text, size, "was killed because the position was cancelled,");
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

/* ---- texts ---- */

int message_copy(struct sheaf_batch *batch, sheaf_result *result, const char *text, size_t size)
{
	struct note *note = malloc(sizeof(*note) + size + 1);

	if (!note)
		return sheaf_fail(-ENOMEM, "no memory for the message of a failed position");
	memcpy(note->text, text, size);
	note->text[size] = '\0';
	note->next = batch->notes;
	batch->notes = note;
	result->message = note->text;
	return 0;
}

bool message_of_death(const sheaf_result *result)
{
	return result->status && (result->signal || result->exit_code >= 0);
}

/* Give a failed result a text of its own. */
__attribute__((noinline)) static int compose(struct sheaf_batch *batch, sheaf_result *result, const struct cause *cause)
{
	char text[640], how[320], runs[64], time[64] = "";

	if (!message_of_death(result)) {
		/* Only a position that was cancelled has a status from no process. */
		result->message = result->status == -ECANCELED && !result->pid ? MESSAGE_CANCELLED
									       : sheaf_strerror(result->status);
		return 0;
	}
	tell_death(batch, result, cause, how, sizeof(how));
	if (result->status == -ETIMEDOUT || result->status == -ECANCELED)
		snprintf(runs, sizeof(runs), "in attempt %u", result->attempts);
	else if (result->attempts == 1)
		snprintf(runs, sizeof(runs), "in its only attempt");
	else
		snprintf(runs, sizeof(runs), "in attempt %u, the last", result->attempts);
	if (result->started_ns)
		snprintf(time, sizeof(time), ", after %.3g s", (double)(result->finished_ns - result->started_ns) / 1e9);
	snprintf(text, sizeof(text), "position %llu: worker %d (pid %ld) %s %s%s", (unsigned long long)result->position,
		 result->worker, (long)result->pid, how, runs, time);
	return message_copy(batch, result, text, strlen(text));
}

int message_complete(struct sheaf_batch *batch, sheaf_result *result, const struct cause *cause)
{
	return result->message ? 0 : compose(batch, result, cause);
}

int message_fail_damaged(uint64_t position)
{
	return sheaf_fail(
		-EBADMSG,
		"position %llu: its place in the result table was written over, so that its result is lost: most likely a task "
		"wrote behind its result or its argument (SHEAF_CHECK=1 in the environment tells which)",
		(unsigned long long)position);
}

void message_free(struct sheaf_batch *batch)
{
	while (batch->notes) {
		struct note *next = batch->notes->next;

		free(batch->notes);
		batch->notes = next;
	}
}

int message_fail_position(const sheaf_result *result, uint64_t failed)
{
	char which[64] = "", more[64] = "";

	if (!message_of_death(result))
		snprintf(which, sizeof(which), "position %llu: ", (unsigned long long)result->position);
	if (failed > 1)
		snprintf(more, sizeof(more), " (%llu other positions failed, too)", (unsigned long long)failed - 1);
	return sheaf_fail(result->status, "%s%s%s", which, result->message, more);
}
