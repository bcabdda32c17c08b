/*
 * wait.h - the one loop in which a member waits, whatever for: a worker for tasks, a submitter for room, a gatherer for results.
 */
#ifndef SHEAF_MEMBER_WAIT_H
#define SHEAF_MEMBER_WAIT_H

#include "member/member.h"
#include "queue/bell.h"

/*
 * What a member waits for, and what it does meanwhile. The hooks belong to the caller, so that member/ calls nothing of the rooms
 * above it. Each gets the context. Those that say "or NULL" may be left out.
 */
struct wait {
	void *context;
	/* Has it come? Asked often, and again after the announcement of a sleep. */
	bool (*ready)(void *context);
	/* Do something useful instead of waiting: run a task. True: one was run. @announced: the sleeper is; if a task is found it must be retracted. Or NULL. */
	bool (*help)(void *context, bool announced);
	/* Spin until it has come, or there is something to help with: true. NULL: back off between calls of ready(). */
	bool (*spin)(void *context);
	/* Can it still come? Asked before each sleep. @late: a sleep has lasted until its end since the last time. 0; or the error, with its
	 * message, that ends the wait. Or NULL. */
	int (*doubt)(void *context, bool late);
	/* The last thing before a sleep, and the first thing after it. Or NULL. */
	void (*idle)(void *context);
	void (*woken)(void *context);
	/* The thread is cancelled in its sleep: undo what the call has begun. Or NULL. */
	void (*cancelled)(void *context);
	struct sleeper sleeper;
	uint64_t longest_ns; /* of one sleep; 0: as long as it takes */
	bool sleep;          /* at once, because it cannot come soon */
	bool deaf;           /* sheaf_pool_interrupt() does not end the wait */
	unsigned heard;      /* member_heard() at the call's beginning */
};

/*
 * Wait until ready() or the deadline (0: do not wait; SHEAF_FOREVER). 0; -EAGAIN, -ETIMEDOUT, with a message; -EINTR, of which the
 * caller has to say that it was told (member_interrupt()); an error of look() or doubt().
 */
int member_wait(struct member *member, const struct wait *wait, uint64_t deadline_ns);

#endif
