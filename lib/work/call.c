/*
 * table.c - the result table of submitted tasks.
 *
 * Who writes what   word and position: the submitter, before the slot is published. The rest of an entry: whoever owns the slot, and
 *                   after its death the supervisor. Nobody after DONE.
 * Invariant         An entry is DONE at most once (P3), and while it is READY its slot is FILLING, READY or OWNED (P1).
 * Edges             P1 -> G1  publish -> gather: hands over the entry, the result and the text. G1 is in gather.c.
 * Deaths            Before P1: the slot is OWNED by the dead, the entry READY: the task runs again, and writes all of it again.
 *                   After P1, before the slot is freed: the entry is DONE, so the supervisor only frees the slot.
 *                   A gatherer that was to be rung is rung by the supervisor after every death.
 */
#include "work/call.h"

#include "base/atomic.h"
#include "base/guard.h"
#include "base/number.h"
#include "queue/bell.h"
#include "queue/ring.h"
#include "segment/heap.h"

#include <errno.h>
#include <string.h>

uint64_t entry_stride(uint64_t result_size)
{
	return sizeof(struct shared_entry) + (result_size > 8 ? round_up(result_size, 64) : 0);
}

static void *result_slot(struct shared_entry *entry, uint64_t size)
{
	return !size ? NULL : size <= 8 ? (void *)entry->last.small : (void *)(entry + 1);
}

/* READY -> DONE by who owns the slot with the word @owned. False if it was published before. */
static bool publish(struct shared_entry *entry, uint64_t owned)
{
	/* Relaxed: the task is ours by its slot, and only its owner changes the word. */
	uint64_t word = load_relaxed(&entry->word);
	uint64_t done = word_done(owned & ~(WORD_PAYLOAD_MAX << WORD_PAYLOAD_AT)); /* the lap is the slot's affair */

	if (word_state(word) != WORD_READY)
		return false;
	/* P1, pairs with G1. Seq_cst: we look for a gatherer next. */
	return cas_seq_cst(&entry->word, &word, done);
}

static void store_failure(struct member *member, struct shared_entry *entry, const struct sheaf_task *task)
{
	uint64_t offset;

	entry->last.cause.signal = 0;
	entry->last.cause.exit_code = -1;
	entry->data = 0;
	entry->size = 0;
	/* Without memory for the text, the code alone must do. */
	if (!task->text_size ||
	    region_alloc(member->segment, task->batch, member_region(member, task->batch), task->text_size + 1, &offset))
		return;
	memcpy(segment_at(member->segment, offset), task->text, task->text_size + 1);
	entry->data = offset;
	entry->size = task->text_size;
}

static uint64_t slot_limit(const struct shared_slot *slot, const struct shared_batch *batch)
{
	return slot->limit == LIMIT_BATCH ? batch->limit_ns : slot->limit == LIMIT_NONE ? 0 : limit_unpack(slot->limit);
}

UNGUARDED void call_run(struct member *member, struct shared_slot *slot, uint64_t word)
{
	struct segment *segment = member->segment;
	struct shared_batch *batch = &segment->batches[BATCH_INDEX(load_relaxed(&slot->batch))];
	struct shared_entry *entry = segment_at(segment, slot->target);
	struct shared_seat *seat = member->seat;
	struct word w = word_unpack(word);
	struct sheaf_task task;
	const void *arg = NULL;
	void *result = result_slot(entry, batch->out_size);
	uint64_t started = 0, limit = 0, entry_offset;
	int status;

	/* Acquire on the batch's word is not needed: the slot's edge (A1) came after the batch was opened. */
	if (BATCH_STATE(load_relaxed(&batch->word)) != BATCH_OPEN)
		goto release;
	/* How long the last attempt takes is told even if it ends in a death. */
	if (!(batch->flags & SHEAF_NO_TIMES) || w.attempt >= batch->max_attempts || slot->limit || batch->limit_ns) {
		started = member->clock_ns ? member->clock_ns : sheaf_now_ns();
		limit = slot_limit(slot, batch);
	}
	if (limit)
		output_look(); /* this one may be killed with what others have left */
	task_hold(seat, started, limit);
	if (slot->arg_size)
		arg = slot->arg_size > INLINE_ARG ? segment_at(segment, slot->arg.offset) : slot->arg.bytes;
	task.member = member;
	task.batch = batch;
	task.position = entry->position;
	task.attempt = w.attempt;
	task.of_map = false;
	task.data = 0;
	task.size = batch->out_size;
	task.text_size = 0;

	status = ((sheaf_task_fn *)(uintptr_t)slot->function)(&task, arg, result);
	task_returned(member->forks);
	entry->status = status > 0 ? task_status(&task, status) : status;
	if (limit)
		task_let_go(seat);
	if (entry->status) {
		store_failure(member, entry, &task);
	} else {
		entry->data = task.data;
		entry->size = task.size;
	}
	entry->pid = member->pid;
	if (!(batch->flags & SHEAF_NO_TIMES)) {
		entry->started_ns = started;
		entry->finished_ns = member->clock_ns = sheaf_now_ns();
	}
	publish(entry, word);
	/* Relaxed: a sign of progress, written by us alone. */
	store_relaxed(&seat->completed, load_relaxed(&seat->completed) + 1);
release:
	entry_offset = slot->target;
	task_give_back(slot, word);
	/* Only now: a gatherer that wakes at once shall not have to wait for the slot. The batch may be another one's by now, which
	 * gets an extra token at worst. */
	gatherer_ring(batch, WAIT_ENTRY(entry_offset));
	room_ring(segment);
}

/* Keep the last words that the dead worker left; without memory they are lost. */
static void store_account(struct segment *segment, struct shared_batch *batch, struct shared_entry *entry,
			  const struct death *death, struct region *region)
{
	uint64_t size = death->frame_count * sizeof(*death->frames), offset;
	struct shared_account *account;

	entry->data = 0;
	entry->size = 0;
	if ((!size && !death->way) || region_alloc(segment, batch, region, sizeof(*account) + size, &offset))
		return;
	account = segment_at(segment, offset);
	*account = (struct shared_account){.address = death->address, .way = death->way};
	if (size)
		memcpy(account + 1, death->frames, size);
	entry->data = offset;
	entry->size = death->frame_count;
}

/* Can an entry and its result lie there? A wild task may have written over the slot, or over the batch. */
static bool entry_possible(const struct segment *segment, const struct shared_batch *batch, uint64_t target,
			   uint64_t result_size)
{
	uint64_t table = segment_offset(segment, batch->table), size;

	if (target % 64 || target >= segment->size || result_size > segment->heap_size)
		return false;
	size = entry_stride(result_size);
	if (target >= table && target < table + BATCH_INLINE)
		return size <= table + BATCH_INLINE - target;
	return heap_contains(segment, segment_at(segment, target), size);
}

bool call_repair(struct segment *segment, struct shared_slot *slot, uint64_t word, const struct death *death,
		 struct region *region)
{
	struct shared_batch *batch = &segment->batches[BATCH_INDEX(load_relaxed(&slot->batch))];
	uint64_t target = slot->target, result_size = batch->out_size; /* read once: what is checked is used */
	struct shared_entry *entry;
	struct word w = word_unpack(word);

	if (!entry_possible(segment, batch, target, result_size)) {
		(void)ring_release(slot, word); /* damaged either way */
		return false;
	}
	entry = segment_at(segment, target);

	/* Relaxed, both: the dead worker's writes are visible to who waited for its death. */
	if (BATCH_STATE(load_relaxed(&batch->word)) == BATCH_OPEN && word_state(load_relaxed(&entry->word)) == WORD_READY) {
		if (!death->late && (death->innocent || w.attempt < batch->max_attempts)) {
			/* The next run finds its result zeroed, as the first did. */
			if (result_size)
				memset(result_slot(entry, result_size), 0, result_size);
			return ring_return(slot, word, w.attempt - death->innocent);
		}
		entry->status = death->late ? -ETIMEDOUT : -ECHILD;
		entry->pid = death->pid;
		store_account(segment, batch, entry, death, region);
		entry->started_ns = death->started_ns;
		entry->finished_ns = death->ended_ns;
		entry->last.cause.signal = death->signal;
		entry->last.cause.exit_code = death->exit_code;
		publish(entry, word);
		/* Relaxed: a statistic. */
		fetch_add_relaxed(&segment->control->given_up, 1);
	}
	return ring_release(slot, word);
}

bool call_is_told(struct segment *segment, const struct shared_slot *slot)
{
	/* Relaxed, both: nothing that they hand over is read. */
	struct shared_batch *batch = &segment->batches[BATCH_INDEX(load_relaxed(&slot->batch))];
	uint64_t target = slot->target;
	struct shared_entry *entry;

	if (!entry_possible(segment, batch, target, batch->out_size))
		return false;
	entry = segment_at(segment, target);
	return word_state(load_relaxed(&entry->word)) == WORD_DONE;
}
