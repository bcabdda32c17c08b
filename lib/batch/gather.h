/*
 * gather.h - what the calls of sheaf.h that fan out and wait need of a gatherer.
 */
#ifndef SHEAF_BATCH_GATHER_H
#define SHEAF_BATCH_GATHER_H

#include "batch/open.h"

/*
 * Wait until all that was submitted so far is done. @heard: member_heard() at the call's beginning.
 * 0; the errors of sheaf_gather() that end the wait.
 */
int batch_wait_all(struct sheaf_batch *batch, uint64_t deadline_ns, unsigned heard);

/*
 * Private: refuse a second gatherer. -EBUSY; -EDEADLK: it is a task that the first one runs. With
 * its message.
 */
int gather_refuse(const struct sheaf_batch *batch, const char *call);

/*
 * Become the gatherer, with the batch's lock. 0; the errors of batch_check(), -EBUSY, -EDEADLK,
 * with their messages.
 */
__attribute__((always_inline)) static inline int gather_begin(struct sheaf_batch *batch, const char *call)
{
	int r = batch_check(batch);

	if (r)
		return r;
	pthread_mutex_lock(&batch->lock);
	if (!batch->gathering) {
		batch->gathering = true;
		return 0;
	}
	pthread_mutex_unlock(&batch->lock);
	return gather_refuse(batch, call);
}

/* Be it no longer. Returns @r. */
__attribute__((always_inline)) static inline int gather_end(struct sheaf_batch *batch, int r)
{
	batch->gathering = false;
	pthread_mutex_unlock(&batch->lock);
	return r;
}

#endif
