/*
 * info.c - figures of a pool, for its owner.
 */
#include "pool/pool.h"

#include "base/atomic.h"
#include "base/cancel.h"
#include "base/error.h"
#include "os/os.h"
#include "pool/state.h"
#include "pool/tend.h"
#include "segment/file.h"
#include "segment/heap.h"

#include <errno.h>

int sheaf_pool_get_info(const sheaf_pool *pool, sheaf_pool_info *info)
{
	const struct segment *segment;
	pid_t supervisor;
	bool withdrawn;
	int r = pool_check_owner(pool, "sheaf_pool_get_info");

	if (r)
		return r;
	if (!info)
		return sheaf_fail(-EINVAL, "sheaf_pool_get_info: info is NULL");
	segment = &pool->segment;
	pthread_mutex_lock(&((struct sheaf_pool *)pool)->family_lock);
	withdrawn = segment_guard(pool->member.segment);
	if (state_of(&pool->segment) <= POOL_CLOSED)
		family_await_spare(&((struct sheaf_pool *)pool)->family, segment);
	family_lives(&((struct sheaf_pool *)pool)->family, segment); /* notes which process leads */
	supervisor = pool->family.supervisor;
	tend_unlock((struct sheaf_pool *)pool);
	/* Relaxed: statistics. */
	*info = (sheaf_pool_info){
		.workers = segment_wanted(segment),
		.supervisor = supervisor,
		.deaths = load_relaxed(&segment->control->deaths),
		.supervisors = load_relaxed(&segment->control->supervisors),
		.heap_size = (size_t)segment->heap_size,
		.heap_used = (size_t)heap_used(segment),
		.heap_stocked = (size_t)heap_stocked(segment),
		.name = withdrawn ? "" : segment->name,
	};
	return 0;
}

pid_t sheaf_pool_worker_pid(const sheaf_pool *pool, unsigned worker)
{
	struct sheaf_pool *mine = (struct sheaf_pool *)pool;
	int r = pool_check_owner(pool, "sheaf_pool_worker_pid"), cancel;
	pid_t pid;

	if (r)
		return r;
	if (worker >= pool->segment.crew_count)
		return sheaf_fail(-EINVAL, "worker %u of %u", worker, pool->segment.crew_count);
	if (pool->threaded)
		return 0;
	/* Relaxed: what a task may have written over is only a hint. */
	pid = load_relaxed(&pool->segment.seats[worker].pid);
	cancel = cancel_refuse();
	pthread_mutex_lock(&mine->family_lock);
	pid = family_worker(&mine->family, &pool->segment, worker, pid);
	tend_unlock(mine);
	cancel_allow(cancel);
	return pid;
}

unsigned sheaf_usable_cpus(void)
{
	return os_usable_cpus(0);
}
