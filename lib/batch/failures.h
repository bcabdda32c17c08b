/*
 * failures.h - which positions of a dense batch failed, as its gatherer knows it.
 */
#ifndef SHEAF_BATCH_FAILURES_H
#define SHEAF_BATCH_FAILURES_H

#include "base/atomic.h"
#include "batch/handle.h"

/* Private: list all failure records, sorted. 0; -ENOMEM, -EBADMSG with their messages. */
int failures_list(struct sheaf_batch *batch);

/* Do so if there are more of them than at the last check. */
static inline int failures_refresh(struct sheaf_batch *batch)
{
	/* Relaxed: failures_list() reads it again. */
	return load_relaxed(&batch->shared->failures) == batch->dense.failures_seen ? 0 : failures_list(batch);
}

/* Does a record still count that was listed? Else its positions ran again. Its chunk is DONE. */
bool failures_count(const struct sheaf_batch *batch, const struct failed *failed);

/* Find the record that covers the position, or NULL. */
struct failed *failures_find(const struct sheaf_batch *batch, uint64_t position);

/* Complete the result of a position that failed. 0; -ENOMEM, -EBADMSG with their messages. */
int failures_fill(struct sheaf_batch *batch, struct failed *failed, sheaf_result *result);

/* Count the positions of the span that have no record. */
uint64_t failures_untold(const struct sheaf_batch *batch, struct span span);

/* Tell the number of a worker; -1: it is the owner. */
static inline int failures_worker(const struct sheaf_batch *batch, unsigned seat)
{
	return seat < batch->segment->worker_count ? (int)seat : -1;
}

#endif
