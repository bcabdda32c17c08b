/*
 * shape.c - shapes and strides of arrays, and views: no item is touched here.
 */
#include "data/shape.h"

#include "base/error.h"
#include "base/number.h"
#include "data/dtype.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

bool shape_make(sheaf_array *array, unsigned dimensions, const size_t *shape, bool fortran, size_t *bytes)
{
	size_t stride = array->item_size, all = stride;

	array->dimensions = dimensions;
	*bytes = array->item_size;
	for (unsigned i = 0; i < dimensions; i++) {
		unsigned d = fortran ? i : dimensions - 1 - i;
		size_t length = shape[d] ? shape[d] : 1;

		array->shape[d] = shape[d];
		array->strides[d] = (ptrdiff_t)stride;
		if (!checked_multiply(all, length, &all) || all > PTRDIFF_MAX)
			return false;
		stride *= length;
		*bytes *= shape[d];
	}
	return true;
}

int shape_check(const char *call, const char *name, const sheaf_array *array)
{
	size_t size;

	if (!array)
		return sheaf_fail(-EINVAL, "%s: %s is NULL", call, name);
	size = dtype_size(array->type);
	if (size == SIZE_MAX)
		return sheaf_fail(-EINVAL, "%s: %s->type is %d, which no array has", call, name, (int)array->type);
	if (array->dimensions > SHEAF_MAX_DIMENSIONS)
		return sheaf_fail(-EINVAL, "%s: %s has %u dimensions, at most %u", call, name, array->dimensions,
				  SHEAF_MAX_DIMENSIONS);
	if (size && array->item_size != size)
		return sheaf_fail(-EINVAL, "%s: %s->item_size is %zu, and its type has %zu bytes", call, name, array->item_size,
				  size);
	if (!array->data && array->item_size && sheaf_array_count(array))
		return sheaf_fail(-EINVAL, "%s: %s has %zu items, and its data is NULL", call, name, sheaf_array_count(array));
	return 0;
}

bool shape_extent(const sheaf_array *array, unsigned char **first, size_t *bytes)
{
	size_t before = 0, behind = array->item_size;

	for (unsigned d = 0; d < array->dimensions; d++) {
		bool back = array->strides[d] < 0;
		size_t stride = back ? (size_t)0 - (size_t)array->strides[d] : (size_t)array->strides[d], reach;
		size_t *side = back ? &before : &behind;

		if (!checked_multiply(stride, array->shape[d] - 1, &reach) || reach > SIZE_MAX - *side)
			return false;
		*side += reach;
	}
	if (before > (uintptr_t)array->data || before > SIZE_MAX - behind)
		return false;
	*first = (unsigned char *)array->data - before;
	*bytes = before + behind;
	return true;
}

size_t sheaf_array_count(const sheaf_array *array)
{
	size_t count = 1;

	for (unsigned d = 0; d < array->dimensions; d++)
		count *= array->shape[d];
	return count;
}

void *sheaf_array_at(const sheaf_array *array, const size_t *index)
{
	unsigned char *at = array->data;

	for (unsigned d = 0; d < array->dimensions; d++)
		at += (ptrdiff_t)index[d] * array->strides[d];
	return at;
}

/* Do the items lie one behind the other, with the last index, or the first, changing fastest? */
static bool is_dense(const sheaf_array *array, bool fortran)
{
	size_t stride = array->item_size;

	if (!sheaf_array_count(array))
		return true;
	for (unsigned i = 0; i < array->dimensions; i++) {
		unsigned d = fortran ? i : array->dimensions - 1 - i;

		if (array->shape[d] > 1 && array->strides[d] != (ptrdiff_t)stride)
			return false;
		stride *= array->shape[d];
	}
	return true;
}

bool sheaf_array_is_contiguous(const sheaf_array *array)
{
	return is_dense(array, false);
}

bool shape_is_fortran(const sheaf_array *array)
{
	return is_dense(array, true);
}

/* ---- views ---- */

int sheaf_array_slice(sheaf_array *view, const sheaf_array *array, unsigned dimension, size_t first, size_t count,
		      ptrdiff_t step)
{
	sheaf_array made;
	size_t length, reach;
	int r = shape_check("sheaf_array_slice", "array", array);

	if (r || !view)
		return r ? r : sheaf_fail(-EINVAL, "sheaf_array_slice: view is NULL");
	if (dimension >= array->dimensions)
		return sheaf_fail(-EINVAL, "sheaf_array_slice: dimension is %u, and the array has %u", dimension,
				  array->dimensions);
	length = array->shape[dimension];
	/* So far the last item lies from the first, one way or the other. */
	if (count && (!checked_multiply(count - 1, step < 0 ? (size_t)0 - (size_t)step : (size_t)step, &reach) ||
		      first >= length || (step < 0 ? reach > first : reach > length - 1 - first)))
		return sheaf_fail(-EINVAL, "sheaf_array_slice: %zu items from %zu on by %td do not lie in a dimension of %zu",
				  count, first, step, length);
	made = *array;
	made.memory = NULL;
	made.shape[dimension] = count;
	made.strides[dimension] = count > 1 ? array->strides[dimension] * step : array->strides[dimension];
	if (count && made.data)
		made.data = (unsigned char *)array->data + (ptrdiff_t)first * array->strides[dimension];
	*view = made;
	return 0;
}

int sheaf_array_transpose(sheaf_array *view, const sheaf_array *array, const unsigned *axes)
{
	sheaf_array made;
	unsigned seen = 0;
	int r = shape_check("sheaf_array_transpose", "array", array);

	if (r || !view)
		return r ? r : sheaf_fail(-EINVAL, "sheaf_array_transpose: view is NULL");
	made = *array;
	made.memory = NULL;
	for (unsigned d = 0; d < array->dimensions; d++) {
		unsigned from = axes ? axes[d] : array->dimensions - 1 - d;

		if (from >= array->dimensions || seen >> from & 1)
			return sheaf_fail(-EINVAL, "sheaf_array_transpose: axes[%u] is %u, which is %s", d, from,
					  from < array->dimensions ? "there before" : "no dimension of the array");
		seen |= 1u << from;
		made.shape[d] = array->shape[from];
		made.strides[d] = array->strides[from];
	}
	*view = made;
	return 0;
}

int sheaf_array_reshape(sheaf_array *view, const sheaf_array *array, unsigned dimensions, const size_t *shape)
{
	sheaf_array made;
	size_t bytes;
	int r = shape_check("sheaf_array_reshape", "array", array);

	if (r || !view || (dimensions && !shape))
		return r ? r : sheaf_fail(-EINVAL, "sheaf_array_reshape: %s is NULL", view ? "shape" : "view");
	if (dimensions > SHEAF_MAX_DIMENSIONS)
		return sheaf_fail(-EINVAL, "sheaf_array_reshape: dimensions is %u, at most %u", dimensions,
				  SHEAF_MAX_DIMENSIONS);
	if (!sheaf_array_is_contiguous(array))
		return sheaf_fail(-EINVAL, "sheaf_array_reshape: the array is not contiguous: copy it into a new one first");
	made = (sheaf_array){.data = array->data, .type = array->type, .item_size = array->item_size};
	if (!shape_make(&made, dimensions, shape, false, &bytes) || sheaf_array_count(&made) != sheaf_array_count(array))
		return sheaf_fail(-EINVAL,
				  "sheaf_array_reshape: the new shape has not as many items as the array, which has %zu",
				  sheaf_array_count(array));
	*view = made;
	return 0;
}
