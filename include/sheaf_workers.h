/*
 * sheaf_workers.h - what a pool's workers are, and when one of them leaves.
 *
 * Contents
 *   For tasks         sheaf_task_leave
 *
 * Callers, returns and messages are as in sheaf.h.
 */
#ifndef SHEAF_WORKERS_H
#define SHEAF_WORKERS_H

#include "sheaf.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- For tasks ---- */

/**
 * sheaf_task_leave() - have the worker that runs the task end after it
 * @task: the caller's
 *
 * For a task that has left its process in a state that no other task should find: a library that
 * cannot be reset, memory that grows. The worker ends when it has nothing left in hand: nested work
 * ends with the outermost task. The task's result is published first, and what it printed is
 * written. Of a map, the worker may run up to 2,000 more items that take less than some
 * microseconds each; of a loop, the rest of its call. Another worker takes the place. No attempt is
 * charged, and it is no death. Children and threads that tasks have left running are not waited
 * for. With SHEAF_THREADS the worker's thread ends, and another one takes its place.
 * Return: 0; -EINVAL; -EPERM (a forked child); -ENOTSUP (the caller of the map or of the batch runs
 *         the task itself: caller_works).
 */
SHEAF_API int sheaf_task_leave(sheaf_task *task);

#ifdef __cplusplus
}
#endif

#endif
