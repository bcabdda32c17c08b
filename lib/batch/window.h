/*
 * window.h - the positions that a windowed batch holds: which, in what order, and in what memory.
 *
 * Private to the opener, under the batch's lock. A position is held from its submission until its
 * result is released. Then its entry is used again, as soon as no slot of the ring names it.
 * Arguments, results and texts that lie elsewhere belong to an *epoch*, which is freed when all its
 * positions are gone. So a batch without an end needs no more memory than its window.
 */
#ifndef SHEAF_BATCH_WINDOW_H
#define SHEAF_BATCH_WINDOW_H

#include "sheaf_stream.h"

#include "batch/epochs.h"
#include "batch/handle.h"

enum place_state {
	PLACE_FREE,
	PLACE_HELD,
	PLACE_GIVEN,   /* handed out: it counts no longer, but is used until the next one is */
	PLACE_PINNED,  /* handed out to a batch that reads it, and counts until that is over */
	PLACE_LEAVING, /* released, but a slot of the ring may name its entry */
};

/* A position in the table, by the index of its entry. */
struct place {
	uint64_t position;
	struct shared_slot *slot; /* where its task was; NULL: it had none */
	uint64_t bytes;           /* of its argument, and of its result if the batch has a size */
	uint64_t source;          /* 1 + the index in the batch that it is chained to; 0: none */
	uint32_t next;            /* of those that are leaving */
	uint8_t epoch;
	uint8_t state;    /* enum place_state */
	uint16_t watched; /* by so many calls that cancel it */
};

/* One of the positions in order. It may be that of a place that is held no longer. */
struct turn {
	uint64_t position;
	uint64_t index;
};

/* Where the thread that gathers takes the next tasks from, to submit them: see feed.c. */
struct feed {
	sheaf_producer_fn *producer; /* NULL: none */
	void *context;
	struct sheaf_batch *source; /* the batch that it is chained to; or NULL */
	sheaf_item item;            /* what comes next, if it is pending */
	uint64_t source_index;
	bool pending, ended;
	int error; /* how it ended */
	char why[256];
};

struct window {
	uint64_t most, most_bytes; /* the options; UINT64_MAX: no bound */
	struct place *places;
	uint64_t count, capacity; /* indices that were used so far, and room for them */
	uint64_t *free;
	uint64_t free_count;
	uint32_t leaving_first, leaving_last; /* 1 + an index; 0: none */
	struct turn *turns;                   /* by position, from first on */
	uint64_t first, turn_count, turn_capacity;
	uint64_t held;      /* that count: held or pinned */
	uint64_t waiting;   /* held, and not handed out */
	uint64_t accepted;  /* so far */
	uint64_t failed;    /* of those that were handed out, for another reason than a cancel */
	uint64_t given;     /* 1 + the index of the result that is handed out; 0: none is */
	uint64_t floor;     /* sheaf_next() has handed out a position below it, the highest such */
	uint64_t bytes;     /* of arguments and of results of the batch's size, held */
	uint64_t gone;      /* of the other results, released */
	uint64_t drift;     /* counted more than once, because workers died */
	uint64_t recounted; /* what was counted and gone when that was searched for last */
	struct epochs epochs;
	bool finished; /* sheaf_batch_finish() */
	bool gathered; /* by the thread below, lately */
	pthread_t gatherer;
	unsigned submitters;        /* threads that wait for room */
	uint64_t full_ns;           /* since when it is full; 0: it is not */
	struct sheaf_batch *reader; /* a batch that is chained to this one; or NULL */
	struct feed feed;
};

/* Give the batch a window. 0; -ENOMEM with its message. */
int window_open(struct sheaf_batch *batch, const sheaf_batch_options *options);

/* Free what the window has in this process; and @units: the epochs, which no slot names. */
void window_close(struct sheaf_batch *batch, bool units);

/* Has the window no room for one more position with so many bytes? */
bool window_is_full(struct sheaf_batch *batch, uint64_t bytes);

/* Bytes of arguments and results that it holds. */
uint64_t window_bytes(const struct sheaf_batch *batch);

/*
 * Make all ready for one more task: *@index, and the epoch for its memory. 0; -EEXIST (with its
 * message), -ENOMEM, -ENOSPC with theirs. Nothing is accepted before window_add().
 */
int window_reserve(struct sheaf_batch *batch, uint64_t position, uint64_t *index);
void window_add(struct sheaf_batch *batch, uint64_t index, uint64_t position, struct shared_slot *slot, uint64_t bytes);

/*
 * Touch the entry that is next. A worker has written it, so it comes while the caller goes on, and
 * not only when the next slot is published.
 */
void window_expect(struct sheaf_batch *batch);

/* Take the last window_add() back. */
void window_drop(struct sheaf_batch *batch, uint64_t index);

/* Find the lowest position that was not handed out. False: there is none. */
bool window_lowest(struct window *window, uint64_t *index);

/* Is there none? @window: NULL in a batch without one. */
static inline bool window_is_empty(const struct window *window)
{
	return window && !window->waiting;
}

/* Go through all of them, by position: *@at begins as 0. False: there is no other one. */
bool window_next(const struct window *window, uint64_t *at, uint64_t *index);

/* Find the place of a position that is held. False: there is none. */
bool window_find(const struct window *window, uint64_t position, uint64_t *index);

/*
 * Note that the result was handed out; and when the next one is asked for, that it is used no more.
 */
void window_hand(struct sheaf_batch *batch, uint64_t index);
void window_release(struct sheaf_batch *batch);

/* Keep what was handed out last, until window_let_go(). Its index. */
uint64_t window_pin(struct sheaf_batch *batch);
void window_let_go(struct sheaf_batch *batch, uint64_t index);

/* Is the calling thread the only one of the program, so that none could submit or gather for it? */
bool window_is_alone(const struct sheaf_batch *batch);

#endif
