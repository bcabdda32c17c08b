/*
 * array_value.h - what a field of a CSV file holds that is read as an array of numbers.
 */
#ifndef SHEAF_TABLE_ARRAY_VALUE_H
#define SHEAF_TABLE_ARRAY_VALUE_H

#include "table/missing.h"

/* Pass over blanks in front of @end. */
const char *array_skip_blanks(const char *at, const char *end);

/*
 * Read a number that fills the field, but for blanks and quotes around it. Behind the field is what
 * decimal.h wants.
 */
bool array_read_number(const char *text, size_t length, double *value);

/* Tell whether the field, without blanks and quotes around it, is one of those. */
bool array_is_missing(const struct missing *missing, const char *text, size_t length);

#endif
