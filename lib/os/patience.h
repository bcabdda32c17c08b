/*
 * patience.h - how to look again and again for what comes soon, instead of sleeping.
 *
 * Where every process has a CPU, the soonest look finds it. Where another process waits for this CPU, it may be the very one that is waited
 * for: so after a while the CPU is offered to others between the looks, which costs a fraction of a microsecond when nobody wants it.
 * Somebody else's process that takes it may keep it for milliseconds. Where that happens again and again, sleeping is better, as who wakes
 * is preferred to who computes; so nothing is offered for a time then, which doubles from one such loss to the next. A rare loss may
 * as well be a machine's that lost its own CPU to another one.
 */
#ifndef SHEAF_OS_PATIENCE_H
#define SHEAF_OS_PATIENCE_H

#include "os/os.h"
#include "sheaf.h"

#include <sched.h>

#define LOOKS_PER_CLOCK 8

#define LOSS_NS 1000000 /* longer than our own tasks keep a CPU where this matters, shorter than a time slice */
#define FIRST_REFUSAL_NS 10000000
#define LONGEST_REFUSAL_NS 320000000
#define RARE 100 /* offers from one loss to the next */

/* What a process or thread has learnt; starts as {0}. */
struct patience {
	uint64_t since_ns; /* of the first look */
	unsigned looks;
	unsigned pauses; /* between two of them: each may take a line from those who write it */
	bool eager;
	uint64_t refuse_until_ns; /* to offer the CPU */
	uint64_t refusal_ns;      /* how long that was when it began */
	unsigned offers;          /* since the last loss */
};

/* Before the first look. The clock is read only after some of them: what comes at once shall not wait for it. */
static inline void patience_begin(struct patience *patience, unsigned pauses)
{
	patience->pauses = pauses;
	patience->since_ns = 0;
	patience->looks = 0;
	patience->eager = true;
}

/* Private: gives the CPU away once. */
static inline void patience_offer(struct patience *patience, uint64_t now)
{
	uint64_t then;

	sched_yield();
	then = sheaf_now_ns();
	if (then - now < LOSS_NS) {
		patience->offers++;
		return;
	}
	if (patience->offers >= RARE)
		patience->refusal_ns = 0;
	else if (!patience->refusal_ns)
		patience->refusal_ns = FIRST_REFUSAL_NS;
	else if (patience->refusal_ns < LONGEST_REFUSAL_NS)
		patience->refusal_ns *= 2;
	patience->refuse_until_ns = then + patience->refusal_ns;
	patience->offers = 0;
}

/* After each look that has found nothing. Keeps the CPU for @eager_ns, then offers it, until @most_ns are over: false, sleep now. */
static inline bool patience_wait(struct patience *patience, uint64_t eager_ns, uint64_t most_ns)
{
	uint64_t now;

	if (patience->eager && ++patience->looks % LOOKS_PER_CLOCK) {
		for (unsigned i = 0; i < patience->pauses; i++)
			os_relax();
		return true;
	}
	now = sheaf_now_ns();
	if (!patience->since_ns)
		patience->since_ns = now;
	patience->eager = now - patience->since_ns < eager_ns;
	if (now - patience->since_ns >= most_ns || (!patience->eager && now < patience->refuse_until_ns))
		return false;
	if (!patience->eager)
		patience_offer(patience, now);
	return true;
}

#endif
