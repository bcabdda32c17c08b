/*
 * exact.c - adds, carries and rounds a long accumulator.
 */
#include "reduce/exact.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#define CHUNK UINT32_MAX
#define CARRY_EVERY ((size_t)1 << 20) /* a chunk grows by less than 2^34 for each number */
#define FRACTION ((UINT64_C(1) << 52) - 1)
#define HIDDEN (UINT64_C(1) << 52)

/* Bring all chunks but the last into [0, 2^32). */
static void carry(struct exact *sum)
{
	int64_t over = 0;

	for (unsigned i = 0; i < EXACT_CHUNKS; i++) {
		int64_t chunk = sum->chunks[i] + over;

		if (i == EXACT_CHUNKS - 1) {
			sum->chunks[i] = chunk;
			break;
		}
		sum->chunks[i] = chunk & CHUNK;
		/* Exact, because what is divided has no bits below. */
		over = (chunk - sum->chunks[i]) / (INT64_C(1) << 32);
	}
}

static void add_one(struct exact *sum, double x)
{
	uint64_t bits, fraction, low, high;
	unsigned exponent, at, shift;
	int64_t *chunks;

	memcpy(&bits, &x, sizeof(bits));
	exponent = (unsigned)(bits >> 52) & 0x7ff;
	fraction = bits & FRACTION;
	if (exponent == 0x7ff) {
		if (fraction)
			sum->not_numbers++;
		else if (bits >> 63)
			sum->minus_infinite++;
		else
			sum->infinite++;
		return;
	}
	/* A number without a hidden bit has the exponent of the least one with it. */
	at = exponent ? exponent - 1 : 0;
	fraction |= exponent ? HIDDEN : 0;
	shift = at % 32;
	low = (fraction & CHUNK) << shift;
	high = (fraction >> 32) << shift;
	chunks = &sum->chunks[at / 32];
	if (bits >> 63) {
		chunks[0] -= (int64_t)(low & CHUNK);
		chunks[1] -= (int64_t)((low >> 32) + (high & CHUNK));
		chunks[2] -= (int64_t)(high >> 32);
	} else {
		chunks[0] += (int64_t)(low & CHUNK);
		chunks[1] += (int64_t)((low >> 32) + (high & CHUNK));
		chunks[2] += (int64_t)(high >> 32);
	}
}

void exact_add(struct exact *sum, const double *x, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		add_one(sum, x[i]);
		if (i % CARRY_EVERY == CARRY_EVERY - 1)
			carry(sum);
	}
	carry(sum);
}

void exact_join(struct exact *sum, const struct exact *other)
{
	for (unsigned i = 0; i < EXACT_CHUNKS; i++)
		sum->chunks[i] += other->chunks[i];
	sum->infinite += other->infinite;
	sum->minus_infinite += other->minus_infinite;
	sum->not_numbers += other->not_numbers;
	carry(sum);
}

/* The bit of a sum that is positive and carried. */
static unsigned bit_of(const struct exact *sum, unsigned bit)
{
	return (unsigned)(sum->chunks[bit / 32] >> bit % 32) & 1;
}

/* Are there any below @end? */
static bool has_bits_below(const struct exact *sum, unsigned end)
{
	for (unsigned i = 0; i < end / 32; i++)
		if (sum->chunks[i])
			return true;
	return sum->chunks[end / 32] & (int64_t)((UINT64_C(1) << end % 32) - 1);
}

/* The same of the highest bit of a sum; -1: it is 0. */
static int highest_bit(const struct exact *sum)
{
	for (int bit = 32 * EXACT_CHUNKS - 1; bit >= 0; bit--)
		if (bit_of(sum, (unsigned)bit))
			return bit;
	return -1;
}

double exact_round(const struct exact *sum)
{
	struct exact positive = *sum;
	bool negative = sum->chunks[EXACT_CHUNKS - 1] < 0;
	uint64_t bits = 0;
	unsigned low;
	double x;
	int top;

	if (sum->not_numbers || (sum->infinite && sum->minus_infinite))
		return NAN;
	if (sum->infinite || sum->minus_infinite)
		return sum->infinite ? INFINITY : -INFINITY;
	for (unsigned i = 0; negative && i < EXACT_CHUNKS; i++)
		positive.chunks[i] = -sum->chunks[i];
	carry(&positive);
	top = highest_bit(&positive);
	/* Its 53 highest bits; of a number that is so small, all. */
	low = top > 52 ? (unsigned)top - 52 : 0;
	for (int bit = top; bit >= (int)low; bit--)
		bits = bits << 1 | bit_of(&positive, (unsigned)bit);
	if (low && bit_of(&positive, low - 1) && ((bits & 1) || has_bits_below(&positive, low - 1)))
		bits++;
	if (low > 2046 || (low == 2046 && bits >= HIDDEN) || (low == 2045 && bits >= 2 * HIDDEN))
		return negative ? -INFINITY : INFINITY;
	/* The hidden bit counts as one in the exponent; and so does the carry of rounding up. */
	bits += (uint64_t)low << 52;
	bits |= (uint64_t)negative << 63;
	memcpy(&x, &bits, sizeof(x));
	return x;
}
