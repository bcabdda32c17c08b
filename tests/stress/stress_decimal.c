/*
 * stress_decimal.c - ten million numbers of all lengths and exponents: each is read as strtod() and
 * strtof() read it, and each double is written so that it reads back the same.
 *
 * Usage: stress_decimal [SEED [COUNT]]
 */
#include "table/decimal.h"
#include "table/shortest.h"
#include "support/arguments.h"
#include "support/check.h"
#include "support/report.h"
#include "support/rng.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROOM 128

/* @text: with a byte for the separator and 16 more behind it */
static void check(char *text)
{
	size_t length = strlen(text);
	double value = -7, wanted = strtod(text, NULL);
	float single = -7, wanted_single = strtof(text, NULL);
	const char *end;

	text[length] = ',';
	end = decimal_read(text, '.', &value);
	CHECK(end == text + length && memcmp(&value, &wanted, sizeof(value)) == 0, "%.*s: %a, not %a", (int)length, text, value,
	      wanted);
	end = decimal_read_float(text, '.', &single);
	CHECK(end == text + length && memcmp(&single, &wanted_single, sizeof(single)) == 0, "%.*s: %a, not %a", (int)length,
	      text, (double)single, (double)wanted_single);
	report_add(1);
}

static void check_written(double value)
{
	char text[ROOM] = {0};
	double back;

	*shortest_double(text, value, '.') = '\0';
	back = strtod(text, NULL);
	CHECK(memcmp(&back, &value, sizeof(back)) == 0, "%a was written as %s", value, text);
	check(text);
}

int main(int argc, char **argv)
{
	uint64_t seed = seed_argument(argc, argv), count = amount_argument(argc, argv, 2, 10000000);
	struct rng rng = {seed};
	char text[ROOM];

	report_begin("decimal", "numbers", seed);
	for (uint64_t i = 0; i < count; i += 4) {
		uint64_t bits = rng_next(&rng), a = rng_next(&rng), b = rng_next(&rng);
		double value;

		memcpy(&value, &bits, sizeof(value));
		if (value * 0 != 0)
			value = (double)bits;
		check_written(value);
		snprintf(text, sizeof(text) - 20, "%.*e", (int)(a % 20), value);
		check(text);
		snprintf(text, sizeof(text) - 20, "%lld.%0*llu", (long long)(int64_t)(a >> a % 64), (int)(b % 19 + 1),
			 (unsigned long long)(b >> a % 64));
		check(text);
		snprintf(text, sizeof(text) - 20, "%llu.%llue%d", (unsigned long long)(a >> b % 64),
			 (unsigned long long)(b >> a % 64), (int)(bits % 700) - 350);
		check(text);
	}
	report_end();
	return 0;
}
