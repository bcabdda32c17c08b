/*
 * wanted.c - the owner says how many workers it wants, and keeps that itself.
 *
 * Writers           wanted and paused of the control area: the owner, and again where a wild write
 *                   has changed them.
 * Deaths            Of the owner: the pool ends. Of a supervisor: its successor reads `wanted`.
 */
#include "pool/wanted.h"

#include "base/atomic.h"
#include "queue/bell.h"

/* Relaxed, in all of these: workers are rung next, and ask again. */

void wanted_begin(struct sheaf_pool *pool, unsigned workers)
{
	store_relaxed(&pool->wanted, workers);
	store_relaxed(&pool->segment.control->wanted, workers);
}

void wanted_mend(struct sheaf_pool *pool)
{
	struct shared_control *control = pool->segment.control;
	unsigned wanted = load_relaxed(&pool->wanted), paused = load_relaxed(&pool->paused);

	if (load_relaxed(&control->wanted) == wanted && load_relaxed(&control->paused) == paused)
		return;
	store_relaxed(&control->wanted, wanted);
	store_relaxed(&control->paused, paused);
	segment_heed(&pool->segment, HEED_SEAT);
	workers_ring_all(&pool->segment);
	if (!pool->threaded)
		family_wake(&pool->family);
}
