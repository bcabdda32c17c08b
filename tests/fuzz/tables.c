/*
 * tables.c - grammars of CSV, .npy and .npz, with every rule broken now and then.
 *
 * A seed gives the same inputs whatever compiles this: no expression draws twice where C leaves the
 * order open. Most inputs are small, so that a million of them take a minute; some are as large as
 * it takes to make every buffer grow.
 */
#include "support/check.h"
#include "support/rng.h"
#include "tables.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LARGEST ((size_t)4 << 20)

static struct {
	char *bytes;
	size_t size;
} made;

static void add_bytes(const void *bytes, size_t size)
{
	if (size > LARGEST - made.size)
		size = LARGEST - made.size;
	memcpy(made.bytes + made.size, bytes, size);
	made.size += size;
}

static void add(const char *format, ...) __attribute__((__format__(__printf__, 1, 2)));

static void add(const char *format, ...)
{
	char text[256];
	va_list args;
	int size;

	va_start(args, format);
	size = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	add_bytes(text, size < (int)sizeof(text) ? (size_t)size : sizeof(text) - 1);
}

static void add_times(const char *text, uint64_t times)
{
	size_t size = strlen(text);

	while (times-- > 0 && made.size < LARGEST)
		add_bytes(text, size);
}

static bool one_in(struct rng *rng, uint64_t n)
{
	return rng_below(rng, n) == 0;
}

/* Mostly a few, now and then many. */
static uint64_t some(struct rng *rng, uint64_t most)
{
	uint64_t few = one_in(rng, 16) ? most : most < 8 ? most : 8;

	return rng_below(rng, few + 1);
}

static uint64_t some_bits(struct rng *rng, uint64_t least_zeros)
{
	uint64_t bits = rng_next(rng);

	return bits >> (least_zeros + rng_below(rng, 64 - least_zeros));
}

/* ---- CSV ---- */

static const char *pick(struct rng *rng, const char *const *texts, size_t count)
{
	return texts[rng_below(rng, count)];
}

#define PICK(rng, texts) pick(rng, texts, sizeof(texts) / sizeof((texts)[0]))

static void add_field(struct rng *rng)
{
	static const char *const strange[] = {
		"",     "NA",     "-",     "x",      "\"a,b\"", "\"",   "\"1\"",   " 2 ",      "nan",          "-inf",
		"0x1F", "nan(1)", "1e999", "1e-999", "\t3",     "\"\"", "\x1b[2J", "\xc2\x9b", "\xe2\x80\xae", "\xff\xfe",
		"\x7f", "\"\"\"", "1 2",   ".",
	};

	switch (rng_below(rng, 8)) {
	case 0:
		add("%s", PICK(rng, strange));
		break;
	case 1:
		add("%.17g", (double)rng_next(rng) / 3e9);
		break;
	default:
		add("%u", (unsigned)rng_below(rng, 1000));
	}
}

static void add_end(struct rng *rng)
{
	static const char *const ends[] = {"\n", "\n", "\n", "\r\n", "\n\n", "\n \t\n", "\r", ",\n"};

	add("%s", PICK(rng, ends));
}

static void add_csv(struct rng *rng)
{
	uint64_t columns = 1 + some(rng, 40), rows = some(rng, 40);
	bool plain = one_in(rng, 2); /* numbers alone, so that it is a table */

	if (one_in(rng, 16))
		add("\xef\xbb\xbf");
	if (one_in(rng, 4)) {
		for (uint64_t i = 0; i < columns; i++)
			add("%sname%u", i ? "," : "", (unsigned)i);
		add("\n");
	}
	for (uint64_t row = 0; row < rows; row++) {
		uint64_t count = one_in(rng, 64) ? some(rng, 80) : columns;

		for (uint64_t i = 0; i < count; i++) {
			if (i)
				add(",");
			if (plain)
				add("%u", (unsigned)rng_below(rng, 100000));
			else
				add_field(rng);
		}
		if (plain && !one_in(rng, 8))
			add("\n");
		else
			add_end(rng);
	}
}

/* What small files could make a reader take much memory for. */
static void add_hostile_csv(struct rng *rng, uint64_t most)
{
	static const char *const bits[] = {",",      "1,", "\n",     "1\n", " ",        "\"",          "\t",
					   "0",      "x",  "\r\n",   "NA,", "-,",       ",,",          "\"\",",
					   "\"1\",", " ,", "\n\n1,", "1e",  "\x1b[31m", "\xe2\x80\xae"};
	uint64_t parts = 1 + rng_below(rng, 4);

	for (uint64_t i = 0; i < parts; i++) {
		const char *bit = PICK(rng, bits);

		add_times(bit, 1 + rng_below(rng, most));
		if (one_in(rng, 3))
			add("\n");
	}
}

/* ---- .npy ---- */

static void add_length(struct rng *rng, uint64_t usual)
{
	static const char *const strange[] = {"0",
					      "-1",
					      "18446744073709551615",
					      "18446744073709551616",
					      "9223372036854775807",
					      "4294967296",
					      "2305843009213693952",
					      "1e3",
					      "",
					      "True",
					      "99999999999999999999999",
					      "1L"};

	if (one_in(rng, 6))
		add("%s", PICK(rng, strange));
	else
		add("%llu", (unsigned long long)usual);
}

static void add_npy(struct rng *rng)
{
	static const char *const types[] = {"'<f8'",
					    "'<f8'",
					    "'<f8'",
					    "'<f8'",
					    "'<f8'",
					    "'<f8'",
					    "'<i2'",
					    "'>c16'",
					    "'|S3'",
					    "'|V5'",
					    "[('x', '<f4', (2,)), ('y', [('z', '>u2')])]",
					    "'<f2'",
					    "'<f8'",
					    "'>f8'",
					    "'|O'",
					    "[('x', '<f8')]",
					    "'\x1b]0;x\x07'",
					    "'\xc2\x9b;n'"};
	uint64_t rows = some(rng, 300), columns = some(rng, 20);
	bool flat = one_in(rng, 3);
	size_t start, length;
	unsigned major = one_in(rng, 32) ? (unsigned)rng_below(rng, 256) : 1 + (unsigned)rng_below(rng, 3);
	uint64_t dimensions = one_in(rng, 12) ? some(rng, 2000) : flat ? 1 : 2;

	add_bytes("\x93NUMPY", 6);
	add_bytes((unsigned char[]){(unsigned char)major, one_in(rng, 64)}, 2);
	start = made.size;
	add_bytes("\0\0\0\0", major == 1 ? 2 : 4);
	add("{'descr': %s, ", PICK(rng, types));
	add("'fortran_order': %s, 'shape': (", one_in(rng, 16) ? "True" : "False");
	for (uint64_t i = 0; i < dimensions; i++) {
		add_length(rng, i ? columns : rows);
		add("%s", i + 1 < dimensions || dimensions == 1 ? ", " : "");
	}
	add("), }");
	if (one_in(rng, 64))
		add_times(" ", rng_below(rng, 100000));
	if (one_in(rng, 64))
		add_times("\x1b[", rng_below(rng, 100000));
	add("\n");
	length = made.size - start - (major == 1 ? 2 : 4);
	if (one_in(rng, 24))
		length = (size_t)some_bits(rng, 0);
	for (size_t i = 0; i < (major == 1 ? 2u : 4u); i++)
		made.bytes[start + i] = (char)(length >> (8 * i));
	for (uint64_t i = 0; i < rows * (flat ? 1 : columns) && dimensions <= 2; i++)
		add_bytes(&(double){(double)i}, sizeof(double));
	if (one_in(rng, 8))
		add_times("x", some(rng, 1000));
}

/* A header that promises much, and little behind it. */
static void add_promise(struct rng *rng)
{
	char header[128];
	int length = snprintf(header, sizeof(header), "{'descr': '<f8', 'fortran_order': False, 'shape': (%llu,), }",
			      (unsigned long long)some_bits(rng, 3));

	add_bytes("\x93NUMPY\x01", 8);
	add_bytes((unsigned char[]){(unsigned char)length, 0}, 2);
	add_bytes(header, (size_t)length);
	add_times("01234567", some(rng, 40000));
}

/* ---- .npz ---- */

static uint32_t crc_of(const char *bytes, size_t size)
{
	uint32_t crc = 0xffffffff;

	for (size_t i = 0; i < size; i++) {
		crc ^= (unsigned char)bytes[i];
		for (unsigned bit = 0; bit < 8; bit++)
			crc = crc & 1 ? crc >> 1 ^ 0xedb88320u : crc >> 1;
	}
	return ~crc;
}

static void add_number(uint64_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		add_bytes((char[]){(char)(value >> (8 * i))}, 1);
}

/* Sometimes another number than the right one. */
static uint64_t mostly(struct rng *rng, uint64_t right)
{
	return one_in(rng, 60) ? some_bits(rng, 0) : right;
}

/* What the local header and the entry of a file have in common. */
static void add_common(struct rng *rng, uint32_t crc, size_t size)
{
	add_number(mostly(rng, 20), 2);
	add_number(mostly(rng, 0), 2);
	add_number(one_in(rng, 40) ? 8 : mostly(rng, 0), 2);
	add_number(0, 4);
	add_number(mostly(rng, crc), 4);
	add_number(mostly(rng, size), 4);
	add_number(mostly(rng, size), 4);
}

/* An archive of one .npy file or two, by the numbers of their entries. */
static void add_npz(struct rng *rng)
{
	size_t headers[2], sizes[2], count = 1 + one_in(rng, 8), directory, all;
	uint32_t crcs[2];

	for (size_t i = 0; i < count; i++) {
		size_t local = made.size, begin;

		headers[i] = local;
		add_number(0x04034b50, 4);
		made.size += 22;
		add_number(5, 2);
		add_number(0, 2);
		add("%c.npy", (char)('a' + i));
		begin = made.size;
		add_npy(rng);
		sizes[i] = made.size - begin;
		crcs[i] = crc_of(made.bytes + begin, sizes[i]);
		all = made.size;
		made.size = local + 4;
		add_common(rng, crcs[i], sizes[i]);
		made.size = all;
	}
	directory = made.size;
	for (size_t i = 0; i < count; i++) {
		add_number(0x02014b50, 4);
		add_number(20, 2);
		add_common(rng, crcs[i], sizes[i]);
		add_number(mostly(rng, 5), 2);
		add_number(mostly(rng, 0), 2);
		add_number(mostly(rng, 0), 2);
		add_number(0, 2);
		add_number(0, 2);
		add_number(0, 4);
		add_number(mostly(rng, headers[i]), 4);
		add("%c.npy", (char)('a' + i));
	}
	all = made.size - directory;
	add_number(0x06054b50, 4);
	add_number(mostly(rng, 0), 4);
	add_number(mostly(rng, count), 2);
	add_number(mostly(rng, count), 2);
	add_number(mostly(rng, all), 4);
	add_number(mostly(rng, directory), 4);
	add_number(mostly(rng, 0), 2);
}

/* ---- damage ---- */

static void damage(struct rng *rng)
{
	static const char strange[] = ",\"\n\r\t \0\x1b\x93-.e0'()[]{}";

	for (uint64_t i = 1 + rng_below(rng, 4); i && made.size; i--) {
		size_t at = rng_below(rng, made.size);

		switch (rng_below(rng, 4)) {
		case 0:
			made.bytes[at] = (char)rng_next(rng);
			break;
		case 1:
			made.bytes[at] = strange[rng_below(rng, sizeof(strange) - 1)];
			break;
		case 2:
			made.size = at;
			break;
		default:
			memmove(made.bytes + at, made.bytes + at + 1, made.size - at - 1);
			made.size--;
		}
	}
}

void table_make(struct rng *rng, struct table_input *input)
{
	bool dearest = false;

	if (!made.bytes)
		made.bytes = malloc(LARGEST);
	CHECK(made.bytes, "no memory");
	made.size = 0;
	switch (rng_below(rng, 9)) {
	case 0:
	case 1:
	case 2:
		add_csv(rng);
		break;
	case 8:
		add_npz(rng);
		break;
	case 3:
		if (one_in(rng, 200)) {
			/* A value for each byte, which is as dear as text can be. */
			const char *bit = one_in(rng, 2) ? "," : ",,,,,,,,\n";

			add_times(bit, 1 + rng_below(rng, LARGEST / 2));
			dearest = true;
		} else {
			add_hostile_csv(rng, one_in(rng, 1000) ? LARGEST / 2 : one_in(rng, 50) ? 100000 : 200);
		}
		break;
	case 4:
	case 5:
	case 6:
		add_npy(rng);
		break;
	default:
		add_promise(rng);
	}
	if (one_in(rng, 3))
		damage(rng);
	*input = (struct table_input){.bytes = (const unsigned char *)made.bytes, .size = made.size};
	input->piped = one_in(rng, 3);
	input->header = (unsigned)rng_below(rng, 3);
	input->missing = dearest ? 2 : (unsigned)rng_below(rng, 4);
}
