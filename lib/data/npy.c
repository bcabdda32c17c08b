/*
 * npy.c - tables of doubles from NumPy's .npy files, versions 1.0, 2.0 and 3.0.
 *
 * The file is "\x93NUMPY", two bytes of version, the header's length (2 bytes little-endian in 1.0,
 * else 4), the header (a Python dictionary literal with the keys descr, fortran_order and shape),
 * and then the values. Nothing is allocated before header and size of the file agree. A pipe has no
 * size, so its header and its values get memory as they come, whatever they promise.
 */
#include "data/table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/number.h"

#define LONGEST_HEADER ((size_t)1024 * 1024)
#define STEP ((size_t)64 * 1024) /* read at once, where the file may have less than it promises */
#define LONGEST_STRING 32

static const unsigned char magic[INPUT_HEAD] = {0x93, 'N', 'U', 'M', 'P', 'Y'};

struct header {
	const char *path;
	const char *at; /* what comes next for the parser */
	char dtype[LONGEST_STRING];
	bool structured; /* the dtype is a list of fields */
	bool fortran_order;
	bool too_large; /* a length of the shape does not fit */
	size_t dimensions;
	size_t shape[2]; /* the first two lengths */
};

bool sheaf_npy_recognize(const struct input *input)
{
	return input->head_size > 0 && memcmp(input->head, magic, input->head_size) == 0;
}

/* ---- The dictionary ---- */

static void skip_spaces(struct header *header)
{
	header->at += strspn(header->at, " \t\r\n");
}

static bool take_sign(struct header *header, char wanted)
{
	skip_spaces(header);
	if (*header->at != wanted)
		return false;
	header->at++;
	return true;
}

static bool take_word(struct header *header, const char *word)
{
	skip_spaces(header);
	if (strncmp(header->at, word, strlen(word)) != 0)
		return false;
	header->at += strlen(word);
	return true;
}

/* Take a string without escapes, in either kind of quotes, and cut it to the size of @text. */
static bool take_string(struct header *header, char text[LONGEST_STRING])
{
	char quote;
	const char *end;

	skip_spaces(header);
	quote = *header->at;
	if (quote != '\'' && quote != '"')
		return false;
	end = strchr(header->at + 1, quote);
	if (end == NULL)
		return false;
	snprintf(text, LONGEST_STRING, "%.*s", (int)(end - header->at - 1), header->at + 1);
	header->at = end + 1;
	return true;
}

/* Pass over the list of a structured dtype, whose fields do not matter here. */
static bool skip_list(struct header *header)
{
	size_t depth = 0;
	char text[LONGEST_STRING];

	do {
		skip_spaces(header);
		if (*header->at == '\'' || *header->at == '"') {
			if (!take_string(header, text))
				return false;
			continue;
		}
		if (*header->at == '\0')
			return false;
		depth += *header->at == '[' || *header->at == '(';
		depth -= *header->at == ']' || *header->at == ')';
		header->at++;
	} while (depth > 0);
	return true;
}

static bool take_dtype(struct header *header)
{
	skip_spaces(header);
	header->structured = *header->at == '[';
	return header->structured ? skip_list(header) : take_string(header, header->dtype);
}

static bool take_bool(struct header *header, bool *value)
{
	*value = take_word(header, "True");
	return *value || take_word(header, "False");
}

static bool take_length(struct header *header, size_t *length)
{
	skip_spaces(header);
	if (*header->at < '0' || *header->at > '9')
		return false;
	for (*length = 0; *header->at >= '0' && *header->at <= '9'; header->at++) {
		size_t digit = (size_t)(*header->at - '0');

		if (*length > (SIZE_MAX - digit) / 10)
			header->too_large = true;
		*length = *length * 10 + digit;
	}
	/* Python 2 ends some integers so. */
	take_sign(header, 'L');
	return true;
}

/* Take the shape: (), (n,) or (n, m, ...), with or without a last comma. */
static bool take_lengths(struct header *header)
{
	bool comma = true;

	if (!take_sign(header, '('))
		return false;
	while (!take_sign(header, ')')) {
		size_t length;

		if (!comma || !take_length(header, &length))
			return false;
		if (header->dimensions < 2)
			header->shape[header->dimensions] = length;
		header->dimensions++;
		comma = take_sign(header, ',');
	}
	/* Without a comma, (n) is no tuple. */
	return header->dimensions != 1 || comma;
}

static int parse_header(struct header *header)
{
	static const char *const keys[] = {"descr", "fortran_order", "shape"};
	bool found[3] = {false};
	bool comma = true;

	if (!take_sign(header, '{'))
		goto unreadable;
	while (!take_sign(header, '}')) {
		char key[LONGEST_STRING];
		size_t k = 0;
		const char *entry = header->at;
		bool taken = comma && take_string(header, key) && take_sign(header, ':');

		while (taken && k < 3 && strcmp(key, keys[k]) != 0)
			k++;
		if (!taken || k == 3 || found[k]) {
			header->at = entry;
			goto unreadable;
		}
		found[k] = true;
		if (k == 0)
			taken = take_dtype(header);
		else if (k == 1)
			taken = take_bool(header, &header->fortran_order);
		else
			taken = take_lengths(header);
		if (!taken)
			goto unreadable;
		comma = take_sign(header, ',');
	}
	skip_spaces(header);
	if (*header->at != '\0')
		goto unreadable;
	for (size_t k = 0; k < 3; k++)
		if (!found[k])
			return sheaf_fail(-EBADMSG, "%s: the .npy header lacks the key '%s'", header->path, keys[k]);
	return 0;
unreadable:
	skip_spaces(header);
	return sheaf_fail(-EBADMSG, "%s: unreadable .npy header at \"%.24s\"", header->path, header->at);
}

/* ---- The file ---- */

/*
 * Check that the shape's product fits, also without its zeros. With a zero, it must not tell of
 * more rows or columns than a table could have.
 */
static int check_shape(const struct header *header, size_t heap_size)
{
	size_t rows = header->shape[0];
	size_t columns = header->shape[1];
	size_t size;

	if (!checked_multiply(rows > 0 ? rows : 1, columns > 0 ? columns : 1, &size) ||
	    !checked_multiply(size, sizeof(double), &size) || size > PTRDIFF_MAX)
		return sheaf_fail(-EOVERFLOW, "%s: the shape (%zu, %zu) does not fit in memory", header->path, rows, columns);
	if ((rows == 0 || columns == 0) && size > heap_size)
		return sheaf_fail(
			-EOVERFLOW,
			"%s: the shape (%zu, %zu) tells of no values, and of more rows or columns than the pool's heap "
			"of %zu bytes could hold: the header is damaged, or heap_size is too small",
			header->path, rows, columns, heap_size);
	return 0;
}

static int check_npy_header(const struct header *header)
{
	const char *path = header->path;
	const uint16_t one = 1;

	if (header->structured)
		return sheaf_fail(-ENOTSUP,
				  "%s: the dtype is structured (a list of fields); wanted is '<f8': save one field as float64",
				  path);
	if (strchr(header->dtype, 'O') != NULL)
		return sheaf_fail(-ENOTSUP, "%s: dtype '%s' holds Python objects; wanted is '<f8': save numbers as float64",
				  path, header->dtype);
	if (strcmp(header->dtype, "<f8") != 0)
		return sheaf_fail(-ENOTSUP, "%s: dtype '%s'; wanted is '<f8': convert it with array.astype('<f8')", path,
				  header->dtype);
	if (*(const unsigned char *)&one != 1)
		return sheaf_fail(-ENOTSUP, "%s: dtype '<f8' is little-endian, and this machine is not", path);
	if (header->dimensions < 1 || header->dimensions > 2)
		return sheaf_fail(-ENOTSUP, "%s: the array has %zu dimensions; wanted are 1 or 2", path, header->dimensions);
	if (header->too_large)
		return sheaf_fail(-EOVERFLOW, "%s: the shape in the header does not fit in memory", path);
	/* A single row or column is the same in both orders. */
	if (header->fortran_order && header->dimensions == 2 && header->shape[0] > 1 && header->shape[1] > 1)
		return sheaf_fail(-ENOTSUP,
				  "%s: the array is in Fortran order (column by column); wanted is C order: save it with "
				  "numpy.ascontiguousarray(array)",
				  path);
	return 0;
}

static int fail_truncated(const struct input *input, const char *part, size_t missing, size_t size)
{
	return sheaf_fail(-EBADMSG, "%s: the .npy file is truncated: %zu of %zu bytes of its %s are missing", input->path,
			  missing, size, part);
}

/* Read @size bytes that the file must have. */
static int read_exactly(struct input *input, void *buffer, size_t size, const char *part)
{
	size_t count;
	int r = sheaf_input_read(input, buffer, size, &count);

	if (r < 0)
		return r;
	return count < size ? fail_truncated(input, part, size - count, size) : 0;
}

/* Read the header into memory that the caller frees, also after a failure, with room for a zero. */
static int read_header_text(struct input *input, char **bytes, size_t length)
{
	size_t room = 0;
	size_t held = 0;

	do {
		size_t count;
		char *larger;
		int r;

		room = room == 0 ? STEP : room * 2;
		if (room > length)
			room = length;
		larger = realloc(*bytes, room + 1);
		if (larger == NULL)
			return sheaf_fail(-ENOMEM, "%s: no memory for a header of %zu bytes", input->path, length);
		*bytes = larger;
		r = sheaf_input_read(input, *bytes + held, room - held, &count);
		if (r < 0)
			return r;
		held += count;
		if (held < room)
			return fail_truncated(input, "header", length - held, length);
	} while (held < length);
	return 0;
}

/* Read the header into a string that the caller frees. @values_at gets the offset of the values. */
static int read_header(struct input *input, char **text, uint64_t *values_at)
{
	unsigned char start[INPUT_HEAD + 2];
	unsigned char length_bytes[4] = {0};
	size_t length_size;
	size_t length = 0;
	char *bytes = NULL;
	int r;

	r = read_exactly(input, start, sizeof(start), "first bytes");
	if (r < 0)
		return r;
	if (start[6] < 1 || start[6] > 3 || start[7] != 0)
		return sheaf_fail(-ENOTSUP, "%s: .npy version %u.%u; wanted is 1.0, 2.0 or 3.0", input->path, start[6],
				  start[7]);

	length_size = start[6] == 1 ? 2 : 4;
	r = read_exactly(input, length_bytes, length_size, "header's length");
	if (r < 0)
		return r;
	for (size_t i = length_size; i-- > 0;)
		length = length << 8 | length_bytes[i];
	if (length > LONGEST_HEADER)
		return sheaf_fail(-EBADMSG, "%s: the .npy header claims %zu bytes; at most %zu are read", input->path, length,
				  LONGEST_HEADER);

	r = read_header_text(input, &bytes, length);
	if (r == 0 && memchr(bytes, '\0', length) != NULL)
		r = sheaf_fail(-EBADMSG, "%s: unreadable .npy header: it holds a zero byte", input->path);
	if (r < 0) {
		free(bytes);
		return r;
	}
	bytes[length] = '\0';
	*text = bytes;
	*values_at = sizeof(start) + length_size + length;
	return 0;
}

static int check_size(const struct input *input, uint64_t values_at, uint64_t size)
{
	uint64_t held;

	if (!input->regular)
		return 0;
	held = input->size > values_at ? input->size - values_at : 0;
	if (held < size)
		return sheaf_fail(-EBADMSG, "%s: the .npy file is truncated: %ju of %ju bytes of its values are missing",
				  input->path, (uintmax_t)(size - held), (uintmax_t)size);
	if (held > size)
		return sheaf_fail(-EBADMSG, "%s: the .npy file has %ju bytes more than the %ju of its shape", input->path,
				  (uintmax_t)(held - size), (uintmax_t)size);
	return 0;
}

/* Read the values. Those that the file has for sure get their memory at once. */
static int read_values(struct table *table, size_t size)
{
	struct input *input = table->input;
	size_t held = 0;

	while (held < size) {
		size_t wanted = size - held;
		size_t count;
		int r;

		if (!input->regular && wanted > STEP)
			wanted = STEP;
		if (held + wanted > table->size) {
			r = sheaf_table_grow(table, held + wanted);
			if (r < 0)
				return r;
		}
		r = sheaf_input_read(input, table->memory + held, wanted, &count);
		if (r < 0)
			return r;
		held += count;
		if (count < wanted)
			return fail_truncated(input, "values", size - held, size);
	}
	return 0;
}

int sheaf_npy_read(sheaf_array *array, struct input *input)
{
	struct header header = {.path = input->path, .shape = {1, 1}};
	struct table table = {.input = input};
	sheaf_pool_info info;
	uint64_t values_at = 0;
	size_t size;
	char *text = NULL;
	int r;

	r = sheaf_pool_get_info(input->pool, &info);
	if (r == 0)
		r = read_header(input, &text, &values_at);
	if (r < 0)
		return r;
	header.at = text;
	r = parse_header(&header);
	free(text);
	if (r == 0)
		r = check_npy_header(&header);
	if (r == 0)
		r = check_shape(&header, info.heap_size);
	if (r < 0)
		return r;

	size = header.shape[0] * header.shape[1] * sizeof(double);
	r = check_size(input, values_at, size);
	if (r == 0)
		r = read_values(&table, size);
	sheaf_table_trim(&table, r < 0 ? 0 : size);
	if (r == 0)
		*array = (sheaf_array){.data = (void *)table.memory, .rows = header.shape[0], .columns = header.shape[1]};
	return r;
}
