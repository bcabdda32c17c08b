/*
 * attached.c - a program that has joined a pool looks after it, and works for it.
 *
 * It starts no supervisor: that is the owner's affair. It looks whether the owner lives, and wakes
 * the supervisor by a signal to the process that has its lock.
 *
 * Writers           The kill word of a seat: this program, before it wakes the supervisor.
 *                   news_wanted: to 1 this program. What its worker writes is in worker.c.
 * Edges             news_wanted: release, to places_look().
 * Deaths            Of this program: see places.c. Of the supervisor between lock and signal: its
 *                   successor looks at all words when it begins.
 */
#include "pool/attached.h"

#include "base/atomic.h"
#include "base/error.h"
#include "os/os.h"
#include "pool/pool.h"
#include "pool/role.h"
#include "pool/state.h"
#include "pool/worker.h"
#include "segment/attach.h"
#include "segment/file.h"
#include "work/function.h"

#include <errno.h>
#include <signal.h>

#define ENDED_NS (2 * SECOND) /* so long after its end a pool may have processes that hang */
#define ENDED_NAP_NS 1000000

static struct sheaf_pool *pool_of_segment(const struct segment *segment)
{
	char *at = (char *)(uintptr_t)segment - offsetof(struct sheaf_pool, segment);

	return (struct sheaf_pool *)(void *)at;
}

void attached_wake(const struct segment *segment, bool news)
{
	if (news)
		/* Release, pairs with places_look(): the batch's waiter was claimed before. */
		store_release(&segment->control->news_wanted, 1);
	/*
	 * Of a dead pool, the process that takes its name away has the lock for an instant. This
	 * signal does nothing to a stranger. It wakes the supervisor as the end of a child does.
	 */
	if (segment_file_ours(segment))
		os_signal_holder(segment->fd, OS_LOCK_SUPERVISOR, SIGCHLD);
}

int attached_look_for(struct member *member)
{
	struct sheaf_pool *pool = pool_of_segment(member->segment);
	int r = member_fail(member, state_of(&pool->segment));

	if (r || segment_has_owner(&pool->segment, &pool->joined.owner, &pool->joined.unowned_ns))
		return r;
	return sheaf_fail(-EOWNERDEAD, "the process that created the pool %s has ended, and the pool with it",
			  pool->segment.name);
}

/* Wait, not for long, until no process of the family has a lock: somebody ends them. */
bool attached_ended(struct member *member)
{
	struct segment *segment = member->segment;
	unsigned count = OS_LOCK_WORKERS - OS_LOCK_SUPERVISOR + segment->crew_count;
	uint64_t until = sheaf_now_ns() + ENDED_NS;
	pid_t holder;

	while (segment_fd(segment) >= 0 && os_locked(segment->fd, OS_LOCK_SUPERVISOR, count, &holder) == 1) {
		if (sheaf_now_ns() > until)
			break;
		os_sleep_ns(ENDED_NAP_NS);
	}
	return true;
}

static void nudge(struct member *member)
{
	attached_wake(member->segment, false);
}

static void kill_worker(struct member *member, unsigned worker, unsigned generation)
{
	/* Relaxed: read after the signal, or with the next one. */
	store_relaxed(&member->segment->seats[worker].kill, generation + 1);
	attached_wake(member->segment, false);
}

const struct member_ops attached_ops = {
	.look = attached_look_for,
	.ended = attached_ended,
	.kill = kill_worker,
	.nudge = nudge,
};

/* ---- work ---- */

struct work {
	struct sheaf_pool *pool;
	unsigned heard;
};

static bool is_interrupted(void *context)
{
	const struct work *work = context;

	return member_interrupted(&work->pool->member, work->heard);
}

static int look(void *context)
{
	const struct work *work = context;
	struct member *member = &work->pool->member;
	int r = member_look(member, true);

	if (!r && member->host_ends && member_ask(member))
		return member_interrupt(member);
	return r;
}

static void end_cancelled_work(void *context)
{
	const struct work *work = context;

	/* Release: as at the end of sheaf_pool_work(). */
	store_release(&work->pool->joined.works, false);
}

static int check_work(sheaf_pool *pool)
{
	int r = pool_check(pool, "sheaf_pool_work");
	const char *missing;

	if (r)
		return r;
	if (!pool->member.attached)
		return sheaf_fail(-EPERM, "sheaf_pool_work: only a program that has joined the pool works in it, by the handle "
					  "from sheaf_pool_attach(): the pool's own workers do so by themselves");
	if ((missing = functions_missing(&pool->segment)))
		return sheaf_fail(-ENOENT,
				  "sheaf_pool_work: this program has no function \"%.*s\", which tasks of the pool %s may "
				  "need: add it to the options of sheaf_pool_attach()",
				  (int)FUNCTION_NAME, missing, pool->segment.name);
	return attached_look_for(&pool->member);
}

/* The visit is over: tell why. @r: what it has returned. */
static int end_work(struct work *work, int r)
{
	if (r)
		return r;
	if (is_interrupted(work))
		return member_interrupt(&work->pool->member);
	return member_fail(&work->pool->member, state_of(&work->pool->segment));
}

int sheaf_pool_work(sheaf_pool *pool, uint64_t deadline_ns)
{
	struct work work = {.pool = pool};
	struct visit visit = {.over = is_interrupted,
			      .look = look,
			      .cancelled = end_cancelled_work,
			      .context = &work,
			      .deadline_ns = deadline_ns};
	struct member_scope before;
	bool works = false;
	int r = check_work(pool);

	if (r)
		return r;
	/* Acquire, with the release below: the next thread comes after all that this one did. */
	if (!cas_acquire(&pool->joined.works, &works, true))
		return sheaf_fail(-EBUSY, "sheaf_pool_work: another thread works with this handle: attach once for each");
	work.heard = member_heard(&pool->member);
	visit.state = pool->joined.state;
	before = member_run_tasks_of(&pool->segment);
	r = worker_visit(&pool->segment, pool->member.number, pool->member.generation, &visit);
	member_end_tasks(before);
	store_release(&pool->joined.works, false);
	return end_work(&work, r);
}
