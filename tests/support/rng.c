/*
 * rng.c - SplitMix64.
 */
#include "rng.h"

#define GAMMA UINT64_C(0x9e3779b97f4a7c15)

uint64_t distinct_value(uint64_t number)
{
	uint64_t x = number + GAMMA;

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

uint64_t rng_next(struct rng *rng)
{
	uint64_t value = distinct_value(rng->state);

	rng->state += GAMMA;
	return value;
}

uint64_t rng_below(struct rng *rng, uint64_t limit)
{
	return rng_next(rng) % limit;
}
