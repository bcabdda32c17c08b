/*
 * normalize.c - bring each column of an array to mean 0 and deviation 1: read an .npy file, compute
 * in its columns in parallel, write another one.
 *
 * Without a file it makes one: small whole numbers of 16 bits, in column order, as measuring
 * devices write them. NumPy reads both files.
 *
 * Run: build/docs/examples/normalize [--workers N] [--in FILE] [--out FILE]
 */
#include "support/example.h"

#include <math.h>
#include <sheaf_data.h>
#include <stdio.h>

enum { ROWS = 20000, COLUMNS = 12 };

/* Normalize the columns from @begin to @end. The context is an array of doubles. */
static int normalize(sheaf_task *task, size_t begin, size_t end, void *context)
{
	const sheaf_array *array = context;
	size_t rows = array->shape[0];

	(void)task;
	for (size_t c = begin; c < end; c++) {
		double mean = 0, square = 0;
		sheaf_array column;
		double *x;

		if (sheaf_array_slice(&column, array, 1, c, 1, 1))
			return -1;
		x = column.data;
		for (size_t r = 0; r < rows; r++)
			mean += x[r] / (double)rows;
		for (size_t r = 0; r < rows; r++)
			square += (x[r] - mean) * (x[r] - mean);
		for (size_t r = 0; r < rows; r++)
			x[r] = square > 0 ? (x[r] - mean) / sqrt(square / (double)rows) : 0;
	}
	return 0;
}

/* Make a file of ROWS x COLUMNS numbers whose columns lie one behind the other. */
static int make_file(sheaf_pool *pool, const char *path)
{
	const size_t shape[] = {COLUMNS, ROWS};
	sheaf_array array, turned;
	short *values;
	int r = sheaf_array_create(&array, pool, SHEAF_I16, 0, 2, shape);

	if (r)
		return r;
	values = array.data;
	for (size_t i = 0; i < (size_t)ROWS * COLUMNS; i++)
		values[i] = (short)(i % ROWS * (i / ROWS + 3) % 1009);
	if (!(r = sheaf_array_transpose(&turned, &array, NULL)))
		r = sheaf_array_save(&turned, path);
	sheaf_array_free(&array, pool);
	return r;
}

/* Load a file of any numbers into columns of doubles, each of which lies in one piece. */
static int load_columns(sheaf_pool *pool, const char *path, sheaf_array *columns)
{
	sheaf_array loaded, memory;
	int r = sheaf_array_load(&loaded, pool, path, NULL);

	if (r)
		return r;
	if (loaded.dimensions != 2) {
		fprintf(stderr, "normalize: %s: has %u dimensions; wanted are rows and columns\n", path, loaded.dimensions);
		return 1;
	}
	r = sheaf_array_create(&memory, pool, SHEAF_F64, 0, 2, (size_t[]){loaded.shape[1], loaded.shape[0]});
	if (!r && !(r = sheaf_array_transpose(columns, &memory, NULL)))
		r = sheaf_array_copy(pool, columns, &loaded, SHEAF_CHECKED, NULL);
	columns->memory = memory.memory;
	sheaf_array_free(&loaded, pool);
	return r;
}

static int run(sheaf_pool *pool, const char *in, const char *out)
{
	sheaf_array columns = {0};
	int r;

	if (!in && (r = make_file(pool, in = "measured.npy")))
		return r;
	if ((r = load_columns(pool, in, &columns)))
		return r;
	r = sheaf_for(pool, normalize, &columns, columns.shape[1], &(sheaf_map_options){.context_size = sizeof(columns)});
	if (!r && !(r = sheaf_array_save(&columns, out)))
		printf("%zu rows, %zu columns: %s\n", columns.shape[0], columns.shape[1], out);
	sheaf_array_free(&columns, pool);
	return r;
}

int main(int argc, char **argv)
{
	const char *in = NULL, *out = "normalized.npy";
	const struct example_option choices[] = {{.name = "--in", .help = "a file to read; else one is made", .text = &in},
						 {.name = "--out", .help = "the file to write", .text = &out},
						 {0}};
	sheaf_pool_options options = {.workers = example_options(argc, argv, choices)};
	sheaf_pool *pool;
	int r = sheaf_pool_create(&pool, &options);

	if (!r) {
		r = run(pool, in, out);
		sheaf_pool_destroy(pool);
	}
	return example_end(r);
}
