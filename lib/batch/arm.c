/*
 * arm.c - arms batches, so that the pool's descriptor becomes readable when one of them publishes
 * something.
 *
 * An armed batch has WAIT_ANY_AT(PLACE_NEWS) as its waiter word. The member that publishes
 * something claims that word, as it does for a gatherer, and then writes a byte into the pool's
 * pipe. So an armed batch costs one write at most, and one that is not armed costs nothing.
 *
 * Writers           waiter: as in bell.c. control->alarms: the member that rings all gatherers.
 *                   armed and alarms of the handle: the opener, under the member's lock.
 * Edges             The gatherer's side of BELL1 (bell.c): arm, then look for what is done. And
 *                   that of `alarms`: a batch that was armed with the present number saw what was
 *                   done before everybody was rung.
 * Deaths            Of a member that has claimed the word and not written: the word says that the
 *                   batch has news, and the supervisor makes the descriptor readable. Of one that
 *                   has published and not claimed the word: the supervisor counts an alarm, by
 *                   which all armed batches have news.
 */
#include "batch/arm.h"

#include "base/atomic.h"
#include "base/error.h"
#include "batch/await.h"
#include "batch/feed.h"
#include "batch/gather.h"
#include "batch/open.h"
#include "queue/bell.h"

#include <errno.h>

/* With the waiter word, under one lock: else another thread could see news that there is none. */
static void set_armed(struct sheaf_batch *batch, bool armed, uint32_t alarms)
{
	struct member *member = batch->member;

	pthread_mutex_lock(&member->openings->lock);
	batch->armed = armed;
	batch->alarms = alarms;
	/*
	 * BELL1. Seq_cst: else the words that are checked next could be read too early, before a
	 * worker can see that the batch is armed.
	 */
	store_seq_cst(&batch->shared->waiter, armed ? WAIT_ANY_AT(PLACE_NEWS) : WAIT_NOTHING);
	pthread_mutex_unlock(&member->openings->lock);
}

/* Run a task of a pool without workers. Under the batch's lock, which is free meanwhile. */
static bool serve(struct sheaf_batch *batch)
{
	bool ran;

	pthread_mutex_unlock(&batch->lock);
	ran = member_serve(batch->member);
	pthread_mutex_lock(&batch->lock);
	return ran;
}

/* Under the batch's lock, as its gatherer. */
static int arm(struct sheaf_batch *batch)
{
	struct shared_control *control = batch->segment->control;
	struct pick next;
	int r;

	if (!news_open(batch->segment))
		return sheaf_fail(-EBADF, "sheaf_batch_arm: this process has closed the descriptor of sheaf_pool_fd(), as "
					  "closefrom() does: keep it open, or wait by sheaf_wait()");
	/* Acquire, pairs with gatherer_ring_all(): else what was done before could be missed. */
	set_armed(batch, true, load_acquire(&control->alarms));
	r = batch->view->pick_done(batch, &next);
	/*
	 * Nobody rings any longer for a pool that is over. Relaxed: if its end came after the
	 * number of alarms that was noted, there is another alarm.
	 */
	if (r == PICK_DONE || load_relaxed(&control->state) > POOL_FINISHED)
		gatherer_ring(batch->segment, batch->shared, WAIT_ANY);
	if (r >= 0)
		return 0;
	set_armed(batch, false, 0);
	return r;
}

int sheaf_batch_arm(sheaf_batch *batch)
{
	struct pick next;
	int r;

	if (!batch)
		return sheaf_fail(-EINVAL, "sheaf_batch_arm: batch is NULL");
	if (!(r = batch_check(batch)) && (member_is_task(batch->member) || batch->member->attached))
		r = sheaf_fail(
			-EPERM,
			"sheaf_batch_arm: only the owner of a pool has its descriptor, neither a task nor a program that "
			"has joined: use sheaf_wait()");
	if (r)
		return r;
	if ((r = gather_begin(batch, "sheaf_batch_arm")))
		return r;
	if ((r = feed_begin(batch)))
		return gather_end(batch, r);
	/* Without workers, run tasks until there is news, because poll() runs none. */
	while (batch->member->ops->serve && batch->view->pick_done(batch, &next) == PICK_LATER && serve(batch))
		continue;
	return gather_end(batch, arm(batch));
}

struct sheaf_batch *batch_with_news(struct member *member, bool all)
{
	/* Relaxed: the pipe hands it over. */
	uint32_t alarms = load_relaxed(&member->segment->control->alarms);
	struct sheaf_batch *batch;

	pthread_mutex_lock(&member->openings->lock);
	for (batch = member->openings->batches; batch; batch = batch->next)
		/*
		 * Relaxed: a gatherer that comes too early for the result finds nothing, and finds
		 * it when it arms the batch again.
		 */
		if (batch->armed &&
		    (all || batch->alarms != alarms || load_relaxed(&batch->shared->waiter) != WAIT_ANY_AT(PLACE_NEWS)))
			break;
	if (batch)
		batch->armed = false;
	pthread_mutex_unlock(&member->openings->lock);
	return batch;
}
