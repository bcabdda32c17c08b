/*
 * keeper.c - how the owner waits: it spins, sleeps on the batch's doorbell, and looks ten times a second who lives (P5).
 */
#include "batch/keeper.h"

#include "base/atomic.h"
#include "base/cancel.h"
#include "base/error.h"
#include "os/os.h"
#include "os/patience.h"
#include "queue/doorbell.h"

#include <errno.h>
#include <unistd.h>

struct keeper keeper_dead = {.forks = KEEPER_DEAD};

static _Thread_local const struct segment *tasks_of;

const struct segment *keeper_run_tasks_of(const struct segment *segment)
{
	const struct segment *before = tasks_of;

	tasks_of = segment;
	return before;
}

int keeper_refuse_task(void)
{
	return sheaf_fail(
		-EPERM,
		"a task cannot submit to the pool that runs it, nor use it otherwise: only the process that created a pool "
		"may. A task may call sheaf_task_*(), and use pools that it has created itself");
}

static int fail_inherited(void)
{
	return sheaf_fail(-EPERM, "the handle was inherited over a fork: only the process that created the pool may use it");
}

int keeper_check_process(const struct keeper *keeper)
{
	int r = keeper_check(keeper);

	return r || forks_told() || keeper->pid == getpid() ? r : fail_inherited();
}

int keeper_judge(const struct keeper *keeper)
{
	if (handles_in_task && keeper->made != forks_count())
		return keeper_refuse_task();
	if (keeper == &keeper_dead)
		return sheaf_fail(-EINVAL, "the batch was retired, or its pool destroyed");
	if (keeper->forks == KEEPER_DEAD)
		return sheaf_fail(-EINVAL, "the pool was destroyed");
	if (keeper->made != forks_count())
		return fail_inherited();
	return tasks_of == &keeper->segment ? keeper_refuse_task() : 0;
}

/* Relaxed: written before the state is, which every caller has read with acquire. */
static uint32_t asked_of(const struct keeper *keeper)
{
	return load_relaxed(&keeper->asked);
}

bool keeper_possible(const struct keeper *keeper, uint32_t state)
{
	uint32_t asked = asked_of(keeper);

	switch (state) {
	case POOL_OPEN: /* of one that is just being closed, too */
	case POOL_BROKEN:
	case POOL_LOST:
	case POOL_UNPLUGGED:
		return true;
	case POOL_CLOSED:
	case POOL_FINISHED:
		return asked != POOL_OPEN;
	default:
		return asked == POOL_TERMINATED;
	}
}

static int fail_wild(uint32_t state)
{
	return sheaf_fail(
		-ENOTRECOVERABLE,
		"the state of the pool, a word in its shared memory, was written over (it became %#x), most likely by a "
		"task that wrote behind its result: the pool has ended",
		(unsigned)state);
}

int keeper_fail(struct keeper *keeper, uint32_t state)
{
	/* Relaxed, both: a number for a message. */
	uint64_t wild = load_relaxed(&keeper->wild);

	if (asked_of(keeper) == POOL_TERMINATED)
		return sheaf_fail(-ECANCELED, "the pool was terminated");
	if (!keeper_possible(keeper, state)) {
		store_relaxed(&keeper->wild, UINT64_C(1) + state);
		return fail_wild(state);
	}
	switch (state) {
	case POOL_BROKEN:
		if (wild)
			return fail_wild((uint32_t)(wild - 1));
		return sheaf_fail(
			-ENOTRECOVERABLE,
			"the pool stopped: its workers died again and again without ending a single task, or none could be "
			"started");
	case POOL_LOST:
		return sheaf_fail(-EOWNERDEAD, "the pool's supervisor died and cannot be replaced");
	case POOL_UNPLUGGED:
		return sheaf_fail(-EBADF,
				  "this process has closed the pool's file descriptors, as closefrom() does: the pool has "
				  "ended; create pools after that, or keep their descriptors open");
	default:
		return 0;
	}
}

int keeper_shut(struct keeper *keeper)
{
	/* Acquire, pairs with change_state() in pool.c: what the owner asked for is known. */
	uint32_t state = load_acquire(&keeper->segment.control->state);
	int r = keeper_fail(keeper, state);

	return r || (state != POOL_CLOSED && state != POOL_FINISHED) ? r : sheaf_fail(-EPIPE, "the pool is closed");
}

int keeper_look(struct keeper *keeper, bool now)
{
	uint64_t time = sheaf_now_ns();
	int cancel, r;

	/* Relaxed: two threads may look at once. */
	if (!now && time - load_relaxed(&keeper->looked_ns) < LOOK_EVERY_NS)
		return keeper_fail(keeper, load_acquire(&keeper->segment.control->state));
	store_relaxed(&keeper->looked_ns, time);
	cancel = cancel_refuse();
	r = keeper->look(keeper);
	cancel_allow(cancel);
	return r;
}

int keeper_interrupt(struct keeper *keeper)
{
	/* Relaxed, both: only numbers, which do not go back. */
	unsigned now = load_relaxed(&keeper->interrupts);
	unsigned told = load_relaxed(&keeper->told);

	while ((int)(now - told) > 0 && !cas_weak_relaxed(&keeper->told, &told, now))
		continue;
	return sheaf_fail(-EINTR, "interrupted by sheaf_pool_interrupt()");
}

static void undo_sleep(void *context)
{
	const struct wait *wait = context;

	gatherer_retract(wait->batch);
	if (wait->cancelled)
		wait->cancelled(wait->context);
}

/* The one place where a gatherer may be cancelled. */
static void sleep_until(const struct wait *wait, uint64_t until)
{
	pthread_cleanup_push(undo_sleep, (void *)(uintptr_t)wait);
	gatherer_sleep(wait->batch, until);
	pthread_cleanup_pop(0);
}

static bool spin(const struct segment *segment, const struct wait *wait)
{
	/* What is learnt of the machine is good for all pools. */
	static _Thread_local struct patience patience;

	if (!segment->spin_ns)
		return false;
	patience_begin(&patience, 1);
	while (patience_wait(&patience, segment->eager_ns, segment->spin_ns))
		if (wait->ready(wait->context))
			return true;
	return false;
}

int keeper_wait(struct keeper *keeper, const struct wait *wait, uint64_t deadline_ns)
{
	uint64_t looked;

	if (wait->ready(wait->context))
		return 0;
	if (deadline_ns && !wait->sleep && spin(&keeper->segment, wait))
		return 0;
	looked = sheaf_now_ns();
	for (;;) {
		uint64_t now = sheaf_now_ns(), until;
		/* By the clock: a bell that a task has written over wakes us at once, again and again. */
		bool look = now - looked >= LOOK_EVERY_NS;
		int r = keeper_look(keeper, look);

		if (look)
			looked = now;

		/* What was done before the end of the pool is still handed out. */
		if (wait->ready(wait->context))
			return 0;
		if (r)
			return r;
		if (!deadline_ns)
			return sheaf_fail(-EAGAIN, "not done yet");
		if (keeper_interrupted(keeper, wait->heard))
			return keeper_interrupt(keeper);
		if (now >= deadline_ns)
			return sheaf_fail(-ETIMEDOUT, "the deadline passed before it was done");
		if (look && wait->doubt && (r = wait->doubt(wait->context)))
			return r;
		until = now + LOOK_EVERY_NS < deadline_ns ? now + LOOK_EVERY_NS : deadline_ns;
		gatherer_announce(wait->batch, wait->what);
		if (wait->ready(wait->context)) {
			gatherer_retract(wait->batch);
			return 0;
		}
		if (!keeper_interrupted(keeper, wait->heard))
			sleep_until(wait, until);
		gatherer_retract(wait->batch);
	}
}
