/*
 * shape.h - shapes and strides of arrays: numbers alone.
 */
#ifndef SHEAF_DATA_SHAPE_H
#define SHEAF_DATA_SHAPE_H

#include "sheaf_data.h"

/*
 * Fill in shape and strides of an array in C order, or in Fortran order, by its type and size of
 * items. @bytes: out: of all items. False: the array does not fit in memory, also without its
 * lengths of 0.
 */
bool shape_make(sheaf_array *array, unsigned dimensions, const size_t *shape, bool fortran, size_t *bytes);

/*
 * Check what a call gets as an array: -EINVAL with its message. @name: of the argument. Its strides
 * may lead anywhere.
 */
int shape_check(const char *call, const char *name, const sheaf_array *array);

/* Tell where the items of an array with some lie: from *@first on, in @bytes bytes. */
bool shape_extent(const sheaf_array *array, unsigned char **first, size_t *bytes);

/* Do the items lie one behind the other with the first index changing fastest? */
bool shape_is_fortran(const sheaf_array *array);

#endif
