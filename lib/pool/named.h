/*
 * named.h - functions that the jobs of calls name, for rooms that use the pool as users do.
 *
 * A job lies in shared memory, and a task may read it in another program, where functions have
 * other addresses. So a job has a word for each function that its tasks call.
 */
#ifndef SHEAF_POOL_NAMED_H
#define SHEAF_POOL_NAMED_H

#include "base/own.h"
#include "sheaf.h"

/*
 * Tell the word for a function, in place of @call. NULL: 0. 0; the errors of pool_check(); -ENOENT:
 * others may join the pool, and the function is in no table.
 */
int pool_name_function(const sheaf_pool *pool, const char *call, any_fn *fn, uint64_t *named);

/* Find the function in the process of a task. NULL: the word is 0. */
any_fn *task_named_function(const sheaf_task *task, uint64_t named);

#endif
