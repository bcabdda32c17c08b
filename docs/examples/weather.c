/*
 * weather.c - read a CSV file of measurements into typed columns, compute in them in parallel, and
 * write another CSV file.
 *
 * The file has a station, a day and degrees Fahrenheit, of which some are missing ("-"). The new
 * one has degrees Celsius. Without a file the program makes one.
 *
 * Run: build/docs/examples/weather [--workers N] [--in FILE] [--out FILE]
 */
#include "support/example.h"

#include <sheaf_table.h>
#include <stdio.h>

enum { ROWS = 20000, STATIONS = 7 };

/* Convert the values from @begin to @end. A missing one is a NaN, and stays one. */
static int to_celsius(sheaf_task *task, size_t begin, size_t end, void *context)
{
	double *degrees = context;

	(void)task;
	for (size_t i = begin; i < end; i++)
		degrees[i] = (degrees[i] - 32) * 5 / 9;
	return 0;
}

static int make_file(const char *path)
{
	static const char *const names[STATIONS] = {"Bern",  "\"Oslo, port\"",        "Lima", "Kyiv",
						    "Accra", "\"\"\"Old\"\" Delhi\"", "Quito"};
	FILE *file = fopen(path, "w");

	if (!file) {
		perror(path);
		return 1;
	}
	fputs("station,day,degrees\n", file);
	for (unsigned i = 0; i < ROWS; i++) {
		fprintf(file, "%s,%u,", names[i * 5 % STATIONS], i / STATIONS);
		if (i % 11 == 3)
			fputs("-\n", file);
		else
			fprintf(file, "%u.%u\n", 20 + i * 7 % 70, i % 10);
	}
	return fclose(file) ? 1 : 0;
}

static int load(sheaf_table *table, sheaf_pool *pool, const char *path)
{
	static const char *const missing[] = {"-", "", NULL};
	static const sheaf_column_option columns[] = {
		{.name = "station", .as = SHEAF_CODED},
		{.name = "day", .as = SHEAF_TYPED, .type = SHEAF_I32},
		{.name = "degrees", .as = SHEAF_TYPED, .type = SHEAF_F64},
	};
	const sheaf_table_options options = {.columns = columns, .column_count = 3, .only = true, .missing = missing};

	return sheaf_table_load(table, pool, path, &options);
}

static int run(sheaf_pool *pool, const char *in, const char *out)
{
	sheaf_table table = {0};
	int r;

	if (!in && (r = make_file(in = "measured.csv")))
		return r;
	if ((r = load(&table, pool, in)))
		return r;
	r = sheaf_for(pool, to_celsius, table.columns[2].values.data, table.rows, NULL);
	if (!r)
		r = sheaf_table_save(&table, pool, out, &(sheaf_table_format){.missing = "-"});
	if (!r)
		printf("%zu rows of %zu stations: %s\n", table.rows, table.columns[0].texts.shape[0], out);
	sheaf_table_free(&table, pool);
	return r;
}

int main(int argc, char **argv)
{
	const char *in = NULL, *out = "celsius.csv";
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
