/*
 * stepped_call.h - kills a child at each point of one call: the child is stepped through it again
 * and again.
 *
 * A point is between two instructions, or in a system call in which the child sleeps.
 */
#ifndef SHEAF_TESTS_SUPPORT_STEPPED_CALL_H
#define SHEAF_TESTS_SUPPORT_STEPPED_CALL_H

#include "children.h"
#include "rng.h"

struct stepped_call {
	const char *name;
	void *context;
	/* The test: prepare what the next child needs. */
	void (*prepare)(void *context);
	/*
	 * The child, from its start on. It has to call stepped_call_begin() in front of the call,
	 * and stepped_call_end() behind it.
	 */
	child_fn *child;
	/*
	 * The test: bring about what the child waits for while it sleeps in the call. It may come
	 * several times, or too early.
	 */
	void (*wake)(void *context);
	/* The test: check what is left. The child was killed at the point, and reaped. */
	void (*check)(void *context, pid_t child, uint64_t point);
};

bool stepped_call_begin(void);
_Noreturn void stepped_call_end(void);

/*
 * Play the call once to its end, and then with about @wanted kills on the way, 0: one at every
 * point. In a spin only the first points are used, because a death leaves the same in each of its
 * rounds. Print and report the number of kills.
 */
void stepped_call_kill(const struct stepped_call *call, struct rng *rng, uint64_t wanted);

/* Can children be traced here? If not, a test that needs it is skipped. */
bool stepped_call_possible(void);

#endif
