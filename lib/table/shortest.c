/*
 * shortest.c - finds the shortest decimal number in the interval that rounds to a float.
 *
 * Raffaello Giulietti, "The Schubfach way to render doubles" (2021). The float is c * 2^q. With the
 * power of ten whose multiples are as far apart as the interval is wide, or up to ten times less,
 * the interval has one or two multiples of it, or a multiple of the next power, which has a digit
 * less. The nearest of them is taken. 128 bits of the power, rounded up, decide all comparisons, if
 * what is cut off of a product shows in its lowest bit.
 */
#include "table/shortest.h"
#include "table/powers.h"

#include <stdbool.h>
#include <string.h>

#define MOST_DIGITS 20
#define FIRST_FIXED (-5) /* positions of the point where a number has no exponent */
#define LAST_FIXED 17

/* digits * 10^exponent */
struct shortest {
	uint64_t digits;
	int exponent;
};

/* Write exactly @count digits, of a number that has no more. */
static void write_digits(char *at, uint64_t number, unsigned count)
{
	static const char pairs[] =
		"00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748"
		"49505152535455565758596061626364656667686970717273747576777879808182838485868788899091929394959697"
		"9899";

	for (; count >= 2; count -= 2) {
		memcpy(at + count - 2, pairs + 2 * (number % 100), 2);
		number /= 100;
	}
	if (count)
		*at = (char)('0' + number);
}

static unsigned count_digits(uint64_t number)
{
	static const uint64_t powers[] = {0,
					  10,
					  100,
					  1000,
					  10000,
					  100000,
					  1000000,
					  10000000,
					  100000000,
					  1000000000,
					  10000000000,
					  100000000000,
					  1000000000000,
					  10000000000000,
					  100000000000000,
					  1000000000000000,
					  10000000000000000,
					  100000000000000000,
					  1000000000000000000,
					  10000000000000000000u};
	unsigned bits = 64 - (unsigned)__builtin_clzll(number | 1), guess = bits * 1233 >> 12;

	return guess + (number >= powers[guess]);
}

/* Multiply by a power, and mark in the lowest bit that something was cut off. */
static uint64_t multiply_odd(const struct power *power, uint64_t factor)
{
	struct wide low = wide_multiply(power->low, factor), high = wide_multiply(power->high, factor);

	high.low += low.high;
	high.high += high.low < low.high;
	return high.high | (high.low > 1);
}

/* Choose between a multiple of ten units below, or above. False: neither is inside. */
static bool choose_tens(uint64_t lower, uint64_t upper, uint64_t unit, uint64_t *digits)
{
	uint64_t tens = unit / 10;
	bool below = lower <= 40 * tens, above = 40 * tens + 40 <= upper;

	if (unit < 10 || below == above)
		return false;
	*digits = tens + above;
	return true;
}

/* Find the shortest number for c * 2^q. @closer: the float below is half as far as that above. */
static struct shortest find_shortest(uint64_t c, int q, bool closer)
{
	/* floor(q * log10(2)), or for 3/4 of it */
	int k = (q * 1262611 - (closer ? 524031 : 0)) >> 22, shift = q + power_log2(-k) + 1;
	struct power power = powers_of_ten[-k - POWERS_FIRST];
	uint64_t odd = c & 1, middle, lower, upper, unit, digits;
	bool below, above;

	if (-k < 0 || -k > POWERS_EXACT) {
		power.low++;
		power.high += power.low == 0;
	}
	middle = multiply_odd(&power, (4 * c) << shift);
	lower = multiply_odd(&power, (4 * c - 2 + closer) << shift) + odd;
	upper = multiply_odd(&power, (4 * c + 2) << shift) - odd;
	unit = middle / 4;
	if (choose_tens(lower, upper, unit, &digits))
		return (struct shortest){digits, k + 1};
	below = lower <= 4 * unit;
	above = 4 * unit + 4 <= upper;
	if (below != above)
		return (struct shortest){unit + above, k};
	return (struct shortest){unit + (middle > 4 * unit + 2 || (middle == 4 * unit + 2 && (unit & 1))), k};
}

static void drop_zeros(struct shortest *number)
{
	static const struct {
		uint64_t power;
		int zeros;
	} steps[] = {{100000000, 8}, {10000, 4}, {100, 2}, {10, 1}};

	for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		while (number->digits % steps[i].power == 0) {
			number->digits /= steps[i].power;
			number->exponent += steps[i].zeros;
		}
}

static char *write_exponent(char *at, const char *digits, unsigned count, int exponent, char point)
{
	*at++ = digits[0];
	if (count > 1) {
		*at++ = point;
		memcpy(at, digits + 1, count - 1);
		at += count - 1;
	}
	*at++ = 'e';
	return shortest_whole(at, (uint64_t)(exponent < 0 ? -exponent : exponent), exponent < 0);
}

static char *write_shortest(char *at, struct shortest number, char point)
{
	char digits[MOST_DIGITS];
	unsigned count;
	int place; /* digits in front of the point */

	drop_zeros(&number);
	count = count_digits(number.digits);
	place = (int)count + number.exponent;
	write_digits(digits, number.digits, count);
	if (place <= FIRST_FIXED || place > LAST_FIXED)
		return write_exponent(at, digits, count, place - 1, point);
	if (place <= 0) {
		memset(at, '0', (size_t)(2 - place));
		at[1] = point;
		at += 2 - place;
		memcpy(at, digits, count);
		return at + count;
	}
	if ((unsigned)place >= count) {
		memcpy(at, digits, count);
		memset(at + count, '0', (size_t)place - count);
		at += place;
		*at++ = point;
		*at++ = '0';
		return at;
	}
	memcpy(at, digits, (size_t)place);
	at[place] = point;
	memcpy(at + place + 1, digits + place, count - (unsigned)place);
	return at + count + 1;
}

/* Write what is no finite number other than 0. NULL: it is one. */
static char *write_special(char *at, double value, char point)
{
	if (value != value)
		memcpy(at, "nan", 3);
	else if (value == 0)
		memcpy(at, (char[]){'0', point, '0'}, 3);
	else if (value * 0 != 0)
		memcpy(at, "inf", 3);
	else
		return NULL;
	return at + 3;
}

/*
 * Write a number of at most 15 digits, 6 of them behind the point. There is no shorter one for it,
 * because no two numbers of 15 digits have the same nearest double. NULL: it is not of these.
 */
static char *write_common(char *at, double magnitude, char point)
{
	uint64_t millionths, whole;

	if (magnitude >= 1e9)
		return NULL;
	millionths = (uint64_t)(magnitude * 1e6 + 0.5);
	if ((double)(int64_t)millionths / 1e6 != magnitude || millionths < 100)
		return NULL;
	whole = millionths / 1000000;
	millionths %= 1000000;
	at = shortest_whole(at, whole, false);
	*at = point;
	write_digits(at + 1, millionths, 6);
	for (at += 7; at[-1] == '0' && at[-2] != point; at--)
		;
	return at;
}

char *shortest_double(char *at, double value, char point)
{
	const uint64_t hidden = UINT64_C(1) << 52;
	uint64_t bits, fraction;
	int exponent;
	char *end;

	memcpy(&bits, &value, sizeof(bits));
	if (bits >> 63 && value == value)
		*at++ = '-';
	end = write_special(at, value, point);
	if (!end)
		end = write_common(at, value < 0 ? -value : value, point);
	if (end)
		return end;
	fraction = bits & (hidden - 1);
	exponent = (int)(bits >> 52 & 0x7ff);
	if (exponent == 0)
		return write_shortest(at, find_shortest(fraction, -1074, false), point);
	/* A whole number is its own shortest one, if all like it are floats. */
	if (exponent >= 1023 && exponent <= 1023 + 52) {
		unsigned behind = 1075 - (unsigned)exponent;

		if ((fraction & ((UINT64_C(1) << behind) - 1)) == 0) {
			at = shortest_whole(at, (fraction | hidden) >> behind, false);
			*at++ = point;
			*at++ = '0';
			return at;
		}
	}
	return write_shortest(at, find_shortest(fraction | hidden, exponent - 1075, fraction == 0 && exponent > 1), point);
}

char *shortest_float(char *at, float value, char point)
{
	const uint32_t hidden = UINT32_C(1) << 23;
	uint32_t bits, fraction;
	int exponent;
	char *end;

	memcpy(&bits, &value, sizeof(bits));
	if (bits >> 31 && value == value)
		*at++ = '-';
	end = write_special(at, (double)value, point);
	if (end)
		return end;
	fraction = bits & (hidden - 1);
	exponent = (int)(bits >> 23 & 0xff);
	if (exponent == 0)
		return write_shortest(at, find_shortest(fraction, -149, false), point);
	return write_shortest(at, find_shortest(fraction | hidden, exponent - 150, fraction == 0 && exponent > 1), point);
}

char *shortest_whole(char *at, uint64_t magnitude, bool negative)
{
	unsigned count = count_digits(magnitude);

	if (negative)
		*at++ = '-';
	write_digits(at, magnitude, count);
	return at + count;
}
