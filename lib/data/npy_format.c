/*
 * npy_format.c - writes the parts of .npy files of version 1.0.
 *
 * As NumPy does, the header ends at a multiple of 64 bytes, and has room for a first length (in
 * Fortran order a last one) of up to 21 digits, so that rows can be appended in place.
 */
#include "data/npy_format.h"

#include "data/dtype.h"
#include "data/shape.h"
#include "os/replace.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEADER 1024 /* eight lengths of 20 digits leave room */
#define LONGEST_LENGTH 21
#define START 10 /* bytes before the dictionary: the magic, the version, the length */

size_t npy_dictionary(const sheaf_array *array, bool fortran, char *text)
{
	unsigned grows = fortran ? array->dimensions - 1 : 0;
	char descr[DTYPE_TEXT], digits[24];
	size_t used;
	int digit_count = 0;

	dtype_write(array->type, array->item_size, descr);
	used = (size_t)snprintf(text, HEADER, "{'descr': '%s', 'fortran_order': %s, 'shape': (", descr,
				fortran ? "True" : "False");
	for (unsigned d = 0; d < array->dimensions; d++) {
		used += (size_t)snprintf(text + used, HEADER - used, d ? ", %zu" : "%zu", array->shape[d]);
		if (d == grows)
			digit_count = snprintf(digits, sizeof(digits), "%zu", array->shape[d]);
	}
	used += (size_t)snprintf(text + used, HEADER - used, array->dimensions == 1 ? ",), }" : "), }");
	if (array->dimensions)
		used += (size_t)snprintf(text + used, HEADER - used, "%*s", LONGEST_LENGTH - digit_count, "");
	return used;
}

size_t npy_format(const sheaf_array *array, bool fortran, unsigned char *bytes)
{
	static const unsigned char magic[] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0};
	size_t used = npy_dictionary(array, fortran, (char *)bytes + START);
	size_t pad = 64 - (START + used + 1) % 64, length = used + pad + 1;

	memcpy(bytes, magic, sizeof(magic));
	bytes[8] = (unsigned char)(length & 0xff);
	bytes[9] = (unsigned char)(length >> 8);
	memset(bytes + START + used, ' ', pad);
	bytes[START + length - 1] = '\n';
	return START + length;
}

#define BUFFER ((size_t)64 * 1024)

/* Write items that do not lie one behind the other, by way of a buffer. */
static int write_scattered(int fd, const sheaf_array *array)
{
	size_t index[SHEAF_MAX_DIMENSIONS] = {0}, used = 0, count = sheaf_array_count(array);
	unsigned char *buffer = malloc(BUFFER + array->item_size);
	int r = buffer ? 0 : -ENOMEM;

	for (size_t i = 0; i < count && !r; i++) {
		memcpy(buffer + used, sheaf_array_at(array, index), array->item_size);
		used += array->item_size;
		if (used >= BUFFER || i + 1 == count) {
			r = os_replace_write(fd, buffer, used);
			used = 0;
		}
		for (unsigned d = array->dimensions; d-- > 0;) {
			if (++index[d] < array->shape[d])
				break;
			index[d] = 0;
		}
	}
	free(buffer);
	return r;
}

int npy_write_items(int fd, const sheaf_array *array, bool fortran)
{
	if (sheaf_array_is_contiguous(array) || fortran)
		return os_replace_write(fd, array->data, sheaf_array_count(array) * array->item_size);
	return write_scattered(fd, array);
}
