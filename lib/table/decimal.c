/*
 * decimal.c - numbers from decimal text: fast where that is exact, by strtod() elsewhere.
 *
 * A number of up to 19 digits is w * 10^q with whole w and q. If w has at most 53 bits and 10^|q|
 * is a double, one operation rounds correctly (Clinger, "How to Read Floating Point Numbers
 * Accurately", 1990). Else w is multiplied by the 128 bits of 10^q (Lemire 2021, after Eisel). What
 * the table cuts off of the power makes the product less by less than one unit of its 128th bit.
 * So the 53 bits are rounded rightly unless the bits behind them are a half, or the unit below.
 * These few, subnormal numbers, and what has more digits that matter go through strtod().
 */
#include "table/decimal.h"
#include "table/powers.h"
#include "table/word8.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define MOST_DIGITS 19       /* of which any fits in 64 bits */
#define MATTER 800           /* more digits than the middle between two doubles has */
#define MOST_EXPONENT 100000 /* beyond which every number is 0 or infinite */

static const uint64_t whole_powers[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000};

/* What stands in the text: w * 10^q, or more than that. */
struct decimal {
	uint64_t w;
	int q;
	bool negative;
	bool cut; /* w is less by digits that it has no room for, none of its own unit */
};

/* ---- The text ---- */

static inline bool is_digit(char c)
{
	return (unsigned char)(c - '0') < 10;
}

/* Read the exponent behind the digits, if there is one. */
static const char *scan_exponent(const char *at, int *q)
{
	const char *digits = at + 1;
	bool negative = false;
	int exponent = 0;

	if (*digits == '+' || *digits == '-')
		negative = *digits++ == '-';
	if (!is_digit(*digits))
		return at;
	for (; is_digit(*digits); digits++)
		if (exponent < MOST_EXPONENT)
			exponent = exponent * 10 + (*digits - '0');
	*q += negative ? -exponent : exponent;
	return digits;
}

/*
 * Read a number of any length that begins at @at, behind its sign. Zeros in front do not count, and
 * digits that w has no room for only move the point.
 */
static const char *scan_long(const char *at, char point, struct decimal *decimal)
{
	const char *begin = at;
	unsigned kept = 0, seen = 0;
	bool behind = false;
	int64_t q = 0;

	decimal->w = 0;
	decimal->cut = false;
	for (;; at++) {
		if (*at == point && !behind) {
			behind = true;
			continue;
		}
		if (!is_digit(*at))
			break;
		seen = 1;
		if (kept < MOST_DIGITS) {
			decimal->w = decimal->w * 10 + (uint64_t)(*at - '0');
			kept += decimal->w > 0;
			q -= behind;
		} else {
			decimal->cut |= *at != '0';
			q += !behind;
		}
	}
	if (!seen)
		return NULL;
	if (behind && at - begin == 1)
		return NULL;
	decimal->q = q > MOST_EXPONENT ? MOST_EXPONENT : q < -MOST_EXPONENT ? -MOST_EXPONENT : (int)q;
	return (*at | 0x20) == 'e' ? scan_exponent(at, &decimal->q) : at;
}

/* Read digits, and add their number to @count. */
static inline const char *scan_digits(const char *at, uint64_t *w, unsigned *count)
{
	for (;;) {
		uint64_t word = word8_load(at);
		unsigned digits = word8_digits(word);

		if (digits == 0)
			return at;
		*count += digits;
		if (*count > MOST_DIGITS)
			return at;
		*w = *w * whole_powers[digits] + word8_number(word, digits);
		at += digits;
		if (digits < 8)
			return at;
	}
}

/* Read what is w * 10^q. NULL: there is no number. */
static inline const char *scan_decimal(const char *text, char point, struct decimal *decimal)
{
	const char *at = text, *begin;
	unsigned count = 0, behind;
	uint64_t w = 0;

	decimal->negative = *at == '-';
	begin = at += *at == '-' || *at == '+';
	at = scan_digits(at, &w, &count);
	behind = count;
	if (*at == point)
		at = scan_digits(at + 1, &w, &count);
	if (count - 1 >= MOST_DIGITS)
		return count ? scan_long(begin, point, decimal) : NULL;
	decimal->w = w;
	decimal->q = (int)behind - (int)count;
	decimal->cut = false;
	return (*at | 0x20) == 'e' ? scan_exponent(at, &decimal->q) : at;
}

/* ---- The number ---- */

/* Multiply. False: the nearest double needs a closer look. */
static bool scale_nearest(uint64_t w, int q, double *value)
{
	const struct power *power = &powers_of_ten[q - POWERS_FIRST];
	int shift = __builtin_clzll(w), exponent, drop;
	struct wide upper = wide_multiply(w << shift, power->high), lower = wide_multiply(w << shift, power->low);
	uint64_t mantissa, rest, half, bits;

	upper.low += lower.high;
	upper.high += upper.low < lower.high;
	drop = 10 + (int)(upper.high >> 63);
	mantissa = upper.high >> drop;
	rest = upper.high & ((UINT64_C(1) << drop) - 1);
	half = UINT64_C(1) << (drop - 1);
	if ((rest == half && upper.low == 0) || (rest == half - 1 && upper.low == UINT64_MAX))
		return false;
	mantissa += rest >= half;
	exponent = drop + 1 + power_log2(q) - shift + 1075;
	exponent += (int)(mantissa >> 53);
	if (exponent <= 0 || exponent >= 2047)
		return false;
	/* A carry out of the 53 bits leaves zeros, of which the first is the hidden bit. */
	bits = (mantissa & ((UINT64_C(1) << 52) - 1)) | (uint64_t)exponent << 52;
	memcpy(value, &bits, sizeof(*value));
	return true;
}

/* Compute |w * 10^q|. False: as above. */
static inline bool scale_exactly(uint64_t w, int q, double *value)
{
	static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
					1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

#if FLT_EVAL_METHOD == 0
	if (w <= UINT64_C(1) << 53 && q >= -22 && q <= 22) {
		*value = q < 0 ? (double)(int64_t)w / powers[-q] : (double)(int64_t)w * powers[q];
		return true;
	}
#else
	(void)powers;
#endif
	if (w == 0) {
		*value = 0;
		return true;
	}
	return q >= POWERS_FIRST && q <= 308 && scale_nearest(w, q, value);
}

/*
 * Write a number as digits and an exponent. More digits than can matter become one that tells
 * whether there was any but 0.
 */
static void write_plain(const char *text, char point, char *plain, size_t size)
{
	bool behind = false, rest = false;
	unsigned kept = 0;
	int64_t q = 0;
	size_t used = 0;
	int exponent = 0;

	if (*text == '-')
		plain[used++] = '-';
	text += *text == '-' || *text == '+';
	for (; is_digit(*text) || (*text == point && !behind); text++) {
		if (*text == point) {
			behind = true;
		} else if (kept < MATTER) {
			kept += kept > 0 || *text != '0';
			plain[used] = *text;
			used += kept > 0;
			q -= behind;
		} else {
			rest |= *text != '0';
			q += !behind;
		}
	}
	if (rest) {
		plain[used++] = '1';
		q--;
	}
	if (kept == 0)
		plain[used++] = '0';
	if ((*text | 0x20) == 'e')
		scan_exponent(text, &exponent);
	q += exponent;
	q = q > 10L * MOST_EXPONENT ? 10L * MOST_EXPONENT : q < -10L * MOST_EXPONENT ? -10L * MOST_EXPONENT : q;
	snprintf(plain + used, size - used, "e%d", (int)q);
}

/* Ask libc. Without a point, the text means the same in every locale. */
static void ask_libc(const char *text, char point, double *value, float *single)
{
	char plain[MATTER + 32];

	write_plain(text, point, plain, sizeof(plain));
	if (single)
		*single = strtof(plain, NULL);
	else
		*value = strtod(plain, NULL);
}

/* Read the words for what is no finite number. */
static const char *read_word(const char *text, double *value)
{
	bool negative = *text == '-';

	text += *text == '-' || *text == '+';
	if (strncasecmp(text, "inf", 3) == 0) {
		*value = negative ? -(double)INFINITY : (double)INFINITY;
		return text + (strncasecmp(text, "infinity", 8) == 0 ? 8 : 3);
	}
	if (strncasecmp(text, "nan", 3) != 0)
		return NULL;
	*value = negative ? -(double)NAN : (double)NAN;
	return text + 3;
}

/* Compute the number again with what was cut off: if nothing changes, it did not matter. */
static bool scale_cut(const struct decimal *decimal, double *value)
{
	double above;

	return decimal->q >= POWERS_FIRST && decimal->q <= 308 && scale_nearest(decimal->w, decimal->q, value) &&
	       scale_nearest(decimal->w + 1, decimal->q, &above) && *value == above;
}

const char *decimal_read(const char *text, char point, double *value)
{
	struct decimal decimal;
	const char *end = scan_decimal(text, point, &decimal);

	if (!end)
		return read_word(text, value);
	if (__builtin_expect(decimal.cut, 0) ? scale_cut(&decimal, value) : scale_exactly(decimal.w, decimal.q, value))
		*value = decimal.negative ? -*value : *value;
	else
		ask_libc(text, point, value, NULL);
	return end;
}

const char *decimal_read_float(const char *text, char point, float *value)
{
	double whole = 0;
	const char *end = decimal_read(text, point, &whole);
	double magnitude = whole < 0 ? -whole : whole;
	uint64_t bits;

	if (!end)
		return NULL;
	memcpy(&bits, &whole, sizeof(bits));
	*value = (float)whole;
	/* Rounded twice, what lies next to a middle of two floats may go to the wrong one. */
	if (magnitude == 0 || whole != whole || magnitude > DBL_MAX ||
	    (magnitude >= (double)FLT_MIN && magnitude <= (double)FLT_MAX && (bits & 0x1fffffff) != 0x10000000))
		return end;
	ask_libc(text, point, NULL, value);
	return end;
}

const char *decimal_read_whole(const char *text, struct whole *whole)
{
	unsigned count = 0;
	uint64_t w = 0;
	const char *at = text + (*text == '-' || *text == '+'), *end = scan_digits(at, &w, &count);

	whole->negative = *text == '-';
	if (count == 0)
		return NULL;
	if (count > MOST_DIGITS) {
		for (w = 0, end = at; is_digit(*end); end++)
			if (__builtin_mul_overflow(w, 10u, &w) || __builtin_add_overflow(w, (uint64_t)(*end - '0'), &w))
				return NULL;
	}
	whole->magnitude = w;
	return end;
}
