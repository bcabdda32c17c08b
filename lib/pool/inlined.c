/*
 * inlined.c - runs tasks in the calls of the owner that wait (SHEAF_INLINE).
 *
 * Such a pool has one seat for workers, and nobody sits in it for long. A thread of the owner that
 * waits takes it for one task and leaves it again, so at any time one thread at most is the worker.
 * Everything else is as in any pool: tasks go through the ring, and a task that waits helps.
 *
 *   ready? -> be the worker for one task -> ready? -> announce -> be the worker -> sleep
 *
 * A thread that finds nothing to run, or the seat taken, sleeps as any gatherer or submitter does.
 * It is announced as the worker, too. So whoever submits a task rings all threads that sleep, and
 * the first one takes the seat.
 *
 * Writers           The seat: the thread that has it. busy, missed: any thread of the owner, under
 *                   the lock. The bit of the seat among the sleepers: set here, cleared by posters.
 * Edges             The lock hands the seat from one thread to the next. BELL1 is in bell.c:
 *                   announce here, then look into every slot | publish, look for announcements.
 * Deaths            A task that crashes ends the owner, and the kernel frees the segment.
 */
#include "pool/inlined.h"

#include "base/atomic.h"
#include "base/cancel.h"
#include "base/error.h"
#include "member/wait.h"
#include "pool/hooks.h"
#include "pool/worker.h"
#include "queue/bell.h"
#include "work/step.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

struct inlined {
	struct service service; /* first: may_serve() */
	struct member worker;
	struct openings openings;
	struct member *owner;
	pthread_mutex_t lock;
	bool busy;   /* a thread is the worker */
	bool missed; /* another one would have been, and sleeps */
	/* Of the thread that is the worker: as what it waits, and since how many chunks. */
	const struct wait *wait;
	uint64_t deadline_ns;
	uint64_t completed;
};

/* Tell how many tasks and chunks were run. Relaxed: a number of this seat's. */
static uint64_t completed_by(const struct inlined *inlined)
{
	return load_relaxed(&inlined->worker.seat->completed);
}

/*
 * May the thread go on with a map? Not once the call has what it waits for, or must end. But it
 * runs a chunk at least: else a call that only asks, again and again, would never see one done.
 */
static bool may_serve(struct member *worker)
{
	const struct inlined *inlined = (const struct inlined *)(const void *)worker->service;
	const struct wait *wait = inlined->wait;
	uint64_t deadline_ns = inlined->deadline_ns;

	if (completed_by(inlined) == inlined->completed)
		return true;
	return wait && deadline_ns && !wait->ready(wait->context) && !member_interrupted(inlined->owner, wait->heard) &&
	       (deadline_ns == SHEAF_FOREVER || sheaf_now_ns() < deadline_ns);
}

static void inlined_forget(struct inlined *inlined)
{
	worker_forget(&inlined->worker);
	pthread_mutex_destroy(&inlined->lock);
	free(inlined);
}

/* Say why the init hook has failed: its code. */
static int fail_unset(const struct member *worker)
{
	/* Relaxed: its own. */
	int code = load_relaxed(&worker->seat->hook_code);

	return sheaf_fail(code, "no pool was created: worker 0: its init hook failed: %s",
			  hooks_text()[0] ? hooks_text() : sheaf_strerror(code));
}

int inlined_begin(struct inlined **begun, struct segment *segment, struct member *owner)
{
	struct inlined *inlined = calloc(1, sizeof(*inlined));
	int r;

	if (!inlined)
		return sheaf_fail(-ENOMEM, "no memory for a pool");
	/* Relaxed: nobody else knows of the pool yet. */
	store_relaxed(&segment->seats[0].generation, 1);
	pthread_mutex_init(&inlined->lock, NULL);
	pthread_mutex_init(&inlined->openings.lock, NULL);
	member_sit(&inlined->worker, segment, 0, 1, (int32_t)getpid(), NULL);
	inlined->worker.openings = &inlined->openings;
	inlined->worker.service = &inlined->service;
	inlined->service.may_claim = may_serve;
	inlined->owner = owner;
	segment_heed(segment, HEED_SEAT); /* so each walk along a map asks may_serve() */
	r = hooks_set_up(&inlined->worker) ? 0 : fail_unset(&inlined->worker);
	if (r)
		inlined_forget(inlined);
	else
		*begun = inlined;
	return r;
}

void inlined_end(struct inlined *inlined)
{
	if (!inlined)
		return;
	hooks_clear_up(&inlined->worker);
	inlined_forget(inlined);
}

/* Take the seat. False: another thread has it, and rings when it leaves it if this one @sleeps. */
static bool sit_down(struct inlined *inlined, bool sleeps)
{
	bool taken;

	pthread_mutex_lock(&inlined->lock);
	taken = !inlined->busy;
	inlined->busy = true;
	inlined->missed |= !taken && sleeps;
	pthread_mutex_unlock(&inlined->lock);
	return taken;
}

static void stand_up(struct inlined *inlined)
{
	bool missed;

	pthread_mutex_lock(&inlined->lock);
	missed = inlined->missed;
	inlined->busy = inlined->missed = false;
	pthread_mutex_unlock(&inlined->lock);
	if (missed)
		workers_ring_all(inlined->worker.segment);
}

bool inlined_serve(struct inlined *inlined, const struct wait *wait, uint64_t deadline_ns, bool announced)
{
	struct segment *segment = inlined->worker.segment;
	const struct sleeper sleeper = sleeper_of_worker(segment, 0, 1);
	struct member_scope before;
	int cancel;
	bool ran;

	/* Never retracted here, because it is the announcement of all threads that sleep. */
	if (announced)
		sleeper_announce(&sleeper);
	if (!sit_down(inlined, announced))
		return false;
	inlined->wait = wait;
	inlined->deadline_ns = deadline_ns;
	inlined->completed = completed_by(inlined);
	cancel = cancel_refuse(); /* what is claimed has to be ended */
	/* Relaxed, both: as in help_as_caller(). */
	fetch_add_relaxed(&inlined->owner->running, 1);
	before = member_run_tasks_of(segment);
	ran = work_serve(&inlined->worker);
	member_end_tasks(before);
	fetch_sub_relaxed(&inlined->owner->running, 1);
	inlined->wait = NULL;
	stand_up(inlined);
	cancel_allow(cancel);
	return ran;
}
