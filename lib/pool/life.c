/*
 * life.c - how the owner closes, joins, terminates, interrupts and destroys a pool.
 *
 * Writers           control->state: the owner, to closed and terminated; see state.c.
 * Deaths            Of the owner in here: its supervisor ends the workers and takes the name away.
 */
#include "pool/pool.h"

#include "base/atomic.h"
#include "base/cancel.h"
#include "base/error.h"
#include "batch/open.h"
#include "batch/retire.h"
#include "member/mishap.h"
#include "member/wait.h"
#include "pool/attach.h"
#include "pool/news.h"
#include "pool/state.h"
#include "pool/tend.h"
#include "pool/tracing.h"
#include "queue/bell.h"
#include "queue/ring.h"
#include "segment/create.h"
#include "segment/file.h"
#include "work/function.h"

#include <errno.h>
#include <stdlib.h>

#define MOST_RESUMED 3

/* Relaxed: the change of the state that follows hands it over. It only goes on. */
static void ask_for(struct sheaf_pool *pool, uint32_t wanted)
{
	uint32_t asked = tend_asked(pool);

	while (asked < wanted && !cas_weak_relaxed(&pool->member.asked, &asked, wanted))
		continue;
}

int sheaf_pool_close(sheaf_pool *pool)
{
	int r = pool_check_owner(pool, "sheaf_pool_close");

	if (r)
		return r;
	ask_for(pool, POOL_CLOSED);
	if (state_change(&pool->segment, POOL_OPEN, POOL_CLOSED)) {
		workers_ring_all(&pool->segment);
		room_ring_all(&pool->segment);
		tend_wake_supervisor(pool);
	}
	return member_fail(&pool->member, state_of(&pool->segment));
}

/* Tell whether all of a closed pool has ended. */
static bool all_ended(struct sheaf_pool *pool)
{
	struct segment *segment = &pool->segment;
	bool over = false;

	/* Relaxed: a thread of the owner, which is asked again. */
	if (load_relaxed(&pool->member.running))
		return false;
	pthread_mutex_lock(&pool->family_lock);
	if (pool->threaded) {
		if (state_of(&pool->segment) == POOL_FINISHED) {
			over = true;
		} else if (/* relaxed: joining the threads hands over what they did */
			   !load_relaxed(&pool->threads.live) && state_change(&pool->segment, POOL_CLOSED, POOL_FINISHED)) {
			over = !rings_have_work(segment);
			if (over)
				threads_join(&pool->threads);
			else
				state_change(&pool->segment, POOL_FINISHED, POOL_CLOSED);
		}
	} else if (state_of(&pool->segment) == POOL_FINISHED && rings_have_owned(segment)) {
		/*
		 * All workers have ended and one has a task. If a wild write hit the state, the
		 * supervisor goes on. If it hit the ring, it insists.
		 */
		if (pool->resumed++ < MOST_RESUMED) {
			state_change(&pool->segment, POOL_FINISHED, POOL_CLOSED);
			family_wake(&pool->family);
		} else {
			store_relaxed(&pool->member.wild, 1 + POOL_FINISHED);
			state_change(&pool->segment, POOL_FINISHED, POOL_BROKEN);
		}
	} else if (state_of(&pool->segment) == POOL_FINISHED && !rings_have_work(segment)) {
		over = !pool->family.group;
		if (!over) {
			/*
			 * The supervisor has stayed for the name's sake, and has nothing else to
			 * do.
			 */
			segment_unpublish(segment);
			over = family_end(&pool->family, segment, false);
		}
	}
	tend_unlock(pool);
	return over;
}

static bool is_joined(void *context)
{
	int cancel = cancel_refuse();
	bool over = all_ended(context);

	cancel_allow(cancel);
	return over;
}

int sheaf_pool_join(sheaf_pool *pool, uint64_t deadline_ns)
{
	struct wait wait = {.context = pool, .ready = is_joined, .sleep = true, .longest_ns = CHECK_EVERY_NS};
	int r = pool_check_owner(pool, "sheaf_pool_join");

	if (r)
		return r;
	wait.heard = member_heard(&pool->member);
	if (tend_asked(pool) == POOL_OPEN)
		return sheaf_fail(-EBUSY, "sheaf_pool_join: close the pool first");
	/* Relaxed: the owner's own. */
	if (load_relaxed(&pool->paused))
		return sheaf_fail(-EBUSY, "sheaf_pool_join: the pool is paused: call sheaf_pool_resume() first");
	r = member_wait(&pool->member, &wait, deadline_ns);
	if (r == -EAGAIN)
		return sheaf_fail(r, "the pool still has work");
	if (r == -ETIMEDOUT)
		return sheaf_fail(r, "the deadline passed before the pool had ended");
	if (r == -EINTR)
		return member_interrupt(&pool->member);
	return r ? r : mishap_fail_exit(&pool->segment);
}

/* Terminate a pool. @wait: for tasks that cannot be killed; else return how many run on. */
static unsigned terminate(struct sheaf_pool *pool, bool wait)
{
	unsigned left = 0;

	ask_for(pool, POOL_TERMINATED);
	pthread_mutex_lock(&pool->family_lock);
	/* First: if we are killed now, the supervisor ends the rest. */
	segment_unpublish(&pool->segment);
	if (wait)
		tend_end_workers(pool);
	else
		left = tend_stop_workers(pool);
	tend_unlock(pool);
	state_wake_everybody(&pool->segment);
	return left;
}

int sheaf_pool_terminate(sheaf_pool *pool)
{
	int r = pool_check_owner(pool, "sheaf_pool_terminate"), cancel;
	unsigned left;

	if (r)
		return r;
	cancel = cancel_refuse();
	left = terminate(pool, false);
	cancel_allow(cancel);
	if (left)
		return sheaf_fail(-ENOTSUP,
				  "sheaf_pool_terminate: %u of the pool's tasks still run, in threads, which cannot be killed: "
				  "no other task begins, and sheaf_pool_destroy() waits for these",
				  left);
	return 0;
}

int sheaf_pool_interrupt(sheaf_pool *pool)
{
	/* In a signal handler: no message, no lock, nothing but atomics and sem_post(). */
	if (!pool || (!handles_in_task && pool->member.forks == MEMBER_DEAD))
		return -EINVAL;
	if ((handles_in_task && !pool_exists(pool)) || pool->member.forks == MEMBER_DEAD ||
	    pool->member.made != forks_count() || member_is_task(&pool->member))
		return -EPERM;
	/*
	 * Seq_cst, pairs with member_interrupted(): else a member that announces itself after our
	 * token could miss the number.
	 */
	fetch_add_seq_cst(&pool->member.interrupts, 1);
	gatherer_ring_all(&pool->segment);
	room_ring_all(&pool->segment);
	if (pool->member.attached)
		worker_ring(&pool->segment, pool->member.number);
	return 0;
}

void sheaf_pool_destroy(sheaf_pool *pool)
{
	int cancel;

	if (!pool)
		return;
	if (pool->member.attached && !pool_check(pool, "sheaf_pool_destroy")) {
		cancel = cancel_refuse();
		attach_end(pool);
		cancel_allow(cancel);
		return;
	}
	if (pool_check_owner(pool, "sheaf_pool_destroy")) {
		/*
		 * What a task has from its owner it still stands on. And nothing is done to what is
		 * destroyed.
		 */
		if (handles_in_task || pool->member.forks == MEMBER_DEAD || pool->member.made == forks_count())
			return;
		/* A fork of the owner: segment, workers and batches are the parent's. */
		if (pool->member.attached) {
			attach_forget(pool);
			return;
		}
		functions_free(&pool->segment);
		free(pool->segment.trace_file);
		news_end(&pool->segment);
		segment_detach(&pool->segment);
		free(pool->inlined);
		place_forget(pool->place);
		batch_drop_spare(&pool->member);
		pool_give_memory(pool);
		return;
	}
	cancel = cancel_refuse();
	terminate(pool, true);
	while (pool->openings.batches)
		batch_free(pool->openings.batches, true);
	batch_drop_spare(&pool->member);
	inlined_end(pool->inlined);
	place_forget(pool->place);
	news_end(&pool->segment);
	tracing_end(&pool->segment);
	functions_free(&pool->segment);
	segment_destroy(&pool->segment);
	pthread_mutex_destroy(&pool->openings.lock);
	pthread_mutex_destroy(&pool->family_lock);
	pool_give_memory(pool);
	cancel_allow(cancel);
}
