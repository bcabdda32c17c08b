/*
 * worker.h - what a worker does all its life, in a process or a thread.
 */
#ifndef SHEAF_POOL_WORKER_H
#define SHEAF_POOL_WORKER_H

#include "member/member.h"

/*
 * Claim tasks and run them until the pool is closed and nothing is left, or is terminated, or the
 * worker leaves. @parent: the supervisor, whose death ends the worker. What tasks printed is then
 * written out before each sleep, as stdout is the worker's own. 0: it is a thread. Return why it
 * leaves, as its seat says by then; LEAVE_NOT: the pool is over.
 */
enum leave_reason worker_run(struct segment *segment, unsigned worker, unsigned generation, pid_t parent);

/* How a thread of a program that has joined works for a while. */
struct visit {
	void *state; /* what its tasks get by sheaf_task_state() */
	/* Has the visit to end? Asked before each task. */
	bool (*over)(void *context);
	/* Does the pool go on? Asked ten times a second while there is no task. 0, or an error. */
	int (*look)(void *context);
	/* The calling thread was cancelled in its sleep: the visit is over. */
	void (*cancelled)(void *context);
	void *context;
	uint64_t deadline_ns;
};

/*
 * Do the same in a seat that the calling thread has, until the visit is over, too. 0: that, or the
 * pool is over and nothing is left; 1: a task has asked to leave; -EAGAIN, -ETIMEDOUT, with their
 * message; what look() said.
 */
int worker_visit(struct segment *segment, unsigned seat, unsigned generation, const struct visit *visit);

/* Free what the tasks of a worker have had that is a thread. */
void worker_forget(struct member *worker);

#endif
