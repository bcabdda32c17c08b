/*
 * array.c - takes memory for arrays, and describes memory as arrays.
 */
#include "data/dtype.h"
#include "data/shape.h"

#include "base/error.h"

#include <errno.h>
#include <stdint.h>

/* Describe an array without its data. @bytes: out. */
static int describe_array(const char *call, sheaf_array *array, enum sheaf_number type, size_t item_size, unsigned dimensions,
			  const size_t *shape, size_t *bytes)
{
	size_t size = dtype_size(type);

	*bytes = 0;
	if (dimensions && !shape)
		return sheaf_fail(-EINVAL, "%s: shape is NULL", call);
	if (size == SIZE_MAX)
		return sheaf_fail(-EINVAL, "%s: type is %d, which no array has", call, (int)type);
	if (size && item_size && item_size != size)
		return sheaf_fail(-EINVAL, "%s: item_size is %zu, and the type has %zu bytes: 0 is fine", call, item_size,
				  size);
	if (dimensions > SHEAF_MAX_DIMENSIONS)
		return sheaf_fail(-EINVAL, "%s: dimensions is %u, at most %u", call, dimensions, SHEAF_MAX_DIMENSIONS);
	*array = (sheaf_array){.type = type, .item_size = size ? size : item_size};
	if (!shape_make(array, dimensions, shape, false, bytes))
		return sheaf_fail(-EOVERFLOW, "%s: an array of that shape, of items of %zu bytes, does not fit in memory", call,
				  array->item_size);
	return 0;
}

int sheaf_array_create(sheaf_array *array, sheaf_pool *pool, enum sheaf_number type, size_t item_size, unsigned dimensions,
		       const size_t *shape)
{
	sheaf_array made;
	size_t bytes;
	int r;

	if (!array)
		return sheaf_fail(-EINVAL, "sheaf_array_create: array is NULL");
	if ((r = describe_array("sheaf_array_create", &made, type, item_size, dimensions, shape, &bytes)))
		return r;
	if ((r = sheaf_alloc(pool, bytes, &made.memory)))
		return r;
	made.data = made.memory;
	*array = made;
	return 0;
}

int sheaf_array_view(sheaf_array *array, void *data, enum sheaf_number type, size_t item_size, unsigned dimensions,
		     const size_t *shape)
{
	sheaf_array made;
	size_t bytes;
	int r;

	if (!array)
		return sheaf_fail(-EINVAL, "sheaf_array_view: array is NULL");
	if ((r = describe_array("sheaf_array_view", &made, type, item_size, dimensions, shape, &bytes)))
		return r;
	if (bytes && !data)
		return sheaf_fail(-EINVAL, "sheaf_array_view: data is NULL, and the array has %zu bytes", bytes);
	made.data = data;
	*array = made;
	return 0;
}
