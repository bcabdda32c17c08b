/*
 * array_csv.c - arrays of numbers from comma-separated text.
 *
 * The input is read once, field by field, and each value goes into the table at once. So memory
 * grows with the values that were read, whatever lines or columns are to come. Of a long file,
 * workers read what is behind the first line: see array_fill.c.
 *
 * Nothing is dropped in silence. A first line is a header only if it has a name and nothing that
 * begins like a number. One that mixes both has a mistyped number. One of missing values alone
 * ("NA,NA") is a row.
 */
#include "table/array_csv.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/printable.h"
#include "data/shape.h"
#include "data/table.h"
#include "table/array_fill.h"
#include "table/array_value.h"
#include "table/fields.h"
#include "table/header.h"

#define SHOWN_TEXT 40

struct csv {
	const sheaf_load_options *options;
	struct missing missing;
	struct fields fields;
	struct table table;
	size_t values;
	size_t rows;
	size_t columns; /* 0: not known yet */
};

/* ---- Fields ---- */

static bool looks_like_number(const char *text, size_t length)
{
	const char *end = text + length, *at = array_skip_blanks(text, end);
	double value;

	if (array_read_number(text, length, &value))
		return true;
	at += at < end && *at == '"';
	return header_begins_number(at, (size_t)(end - at), '.');
}

/* ---- Mistakes ---- */

/* A field that is no number, noted before it is known whether it belongs to a header. */
struct mistake {
	size_t line;
	size_t column;
	bool missing;
	bool cut;
	char shown[4 * SHOWN_TEXT + 1]; /* "": the field is empty */
};

static void note_mistake(struct mistake *mistake, const struct fields *fields, const char *text, size_t length)
{
	const char *begin = array_skip_blanks(text, text + length);

	*mistake = (struct mistake){
		.line = fields->line, .column = fields->column, .missing = header_means_missing(text, length)};
	length -= (size_t)(begin - text);
	if (length > SHOWN_TEXT) {
		mistake->cut = true;
		length = SHOWN_TEXT;
		/* Do not cut within a character. */
		while (length > SHOWN_TEXT - 4 && ((unsigned char)begin[length] & 0xc0) == 0x80)
			length--;
	}
	printable(mistake->shown, sizeof(mistake->shown), begin, length);
}

static int fail_mistake(const struct csv *csv, const struct mistake *mistake)
{
	const char *path = csv->fields.input->path;

	if (mistake->shown[0] == '\0')
		return sheaf_fail(-EBADMSG, "%s: line %zu, column %zu: the field is empty; a number is wanted", path,
				  mistake->line, mistake->column);
	return sheaf_fail(-EBADMSG, "%s: line %zu, column %zu: \"%s\"%s is not a number%s", path, mistake->line,
			  mistake->column, mistake->shown, mistake->cut ? "..." : "",
			  mistake->missing ? "; name it in options.missing to read it as NaN" : "");
}

/* ---- Rows ---- */

static int put_value(struct csv *csv, double value)
{
	size_t used = csv->values * sizeof(double);

	if (used + sizeof(double) > csv->table.size) {
		int r;

		csv->table.buffer = csv->fields.size - FIELDS_BUFFER;
		r = sheaf_table_grow(&csv->table, used + sizeof(double));
		if (r < 0)
			return r;
	}
	((double *)(void *)csv->table.memory)[csv->values++] = value;
	return 0;
}

/* Pass over the rest of the line. */
static int skip_line(struct csv *csv)
{
	const char *text;
	size_t length;

	while (csv->fields.more) {
		int r = sheaf_fields_next(&csv->fields, &text, &length);

		if (r < 0)
			return r;
	}
	return 0;
}

/*
 * Tell whether the field and the rest of its line make the line a header. 1; 0: then the line was
 * not read to its end; -errno.
 */
static int is_header(struct csv *csv, const char *text, size_t length)
{
	bool named = false;

	for (;;) {
		int r;

		if (header_has_control(text, length, false))
			return 0;
		if (!array_is_missing(&csv->missing, text, length)) {
			if (looks_like_number(text, length))
				return 0;
			named = named || !header_means_missing(text, length);
		}
		if (!csv->fields.more)
			return named;
		r = sheaf_fields_next(&csv->fields, &text, &length);
		if (r < 0)
			return r;
	}
}

/*
 * Handle a field that is no number. 1: its line is a header, and was read to its end; or the error.
 */
static int take_header(struct csv *csv, bool possible, const char *text, size_t length)
{
	struct mistake mistake;
	int r = 0;

	note_mistake(&mistake, &csv->fields, text, length);
	if (possible)
		r = is_header(csv, text, length);
	return r == 0 ? fail_mistake(csv, &mistake) : r;
}

/* Read the line that begins with the field at @text: a row, or a header. */
static int read_line(struct csv *csv, const char *text, size_t length)
{
	const struct fields *fields = &csv->fields;
	/* It may still be a header. */
	bool header = csv->columns == 0 && csv->options->header == SHEAF_HEADER_AUTO;

	for (;;) {
		double value = NAN;
		int r;

		if (csv->columns > 0 && fields->column > csv->columns)
			return sheaf_fail(-EBADMSG, "%s: line %zu, column %zu: a field too many; the lines before have %zu",
					  fields->input->path, fields->line, fields->column, csv->columns);
		if (!array_is_missing(&csv->missing, text, length)) {
			if (!array_read_number(text, length, &value)) {
				r = take_header(csv, header, text, length);
				if (r < 0)
					return r;
				csv->values = 0;
				csv->columns = fields->column;
				return 0;
			}
			header = false;
		}
		r = put_value(csv, value);
		if (r < 0)
			return r;
		if (!fields->more)
			break;
		r = sheaf_fields_next(&csv->fields, &text, &length);
		if (r < 0)
			return r;
	}
	if (csv->columns > 0 && fields->column < csv->columns)
		return sheaf_fail(-EBADMSG, "%s: line %zu, column %zu: is missing; the lines before have %zu columns",
				  fields->input->path, fields->line, fields->column + 1, csv->columns);
	csv->columns = fields->column;
	csv->rows++;
	return 0;
}

/* Have workers read what is behind the first line. 1: all is read; 0: not so; -EINTR. */
static int read_rest(struct csv *csv)
{
	const struct array_rest rest = {.begin = sheaf_fields_at(&csv->fields), .values = csv->values, .columns = csv->columns};
	size_t rows;
	int r = array_fill(&csv->table, &rest, csv->options, &rows);

	if (r > 0) {
		csv->values += rows * csv->columns;
		csv->rows += rows;
	}
	return r;
}

static int read_lines(struct csv *csv)
{
	const char *text;
	size_t length;
	int r = sheaf_fields_next(&csv->fields, &text, &length), rest;

	if (r > 0 && csv->options->header == SHEAF_HEADER_YES) {
		r = skip_line(csv);
		csv->columns = csv->fields.column;
	} else if (r > 0) {
		r = read_line(csv, text, length);
	} else {
		return r;
	}
	if (r < 0 || (rest = read_rest(csv)) > 0)
		return r < 0 ? r : 0;
	if (rest < 0)
		return rest;
	while ((r = sheaf_fields_next(&csv->fields, &text, &length)) > 0)
		if ((r = read_line(csv, text, length)) < 0)
			break;
	return r;
}

static void describe_rows(sheaf_array *array, const struct csv *csv)
{
	const size_t shape[] = {csv->rows, csv->columns};
	size_t bytes;

	*array = (sheaf_array){.type = SHEAF_F64, .item_size = sizeof(double)};
	/* It fits: it is there. */
	(void)shape_make(array, 2, shape, false, &bytes);
	array->data = array->memory = csv->table.memory;
}

int array_csv_read(sheaf_array *array, struct input *input, const sheaf_load_options *options)
{
	struct csv csv = {.options = options, .table = {.input = input}};
	size_t texts = missing_size(options->missing);
	void *memory = malloc(texts ? texts : 1);
	int r;

	if (!memory)
		return sheaf_fail(-ENOMEM, "%s: no memory for the texts of missing values", input->path);
	missing_make(&csv.missing, options->missing, '.', memory);
	r = sheaf_fields_begin(&csv.fields, input);
	if (r < 0)
		goto free;
	/* Spreadsheets begin UTF-8 text with this mark. */
	if (input->head_size >= 3 && memcmp(input->head, "\xef\xbb\xbf", 3) == 0)
		input->head_taken = 3;
	r = read_lines(&csv);
	sheaf_fields_end(&csv.fields);
	sheaf_table_trim(&csv.table, r < 0 ? 0 : csv.values * sizeof(double));
	if (r == 0)
		describe_rows(array, &csv);
free:
	free(memory);
	return r;
}
