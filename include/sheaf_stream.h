/*
 * sheaf_stream.h - streams that never end: batches with a window, what feeds them, and chains.
 *
 * Contents
 *   Feed      sheaf_batch_finish, sheaf_item, sheaf_feed, sheaf_chain
 *   Gather    sheaf_each, sheaf_window_info, sheaf_batch_get_window
 *
 * Window    A batch with options.window or options.window_bytes is *windowed*: it holds no more
 *           positions, or bytes of arguments and results, than that. A position is held from its
 *           submission until sheaf_next() or sheaf_next_done() hands its result out. When one of
 *           them is called the next time, the result is *released*: its entry, argument and result
 *           are used again, so its data and message are valid no longer. The batch needs the same
 *           memory for any number of tasks. (howto/stream.md)
 *
 * Full      While the window is full, submitting calls wait, or return -EAGAIN with SHEAF_NONBLOCK.
 *           They return -EDEADLK if nobody else could make room: in a task; in the thread that has
 *           gathered last; in a process with one thread. A position that is larger than
 *           window_bytes is accepted when it is alone. Memory is freed in parts. So where many
 *           positions stay far behind those that are released by sheaf_next_done(), the window
 *           may be full before it has that many positions.
 *
 * Order     sheaf_next() hands out the lowest position that the batch holds, and never goes back:
 *           submitting a position that is lower than the last one returns -EEXIST. Positions that
 *           were released are forgotten. sheaf_next_done() hands out the lowest one that is done.
 *
 * End       A windowed batch ends by sheaf_batch_finish(), when its feed ends, when it is cancelled
 *           or when the pool is closed. Until then the two calls wait if the batch holds nothing,
 *           and return 0 only after it. If no other thread could submit, they return -EDEADLK.
 *
 * Callers   As in sheaf.h, also tasks. sheaf_gather(), maps and loops have no use for a window, and
 *           return -EINVAL.
 */
#ifndef SHEAF_STREAM_H
#define SHEAF_STREAM_H

#include "sheaf.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * sheaf_batch_finish() - say that no more tasks come
 *
 * Submitting calls return -EPIPE from then on. Twice is fine. Any thread may call it.
 * Return: 0; -EINVAL (also: the batch has no window), -EPERM.
 */
SHEAF_API int sheaf_batch_finish(sheaf_batch *batch);

/* What a producer gives: a task. */
typedef struct sheaf_item {
	uint64_t position; /* before each call 1 more than the last one; first 0 */
	sheaf_task_fn *fn; /* before each call the last one; first NULL */
	const void *arg;   /* copied before the producer is called again */
	size_t arg_size;
} sheaf_item;

/**
 * sheaf_producer_fn - give the next task of a feed
 * @item: to fill in
 *
 * It is called by the thread that gathers, without a lock, and may call all functions but those
 * that gather from the batch or retire it.
 * Return: 1: @item is the next task; 0: there is none, the stream ends; a negative errno: it ends
 *         with that error, which sheaf_next() returns behind all results. Any other number is
 *         -EINVAL.
 */
typedef int sheaf_producer_fn(void *context, sheaf_item *item);

/**
 * sheaf_feed() - have the calls that gather submit: the producer is called while there is room
 * @batch: with a window, without another feed
 *
 * A loop over sheaf_next() is then a lazy, ordered map over an input of any length. Without
 * options.window a window_bytes alone bounds the input. If a task cannot be submitted (-ENOSPC,
 * -EEXIST), the stream ends with that error, as if the producer had returned it.
 * Return: 0; -EINVAL, -EPERM; -EBUSY (the batch has a feed already); -EPIPE (it is finished).
 */
SHEAF_API int sheaf_feed(sheaf_batch *batch, sheaf_producer_fn *producer, void *context);

/**
 * sheaf_chain() - feed a batch with the results of another one, without a copy
 * @batch:  with a window, without another feed
 * @source: another windowed batch of the same pool, fed or submitted to by any thread. Nobody else
 *          may gather from it. Retire it after @batch
 * @fn:     runs in @batch for each result of @source, at its position: its argument are the bytes
 *          of that result. A position that failed fails in @batch, too, with its status and
 *          message, and fn is not called
 *
 * A result is held in @source until the position of @batch that reads it is released, so the two
 * windows bound it on both sides. Where @source ends, @batch ends.
 * Return: as sheaf_feed(); -EINVAL (also: of two pools, or @source is @batch).
 */
SHEAF_API int sheaf_chain(sheaf_batch *batch, sheaf_batch *source, sheaf_task_fn *fn);

enum sheaf_order { SHEAF_BY_POSITION = 0, SHEAF_AS_DONE = 1 };

/**
 * sheaf_each_fn - use one result
 * @result: valid until the function returns
 *
 * Return: 0: go on; any other value: stop.
 */
typedef int sheaf_each_fn(void *context, const sheaf_result *result);

/**
 * sheaf_each() - call a function for each result, in the calling thread
 * @batch: of any kind, windowed or not
 *
 * If the function returns another value than 0, the batch is cancelled, as by sheaf_batch_cancel(),
 * and that value is returned. All other ends are those of sheaf_next(), and the call can be made
 * again then: no result is lost or given twice.
 * Return: 0 (all results were given); what the function returned; -EINVAL, and the errors of
 *         sheaf_next().
 */
SHEAF_API int sheaf_each(sheaf_batch *batch, sheaf_each_fn *fn, void *context, enum sheaf_order order, uint64_t deadline_ns);

typedef struct sheaf_window_info {
	uint64_t accepted;   /* positions submitted so far */
	uint64_t given;      /* of these, handed out */
	uint64_t held;       /* of these, neither handed out nor read by a chain any longer */
	uint64_t held_bytes; /* of their arguments and results */
	uint64_t head;       /* the lowest position that was not handed out */
	uint64_t stalled_ns; /* how long it has been full while the head is not done; or 0 */
} sheaf_window_info;

/** sheaf_batch_get_window() - tell how full a window is. Return: 0; -EINVAL, -EPERM. */
SHEAF_API int sheaf_batch_get_window(sheaf_batch *batch, sheaf_window_info *info);

#ifdef __cplusplus
}
#endif

#endif
