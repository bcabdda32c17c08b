/*
 * batch.h - the owner's side of a batch. Private to the owner; what workers see of it is struct shared_batch.
 */
#ifndef SHEAF_BATCH_HANDLE_H
#define SHEAF_BATCH_HANDLE_H

#include "batch/order.h"
#include "member/member.h"
#include "work/cut.h"

/* A stretch of the result table: entries of a batch's stride. */
struct stretch {
	uint64_t offset;
	uint64_t first; /* index of its first entry */
	uint64_t count;
};

/* The entries of submitted tasks, by index. */
struct entries {
	uint64_t stride;
	uint64_t capacity;
	struct stretch *stretches;
	size_t count;
	size_t near; /* the stretch where the last search that needed one ended */
};

/* A text composed for a result; freed with the batch. */
struct note {
	struct note *next;
	char text[];
};

/* A run of positions of a dense batch that is being handed out. */
struct span {
	uint64_t at;
	uint64_t end;
};

/* A failure record of a dense batch: what was read of it once, and where it lies. */
struct failed {
	uint64_t position;
	uint64_t count;
	uint64_t offset;
	const char *text; /* a note with the task's text, once a result has needed it */
};

/* How far the gathering of a dense batch is. */
struct dense_view {
	uint64_t done; /* all chunks below are DONE: a mark to scan from */
	bool *taken;   /* by chunk: handed out, or being */
	uint64_t next_chunk;
	struct span next;      /* for sheaf_next() */
	struct span next_done; /* for sheaf_next_done() */
	uint64_t scan;         /* where the search for a chunk that is DONE goes on */
	uint64_t failures_seen;
	struct failed *failures; /* sorted by position */
	size_t failure_count;
};

/* How far the gathering of submitted tasks is. */
struct calls_view {
	uint64_t done;  /* all entries below are DONE */
	uint64_t *open; /* indices that were not DONE at the last look, or not looked at yet */
	size_t open_count;
	size_t open_capacity;
	uint64_t listed; /* indices below are in open or ready, or handed out */
	uint64_t *ready; /* indices found DONE, by time, not handed out unless order.handed says so */
	size_t ready_at;
	size_t ready_count;
	size_t ready_capacity;
};

struct sheaf_batch {
	struct member *member;
	struct shared_batch *shared;
	uint32_t index;
	uint64_t ref; /* BATCH_REF: what slots of this batch hold */
	unsigned flags;
	uint64_t shortest_ns; /* the shortest limit of its tasks; 0: none has one. Under the member's lock */

	/* What the segment holds for the others, as the owner gave it: it does not read there what a task may have written over. */
	uint64_t heap_id;
	uint64_t limit_ns;
	uint64_t result_size; /* of submitted tasks */
	uint32_t max_attempts;
	struct plan plan; /* dense */

	bool dense;
	bool of_call;         /* of sheaf_apply() and its kin: nobody else has the handle */
	uint64_t deadline_ns; /* of_call: until when to wait for room; 0: for ever */
	bool caller_works;    /* dense: the thread that waits for it takes part, see share_help() */

	/* Under the lock, between submitters and the gatherer. */
	struct region region;
	struct entries entries;
	struct order order;
	bool inviting;  /* dense: invitations are still being sent */
	bool gathering; /* a thread waits in a gathering call, without the lock */
	bool woke;      /* a worker had to be woken since the gatherer waited last */
	bool sent;      /* tickets below are valid */
	uint64_t first_ticket, last_ticket;
	bool awaiting; /* the gatherer waits for position `awaited` as the lowest */
	uint64_t awaited;
	struct calls_view calls;
	struct dense_view view;
	struct note *notes;
	sheaf_result *results; /* of sheaf_gather() */

	struct sheaf_batch *previous, *next; /* in member->batches, under its lock */
	pthread_mutex_t lock;                /* the last, as a spare batch keeps it */
};

/* ---- batch.c ---- */

/* Private: member_check() in a process that runs tasks. */
int batch_check_in_task(const struct sheaf_batch *batch);

/* May this process and thread use the batch? -EPERM, -EINVAL with their messages. */
static inline int batch_check(const struct sheaf_batch *batch)
{
	return handles_in_task ? batch_check_in_task(batch) : member_check(batch->member);
}

/* A batch with sheaf_batch_create()'s errors; options are NULL or checked. */
int batch_open(struct sheaf_batch **batch, struct member *member, const sheaf_batch_options *options);

/* Frees it; @abandon: the pool's processes are gone, so there is nobody to wait for. */
void batch_free(struct sheaf_batch *batch, bool abandon);

/*
 * Mend what a wild task has done to the ring and to the shortest limit, as far as the owner knows it better. For who looks after a pool that is
 * waited for.
 */
void batch_mend(struct member *member);

/* Frees the memory that the member keeps for the next batch; no batch is left. */
void batch_drop_spare(struct member *member);

/* Tells the supervisor of a limit that tasks of the batch have from now on; 0: none. */
void batch_limit(struct sheaf_batch *batch, uint64_t limit_ns);

/* Takes that back if the task is refused: the shortest limit of the batch is again what it was before. */
void batch_limit_undo(struct sheaf_batch *batch, uint64_t shortest_ns);

/* ---- submit.c ---- */

/* Private: the stretch that holds the entry, if it is not one of those that batch_entry_offset() looks at. */
const struct stretch *batch_find_stretch(struct sheaf_batch *batch, uint64_t index);

static inline bool stretch_holds(const struct stretch *stretch, uint64_t index)
{
	return index - stretch->first < stretch->count; /* one comparison: what lies before becomes huge */
}

/* Where the entry of a task lies, which is also what a gatherer waits for. */
static inline uint64_t batch_entry_offset(struct sheaf_batch *batch, uint64_t index)
{
	const struct entries *entries = &batch->entries;
	/* Submitters are in the last one, a gatherer for long in the same. */
	const struct stretch *stretch = &entries->stretches[entries->count - 1];

	if (!stretch_holds(stretch, index) && !stretch_holds(stretch = &entries->stretches[entries->near], index))
		stretch = batch_find_stretch(batch, index);
	return stretch->offset + (index - stretch->first) * entries->stride;
}

static inline struct shared_entry *batch_entry(struct sheaf_batch *batch, uint64_t index)
{
	return segment_at(batch->member->segment, batch_entry_offset(batch, index));
}

/* ---- gather.c ---- */

/* Waits until everything submitted so far is done. @heard: member_heard() at the call's beginning. */
int batch_wait_all(struct sheaf_batch *batch, uint64_t deadline_ns, unsigned heard);

/* -EBADMSG with its message: somebody wrote over what tells how far this position is. */
int batch_damaged(uint64_t position);

/* Give a failed result the text that a task left in the segment: a copy, which nobody else can write to. 0; -ENOMEM. */
int batch_take_text(struct sheaf_batch *batch, sheaf_result *result, const char *text, size_t size);

/* A result of a submitted task or a map, which is done. May allocate: -ENOMEM. */
int batch_result(struct sheaf_batch *batch, uint64_t index_or_position, sheaf_result *result);

/* Did the position fail because its worker died? Then its message names the position. */
bool batch_worker_died(const sheaf_result *result);

/* Of a dense batch that is done: the lowest position that failed and the number of those. 0 of them: *result is untouched. */
int batch_first_failure(struct sheaf_batch *batch, sheaf_result *result, uint64_t *failed);

#endif
