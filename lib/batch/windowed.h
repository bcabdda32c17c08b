/*
 * windowed.h - submits a task to a batch that has a window.
 */
#ifndef SHEAF_BATCH_WINDOWED_H
#define SHEAF_BATCH_WINDOWED_H

#include "batch/window.h"

/* What is submitted. */
struct order_of_task {
	uint64_t position;
	uint64_t function; /* as slots have it */
	const void *arg;
	size_t arg_size;
	uint16_t limit; /* as slots have it */
};

/*
 * Send the task, under the batch's lock. @flags: of the word of its slot. 0; -ENOBUFS: the window
 * is full; -EAGAIN: the ring is; other errors of sheaf_submit(), with their messages.
 */
int windowed_send(struct sheaf_batch *batch, const struct order_of_task *order, uint64_t flags);

/*
 * Send a task whose argument lies in shared memory already, where nobody changes it: @order->arg.
 * @source: 1 + the index of the place that it is released with, in the batch that this one is
 * chained to.
 */
int windowed_send_shared(struct sheaf_batch *batch, const struct order_of_task *order, uint64_t source, uint64_t flags);

/* Accept a task that has no slot of the ring, because the submitter runs it next from @slot. */
int windowed_take(struct sheaf_batch *batch, const struct order_of_task *order, struct shared_slot *slot);

/*
 * Accept a position that has failed already, so that no task runs: with the status, message and
 * what else @result says. The same errors.
 */
int windowed_fail(struct sheaf_batch *batch, const sheaf_result *result);

/*
 * Wait until the window has room for @bytes. 0; -EAGAIN, -ETIMEDOUT, -EDEADLK (the caller is the
 * only one that could make room), the errors of sheaf_submit(), with their messages.
 */
int windowed_wait(struct sheaf_batch *batch, uint64_t bytes, unsigned heard, uint64_t deadline_ns);

#endif
