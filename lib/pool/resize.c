/*
 * resize.c - the owner changes how many workers there are, and pauses and resumes them.
 *
 * Writers           wanted and paused of the control area: see wanted.c.
 * Deaths            Of the owner: the pool ends.
 */

#include "base/atomic.h"
#include "base/cancel.h"
#include "base/error.h"
#include "pool/state.h"
#include "pool/tend.h"
#include "pool/wanted.h"
#include "queue/bell.h"
#include "queue/ring.h"

#include <errno.h>

/* Relaxed, in all of these: written under the family lock, and workers are rung next. */

/* Check that a call may change the workers. 0, or an error with its message. */
static int check(sheaf_pool *pool, const char *call)
{
	int r = pool_check_owner(pool, call);

	if (r)
		return r;
	if (pool->inlined && !pool->segment.lenient)
		return sheaf_fail(-ENOTSUP, "%s: with SHEAF_INLINE the thread that waits runs the tasks: there are no workers",
				  call);
	return member_fail(&pool->member, state_of(&pool->segment));
}

/* Under the family lock. */
static int resize(struct sheaf_pool *pool, unsigned workers)
{
	unsigned before = load_relaxed(&pool->wanted);
	int r;

	/* First: a new thread must find that it is wanted. */
	if (workers > before)
		wanted_begin(pool, workers);
	r = pool->threaded ? threads_resize(&pool->threads, &pool->segment, workers) : 0;
	wanted_begin(pool, r ? before : workers);
	if (r)
		return r;
	segment_heed(&pool->segment, HEED_SEAT);
	workers_ring_all(&pool->segment);
	if (!pool->threaded)
		family_wake(&pool->family);
	return 0;
}

int sheaf_pool_resize(sheaf_pool *pool, unsigned workers)
{
	int r = check(pool, "sheaf_pool_resize"), cancel;

	if (r)
		return r;
	if (!workers)
		return sheaf_fail(-EINVAL, "sheaf_pool_resize: 0 workers: sheaf_pool_pause() has them begin nothing");
	if (pool->inlined) /* of a program that does not know of it */
		return 0;
	if (workers > pool->segment.crew_count)
		return sheaf_fail(-EINVAL, "sheaf_pool_resize: %u workers, at most %u: raise worker_options->max_workers",
				  workers, pool->segment.crew_count);
	if (tend_asked(pool) != POOL_OPEN)
		return sheaf_fail(-EPIPE, "sheaf_pool_resize: the pool is closed");
	cancel = cancel_refuse();
	pthread_mutex_lock(&pool->family_lock);
	r = resize(pool, workers);
	tend_unlock(pool);
	cancel_allow(cancel);
	return r;
}

static int set_paused(sheaf_pool *pool, const char *call, bool paused)
{
	int r = check(pool, call), cancel;

	if (r || pool->inlined)
		return r;
	cancel = cancel_refuse();
	pthread_mutex_lock(&pool->family_lock);
	store_relaxed(&pool->paused, paused);
	store_relaxed(&pool->segment.control->paused, paused);
	segment_heed(&pool->segment, HEED_SEAT);
	/* What was READY all the time is begun by those that are rung, or called. */
	if (!paused) {
		workers_ring_all(&pool->segment);
		workers_ring_some(&pool->segment, rings_count_ready(&pool->segment, pool->segment.worker_count));
	}
	tend_unlock(pool);
	cancel_allow(cancel);
	return 0;
}

int sheaf_pool_pause(sheaf_pool *pool)
{
	return set_paused(pool, "sheaf_pool_pause", true);
}

int sheaf_pool_resume(sheaf_pool *pool)
{
	return set_paused(pool, "sheaf_pool_resume", false);
}
