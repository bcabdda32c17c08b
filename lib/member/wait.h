/*
 * wait.h - the one loop in which a member waits: a worker for tasks, a submitter for room, a
 * gatherer for results.
 */
#ifndef SHEAF_MEMBER_WAIT_H
#define SHEAF_MEMBER_WAIT_H

#include "member/member.h"
#include "queue/bell.h"

/*
 * What a member waits for, and what it does meanwhile. The hooks belong to the caller, so that
 * member/ calls nothing of the rooms above it. Each gets the context. Those that say "or NULL" may
 * be left out.
 */
struct wait {
	void *context;
	/* Tell whether it has come. Asked often, and again after the announcement of a sleep. */
	bool (*ready)(void *context);
	/*
	 * Run a task instead of waiting. True: one was run. @announced: the sleeper is announced,
	 * and the hook must retract it if it finds a task. Or NULL.
	 */
	bool (*help)(void *context, bool announced);
	/*
	 * Spin until it has come, or there is something to help with: true. NULL: back off between
	 * calls of ready().
	 */
	bool (*spin)(void *context);
	/*
	 * Tell whether it can still come. Asked before each sleep. @late: CHECK_EVERY_NS have
	 * passed since it was asked so. 0; or the error, with its message, that ends the wait. Or
	 * NULL.
	 */
	int (*doubt)(void *context, bool late);
	/* Do the last thing before a sleep, and the first thing after it. Or NULL. */
	void (*idle)(void *context);
	void (*woken)(void *context);
	/* Undo what the call has begun, because the thread is cancelled in its sleep. Or NULL. */
	void (*cancelled)(void *context);
	struct sleeper sleeper;
	struct sleeper beside; /* announced beside it, and rung on the bell of the first; or {0} */
	uint64_t longest_ns;   /* of one sleep; 0: as long as it takes */
	bool sleep;            /* at once, because it cannot come soon */
	bool yields;           /* at once, because others have a use for this CPU: idle_eager_ns */
	bool deaf;             /* neither sheaf_pool_interrupt() nor the host ends the wait */
	unsigned heard;        /* member_heard() at the call's beginning */
};

/*
 * Retract the announcements of a wait, for help(). If a wake-up was spent on the second one, it is
 * passed on, because it was meant for a task that this member may not run.
 */
void member_retract(const struct member *member, const struct wait *wait);

/*
 * Wait until ready() or the deadline (0: do not wait; SHEAF_FOREVER). 0; -EAGAIN, -ETIMEDOUT, with
 * a message; an error of member_look() or doubt(). -EINTR, by sheaf_pool_interrupt() or by the
 * host: the caller has to say that it was told, by member_interrupt().
 */
int member_wait(struct member *member, const struct wait *wait, uint64_t deadline_ns);

#endif
