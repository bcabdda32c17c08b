/*
 * task.h - the task that a function sees while a member runs it.
 */
#ifndef SHEAF_WORK_TASK_H
#define SHEAF_WORK_TASK_H

#include "member/member.h"
#include "os/output.h"
#include "queue/ring.h"

#include <assert.h>

#define FAIL_TEXT 512

/* What stands before the argument of a task in a pool of SHEAF_CHECK: see check.c. */
struct check_header {
	uint64_t function;
	uint64_t arg_size;
};

struct sheaf_task {
	struct member *member;
	/* In the segment; the batch of which an opener runs positions is its private copy. */
	struct shared_batch *batch;
	struct shared_batch *shared;    /* of a map or a loop: the batch in the segment, always */
	const struct shared_slot *slot; /* of a submitted task */
	uint64_t position;
	unsigned attempt;
	bool of_map;
	uint64_t data; /* offset of sheaf_task_result(); 0: the result is where the batch has it */
	unsigned text_size;
	uint64_t size;
	/* Of a map or a loop: which position `data` and `text` are of, as all share one struct. */
	uint64_t data_of, text_of;
	char text[FAIL_TEXT];
};

/*
 * Tell the supervisor since when there is a task in hand, and what its deadline is. Relaxed,
 * because the supervisor judges by what it finds after the death, and a kill cuts the process's own
 * order. Nested tasks do so by held_begin().
 */
static inline void task_hold(struct shared_seat *seat, uint64_t started_ns, uint64_t limit_ns)
{
	store_relaxed(&seat->started, started_ns);
	store_relaxed(&seat->deadline, limit_ns ? started_ns + limit_ns : 0);
}

static inline void task_let_go(struct shared_seat *seat)
{
	store_relaxed(&seat->deadline, 0);
}

/*
 * Private: the task has returned in a child that it has forked, which ends here; or it has had a
 * handle of its pool, which ends.
 */
void task_returned_oddly(struct member *member);

/*
 * Check that a task of the member has returned in its own process, and has left nothing open,
 * before anything is told of it. What it printed is written first, so that it is there when the
 * result is.
 */
static inline void task_returned(struct member *member)
{
	if (forks_count() != member->returns)
		task_returned_oddly(member);
	if (output_pending())
		output_flush(false);
}

/* Return the id of the memory that a task may take from its batch. */
static inline uint64_t task_heap_id(const struct shared_batch *batch, const struct shared_slot *slot)
{
	/* Relaxed: the slot hands it over (RING1), and the epoch lasts as long as the task. */
	return batch->flags & BATCH_WINDOWED ? load_relaxed(&batch->epochs[slot->epoch % EPOCHS].id) : batch->heap_id;
}

/* Find the batch of a slot that the caller owns. */
static inline struct shared_batch *task_batch(const struct segment *segment, const struct shared_slot *slot)
{
	return &segment->batches[BATCH_INDEX(load_relaxed(&slot->batch))];
}

/* Release the slot of a task that is over. */
static inline void task_release(struct shared_slot *slot, uint64_t word)
{
	bool ours = ring_release(slot, word);

	assert(ours && "nobody takes a slot from a living worker");
	(void)ours;
}

/*
 * Return the code to publish for what a task returned. If that is no negative errno, store a text.
 */
int task_status(struct sheaf_task *task, int returned);

#endif
