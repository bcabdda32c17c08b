/*
 * data_keys.h - the keys and values of the cases about groups and sorting: formulas that each
 * contender computes, in doubles without an error.
 */
#ifndef BENCH_DATA_KEYS_H
#define BENCH_DATA_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DATA_PRIME UINT64_C(2147483647)

/* A number from 0 to 2^31 - 2: two steps of Lehmer's generator from the row on. */
static inline uint64_t data_mix(size_t row)
{
	return (row + 1) % DATA_PRIME * 48271 % DATA_PRIME * 69621 % DATA_PRIME;
}

/* A key of @groups; if skewed, seven rows of eight have one of three. */
static inline int32_t data_key(size_t row, size_t groups, bool skewed)
{
	uint64_t number = data_mix(row);

	return (int32_t)(skewed && number % 8 ? number / 8 % 3 : number % groups);
}

/* A small whole number, so that sums in any order are the same. */
static inline double data_summand(size_t row)
{
	return (double)(row % 1000);
}

/* A number of 53 bits, to be sorted. */
static inline int64_t data_sortable(size_t row)
{
	return (int64_t)(data_mix(row) * 4194304 + data_mix(row + 7) % 4194304);
}

#endif
