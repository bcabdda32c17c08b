/*
 * values.h - reads numbers of any type as one of three: doubles, whole numbers with or without a
 * sign.
 */
#ifndef SHEAF_GROUP_VALUES_H
#define SHEAF_GROUP_VALUES_H

#include "sheaf_data.h"

#define VALUES_BLOCK 512u /* that are read at once */

enum value_kind { VALUE_REAL = 0, VALUE_SIGNED = 1, VALUE_UNSIGNED = 2 };

union value {
	double real;
	int64_t with_sign;
	uint64_t whole;
};

/* Is it a number, and not a complex one? */
bool values_possible(enum sheaf_number type);

enum value_kind values_kind(enum sheaf_number type);

/* Read @n numbers, the first one at @at, each @stride bytes behind the one before. */
void values_load(enum sheaf_number type, const void *at, ptrdiff_t stride, size_t n, union value *values);

/* Read those of certain rows, the first row being at @at. */
void values_load_rows(enum sheaf_number type, const void *at, ptrdiff_t stride, const int64_t *rows, size_t n,
		      union value *values);

/* Write a number that the type can hold. */
void values_store(enum sheaf_number type, union value value, void *item);

#endif
