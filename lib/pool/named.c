/*
 * named.c - asks the pool's table of functions on behalf of a job.
 */
#include "pool/named.h"

#include "pool/pool.h"
#include "work/function.h"
#include "work/task.h"

int pool_name_function(const sheaf_pool *pool, const char *call, any_fn *fn, uint64_t *named)
{
	int r = pool_check(pool, call);

	return r ? r : function_name(pool->member.segment, call, fn, named);
}

any_fn *task_named_function(const sheaf_task *task, uint64_t named)
{
	return function_named(task->member->segment, named);
}
