/*
 * feed.c - the gatherer of a windowed batch submits what a producer gives, or what another batch
 * has done.
 *
 * Deaths            Of the gatherer: its batches end with it.
 */
#include "batch/feed.h"

#include "base/error.h"
#include "batch/gather.h"
#include "batch/open.h"
#include "batch/room.h"
#include "batch/windowed.h"
#include "queue/bell.h"
#include "segment/heap.h"
#include "work/cancel.h"
#include "work/function.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define LEAVING_NS 1000000

/*
 * End the feed. @code: 0, or an error whose message is the thread's last. That the batch was
 * cancelled is none: its results say so.
 */
static void end_feed(struct sheaf_batch *batch, int code)
{
	struct feed *feed = &batch->window->feed;

	if (code == -ECANCELED && batch_is_cancelled(batch->shared))
		code = 0;
	feed->ended = true;
	feed->pending = false;
	feed->error = code;
	if (code)
		snprintf(feed->why, sizeof(feed->why), "%s", sheaf_message());
}

int feed_end(const struct window *window)
{
	return window->feed.error ? sheaf_fail(window->feed.error, "%s", window->feed.why) : 0;
}

/* ---- a producer ---- */

/* The thread is cancelled in the producer. */
static void gather_no_longer(void *context)
{
	struct sheaf_batch *batch = context;

	pthread_mutex_lock(&batch->lock);
	(void)gather_end(batch, 0);
}

/* Ask the producer, without the lock. */
static void produce(struct sheaf_batch *batch)
{
	struct feed *feed = &batch->window->feed;
	sheaf_item item = feed->item;
	int r;

	item.arg = NULL;
	item.arg_size = 0;
	pthread_mutex_unlock(&batch->lock);
	pthread_cleanup_push(gather_no_longer, batch);
	r = feed->producer(feed->context, &item);
	pthread_cleanup_pop(0);
	if (r < 0)
		(void)sheaf_fail(r, "the producer of position %llu failed: %s", (unsigned long long)item.position,
				 sheaf_strerror(r));
	if (r > 1)
		r = sheaf_fail(-EINVAL, "the producer of position %llu returned %d: it returns 1, 0 or a negative errno",
			       (unsigned long long)item.position, r);
	pthread_mutex_lock(&batch->lock);
	feed->item = item;
	feed->pending = r > 0;
	if (r <= 0)
		end_feed(batch, r);
}

/* Is it only later that a call can do it? */
static bool comes_later(int r)
{
	return r == -EAGAIN || r == -ENOBUFS || r == -ETIMEDOUT || r == -EINTR;
}

/*
 * Submit what is pending, without the lock. @deadline_ns 0: do not wait. True: it was, or the feed
 * has ended. *@failed: else why it was not, if the call was to wait.
 */
static bool send_item(struct sheaf_batch *batch, uint64_t deadline_ns, int *failed)
{
	struct feed *feed = &batch->window->feed;
	const sheaf_item item = feed->item;
	/* One that has passed lets the call look once, also in a batch that waits. */
	const sheaf_task_options options = {.deadline_ns = deadline_ns ? deadline_ns : 1};
	int r;

	pthread_mutex_unlock(&batch->lock);
	r = sheaf_submit_with(batch, item.position, item.fn, item.arg, item.arg_size, &options);
	pthread_mutex_lock(&batch->lock);
	/* An interrupt is told once, so it must reach the user. */
	if (comes_later(r)) {
		*failed = deadline_ns || r == -EINTR ? r : 0;
		return false;
	}
	feed->pending = false;
	if (r)
		end_feed(batch, r);
	else
		feed->item.position++;
	return true;
}

/* ---- a chain ---- */

/* Take the next result of the source, which stays held there. As sheaf_next(). */
static int take_result(struct sheaf_batch *source, sheaf_result *result, uint64_t *index, uint64_t deadline_ns)
{
	int r = gather_begin(source, "sheaf_chain");

	if (r)
		return r;
	r = source->view->next(source, result, deadline_ns);
	if (r > 0)
		*index = window_pin(source);
	return gather_end(source, r);
}

static void release_result(struct sheaf_batch *source, uint64_t index)
{
	pthread_mutex_lock(&source->lock);
	window_let_go(source, index);
	pthread_mutex_unlock(&source->lock);
}

/*
 * Take the next result of the source, if none is pending. True: one is. Else as send_item(). The
 * lock is free meanwhile.
 */
static bool take_pending(struct sheaf_batch *batch, sheaf_result *result, uint64_t deadline_ns, int *failed)
{
	struct feed *feed = &batch->window->feed;
	struct sheaf_batch *source = feed->source;
	uint64_t soon = sheaf_now_ns() + LEAVING_NS;
	bool leaving = batch->window->leaving_first;
	int r;

	/* What leaves holds results of the source, and nobody tells when it is gone. */
	if (deadline_ns && leaving && soon < deadline_ns)
		deadline_ns = soon;
	pthread_mutex_unlock(&batch->lock);
	r = take_result(source, result, &feed->source_index, deadline_ns);
	pthread_mutex_lock(&batch->lock);
	if (r > 0)
		return true;
	if (!comes_later(r))
		end_feed(batch, r);
	else if (deadline_ns || r == -EINTR)
		*failed = leaving && r == -ETIMEDOUT && deadline_ns == soon ? 0 : r;
	return false;
}

/* Send what is pending. 0; -EAGAIN, -ENOBUFS: later; or an error. */
static int send_pending(struct sheaf_batch *batch)
{
	struct feed *feed = &batch->window->feed;
	const sheaf_item *item = &feed->item;
	struct order_of_task order = {
		.position = item->position, .arg = item->arg, .arg_size = item->arg_size, .limit = LIMIT_BATCH};
	int r = function_store(batch->segment, "sheaf_chain", (any_fn *)item->fn, FUNCTION_TASK, &order.function);

	return r ? r : windowed_send_shared(batch, &order, feed->source_index + 1, batch->word_flags);
}

/* The same in a pool of SHEAF_CHECK, which puts something in front of each argument: by a copy. */
static int send_copy(struct sheaf_batch *batch)
{
	struct feed *feed = &batch->window->feed;
	const sheaf_item item = feed->item;
	int r;

	pthread_mutex_unlock(&batch->lock);
	r = sheaf_submit_with(batch, item.position, item.fn, item.arg, item.arg_size, &(sheaf_task_options){.deadline_ns = 1});
	pthread_mutex_lock(&batch->lock);
	if (!r)
		release_result(feed->source, feed->source_index);
	return r;
}

/* Pass one result on. As send_item(). */
static bool send_result(struct sheaf_batch *batch, uint64_t deadline_ns, int *failed)
{
	struct feed *feed = &batch->window->feed;
	sheaf_result result = {0};
	int r;

	if (!feed->pending && !take_pending(batch, &result, deadline_ns, failed))
		return feed->ended || (deadline_ns && !*failed);
	if (!feed->pending) {
		feed->item.position = result.position;
		feed->item.arg = result.data;
		feed->item.arg_size = result.size;
	}
	if (result.status) {
		r = windowed_fail(batch, &result);
		release_result(feed->source, feed->source_index);
	} else {
		r = batch->flags & BATCH_CHECKED ? send_copy(batch) : send_pending(batch);
	}
	feed->pending = comes_later(r) && !result.status;
	if (r == -EINTR) {
		*failed = r;
		return false;
	}
	if (!feed->pending && r) {
		if (!result.status)
			release_result(feed->source, feed->source_index);
		end_feed(batch, r);
	}
	if (!feed->pending || !deadline_ns)
		return !feed->pending;
	/* The ring is full, of others' tasks. */
	pthread_mutex_unlock(&batch->lock);
	*failed = batch_wait_for_room(batch, member_heard(batch->member), deadline_ns);
	pthread_mutex_lock(&batch->lock);
	return !*failed;
}

/* ---- both ---- */

int feed_fill(struct sheaf_batch *batch, uint64_t deadline_ns)
{
	struct window *window = batch->window;
	struct feed *feed = &window->feed;
	int failed = 0;

	while (!feed->ended && !batch_is_cancelled(batch->shared)) {
		uint64_t until = window->waiting ? 0 : deadline_ns;
		bool sent;

		if (window_is_full(batch, feed->pending ? feed->item.arg_size + batch->result_size : 0))
			return 0;
		if (feed->source) {
			sent = send_result(batch, until, &failed);
		} else {
			if (!feed->pending)
				produce(batch);
			sent = feed->ended || send_item(batch, until, &failed);
		}
		if (!sent)
			return failed;
	}
	return 0;
}

/* ---- calls ---- */

/* May the batch be fed? 0; or an error with its message. Takes the lock if it may. */
static int begin_feed(const char *call, struct sheaf_batch *batch)
{
	int r = batch_check(batch);

	if (r)
		return r;
	pthread_mutex_lock(&batch->lock);
	if (!batch->window)
		r = sheaf_fail(-EINVAL, "%s: the batch has no window: set options.window or window_bytes", call);
	else if (feed_is(batch->window))
		r = sheaf_fail(-EBUSY, "%s: the batch has a feed already", call);
	else if (batch->window->finished)
		r = sheaf_fail(-EPIPE, "%s: the batch is finished: sheaf_batch_finish() was called", call);
	if (r)
		pthread_mutex_unlock(&batch->lock);
	return r;
}

int sheaf_feed(sheaf_batch *batch, sheaf_producer_fn *producer, void *context)
{
	int r;

	if (!batch || !producer)
		return sheaf_fail(-EINVAL, "sheaf_feed: %s is NULL", batch ? "producer" : "batch");
	if ((r = begin_feed("sheaf_feed", batch)))
		return r;
	batch->window->feed.producer = producer;
	batch->window->feed.context = context;
	pthread_mutex_unlock(&batch->lock);
	return 0;
}

/* May the source be read by a chain? It is marked as read then. */
static int join_source(struct sheaf_batch *batch, struct sheaf_batch *source)
{
	int r = batch_check(source);

	if (r)
		return r;
	if (source->member != batch->member)
		return sheaf_fail(-EINVAL, "sheaf_chain: batch and source are of two pools");
	pthread_mutex_lock(&source->lock);
	if (!source->window)
		r = sheaf_fail(-EINVAL, "sheaf_chain: source has no window: set options.window or window_bytes");
	else if (source->window->reader || source->gathering)
		r = sheaf_fail(-EBUSY, "sheaf_chain: another %s gathers from source",
			       source->window->reader ? "batch" : "thread");
	else
		source->window->reader = batch;
	pthread_mutex_unlock(&source->lock);
	return r;
}

int sheaf_chain(sheaf_batch *batch, sheaf_batch *source, sheaf_task_fn *fn)
{
	int r;

	if (!batch || !source || !fn)
		return sheaf_fail(-EINVAL, "sheaf_chain: %s is NULL", !batch ? "batch" : !source ? "source" : "fn");
	if (batch == source)
		return sheaf_fail(-EINVAL, "sheaf_chain: source is the batch itself");
	if ((r = begin_feed("sheaf_chain", batch)))
		return r;
	if (!(r = join_source(batch, source))) {
		batch->window->feed.source = source;
		batch->window->feed.item.fn = fn;
	}
	pthread_mutex_unlock(&batch->lock);
	return r;
}

int sheaf_batch_finish(sheaf_batch *batch)
{
	int r;

	if (!batch)
		return sheaf_fail(-EINVAL, "sheaf_batch_finish: batch is NULL");
	if ((r = batch_check(batch)))
		return r;
	if (!batch->window)
		return sheaf_fail(-EINVAL, "sheaf_batch_finish: the batch has no window, so it ends when all is handed out");
	pthread_mutex_lock(&batch->lock);
	batch->window->finished = true;
	gatherer_ring_always(batch->segment, batch->shared);
	if (batch->window->submitters)
		room_ring_all(batch->segment);
	pthread_mutex_unlock(&batch->lock);
	return 0;
}

int sheaf_batch_get_window(sheaf_batch *batch, sheaf_window_info *info)
{
	struct window *window;
	uint64_t lowest;
	int r;

	if (!batch || !info)
		return sheaf_fail(-EINVAL, "sheaf_batch_get_window: %s is NULL", batch ? "info" : "batch");
	if ((r = batch_check(batch)))
		return r;
	if (!batch->window)
		return sheaf_fail(-EINVAL, "sheaf_batch_get_window: the batch has no window");
	(void)member_serve(batch->member);
	pthread_mutex_lock(&batch->lock);
	window = batch->window;
	*info = (sheaf_window_info){.accepted = window->accepted,
				    .given = window->accepted - window->waiting,
				    .held = window->held,
				    .held_bytes = window_bytes(batch),
				    .head = window->floor};
	if (window_lowest(window, &lowest)) {
		info->head = window->places[lowest].position;
		if (window->full_ns && word_state(load_relaxed(&batch_entry(batch, lowest)->word)) != WORD_DONE)
			info->stalled_ns = sheaf_now_ns() - window->full_ns;
	}
	pthread_mutex_unlock(&batch->lock);
	return 0;
}

int sheaf_each(sheaf_batch *batch, sheaf_each_fn *fn, void *context, enum sheaf_order order, uint64_t deadline_ns)
{
	sheaf_result result;
	int r;

	if (!batch || !fn)
		return sheaf_fail(-EINVAL, "sheaf_each: %s is NULL", batch ? "fn" : "batch");
	if ((unsigned)order > SHEAF_AS_DONE)
		return sheaf_fail(-EINVAL, "sheaf_each: order is %d: neither SHEAF_BY_POSITION nor SHEAF_AS_DONE", (int)order);
	while ((r = order == SHEAF_AS_DONE ? sheaf_next_done(batch, &result, deadline_ns)
					   : sheaf_next(batch, &result, deadline_ns)) > 0)
		if ((r = fn(context, &result))) {
			(void)sheaf_batch_cancel(batch, 0);
			return r;
		}
	return r;
}
