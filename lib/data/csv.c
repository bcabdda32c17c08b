/*
 * csv.c - tables of numbers from comma-separated text.
 *
 * A regular file is read twice: its lines are counted first, so that the table is allocated once and the numbers go straight to
 * their places. A pipe can be read only once: its table grows as it comes, which copies it now and then.
 * Nothing is dropped in silence. A first line is a header only if it has a name and nothing that begins like a number: one that mixes
 * both has a mistyped number, and one of missing values alone ("NA,NA") is a row.
 */
#include "data/input.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/number.h"

#define FIRST_BUFFER ((size_t)256 * 1024)
#define LONGEST_LINE ((size_t)256 * 1024 * 1024)
#define SHOWN_TEXT 40

struct lines {
	struct input *input;
	char *buffer;
	size_t size;  /* of the buffer, without the byte for a last line's end */
	size_t begin; /* buffer[begin .. end) was read and not handed out yet */
	size_t end;
	size_t number; /* of the line that was handed out last; the first is 1 */
};

struct table {
	const sheaf_load_options *options;
	sheaf_pool *pool;
	double *data;
	size_t rows;
	size_t columns;
	size_t capacity; /* rows that data has room for */
};

/* ---- Lines ---- */

static int fill_buffer(struct lines *lines)
{
	size_t count;
	int r;

	memmove(lines->buffer, lines->buffer + lines->begin, lines->end - lines->begin);
	lines->end -= lines->begin;
	lines->begin = 0;
	if (lines->end == lines->size) {
		char *buffer = lines->size < LONGEST_LINE ? realloc(lines->buffer, lines->size * 2 + 1) : NULL;

		if (buffer == NULL)
			return sheaf_fail(lines->size < LONGEST_LINE ? -ENOMEM : -EBADMSG,
					  "%s: line %zu has more than %zu bytes, which is more than can be read",
					  lines->input->path, lines->number + 1, lines->size);
		lines->buffer = buffer;
		lines->size *= 2;
	}
	r = sheaf_input_read(lines->input, lines->buffer + lines->end, lines->size - lines->end, &count);
	if (r < 0)
		return r;
	lines->end += count;
	return count > 0;
}

/*
 * The next line that is not blank, without its end, as a string: @text stays valid until the next call.
 * Returns 1; 0 at the end of the file; -errno.
 */
static int next_line(struct lines *lines, char **text, size_t *length)
{
	size_t searched = 0;

	for (;;) {
		char *start = lines->buffer + lines->begin;
		size_t held = lines->end - lines->begin;
		char *newline = held > searched ? memchr(start + searched, '\n', held - searched) : NULL;

		if (newline == NULL) {
			int r = fill_buffer(lines);

			if (r < 0)
				return r;
			searched = held;
			if (r > 0)
				continue;
			if (held == 0)
				return 0;
			/* The last line lacks its newline. */
			start = lines->buffer;
			newline = start + held;
			lines->begin = lines->end;
		} else {
			lines->begin = (size_t)(newline - lines->buffer) + 1;
		}
		searched = 0;
		lines->number++;
		if (newline > start && newline[-1] == '\r')
			newline--;
		*newline = '\0';
		*text = start;
		*length = (size_t)(newline - start);
		if (strspn(start, " \t") < *length)
			return 1;
	}
}

/* ---- Fields ---- */

static const char *skip_blanks(const char *at)
{
	return at + strspn(at, " \t");
}

/* Reads the number that fills the field at @text, quoted or not, and finds the field's end: a comma, or @line_end. */
static bool read_number(const char *text, const char *line_end, double *value, const char **field_end)
{
	const char *at = skip_blanks(text);
	bool quoted = *at == '"';
	char *after;

	at += quoted;
	/* What strtod() takes and no table of decimal numbers means: 0x1F, nan(123). */
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
	*field_end = at;
	return at == line_end || *at == ',';
}

/* A comma between quotes does not end a field. */
static const char *find_field_end(const char *text, const char *line_end)
{
	bool quoted = false;

	for (; text < line_end && (quoted || *text != ','); text++)
		if (*text == '"')
			quoted = !quoted;
	return text;
}

static size_t count_fields(const char *text, const char *line_end)
{
	size_t count = 1;

	for (text = find_field_end(text, line_end); text < line_end; text = find_field_end(text + 1, line_end))
		count++;
	return count;
}

/* The field's text without blanks and quotes around it. */
static const char *bare_text(const char *text, const char *field_end, size_t *length)
{
	text = skip_blanks(text);
	while (field_end > text && (field_end[-1] == ' ' || field_end[-1] == '\t'))
		field_end--;
	if (field_end - text >= 2 && *text == '"' && field_end[-1] == '"') {
		text++;
		field_end--;
	}
	*length = field_end > text ? (size_t)(field_end - text) : 0;
	return text;
}

static bool is_missing(const sheaf_load_options *options, const char *text, const char *field_end)
{
	const char *const *one = options->missing;
	size_t length;

	if (one == NULL)
		return false;
	text = bare_text(text, field_end, &length);
	for (; *one != NULL; one++)
		if (strlen(*one) == length && memcmp(*one, text, length) == 0)
			return true;
	return false;
}

/* What people write for a value that they do not have, but for signs: "#N/A", "<NA>" and "n.a." are NA. */
static bool means_missing(const char *text, const char *field_end)
{
	static const char *const texts[] = {"", "na", "null", "none", "nil", "missing"};
	char letters[8];
	size_t count = 0;

	for (; text < field_end; text++) {
		bool letter = (*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z');

		/* Digits, and the bytes of letters outside of ASCII, belong to names. */
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

static bool begins_like_number(const char *text, const char *line_end)
{
	const char *field_end;
	double value;

	if (read_number(text, line_end, &value, &field_end))
		return true;
	text = skip_blanks(text);
	text += *text == '"';
	text += *text == '+' || *text == '-';
	text += *text == '.';
	return *text >= '0' && *text <= '9';
}

static bool is_header(const sheaf_load_options *options, const char *text, const char *line_end)
{
	bool named = false;

	/* Control characters tell that this is no text at all. */
	for (const char *at = text; at < line_end; at++)
		if ((unsigned char)*at < ' ' && *at != '\t')
			return false;

	for (;;) {
		const char *field_end = find_field_end(text, line_end);

		if (!is_missing(options, text, field_end)) {
			if (begins_like_number(text, line_end))
				return false;
			named = named || !means_missing(text, field_end);
		}
		if (field_end == line_end)
			return named;
		text = field_end + 1;
	}
}

static int fail_field(const struct lines *lines, size_t column, const char *text, const char *line_end)
{
	const char *field_end = find_field_end(text, line_end);
	bool missing = means_missing(text, field_end);
	char shown[SHOWN_TEXT + 1];
	size_t length = 0;

	text = skip_blanks(text);
	if (text >= field_end)
		return sheaf_fail(-EBADMSG, "%s: line %zu, column %zu: the field is empty; a number is wanted",
				  lines->input->path, lines->number, column);
	/* Whatever the file holds, the message stays printable. */
	for (; text < field_end && length < SHOWN_TEXT; text++)
		shown[length++] = (unsigned char)*text < ' ' || *text == 0x7f ? '?' : *text;
	shown[length] = '\0';
	return sheaf_fail(-EBADMSG, "%s: line %zu, column %zu: \"%s\"%s is not a number%s", lines->input->path, lines->number,
			  column, shown, text < field_end ? "..." : "",
			  missing ? "; name it in options.missing to read it as NaN" : "");
}

/* ---- Rows ---- */

static int parse_row(const struct lines *lines, const sheaf_load_options *options, const char *text, const char *line_end,
		     double *row, size_t columns)
{
	for (size_t column = 1; column <= columns; column++) {
		const char *field_end = options->missing != NULL ? find_field_end(text, line_end) : NULL;

		if (field_end != NULL && is_missing(options, text, field_end))
			row[column - 1] = NAN;
		else if (!read_number(text, line_end, &row[column - 1], &field_end))
			return fail_field(lines, column, text, line_end);
		if (column == columns && field_end < line_end)
			return sheaf_fail(-EBADMSG, "%s: line %zu, column %zu: a field too many; the lines before have %zu",
					  lines->input->path, lines->number, columns + 1, columns);
		if (column < columns && field_end == line_end)
			return sheaf_fail(-EBADMSG, "%s: line %zu, column %zu: is missing; the lines before have %zu columns",
					  lines->input->path, lines->number, column + 1, columns);
		text = field_end + 1;
	}
	return 0;
}

static int set_capacity(struct table *table, size_t capacity)
{
	void *data;
	size_t row_size;
	int r;

	if (!checked_multiply(table->columns, sizeof(double), &row_size))
		return sheaf_fail(-EOVERFLOW, "a row of %zu columns does not fit in memory", table->columns);
	r = sheaf_alloc_array(table->pool, capacity, row_size, &data);
	if (r < 0)
		return r;
	if (table->rows > 0)
		memcpy(data, table->data, table->rows * row_size);
	sheaf_free(table->pool, table->data);
	table->data = data;
	table->capacity = capacity;
	return 0;
}

static int read_rows(struct table *table, struct lines *lines)
{
	size_t line_count = 1024; /* of a pipe: a guess */
	size_t length;
	char *text;
	int r;

	if (lines->input->regular) {
		r = sheaf_input_count_lines(lines->input, &line_count);
		if (r < 0)
			return r;
	}

	r = next_line(lines, &text, &length);
	if (r > 0) {
		table->columns = count_fields(text, text + length);
		if (table->options->header == SHEAF_HEADER_YES ||
		    (table->options->header == SHEAF_HEADER_AUTO && is_header(table->options, text, text + length)))
			r = next_line(lines, &text, &length);
	}
	for (; r > 0; r = next_line(lines, &text, &length)) {
		if (table->rows == table->capacity) {
			size_t rest = line_count > lines->number ? line_count - lines->number + 1 : 1;

			r = set_capacity(table, table->capacity > 0 ? table->capacity * 2 : rest);
			if (r < 0)
				return r;
		}
		r = parse_row(lines, table->options, text, text + length, &table->data[table->rows * table->columns],
			      table->columns);
		if (r < 0)
			return r;
		table->rows++;
	}
	return r;
}

int sheaf_csv_read(sheaf_array *array, sheaf_pool *pool, struct input *input, const sheaf_load_options *options)
{
	struct lines lines = {.input = input, .buffer = malloc(FIRST_BUFFER + 1), .size = FIRST_BUFFER};
	struct table table = {.options = options, .pool = pool};
	locale_t host_locale;
	/* The host's locale may want a decimal comma. */
	locale_t c_locale = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0);
	int r;

	if (lines.buffer == NULL || c_locale == (locale_t)0) {
		r = sheaf_fail(-ENOMEM, "%s: no memory for a buffer of %zu bytes", input->path, FIRST_BUFFER);
		goto free;
	}
	/* Spreadsheets begin UTF-8 text with this mark. */
	if (input->head_size >= 3 && memcmp(input->head, "\xef\xbb\xbf", 3) == 0)
		input->head_taken = 3;

	host_locale = uselocale(c_locale);
	r = read_rows(&table, &lines);
	uselocale(host_locale);
	if (r < 0)
		sheaf_free(pool, table.data);
	else
		*array = (sheaf_array){.data = table.data, .rows = table.rows, .columns = table.columns};
free:
	if (c_locale != (locale_t)0)
		freelocale(c_locale);
	free(lines.buffer);
	return r;
}
