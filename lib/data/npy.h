/*
 * npy.h - what an .npy file says that it has, and its items.
 */
#ifndef SHEAF_DATA_NPY_H
#define SHEAF_DATA_NPY_H

#include "data/input.h"

/* Tell whether the file's first bytes are those of an .npy file, as far as it has them. */
bool sheaf_npy_recognize(const struct input *input);

struct npy_file {
	sheaf_array array;  /* without data */
	uint64_t values_at; /* bytes in front of the items */
	size_t size;        /* bytes of all items */
	bool swapped;       /* numbers have the other byte order */
	size_t field_count;
};

/*
 * Read the header, and check it against the size of the file. 0, or an error of sheaf_array_load().
 */
int sheaf_npy_describe(struct input *input, const sheaf_load_options *options, struct npy_file *file);

/* Read an .npy file. @array is filled only on success. Errors as sheaf_array_load(). */
int sheaf_npy_read(sheaf_array *array, struct input *input, const sheaf_load_options *options);

#endif
