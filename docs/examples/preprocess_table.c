/*
 * preprocess_table.c - prepare a table of measurements, sensor by sensor, and save it.
 *
 * Of each sensor: values that are missing are interpolated between those before and behind them;
 * values are scaled to a mean of 0 and a standard deviation of 1; those beyond 2.5 are left out. A
 * sensor with less than 30 measured values is left out as a whole. The rows of all sensors make one
 * new table, in the order in which sensors first appear.
 *
 * Without --in the example makes measurements.csv, from the position alone. The results are the
 * same for any number of workers. preprocess_table.py computes the same with pandas.
 *
 * Run: build/docs/examples/preprocess_table [--workers N] [--rows N] [--in FILE] [--out FILE]
 */
#include "support/example.h"

#include <errno.h>
#include <math.h>
#include <sheaf_group.h>
#include <sheaf_table.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROWS = 483931, SENSORS = 500, NAME = 8, LEAST = 30 };

/* ---- the work for one sensor ---- */

/* A row of the new table. */
struct prepared {
	double time, value, scaled;
};

enum { WIDTH = sizeof(struct prepared) / sizeof(double) };

struct job {
	const int64_t *time;
	const double *value; /* NaN: missing */
};

/* Put numbers between a measured value and the next one. There are @n rows in between. */
static void interpolate(const struct job *job, const int64_t *order, double *values, size_t next, size_t n)
{
	size_t before = next - n - 1;
	int64_t from = job->time[order[before]], length = job->time[order[next]] - from;

	for (size_t i = before + 1; i < next; i++) {
		double part = length ? (double)(job->time[order[i]] - from) / (double)length : 0;

		values[i] = values[before] + part * (values[next] - values[before]);
	}
}

/* Fill what is missing. In front of the first value, and behind the last, that one is repeated. */
static void fill_gaps(const struct job *job, const sheaf_group *group, double *values)
{
	size_t missing = 0;
	bool any = false;

	for (size_t i = 0; i < group->rows; i++) {
		if (isnan(values[i])) {
			missing++;
			continue;
		}
		if (any)
			interpolate(job, group->order, values, i, missing);
		for (size_t k = 0; !any && k < missing; k++)
			values[k] = values[i];
		any = true;
		missing = 0;
	}
	for (size_t i = group->rows - missing; any && i < group->rows; i++)
		values[i] = values[group->rows - missing - 1];
}

/* Add the rows of a sensor whose values have no gaps. */
static int add_rows(const struct job *job, const sheaf_group *group, sheaf_rows *rows, const double *values)
{
	double mean = 0, square = 0, deviation;
	struct prepared *prepared;
	size_t kept = 0;
	int r;

	for (size_t i = 0; i < group->rows; i++)
		mean += values[i];
	mean /= (double)group->rows;
	for (size_t i = 0; i < group->rows; i++)
		square += (values[i] - mean) * (values[i] - mean);
	deviation = sqrt(square / (double)(group->rows - 1));
	for (size_t i = 0; i < group->rows; i++)
		kept += fabs((values[i] - mean) / deviation) <= 2.5;
	if ((r = sheaf_rows_add(rows, kept, (void **)&prepared)))
		return r;
	for (size_t i = 0; i < group->rows; i++) {
		double scaled = (values[i] - mean) / deviation;

		if (fabs(scaled) <= 2.5)
			*prepared++ = (struct prepared){(double)job->time[group->order[i]], values[i], scaled};
	}
	return 0;
}

static int prepare(sheaf_task *task, const sheaf_group *group, sheaf_rows *rows, void *context)
{
	const struct job *job = context;
	double *values = malloc(group->rows * sizeof(*values));
	size_t measured = 0;
	int r = 0;

	if (!values)
		return sheaf_task_fail(task, -ENOMEM, "no memory for a sensor of %zu rows", group->rows);
	for (size_t i = 0; i < group->rows; i++) {
		values[i] = job->value[group->order[i]];
		measured += !isnan(values[i]);
	}
	if (measured >= LEAST) {
		fill_gaps(job, group, values);
		r = add_rows(job, group, rows, values);
	}
	free(values);
	return r;
}

/* ---- read, prepare, write ---- */

/* Show one column of an array of rows. */
static int show_column(sheaf_array *column, const sheaf_array *rows, size_t number)
{
	int r = sheaf_array_slice(column, rows, 1, number, 1, 1);

	column->dimensions = 1;
	return r;
}

/* Save the new rows, with the name of each one's sensor. @number: of each row, its group */
static int save(sheaf_pool *pool, const sheaf_array *rows, const sheaf_array *number, const sheaf_array *codes,
		const sheaf_column *sensor, const char *path)
{
	sheaf_column columns[] = {
		{.name = "sensor", .texts = sensor->texts}, {.name = "time"}, {.name = "value"}, {.name = "scaled"}};
	sheaf_array time;
	int r;

	if ((r = sheaf_array_create(&columns[0].values, pool, SHEAF_I32, 0, 1, rows->shape)) ||
	    (r = sheaf_take(pool, &columns[0].values, codes, number, NULL, NULL)))
		return r;
	/* Times are whole numbers again. */
	if ((r = show_column(&time, rows, 0)) ||
	    (r = sheaf_array_create(&columns[1].values, pool, SHEAF_I64, 0, 1, rows->shape)) ||
	    (r = sheaf_array_copy(pool, &columns[1].values, &time, SHEAF_CHECKED, NULL)) ||
	    (r = show_column(&columns[2].values, rows, 1)) || (r = show_column(&columns[3].values, rows, 2)))
		return r;
	return sheaf_table_save(&(sheaf_table){.rows = rows->shape[0], .column_count = 4, .columns = columns}, pool, path,
				NULL);
}

static int prepare_table(sheaf_pool *pool, const sheaf_table *table, const char *path)
{
	const sheaf_column *sensor = sheaf_table_column(table, "sensor"), *time = sheaf_table_column(table, "time"),
			   *value = sheaf_table_column(table, "value");
	struct job job;
	sheaf_group_work work = {
		.fn = prepare, .type = SHEAF_F64, .width = WIDTH, .context = &job, .context_size = sizeof(job)};
	sheaf_partition by_sensor;
	sheaf_array rows, number, codes;
	int r;

	if (!sensor || !sensor->texts.data || !time || time->values.type != SHEAF_I64 || time->missing.data || !value ||
	    value->values.type != SHEAF_F64) {
		fprintf(stderr, "preprocess_table: wanted are sensors, whole numbers as times, and floats as values\n");
		return 1;
	}
	job = (struct job){.time = time->values.data, .value = value->values.data};
	if ((r = sheaf_partition_by_key(&by_sensor, pool, &sensor->values, 1, NULL)) ||
	    (r = sheaf_group_apply(&rows, &number, pool, &by_sensor, &work, NULL)) ||
	    (r = sheaf_partition_labels(&codes, pool, &by_sensor, &sensor->values, NULL)) ||
	    (r = save(pool, &rows, &number, &codes, sensor, path)))
		return r;
	printf("%zu rows of %zu sensors, %zu rows prepared: %s\n", table->rows, by_sensor.groups, rows.shape[0], path);
	return 0;
}

static int prepare_file(sheaf_pool *pool, const char *in, const char *out)
{
	const char *const missing[] = {"", "NA", NULL};
	const sheaf_column_option columns[] = {{.name = "time", .as = SHEAF_TYPED, .type = SHEAF_I64},
					       {.name = "sensor", .as = SHEAF_CODED},
					       {.name = "value", .as = SHEAF_TYPED, .type = SHEAF_F64}};
	const sheaf_table_options options = {.missing = missing, .columns = columns, .column_count = 3, .only = true};
	sheaf_table table;
	int r = sheaf_table_load(&table, pool, in, &options);

	/* What it took of the pool's memory goes with the pool. */
	return r ? r : prepare_table(pool, &table, out);
}

/* ---- the file that it makes first ---- */

static uint64_t mix(uint64_t x)
{
	x = (x + 1) * UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 32) * UINT64_C(0xd6e8feb86659fd93);
	return x ^ x >> 32;
}

struct columns {
	int64_t *time;
	int32_t *sensor;
	double *value;
};

/* Some sensors have many rows, some have few. Some values are missing, and some are far off. */
static int make_rows(sheaf_task *task, size_t begin, size_t end, void *context)
{
	const struct columns *to = context;

	(void)task;
	for (size_t row = begin; row < end; row++) {
		uint64_t bits = mix(row);
		uint64_t a = (bits & 0xffff) % SENSORS, b = (bits >> 16 & 0xffff) % SENSORS;

		to->time[row] = (int64_t)(row * 10 + (bits >> 48) % 10);
		to->sensor[row] = (int32_t)(a < b ? a : b);
		to->value[row] = (double)(int64_t)(mix(bits) % 1000 + (bits >> 40) % 500 + 10 * (uint64_t)to->sensor[row]) /
				 100;
		if (bits >> 32 & 1 && bits >> 33 & 1)
			to->value[row] = (double)NAN;
		else if ((bits >> 34 & 0xff) == 0)
			to->value[row] *= 20;
	}
	return 0;
}

static int make_file(sheaf_pool *pool, size_t rows, const char *path)
{
	sheaf_column columns[] = {{.name = "time"}, {.name = "sensor"}, {.name = "value"}};
	size_t sensors = SENSORS;
	struct columns to;
	int r;

	if ((r = sheaf_array_create(&columns[0].values, pool, SHEAF_I64, 0, 1, &rows)) ||
	    (r = sheaf_array_create(&columns[1].values, pool, SHEAF_I32, 0, 1, &rows)) ||
	    (r = sheaf_array_create(&columns[1].texts, pool, SHEAF_BYTES, NAME, 1, &sensors)) ||
	    (r = sheaf_array_create(&columns[2].values, pool, SHEAF_F64, 0, 1, &rows)))
		return r;
	for (int i = 0; i < SENSORS; i++)
		snprintf((char *)columns[1].texts.data + (size_t)i * NAME, NAME, "T%03d", i);
	to = (struct columns){columns[0].values.data, columns[1].values.data, columns[2].values.data};
	if ((r = sheaf_for(pool, make_rows, &to, rows, &(sheaf_map_options){.context_size = sizeof(to)})))
		return r;
	r = sheaf_table_save(&(sheaf_table){.rows = rows, .column_count = 3, .columns = columns}, pool, path, NULL);
	for (int i = 0; i < 3; i++)
		sheaf_array_free(&columns[i].values, pool);
	sheaf_array_free(&columns[1].texts, pool);
	return r;
}

int main(int argc, char **argv)
{
	const char *in = NULL, *out = "prepared.csv";
	unsigned rows = ROWS;
	const struct example_option known[] = {
		{.name = "--rows", .help = "how many to make, without --in", .number = &rows, .min = 1, .max = 100000000},
		{.name = "--in", .help = "a file to read; else one is made", .text = &in},
		{.name = "--out", .help = "the file to write", .text = &out},
		{0}};
	sheaf_pool_options options = {.workers = example_options(argc, argv, known)};
	sheaf_pool *pool;
	int r = sheaf_pool_create(&pool, &options);

	if (!r) {
		if (in || !(r = make_file(pool, rows, in = "measurements.csv")))
			r = prepare_file(pool, in, out);
		sheaf_pool_destroy(pool);
	}
	return example_end(r);
}
