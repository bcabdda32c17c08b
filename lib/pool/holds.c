/*
 * holds.c - asks a pool for the memory that an array or a context lies in.
 */
#include "pool/holds.h"

#include "batch/where.h"
#include "pool/pool.h"

int pool_holds_array(const sheaf_pool *pool, const char *call, const char *name, const void *array, size_t n, size_t size)
{
	int r = pool_check(pool, call);

	return r ? r : where_check_array(pool->member.segment, call, name, array, n, size);
}

int pool_holds_context(const sheaf_pool *pool, const char *call, const char *owner, const void *context, size_t size)
{
	int r = pool_check(pool, call);

	return r ? r : where_check_context(pool->member.segment, call, owner, context, size);
}

unsigned pool_workers(const sheaf_pool *pool)
{
	return segment_wanted(pool->member.segment);
}

size_t pool_heap_size(const sheaf_pool *pool)
{
	return (size_t)pool->member.segment->heap_size;
}
