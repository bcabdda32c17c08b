/*
 * data_rows.h - a table of eight columns of numbers that everybody can compute anew, and its file.
 */
#ifndef BENCH_DATA_ROWS_H
#define BENCH_DATA_ROWS_H

#include "bench.h"

#define DATA_COLUMNS 8u

/* What a column has: whole numbers, divided by a power of ten. */
struct data_column {
	const char *name;
	unsigned digits; /* behind the point; 0: whole numbers */
	int64_t least, most;
};

extern const struct data_column data_columns[DATA_COLUMNS];

/** data_number() - the value of a row, times that power of ten; of the first column, its number. */
int64_t data_number(size_t row, unsigned column);

/** data_value() - the nearest double to the value. */
double data_value(size_t row, unsigned column);

/*
 * * data_prepare() - write what->full.n rows, or quick.n, as CSV into a temporary file, and name it
 * to all contenders: data_file()
 * * data_finish() - remove it
 */
void data_prepare(const struct bench_case *what, bool quick);
void data_finish(void);

/** data_file() - its name, in peers SHEAF_BENCH_FILE. NULL: none; bench_skip() was called. */
const char *data_file(void);

#endif
