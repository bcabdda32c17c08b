/*
 * play.h - a child that is stepped through one call, again and again, and killed at another point each time.
 *
 * A point is between two instructions, or in a system call in which the child sleeps.
 */
#ifndef SHEAF_TESTS_SUPPORT_PLAY_H
#define SHEAF_TESTS_SUPPORT_PLAY_H

#include "children.h"
#include "rng.h"

struct play {
	const char *name;
	void *context;
	/* The test: sets the scene for the next child. */
	void (*set)(void *context);
	/* The child, from its start on. It has to call play_begin() in front of the call, and play_end() behind it. */
	child_fn *live;
	/* The test: brings about what the child waits for, who sleeps in the call. It may come several times, or too early. */
	void (*wake)(void *context);
	/* The test: looks at what is left. The child was killed at the point, and reaped. */
	void (*check)(void *context, pid_t child, uint64_t point);
};

bool play_begin(void);
_Noreturn void play_end(void);

/*
 * Plays once to the end, and then with about @wanted kills on the way, 0: one at every point. In a loop that turns and turns
 * only the first points are used: a death there leaves the same whenever it comes. Prints and tallies the number of kills.
 */
void play_run(const struct play *play, struct rng *rng, uint64_t wanted);

/* Can children be traced here? If not, a test that needs it is skipped. */
bool play_possible(void);

#endif
