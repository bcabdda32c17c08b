/*
 * guess.c - tells types of columns by rows from all over the input.
 */
#include "table/loading.h"

#include <errno.h>

#include "base/error.h"

#define GUESS_PLACES 32
#define GUESS_ROWS 64 /* at each place; of a short input, as many more as there are fewer places */

/* Raise the classes of columns by the row at @at. NULL: the text is cut. */
static const char *guess_row(struct loading *loading, const struct piece *piece, const char *at)
{
	const char *limit = piece->text + piece->size;
	struct fill *fill = loading->fill;
	struct cell cell;
	size_t i = 0;

	do {
		cell_find(&loading->rules, at, limit, piece->last, &cell);
		if (cell.stop == CELL_CUT)
			return NULL;
		if (i < fill->column_count && cell.flaw == CELL_FINE) {
			enum fill_class class = fill_classify(fill, &cell);
			unsigned before = atomic_load_explicit(&fill->columns[i].needs, memory_order_relaxed);
			size_t length = (size_t)(cell.end - cell.begin);

			if (before < class)
				atomic_store_explicit(&fill->columns[i].needs, class, memory_order_relaxed);
			if (class != CLASS_MISSING && !cell.doubled && length > fill->columns[i].width)
				fill->columns[i].width = length;
		}
		i++;
		at = cell.next;
	} while (cell.stop != CELL_LINE);
	return at;
}

/* Look at some rows of a range. */
static int guess_range(struct loading *loading, const struct range *range, uint64_t rows)
{
	struct piece piece;
	uint64_t done = 0;
	const char *at;
	int r;

	rows = range_view(range)->rows < rows ? range_view(range)->rows : rows;
	if (rows == 0)
		return 0;
	r = piece_open(&piece, loading->source, range_view(range)->first, 0);
	if (r < 0)
		return r;
	at = piece.text;
	while (done < rows) {
		const char *row = cell_find_row(&loading->rules, at, piece.text + piece.size, piece.last);
		const char *next = row ? guess_row(loading, &piece, row) : NULL;

		if (next) {
			at = next;
			done++;
		} else {
			r = piece_next(&piece, (size_t)(at - piece.text));
			if (r < 0)
				break;
			at = piece.text;
		}
		if (piece.last && at == piece.text + piece.size)
			break;
	}
	piece_close(&piece);
	return r;
}

int guess_classes(struct loading *loading)
{
	struct fill *fill = loading->fill;
	size_t count = fill->ranges.count, places = count < GUESS_PLACES ? count : GUESS_PLACES;

	for (size_t i = 0; i < places; i++) {
		size_t range = places > 1 ? i * (count - 1) / (places - 1) : 0;
		int r = guess_range(loading, &fill->ranges.all[range], GUESS_ROWS * (GUESS_PLACES / places));

		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < loading->column_count; i++) {
		struct loading_column *column = &loading->columns[i];

		column->class = (enum fill_class)atomic_load_explicit(&fill->columns[column->place].needs,
								      memory_order_relaxed);
	}
	for (size_t i = 0; i < fill->column_count; i++)
		atomic_store_explicit(&fill->columns[i].needs, CLASS_MISSING, memory_order_relaxed);
	return 0;
}
