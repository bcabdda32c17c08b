/*
 * head.c - reads the beginning of a CSV file: what is passed over, and the names of columns.
 */
#include "table/loading.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/grow.h"
#include "table/header.h"

/* ---- Is it a header? ---- */

/* Does the field speak against a header (-1), for it (1), or neither (0)? */
static int weigh_cell(const struct loading *loading, const struct cell *field)
{
	const char *const *missing = loading->options->missing;
	struct cell cell = *field;
	size_t length;

	if (header_has_control(cell.begin, (size_t)(cell.end - cell.begin), cell.quoted))
		return -1;
	cell_trim(&loading->rules, &cell);
	length = (size_t)(cell.end - cell.begin);
	for (; missing && *missing; missing++)
		if (strlen(*missing) == length && memcmp(*missing, cell.begin, length) == 0)
			return 0;
	if (header_begins_number(cell.begin, length, loading->rules.point))
		return -1;
	return !header_means_missing(cell.begin, length);
}

/* ---- Names ---- */

static char *make_name(const struct cell *cell, bool header, size_t number)
{
	size_t length = header ? (size_t)(cell->end - cell->begin) : 0;
	char *name = malloc(length + 32);

	if (!name)
		return NULL;
	length = header ? cell_copy(cell, name) : 0;
	name[length] = '\0';
	/* A name with a zero byte could not be found. */
	if (length == 0 || strlen(name) != length)
		snprintf(name, length + 32, "V%zu", number);
	return name;
}

static int add_name(struct head *head, const struct cell *cell, bool header)
{
	if ((head->column_count & (head->column_count - 1)) == 0) {
		char **names = grow_array(head->names, sizeof(*names) * (head->column_count ? head->column_count * 2 : 1));

		if (!names)
			return -ENOMEM;
		head->names = names;
	}
	head->names[head->column_count] = make_name(cell, header, head->column_count + 1);
	if (!head->names[head->column_count])
		return -ENOMEM;
	head->column_count++;
	return 0;
}

void head_free(struct head *head)
{
	for (size_t i = 0; i < head->column_count; i++)
		free(head->names[i]);
	free(head->names);
	*head = (struct head){0};
}

/* ---- The beginning ---- */

/* Pass over lines, whatever is in them. NULL: the text is cut. */
static const char *skip_lines(const char *at, const char *limit, bool last, size_t count)
{
	for (; count > 0; count--) {
		const char *line = at < limit ? memchr(at, '\n', (size_t)(limit - at)) : NULL;

		if (!line)
			return last ? limit : NULL;
		at = line + 1;
	}
	return at;
}

/* Find the first line with anything in it. NULL: the text is cut. */
static const char *find_first_line(const struct loading *loading, const struct piece *piece)
{
	const char *at = piece->text, *limit = at + piece->size;

	/* Spreadsheets begin UTF-8 text with this mark. */
	if (piece->size >= 3 && memcmp(at, "\xef\xbb\xbf", 3) == 0)
		at += 3;
	at = skip_lines(at, limit, piece->last, loading->options->skip);
	return at ? cell_find_row(&loading->rules, at, limit, piece->last) : NULL;
}

/* Tell whether the line is a header. 1, 0; -1: the text is cut. */
static int judge_line(const struct loading *loading, const struct piece *piece, const char *at)
{
	struct cell cell;
	bool named = false, header = true;

	do {
		int weight;

		cell_find(&loading->rules, at, piece->text + piece->size, piece->last, &cell);
		if (cell.stop == CELL_CUT)
			return -1;
		weight = weigh_cell(loading, &cell);
		header = header && weight >= 0;
		named = named || weight > 0;
		at = cell.next;
	} while (cell.stop != CELL_LINE);
	if (loading->options->header == SHEAF_HEADER_AUTO)
		return header && named;
	return loading->options->header == SHEAF_HEADER_YES;
}

/* Refuse a name whose quotes are wrong. */
static int refuse_name(const struct loading *loading, const struct piece *piece, const char *at, const struct cell *cell)
{
	const struct flaw flaw = {.kind = flaw_of_cell(cell),
				  .column = loading->head.column_count,
				  .offset = piece->offset + (uint64_t)(at - piece->text),
				  .length = (size_t)(cell->end - cell->begin),
				  .skipped = (size_t)(cell->begin - at)};

	return flaw_fail(loading, &flaw);
}

/* Read the line's fields as names, or count them. */
static int read_names(struct loading *loading, const struct piece *piece, const char *line, bool header)
{
	const char *at = line;
	struct cell cell;

	do {
		cell_find(&loading->rules, at, piece->text + piece->size, piece->last, &cell);
		if (header && cell.flaw != CELL_FINE)
			return refuse_name(loading, piece, at, &cell);
		if (add_name(&loading->head, &cell, header) < 0)
			return sheaf_fail(-ENOMEM, "%s: no memory for the names of columns", loading->path);
		at = cell.next;
	} while (cell.stop != CELL_LINE);
	loading->head.data = piece->offset + (uint64_t)((header ? at : line) - piece->text);
	return 0;
}

int head_read(struct loading *loading)
{
	struct piece piece;
	int r = piece_open(&piece, loading->source, 0, 0);

	if (r < 0)
		return r;
	for (;;) {
		const char *line = find_first_line(loading, &piece);
		int header = line && line < piece.text + piece.size ? judge_line(loading, &piece, line) : -1;

		if (header >= 0)
			r = read_names(loading, &piece, line, header);
		else if (piece.last)
			r = sheaf_fail(-EBADMSG, "%s: there is no line with a row or a header", loading->path);
		if (header >= 0 || r < 0)
			break;
		r = piece_next(&piece, 0);
		if (r < 0)
			break;
	}
	piece_close(&piece);
	return r;
}
