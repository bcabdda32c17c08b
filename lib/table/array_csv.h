/*
 * array_csv.h - arrays of numbers from CSV.
 */
#ifndef SHEAF_TABLE_ARRAY_CSV_H
#define SHEAF_TABLE_ARRAY_CSV_H

#include "data/input.h"

/* Read the input as CSV. @array is filled only on success. Errors as sheaf_array_load(). */
int array_csv_read(sheaf_array *array, struct input *input, const sheaf_load_options *options);

#endif
