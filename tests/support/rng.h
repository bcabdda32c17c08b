/*
 * rng.h - random numbers that a seed repeats (SplitMix64), and the values that tasks compute.
 */
#ifndef SHEAF_TESTS_SUPPORT_RNG_H
#define SHEAF_TESTS_SUPPORT_RNG_H

#include <stdint.h>

/* One state per thread; it begins with a seed. */
struct rng {
	uint64_t state;
};

uint64_t rng_next(struct rng *rng);
uint64_t rng_below(struct rng *rng, uint64_t limit);

/*
 * Return a value that belongs to this number and to no other: a result in a wrong place is seen by
 * it.
 */
uint64_t distinct_value(uint64_t number);

#endif
