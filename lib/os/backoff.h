/*
 * backoff.h - how a waiter backs off: it spins, then yields its CPU, and is then told to sleep.
 *
 * Spinning notices soonest what is waited for, as long as every process has a CPU of its own. If
 * another process waits for this CPU, it may be the very one that is waited for. So after a while
 * the waiter yields between its checks. A yield costs a fraction of a microsecond if nobody wants
 * the CPU.
 *
 * A stranger's process that gets the CPU may keep it for milliseconds. If that happens again and
 * again, sleeping is better, because the scheduler prefers a process that wakes to one that
 * computes. So after such a loss the waiter does not yield for a time, which doubles from loss to
 * loss. A rare loss does not count, because a virtual machine may lose its own CPU, too.
 */
#ifndef SHEAF_OS_BACKOFF_H
#define SHEAF_OS_BACKOFF_H

#include "os/os.h"
#include "sheaf.h"

#include <sched.h>

#define CHECKS_PER_CLOCK 8

/*
 * A yield that lasts so long has lost the CPU: longer than our tasks keep one where this matters,
 * shorter than a time slice.
 */
#define LOSS_NS 1000000
#define FIRST_REFUSAL_NS 10000000
#define LONGEST_REFUSAL_NS 320000000
#define RARE_LOSS 100 /* a loss after so many yields without one is rare */

/* What a process or thread has learnt. Begins as {0}. */
struct backoff {
	uint64_t since_ns; /* when the clock was first read in this wait; 0: not yet */
	unsigned checks;
	unsigned pauses; /* between two checks: each may take a cache line from its writers */
	bool spinning;
	uint64_t refuse_until_ns; /* no yield before */
	uint64_t refusal_ns;      /* length of the last such time */
	unsigned yields;          /* since the last loss */
};

/*
 * Begin a wait, before its first check. The clock is read only after some checks, so that what
 * comes at once need not wait for the clock.
 */
static inline void backoff_begin(struct backoff *backoff, unsigned pauses)
{
	backoff->pauses = pauses;
	backoff->since_ns = 0;
	backoff->checks = 0;
	backoff->spinning = true;
}

/* Yield the CPU once, and learn from how long that took. Private to this file. */
static inline void backoff_yield(struct backoff *backoff, uint64_t now)
{
	uint64_t then;

	sched_yield();
	then = sheaf_now_ns();
	if (then - now < LOSS_NS) {
		backoff->yields++;
		return;
	}
	if (backoff->yields >= RARE_LOSS)
		backoff->refusal_ns = 0;
	else if (!backoff->refusal_ns)
		backoff->refusal_ns = FIRST_REFUSAL_NS;
	else if (backoff->refusal_ns < LONGEST_REFUSAL_NS)
		backoff->refusal_ns *= 2;
	backoff->refuse_until_ns = then + backoff->refusal_ns;
	backoff->yields = 0;
}

/*
 * Back off after a check that has found nothing: spin for @spin_ns, if not 0, then yield, until
 * @most_ns are over. True: check again. False: sleep now.
 */
static inline bool backoff_wait(struct backoff *backoff, uint64_t spin_ns, uint64_t most_ns)
{
	uint64_t now;

	if (spin_ns && backoff->spinning && ++backoff->checks % CHECKS_PER_CLOCK) {
		for (unsigned i = 0; i < backoff->pauses; i++)
			os_relax();
		return true;
	}
	now = sheaf_now_ns();
	if (!backoff->since_ns)
		backoff->since_ns = now;
	backoff->spinning = now - backoff->since_ns < spin_ns;
	if (now - backoff->since_ns >= most_ns || (!backoff->spinning && now < backoff->refuse_until_ns))
		return false;
	if (!backoff->spinning)
		backoff_yield(backoff, now);
	return true;
}

#endif
