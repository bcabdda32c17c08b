/*
 * philox.h - Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2,
 * 3", SC 2011): four words of 32 bits from a counter of four and a key of two.
 */
#ifndef SHEAF_BASE_PHILOX_H
#define SHEAF_BASE_PHILOX_H

#include <stdint.h>

#define PHILOX_ROUNDS 10

static inline void philox(const uint32_t counter[4], const uint32_t key[2], uint32_t words[4])
{
	uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3], k0 = key[0], k1 = key[1];

	for (unsigned round = 0; round < PHILOX_ROUNDS; round++) {
		uint64_t a = (uint64_t)0xd2511f53u * c0, b = (uint64_t)0xcd9e8d57u * c2;

		c0 = (uint32_t)(b >> 32) ^ c1 ^ k0;
		c1 = (uint32_t)b;
		c2 = (uint32_t)(a >> 32) ^ c3 ^ k1;
		c3 = (uint32_t)a;
		k0 += 0x9e3779b9u; /* the golden ratio, and the root of 3 less 1 */
		k1 += 0xbb67ae85u;
	}
	words[0] = c0;
	words[1] = c1;
	words[2] = c2;
	words[3] = c3;
}

#endif
