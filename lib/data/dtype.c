/*
 * dtype.c - the types of items, and what NumPy calls them: a sign of the byte order, a letter, and
 * the bytes of an item.
 */
#include "data/dtype.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

static const struct {
	char letter;
	unsigned char size; /* 0: any */
} kinds[] = {
	[SHEAF_F64] = {'f', 8}, [SHEAF_F32] = {'f', 4},   [SHEAF_I64] = {'i', 8},   [SHEAF_U64] = {'u', 8},
	[SHEAF_I32] = {'i', 4}, [SHEAF_U32] = {'u', 4},   [SHEAF_I16] = {'i', 2},   [SHEAF_U16] = {'u', 2},
	[SHEAF_I8] = {'i', 1},  [SHEAF_U8] = {'u', 1},    [SHEAF_F16] = {'f', 2},   [SHEAF_BOOL] = {'b', 1},
	[SHEAF_C64] = {'c', 8}, [SHEAF_C128] = {'c', 16}, [SHEAF_BYTES] = {'S', 0}, [SHEAF_VOID] = {'V', 0},
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

size_t dtype_size(enum sheaf_number type)
{
	return (unsigned)type < KINDS && kinds[type].letter ? kinds[type].size : SIZE_MAX;
}

size_t dtype_number_size(enum sheaf_number type, size_t item_size)
{
	if (type == SHEAF_BYTES || type == SHEAF_VOID)
		return 1;
	return type == SHEAF_C64 || type == SHEAF_C128 ? item_size / 2 : item_size;
}

static bool is_little(void)
{
	const uint16_t one = 1;

	return *(const unsigned char *)&one == 1;
}

/* Read the bytes of an item behind the letter. False: there is no number, or it is too large. */
static bool read_size(const char *text, size_t *size)
{
	*size = 0;
	if (!*text)
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9' || *size > (SIZE_MAX - 9) / 10)
			return false;
		*size = *size * 10 + (size_t)(*text - '0');
	}
	return true;
}

bool dtype_read(const char *text, struct dtype *dtype)
{
	char order = '|';
	size_t size;

	if (*text && strchr("<>|=", *text))
		order = *text++;
	/* NumPy writes "a" for "S" in old files. */
	if (!*text || !read_size(text + 1, &size))
		return false;
	for (size_t i = 0; i < KINDS; i++) {
		if (!kinds[i].letter || (*text == 'a' ? 'S' : *text) != kinds[i].letter ||
		    (kinds[i].size && kinds[i].size != size))
			continue;
		*dtype = (struct dtype){.type = (enum sheaf_number)i, .item_size = size};
		dtype->swapped = dtype_number_size(dtype->type, size) > 1 && (order == '<' || order == '>') &&
				 (order == '<') != is_little();
		/* Only what has one byte, or none to turn round, goes without a sign. */
		return order != '|' || dtype_number_size(dtype->type, size) == 1;
	}
	return false;
}

void dtype_write(enum sheaf_number type, size_t item_size, char text[DTYPE_TEXT])
{
	const char *order = dtype_number_size(type, item_size) == 1 ? "|" : is_little() ? "<" : ">";

	snprintf(text, DTYPE_TEXT, "%s%c%zu", order, kinds[type].letter, item_size);
}

void dtype_swap(void *numbers, size_t count, size_t size)
{
	unsigned char *at = numbers;

	for (size_t i = 0; i < count; i++, at += size)
		for (size_t a = 0, b = size - 1; a < b; a++, b--) {
			unsigned char byte = at[a];

			at[a] = at[b];
			at[b] = byte;
		}
}
