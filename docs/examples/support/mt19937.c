/*
 * mt19937.c - MT19937 after Matsumoto and Nishimura (1998), doubles of 53 bits, polar Gaussian.
 *
 * The order of every operation counts: with the same seed the same bits come out on every machine.
 */
#include "mt19937.h"

#include <math.h>

#define SHIFT 397

void mt19937_seed(struct mt19937 *generator, uint32_t seed)
{
	uint32_t *state = generator->state;

	state[0] = seed;
	for (uint32_t i = 1; i < MT19937_WORDS; i++)
		state[i] = 1812433253u * (state[i - 1] ^ state[i - 1] >> 30) + i;
	generator->next = MT19937_WORDS;
	generator->has_spare = false;
}

static void make_words(uint32_t *state)
{
	for (unsigned i = 0; i < MT19937_WORDS; i++) {
		uint32_t y = (state[i] & 0x80000000u) | (state[(i + 1) % MT19937_WORDS] & 0x7fffffffu);

		state[i] = state[(i + SHIFT) % MT19937_WORDS] ^ y >> 1 ^ (y & 1 ? 0x9908b0dfu : 0);
	}
}

static uint32_t next_word(struct mt19937 *generator)
{
	uint32_t y;

	if (generator->next == MT19937_WORDS) {
		make_words(generator->state);
		generator->next = 0;
	}
	y = generator->state[generator->next++];
	y ^= y >> 11;
	y ^= y << 7 & 0x9d2c5680u;
	y ^= y << 15 & 0xefc60000u;
	return y ^ y >> 18;
}

double mt19937_uniform(struct mt19937 *generator)
{
	uint32_t high = next_word(generator) >> 5;
	uint32_t low = next_word(generator) >> 6;

	return (high * 67108864.0 + low) / 9007199254740992.0;
}

double mt19937_gauss(struct mt19937 *generator)
{
	double x1, x2, r2, factor;

	if (generator->has_spare) {
		generator->has_spare = false;
		return generator->spare;
	}
	do {
		x1 = 2.0 * mt19937_uniform(generator) - 1.0;
		x2 = 2.0 * mt19937_uniform(generator) - 1.0;
		r2 = x1 * x1 + x2 * x2;
	} while (r2 >= 1.0 || r2 == 0.0);

	factor = sqrt(-2.0 * log(r2) / r2);
	generator->spare = factor * x1;
	generator->has_spare = true;
	return factor * x2;
}
