/*
 * test_shortest.c - numbers as text: each reads back the same, and none has a digit too many.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "table/shortest.h"
#include "support/rng.h"

/* Count the digits that matter. */
static int digits_of(const char *text)
{
	int digits = 0, zeros = 0;

	for (; *text && *text != 'e'; text++) {
		if (*text < '0' || *text > '9' || (digits == 0 && *text == '0'))
			continue;
		digits++;
		zeros = *text == '0' ? zeros + 1 : 0;
	}
	return digits - zeros;
}

static const char *written(double value)
{
	static char text[SHORTEST_ROOM + 1];

	*shortest_double(text, value, '.') = '\0';
	return text;
}

static const char *written_float(float value)
{
	static char text[SHORTEST_ROOM + 1];

	*shortest_float(text, value, '.') = '\0';
	return text;
}

static void check(double value)
{
	const char *text = written(value);
	char other[64];
	double back = strtod(text, NULL);
	int least = 1;

	cr_assert_eq(memcmp(&back, &value, sizeof(back)), 0, "%a became %s", value, text);
	for (; least < 17; least++) {
		snprintf(other, sizeof(other), "%.*e", least - 1, value);
		if (strtod(other, NULL) == value)
			break;
	}
	cr_assert_leq(digits_of(text), least, "%s instead of %s", text, other);
}

static void check_float(float value)
{
	const char *text = written_float(value);
	char other[64];
	float back = strtof(text, NULL);
	int least = 1;

	cr_assert_eq(memcmp(&back, &value, sizeof(back)), 0, "%a became %s", (double)value, text);
	for (; least < 9; least++) {
		snprintf(other, sizeof(other), "%.*e", least - 1, (double)value);
		if (strtof(other, NULL) == value)
			break;
	}
	cr_assert_leq(digits_of(text), least, "%s instead of %s", text, other);
}

Test(shortest, writes_known_numbers)
{
	cr_assert_str_eq(written(0), "0.0");
	cr_assert_str_eq(written(-0.0), "-0.0");
	cr_assert_str_eq(written(1), "1.0");
	cr_assert_str_eq(written(-0.1), "-0.1");
	cr_assert_str_eq(written(0.30000000000000004), "0.30000000000000004");
	cr_assert_str_eq(written(123456.789), "123456.789");
	cr_assert_str_eq(written(0.0001), "0.0001");
	cr_assert_str_eq(written(0.000001), "1e-6");
	cr_assert_str_eq(written(1e16), "10000000000000000.0");
	cr_assert_str_eq(written(1e22), "1e22");
	cr_assert_str_eq(written(1.5e300), "1.5e300");
	cr_assert_str_eq(written(5e-324), "5e-324");
	cr_assert_str_eq(written(1.7976931348623157e308), "1.7976931348623157e308");
	cr_assert_str_eq(written(2.2250738585072014e-308), "2.2250738585072014e-308");
	cr_assert_str_eq(written((double)INFINITY), "inf");
	cr_assert_str_eq(written(-(double)INFINITY), "-inf");
	cr_assert_str_eq(written((double)NAN), "nan");
	cr_assert_str_eq(written_float(0.1f), "0.1");
	cr_assert_str_eq(written_float(16777216), "16777216.0");
	cr_assert_str_eq(written_float(1e-45f), "1e-45");
	cr_assert_str_eq(written_float(3.4028235e38f), "3.4028235e38");
}

Test(shortest, takes_any_point)
{
	char text[SHORTEST_ROOM + 1];

	*shortest_double(text, -1234.5, ',') = '\0';
	cr_assert_str_eq(text, "-1234,5");
	*shortest_double(text, 1.25e-7, ',') = '\0';
	cr_assert_str_eq(text, "1,25e-7");
}

Test(shortest, writes_whole_numbers)
{
	char text[SHORTEST_ROOM + 1];
	uint64_t number = 1;

	for (unsigned digits = 1; digits < 20; digits++, number *= 10) {
		char wanted[SHORTEST_ROOM];

		*shortest_whole(text, number, false) = '\0';
		snprintf(wanted, sizeof(wanted), "%llu", (unsigned long long)number);
		cr_assert_str_eq(text, wanted);
		*shortest_whole(text, number - 1, true) = '\0';
		snprintf(wanted, sizeof(wanted), "-%llu", (unsigned long long)number - 1);
		cr_assert_str_eq(text, wanted);
	}
	*shortest_whole(text, UINT64_MAX, false) = '\0';
	cr_assert_str_eq(text, "18446744073709551615");
}

Test(shortest, writes_random_numbers)
{
	struct rng rng = {.state = 3};

	for (int i = -1074; i < 1024; i++)
		check(ldexp(1, i));
	for (unsigned i = 0; i < 50000; i++) {
		uint64_t bits = rng_next(&rng);
		uint32_t bits32 = (uint32_t)rng_next(&rng);
		double value;
		float single;

		memcpy(&value, &bits, sizeof(value));
		memcpy(&single, &bits32, sizeof(single));
		if (isfinite(value))
			check(value);
		if (isfinite(single))
			check_float(single);
		/* As in data sets. */
		value = (double)(int64_t)(bits >> bits32 % 64) / pow(10, bits32 % 20);
		check(value);
		check_float((float)value);
	}
}
