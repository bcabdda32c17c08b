/*
 * array_fill.c - reads the rows of an array from ranges of a file, by two loops of workers: one
 * counts rows, and one reads them to their places.
 *
 * A row that is not right, a file that changes meanwhile or a pool that takes no work ends the
 * loop, and not the call: the caller reads the file from where it is, as it reads pipes and short
 * files, and finds what is wrong in the file's order. So there is one place for errors.
 *
 * Deaths            Of a worker: its range is read again, to the same places.
 */
#include "table/array_fill.h"

#include <errno.h>
#include <math.h>

#include "base/number.h"
#include "table/array_value.h"
#include "table/cell.h"
#include "table/decimal.h"
#include "table/ranges.h"
#include "table/tasks.h"

/* Bytes: fewer are read before workers have begun. A fuzzer makes it smaller. */
#ifndef ARRAY_FILL_LEAST
#define ARRAY_FILL_LEAST ((uint64_t)256 * 1024)
#endif
#define MOST_COLUMNS 8192u            /* of longer rows not many are in a range */
#define LONGEST_ROW ((size_t)1 << 20) /* the caller counts what its buffers take */

/* In shared memory. The texts for missing values follow. */
struct array_fill {
	struct source source;
	struct ranges ranges;
	struct missing missing;
	size_t columns;
	double *rows; /* where the first row goes */
};

enum row_read { ROW_WHOLE, ROW_BROKEN, ROW_WRONG };

/* ---- Rows ---- */

/*
 * Read any field. *@next: out: behind what ends it. ROW_WHOLE: @line tells whether that is the end
 * of the line.
 */
static enum row_read read_any(const struct array_fill *fill, const struct piece *piece, const char *at, double *value,
			      const char **next, bool *line)
{
	const char *limit = piece->text + piece->size, *end = at;
	bool quoted = false;

	for (; end < limit && *end != '\n' && (*end != ',' || quoted); end++)
		quoted ^= *end == '"';
	if (end == limit && !piece->last)
		return ROW_BROKEN;
	*line = end == limit || *end == '\n';
	*next = end + (end < limit);
	if (*line && end > at && end[-1] == '\r')
		end--;
	if (array_is_missing(&fill->missing, at, (size_t)(end - at)))
		*value = (double)NAN;
	else if (!array_read_number(at, (size_t)(end - at), value))
		return ROW_WRONG;
	return ROW_WHOLE;
}

static enum row_read read_array_row(const struct array_fill *fill, const struct piece *piece, const char *at, double *values,
				    const char **next)
{
	const char *limit = piece->text + piece->size;
	bool plain = !fill->missing.numbers, line = false;

	for (size_t i = 0; i < fill->columns; i++) {
		const char *end = plain ? decimal_read(at, '.', &values[i]) : NULL;
		enum row_read read;

		if (line)
			return ROW_WRONG; /* a field is missing */
		if (end && *end == ',') {
			at = end + 1;
			continue;
		}
		if (end && *end == '\n' && end < limit) {
			at = end + 1;
			line = true;
			continue;
		}
		read = read_any(fill, piece, at, &values[i], &at, &line);
		if (read != ROW_WHOLE)
			return read;
	}
	*next = at;
	return line ? ROW_WHOLE : ROW_WRONG;
}

/* Read the rows of a range, from the first one on. 0; -EBADMSG; as of piece_next(). */
static int read_array_rows(const struct array_fill *fill, const struct range_view *view, struct piece *piece, double *values)
{
	const struct csv_rules *rules = &fill->ranges.rules;
	const char *at = piece->text;
	uint64_t row = 0;

	while (row < view->rows) {
		const char *limit = piece->text + piece->size, *next = NULL;
		const char *begin = cell_find_row(rules, at, limit, piece->last);
		enum row_read read = begin ? ROW_WRONG : ROW_BROKEN;
		int r;

		if (begin && begin < limit)
			read = read_array_row(fill, piece, begin, values + row * fill->columns, &next);
		if (read == ROW_WRONG || (read == ROW_BROKEN && piece->size > LONGEST_ROW))
			return -EBADMSG;
		if (read == ROW_WHOLE) {
			at = next;
			row++;
			continue;
		}
		if ((r = piece_next(piece, (size_t)((begin ? begin : at) - piece->text))))
			return r;
		at = piece->text;
	}
	return 0;
}

static int fill_array(sheaf_task *task, size_t begin, size_t end, void *context)
{
	const struct array_fill *fill = context;
	int r = 0;

	for (size_t i = begin; i < end && r == 0; i++) {
		const struct range *range = &fill->ranges.all[i];
		const struct range_view *view = range_view(range);
		struct piece piece;

		if (view->rows == 0)
			continue;
		r = piece_open(&piece, fill->ranges.source, view->first, range->end);
		if (r < 0)
			break;
		r = read_array_rows(fill, view, &piece, fill->rows + range->row * fill->columns);
		piece_close(&piece);
	}
	/* Nobody sees the text: the caller finds what is wrong. */
	return r < 0 ? sheaf_task_fail(task, r, "rows %zu", begin) : 0;
}

const struct own_function own_array_fill[] = {
	OWN(fill_array),
	OWN_END,
};

/* ---- The call ---- */

/* Count the rows, and make room for them. 0, or an error. */
static int make_room_for_rows(struct table *table, struct array_fill *fill, const struct array_rest *rest, size_t *rows)
{
	uint64_t bytes = fill->source.size - rest->begin, counted;
	enum csv_place place;
	size_t values, size;
	int r = ranges_count(table->input->pool, &fill->ranges, rest->begin, true);

	if (r < 0)
		return r;
	counted = ranges_join(&fill->ranges, &place);
	/* Each value takes a byte at least, or some rows have too few. */
	if (counted > SIZE_MAX || !checked_multiply((size_t)counted, rest->columns, &values) || values > bytes + 1 ||
	    !checked_multiply(values, sizeof(double), &size))
		return -EBADMSG;
	size += rest->values * sizeof(double);
	if (size > table->size && (r = sheaf_table_grow(table, size)))
		return r;
	*rows = (size_t)counted;
	if (values)
		fill->rows = (double *)(void *)table->memory + rest->values;
	return 0;
}

static int fill_ranges(struct table *table, struct array_fill *fill, const struct array_rest *rest, uint64_t deadline_ns,
		       size_t *rows)
{
	const sheaf_map_options options = {
		.grain = 1, .on_error = SHEAF_CANCEL_REST, .caller_works = true, .deadline_ns = deadline_ns};
	sheaf_pool *pool = table->input->pool;
	void *memory;
	int r;

	fill->ranges.count = ranges_plan(fill->source.size - rest->begin);
	if ((r = sheaf_alloc_array(pool, fill->ranges.count, sizeof(*fill->ranges.all), &memory)))
		return r;
	fill->ranges.all = memory;
	r = make_room_for_rows(table, fill, rest, rows);
	if (r == 0 && *rows)
		r = sheaf_for(pool, fill_array, fill, fill->ranges.count, &options);
	sheaf_free(pool, memory);
	return r;
}

int array_fill(struct table *table, const struct array_rest *rest, const sheaf_load_options *options, size_t *rows)
{
	sheaf_pool *pool = table->input->pool;
	struct array_fill *fill;
	void *memory;
	int r;

	if (!table->input->regular || table->input->size < rest->begin || table->input->size - rest->begin < ARRAY_FILL_LEAST ||
	    rest->columns > MOST_COLUMNS || sheaf_alloc(pool, sizeof(*fill) + missing_size(options->missing), &memory))
		return 0;
	fill = memory;
	*fill = (struct array_fill){.ranges = {.source = &fill->source, .rules = {.separator = ',', .point = '.'}},
				    .columns = rest->columns};
	missing_make(&fill->missing, options->missing, '.', fill + 1);
	r = piece_name(table->input, &fill->source) ? fill_ranges(table, fill, rest, options->deadline_ns, rows) : -ENOENT;
	sheaf_free(pool, memory);
	return r == -EINTR ? r : r == 0;
}
