/*
 * powers.h - the powers of ten to 128 bits, for numbers from text and text from numbers.
 */
#ifndef SHEAF_TABLE_POWERS_H
#define SHEAF_TABLE_POWERS_H

#include <stdint.h>

#define POWERS_FIRST (-342)
#define POWERS_LAST 324
#define POWERS_EXACT 55 /* 10^0 to 10^55 are exact. The others are rounded down */

/* 10^k is (high * 2^64 + low) * 2^(power_log2(k) - 127), and the highest bit of high is set. */
struct power {
	uint64_t high, low;
};

/* That of 10^k is at [k - POWERS_FIRST]. */
extern __attribute__((visibility("hidden"))) const struct power powers_of_ten[POWERS_LAST - POWERS_FIRST + 1];

/* Compute floor(log2(10^k)) for the powers of the table. */
static inline int power_log2(int k)
{
	/* The sum is not negative, so the shift divides. */
	return ((217706 * k + (2048 << 16)) >> 16) - 2048;
}

/* A product of 128 bits. */
struct wide {
	uint64_t high, low;
};

static inline struct wide wide_multiply(uint64_t a, uint64_t b)
{
#ifdef __SIZEOF_INT128__
	__extension__ typedef unsigned __int128 product;
	product p = (product)a * b;

	return (struct wide){(uint64_t)(p >> 64), (uint64_t)p};
#else
	uint64_t a0 = (uint32_t)a, a1 = a >> 32, b0 = (uint32_t)b, b1 = b >> 32;
	uint64_t low = a0 * b0, middle = a1 * b0 + (low >> 32), other = a0 * b1 + (uint32_t)middle;

	return (struct wide){a1 * b1 + (middle >> 32) + (other >> 32), (other << 32) | (uint32_t)low};
#endif
}

#endif
