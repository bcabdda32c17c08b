/*
 * dense.h - the gatherer's look at dense batches. Called by the one thread that gathers.
 */
#ifndef SHEAF_BATCH_VIEW_DENSE_H
#define SHEAF_BATCH_VIEW_DENSE_H

#include "batch/message.h"

bool dense_chunk_done(const struct sheaf_batch *batch, uint64_t chunk);
bool dense_all_done(struct sheaf_batch *batch);

/* Is a worker in the batch? Then it is not worth looking at the words yet. A hint. */
bool dense_busy(const struct sheaf_batch *batch);

/* Forget that workers are in the batch: it is known that none is. */
void dense_forget_inside(struct sheaf_batch *batch);

/* The positions of a chunk. */
struct span dense_span(const struct sheaf_batch *batch, uint64_t chunk);

/* The result of a position whose chunk is DONE; message is NULL if a failure brought none. -ENOMEM. */
int dense_result(struct sheaf_batch *batch, uint64_t position, sheaf_result *result, struct cause *cause);

/* Of a batch that is all done: how many positions failed, and the lowest. -ENOMEM. */
int dense_failures(struct sheaf_batch *batch, uint64_t *lowest, uint64_t *count);

/* For streaming: makes room for marks (-ENOMEM), then finds chunks that are not marked as taken. */
int dense_prepare(struct sheaf_batch *batch);
bool dense_lowest(struct sheaf_batch *batch, uint64_t *chunk);
bool dense_any_done(struct sheaf_batch *batch, uint64_t *chunk);

#endif
