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

/* Free what the tasks of a worker have had that is a thread. */
void worker_forget(struct member *worker);

#endif
