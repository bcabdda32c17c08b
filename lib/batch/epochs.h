/*
 * epochs.h - the memory of a windowed batch, in parts that are freed one after the other.
 *
 * Positions are accepted in the current epoch. What they use beside their entries has its id: their
 * arguments, results and texts, and what dead workers have left of it. When the last of them has
 * gone, the epoch is freed.
 */
#ifndef SHEAF_BATCH_EPOCHS_H
#define SHEAF_BATCH_EPOCHS_H

#include "batch/handle.h"

struct epochs {
	/* As in the segment, which a task may write over. 0: it is not in use. */
	uint64_t ids[EPOCHS];
	uint64_t members[EPOCHS]; /* positions in each */
	unsigned current;
};

/* Begin: the first one is in use, and no other. */
void epochs_open(struct sheaf_batch *batch, struct epochs *epochs);

/* Free all of them. No slot of the ring names the batch. */
void epochs_close(struct sheaf_batch *batch, struct epochs *epochs);

/* Has the current one so much memory that the next one is to begin? */
bool epochs_grown(const struct sheaf_batch *batch, const struct epochs *epochs);

/* Go on to the next one. False: all others are in use, by positions that do not go. */
bool epochs_choose(struct sheaf_batch *batch, struct epochs *epochs);

/* Note that a position has gone, whose slot of the ring is free. */
void epochs_leave(struct sheaf_batch *batch, struct epochs *epochs, unsigned epoch);

/* Return the id of the current one. */
static inline uint64_t epochs_id(const struct epochs *epochs)
{
	return epochs->ids[epochs->current];
}

#endif
