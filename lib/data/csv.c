/*
 * csv.c - tables of numbers from comma-separated text.
 *
 * The input is read once, field by field, and each value goes into the table at once. So memory
 * grows with the values that were read, whatever lines or columns are to come.
 *
 * Nothing is dropped in silence. A first line is a header only if it has a name and nothing that
 * begins like a number. One that mixes both has a mistyped number. One of missing values alone
 * ("NA,NA") is a row.
 */
#include "data/fields.h"
#include "data/shape.h"
#include "data/table.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/printable.h"

#define SHOWN_TEXT 40

struct csv {
	const sheaf_load_options *options;
	struct fields fields;
	struct table table;
	size_t values;
	size_t rows;
	size_t columns; /* 0: not known yet */
};

/* ---- Fields ---- */

static const char *skip_blanks(const char *at)
{
	return at + strspn(at, " \t");
}

/* Read the number that fills the field, quoted or not. */
static bool read_number(const char *text, size_t length, double *value)
{
	const char *at = skip_blanks(text);
	bool quoted = *at == '"';
	char *after;

	at += quoted;
	/* strtod() takes forms that no table of decimal numbers means: 0x1F, nan(123). */
	after = (char *)at + (*at == '+' || *at == '-');
	if (after[0] == '0' && (after[1] == 'x' || after[1] == 'X'))
		return false;
	*value = strtod(at, &after);
	if (after == at || after[-1] == ')')
		return false;
	at = skip_blanks(after);
	if (quoted) {
		if (*at != '"')
			return false;
		at = skip_blanks(at + 1);
	}
	return at == text + length;
}

/* Find the field's text without blanks and quotes around it. */
static const char *bare_text(const char *text, size_t *length)
{
	const char *end = text + *length;

	text = skip_blanks(text);
	while (end > text && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	if (end - text >= 2 && *text == '"' && end[-1] == '"') {
		text++;
		end--;
	}
	*length = end > text ? (size_t)(end - text) : 0;
	return text;
}

static bool is_missing(const sheaf_load_options *options, const char *text, size_t length)
{
	const char *const *one = options->missing;

	if (one == NULL)
		return false;
	text = bare_text(text, &length);
	for (; *one != NULL; one++)
		if (strlen(*one) == length && memcmp(*one, text, length) == 0)
			return true;
	return false;
}

/*
 * Tell whether the letters of a text say that a value is missing. Other signs do not count: "#N/A",
 * "<NA>" and "n.a." are NA.
 */
static bool means_missing(const char *text, size_t length)
{
	static const char *const texts[] = {"", "na", "null", "none", "nil", "missing"};
	const char *end = text + length;
	char letters[8];
	size_t count = 0;

	for (; text < end; text++) {
		bool letter = (*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z');

		/* Digits, and letters outside of ASCII, belong to names. */
		if ((*text >= '0' && *text <= '9') || (unsigned char)*text >= 0x80 || (letter && count == sizeof(letters) - 1))
			return false;
		if (letter)
			letters[count++] = *text;
	}
	letters[count] = '\0';
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (strcasecmp(letters, texts[i]) == 0)
			return true;
	return false;
}

static bool begins_like_number(const char *text, size_t length)
{
	double value;

	if (read_number(text, length, &value))
		return true;
	text = skip_blanks(text);
	text += *text == '"';
	text += *text == '+' || *text == '-';
	text += *text == '.';
	return *text >= '0' && *text <= '9';
}

/* Tell whether there are control characters, which means that this is no text at all. */
static bool has_control(const char *text, size_t length)
{
	for (; length > 0; text++, length--)
		if ((unsigned char)*text < ' ' && *text != '\t')
			return true;
	return false;
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
	const char *begin = skip_blanks(text);

	*mistake = (struct mistake){.line = fields->line, .column = fields->column, .missing = means_missing(text, length)};
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

		if (has_control(text, length))
			return 0;
		if (!is_missing(csv->options, text, length)) {
			if (begins_like_number(text, length))
				return 0;
			named = named || !means_missing(text, length);
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
		if (!is_missing(csv->options, text, length)) {
			if (!read_number(text, length, &value)) {
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

static int read_lines(struct csv *csv)
{
	const char *text;
	size_t length;
	int r = sheaf_fields_next(&csv->fields, &text, &length);

	if (r > 0 && csv->options->header == SHEAF_HEADER_YES) {
		r = skip_line(csv);
		if (r < 0)
			return r;
		csv->columns = csv->fields.column;
		r = sheaf_fields_next(&csv->fields, &text, &length);
	}
	while (r > 0) {
		r = read_line(csv, text, length);
		if (r == 0)
			r = sheaf_fields_next(&csv->fields, &text, &length);
	}
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

int sheaf_csv_read(sheaf_array *array, struct input *input, const sheaf_load_options *options)
{
	struct csv csv = {.options = options, .table = {.input = input}};
	locale_t host_locale;
	/* The host's locale may want a decimal comma. */
	locale_t c_locale = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0);
	int r;

	if (c_locale == (locale_t)0)
		return sheaf_fail(-ENOMEM, "%s: no memory for a locale", input->path);
	r = sheaf_fields_begin(&csv.fields, input);
	if (r < 0)
		goto free;
	/* Spreadsheets begin UTF-8 text with this mark. */
	if (input->head_size >= 3 && memcmp(input->head, "\xef\xbb\xbf", 3) == 0)
		input->head_taken = 3;

	host_locale = uselocale(c_locale);
	r = read_lines(&csv);
	uselocale(host_locale);
	sheaf_fields_end(&csv.fields);
	sheaf_table_trim(&csv.table, r < 0 ? 0 : csv.values * sizeof(double));
	if (r == 0)
		describe_rows(array, &csv);
free:
	freelocale(c_locale);
	return r;
}
