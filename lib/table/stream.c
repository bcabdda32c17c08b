/*
 * stream.c - loads a table from an input that can be read only once, window by window.
 *
 * The caller reads some MiB into shared memory, and workers parse the whole rows there. What is
 * left of the last row moves to the front, and a window that has no whole row doubles. A column
 * that proves too narrow is made wider with the rows that it has.
 */
#include "table/stream.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/number.h"
#include "table/codes.h"
#include "pool/alloc.h"

#define WINDOW ((size_t)8 * 1024 * 1024)
#define ALLOCATION ((size_t)64 * 1024) /* sizes of allocations are multiples of it */
#define LONGEST_HEAD ((size_t)64 * 1024 * 1024)

struct stream {
	struct loading *loading;
	struct input *input;
	char *window;
	size_t size, filled; /* of the window, without the pad */
	bool ended;          /* all of the input is in the window */
	size_t rows, room;   /* in the arrays */
	uint64_t seen;       /* rows before the window */
	uint64_t faults;
};

/* ---- The window ---- */

static int resize_window(struct stream *stream, size_t size)
{
	void *memory = stream->window;
	size_t before = stream->window ? stream->size + ALLOCATION : 0;
	int r = pool_resize(stream->loading->pool, &memory, before, size ? size + ALLOCATION : 0, stream->loading->path);

	if (size == 0 || r == 0 || memory == NULL) {
		stream->window = memory;
		stream->size = memory ? size : 0;
	}
	return r;
}

/* Fill the window up, or to the end of the input. */
static int fill_window(struct stream *stream)
{
	struct source *source = stream->loading->source;
	size_t got;
	int r = sheaf_input_read(stream->input, stream->window + stream->filled, stream->size - stream->filled, &got);

	if (r < 0)
		return r;
	stream->ended = got < stream->size - stream->filled;
	stream->filled += got;
	memset(stream->window + stream->filled, '\n', PIECE_PAD);
	source->memory = stream->window;
	source->size = source->begin + stream->filled;
	return 0;
}

static int enlarge_window(struct stream *stream)
{
	int r;

	if (stream->size > SIZE_MAX / 4)
		return sheaf_fail(-EOVERFLOW, "%s: a row of more than %zu bytes", stream->loading->path, stream->size);
	r = resize_window(stream, stream->size * 2);
	return r < 0 ? r : fill_window(stream);
}

/* Drop what is before an offset of the input, and read on. */
static int move_window(struct stream *stream, uint64_t offset)
{
	struct source *source = stream->loading->source;
	size_t used = (size_t)(offset - source->begin);

	for (const char *at = stream->window, *end = at + used; (at = memchr(at, '\n', (size_t)(end - at))); at++)
		source->lines++;
	memmove(stream->window, stream->window + used, stream->filled - used);
	stream->filled -= used;
	source->begin = offset;
	return fill_window(stream);
}

/* ---- The rows of a window ---- */

/*
 * Find the end of the last whole row. @rows: less by 1 if the window has the beginning of another
 * one. 0: there is no whole row.
 */
static uint64_t end_rows(struct ranges *ranges, uint64_t begin, uint64_t *rows)
{
	for (size_t i = ranges->count; i-- > 0;) {
		struct range *range = &ranges->all[i];
		struct range_view *view = &range->views[range->place];

		if (view->behind == RANGES_NONE)
			continue;
		if (view->tail) {
			view->rows--;
			--*rows;
		}
		return view->behind > begin ? view->behind : 0;
	}
	return 0;
}

/* Count the whole rows from @begin on. @end: out: where they end. */
static int count_window(struct stream *stream, uint64_t begin, uint64_t *rows, uint64_t *end)
{
	struct loading *loading = stream->loading;
	enum csv_place place;

	for (;;) {
		int r = loading_count(loading, begin, rows, &place);

		if (r < 0)
			return r;
		*end = stream->ended ? loading->source->size : end_rows(&loading->fill->ranges, begin, rows);
		if (*end > 0)
			return 0;
		r = enlarge_window(stream);
		if (r < 0)
			return r;
	}
}

/* ---- The arrays ---- */

static int resize_array(struct stream *stream, sheaf_array *array, size_t room)
{
	size_t before = stream->room * array->item_size, after;
	int r;

	if (!checked_multiply(room, array->item_size, &after) || after > SIZE_MAX / 2)
		return sheaf_fail(-EOVERFLOW, "%s: %zu rows do not fit in memory", stream->loading->path, room);
	r = pool_resize(stream->loading->pool, &array->memory, round_up(before, ALLOCATION), round_up(after, ALLOCATION),
			stream->loading->path);
	array->data = array->memory;
	array->shape[0] = room;
	return r;
}

static int resize_columns(struct stream *stream, size_t room)
{
	struct loading *loading = stream->loading;

	for (size_t i = 0; i < loading->column_count; i++) {
		struct loading_column *column = &loading->columns[i];
		struct fill_column *plan = &loading->fill->columns[column->place];
		int r = resize_array(stream, &column->values, room);

		if (r == 0 && column->missing.data)
			r = resize_array(stream, &column->missing, room);
		if (r < 0)
			return r;
		plan->out = column->values.data;
		plan->missing = column->missing.data;
	}
	stream->room = room;
	return 0;
}

/* Make the arrays, by what the first window tells of types. */
static int make_columns(struct stream *stream, size_t rows)
{
	struct loading *loading = stream->loading;
	int r = guess_classes(loading);

	stream->room = loading->rows = rows ? rows : 1;
	for (size_t i = 0; i < loading->column_count && r == 0; i++)
		r = columns_make(loading, &loading->columns[i]);
	return r;
}

/* ---- Wider columns ---- */

/* Turn the whole numbers that a column has into floats, in place. */
static int widen_to_floats(struct stream *stream, struct loading_column *column, struct fill_column *plan)
{
	int64_t *numbers = column->values.data;
	double *floats = column->values.data;

	for (size_t i = 0; i < stream->rows; i++)
		floats[i] = plan->missing && plan->missing[i] ? (double)NAN : (double)numbers[i];
	column->class = CLASS_FLOAT;
	column->values.type = plan->type = SHEAF_F64;
	plan->kind = FILL_F64;
	plan->missing = NULL;
	return sheaf_array_free(&column->missing, stream->loading->pool);
}

/* Make room for longer texts. */
static int widen_texts(struct stream *stream, struct loading_column *column, struct fill_column *plan, size_t width)
{
	sheaf_array wider;
	int r = sheaf_array_create(&wider, stream->loading->pool, SHEAF_BYTES, width, 1, &stream->room);

	if (r < 0)
		return r;
	for (size_t i = 0; i < stream->rows; i++)
		memcpy((char *)wider.data + i * width, plan->out + i * plan->width, plan->width);
	r = sheaf_array_free(&column->values, stream->loading->pool);
	column->values = wider;
	plan->width = width;
	plan->out = wider.data;
	return r;
}

/* Make a column anew that has no rows yet. */
static int widen_empty(struct stream *stream, struct loading_column *column, enum fill_class class)
{
	int r = sheaf_array_free(&column->values, stream->loading->pool);

	if (r == 0)
		r = sheaf_array_free(&column->missing, stream->loading->pool);
	column->class = class;
	stream->loading->fill->columns[column->place].width = 1;
	stream->loading->rows = stream->room;
	return r < 0 ? r : columns_make(stream->loading, column);
}

/* 1: it is wider now. */
static int widen_column_kept(struct stream *stream, struct loading_column *column)
{
	struct fill_column *plan = &stream->loading->fill->columns[column->place];
	enum fill_class needs = (enum fill_class)atomic_load_explicit(&plan->needs, memory_order_relaxed);
	uint64_t longest = atomic_load_explicit(&plan->longest, memory_order_relaxed);
	int r = 0;

	atomic_store_explicit(&plan->needs, 0, memory_order_relaxed);
	atomic_store_explicit(&plan->longest, 0, memory_order_relaxed);
	if (plan->guessed && needs > column->class) {
		if (stream->rows == 0)
			r = widen_empty(stream, column, needs);
		else if (needs == CLASS_FLOAT)
			r = widen_to_floats(stream, column, plan);
		else
			r = sheaf_fail(-EBADMSG,
				       "%s: column %zu has texts behind %zu rows of numbers, which can be read only once here: "
				       "give its type",
				       stream->loading->path, column->place + 1, stream->rows);
	} else if (plan->kind == FILL_TEXT && longest > plan->width) {
		r = widen_texts(stream, column, plan, (size_t)longest);
	} else {
		return 0;
	}
	return r < 0 ? r : 1;
}

/* 1: some are wider now, and the window has to be parsed again. */
static int widen_kept(struct stream *stream)
{
	bool wider = false;

	for (size_t i = 0; i < stream->loading->column_count; i++) {
		int r = widen_column_kept(stream, &stream->loading->columns[i]);

		if (r < 0)
			return r;
		wider |= r > 0;
	}
	return wider;
}

/* ---- The windows ---- */

/* Choose the rows of the window that are wanted. Return how many these are. */
static uint64_t choose_window_rows(struct stream *stream, uint64_t rows)
{
	const sheaf_table_options *options = stream->loading->options;
	struct fill *fill = stream->loading->fill;
	uint64_t end = options->row_count && options->row_count < UINT64_MAX - options->first_row
			       ? options->first_row + options->row_count
			       : UINT64_MAX;

	fill->first = options->first_row > stream->seen ? options->first_row - stream->seen : 0;
	fill->end = end > stream->seen ? end - stream->seen : 0;
	if (fill->end > rows)
		fill->end = rows;
	fill->base = stream->rows;
	return fill->end > fill->first ? fill->end - fill->first : 0;
}

/* Parse the rows of the window. */
static int parse_window(struct stream *stream, uint64_t rows)
{
	struct loading *loading = stream->loading;
	uint64_t wanted = choose_window_rows(stream, rows), needed = stream->rows + wanted;
	int r = 0;

	if (needed > SIZE_MAX / 4)
		return sheaf_fail(-EOVERFLOW, "%s: %ju rows do not fit in memory", loading->path, (uintmax_t)needed);
	if (stream->room == 0)
		r = make_columns(stream, (size_t)wanted);
	else if (needed > stream->room)
		r = resize_columns(stream, (size_t)(needed + needed / 2));
	if (r == 0)
		do {
			r = pass_run(loading);
			if (r == 0)
				r = widen_kept(stream);
		} while (r > 0);
	if (r < 0)
		return r;
	pass_compact(loading);
	stream->faults += loading->faults;
	stream->rows = loading->rows;
	stream->seen += rows;
	return 0;
}

/* Read the beginning, with as large a window as it needs. @begin: out: of the rows. */
static int read_head(struct stream *stream, uint64_t *begin)
{
	struct loading *loading = stream->loading;

	for (;;) {
		int r = head_read(loading);

		/* What the window has may be the beginning of a longer line. */
		if (stream->ended || stream->size >= LONGEST_HEAD || (r == 0 && loading->head.data < loading->source->size) ||
		    (r < 0 && r != -EBADMSG)) {
			*begin = loading->head.data;
			return r < 0 ? r : loading_plan(loading);
		}
		head_free(&loading->head);
		r = enlarge_window(stream);
		if (r < 0)
			return r;
	}
}

static int read_windows(struct stream *stream)
{
	struct loading *loading = stream->loading;
	uint64_t begin, end, rows;
	int r = fill_window(stream);

	if (r == 0)
		r = read_head(stream, &begin);
	while (r == 0) {
		bool over;

		if ((r = count_window(stream, begin, &rows, &end)))
			break;
		over = stream->ended;
		loading->source->size = end;
		if ((r = parse_window(stream, rows)) || over || loading->fill->end < rows)
			break;
		begin = end;
		r = move_window(stream, end);
	}
	return r;
}

int stream_load(struct loading *loading, struct input *input)
{
	struct stream stream = {.loading = loading, .input = input};
	int r = resize_window(&stream, WINDOW), freed;

	snprintf(loading->source->path, sizeof(loading->source->path), "%s", loading->path);
	if (r == 0)
		r = read_windows(&stream);
	freed = stream.window ? resize_window(&stream, 0) : 0;
	loading->source->memory = NULL;
	if (r == 0)
		r = freed;
	if (r == 0)
		r = resize_columns(&stream, stream.rows ? stream.rows : 1);
	for (size_t i = 0; i < loading->column_count && r == 0; i++) {
		loading->columns[i].values.shape[0] = stream.rows;
		if (loading->columns[i].missing.data)
			loading->columns[i].missing.shape[0] = stream.rows;
	}
	loading->rows = stream.rows;
	loading->faults = stream.faults;
	return r;
}
