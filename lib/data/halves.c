/*
 * halves.c - converts halves by the arithmetic of bits, without a branch, so that compilers make
 * vector instructions of it.
 *
 * A half has a sign, 5 bits of an exponent (bias 15) and 10 of a fraction. Below 2^-14 it is a
 * whole number of units of 2^-24. Each case is computed for each number, and a mask chooses. What
 * is smaller than 2^-14 is rounded by adding a number whose last place is such a unit.
 */
#include "data/halves.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define HALF_INFINITY 0x7c00u
#define HALF_NAN 0x7e00u

#define FLOAT_INFINITY UINT32_C(0x7f800000)
#define FLOAT_NAN UINT32_C(0x7fc00000)
#define FLOAT_LEAST UINT32_C(0x38800000)  /* 2^-14 */
#define FLOAT_BEYOND UINT32_C(0x477ff000) /* 65520: half a unit beyond the largest half */
#define FLOAT_UNIT 0x1p-1F                /* its last place is 2^-24 */

#define DOUBLE_INFINITY UINT64_C(0x7ff0000000000000)
#define DOUBLE_LEAST UINT64_C(0x3f10000000000000)
#define DOUBLE_BEYOND UINT64_C(0x40effe0000000000)
#define DOUBLE_UNIT 0x1p28

/* All ones if a < b, which are both less than 2^31, or 2^63; else 0. */
static inline uint32_t less32(uint32_t a, uint32_t b)
{
	return 0 - ((a - b) >> 31);
}

static inline uint64_t less64(uint64_t a, uint64_t b)
{
	return 0 - ((a - b) >> 63);
}

/* @mask: all ones: a; 0: b. */
static inline uint32_t choose32(uint32_t mask, uint32_t a, uint32_t b)
{
	return (mask & a) | (~mask & b);
}

static inline uint64_t choose64(uint64_t mask, uint64_t a, uint64_t b)
{
	return (mask & a) | (~mask & b);
}

static inline float float_of(uint16_t half)
{
	uint32_t size = half & 0x7fffu, bits = (size << 13) + (UINT32_C(112) << 23), small_bits;
	float small = (float)(int32_t)size * 0x1p-24F, made;

	memcpy(&small_bits, &small, sizeof(small_bits));
	bits = choose32(less32(size, 0x400), small_bits, bits);
	bits = choose32(less32(size, HALF_INFINITY), bits, FLOAT_INFINITY);
	bits = choose32(less32(HALF_INFINITY, size), FLOAT_NAN, bits) | (uint32_t)(half & 0x8000u) << 16;
	memcpy(&made, &bits, sizeof(made));
	return made;
}

bool halves_to_floats(unsigned char *restrict out, const unsigned char *restrict in)
{
	for (size_t k = 0; k < HALVES_BLOCK; k++) {
		uint16_t half;
		float made;

		memcpy(&half, in + k * sizeof(half), sizeof(half));
		made = float_of(half);
		memcpy(out + k * sizeof(made), &made, sizeof(made));
	}
	return true;
}

bool halves_to_doubles(unsigned char *restrict out, const unsigned char *restrict in)
{
	for (size_t k = 0; k < HALVES_BLOCK; k++) {
		uint16_t half;
		double made;

		memcpy(&half, in + k * sizeof(half), sizeof(half));
		made = (double)float_of(half);
		memcpy(out + k * sizeof(made), &made, sizeof(made));
	}
	return true;
}

bool halves_from_floats(unsigned char *restrict out, const unsigned char *restrict in)
{
	const float unit = FLOAT_UNIT;
	uint32_t misfits = 0, unit_bits;

	memcpy(&unit_bits, &unit, sizeof(unit_bits));
	for (size_t k = 0; k < HALVES_BLOCK; k++) {
		uint32_t bits, size, made, small_bits;
		uint16_t half;
		float small;

		memcpy(&bits, in + k * sizeof(bits), sizeof(bits));
		size = bits & INT32_MAX;
		misfits |= ~less32(size, FLOAT_BEYOND) & less32(size, FLOAT_INFINITY);
		memcpy(&small, &size, sizeof(small));
		small += unit;
		memcpy(&small_bits, &small, sizeof(small_bits));
		/* Ties to even: the last bit that stays decides. */
		made = (size - (UINT32_C(112) << 23) + 0xfff + (size >> 13 & 1)) >> 13;
		made = choose32(less32(size, FLOAT_LEAST), small_bits - unit_bits, made);
		made = choose32(less32(size, FLOAT_INFINITY), made, HALF_INFINITY);
		made = choose32(less32(FLOAT_INFINITY, size), HALF_NAN, made);
		half = (uint16_t)(made | (bits >> 16 & 0x8000u));
		memcpy(out + k * sizeof(half), &half, sizeof(half));
	}
	return !misfits;
}

bool halves_from_doubles(unsigned char *restrict out, const unsigned char *restrict in)
{
	const double unit = DOUBLE_UNIT;
	uint64_t misfits = 0, unit_bits;

	memcpy(&unit_bits, &unit, sizeof(unit_bits));
	for (size_t k = 0; k < HALVES_BLOCK; k++) {
		uint64_t bits, size, made, small_bits;
		uint16_t half;
		double small;

		memcpy(&bits, in + k * sizeof(bits), sizeof(bits));
		size = bits & INT64_MAX;
		misfits |= ~less64(size, DOUBLE_BEYOND) & less64(size, DOUBLE_INFINITY);
		memcpy(&small, &size, sizeof(small));
		small += unit;
		memcpy(&small_bits, &small, sizeof(small_bits));
		made = (size - (UINT64_C(1008) << 52) + (UINT64_C(1) << 41) - 1 + (size >> 42 & 1)) >> 42;
		made = choose64(less64(size, DOUBLE_LEAST), small_bits - unit_bits, made);
		made = choose64(less64(size, DOUBLE_INFINITY), made, HALF_INFINITY);
		made = choose64(less64(DOUBLE_INFINITY, size), HALF_NAN, made);
		half = (uint16_t)(made | (bits >> 48 & 0x8000u));
		memcpy(out + k * sizeof(half), &half, sizeof(half));
	}
	return !misfits;
}
