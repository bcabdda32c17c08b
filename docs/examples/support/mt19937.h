/*
 * mt19937.h - the Mersenne Twister and the Gaussian numbers that NumPy's legacy RandomState makes
 * of it.
 */
#ifndef EXAMPLES_MT19937_H
#define EXAMPLES_MT19937_H

#include <stdbool.h>
#include <stdint.h>

#define MT19937_WORDS 624

struct mt19937 {
	uint32_t state[MT19937_WORDS];
	unsigned next; /* word to hand out next; MT19937_WORDS: make new ones first */
	bool has_spare;
	double spare; /* the second number of the last Gaussian pair */
};

/* As init_genrand() of the reference implementation. */
void mt19937_seed(struct mt19937 *generator, uint32_t seed);

/* 53 random bits as a number in [0, 1), as genrand_res53(). */
double mt19937_uniform(struct mt19937 *generator);

/*
 * Mean 0, standard deviation 1, by Marsaglia's polar method: numbers come in pairs, and the second
 * waits for the next call.
 */
double mt19937_gauss(struct mt19937 *generator);

#endif
