/*
 * worker.h - what a worker does all its life, in a process or a thread.
 */
#ifndef SHEAF_POOL_WORKER_H
#define SHEAF_POOL_WORKER_H

#include "segment/segment.h"

/*
 * Claim tasks and run them until the pool is closed and nothing is left, or is terminated. @parent:
 * the supervisor, whose death ends the worker. What tasks printed is then written out before each
 * sleep, as stdout is the worker's own. 0: it is a thread.
 */
void worker_run(struct segment *segment, unsigned worker, unsigned generation, pid_t parent);

#endif
