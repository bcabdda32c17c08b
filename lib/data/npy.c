/*
 * npy.c - reads arrays from NumPy's .npy files, versions 1.0, 2.0 and 3.0.
 *
 * The file is "\x93NUMPY", two bytes of version, the header's length (2 bytes little-endian in 1.0,
 * else 4), the header (npy_header.c), and then the items. Nothing is allocated before header and
 * size of the file agree. A pipe has no size, so its header and its items get memory as they come,
 * whatever they promise.
 */
#include "data/npy.h"
#include "data/npy_header.h"
#include "data/shape.h"
#include "data/table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/little.h"
#include "base/number.h"
#include "pool/holds.h"
#include "pool/pool.h"

#define LONGEST_HEADER ((size_t)1024 * 1024)
#define STEP ((size_t)64 * 1024) /* read at once, where the file may have less than it promises */

static const unsigned char magic[INPUT_HEAD] = {0x93, 'N', 'U', 'M', 'P', 'Y'};

bool sheaf_npy_recognize(const struct input *input)
{
	return input->head_size > 0 && memcmp(input->head, magic, input->head_size) == 0;
}

/* ---- The file ---- */

/* Write a shape as Python does: (), (3,) or (3, 4). */
static void write_shape(const struct npy_header *header, char *text, size_t size)
{
	size_t used = 0;

	used += (size_t)snprintf(text, size, "(");
	for (unsigned d = 0; d < header->dimensions && used < size; d++)
		used += (size_t)snprintf(text + used, size - used, d ? ", %zu" : "%zu", header->shape[d]);
	if (used < size)
		snprintf(text + used, size - used, header->dimensions == 1 ? ",)" : ")");
}

/*
 * Fill in the array's shape. It has to fit, also without its zeros. With a zero, it must not tell
 * of more items along a dimension than an array could have.
 */
static int describe_shape(const struct npy_header *header, sheaf_array *array, size_t heap_size, size_t *bytes)
{
	size_t all = header->dtype.item_size ? header->dtype.item_size : 1;
	char shape[SHEAF_MAX_DIMENSIONS * 24];
	bool fits;

	write_shape(header, shape, sizeof(shape));
	*array = (sheaf_array){.type = header->dtype.type, .item_size = header->dtype.item_size};
	fits = shape_make(array, header->dimensions, header->shape, header->fortran_order, bytes);
	for (unsigned d = 0; fits && d < header->dimensions; d++)
		fits = checked_multiply(all, header->shape[d] ? header->shape[d] : 1, &all);
	if (!fits)
		return sheaf_fail(-EOVERFLOW, "%s: the shape %s does not fit in memory", header->path, shape);
	if (*bytes == 0 && all > heap_size)
		return sheaf_fail(-EOVERFLOW,
				  "%s: the shape %s tells of no values, and of more items than the pool's heap of %zu bytes "
				  "could hold: the header is damaged, or heap_size is too small",
				  header->path, shape, heap_size);
	return 0;
}

static int check_npy_header(const struct npy_header *header)
{
	const char *path = header->path;

	if (strchr(header->text, 'O') != NULL)
		return sheaf_fail(-ENOTSUP,
				  "%s: dtype '%s' holds Python objects, which only Python can read: save numbers, or text of "
				  "a fixed width",
				  path, header->text);
	if (!header->known)
		return sheaf_fail(-ENOTSUP,
				  "%s: dtype '%s', which arrays have not: convert it, as with array.astype('<f8') or, of text, "
				  "numpy.char.encode(array)",
				  path, header->text);
	if (header->too_large)
		return sheaf_fail(-EOVERFLOW, "%s: the shape in the header does not fit in memory", path);
	if (header->dimensions > SHEAF_MAX_DIMENSIONS)
		return sheaf_fail(-ENOTSUP, "%s: the array has %u dimensions, at most %u are read", path, header->dimensions,
				  SHEAF_MAX_DIMENSIONS);
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

/*
 * Read the header into a string that the caller frees. @values_at gets the offset of the values,
 * @latin whether the string is Latin-1.
 */
static int read_header(struct input *input, char **text, uint64_t *values_at, bool *latin)
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
	length = (size_t)little_load(length_bytes, (unsigned)length_size);
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
	*latin = start[6] < 3;
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

/* Read and check the header. @values_at gets the offset of the items. */
static int load_header(struct input *input, struct npy_header *header, uint64_t *values_at)
{
	char *text = NULL;
	int r = read_header(input, &text, values_at, &header->latin);

	if (r < 0)
		return r;
	header->at = text;
	r = npy_header_read(header);
	free(text);
	return r < 0 ? r : check_npy_header(header);
}

int sheaf_npy_describe(struct input *input, const sheaf_load_options *options, struct npy_file *file)
{
	struct npy_header header = {.path = input->path,
				    .fields = {.fields = options->fields, .room = options->fields ? options->field_room : 0}};
	int r;

	*file = (struct npy_file){.size = 0};
	r = pool_check(input->pool, "sheaf_array_load");
	if (r == 0)
		r = load_header(input, &header, &file->values_at);
	if (r == 0)
		r = describe_shape(&header, &file->array, pool_heap_size(input->pool), &file->size);
	if (r == 0)
		r = check_size(input, file->values_at, file->size);
	file->swapped = header.dtype.swapped;
	file->field_count = header.fields.count;
	return r;
}

int sheaf_npy_read(sheaf_array *array, struct input *input, const sheaf_load_options *options)
{
	struct table table = {.input = input};
	struct npy_file file;
	size_t number;
	int r;

	r = sheaf_npy_describe(input, options, &file);
	if (r < 0)
		return r;
	r = read_values(&table, file.size);
	sheaf_table_trim(&table, r < 0 ? 0 : file.size);
	if (r < 0)
		return r;
	file.array.data = file.array.memory = table.memory;
	number = dtype_number_size(file.array.type, file.array.item_size);
	if (file.swapped)
		dtype_swap(file.array.data, file.size / number, number);
	if (options->field_count)
		*options->field_count = file.field_count;
	*array = file.array;
	return 0;
}
