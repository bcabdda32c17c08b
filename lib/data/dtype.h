/*
 * dtype.h - the types of items, and what NumPy calls them.
 */
#ifndef SHEAF_DATA_DTYPE_H
#define SHEAF_DATA_DTYPE_H

#include "sheaf_data.h"

#define DTYPE_TEXT 32 /* bytes of a dtype's text, with its end */

struct dtype {
	enum sheaf_number type;
	size_t item_size;
	bool swapped; /* numbers have the byte order that this machine has not */
};

/* Tell what an item of a type has. 0: its size is the array's own; SIZE_MAX: no array has it. */
size_t dtype_size(enum sheaf_number type);

/* Tell of how many bytes the numbers in an item are, whose order may be another one. */
size_t dtype_number_size(enum sheaf_number type, size_t item_size);

/* Read a dtype's text, such as "<f8". False: it is none of sheaf_number's. */
bool dtype_read(const char *text, struct dtype *dtype);

/* Write one, of this machine's byte order. */
void dtype_write(enum sheaf_number type, size_t item_size, char text[DTYPE_TEXT]);

/* Turn the bytes of @count numbers round. */
void dtype_swap(void *numbers, size_t count, size_t size);

#endif
