/*
 * fields.c - cuts fields out of a buffer, which is filled as far as the next comma or line end.
 */
#include "table/fields.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define LONGEST_FIELD ((size_t)1024 * 1024)

int sheaf_fields_begin(struct fields *fields, struct input *input)
{
	*fields = (struct fields){.input = input, .buffer = calloc(1, FIELDS_BUFFER + FIELDS_PAD), .size = FIELDS_BUFFER};
	if (fields->buffer == NULL)
		return sheaf_fail(-ENOMEM, "%s: no memory for a buffer of %zu bytes", input->path, FIELDS_BUFFER);
	return 0;
}

void sheaf_fields_end(struct fields *fields)
{
	free(fields->buffer);
}

static int enlarge_buffer(struct fields *fields)
{
	char *buffer;

	if (fields->size >= LONGEST_FIELD)
		return sheaf_fail(-EBADMSG,
				  "%s: line %zu, column %zu: the field has more than %zu bytes; is a quote not closed?",
				  fields->input->path, fields->more ? fields->line : fields->line + 1,
				  fields->more ? fields->column + 1 : 1, LONGEST_FIELD);
	buffer = realloc(fields->buffer, fields->size * 2 + FIELDS_PAD);
	if (buffer == NULL)
		return sheaf_fail(-ENOMEM, "%s: no memory for a buffer of %zu bytes", fields->input->path, fields->size * 2);
	/* What may be read behind a field is something. */
	memset(buffer + fields->size + FIELDS_PAD, 0, fields->size);
	fields->buffer = buffer;
	fields->size *= 2;
	return 0;
}

/* Read more of the input into the buffer. 1; 0: the input has ended; -errno. */
static int fill_buffer(struct fields *fields)
{
	size_t count;
	int r;

	memmove(fields->buffer, fields->buffer + fields->begin, fields->end - fields->begin);
	fields->end -= fields->begin;
	fields->begin = 0;
	if (fields->end == fields->size) {
		r = enlarge_buffer(fields);
		if (r < 0)
			return r;
	}
	r = sheaf_input_read_some(fields->input, fields->buffer + fields->end, fields->size - fields->end, &count);
	if (r < 0)
		return r;
	fields->end += count;
	return count > 0;
}

/* Find the length of the field at the buffer's beginning. 1; 0: it ends with the input; -errno. */
static int find_end(struct fields *fields, size_t *length)
{
	size_t at = 0;
	bool quoted = false;

	for (;;) {
		const char *start = fields->buffer + fields->begin;
		size_t held = fields->end - fields->begin;
		int r;

		for (; at < held; at++) {
			if (start[at] == '\n' || (start[at] == ',' && !quoted)) {
				*length = at;
				return 1;
			}
			if (start[at] == '"')
				quoted = !quoted;
		}
		r = fill_buffer(fields);
		if (r <= 0) {
			*length = held;
			return r;
		}
	}
}

int sheaf_fields_next(struct fields *fields, const char **text, size_t *length)
{
	for (;;) {
		bool first = !fields->more;
		size_t size;
		char *start;
		int r = find_end(fields, &size);

		if (r < 0 || (r == 0 && first && size == 0))
			return r;
		start = fields->buffer + fields->begin;
		fields->begin += size + (r > 0);
		fields->more = r > 0 && start[size] == ',';
		fields->line += first;
		fields->column = first ? 1 : fields->column + 1;
		if (!fields->more && size > 0 && start[size - 1] == '\r')
			size--;
		start[size] = '\0';
		if (first && !fields->more && strspn(start, " \t") == size)
			continue;
		*text = start;
		*length = size;
		return 1;
	}
}

uint64_t sheaf_fields_at(const struct fields *fields)
{
	const struct input *input = fields->input;

	return input->received - (input->head_size - input->head_taken) - (fields->end - fields->begin);
}
