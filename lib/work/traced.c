/*
 * traced.c - notes when tasks begin and end, in a pool that is traced.
 *
 * No other pool pays for it: here a task's word for its function is a number, as in a pool that
 * programs may join, and stands for one of the functions below. That finds the user's function by
 * the same number.
 *
 * Writers, Deaths   As in trace/trail.c.
 */
#include "work/traced.h"

#include "trace/trail.h"
#include "work/check.h"
#include "work/cut.h"
#include "work/function.h"
#include "work/share.h"
#include "work/task.h"

#include <string.h>

/* Find the word for the user's function, also behind one of SHEAF_CHECK. */
static uint64_t stored_of(const struct sheaf_task *task)
{
	const struct shared_batch *batch = task->batch;
	const struct shared_slot *slot = task->slot;
	struct check_header header;

	if (task->of_map)
		return batch->kind == KIND_MAP && batch->flags & BATCH_CHECKED ? batch->checked : batch->function;
	if (!(batch->flags & BATCH_CHECKED))
		return slot->function;
	memcpy(&header, slot->arg_size > INLINE_ARG ? segment_at(task->member->segment, slot->arg.offset) : slot->arg.bytes,
	       sizeof(header));
	return header.function;
}

static uint32_t traced_number(uint64_t stored)
{
	return stored >= FUNCTIONS_FIRST && stored < FUNCTIONS_END ? (uint32_t)(stored - FUNCTIONS_FIRST + 1) : 0;
}

/* Find the share whose range a chunk is in. */
static uint64_t share_of(uint64_t chunks, uint32_t shares, uint64_t chunk)
{
	uint64_t least = chunks / shares, share = least ? chunk / least : chunk;

	/* A range has that many chunks, or one more: the guess is too high at worst. */
	if (share >= shares)
		share = shares - 1;
	while (share && cut_range(chunks, shares, share) > chunk)
		share--;
	return share;
}

/* Has the member got the position, as the batch counts, from the share of another one? */
static bool is_stolen(const struct sheaf_task *task, uint64_t position)
{
	const struct segment *segment = task->member->segment;
	const struct shared_batch *batch = task->shared;
	/* A wild write may change them: what is checked is used. Few chunks have no shares. */
	uint64_t chunk = batch->chunk, chunks = batch->chunks;
	uint32_t shares = batch->shares;
	/* Relaxed: the member's own. */
	uint64_t hand = load_relaxed(&task->member->seat->hand);
	const struct shared_slot *slot = segment_at(segment, hand);

	if (!chunk || !shares || chunks <= FEW_CHUNKS)
		return false;
	if (task->batch != batch)
		return share_of(chunks, shares, position / chunk) != CALLERS_SHARE;
	if (slot < segment->slots || slot >= segment->slots + segment_slots(segment) || slot->kind != TASK_SHARE ||
	    task_batch(segment, slot) != batch)
		return false;
	/* Relaxed: as above. */
	return share_of(chunks, shares, position / chunk) != load_relaxed(&slot->target);
}

static void describe_entry(const struct sheaf_task *task, enum record_kind kind, uint64_t position, uint64_t count,
			   struct trail_entry *entry)
{
	const struct member *member = task->member;

	*entry = (struct trail_entry){
		.kind = kind,
		.attempt = sheaf_task_attempt(task),
		.function = traced_number(stored_of(task)),
		.batch = task->batch->heap_id,
		.position = position,
		.count = count,
	};
	if (member->outer || member->at_once)
		entry->flags |= RECORD_INSIDE;
	if (kind != RECORD_TASK && is_stolen(task, position - task->batch->first))
		entry->flags |= RECORD_STOLEN;
}

/* A call of the user's function. */
struct traced_call {
	struct trail_entry entry;
	struct trail_mark mark;
};

/* Note that a function begins, and return it. */
static any_fn *begin_traced(const struct sheaf_task *task, enum record_kind kind, uint64_t position, uint64_t count,
			    struct traced_call *call)
{
	unsigned of_kind;

	describe_entry(task, kind, position, count, &call->entry);
	trail_begin(task->member->segment, task->member->number, &call->entry, &call->mark);
	return function_plain(task->member->segment, stored_of(task), &of_kind);
}

static void end_traced(const struct sheaf_task *task, const struct traced_call *call, int status)
{
	task_returned(task->member);
	trail_end(task->member->segment, task->member->number, &call->entry, &call->mark, status);
}

static int run_traced(sheaf_task *task, const void *arg, void *result)
{
	struct traced_call call;
	any_fn *fn = begin_traced(task, task->of_map ? RECORD_ITEMS : RECORD_TASK, sheaf_task_position(task), 1, &call);
	int r = ((sheaf_task_fn *)fn)(task, arg, result);

	end_traced(task, &call, r);
	return r;
}

static int run_traced_range(sheaf_task *task, size_t begin, size_t end, void *context)
{
	struct traced_call call;
	any_fn *fn = begin_traced(task, RECORD_RANGE, begin, end - begin, &call);
	int r = ((sheaf_range_fn *)fn)(task, begin, end, context);

	end_traced(task, &call, r);
	return r;
}

void traced_take_functions(const struct segment *segment)
{
	segment->functions->traced[FUNCTION_TASK] = (any_fn *)run_traced;
	segment->functions->traced[FUNCTION_RANGE] = (any_fn *)run_traced_range;
}

void traced_submitted(const struct segment *segment, unsigned seat, uint64_t stored, uint64_t batch, uint64_t position,
		      uint64_t begin_ns)
{
	trail_submitted(segment, seat, traced_number(stored), batch, position, begin_ns);
}
