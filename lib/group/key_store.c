/*
 * key_store.c - writes the keys that words stand for: what key_load.c does, the other way round.
 */
#include "group/key_store.h"

#include "group/key_load.h"

#include <math.h>
#include <string.h>

#define QUIET_F16 0x7e00u

static void store_f64(uint64_t value, void *item)
{
	value ^= value >> 63 ? UINT64_C(1) << 63 : UINT64_MAX;
	memcpy(item, &value, sizeof(value));
}

static void store_f32(uint64_t value, void *item)
{
	uint32_t bits = (uint32_t)value;

	bits ^= bits >> 31 ? UINT32_C(1) << 31 : UINT32_MAX;
	memcpy(item, &bits, sizeof(bits));
}

static void store_f16(uint64_t value, void *item)
{
	uint16_t bits = (uint16_t)(value >= 0x8000u ? value - 0x8000u : 0x10000u - value);

	memcpy(item, &bits, sizeof(bits));
}

static void store_nan(enum sheaf_number type, void *item)
{
	double nan = NAN;
	float single = NAN;
	uint16_t half = QUIET_F16;

	if (type == SHEAF_F64)
		memcpy(item, &nan, sizeof(nan));
	else if (type == SHEAF_F32)
		memcpy(item, &single, sizeof(single));
	else
		memcpy(item, &half, sizeof(half));
}

/* The lowest bytes of a number, of this machine's order. */
static void store_whole(uint64_t value, size_t size, void *item)
{
	uint8_t one = (uint8_t)value;
	uint16_t two = (uint16_t)value;
	uint32_t four = (uint32_t)value;

	memcpy(item, size == 1 ? (void *)&one : size == 2 ? (void *)&two : size == 4 ? (void *)&four : (void *)&value, size);
}

static void store_value(const sheaf_array *column, const struct key_field *field, uint64_t value, unsigned char *item)
{
	switch (column->type) {
	case SHEAF_F64:
		store_f64(value, item);
		break;
	case SHEAF_F32:
		store_f32(value, item);
		break;
	case SHEAF_F16:
		store_f16(value, item);
		break;
	case SHEAF_BYTES:
	case SHEAF_VOID:
		for (unsigned b = 0; b < field->bytes; b++)
			item[field->first + b] = (unsigned char)(value >> (field->bytes - 1 - b) * 8);
		break;
	case SHEAF_I64:
	case SHEAF_I32:
	case SHEAF_I16:
	case SHEAF_I8:
		store_whole(value ^ UINT64_C(1) << (column->item_size * 8 - 1), column->item_size, item);
		break;
	default:
		store_whole(value, column->item_size, item);
		break;
	}
}

/* Write a field's part of the items. */
static void store_field(const struct key_plan *plan, const struct key_field *field, bool same, const uint64_t *codes, size_t n,
			unsigned char *items)
{
	const struct key_column *column = &plan->column[field->column];
	const sheaf_array *side = &column->sides[0];
	uint64_t largest = field->max - field->min + field->nans;
	unsigned bits = largest ? 64 - (unsigned)__builtin_clzll(largest) : 0;
	uint64_t mask = bits == 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1;

	for (size_t i = 0; i < n; i++, items += side->item_size) {
		uint64_t part = same ? 0 : codes[i] >> field->shift & mask;

		if (field->nans && part == largest)
			store_nan(side->type, items);
		else
			store_value(side, field, column->descending ? field->max - part : field->min + part, items);
	}
}

void key_store(const struct key_plan *plan, unsigned column, const uint64_t *codes, size_t n, void *items)
{
	for (unsigned f = 0; f < plan->fields; f++)
		if (plan->field[f].column == column)
			store_field(plan, &plan->field[f], false, codes, n, items);
	for (unsigned f = 0; f < plan->constants; f++)
		if (plan->constant[f].column == column)
			store_field(plan, &plan->constant[f], true, codes, n, items);
}

void key_store_plainly(enum sheaf_number type, void *items, size_t n)
{
	double *real = items;
	float *single = items;
	uint16_t *half = items;

	for (size_t i = 0; i < n; i++) {
		if (type == SHEAF_F64)
			real[i] = real[i] != real[i] ? (double)NAN : real[i] + 0.0;
		else if (type == SHEAF_F32)
			single[i] = single[i] != single[i] ? NAN : single[i] + 0.0f;
		else if (type == SHEAF_F16)
			half[i] = (half[i] & 0x7fffu) > 0x7c00u ? QUIET_F16 : half[i] & 0x7fffu ? half[i] : 0;
	}
}
