/*
 * copy.c - copies and fills arrays, by a loop over their items in C order.
 *
 * Deaths            Of a worker: its range is copied again, which changes nothing.
 */
#include "data/convert.h"
#include "data/describe.h"
#include "data/dtype.h"
#include "data/reach.h"
#include "data/shape.h"
#include "data/tasks.h"
#include "data/transposed.h"

#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* What goes where. A copy of it goes along with the loop. */
struct copying {
	sheaf_array to, from;
	enum sheaf_range range;
};

/* Where a walk over the items of both arrays is. */
struct walk {
	size_t index[SHEAF_MAX_DIMENSIONS];
	unsigned char *out;
	const unsigned char *in;
};

static struct walk walk_to(const struct copying *copying, size_t position)
{
	struct walk place = {0};

	for (unsigned d = copying->to.dimensions; d-- > 0; position /= copying->to.shape[d])
		place.index[d] = position % copying->to.shape[d];
	place.out = sheaf_array_at(&copying->to, place.index);
	place.in = sheaf_array_at(&copying->from, place.index);
	return place;
}

static int fail_range(sheaf_task *task, const struct copying *copying, const struct walk *place, size_t behind)
{
	char text[SHEAF_MAX_DIMENSIONS * 24] = "", value[64], type[DTYPE_TEXT];
	size_t used = 0;
	unsigned last = copying->to.dimensions - 1;

	for (unsigned d = 0; d < copying->to.dimensions; d++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, d ? ", %zu" : "%zu",
					 place->index[d] + (d == last ? behind : 0));
	convert_show(&copying->from, place->in + (copying->to.dimensions ? (ptrdiff_t)behind * copying->from.strides[last] : 0),
		     value, sizeof(value));
	dtype_write(copying->to.type, copying->to.item_size, type);
	return sheaf_task_fail(task, -ERANGE, "sheaf_array_copy: item (%s) is %s, which the type '%s' cannot hold", text, value,
			       type);
}

/* Copy the items from @begin to @end along the last dimension, and then along the next row. */
static int copy_range(sheaf_task *task, size_t begin, size_t end, void *context)
{
	const struct copying *copying = context;
	unsigned dimensions = copying->to.dimensions, last = dimensions - 1;
	size_t row = dimensions ? copying->to.shape[last] : 1;
	ptrdiff_t out_stride = dimensions ? copying->to.strides[last] : 0,
		  in_stride = dimensions ? copying->from.strides[last] : 0;

	while (begin < end) {
		struct walk place = walk_to(copying, begin);
		size_t left = row - (dimensions ? place.index[last] : 0);

		for (left = left < end - begin ? left : end - begin; left;) {
			size_t n = left < CONVERT_BLOCK ? left : CONVERT_BLOCK, done;

			done = convert_block(&copying->to, place.out, out_stride, &copying->from, place.in, in_stride, n,
					     copying->range);
			if (done < n)
				return fail_range(task, copying, &place, done);
			left -= n;
			begin += n;
			place.out += (ptrdiff_t)n * out_stride;
			place.in += (ptrdiff_t)n * in_stride;
			if (dimensions)
				place.index[last] += n;
		}
	}
	return 0;
}

/* The same where both lie in one piece each, of one type: positions are bytes. */
static int copy_bytes(sheaf_task *task, size_t begin, size_t end, void *context)
{
	const struct copying *copying = context;

	(void)task;
	memcpy((unsigned char *)copying->to.data + begin, (const unsigned char *)copying->from.data + begin, end - begin);
	return 0;
}

const struct own_function own_copy[] = {
	OWN(copy_range),
	OWN(copy_bytes),
	OWN_END,
};

static int copy_items(sheaf_pool *pool, const struct copying *copying, const sheaf_map_options *options)
{
	sheaf_map_options with = options ? *options : (sheaf_map_options){0};
	const sheaf_array *to = &copying->to, *from = &copying->from;
	size_t count = sheaf_array_count(to);
	bool whole = to->type == from->type && to->item_size == from->item_size && sheaf_array_is_contiguous(to) &&
		     sheaf_array_is_contiguous(from);
	struct copying copy = *copying;

	with.context_size = sizeof(copy);
	if (!count || !to->item_size)
		return 0;
	if (transposed_is(to, from))
		return transposed_copy(pool, to, from, &with);
	return whole ? sheaf_for(pool, copy_bytes, &copy, count * to->item_size, &with)
		     : sheaf_for(pool, copy_range, &copy, count, &with);
}

int sheaf_array_copy(sheaf_pool *pool, const sheaf_array *to, const sheaf_array *from, enum sheaf_range range,
		     const sheaf_map_options *options)
{
	struct copying copying = {.range = range};
	int r;

	if (!pool)
		return sheaf_fail(-EINVAL, "sheaf_array_copy: pool is NULL");
	if ((r = shape_check("sheaf_array_copy", "to", to)) || (r = shape_check("sheaf_array_copy", "from", from)) ||
	    (r = reach_check_options("sheaf_array_copy", options)))
		return r;
	if ((unsigned)range > SHEAF_SATURATED)
		return sheaf_fail(-EINVAL, "sheaf_array_copy: range is %u, at most %d", (unsigned)range, SHEAF_SATURATED);
	if (to->dimensions != from->dimensions || memcmp(to->shape, from->shape, to->dimensions * sizeof(to->shape[0])) != 0)
		return describe_fail("sheaf_array_copy", "to and from have not the same shape", to, from);
	if (!convert_possible(to, from))
		return describe_fail("sheaf_array_copy", "from has items that cannot become those of to", from, to);
	if ((r = reach_check(pool, "sheaf_array_copy", "to", to)) || (r = reach_check(pool, "sheaf_array_copy", "from", from)))
		return r;
	copying.to = *to;
	copying.from = *from;
	return copy_items(pool, &copying, options);
}

int sheaf_array_fill(sheaf_pool *pool, const sheaf_array *array, const void *value, const sheaf_map_options *options)
{
	struct copying copying;
	sheaf_array one;
	int r;

	if (!pool || !value)
		return sheaf_fail(-EINVAL, "sheaf_array_fill: %s is NULL", pool ? "value" : "pool");
	if ((r = shape_check("sheaf_array_fill", "array", array)) || (r = reach_check_options("sheaf_array_fill", options)) ||
	    (r = reach_check(pool, "sheaf_array_fill", "array", array)))
		return r;
	if (!sheaf_array_count(array) || !array->item_size)
		return 0;
	/* The value in shared memory, shown as often as there are items. */
	one = *array;
	memset(one.strides, 0, sizeof(one.strides));
	if ((r = sheaf_alloc(pool, array->item_size, &one.memory)))
		return r;
	memcpy(one.memory, value, array->item_size);
	one.data = one.memory;
	copying = (struct copying){.to = *array, .from = one};
	r = copy_items(pool, &copying, options);
	sheaf_free(pool, one.memory);
	return r;
}
