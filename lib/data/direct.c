/*
 * direct.c - converts blocks by loops that compilers turn into vector instructions: of a constant
 * length, without a branch in them, and over memory that does not overlap.
 *
 * Whether all numbers of a block fit is found out without a branch, and most often in the loop that
 * converts. If one may not, convert.c takes the block: it finds the number, or saturates it. Each
 * number becomes what convert.c would make of it.
 */
#include "data/direct.h"

#include "data/halves.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

_Static_assert(HALVES_BLOCK == DIRECT_BLOCK, "a whole block is converted");

typedef bool direct_fn(unsigned char *restrict out, const unsigned char *restrict in);

/* Items may lie anywhere. Compilers make a load or a store of each memcpy(). */
#define CONVERT(name, to_type, from_type)                                               \
	static bool name(unsigned char *restrict out, const unsigned char *restrict in) \
	{                                                                               \
		from_type item;                                                         \
		to_type made;                                                           \
                                                                                        \
		for (size_t k = 0; k < DIRECT_BLOCK; k++) {                             \
			memcpy(&item, in + k * sizeof(item), sizeof(item));             \
			made = (to_type)item;                                           \
			memcpy(out + k * sizeof(made), &made, sizeof(made));            \
		}                                                                       \
		return true;                                                            \
	}

/* Do all numbers fit? MISFIT tells it by its bits from @shift on. */
#define CHECK(name, from_type, MISFIT, shift)                               \
	static bool fits_##name(const unsigned char *in)                    \
	{                                                                   \
		uint64_t misfits = 0;                                       \
		from_type item;                                             \
                                                                            \
		for (size_t k = 0; k < DIRECT_BLOCK; k++) {                 \
			memcpy(&item, in + k * sizeof(item), sizeof(item)); \
			misfits |= (uint64_t)MISFIT(item);                  \
		}                                                           \
		return !(misfits >> (shift));                               \
	}

/*
 * Without their signs, doubles are ordered as their bits are, and gcc makes vectors of the
 * arithmetic of bits, but not of comparisons. Numbers at the very limit count as misfits, too:
 * convert.c takes a closer look at their block.
 */
#define TWO_TO_31 INT64_C(0x41e0000000000000)
#define TWO_TO_63 INT64_C(0x43e0000000000000)
/* Half a unit beyond the largest float, and the first NaN. */
#define BEYOND_FLOATS INT64_C(0x47effffff0000000)
#define FIRST_NAN INT64_C(0x7ff0000000000001)

static inline int64_t size_bits(double value)
{
	int64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	return bits & INT64_MAX;
}

/* Negative if bits are at least @limit. */
static inline int64_t below_zero_from(int64_t bits, int64_t limit)
{
	return limit - 1 - bits;
}

/* Negative, or of more than 32 bits, if the number does not fit. A NaN fits a float alone. */
#define NO_FLOAT(x) (below_zero_from(size_bits(x), BEYOND_FLOATS) & (size_bits(x) - FIRST_NAN))
#define NO_I32(x) below_zero_from(size_bits(x), TWO_TO_31)
#define NO_I64(x) below_zero_from(size_bits(x), TWO_TO_63)
#define LONG_I32(x) ((uint64_t)(x) + (UINT64_C(1) << 31))

CONVERT(f32_to_f64, double, float)
CONVERT(i32_to_f64, double, int32_t)
CONVERT(i64_to_f64, double, int64_t)
CONVERT(i16_to_f64, double, int16_t)
CONVERT(u8_to_f64, double, uint8_t)
CONVERT(i32_to_f32, float, int32_t)
CONVERT(i16_to_f32, float, int16_t)
CONVERT(u8_to_f32, float, uint8_t)
CONVERT(i32_to_i64, int64_t, int32_t)
CONVERT(all_f64_to_i32, int32_t, double)
CONVERT(all_f64_to_i64, int64_t, double)

CHECK(f32, double, NO_FLOAT, 63)
CHECK(i32, double, NO_I32, 63)
CHECK(i64, double, NO_I64, 63)

/*
 * What does not fit becomes an infinity, so the floats are looked at, which are half as long. A
 * block with an infinity or a NaN that was one before is looked at twice.
 */
static bool f64_to_f32(unsigned char *restrict out, const unsigned char *restrict in)
{
	uint32_t beyond = 0, bits;

	for (size_t k = 0; k < DIRECT_BLOCK; k++) {
		double item;
		float made;

		memcpy(&item, in + k * sizeof(item), sizeof(item));
		made = (float)item;
		memcpy(&bits, &made, sizeof(bits));
		memcpy(out + k * sizeof(made), &made, sizeof(made));
		/* The exponent of all ones carries into the sign. */
		beyond |= (bits & INT32_MAX) + (UINT32_C(1) << 23);
	}
	return !(beyond >> 31) || fits_f32(in);
}

/* A number that does not fit has no defined value, so doubles are looked at before. */
static bool f64_to_i32(unsigned char *restrict out, const unsigned char *restrict in)
{
	return fits_i32(in) && all_f64_to_i32(out, in);
}

static bool f64_to_i64(unsigned char *restrict out, const unsigned char *restrict in)
{
	return fits_i64(in) && all_f64_to_i64(out, in);
}

/* The lower half of a whole number is what it becomes. */
static bool i64_to_i32(unsigned char *restrict out, const unsigned char *restrict in)
{
	uint64_t misfits = 0;

	for (size_t k = 0; k < DIRECT_BLOCK; k++) {
		int64_t item;
		int32_t made;

		memcpy(&item, in + k * sizeof(item), sizeof(item));
		made = (int32_t)item;
		memcpy(out + k * sizeof(made), &made, sizeof(made));
		misfits |= LONG_I32(item);
	}
	return !(misfits >> 32);
}

static const struct {
	enum sheaf_number to, from;
	direct_fn *fn;
} pairs[] = {
	{SHEAF_F64, SHEAF_F32, f32_to_f64},
	{SHEAF_F32, SHEAF_F64, f64_to_f32},
	{SHEAF_F64, SHEAF_I32, i32_to_f64},
	{SHEAF_F64, SHEAF_I64, i64_to_f64},
	{SHEAF_F64, SHEAF_I16, i16_to_f64},
	{SHEAF_F64, SHEAF_U8, u8_to_f64},
	{SHEAF_F32, SHEAF_I32, i32_to_f32},
	{SHEAF_F32, SHEAF_I16, i16_to_f32},
	{SHEAF_F32, SHEAF_U8, u8_to_f32},
	{SHEAF_I32, SHEAF_F64, f64_to_i32},
	{SHEAF_I64, SHEAF_F64, f64_to_i64},
	{SHEAF_I32, SHEAF_I64, i64_to_i32},
	{SHEAF_I64, SHEAF_I32, i32_to_i64},
	{SHEAF_F32, SHEAF_F16, halves_to_floats},
	{SHEAF_F64, SHEAF_F16, halves_to_doubles},
	{SHEAF_F16, SHEAF_F32, halves_from_floats},
	{SHEAF_F16, SHEAF_F64, halves_from_doubles},
};

bool direct_convert(enum sheaf_number to, unsigned char *out, enum sheaf_number from, const unsigned char *in)
{
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		if (pairs[i].to == to && pairs[i].from == from)
			return pairs[i].fn(out, in);
	return false;
}
