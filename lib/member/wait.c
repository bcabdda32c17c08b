/*
 * wait.c - spin, help, announce, help and check once more, sleep, retract.
 *
 * Nothing is decided by a token (promise 2). The member checks what it waits for after every
 * wake-up. The owner checks ten times a second which processes live, so that no call blocks for
 * ever (promise 5).
 *
 * A signal handler of the host that runs in a sleep ends that sleep, and then the host is asked
 * whether it ends the wait. A handler that ran before the sleep, or in another thread, cannot be
 * seen. So the host is asked every CHECK_EVERY_NS, too.
 */
#include "member/wait.h"

#include "base/atomic.h"
#include "base/error.h"
#include "os/os.h"

#include <errno.h>

/*
 * Undo what a cancelled thread has begun. A waiting thread may be cancelled in its sleep, and
 * nowhere else.
 */
static void undo_sleep(void *context)
{
	const struct wait *wait = context;

	sleeper_retract(&wait->sleeper);
	sleeper_retract(&wait->beside);
	if (wait->cancelled)
		wait->cancelled(wait->context);
}

/* True: a signal handler has run in this sleep. */
static bool sleep_until(const struct wait *wait, uint64_t until)
{
	bool signalled;

	pthread_cleanup_push(undo_sleep, (void *)(uintptr_t)wait);
	signalled = sleeper_sleep(&wait->sleeper, until);
	pthread_cleanup_pop(0);
	return signalled;
}

void member_retract(const struct member *member, const struct wait *wait)
{
	sleeper_retract(&wait->sleeper);
	if (wait->beside.announced && !sleeper_retract(&wait->beside))
		workers_ring(member->segment);
}

static bool spin_for(const struct member *member, const struct wait *wait)
{
	/* What a thread learns of the machine is good for all pools. */
	static _Thread_local struct backoff backoff;
	uint64_t eager_ns = wait->yields ? member->segment->idle_eager_ns : member->segment->eager_ns;

	if (!member->segment->spin_ns)
		return false;
	backoff_begin(&backoff, 1);
	while (backoff_wait(&backoff, eager_ns, member->segment->spin_ns))
		if (wait->ready(wait->context))
			return true;
	return false;
}

/*
 * Tell why the wait must end: 1, because it has come; or an error. 0: go on. What has come may be
 * gone at the next look. @late: see struct wait. @signalled: a signal handler has run in the sleep.
 */
static int reason_to_end(struct member *member, const struct wait *wait, uint64_t now, uint64_t deadline_ns, bool late,
			 bool signalled)
{
	int r = member->ops ? member_look(member, late) : 0;

	/* What was done before the end of the pool is still handed out. */
	if (wait->ready(wait->context))
		return 1;
	if (r)
		return r;
	if (!deadline_ns)
		return sheaf_fail(-EAGAIN, "not done yet");
	if (!wait->deaf && member_interrupted(member, wait->heard))
		return -EINTR;
	if ((late || signalled) && !wait->deaf && member->host_ends && member_ask(member))
		return -EINTR;
	if (now >= deadline_ns)
		return sheaf_fail(-ETIMEDOUT, "the deadline passed before it was done");
	return wait->doubt ? wait->doubt(wait->context, late) : 0;
}

/*
 * Run a task instead of waiting: by help(), or, where the pool has no workers, as the owner. True:
 * one was run.
 */
static bool run_instead(struct member *member, const struct wait *wait, uint64_t deadline_ns, bool announced)
{
	if (wait->help)
		return wait->help(wait->context, announced);
	if (wait->deaf || !member->ops || !member->ops->serve || !member->ops->serve(member, wait, deadline_ns, announced))
		return false;
	if (announced)
		member_retract(member, wait);
	return true;
}

/*
 * Tell whether CHECK_EVERY_NS have passed since *@checked. By the clock, because a bell that was
 * written over wakes the member at once, again and again.
 */
static bool is_late(uint64_t now, uint64_t *checked)
{
	bool late;

	if (!*checked)
		*checked = now;
	late = now - *checked >= CHECK_EVERY_NS;
	if (late)
		*checked = now;
	return late;
}

/*
 * Tell whether the pool has changed since its state was @before. A member that changes it rings
 * where each member sleeps, and may have asked for that before this one went elsewhere.
 */
static bool has_changed(const struct member *member, uint32_t before)
{
	/* Seq_cst, pairs with worker_ring() in bell.c: either that saw where this member sleeps. */
	return load_seq_cst(&member->segment->control->state) != before;
}

int member_wait(struct member *member, const struct wait *wait, uint64_t deadline_ns)
{
	bool spin = deadline_ns && !wait->sleep, signalled = false;
	uint64_t checked = 0;

	for (;;) {
		uint64_t now, until;
		uint32_t state;
		bool late, ran;
		int r;

		if (wait->ready(wait->context))
			return 0;
		/* A member that has run tasks goes on spinning, because more may come soon. */
		if ((ran = run_instead(member, wait, deadline_ns, false))) {
			spin = true;
			if (wait->ready(wait->context))
				return 0;
		}
		if (spin) {
			/*
			 * Only a member that has run a task spins again, because what a spin has
			 * seen need not be enough for ready().
			 */
			spin = wait->help;
			if (wait->spin ? wait->spin(wait->context) : spin_for(member, wait))
				continue;
		}
		now = sheaf_now_ns();
		late = is_late(now, &checked);
		/* Relaxed: an older one costs a round. */
		state = load_relaxed(&member->segment->control->state);
		if ((r = reason_to_end(member, wait, now, deadline_ns, late, signalled)))
			return r > 0 ? 0 : r;
		/* Nobody else does it, so look at the clock after each task. */
		if (ran && !wait->help)
			continue;
		sleeper_announce(&wait->sleeper);
		sleeper_announce(&wait->beside);
		/*
		 * Help first: a task that was READY when ready() was asked may be withdrawn before
		 * it can be claimed, and nobody rings for that.
		 */
		if (run_instead(member, wait, deadline_ns, true))
			continue;
		if (wait->ready(wait->context) || has_changed(member, state)) {
			member_retract(member, wait);
			continue;
		}
		if (wait->idle)
			wait->idle(wait->context);
		/* Only now, because help() may have changed it. */
		until = wait->longest_ns && now + wait->longest_ns < deadline_ns ? now + wait->longest_ns : deadline_ns;
		signalled = (wait->deaf || !member_interrupted(member, wait->heard)) && sleep_until(wait, until);
		if (wait->woken)
			wait->woken(wait->context);
		member_retract(member, wait);
	}
}
