/*
 * transposed.c - copies by squares of two dimensions: along the *lines* of one, items of the source
 * lie next to each other, along the *columns* of the other, the last one, those of the copy.
 *
 * A square goes through a buffer that stays in the nearest cache. So each cache line of the source
 * is read once, and each of the copy written once, whatever the strides are.
 *
 * Deaths            Of a worker: its squares are copied again, which changes nothing.
 */
#include "data/tasks.h"
#include "data/transposed.h"

#include <string.h>

enum { SIDE = 32, LARGEST = 16 };

struct turning {
	sheaf_array to, from;
	unsigned line;         /* the dimension */
	size_t lines, columns; /* squares along both */
};

/* Find the dimension along which the source's items are nearest to each other. */
static unsigned nearest(const sheaf_array *from)
{
	unsigned found = from->dimensions - 1;

	for (unsigned d = 0; d < from->dimensions; d++) {
		ptrdiff_t stride = from->strides[d] < 0 ? -from->strides[d] : from->strides[d];
		ptrdiff_t least = from->strides[found] < 0 ? -from->strides[found] : from->strides[found];

		if (from->shape[d] >= SIDE / 2 && stride && stride < least)
			found = d;
	}
	return found;
}

bool transposed_is(const sheaf_array *to, const sheaf_array *from)
{
	return to->type == from->type && to->item_size == from->item_size && to->item_size <= LARGEST && to->dimensions > 1 &&
	       to->shape[to->dimensions - 1] >= SIDE / 2 && nearest(from) != to->dimensions - 1;
}

#define COPY_SQUARE(SIZE)                                                                             \
	do {                                                                                          \
		for (size_t j = 0; j < columns; j++)                                                  \
			for (size_t i = 0; i < lines; i++)                                            \
				memcpy(square + (i * SIDE + j) * (SIZE),                              \
				       in + (ptrdiff_t)i * in_line + (ptrdiff_t)j * in_column, SIZE); \
		for (size_t i = 0; i < lines; i++)                                                    \
			for (size_t j = 0; j < columns; j++)                                          \
				memcpy(out + (ptrdiff_t)i * out_line + (ptrdiff_t)j * out_column,     \
				       square + (i * SIDE + j) * (SIZE), SIZE);                       \
	} while (0)

/* Copy a square, or what there is of one at the end of a dimension. */
static void copy_square(const struct turning *turning, const unsigned char *in, unsigned char *out, size_t lines,
			size_t columns)
{
	unsigned last = turning->to.dimensions - 1;
	ptrdiff_t in_line = turning->from.strides[turning->line], in_column = turning->from.strides[last];
	ptrdiff_t out_line = turning->to.strides[turning->line], out_column = turning->to.strides[last];
	unsigned char square[SIDE * SIDE * LARGEST];

	switch (turning->to.item_size) {
	case 8:
		COPY_SQUARE(8);
		break;
	case 4:
		COPY_SQUARE(4);
		break;
	case 2:
		COPY_SQUARE(2);
		break;
	case 1:
		COPY_SQUARE(1);
		break;
	default:
		COPY_SQUARE(turning->to.item_size);
		break;
	}
}

/* Squares are counted along the last dimension first, then along the lines, then the others. */
static int copy_squares(sheaf_task *task, size_t begin, size_t end, void *context)
{
	const struct turning *turning = context;
	unsigned last = turning->to.dimensions - 1;

	(void)task;
	for (size_t number = begin; number < end; number++) {
		size_t index[SHEAF_MAX_DIMENSIONS], rest = number / turning->columns;
		size_t column = number % turning->columns * SIDE, line = rest % turning->lines * SIDE;
		size_t columns = turning->to.shape[last] - column, lines = turning->to.shape[turning->line] - line;

		rest /= turning->lines;
		for (unsigned d = turning->to.dimensions; d-- > 0;) {
			index[d] = d == last ? column : d == turning->line ? line : rest % turning->to.shape[d];
			if (d != last && d != turning->line)
				rest /= turning->to.shape[d];
		}
		copy_square(turning, sheaf_array_at(&turning->from, index), sheaf_array_at(&turning->to, index),
			    lines < SIDE ? lines : SIDE, columns < SIDE ? columns : SIDE);
	}
	return 0;
}

const struct own_function own_transposed[] = {
	OWN(copy_squares),
	OWN_END,
};

static size_t squares_along(size_t length)
{
	return length / SIDE + (length % SIDE != 0);
}

int transposed_copy(sheaf_pool *pool, const sheaf_array *to, const sheaf_array *from, const sheaf_map_options *options)
{
	struct turning turning = {.to = *to, .from = *from, .line = nearest(from)};
	sheaf_map_options with = *options;
	size_t squares;

	turning.lines = squares_along(to->shape[turning.line]);
	turning.columns = squares_along(to->shape[to->dimensions - 1]);
	squares = turning.lines * turning.columns;
	for (unsigned d = 0; d + 1 < to->dimensions; d++)
		squares *= d == turning.line ? 1 : to->shape[d];
	with.context_size = sizeof(turning);
	with.grain = with.grain / ((size_t)SIDE * SIDE) + (with.grain % ((size_t)SIDE * SIDE) != 0);
	return sheaf_for(pool, copy_squares, &turning, squares, &with);
}
