/*
 * reach.c - whether workers reach the arrays of a call.
 */
#include "data/reach.h"

#include "base/error.h"
#include "data/shape.h"
#include "pool/holds.h"

#include <errno.h>

int reach_check(const sheaf_pool *pool, const char *call, const char *name, const sheaf_array *array)
{
	unsigned char *first;
	size_t bytes;

	if (!sheaf_array_count(array) || !array->item_size)
		return 0;
	if (!shape_extent(array, &first, &bytes))
		return sheaf_fail(-EINVAL, "%s: the strides of %s lead out of all memory", call, name);
	return pool_holds_array(pool, call, name, first, bytes, 1);
}

int reach_check_context(const sheaf_pool *pool, const char *call, const char *owner, const void *context, size_t size)
{
	return pool_holds_context(pool, call, owner, context, size);
}

int reach_check_options(const char *call, const sheaf_map_options *options)
{
	if (options && (options->context || options->context_size))
		return sheaf_fail(-EINVAL, "%s: options.context is set, but the call has its own", call);
	return 0;
}
