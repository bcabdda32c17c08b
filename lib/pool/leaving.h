/*
 * leaving.h - runs a worker process, which its tasks can end but not leave.
 */
#ifndef SHEAF_POOL_LEAVING_H
#define SHEAF_POOL_LEAVING_H

#include "segment/segment.h"

/*
 * Run tasks until the pool has none left, then write out what they printed and end the process. A
 * task that leaves its function by another way than a return ends the process, too. Then nothing of
 * the parent's frames, handlers and streams runs. @supervisor: the worker's parent.
 */
_Noreturn void leaving_run(struct segment *segment, unsigned worker, unsigned generation, pid_t supervisor);

#endif
