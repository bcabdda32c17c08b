/*
 * test_decimal.c - numbers from text: each is what strtod() and strtof() make of it, to the bit.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "table/decimal.h"
#include "support/rng.h"

#define ROOM 4096

/* Read the text as a field, with a separator behind it that numbers may not have. */
static void check(const char *text)
{
	char field[ROOM] = {0};
	size_t length = strlen(text);
	double value = -7, wanted = strtod(text, NULL);
	float single = -7, wanted_single = strtof(text, NULL);

	memcpy(field, text, length);
	field[length] = ',';
	cr_assert_eq(decimal_read(field, '.', &value), field + length, "%s", text);
	cr_assert_eq(memcmp(&value, &wanted, sizeof(value)), 0, "%s: %a, not %a", text, value, wanted);
	cr_assert_eq(decimal_read_float(field, '.', &single), field + length, "%s", text);
	cr_assert_eq(memcmp(&single, &wanted_single, sizeof(single)), 0, "%s: %a, not %a", text, (double)single,
		     (double)wanted_single);
}

Test(decimal, reads_hard_numbers)
{
	static const char *const numbers[] = {
		"0", "-0", "0.0", "+1", "1.", ".5", "00000000000000000000000000000000000001", "0e400", "0e-400",
		/* middles of two doubles, and their neighbours */
		"9007199254740991", "9007199254740993", "9007199254740995", "9223372036854775807.5", "7.2057594037927933e16",
		"6929495644600919.5", "3.7455744005952583e15", "1090544144181609348671888949248",
		"9007199254740993.00000000000000000000000000000000000000000000000000000000000000000000000001",
		/* the largest, the least, and beyond */
		"1.7976931348623157e308", "1.7976931348623158e308", "1.7976931348623159e308", "1e309", "-1e400",
		"2.2250738585072014e-308", "2.2250738585072011e-308", "2.2250738585072012e-308", "4.9e-324", "5e-324",
		"2.4703282292062327e-324", "2.4703282292062328e-324", "3e-324", "2e-324", "1e-400", "1e-99999999999",
		"1e99999999999",
		/* of floats */
		"3.4028234e38", "3.4028236e38", "1.17549435e-38", "1.4e-45", "7e-46", "16777217", "8388608.5",
		"1.00000017881393432617187499", "1.00000017881393432617187500", "1.00000017881393432617187501",
		/* digits that 64 bits have no room for */
		"18446744073709551615", "18446744073709551616", "123456789012345678901234567890",
		"0.00000000000000000000000000000000000000000000000000000000000000000000000000000001", "1e22", "1e23", "8.5e22",
		"0.1", "0.30000000000000004", "1.448997445238699"};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		check(numbers[i]);
}

/* Write exactly the middle of a double and the next one, which may take 770 digits. */
static void write_middle(double value, char *text, size_t size)
{
	long double middle = ((long double)value + (long double)nextafter(value, (double)INFINITY)) / 2;

	snprintf(text, size, "%.1100Lf", middle);
}

static void check_middles(struct rng *rng)
{
	char text[ROOM - 64];
	uint64_t bits = rng_next(rng) >> 12 | (rng_next(rng) % 2040 + 1) << 52;
	double value;

	memcpy(&value, &bits, sizeof(value));
	/* Where long doubles are no longer than doubles, this is just another number. */
	write_middle(value, text, sizeof(text));
	check(text);
	text[strlen(text) - 1] = '1';
	check(text);
}

Test(decimal, reads_random_numbers)
{
	struct rng rng = {.state = 17};
	char text[512];

	for (unsigned i = 0; i < 200000; i++) {
		uint64_t bits = rng_next(&rng), a = rng_next(&rng), b = rng_next(&rng);
		double value;

		memcpy(&value, &bits, sizeof(value));
		if (isfinite(value)) {
			snprintf(text, sizeof(text), "%.*e", (int)(a % 20), value);
			check(text);
			snprintf(text, sizeof(text), "%.17g", value);
			check(text);
		}
		snprintf(text, sizeof(text), "%.*f", (int)(a % 18), (double)(int64_t)(a >> a % 64) / (double)(b % 1000 + 1));
		check(text);
		snprintf(text, sizeof(text), "%llu.%llue%d", (unsigned long long)(a >> b % 64),
			 (unsigned long long)(b >> a % 64), (int)(bits % 700) - 350);
		check(text);
		if (i % 256 == 0)
			check_middles(&rng);
	}
}

Test(decimal, takes_any_point_and_words)
{
	double value;

	cr_assert_str_eq(decimal_read("-1,5;0000000000000000", ',', &value), ";0000000000000000");
	cr_assert_eq(value, -1.5);
	cr_assert_str_eq(decimal_read("1.5;0000000000000000", ',', &value), ".5;0000000000000000");
	cr_assert_eq(value, 1);
	cr_assert_str_eq(decimal_read("-iNf,0000000000000000", '.', &value), ",0000000000000000");
	cr_assert_eq(value, -(double)INFINITY);
	cr_assert_str_eq(decimal_read("Infinity,0000000000000000", '.', &value), ",0000000000000000");
	cr_assert_str_eq(decimal_read("NAN(1),0000000000000000", '.', &value), "(1),0000000000000000");
	cr_assert(isnan(value));
	cr_assert_str_eq(decimal_read("0x1F,0000000000000000", '.', &value), "x1F,0000000000000000");
	cr_assert_str_eq(decimal_read("1e+,0000000000000000", '.', &value), "e+,0000000000000000");
	cr_assert_null(decimal_read(".,0000000000000000", '.', &value));
	cr_assert_null(decimal_read("-,0000000000000000", '.', &value));
	cr_assert_null(decimal_read(",0000000000000000", '.', &value));
	cr_assert_null(decimal_read("e5,0000000000000000", '.', &value));
}

Test(decimal, reads_whole_numbers)
{
	struct whole whole;

	cr_assert_str_eq(decimal_read_whole("-18446744073709551615,00000000", &whole), ",00000000");
	cr_assert(whole.negative && whole.magnitude == UINT64_MAX);
	cr_assert_null(decimal_read_whole("18446744073709551616,00000000", &whole));
	cr_assert_str_eq(decimal_read_whole("0000000000000000000000000000012,00000000", &whole), ",00000000");
	cr_assert_eq(whole.magnitude, 12);
	cr_assert_str_eq(decimal_read_whole("+12345678.5,00000000", &whole), ".5,00000000");
	cr_assert_eq(whole.magnitude, 12345678);
	cr_assert_null(decimal_read_whole("+,0000000000", &whole));
}
