/*
 * view.h - how a batch looks to its gatherer: what each verb does for its kind, and how far the
 * gatherer has come.
 *
 * A batch begins as one of submitted tasks (view_calls.c). A map or a loop makes it dense
 * (view_dense.c). The submitter changes the view under the batch's lock, and all that a view does
 * is done under that lock, by the one thread that gathers. Only a wait gives the lock up.
 */
#ifndef SHEAF_BATCH_VIEW_H
#define SHEAF_BATCH_VIEW_H

#include "sheaf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pick; /* see await.h */

struct view {
	/*
	 * Wait until all that was submitted so far is done. @heard: member_heard() at the call's
	 * beginning.
	 */
	int (*wait_all)(struct sheaf_batch *batch, uint64_t deadline_ns, unsigned heard);
	/*
	 * Hand out one result, the lowest position or one that is done: 1; 0: none is left; the
	 * error that ended the wait.
	 */
	int (*next)(struct sheaf_batch *batch, sheaf_result *result, uint64_t deadline_ns);
	int (*next_done)(struct sheaf_batch *batch, sheaf_result *result, uint64_t deadline_ns);
	/*
	 * As a pick_fn of await.h, for any result that is done; and for one that failed, for
	 * another reason than that it was cancelled.
	 */
	int (*pick_done)(struct sheaf_batch *batch, struct pick *next);
	int (*pick_failed)(struct sheaf_batch *batch, struct pick *next);
	/*
	 * How many results there are in all; how many of them are done, and how many of these
	 * failed, for another reason than that they were cancelled.
	 */
	uint64_t (*count)(const struct sheaf_batch *batch);
	uint64_t (*count_done)(struct sheaf_batch *batch, uint64_t *failed);
	/* About how many tasks or chunks are not done, without a look at each: at most too many. */
	uint64_t (*open)(const struct sheaf_batch *batch);
	/*
	 * List all items by position, in an array that the caller frees. NULL: they are 0, 1, 2 and
	 * so on. 0; -ENOMEM.
	 */
	int (*sort)(const struct sheaf_batch *batch, uint64_t **items);
	/* Fill in the result of an item that is done. -ENOMEM, -EBADMSG. */
	int (*result)(struct sheaf_batch *batch, uint64_t item, sheaf_result *result);
	/* Name the lowest position that is not done, for a message. */
	uint64_t (*missing)(struct sheaf_batch *batch);
};

/* How far the gathering of submitted tasks is. */
struct calls_state {
	uint64_t done;  /* all entries below are DONE */
	uint64_t *open; /* indices that were not DONE at the last check, or not checked yet */
	size_t open_count;
	size_t open_capacity;
	uint64_t listed; /* indices below are in open or ready, or were handed out */
	uint64_t *ready; /* indices found DONE, by time; order.handed tells which are handed out */
	size_t ready_at;
	size_t ready_count;
	size_t ready_capacity;
	size_t judged; /* of these, the first ones, in which no failure is left to be handed out */
};

/* Positions of a dense batch, side by side. */
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
struct dense_state {
	uint64_t done;       /* all chunks below are DONE */
	uint64_t untried;    /* of a gatherer that works: see share_help_beside() */
	bool *taken;         /* by chunk: handed out, or being */
	uint64_t next_chunk; /* all chunks below are taken */
	struct span open[2]; /* of taken chunks: what is still to be handed out */
	struct span *giving; /* the one of them that is next */
	uint64_t scan;       /* where the search for a chunk that is DONE goes on */
	uint64_t judged;     /* in all chunks below no WORD_LOST is left to be handed out */
	uint64_t failures_seen;
	struct failed *failures; /* sorted by position */
	size_t failure_count;
};

#endif
