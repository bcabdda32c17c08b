/*
 * values.c - reads numbers of any type as doubles or as whole numbers, and writes them.
 */
#include "group/values.h"

#include "data/convert.h"

#include <string.h>

/* Where numbers are, and of which rows. */
struct numbers {
	const unsigned char *at;
	ptrdiff_t stride;
	const int64_t *rows; /* or NULL */
};

/* One loop for numbers that lie one behind the other, one for a stride, and one for rows. */
#define READER(NAME, TYPE, FIELD, VALUE)                                                                   \
	static void read_##NAME(const struct numbers *numbers, size_t n, union value *values)              \
	{                                                                                                  \
		const unsigned char *at = numbers->at;                                                     \
		TYPE x;                                                                                    \
                                                                                                           \
		if (numbers->rows) {                                                                       \
			for (size_t i = 0; i < n; i++) {                                                   \
				memcpy(&x, at + (ptrdiff_t)numbers->rows[i] * numbers->stride, sizeof(x)); \
				values[i].FIELD = (VALUE);                                                 \
			}                                                                                  \
		} else if (numbers->stride == sizeof(x)) {                                                 \
			for (size_t i = 0; i < n; i++) {                                                   \
				memcpy(&x, at + i * sizeof(x), sizeof(x));                                 \
				values[i].FIELD = (VALUE);                                                 \
			}                                                                                  \
		} else {                                                                                   \
			for (size_t i = 0; i < n; i++) {                                                   \
				memcpy(&x, at + (ptrdiff_t)i * numbers->stride, sizeof(x));                \
				values[i].FIELD = (VALUE);                                                 \
			}                                                                                  \
		}                                                                                          \
	}

READER(f64, double, real, x)
READER(f32, float, real, (double)x)
READER(f16, uint16_t, real, half_to_double(x))
READER(i64, int64_t, with_sign, x)
READER(i32, int32_t, with_sign, x)
READER(i16, int16_t, with_sign, x)
READER(i8, int8_t, with_sign, x)
READER(u64, uint64_t, whole, x)
READER(u32, uint32_t, whole, x)
READER(u16, uint16_t, whole, x)
READER(u8, uint8_t, whole, x)

bool values_possible(enum sheaf_number type)
{
	return type != SHEAF_BYTES && type != SHEAF_VOID && type != SHEAF_C64 && type != SHEAF_C128;
}

enum value_kind values_kind(enum sheaf_number type)
{
	if (type == SHEAF_F64 || type == SHEAF_F32 || type == SHEAF_F16)
		return VALUE_REAL;
	if (type == SHEAF_I64 || type == SHEAF_I32 || type == SHEAF_I16 || type == SHEAF_I8)
		return VALUE_SIGNED;
	return VALUE_UNSIGNED;
}

static void read_numbers(enum sheaf_number type, const struct numbers *numbers, size_t n, union value *values)
{
	static void (*const by_type[])(const struct numbers *, size_t, union value *) = {
		[SHEAF_F64] = read_f64, [SHEAF_F32] = read_f32, [SHEAF_I64] = read_i64, [SHEAF_U64] = read_u64,
		[SHEAF_I32] = read_i32, [SHEAF_U32] = read_u32, [SHEAF_I16] = read_i16, [SHEAF_U16] = read_u16,
		[SHEAF_I8] = read_i8,   [SHEAF_U8] = read_u8,   [SHEAF_F16] = read_f16, [SHEAF_BOOL] = read_u8,
	};

	by_type[type](numbers, n, values);
}

void values_load(enum sheaf_number type, const void *at, ptrdiff_t stride, size_t n, union value *values)
{
	read_numbers(type, &(struct numbers){.at = at, .stride = stride}, n, values);
}

void values_load_rows(enum sheaf_number type, const void *at, ptrdiff_t stride, const int64_t *rows, size_t n,
		      union value *values)
{
	read_numbers(type, &(struct numbers){.at = at, .stride = stride, .rows = rows}, n, values);
}

/* Whole numbers keep their lowest bytes. */
void values_store(enum sheaf_number type, union value value, void *item)
{
	float single;
	uint16_t half = (uint16_t)value.whole;
	uint8_t byte = (uint8_t)value.whole;
	uint32_t four = (uint32_t)value.whole;

	switch (type) {
	case SHEAF_F32:
		single = (float)value.real;
		memcpy(item, &single, sizeof(single));
		break;
	case SHEAF_F16:
		half = half_from_double(value.real);
		memcpy(item, &half, sizeof(half));
		break;
	case SHEAF_I32:
	case SHEAF_U32:
		memcpy(item, &four, sizeof(four));
		break;
	case SHEAF_I16:
	case SHEAF_U16:
		memcpy(item, &half, sizeof(half));
		break;
	case SHEAF_I8:
	case SHEAF_U8:
	case SHEAF_BOOL:
		memcpy(item, &byte, sizeof(byte));
		break;
	default:
		memcpy(item, &value, sizeof(value));
		break;
	}
}
