/*
 * where.c - checks arrays before a call uses them: an address that workers do not have is refused.
 */
#include "batch/where.h"

#include "base/error.h"
#include "base/number.h"
#include "segment/heap.h"

#include <errno.h>

int where_check_array(const struct segment *segment, const char *call, const char *name, const void *array, size_t n,
		      size_t size)
{
	size_t bytes;

	if (!checked_multiply(n, size, &bytes))
		return sheaf_fail(-EOVERFLOW, "%s: %zu items of %zu bytes (%s) do not fit the address space", call, n, size,
				  name);
	if (!array && bytes)
		return sheaf_fail(-EINVAL, "%s: %s is NULL, but its items have %zu bytes", call, name, size);
	if (array && bytes && !heap_contains(segment, array, bytes))
		return sheaf_fail(-EFAULT,
				  "%s: %s, %zu bytes at %p, is not in one piece of the pool's shared memory: use sheaf_alloc()",
				  call, name, bytes, array);
	return 0;
}

int where_check_context(const struct segment *segment, const char *call, const char *owner, const void *context, size_t size)
{
	if (!context)
		return size ? sheaf_fail(-EINVAL, "%s: context is NULL, but has %zu bytes (%scontext_size)", call, size, owner)
			    : 0;
	if (!size && !heap_contains(segment, context, 1))
		return sheaf_fail(-EFAULT,
				  "%s: context %p is not in the pool's shared memory: use sheaf_alloc(), or set "
				  "%scontext_size to have it copied",
				  call, context, owner);
	return 0;
}
