/*
 * csv.c - loads made-up CSV files, and compares each with what a plain reader finds.
 *
 * Usage: fuzz_csv [SEED [COUNT [FOLDER]]]; with FOLDER the inputs are written there instead, as
 * fuzz_csv.c takes them: a byte of options, then the file.
 */
#include "csv_rules.h"
#include "input_file.h"
#include "support/arguments.h"
#include "support/check.h"
#include "support/report.h"
#include "support/rng.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ROOM 300000u

struct made {
	char bytes[ROOM];
	size_t size;
};

static void add(struct made *made, const char *text)
{
	size_t length = strlen(text);

	if (made->size + length > ROOM)
		return;
	memcpy(made->bytes + made->size, text, length);
	made->size += length;
}

static const char *choose(struct rng *rng, const char *const *texts, size_t count)
{
	return texts[rng_below(rng, count)];
}

static void add_value(struct rng *rng, struct made *made, unsigned kind)
{
	static const char *const words[] = {"",          "a",      "ab c", " x", "\"q\"", "\"a \"\"b\"\"\"",
					    "\"x\n#y\"", "\"1\" ", "\"\"", "NA"};
	static const char *const numbers[] = {
		"1", "-2", "0.5", "1e5", "inf", "nan", " 7", "12345678901234567890", "-0", "+3", "1.7976931348623157e308"};
	static const char *const wild[] = {"\"", "a\"b", "\"x\"y", "\r", "\t", ";", ",", "\n", "#", "\xff", "0x1F"};
	char digits[40];

	if (kind == 0)
		snprintf(digits, sizeof(digits), "%lld", (long long)(rng_next(rng) >> rng_below(rng, 64)));
	else if (kind == 1)
		snprintf(digits, sizeof(digits), "%.*g", (int)rng_below(rng, 18), (double)rng_next(rng) / 1e9);
	add(made, kind < 2    ? digits
		  : kind == 2 ? choose(rng, words, sizeof(words) / sizeof(words[0]))
		  : kind == 3 ? choose(rng, numbers, sizeof(numbers) / sizeof(numbers[0]))
			      : choose(rng, wild, sizeof(wild) / sizeof(wild[0])));
}

static unsigned make_file(struct rng *rng, struct made *made)
{
	static const char *const ends[] = {"\n", "\n", "\n", "\r\n", "\n\n", "\n \t\n", "\n# c \"\n"};
	unsigned bits = (unsigned)rng_below(rng, 32), damage = rng_below(rng, 3) ? 0 : (unsigned)rng_below(rng, 300) + 1;
	size_t columns = rng_below(rng, 6) + 1, rows = rng_below(rng, 50) ? rng_below(rng, 30) : rng_below(rng, 5000);
	unsigned kinds[6];
	const char *separator = bits & CSV_SEMICOLON ? ";" : bits & CSV_TABS ? "\t" : ",";

	made->size = 0;
	if (rng_below(rng, 10) == 0)
		add(made, "\xef\xbb\xbf");
	for (size_t i = 0; i < columns; i++)
		kinds[i] = (unsigned)rng_below(rng, 4);
	for (size_t row = 0; row < rows; row++)
		for (size_t i = 0; i < columns; i++) {
			bool wild = damage && rng_below(rng, damage) == 0;

			add_value(rng, made, wild ? 4 : kinds[i]);
			add(made, i + 1 < columns ? separator : choose(rng, ends, sizeof(ends) / sizeof(ends[0])));
		}
	if (made->size > 0 && rng_below(rng, 3) == 0)
		made->size -= 1 + rng_below(rng, made->size < 5 ? made->size : 5);
	return bits;
}

int main(int argc, char **argv)
{
	static struct made made;
	uint64_t seed = seed_argument(argc, argv), count = amount_argument(argc, argv, 2, 800), loaded = 0;
	struct rng rng = {seed};

	if (argc > 3) {
		for (uint64_t i = 0; i < count; i++) {
			unsigned bits = make_file(&rng, &made);
			const uint8_t head = (uint8_t)bits;

			if (made.size < 2000)
				input_save(argv[3], "csv", i, &head, sizeof(head), made.bytes, made.size);
		}
		return 0;
	}
	report_begin("csv", "cases", seed);
	csv_rules_begin();
	for (uint64_t i = 0; i < count; i++) {
		unsigned bits = make_file(&rng, &made);

		loaded += csv_rules_check(bits, made.bytes, made.size);
		report_add(1);
	}
	csv_rules_end();
	report_figure("loaded", (double)loaded);
	report_end();
	return 0;
}
