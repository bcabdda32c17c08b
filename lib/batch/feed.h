/*
 * feed.h - fills a window up: by a producer, or by the results of another batch.
 */
#ifndef SHEAF_BATCH_FEED_H
#define SHEAF_BATCH_FEED_H

#include "batch/window.h"

static inline bool feed_is(const struct window *window)
{
	return window->feed.producer || window->feed.source;
}

/*
 * Submit as long as there is room, as the gatherer of the batch, with its lock, which is free in
 * between. If nothing is held, wait until something is, or the feed has ended. 0; an error that
 * ended the wait.
 */
int feed_fill(struct sheaf_batch *batch, uint64_t deadline_ns);

/*
 * Fill up without a wait, for a call that waits for several batches, or for none. 0; -EINTR, which
 * the caller returns.
 */
static inline int feed_begin(struct sheaf_batch *batch)
{
	return batch->window && feed_is(batch->window) ? feed_fill(batch, 0) : 0;
}

/* All results were handed out: return how the feed has ended, 0 or an error with its message. */
int feed_end(const struct window *window);

#endif
