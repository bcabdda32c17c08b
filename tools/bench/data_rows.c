/*
 * data_rows.c - the table of the cases about files: numbers of all lengths, as they are in data
 * sets.
 */
#include "data_rows.h"
#include "measure.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VARIABLE "SHEAF_BENCH_FILE"
#define LONGEST_ROW 160

const struct data_column data_columns[DATA_COLUMNS] = {
	{"id", 0, 0, INT64_MAX},          {"count", 0, -1000000, 1000000},
	{"length", 3, -3000000, 3000000}, {"share", 16, 0, INT64_C(9000000000000000)},
	{"price", 2, 0, 10000},           {"group", 0, 0, 99},
	{"score", 6, -4000000, 4000000},  {"time", 0, 1000000000, 2000000000},
};

static char file_name[512];

int64_t data_number(size_t row, unsigned column)
{
	const struct data_column *what = &data_columns[column];
	/* SplitMix64 */
	uint64_t x = ((uint64_t)row * DATA_COLUMNS + column + 1) * UINT64_C(0x9e3779b97f4a7c15);

	if (column == 0)
		return (int64_t)row;
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return what->least + (int64_t)((x ^ x >> 31) % (uint64_t)(what->most - what->least + 1));
}

double data_value(size_t row, unsigned column)
{
	static const double scales[] = {1,   10,   1e2,  1e3,  1e4,  1e5,  1e6,  1e7, 1e8,
					1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16};

	/* Both are exact, so the quotient is the nearest double. */
	return (double)data_number(row, column) / scales[data_columns[column].digits];
}

static char *write_number(char *at, int64_t number, unsigned digits)
{
	uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
	char text[32], *end = text + sizeof(text), *begin = end;

	for (unsigned i = 0; rest || i <= digits; i++) {
		if (digits && i == digits)
			*--begin = '.';
		*--begin = (char)('0' + rest % 10);
		rest /= 10;
	}
	if (number < 0)
		*--begin = '-';
	memcpy(at, begin, (size_t)(end - begin));
	return at + (end - begin);
}

static bool write_rows(FILE *file, size_t n)
{
	for (unsigned i = 0; i < DATA_COLUMNS; i++)
		fprintf(file, "%s%s", data_columns[i].name, i + 1 < DATA_COLUMNS ? "," : "\n");
	for (size_t row = 0; row < n; row++) {
		char line[LONGEST_ROW], *at = line;

		for (unsigned i = 0; i < DATA_COLUMNS; i++) {
			at = write_number(at, data_number(row, i), data_columns[i].digits);
			*at++ = i + 1 < DATA_COLUMNS ? ',' : '\n';
		}
		if (fwrite(line, 1, (size_t)(at - line), file) != (size_t)(at - line))
			return false;
	}
	return true;
}

void data_prepare(const struct bench_case *what, bool quick)
{
	const char *folder = getenv("TMPDIR");
	FILE *file;
	bool written;

	unsetenv(VARIABLE);
	snprintf(file_name, sizeof(file_name), "%.400s/sheaf-bench-%ld.csv", folder && folder[0] ? folder : "/tmp",
		 (long)getpid());
	file = fopen(file_name, "wx");
	if (!file)
		return;
	written = write_rows(file, quick ? what->quick.n : what->full.n);
	written = fclose(file) == 0 && written;
	if (!written || setenv(VARIABLE, file_name, 1) != 0)
		unlink(file_name);
}

void data_finish(void)
{
	if (getenv(VARIABLE))
		unlink(file_name);
	unsetenv(VARIABLE);
}

const char *data_file(void)
{
	const char *name = getenv(VARIABLE);

	if (!name)
		bench_skip("%s cannot be written: %s", file_name, strerror(errno ? errno : EIO));
	return name;
}
