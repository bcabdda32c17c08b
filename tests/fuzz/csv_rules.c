/*
 * csv_rules.c - a plain reader of CSV, one character after the other, and the comparison with it.
 */
#include "csv_rules.h"

#include "sheaf_table.h"
#include "support/check.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PIPE_HOLDS 60000u
#define MOST_COLUMNS 4096u

static sheaf_pool *pool;
static char path[4096];

/* ---- The plain reader ---- */

struct text {
	char *bytes;
	size_t size;
};

/* Fields, row by row. */
struct plain {
	struct text *fields;
	size_t count, columns, rows;
	bool fault;
};

struct reading {
	const char *at, *end;
	char separator;
	bool quotes, comments;
};

static bool is_blank(const struct reading *reading, const char *at)
{
	return at < reading->end && (*at == ' ' || *at == '\t') && *at != reading->separator;
}

/* The characters of a line end at @at: 0 if there is none. The end of the bytes is one. */
static size_t line_end(const struct reading *reading, const char *at)
{
	if (at >= reading->end)
		return 1;
	if (*at == '\n')
		return 1;
	if (*at == '\r' && at + 1 == reading->end)
		return 1;
	return *at == '\r' && at[1] == '\n' ? 2 : 0;
}

/* Pass over lines without a row. False: there are no more rows. */
static bool find_line(struct reading *reading)
{
	while (reading->at < reading->end) {
		const char *at = reading->at;

		if (reading->comments && *at == '#') {
			while (at < reading->end && *at != '\n')
				at++;
			reading->at = at + 1;
			continue;
		}
		while (is_blank(reading, at))
			at++;
		if (!line_end(reading, at))
			return true;
		reading->at = at + line_end(reading, at);
	}
	return false;
}

static void add_field(struct plain *plain, const char *bytes, size_t size)
{
	if ((plain->count & (plain->count - 1)) == 0) {
		plain->fields = realloc(plain->fields, sizeof(*plain->fields) * (plain->count ? 2 * plain->count : 1));
		CHECK(plain->fields, "no memory");
	}
	plain->fields[plain->count].bytes = malloc(size + 1);
	CHECK(plain->fields[plain->count].bytes, "no memory");
	memcpy(plain->fields[plain->count].bytes, bytes, size);
	plain->fields[plain->count].bytes[size] = '\0';
	plain->fields[plain->count++].size = size;
}

/* Read a field. False: there is something wrong with it. */
static bool read_quoted(struct reading *reading, struct plain *plain)
{
	char *text = malloc((size_t)(reading->end - reading->at) + 1);
	size_t size = 0;
	const char *at = reading->at + 1;
	bool fine;

	CHECK(text, "no memory");
	for (; at < reading->end && (*at != '"' || (at + 1 < reading->end && at[1] == '"')); at++) {
		text[size++] = *at;
		at += *at == '"';
	}
	fine = at < reading->end;
	at += fine;
	while (is_blank(reading, at))
		at++;
	fine = fine && (line_end(reading, at) || *at == reading->separator);
	if (fine)
		add_field(plain, text, size);
	free(text);
	reading->at = at;
	return fine;
}

static bool read_field(struct reading *reading, struct plain *plain)
{
	const char *at = reading->at, *begin = at;

	while (is_blank(reading, at))
		at++;
	if (reading->quotes && at < reading->end && *at == '"') {
		reading->at = at;
		return read_quoted(reading, plain);
	}
	while (at < reading->end && *at != reading->separator && !line_end(reading, at)) {
		if (*at == '"' && reading->quotes)
			return false;
		at++;
	}
	add_field(plain, begin, (size_t)(at - begin));
	reading->at = at;
	return true;
}

/* Read a row. False: a field is wrong. */
static bool read_line(struct reading *reading, struct plain *plain)
{
	for (;;) {
		if (!read_field(reading, plain))
			return false;
		if (reading->at >= reading->end || *reading->at != reading->separator)
			break;
		reading->at++;
	}
	reading->at += line_end(reading, reading->at);
	return true;
}

static void read_plainly(unsigned bits, const char *bytes, size_t size, struct plain *plain)
{
	struct reading reading = {.at = bytes,
				  .end = bytes + size,
				  .separator = bits & CSV_SEMICOLON ? ';'
					       : bits & CSV_TABS    ? '\t'
								    : ',',
				  .quotes = !(bits & CSV_PLAIN),
				  .comments = bits & CSV_COMMENTS};

	*plain = (struct plain){0};
	if (size >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0)
		reading.at += 3;
	while (!plain->fault && find_line(&reading)) {
		size_t before = plain->count;

		plain->fault = !read_line(&reading, plain);
		if (plain->rows++ == 0)
			plain->columns = plain->count;
		else
			plain->fault |= plain->count - before != plain->columns;
	}
	plain->fault |= plain->rows == 0;
}

static void free_plain(struct plain *plain)
{
	for (size_t i = 0; i < plain->count; i++)
		free(plain->fields[i].bytes);
	free(plain->fields);
}

/* ---- Comparing ---- */

static void check_text(const char *bytes, size_t width, const struct text *wanted)
{
	size_t size = wanted->size;

	/* Zeros behind a text are left out. */
	while (size > 0 && !wanted->bytes[size - 1])
		size--;
	CHECK(size <= width && memcmp(bytes, wanted->bytes, size) == 0, "text \"%s\" is wrong", wanted->bytes);
	for (size_t i = size; i < width; i++)
		CHECK(bytes[i] == 0, "a byte behind \"%s\"", wanted->bytes);
}

/* The number that a text without the blanks around it is for libc. */
static double number_of(const struct text *text, char point)
{
	char *copy = malloc(text->size + 1), *end;
	double value;

	CHECK(copy, "no memory");
	memcpy(copy, text->bytes, text->size + 1);
	for (char *at = copy; *at; at++)
		if (*at == point)
			*at = '.';
	value = strtod(copy, &end);
	while (*end == ' ' || *end == '\t')
		end++;
	CHECK(end == copy + text->size, "\"%s\" was read as a number", text->bytes);
	free(copy);
	return value;
}

static void check_value(const sheaf_column *column, size_t row, const struct text *wanted, char point)
{
	const char *at = (const char *)column->values.data + row * column->values.item_size;
	double value;
	int32_t code;

	switch (column->values.type) {
	case SHEAF_BYTES:
		check_text(at, column->values.item_size, wanted);
		break;
	case SHEAF_I32:
		memcpy(&code, at, sizeof(code));
		CHECK(code >= 0 && (size_t)code < column->texts.shape[0], "code %d", (int)code);
		check_text((const char *)column->texts.data + (size_t)code * column->texts.item_size, column->texts.item_size,
			   wanted);
		break;
	case SHEAF_I64:
		CHECK(*(const int64_t *)(const void *)at == strtoll(wanted->bytes, NULL, 10), "\"%s\" is wrong", wanted->bytes);
		break;
	default:
		memcpy(&value, at, sizeof(value));
		CHECK(value == number_of(wanted, point) || isnan(value), "\"%s\" is %.17g", wanted->bytes, value);
	}
}

static void check_table(const sheaf_table *table, const struct plain *plain, unsigned bits)
{
	size_t first = bits & CSV_HEADER ? 1 : 0;

	CHECK(!plain->fault, "bytes with a fault were read");
	CHECK(table->column_count == plain->columns && table->rows == plain->rows - first, "%zu x %zu instead of %zu x %zu",
	      table->rows, table->column_count, plain->rows - first, plain->columns);
	for (size_t row = 0; row < table->rows; row++)
		for (size_t i = 0; i < table->column_count; i++)
			check_value(&table->columns[i], row, &plain->fields[(row + first) * plain->columns + i],
				    bits & CSV_SEMICOLON ? ',' : '.');
}

static void check_array(const sheaf_array *a, const sheaf_array *b)
{
	CHECK(a->type == b->type && a->item_size == b->item_size && !a->data == !b->data && a->shape[0] == b->shape[0],
	      "a file and a pipe gave other arrays");
	CHECK(!a->data || memcmp(a->data, b->data, a->item_size * a->shape[0]) == 0, "a file and a pipe gave other values");
}

static void check_same(const sheaf_table *a, const sheaf_table *b)
{
	CHECK(a->rows == b->rows && a->column_count == b->column_count, "a file and a pipe gave other tables");
	for (size_t i = 0; i < a->column_count; i++) {
		CHECK(strcmp(a->columns[i].name, b->columns[i].name) == 0, "a file and a pipe gave other names");
		check_array(&a->columns[i].values, &b->columns[i].values);
		check_array(&a->columns[i].texts, &b->columns[i].texts);
	}
}

/* ---- Loading ---- */

void csv_rules_begin(void)
{
	const char *folder = getenv("TMPDIR");
	int fd;

	snprintf(path, sizeof(path), "%s/sheaf-fuzz-csv-XXXXXX", folder ? folder : "/tmp");
	fd = mkstemp(path);
	CHECK(fd >= 0, "%s: %s", path, strerror(errno));
	close(fd);
	CHECK(sheaf_pool_create(&pool, &(sheaf_pool_options){.heap_size = (size_t)1 << 30,
							     .backend = SHEAF_INLINE,
							     .flags = SHEAF_ANONYMOUS}) == 0,
	      "no pool");
}

void csv_rules_end(void)
{
	sheaf_pool_destroy(pool);
	unlink(path);
}

/* Name a pipe that holds all of it. Return the end to be closed. */
static int make_pipe(const char *bytes, size_t size, char *name, size_t room)
{
	int ends[2];

	CHECK(pipe(ends) == 0 && write(ends[1], bytes, size) == (ssize_t)size, "a pipe of %zu bytes", size);
	close(ends[1]);
	snprintf(name, room, "/proc/self/fd/%d", ends[0]);
	return ends[0];
}

static int load_piped(sheaf_table *table, const char *bytes, size_t size, const sheaf_table_options *options)
{
	char name[64];
	int end = make_pipe(bytes, size, name, sizeof(name)), r = sheaf_table_load(table, pool, name, options);

	close(end);
	return r;
}

/* Find what a message says of a file besides its name. */
static const char *behind_name(const char *message)
{
	const char *colon = strstr(message, ": ");

	return colon ? colon : message;
}

/* Load as an array: workers read a file, and the caller alone a pipe. */
static void check_as_array(unsigned bits, const char *bytes, size_t size)
{
	static const char *const missing[] = {"", "NA", "1", NULL};
	const sheaf_load_options options = {.header = bits & CSV_HEADER ? SHEAF_HEADER_AUTO : SHEAF_HEADER_NO,
					    .missing = bits & CSV_TABS    ? missing
						       : bits & CSV_PLAIN ? missing + 2
									  : NULL};
	sheaf_array array = {0}, piped = {0};
	char name[64], message[500];
	int end = make_pipe(bytes, size, name, sizeof(name)), r = sheaf_array_load(&piped, pool, name, &options), by_file;

	close(end);
	CHECK(r == 0 || r == -EBADMSG, "%d: %s", r, sheaf_message());
	snprintf(message, sizeof(message), "%s", r ? behind_name(sheaf_message()) : "");
	by_file = sheaf_array_load(&array, pool, path, &options);
	CHECK(by_file == r, "a pipe gave %d and a file %d: %s", r, by_file, r ? message : sheaf_message());
	CHECK(!r || strcmp(message, behind_name(sheaf_message())) == 0, "a pipe: %s, a file: %s", message, sheaf_message());
	CHECK(array.shape[0] == piped.shape[0] && array.shape[1] == piped.shape[1], "a file and a pipe gave other shapes");
	if (array.shape[0] && array.shape[1])
		CHECK(memcmp(array.data, piped.data, array.shape[0] * array.shape[1] * sizeof(double)) == 0,
		      "a file and a pipe gave other numbers");
	CHECK(sheaf_array_free(&array, pool) == 0 && sheaf_array_free(&piped, pool) == 0, "%s", sheaf_message());
}

static bool load_both(unsigned bits, const char *bytes, size_t size, const struct plain *plain,
		      const sheaf_table_options *options)
{
	sheaf_table table = {0}, piped = {0};
	int r = sheaf_table_load(&table, pool, path, options);

	CHECK(r == 0 || r == -EBADMSG, "%d: %s", r, sheaf_message());
	if (options->columns)
		CHECK((r < 0) == plain->fault, "%d: %s", r, sheaf_message());
	if (r == 0)
		check_table(&table, plain, bits);
	if (size <= PIPE_HOLDS) {
		CHECK(load_piped(&piped, bytes, size, options) == r, "a file gave %d and a pipe not: %s", r, sheaf_message());
		if (r == 0)
			check_same(&table, &piped);
	}
	CHECK(sheaf_table_free(&table, pool) == 0 && sheaf_table_free(&piped, pool) == 0, "%s", sheaf_message());
	return r == 0;
}

bool csv_rules_check(unsigned bits, const char *bytes, size_t size)
{
	static sheaf_column_option columns[MOST_COLUMNS];
	sheaf_table_options options = {.separator = bits & CSV_SEMICOLON ? ';'
						    : bits & CSV_TABS    ? '\t'
									 : ',',
				       .decimal = bits & CSV_SEMICOLON ? ',' : '.',
				       .comment = bits & CSV_COMMENTS ? '#' : '\0',
				       .plain = bits & CSV_PLAIN,
				       .header = bits & CSV_HEADER ? SHEAF_HEADER_YES : SHEAF_HEADER_NO};
	struct plain plain;
	FILE *file = fopen(path, "wb");
	bool loaded;

	CHECK(file && fwrite(bytes, 1, size, file) == size && fclose(file) == 0, "%s: %s", path, strerror(errno));
	read_plainly(bits, bytes, size, &plain);
	options.code = true;
	options.widen = true;
	loaded = load_both(bits, bytes, size, &plain, &options);
	if (!loaded && strstr(sheaf_message(), ": is no CSV, but ")) {
		free_plain(&plain);
		return false;
	}
	if (plain.rows > 0 && plain.columns > 0 && plain.columns <= MOST_COLUMNS && !plain.fault) {
		for (size_t i = 0; i < plain.columns; i++)
			columns[i] = (sheaf_column_option){.number = i + 1, .as = SHEAF_TYPED, .type = SHEAF_BYTES};
		options.columns = columns;
		options.column_count = plain.columns;
		loaded |= load_both(bits, bytes, size, &plain, &options);
	}
	/* The reader of arrays knows archives, also empty ones. */
	if (size <= PIPE_HOLDS && (size < 2 || memcmp(bytes, "PK", 2) != 0))
		check_as_array(bits, bytes, size);
	free_plain(&plain);
	return loaded;
}
