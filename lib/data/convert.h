/*
 * convert.h - turns items of one type into another, block by block.
 */
#ifndef SHEAF_DATA_CONVERT_H
#define SHEAF_DATA_CONVERT_H

#include "sheaf_data.h"

#include <stdint.h>

#define CONVERT_BLOCK 256

/* Can items of one type become those of another? */
bool convert_possible(const sheaf_array *to, const sheaf_array *from);

/*
 * Convert up to CONVERT_BLOCK items, each so many bytes behind the one before. Return how many were
 * converted before the first that the type cannot hold.
 */
size_t convert_block(const sheaf_array *to, unsigned char *out, ptrdiff_t out_stride, const sheaf_array *from,
		     const unsigned char *in, ptrdiff_t in_stride, size_t n, enum sheaf_range range);

/* Write an item as text, for messages. */
void convert_show(const sheaf_array *array, const void *item, char *text, size_t size);

/*
 * IEEE 754 binary16. A double becomes the nearest one, ties to even; an infinity if it is too
 * large.
 */
double half_to_double(uint16_t half);
uint16_t half_from_double(double value);

#endif
