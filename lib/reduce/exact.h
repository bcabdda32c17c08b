/*
 * exact.h - a sum of doubles without an error: a long accumulator that has a bit for each that a
 * double can have.
 *
 * Kulisch, "Computer arithmetic and validity", 2008; in chunks of 32 bits with room for carries as
 * Neal, "Fast exact summation using small and large superaccumulators", 2015.
 */
#ifndef SHEAF_REDUCE_EXACT_H
#define SHEAF_REDUCE_EXACT_H

#include <stddef.h>
#include <stdint.h>

/* 2098 bits, and 64 more for as many numbers as there can be. */
#define EXACT_CHUNKS 68

/* Chunk i counts in units of 2^(32 i - 1074). All zeros: the sum of nothing. */
struct exact {
	int64_t chunks[EXACT_CHUNKS];
	uint64_t infinite, minus_infinite, not_numbers; /* how many of them were added */
};

/* Add n numbers. The sum is carried after it: each chunk but the last is from 0 to 2^32 - 1. */
void exact_add(struct exact *sum, const double *x, size_t n);

/* Add another sum. Both are carried. */
void exact_join(struct exact *sum, const struct exact *other);

/* Round to the nearest double, ties to even. */
double exact_round(const struct exact *sum);

#endif
