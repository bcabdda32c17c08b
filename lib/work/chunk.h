/*
 * chunk.h - one chunk of a dense batch: a member claims it, runs its positions and publishes it.
 */
#ifndef SHEAF_WORK_CHUNK_H
#define SHEAF_WORK_CHUNK_H

#include "work/cut.h"
#include "work/task.h"
#include "work/turn.h"

/*
 * What the items of a chunk run by. None of it changes meanwhile. It lies in memory that a fork
 * clears, so a child that returns from an item finds no other one to run.
 */
struct items {
	uint64_t end;
	sheaf_task_fn *fn;
	uint64_t in_step, out_step;
	_Atomic uint64_t *cursor;
};

static_assert(sizeof(struct items) <= FORKS_PRIVATE, "it lies there");

#define NO_CHUNK UINT64_MAX

/*
 * A member's walk along the chunks of a dense batch. Items run in blocks, and before each block the
 * member checks whether the rest was cancelled. A block takes a moment (chunk.c), so that checking
 * costs nothing.
 */
struct walk {
	struct member *member;
	struct shared_batch *batch;
	struct shared_seat *seat;
	bool opener; /* the member has opened the batch itself: see share_help() */
	bool (*over)(void *context);
	void *context;
	_Atomic uint64_t *words;
	void (*fn)(void); /* of its items, or the range's */
	uint64_t claimant;
	struct items *items;
	struct items own_items; /* of a thread among others */
	_Atomic uint64_t aside; /* the cursor of a walk that has no slot */
	uint64_t chunk;         /* in hand, or NO_CHUNK, and its word */
	uint64_t bits;
	struct claim next;  /* for which the batch is left */
	bool leaves;        /* the batch is left because the worker leaves its pool */
	bool hides;         /* the hints may hide a chunk that was left READY */
	uint64_t block;     /* items of the next block */
	uint64_t block_ns;  /* when it began */
	uint64_t unclocked; /* items that may still run without a look at the clock */
	struct sheaf_task task;
};

/*
 * Make every chunk READY, and let the hints say that none is claimed. For the opener, before it
 * sends an invitation.
 */
void chunks_init(struct segment *segment, const struct plan *plan);

/*
 * Is a task of higher priority to be run before this member goes on? Then it is claimed. Or has the
 * worker to leave its pool, or to pause? Only if the member has begun a chunk, because else a batch
 * might never come to an end.
 */
bool walk_is_left(struct walk *walk);

/* Has walk_is_left() said so? */
static inline bool walk_was_left(const struct walk *walk)
{
	return walk->next.slot || walk->leaves;
}

/* Claim a chunk and run it, if it is READY. */
void chunk_try(struct walk *walk, uint64_t c);

#endif
