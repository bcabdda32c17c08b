/*
 * worker.h - what a worker does all its life, in a process or a thread.
 */
#ifndef SHEAF_POOL_WORKER_H
#define SHEAF_POOL_WORKER_H

#include "segment/segment.h"

/*
 * Claims tasks and runs them until the pool is closed and nothing is left, or is terminated. @process: stdout is this worker's own, so
 * what tasks printed is written out before it sleeps.
 */
void worker_run(struct segment *segment, unsigned worker, unsigned generation, bool process);

#endif
