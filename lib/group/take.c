/*
 * take.c - gathers rows of an array by their numbers.
 *
 * Deaths            Of a worker: its range is gathered again.
 */
#include "sheaf_group.h"

#include "base/error.h"
#include "group/tasks.h"
#include "data/describe.h"
#include "data/reach.h"
#include "data/shape.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* What the workers know. An item to be put where there is no row follows, if there is one. */
struct taking {
	unsigned char *to;
	const unsigned char *from;
	const unsigned char *rows;
	ptrdiff_t to_stride, from_stride, rows_stride;
	size_t row_size, item_size, rows_there;
	bool missing;
};

static int refuse_row(sheaf_task *task, const struct taking *taking, size_t i, int64_t row)
{
	return sheaf_task_fail(task, -ERANGE, "sheaf_take: rows[%zu] is %lld, and there are %zu rows", i, (long long)row,
			       taking->rows_there);
}

/* Fill a row with the item of the caller's. */
static void fill_row(const struct taking *taking, unsigned char *to)
{
	for (size_t at = 0; at + taking->item_size <= taking->row_size && taking->item_size; at += taking->item_size)
		memcpy(to + at, taking + 1, taking->item_size);
}

/* One loop for rows of any size, and for the sizes of numbers one that the compiler can unroll. */
#define TAKE_ROWS(NAME, SIZE)                                                                            \
	static int NAME(sheaf_task *task, const struct taking *taking, size_t begin, size_t end)         \
	{                                                                                                \
		for (size_t i = begin; i < end; i++) {                                                   \
			unsigned char *to = taking->to + (ptrdiff_t)i * taking->to_stride;               \
			int64_t row;                                                                     \
                                                                                                         \
			memcpy(&row, taking->rows + (ptrdiff_t)i * taking->rows_stride, sizeof(row));    \
			if ((uint64_t)row < taking->rows_there)                                          \
				memcpy(to, taking->from + (ptrdiff_t)row * taking->from_stride, (SIZE)); \
			else if (row == -1 && taking->missing)                                           \
				fill_row(taking, to);                                                    \
			else                                                                             \
				return refuse_row(task, taking, i, row);                                 \
		}                                                                                        \
		return 0;                                                                                \
	}

TAKE_ROWS(take_1, 1)
TAKE_ROWS(take_4, 4)
TAKE_ROWS(take_8, 8)
TAKE_ROWS(take_any, taking->row_size)

static int take_range(sheaf_task *task, size_t begin, size_t end, void *context)
{
	const struct taking *taking = context;

	switch (taking->row_size) {
	case 1:
		return take_1(task, taking, begin, end);
	case 4:
		return take_4(task, taking, begin, end);
	case 8:
		return take_8(task, taking, begin, end);
	default:
		return take_any(task, taking, begin, end);
	}
}

const struct own_function own_take[] = {
	OWN(take_range),
	OWN_END,
};

/* Do the items of each row lie one behind the other? */
static bool has_dense_rows(const sheaf_array *array)
{
	sheaf_array row = *array;

	row.shape[0] = array->shape[0] ? 1 : 0;
	return sheaf_array_is_contiguous(&row);
}

static int check_take(const sheaf_pool *pool, const sheaf_array *to, const sheaf_array *from, const sheaf_array *rows)
{
	int r;

	if ((r = shape_check("sheaf_take", "to", to)) || (r = shape_check("sheaf_take", "from", from)) ||
	    (r = shape_check("sheaf_take", "rows", rows)))
		return r;
	if (to->type != from->type || to->item_size != from->item_size)
		return describe_fail("sheaf_take", "to and from have not the same type", to, from);
	if (!to->dimensions || to->dimensions != from->dimensions ||
	    memcmp(to->shape + 1, from->shape + 1, (to->dimensions - 1) * sizeof(to->shape[0])) != 0)
		return describe_fail("sheaf_take", "to and from have not rows of the same shape", to, from);
	if (rows->type != SHEAF_I64 || rows->dimensions != 1 || rows->shape[0] != to->shape[0])
		return describe_fail("sheaf_take", "rows is not an array of SHEAF_I64 with one number for each row of to", rows,
				     to);
	if (!has_dense_rows(to) || !has_dense_rows(from))
		return sheaf_fail(-EINVAL,
				  "sheaf_take: the items of a row of %s do not lie one behind the other: copy it into "
				  "a new array",
				  has_dense_rows(to) ? "from" : "to");
	if ((r = reach_check(pool, "sheaf_take", "to", to)) || (r = reach_check(pool, "sheaf_take", "from", from)) ||
	    (r = reach_check(pool, "sheaf_take", "rows", rows)))
		return r;
	return 0;
}

int sheaf_take(sheaf_pool *pool, const sheaf_array *to, const sheaf_array *from, const sheaf_array *rows, const void *missing,
	       const sheaf_map_options *options)
{
	sheaf_map_options own = options ? *options : (sheaf_map_options){0};
	struct taking *taking;
	int r;

	if (!pool)
		return sheaf_fail(-EINVAL, "sheaf_take: pool is NULL");
	if ((r = reach_check_options("sheaf_take", options)) || (r = check_take(pool, to, from, rows)))
		return r;
	if (!(taking = malloc(sizeof(*taking) + to->item_size)))
		return sheaf_fail(-ENOMEM, "sheaf_take: no memory");
	*taking = (struct taking){.to = to->data,
				  .from = from->data,
				  .rows = rows->data,
				  .to_stride = to->strides[0],
				  .from_stride = from->strides[0],
				  .rows_stride = rows->strides[0],
				  .row_size = to->item_size,
				  .item_size = to->item_size,
				  .rows_there = from->shape[0],
				  .missing = missing != NULL};
	for (unsigned d = 1; d < to->dimensions; d++)
		taking->row_size *= to->shape[d];
	if (missing)
		memcpy(taking + 1, missing, to->item_size);
	own.context_size = sizeof(*taking) + to->item_size;
	r = sheaf_for(pool, take_range, taking, to->shape[0], &own);
	free(taking);
	return r;
}
