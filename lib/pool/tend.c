/*
 * tend.c - the owner replaces a dead supervisor, and writes again what it knows better than the
 * segment, where a wild write may have changed it.
 *
 * Writers           control->state: the owner, to closed again, lost, broken or unplugged; see
 *                   state.c. The kill word of a seat: the owner, before it wakes the supervisor.
 * Deaths            Of the supervisor and its spare at once: found here, and a successor repairs
 *                   what they left.
 */
#include "pool/tend.h"

#include "base/atomic.h"
#include "base/cancel.h"
#include "batch/open.h"
#include "os/os.h"
#include "pool/news.h"
#include "pool/state.h"
#include "pool/wanted.h"
#include "queue/bell.h"
#include "queue/ring.h"
#include "segment/file.h"

#define MOST_SUCCESSORS 64 /* without any task ended between them */
/* So long without being able to start one loses the pool. */
#define NO_SUCCESSOR_NS UINT64_C(10000000000)

static struct sheaf_pool *pool_of(struct member *member)
{
	return (struct sheaf_pool *)(void *)member;
}

uint32_t tend_asked(const struct sheaf_pool *pool)
{
	return load_relaxed(&pool->member.asked);
}

/*
 * Tell whether families die one after the other without any task being ended or given up. They
 * would do so for ever.
 */
static bool successors_fruitless(struct sheaf_pool *pool)
{
	uint64_t completed = 1 + segment_progress(&pool->segment);

	if (completed != pool->completed)
		pool->successors = 0;
	pool->completed = completed;
	return ++pool->successors > MOST_SUCCESSORS;
}

/*
 * Start a successor. If that fails, later checks try again, because a limit of processes or files
 * may be hit for a moment. False: it has failed for too long.
 */
static bool start_successor(struct sheaf_pool *pool)
{
	uint64_t now = sheaf_now_ns();

	segment_guard(&pool->segment);
	/* As the segment's file is opened again. If it cannot be done, the pool goes on without. */
	if (!news_open(&pool->segment)) {
		news_end(&pool->segment);
		(void)news_begin(&pool->segment);
	}
	if (!family_start(&pool->family, &pool->segment, pool->keep_fds, true)) {
		pool->orphaned_ns = 0;
		return true;
	}
	if (!pool->orphaned_ns)
		pool->orphaned_ns = now;
	return now - pool->orphaned_ns < NO_SUCCESSOR_NS;
}

static void lose_pool(struct sheaf_pool *pool, uint32_t how)
{
	/* Nobody else is there to do it if the owner is killed. */
	segment_unpublish(&pool->segment);
	state_end(&pool->segment, how);
	state_wake_everybody(&pool->segment);
}

/*
 * Write again what the owner knows better than the segment, because a wild task may have written
 * over it. Under the family lock.
 */
static void mend_pool(struct sheaf_pool *pool)
{
	struct member *member = &pool->member;
	uint32_t state = state_of(&pool->segment), asked = tend_asked(pool);

	if (asked == POOL_TERMINATED)
		return;
	if (asked == POOL_CLOSED && state == POOL_OPEN && state_change(&pool->segment, POOL_OPEN, POOL_CLOSED))
		state_wake_everybody(member->segment);
	wanted_mend(pool);
	batch_mend(member);
	/* First: another thread may be about to terminate the pool. */
	if (member_possible(member, state) || !member_fail(member, state))
		return;
	state_force(member->segment, POOL_BROKEN);
	state_wake_everybody(member->segment);
}

/*
 * Replace a supervisor and a spare that have died at once. The successor repairs what they left.
 * Under the family lock.
 */
static void look_at_family(struct sheaf_pool *pool)
{
	struct segment *segment = &pool->segment;

	if ((!pool->family.group && !pool->orphaned_ns) || state_of(&pool->segment) >= POOL_TERMINATED ||
	    tend_asked(pool) == POOL_TERMINATED)
		return;
	/*
	 * Without it nobody can be asked. A family that the host has only cut off ends by itself,
	 * and another one is started.
	 */
	if (segment_fd(segment) < 0) {
		lose_pool(pool, POOL_UNPLUGGED);
		return;
	}
	if (family_lives(&pool->family, segment))
		return;
	if (state_of(&pool->segment) == POOL_FINISHED && !rings_have_work(segment))
		return;
	/* It may have died after it declared the pool finished, before it checked the ring. */
	state_change(&pool->segment, POOL_FINISHED, POOL_CLOSED);
	if (!family_end(&pool->family, segment, false) || (!pool->orphaned_ns && successors_fruitless(pool)) ||
	    !start_successor(pool))
		lose_pool(pool, POOL_LOST);
}

static int tend_look(struct member *member)
{
	struct sheaf_pool *pool = pool_of(member);

	/* Another thread that holds the lock does the same. */
	if (!pthread_mutex_trylock(&pool->family_lock)) {
		mend_pool(pool);
		if (!pool->threaded)
			look_at_family(pool);
		else if (!pool->inlined && state_of(&pool->segment) == POOL_CLOSED)
			threads_finish(&pool->threads, member->segment);
		tend_unlock(pool);
	}
	return member_fail(member, state_of(&pool->segment));
}

/* End a pool whose state says that it is over. Its processes may not have noticed. */
static bool tend_end(struct member *member)
{
	struct sheaf_pool *pool = pool_of(member);

	if (pool->threaded)
		return false;
	pthread_mutex_lock(&pool->family_lock);
	segment_unpublish(member->segment);
	family_end(&pool->family, member->segment, true);
	tend_unlock(pool);
	return true;
}

void tend_wake_supervisor(struct sheaf_pool *pool)
{
	int cancel = cancel_refuse();

	pthread_mutex_lock(&pool->family_lock);
	family_wake(&pool->family);
	tend_unlock(pool);
	cancel_allow(cancel);
}

void tend_unlock(struct sheaf_pool *pool)
{
	pthread_mutex_unlock(&pool->family_lock);
	/*
	 * Seq_cst, pairs with tend_call_worker(): either that gets the lock, or its call is seen.
	 */
	while (load_seq_cst(&pool->called) && !pthread_mutex_trylock(&pool->family_lock)) {
		store_relaxed(&pool->called, false);
		family_wake(&pool->family);
		pthread_mutex_unlock(&pool->family_lock);
	}
}

void tend_call_worker(struct segment *segment)
{
	char *at = (char *)segment - offsetof(struct sheaf_pool, segment);
	struct sheaf_pool *pool = (struct sheaf_pool *)(void *)at;
	int cancel = cancel_refuse();

	/*
	 * Never waiting for the lock: its holder may be the one that calls. Seq_cst, pairs with
	 * tend_unlock().
	 */
	store_seq_cst(&pool->called, true);
	if (!pthread_mutex_trylock(&pool->family_lock))
		tend_unlock(pool);
	cancel_allow(cancel);
}

static void tend_nudge(struct member *member)
{
	if (!pool_of(member)->threaded)
		tend_wake_supervisor(pool_of(member));
}

static void tend_kill(struct member *member, unsigned worker, unsigned generation)
{
	if (pool_of(member)->threaded)
		return;
	/* Relaxed: read after the signal, or with the next one. */
	store_relaxed(&member->segment->seats[worker].kill, generation + 1);
	tend_wake_supervisor(pool_of(member));
}

const struct member_ops tend_ops = {
	.look = tend_look,
	.ended = tend_end,
	.kill = tend_kill,
	.nudge = tend_nudge,
	.returned = nested_end_of_owner,
};

static bool tend_serve(struct member *member, const struct wait *wait, uint64_t deadline_ns, bool announced)
{
	return inlined_serve(pool_of(member)->inlined, wait, deadline_ns, announced);
}

const struct member_ops tend_inlined_ops = {
	.look = tend_look,
	.ended = tend_end,
	.kill = tend_kill,
	.nudge = tend_nudge,
	.returned = nested_end_of_owner,
	.serve = tend_serve,
};

unsigned tend_stop_workers(struct sheaf_pool *pool)
{
	/* Of a pool that the environment has changed, the program expects that nothing runs on. */
	if (!pool->threaded || pool->segment.lenient) {
		tend_end_workers(pool);
		return 0;
	}
	state_force(&pool->segment, POOL_TERMINATED);
	workers_ring_all(&pool->segment);
	/* Relaxed: a number of the owner's own. */
	return pool->inlined ? load_relaxed(&pool->member.running) : threads_end(&pool->threads);
}

void tend_end_workers(struct sheaf_pool *pool)
{
	state_force(&pool->segment, POOL_TERMINATED);
	if (pool->threaded) {
		workers_ring_all(&pool->segment);
		threads_join(&pool->threads);
	} else {
		family_end(&pool->family, &pool->segment, true);
	}
}
