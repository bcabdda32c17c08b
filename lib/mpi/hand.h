/*
 * hand.h - one of the chunks that a rank holds: its memory, its batch in the rank's pool, and
 * how it ended.
 */
#ifndef SHEAF_MPI_HAND_H
#define SHEAF_MPI_HAND_H

#include "mpi/job.h"

/* Begin to run the chunk, whose input is there. What is not the pool's end becomes its report. */
int hand_start(struct hand *hand, const struct job *job, sheaf_pool *pool);

/*
 * Look whether it is done, and do what is to be done for that. 1: yes, with its report and bytes;
 * 0: not yet; an error: the pool is of no use any longer, and hand_drop() is due.
 */
int hand_look(struct hand *hand, const struct job *job);

/* Wait until it may be done, until the deadline. 0; an error, as above. */
int hand_wait(struct hand *hand, uint64_t deadline_ns);

/* Count the positions that are not done. */
uint64_t hand_left(const struct hand *hand);

/* Give up what has not begun. */
void hand_cancel(struct hand *hand);

/* Free its batch and its packed results. */
void hand_drop(struct hand *hand);

/* Find the bytes of its results that travel. */
const unsigned char *hand_bytes(const struct hand *hand, const struct job *job);

/* Say that positions failed, the lowest of them as told. */
void add_failures(struct report *report, uint64_t failed, uint64_t position, int status, const char *text);

#endif
