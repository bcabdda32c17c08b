/*
 * table_text.c - makes the text of rows: numbers by their shortest digits, texts in quotes where
 * they need them.
 */
#include "table/table_text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "table/shortest.h"
#include "table/tasks.h"

#define ROOM_FIRST ((size_t)64 * 1024)

/* Text that grows. */
struct writing {
	char *bytes;
	size_t used, room;
};

/* Make room for so many bytes more. NULL: no memory. */
static char *reserve_text(struct writing *writing, size_t size)
{
	if (size > writing->room - writing->used) {
		size_t room = writing->room * 2 + size + ROOM_FIRST;
		char *bytes = room > writing->room ? grow_array(writing->bytes, room) : NULL;

		if (!bytes)
			return NULL;
		writing->bytes = bytes;
		writing->room = room;
	}
	return writing->bytes + writing->used;
}

/* ---- Texts ---- */

/* Would the text be read as something else without quotes? */
static bool needs_quotes(const struct table_text *what, const char *text, size_t length)
{
	if (length == 0)
		return what->column_count == 1; /* or the line would be empty */
	if (*text == ' ' || *text == '\t')
		return true;
	for (size_t i = 0; i < length; i++)
		if (text[i] == what->separator || text[i] == '"' || text[i] == '\n' || text[i] == '\r')
			return true;
	return false;
}

static int write_field(const struct table_text *what, const char *text, size_t length, struct writing *writing)
{
	char *at = length < SIZE_MAX / 4 ? reserve_text(writing, 2 * length + 2) : NULL, *begin = at;

	if (!at)
		return -ENOMEM;
	if (!needs_quotes(what, text, length)) {
		memcpy(at, text, length);
		writing->used += length;
		return 0;
	}
	*at++ = '"';
	for (size_t i = 0; i < length; i++) {
		if (text[i] == '"')
			*at++ = '"';
		*at++ = text[i];
	}
	*at++ = '"';
	writing->used += (size_t)(at - begin);
	return 0;
}

/* Write a text of fixed width, without the zeros that fill it up. */
static int write_padded(const struct table_text *what, const sheaf_array *array, size_t i, struct writing *writing)
{
	const char *text = (const char *)array->data + (ptrdiff_t)i * array->strides[0];
	size_t length = array->item_size;

	while (length > 0 && text[length - 1] == '\0')
		length--;
	return write_field(what, text, length, writing);
}

/* ---- Values ---- */

static char *write_signed(char *at, int64_t value)
{
	return shortest_whole(at, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, value < 0);
}

/* Load a number of fewer bits. */
static int64_t load_small(const void *at, enum sheaf_number type)
{
	switch (type) {
	case SHEAF_I32:
		return *(const int32_t *)at;
	case SHEAF_U32:
		return *(const uint32_t *)at;
	case SHEAF_I16:
		return *(const int16_t *)at;
	case SHEAF_U16:
		return *(const uint16_t *)at;
	case SHEAF_I8:
		return *(const int8_t *)at;
	default:
		return *(const uint8_t *)at;
	}
}

/* A file may have any byte for true, and C has no bool that is neither 0 nor 1. */
static bool load_truth(const void *at)
{
	return *(const unsigned char *)at != 0;
}

/* Write a number or a bool. There is room for it. NULL: it is a NaN. */
static char *write_number(const struct table_text *what, const sheaf_array *values, const void *at, char *to)
{
	double value;

	switch (values->type) {
	case SHEAF_F64:
		value = *(const double *)at;
		return value != value ? NULL : shortest_double(to, value, what->point);
	case SHEAF_F32:
		value = (double)*(const float *)at;
		return value != value ? NULL : shortest_float(to, (float)value, what->point);
	case SHEAF_I64:
		return write_signed(to, *(const int64_t *)at);
	case SHEAF_U64:
		return shortest_whole(to, *(const uint64_t *)at, false);
	case SHEAF_BOOL:
		memcpy(to, load_truth(at) ? "true" : "false", 5);
		return to + (load_truth(at) ? 4 : 5);
	default:
		return write_signed(to, load_small(at, values->type));
	}
}

static int write_value(const struct table_text *what, const sheaf_column *column, size_t i, struct writing *writing)
{
	const void *at = (const char *)column->values.data + (ptrdiff_t)i * column->values.strides[0];
	char *begin, *end;

	if (column->missing.data && load_truth((const char *)column->missing.data + (ptrdiff_t)i * column->missing.strides[0]))
		return write_field(what, what->missing, what->missing_length, writing);
	if (column->texts.data) {
		int32_t code = *(const int32_t *)at;

		if (code < 0 || (size_t)code >= column->texts.shape[0])
			return write_field(what, what->missing, what->missing_length, writing);
		return write_padded(what, &column->texts, (size_t)code, writing);
	}
	if (column->values.type == SHEAF_BYTES)
		return write_padded(what, &column->values, i, writing);
	begin = reserve_text(writing, SHORTEST_ROOM);
	if (!begin)
		return -ENOMEM;
	end = write_number(what, &column->values, at, begin);
	if (!end)
		return write_field(what, what->missing, what->missing_length, writing);
	writing->used += (size_t)(end - begin);
	return 0;
}

/* End a field, the @number-th of its line. */
static int end_field(const struct table_text *what, size_t number, struct writing *writing)
{
	char *at = reserve_text(writing, 2);

	if (!at)
		return -ENOMEM;
	if (number + 1 < what->column_count) {
		*at = what->separator;
	} else {
		if (what->crlf)
			*at++ = '\r';
		*at = '\n';
		writing->used += what->crlf;
	}
	writing->used++;
	return 0;
}

/* ---- Lines ---- */

bool table_can_write(enum sheaf_number type)
{
	return type != SHEAF_EXACT && type != SHEAF_F16 && type != SHEAF_C64 && type != SHEAF_C128 && type != SHEAF_VOID;
}

size_t table_text_size(const sheaf_table *table, const sheaf_table_format *format)
{
	size_t size = sizeof(struct table_text) + table->column_count * sizeof(sheaf_column);

	for (size_t i = 0; i < table->column_count; i++)
		size += strlen(table->columns[i].name) + 1;
	return size + (format->missing ? strlen(format->missing) : 0) + 1;
}

struct table_text *table_text_make(void *memory, const sheaf_table *table, const sheaf_table_format *format)
{
	struct table_text *text = memory;
	const char *missing = format->missing ? format->missing : "";
	sheaf_column *columns = (sheaf_column *)(text + 1);
	char *names = (char *)(columns + table->column_count);

	for (size_t i = 0; i < table->column_count; i++) {
		size_t length = strlen(table->columns[i].name) + 1;

		columns[i] = table->columns[i];
		columns[i].name = memcpy(names, table->columns[i].name, length);
		names += length;
	}
	*text = (struct table_text){.rows = table->rows,
				    .column_count = table->column_count,
				    .columns = columns,
				    .missing = memcpy(names, missing, strlen(missing) + 1),
				    .missing_length = strlen(missing),
				    .separator = format->separator ? format->separator : ',',
				    .point = format->decimal ? format->decimal : '.',
				    .header = !format->no_header,
				    .crlf = format->crlf};
	return text;
}

char *table_text_header(const struct table_text *text, size_t *size)
{
	struct writing writing = {0};
	int r = 0;

	for (size_t i = 0; i < text->column_count && r == 0; i++) {
		r = write_field(text, text->columns[i].name, strlen(text->columns[i].name), &writing);
		if (r == 0)
			r = end_field(text, i, &writing);
	}
	if (r < 0) {
		free(writing.bytes);
		return NULL;
	}
	*size = writing.used;
	return writing.bytes;
}

void table_text_free(char *bytes)
{
	free(bytes);
}

int table_text_block(sheaf_task *task, const void *arg, void *result)
{
	const struct table_block *block = arg;
	const struct table_text *text = block->text;
	struct writing writing = {0};
	void *memory;
	int r = 0;

	(void)result;
	for (size_t row = block->begin; row < block->end && r == 0; row++)
		for (size_t i = 0; i < text->column_count && r == 0; i++) {
			r = write_value(text, &text->columns[i], row, &writing);
			if (r == 0)
				r = end_field(text, i, &writing);
		}
	if (r == 0)
		r = sheaf_task_result(task, writing.used, &memory);
	else
		sheaf_task_fail(task, r, "no memory for the text of rows");
	if (r == 0)
		memcpy(memory, writing.bytes, writing.used);
	free(writing.bytes);
	return r;
}

const struct own_function own_table_text[] = {
	OWN(table_text_block),
	OWN_END,
};
