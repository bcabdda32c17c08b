/*
 * fill.c - parses ranges row by row, straight into the columns.
 *
 * A field that is a plain number, with its separator behind it, takes the short way. All else is
 * found by cell.c first, and put by fill_put.c.
 *
 * Deaths            Of a worker: its range is parsed again, with the same values in the same rows.
 */
#include "table/fill.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "table/decimal.h"
#include "table/tasks.h"

struct filler {
	const struct fill *fill;
	struct fill_column *columns;
	struct piece piece;
	struct texts *texts; /* of this range, for each column; NULL: none has codes */
	size_t slot;         /* where the row in hand goes */
	struct fill_result result;
};

enum row_end { ROW_DONE, ROW_CUT, ROW_FLAW };

/* ---- Flaws ---- */

static enum row_end note_flaw(struct filler *filler, enum flaw_kind kind, size_t column, const char *at,
			      const struct cell *cell)
{
	filler->result.flaw = (struct flaw){.kind = kind,
					    .column = column,
					    .offset = filler->piece.offset + (uint64_t)(at - filler->piece.text),
					    .length = cell ? (size_t)(cell->end - cell->begin) : 0,
					    .skipped = cell ? (size_t)(cell->begin - at) : 0};
	return ROW_FLAW;
}

/* Handle a value that its column cannot hold. ROW_DONE: it is missing now. */
static enum row_end handle_value(struct filler *filler, enum flaw_kind kind, size_t column, const char *at,
				 const struct cell *cell)
{
	if (filler->fill->on_fault != SHEAF_FAULT_MISSING || kind == FLAW_MEMORY)
		return note_flaw(filler, kind, column, at, cell);
	fill_put_missing(&filler->columns[column], filler->slot);
	filler->result.faults++;
	return ROW_DONE;
}

/* Handle a row that ends before @column. @at: behind its end. */
static enum row_end handle_few(struct filler *filler, size_t column, const char *at)
{
	if (filler->fill->on_fault != SHEAF_FAULT_MISSING)
		return note_flaw(filler, FLAW_FEW, column, at - 1, NULL);
	for (; column < filler->fill->used; column++)
		fill_put_missing(&filler->columns[column], filler->slot);
	filler->result.faults++;
	return ROW_DONE;
}

/* Handle what follows the last column that is read. @at: behind its separator. */
static enum row_end handle_rest(struct filler *filler, const char *at, const char *limit, const char **next)
{
	const struct fill *fill = filler->fill;

	*next = cell_skip_row(&fill->ranges.rules, at, limit, filler->piece.last);
	if (!*next)
		return ROW_CUT;
	if (fill->used < fill->column_count)
		return ROW_DONE;
	if (fill->on_fault != SHEAF_FAULT_MISSING)
		return note_flaw(filler, FLAW_MANY, fill->used, at, NULL);
	filler->result.faults++;
	return ROW_DONE;
}

/* ---- Rows ---- */

/*
 * Read a plain number and what ends it. CELL_CUT: it takes the long way, whatever it is.
 */
static inline enum cell_stop read_plain(const struct filler *filler, struct fill_column *column, const char *at,
					const char *limit, const char **next)
{
	const struct csv_rules *rules = &filler->fill->ranges.rules;
	struct whole whole;
	const char *end;

	if (column->kind == FILL_F64) {
		end = decimal_read(at, rules->point, (double *)(void *)column->out + filler->slot);
		if (!end)
			return CELL_CUT;
	} else {
		end = decimal_read_whole(at, &whole);
		if (!end || whole.magnitude > (whole.negative ? column->least : column->most) ||
		    (whole.negative && whole.magnitude == 0))
			return CELL_CUT;
		fill_store_whole(column, &whole, filler->slot);
	}
	*next = end + 1;
	if (*end == rules->separator)
		return CELL_FIELD;
	if (*end == '\r')
		*next = ++end + 1;
	return *end == '\n' && end < limit ? CELL_LINE : CELL_CUT;
}

/* Read any field. */
static enum row_end read_field(struct filler *filler, size_t column, const char *at, const char *limit, struct cell *cell)
{
	const struct fill *fill = filler->fill;
	enum flaw_kind flaw;

	cell_find(&fill->ranges.rules, at, limit, filler->piece.last, cell);
	if (cell->stop == CELL_CUT)
		return ROW_CUT;
	if (filler->columns[column].kind == FILL_NOTHING && cell->flaw != CELL_OPEN)
		return ROW_DONE;
	flaw = flaw_of_cell(cell);
	if (flaw == FLAW_NONE)
		flaw = fill_put(fill, &filler->columns[column], filler->texts ? &filler->texts[column] : NULL, cell,
				filler->slot);
	return flaw == FLAW_NONE ? ROW_DONE : handle_value(filler, flaw, column, at, cell);
}

/* Read the row at @at. @next: out: behind its line end. */
static enum row_end read_row(struct filler *filler, const char *at, const char *limit, const char **next)
{
	const struct fill *fill = filler->fill;
	const bool plain = !fill->missing.numbers;

	for (size_t i = 0; i < fill->used; i++) {
		struct fill_column *column = &filler->columns[i];
		enum cell_stop stop = CELL_CUT;

		if (plain && (column->kind == FILL_F64 || column->kind == FILL_WHOLE))
			stop = read_plain(filler, column, at, limit, next);
		if (stop == CELL_CUT) {
			struct cell cell;
			enum row_end end = read_field(filler, i, at, limit, &cell);

			*next = cell.next;
			if (end != ROW_DONE)
				return end;
			stop = cell.stop;
		}
		at = *next;
		if (stop == CELL_LINE)
			return i + 1 == fill->used ? ROW_DONE : handle_few(filler, i + 1, at);
	}
	return handle_rest(filler, at, limit, next);
}

/* Take back what a row that is left out has marked. */
static void unmark_row(struct filler *filler)
{
	for (size_t i = 0; i < filler->fill->used; i++)
		if (filler->columns[i].missing)
			filler->columns[i].missing[filler->slot] = false;
}

/* ---- Ranges ---- */

/* Read a row that is wanted. *@next: behind it; NULL: the text is cut. False: the range is over. */
static bool take_row(struct filler *filler, const char *at, const char *limit, const char **next)
{
	uint64_t faults = filler->result.faults;
	enum row_end end = read_row(filler, at, limit, next);

	if (end == ROW_CUT) {
		filler->result.faults = faults;
		*next = NULL;
		return true;
	}
	if (end == ROW_DONE) {
		filler->slot++;
		filler->result.rows++;
		return true;
	}
	if (filler->fill->on_fault != SHEAF_FAULT_SKIPS || filler->result.flaw.kind == FLAW_MEMORY)
		return false;
	unmark_row(filler);
	filler->result.flaw = (struct flaw){0};
	*next = cell_skip_row(&filler->fill->ranges.rules, at, limit, filler->piece.last);
	/* If the row is cut, it comes again. */
	filler->result.faults += *next != NULL;
	return true;
}

/* Read the rows of a range, whose first is number @row. */
static int read_rows(struct filler *filler, uint64_t row, uint64_t count)
{
	const struct fill *fill = filler->fill;
	const struct csv_rules *rules = &fill->ranges.rules;
	const char *at = filler->piece.text, *next = at;
	uint64_t end = row + count < fill->end ? row + count : fill->end;

	while (row < end) {
		const char *limit = filler->piece.text + filler->piece.size;

		at = cell_find_row(rules, next, limit, filler->piece.last);
		if (at == limit && filler->piece.last) {
			note_flaw(filler, FLAW_CHANGED, 0, at, NULL);
			return 0;
		}
		if (at) {
			const char *begin = at;

			if (row < fill->first)
				next = cell_skip_row(rules, begin, limit, filler->piece.last);
			else if (!take_row(filler, begin, limit, &next))
				return 0;
			row += next != NULL;
			at = next ? next : begin;
		} else {
			at = next;
			next = NULL;
		}
		if (!next) {
			int r = piece_next(&filler->piece, (size_t)(at - filler->piece.text));

			if (r < 0)
				return r;
			next = filler->piece.text;
		}
	}
	return 0;
}

/* ---- Results ---- */

static size_t texts_size(const struct fill *fill, const struct texts *texts)
{
	size_t size = 0;

	for (size_t i = 0; texts && i < fill->used; i++)
		if (fill->columns[i].kind == FILL_CODES)
			size += sizeof(uint64_t) * (1 + texts[i].count) + texts[i].used;
	return size;
}

static char *write_count(char *at, uint64_t count)
{
	memcpy(at, &count, sizeof(count));
	return at + sizeof(count);
}

static void write_texts(const struct fill *fill, const struct texts *texts, char *at)
{
	for (size_t i = 0; texts && i < fill->used; i++) {
		if (fill->columns[i].kind != FILL_CODES)
			continue;
		at = write_count(at, texts[i].count);
		for (size_t j = 0; j < texts[i].count; j++) {
			size_t length;
			const char *text = texts_get(&texts[i], j, &length);

			at = write_count(at, length);
			memcpy(at, text, length);
			at += length;
		}
	}
}

static int leave_result(sheaf_task *task, const struct filler *filler)
{
	void *memory;
	int r = sheaf_task_result(task, sizeof(filler->result) + texts_size(filler->fill, filler->texts), &memory);

	if (r < 0)
		return r;
	memcpy(memory, &filler->result, sizeof(filler->result));
	write_texts(filler->fill, filler->texts, (char *)memory + sizeof(filler->result));
	return 0;
}

/* Read a range that has rows. */
static int read_range(struct filler *filler, const struct range *range)
{
	const struct range_view *view = range_view(range);
	int r = piece_open(&filler->piece, filler->fill->ranges.source, view->first, range->end);

	if (r < 0)
		return r;
	r = read_rows(filler, range->row, view->rows);
	piece_close(&filler->piece);
	return r;
}

static bool has_codes(const struct fill *fill)
{
	for (size_t i = 0; i < fill->used; i++)
		if (fill->columns[i].kind == FILL_CODES)
			return true;
	return false;
}

int fill_range(sheaf_task *task, const void *arg, void *result)
{
	const struct fill_order *order = arg;
	const struct fill *fill = order->fill;
	const struct range *range = &fill->ranges.all[order->range];
	struct filler filler = {.fill = fill, .columns = fill->columns};
	int r = 0;

	(void)result;
	filler.slot = (size_t)(fill->base + (range->row > fill->first ? range->row - fill->first : 0));
	if (has_codes(fill)) {
		filler.texts = calloc(fill->used, sizeof(*filler.texts));
		if (!filler.texts)
			return sheaf_task_fail(task, -ENOMEM, "no memory for the texts of %zu columns", fill->used);
	}
	if (range_view(range)->rows > 0)
		r = read_range(&filler, range);
	if (r == 0)
		r = leave_result(task, &filler);
	for (size_t i = 0; filler.texts && i < fill->used; i++)
		texts_free(&filler.texts[i]);
	free(filler.texts);
	return r < 0 ? sheaf_task_fail(task, r, "%s", sheaf_message()) : 0;
}

const struct own_function own_fill[] = {
	OWN(fill_range),
	OWN_END,
};
