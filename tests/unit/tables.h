/*
 * tables.h - what the tests of tables share: random columns of each type, and rows compared in the
 * plainest way.
 */
#ifndef SHEAF_TESTS_UNIT_TABLES_H
#define SHEAF_TESTS_UNIT_TABLES_H

#include "pools.h"

#include "data/convert.h"
#include "sheaf_group.h"
#include "support/rng.h"

#include <math.h>
#include <stdlib.h>

struct column_type {
	enum sheaf_number type;
	size_t item_size;
};

/* Each that a key can have. */
static const struct column_type key_types[] = {
	{SHEAF_F64, 8},   {SHEAF_F32, 4},   {SHEAF_I64, 8},    {SHEAF_U64, 8},   {SHEAF_I32, 4},   {SHEAF_U32, 4},
	{SHEAF_I16, 2},   {SHEAF_U16, 2},   {SHEAF_I8, 1},     {SHEAF_U8, 1},    {SHEAF_F16, 2},   {SHEAF_BOOL, 1},
	{SHEAF_BYTES, 3}, {SHEAF_BYTES, 8}, {SHEAF_BYTES, 21}, {SHEAF_VOID, 16}, {SHEAF_BYTES, 0}, {SHEAF_VOID, 200},
};
#define KEY_TYPES (sizeof(key_types) / sizeof(key_types[0]))

static inline bool is_float(enum sheaf_number type)
{
	return type == SHEAF_F64 || type == SHEAF_F32 || type == SHEAF_F16;
}

/* Write the k-th of the values that a column may have: few of them are near each other. */
static inline void write_value(const sheaf_array *column, size_t row, uint64_t k)
{
	static const double odd[] = {0.0, -0.0, INFINITY, -INFINITY, NAN, -NAN, 1e-320, -1e-320, 65504, 5.9e-8};
	unsigned char *at = (unsigned char *)column->data + (ptrdiff_t)row * column->strides[0];
	uint64_t bits = k % 3 ? distinct_value(k) : k;
	double number = k < sizeof(odd) / sizeof(odd[0]) ? odd[k] : (double)(int64_t)bits / (k % 2 ? 1e15 : 3e18);
	float single = (float)number;
	uint16_t half = half_from_double(number);
	unsigned char byte = k & 1;

	if (column->type == SHEAF_F64)
		memcpy(at, &number, 8);
	else if (column->type == SHEAF_F32)
		memcpy(at, &single, 4);
	else if (column->type == SHEAF_F16)
		memcpy(at, &half, 2);
	else if (column->type == SHEAF_BOOL)
		memcpy(at, &byte, 1);
	else
		for (size_t b = 0; b < column->item_size; b++)
			at[b] = b < column->item_size / 2 && column->item_size > 8 ? (unsigned char)(k % 5)
										   : (unsigned char)(bits >> b % 8 * 8);
}

/* A column of @values values at most, at a stride if @apart; of one of them in seven rows of eight
 * if it is skewed. */
static inline sheaf_array random_column(struct rng *rng, struct column_type type, size_t rows, uint64_t values, bool apart,
					bool skewed)
{
	size_t length = apart ? 2 * rows : rows;
	sheaf_array column;

	expect_done(sheaf_array_create(&column, pool, type.type, type.item_size, 1, &length));
	if (apart) {
		void *memory = column.memory;

		/* Backwards. */
		expect_done(sheaf_array_slice(&column, &column, 0, length ? length - 1 : 0, rows, -2));
		column.memory = memory;
	}
	for (size_t i = 0; i < rows; i++)
		write_value(&column, i, skewed && rng_below(rng, 8) ? 3 % values : rng_below(rng, values));
	return column;
}

static inline double number_at(const sheaf_array *column, size_t row)
{
	const unsigned char *at = (const unsigned char *)column->data + (ptrdiff_t)row * column->strides[0];
	double number;
	float single;
	uint16_t half;

	switch (column->type) {
	case SHEAF_F64:
		memcpy(&number, at, 8);
		return number;
	case SHEAF_F32:
		memcpy(&single, at, 4);
		return (double)single;
	default:
		memcpy(&half, at, 2);
		return half_to_double(half);
	}
}

static inline int compare_numbers(double a, double b, bool descending)
{
	if (isnan(a) || isnan(b))
		return (int)!!isnan(a) - (int)!!isnan(b);
	return a == b ? 0 : (a < b) != descending ? -1 : 1;
}

/* Compare two items as whole numbers, whose last byte counts most, or as bytes. */
static inline int compare_items(const sheaf_array *column, size_t a, size_t b, bool descending)
{
	const unsigned char *x = (const unsigned char *)column->data + (ptrdiff_t)a * column->strides[0];
	const unsigned char *y = (const unsigned char *)column->data + (ptrdiff_t)b * column->strides[0];
	bool text = column->type == SHEAF_BYTES || column->type == SHEAF_VOID;
	bool has_sign = column->type == SHEAF_I64 || column->type == SHEAF_I32 || column->type == SHEAF_I16 ||
			column->type == SHEAF_I8;
	int found = 0;

	if (is_float(column->type))
		return compare_numbers(number_at(column, a), number_at(column, b), descending);
	for (size_t k = 0; k < column->item_size && !found; k++) {
		size_t byte = text ? k : column->item_size - 1 - k;
		int turn = has_sign && !k ? 128 : 0;

		found = (x[byte] ^ turn) - (y[byte] ^ turn);
	}
	return descending ? -found : found;
}

/* ---- what a plain program finds ---- */

static struct {
	const sheaf_array *keys;
	unsigned key_count;
	const bool *descending;
} compared;

static inline int compare_keys(size_t a, size_t b)
{
	int found = 0;

	for (unsigned k = 0; k < compared.key_count && !found; k++)
		found = compare_items(&compared.keys[k], a, b, compared.descending && compared.descending[k]);
	return found;
}

static inline int compare_rows(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	int found = compare_keys((size_t)x, (size_t)y);

	return found ? found : x < y ? -1 : 1;
}

/* Sort row numbers by their keys, and by themselves. */
static inline int64_t *plain_order(const sheaf_array *keys, unsigned key_count, const bool *descending, size_t rows)
{
	int64_t *order = malloc((rows + 1) * sizeof(*order));

	for (size_t i = 0; i < rows; i++)
		order[i] = (int64_t)i;
	compared.keys = keys;
	compared.key_count = key_count;
	compared.descending = descending;
	qsort(order, rows, sizeof(*order), compare_rows);
	return order;
}

static inline bool has_nan(const sheaf_array *keys, unsigned key_count, size_t row)
{
	bool found = false;

	for (unsigned k = 0; k < key_count; k++)
		found |= is_float(keys[k].type) && isnan(number_at(&keys[k], row));
	return found;
}

static inline void free_columns(sheaf_array *columns, unsigned count)
{
	for (unsigned k = 0; k < count; k++)
		expect_done(sheaf_array_free(&columns[k], pool));
}

#endif
