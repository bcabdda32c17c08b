/*
 * handle.h - a batch as its opener has it. What other members see of it is struct shared_batch.
 */
#ifndef SHEAF_BATCH_HANDLE_H
#define SHEAF_BATCH_HANDLE_H

#include "batch/entries.h"
#include "batch/order.h"
#include "batch/view.h"
#include "member/member.h"
#include "work/cut.h"

struct sheaf_batch {
	struct member *member; /* the opener */
	struct segment *segment;
	struct shared_batch *shared;
	uint32_t index;
	unsigned flags;
	uint64_t word_flags;     /* of the words of its slots: READY_LEFT, or 0 */
	const struct ring *ring; /* of its priority: where its tasks go */
	uint64_t ref;            /* BATCH_REF: what slots of this batch hold */
	/* The shortest limit of its tasks, or 0. Under the member's lock. */
	uint64_t shortest_ns;

	/*
	 * What the segment holds for the others. The opener does not read it there, because a task
	 * may have written over it.
	 */
	uint64_t heap_id;
	uint64_t limit_ns;
	uint64_t grace_ns;    /* options.grace_ns */
	uint64_t result_size; /* of submitted tasks */
	uint32_t max_attempts;
	struct plan plan; /* its kind is KIND_CALLS as long as the batch is not dense */

	/* See batch_serve_call(). */
	void (*give_up)(struct sheaf_batch *batch); /* NULL: it serves no single call */
	const struct member *runner;                /* as what the owner ran its opener; or NULL */
	bool caller_works;                          /* a map's caller takes part: dense_help() */
	bool gatherer_works;                        /* the owner runs tasks: help_as_caller() */
	uint64_t deadline_ns;

	/* Under the lock, between submitters and the gatherer. */
	const struct view *view;
	struct region region;
	struct region callers; /* of the gatherer, that runs tasks itself */
	struct entries entries;
	struct order order;
	bool inviting;  /* dense: invitations are still being sent */
	bool gathering; /* a thread is in a gathering call, which may wait without the lock */
	bool woke;      /* a worker had to be woken since the gatherer waited last */
	bool sent;      /* the tickets below are valid */
	uint64_t first_ticket, last_ticket;
	bool cancelled; /* by its opener: it takes no more tasks */
	/*
	 * The ring was searched for tasks of the batch since that was cancelled. Read without the
	 * lock, too.
	 */
	_Atomic bool swept;
	bool armed;      /* under the member's lock, as alarms: for sheaf_pool_news() */
	uint32_t alarms; /* control->alarms when it was armed */
	bool awaiting;   /* the gatherer waits for position `awaited`, the lowest */
	uint64_t awaited;
	struct calls_state calls;
	struct dense_state dense;
	struct window *window; /* of a windowed batch: see window.h; or NULL */
	struct note *notes;    /* see message.c */
	sheaf_result *results; /* of sheaf_gather() */

	struct sheaf_batch *previous, *next; /* in member->openings, under its lock */
	pthread_mutex_t lock;                /* the last, as a spare batch keeps it */
};

/* Tell where the entry of a task lies. That is also what a gatherer waits for. */
static inline uint64_t batch_entry_offset(struct sheaf_batch *batch, uint64_t index)
{
	return entries_offset(&batch->entries, index);
}

static inline struct shared_entry *batch_entry(struct sheaf_batch *batch, uint64_t index)
{
	return segment_at(batch->segment, batch_entry_offset(batch, index));
}

static inline enum sheaf_priority batch_priority(const struct sheaf_batch *batch)
{
	return (enum sheaf_priority)(batch->ring - batch->segment->rings);
}

/* May its opener run tasks of it? */
static inline bool batch_may_help(const struct sheaf_batch *batch)
{
	return batch->gatherer_works || member_is_task(batch->member);
}

static inline bool batch_is_dense(const struct sheaf_batch *batch)
{
	return batch->plan.kind != KIND_CALLS;
}

/*
 * Is it a map that may still be refused, because none of its invitations has been sent? Then the
 * batch has no tasks yet.
 */
static inline bool batch_is_undecided(const struct sheaf_batch *batch)
{
	return batch->inviting && !batch->sent;
}

/* Find the word of a chunk of a dense batch. */
static inline _Atomic uint64_t *batch_chunk(const struct sheaf_batch *batch, uint64_t c)
{
	return (_Atomic uint64_t *)segment_at(batch->segment, batch->plan.words) + c;
}

#endif
