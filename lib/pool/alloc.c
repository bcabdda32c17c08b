/*
 * alloc.c - shared memory for the owner.
 */
#include "pool/alloc.h"

#include "base/cancel.h"
#include "base/error.h"
#include "base/number.h"
#include "pool/pool.h"
#include "segment/heap.h"
#include "segment/stock.h"

#include <errno.h>

int sheaf_alloc(sheaf_pool *pool, size_t size, void **memory)
{
	struct segment *segment;
	uint64_t offset;
	size_t rounded;
	int r = pool_check(pool, "sheaf_alloc"), cancel;

	if (r)
		return r;
	if (!memory)
		return sheaf_fail(-EINVAL, "sheaf_alloc: memory is NULL");
	if (!checked_round_up(size, UNIT, &rounded))
		return sheaf_fail(-EOVERFLOW, "sheaf_alloc: %zu bytes do not fit the address space", size);
	segment = pool->member.segment;
	cancel = cancel_refuse();
	r = heap_alloc(segment, heap_new_id(segment), size, &offset);
	if (r && stock_empty(segment, heap_new_id(segment)))
		r = heap_alloc(segment, heap_new_id(segment), size, &offset);
	cancel_allow(cancel);
	if (r)
		return heap_fail(segment, r, rounded, "sheaf_alloc");
	*memory = segment_at(segment, offset);
	return 0;
}

int sheaf_alloc_array(sheaf_pool *pool, size_t n, size_t size, void **memory)
{
	size_t bytes;
	int r = pool_check(pool, "sheaf_alloc_array");

	if (r)
		return r;
	if (!checked_multiply(n, size, &bytes))
		return sheaf_fail(-EOVERFLOW, "sheaf_alloc_array: %zu items of %zu bytes do not fit the address space", n,
				  size);
	return sheaf_alloc(pool, bytes, memory);
}

int pool_resize(sheaf_pool *pool, void **memory, size_t size, size_t new_size, const char *what)
{
	struct segment *segment = pool->member.segment;
	uint64_t offset = *memory ? segment_offset(segment, *memory) : 0;
	int cancel = cancel_refuse();
	int r = heap_resize(segment, &offset, *memory ? size : 0, new_size);

	/* Unless it is gone: see heap_resize(). */
	if (r && (offset || !*memory) && stock_empty(segment, heap_new_id(segment)))
		r = heap_resize(segment, &offset, *memory ? size : 0, new_size);
	cancel_allow(cancel);
	/* It may be gone also when this fails. */
	*memory = offset && new_size ? segment_at(segment, offset) : NULL;
	return r ? heap_fail(segment, r, new_size, what) : 0;
}

int sheaf_free(sheaf_pool *pool, void *memory)
{
	int r = pool_check(pool, "sheaf_free"), cancel;

	if (r || !memory)
		return r;
	cancel = cancel_refuse();
	r = (uintptr_t)memory < (uintptr_t)pool->member.segment->base
		    ? -EINVAL
		    : heap_free(pool->member.segment, segment_offset(pool->member.segment, memory));
	cancel_allow(cancel);
	if (r)
		return sheaf_fail(-EINVAL, "sheaf_free: %p is not an allocation of this pool", memory);
	return 0;
}
