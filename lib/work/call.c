/*
 * call.c - runs submitted tasks.
 *
 * Writers           An entry's word and position: the submitter, before it publishes the slot. The
 *                   rest of an entry: the owner of the slot, and after its death the supervisor
 *                   (settle.c). Nobody after DONE.
 * Invariant         An entry is DONE at most once (promise 3). While it is READY, its slot is
 *                   FILLING, READY or OWNED (promise 1).
 * Edges             CALL1  publish -> gather: hands over the entry, the result and the text. Its
 *                   other end is in batch/.
 * Deaths            Before CALL1: the slot is OWNED by the dead member and the entry is READY. So
 *                   the task runs again, and writes all of it again.
 *                   After CALL1, before the slot is released: the entry is DONE, so the supervisor
 *                   only frees the slot.
 *                   A gatherer that should have been rung is rung by the supervisor, as after every
 *                   death.
 */
#include "work/call.h"

#include "base/atomic.h"
#include "base/guard.h"
#include "base/number.h"
#include "queue/bell.h"
#include "queue/ring.h"
#include "segment/heap.h"
#include "work/cancel.h"
#include "work/function.h"
#include "work/held.h"

#include <errno.h>
#include <string.h>

uint64_t entry_stride(uint64_t result_size)
{
	return sizeof(struct shared_entry) + (result_size > 8 ? round_up(result_size, 64) : 0);
}

struct shared_entry *call_entry_at(const struct segment *segment, const struct shared_batch *batch, uint64_t target,
				   uint64_t result_size)
{
	uint64_t table = segment_offset(segment, batch->table), size;
	bool fits;

	if (target % 64 || target >= segment->size || result_size > segment->heap_size)
		return NULL;
	size = entry_stride(result_size);
	if (target >= table && target < table + BATCH_INLINE)
		fits = size <= table + BATCH_INLINE - target;
	else
		fits = heap_contains(segment, segment_at(segment, target), size);
	return fits ? segment_at(segment, target) : NULL;
}

/* Store what a task that failed tells: its text, and where the bytes lie that it has left. */
static void store_failure(struct member *member, struct shared_entry *entry, const struct sheaf_task *task)
{
	const struct shared_left left = {.offset = task->data, .size = task->size};
	uint64_t before = task->data ? sizeof(left) : 0, heap_id = task_heap_id(task->batch, task->slot), offset;
	unsigned char *at;

	entry->last.cause.signal = 0;
	entry->last.cause.exit_code = -1;
	entry->data = 0;
	entry->size = 0;
	/* Without memory for that, the code alone must do. */
	if ((!task->text_size && !task->data) ||
	    region_alloc(member->segment, heap_id, task->batch, member_region(member, heap_id), before + task->text_size + 1,
			 &offset))
		return;
	at = segment_at(member->segment, offset);
	memcpy(at, &left, before);
	memcpy(at + before, task->text, task->text_size);
	entry->data = offset;
	entry->size = task->text_size | (before ? FAILED_WITH : 0);
}

static uint64_t slot_limit(const struct shared_slot *slot, const struct shared_batch *batch)
{
	return slot->limit == LIMIT_BATCH ? batch->limit_ns : slot->limit == LIMIT_NONE ? 0 : limit_unpack(slot->limit);
}

/* Find the argument of a task. NULL: it has none. */
UNGUARDED static inline const void *slot_argument(const struct segment *segment, const struct shared_slot *slot)
{
	if (!slot->arg_size)
		return NULL;
	return slot->arg_size > INLINE_ARG ? segment_at(segment, slot->arg.offset) : slot->arg.bytes;
}

void call_cancel(struct shared_entry *entry, uint64_t word, unsigned attempts)
{
	struct word w = word_unpack(word);

	w.state = WORD_OWNED; /* also if it was withdrawn: then only the caller can end it */
	w.attempt = attempts;
	entry->status = -ECANCELED;
	entry->pid = 0;
	entry->data = 0;
	entry->size = 0;
	entry->started_ns = entry->finished_ns = 0;
	entry->last.cause.signal = 0;
	entry->last.cause.exit_code = -1;
	call_publish(entry, word_pack(w));
}

/*
 * May the task of a slot be run? If its position was cancelled, that is published instead. Relaxed,
 * all: what happens at the same time may come just too late, and no order changes that.
 */
__attribute__((noinline)) static bool is_wanted(const struct shared_batch *batch, struct shared_entry *entry, uint64_t word)
{
	enum batch_state state = BATCH_STATE(load_relaxed(&batch->word));
	struct word told = word_unpack(load_relaxed(&entry->word));

	if (state == BATCH_OPEN && !(told.state == WORD_READY && told.flags & WORD_CANCELLED))
		return true;
	/* The claim has counted an attempt that is not made. */
	if (state != BATCH_RETIRED)
		call_cancel(entry, word, word_unpack(word).attempt - 1);
	return false;
}

/* The same, quickly for a task that nobody has touched. */
static inline bool may_run(const struct shared_batch *batch, struct shared_entry *entry, uint64_t word)
{
	/* Relaxed, both: handed over by the slot (RING1), and what comes later may be too late. */
	return (BATCH_STATE(load_relaxed(&batch->word)) == BATCH_OPEN && load_relaxed(&entry->word) == ENTRY_FRESH) ||
	       is_wanted(batch, entry, word);
}

/* Field by field, because the text is long. */
static inline void begin_task(struct sheaf_task *task, struct member *member, struct shared_batch *batch,
			      const struct shared_slot *slot, const struct shared_entry *entry, unsigned attempt)
{
	task->member = member;
	task->batch = batch;
	task->slot = slot;
	task->position = entry->position;
	task->attempt = attempt;
	task->of_map = false;
	task->data = 0;
	task->size = batch->out_size;
	task->text_size = 0;
}

/* Tell a windowed batch how large a result is that lies elsewhere than its entry. */
__attribute__((noinline)) static void count_result(struct shared_batch *batch, uint64_t size)
{
	/* Relaxed: the publication hands it over (CALL1). */
	if (batch->flags & BATCH_WINDOWED)
		fetch_add_relaxed(&batch->result_bytes, size);
}

/* Write into the entry of a task that has returned all but its status. */
__attribute__((always_inline)) static inline void fill_entry(struct member *member, const struct shared_batch *batch,
							     struct shared_entry *entry, const struct sheaf_task *task,
							     uint64_t started)
{
	if (entry->status) {
		store_failure(member, entry, task);
	} else {
		entry->data = task->data;
		entry->size = task->size;
		if (task->data)
			count_result(task->batch, task->size);
	}
	entry->pid = member->pid;
	if (!(batch->flags & SHEAF_NO_TIMES)) {
		entry->started_ns = started;
		entry->finished_ns = member->clock_ns = sheaf_now_ns();
	}
}

/*
 * Run the task. @nested: inside the wait of another task, see nest.h. The two are compiled apart,
 * because a worker's own tasks are the hot path.
 */
__attribute__((always_inline)) static inline void run_slot(struct member *member, struct shared_slot *slot, uint64_t word,
							   const bool nested)
{
	struct segment *segment = member->segment;
	struct shared_batch *batch = task_batch(segment, slot);
	/* Relaxed: handed over by the slot's word (RING1). */
	struct shared_entry *entry = segment_at(segment, load_relaxed(&slot->target));
	struct shared_seat *seat = member->seat;
	struct word w = word_unpack(word);
	struct sheaf_task task;
	void *result = call_result(entry, batch->out_size);
	uint64_t started = 0, limit = 0, entry_offset;
	int status;

	if (!may_run(batch, entry, word)) {
		if (nested)
			held_end(member);
		goto release;
	}
	/* The last attempt is always timed, so that a death in it can tell how long it took. */
	if (!(batch->flags & SHEAF_NO_TIMES) || w.attempt >= batch->max_attempts || slot->limit || batch->limit_ns) {
		started = member->clock_ns ? member->clock_ns : sheaf_now_ns();
		limit = slot_limit(slot, batch);
	}
	if (limit)
		output_look(); /* this one may be killed with what others have left */
	if (nested)
		held_begin(member, started, limit);
	else
		task_hold(seat, started, limit);
	begin_task(&task, member, batch, slot, entry, w.attempt);
	status = ((sheaf_task_fn *)function_of(segment, slot->function))(&task, slot_argument(segment, slot), result);
	task_returned(member);
	entry->status = status > 0 ? task_status(&task, status) : status;
	if (nested)
		held_end(member);
	else if (limit)
		task_let_go(seat);
	fill_entry(member, batch, entry, &task, started);
	call_publish(entry, word);
	if (__builtin_expect(status != 0, 0))
		cancel_after_failure(segment, batch);
	/* Relaxed: a sign of progress, written by this member alone. */
	store_relaxed(&seat->completed, load_relaxed(&seat->completed) + 1);
release:
	entry_offset = load_relaxed(&slot->target);
	task_release(slot, word);
	/* Only now, so that a woken gatherer need not wait for the slot. The batch slot may hold
	 * another batch by now, which gets an extra token at worst. */
	gatherer_ring(segment, batch, WAIT_ENTRY(entry_offset));
	room_ring(segment);
}

UNGUARDED void call_run(struct member *member, struct shared_slot *slot, uint64_t word)
{
	run_slot(member, slot, word, false);
}

UNGUARDED void call_run_nested(struct member *member, struct shared_slot *slot, uint64_t word)
{
	run_slot(member, slot, word, true);
}
