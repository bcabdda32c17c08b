/*
 * npy_format.h - the parts of .npy files, as they are written.
 */
#ifndef SHEAF_DATA_NPY_FORMAT_H
#define SHEAF_DATA_NPY_FORMAT_H

#include "sheaf_data.h"

#define NPY_HEADER 1152 /* bytes that every header fits in */

/* Make everything before the items, NPY_HEADER bytes at most. Return how many there are. */
size_t npy_format(const sheaf_array *array, bool fortran, unsigned char *bytes);

/* Make its dictionary alone, with room for more rows and without an end. Return its length. */
size_t npy_dictionary(const sheaf_array *array, bool fortran, char *text);

/* Write the items in C order; @fortran: in Fortran order, in which they lie. 0; -ENOMEM; -errno. */
int npy_write_items(int fd, const sheaf_array *array, bool fortran);

#endif
