/*
 * data_csv.c - tables and CSV files: data/csv-read, data/csv-write. Files are in the page cache.
 */
#include "crew.h"
#include "data_rows.h"
#include "measure.h"
#include "peers.h"

#include <sheaf_table.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUFFER ((size_t)256 * 1024)

struct csv_test {
	sheaf_pool *pool;
	const char *file;
	sheaf_table table; /* of the last run */
};

/* ---- Sheaf ---- */

static int check_column(const struct bench_job *job, const sheaf_column *column, unsigned number)
{
	bool whole = column->values.type == SHEAF_I64;

	if (column->values.type != (data_columns[number].digits ? SHEAF_F64 : SHEAF_I64))
		return bench_fail("column %s has type %d", column->name, (int)column->values.type);
	for (size_t row = 0; row < job->n; row++) {
		double value = whole ? (double)((const int64_t *)column->values.data)[row]
				     : ((const double *)column->values.data)[row];

		if (value != data_value(row, number))
			return bench_fail("row %zu, column %s: %.17g instead of %.17g", row, column->name, value,
					  data_value(row, number));
	}
	return 0;
}

static int check_table(const struct bench_job *job, const sheaf_table *table)
{
	int r = 0;

	if (table->rows != job->n || table->column_count != DATA_COLUMNS)
		return bench_fail("the table has %zu rows and %zu columns", table->rows, table->column_count);
	for (unsigned i = 0; i < DATA_COLUMNS && r == 0; i++)
		r = check_column(job, &table->columns[i], i);
	return r;
}

static int read_table(const struct bench_job *job, void *context, uint64_t *ns)
{
	struct csv_test *test = context;
	uint64_t start;
	int r = sheaf_table_free(&test->table, test->pool);

	(void)job;
	if (r < 0)
		return bench_sheaf_failed("sheaf_table_free", r);
	start = sheaf_now_ns();
	r = sheaf_table_load(&test->table, test->pool, test->file, NULL);
	*ns = sheaf_now_ns() - start;
	return r < 0 ? bench_sheaf_failed("sheaf_table_load", r) : 0;
}

static int csv_read(const struct bench_job *job, double *ns)
{
	struct csv_test test = {.file = data_file()};
	int r;

	if (!test.file || (r = bench_room(job->n * DATA_COLUMNS * sizeof(double))))
		return 1;
	r = sheaf_pool_create(&test.pool, &(sheaf_pool_options){.workers = job->workers});
	if (r < 0)
		return bench_sheaf_failed("sheaf_pool_create", r);
	r = bench_repeat(job, read_table, &test, ns);
	if (r == 0)
		r = check_table(job, &test.table);
	sheaf_pool_destroy(test.pool);
	return r;
}

/* ---- Writing ---- */

/* Where this process writes to. */
static const char *out_name(const struct csv_test *test)
{
	static char name[600];

	snprintf(name, sizeof(name), "%s.%ld", test->file, (long)getpid());
	return name;
}

static int write_file(const struct bench_job *job, void *context, uint64_t *ns)
{
	struct csv_test *test = context;
	uint64_t start = sheaf_now_ns();
	int r = sheaf_table_save(&test->table, test->pool, out_name(test), NULL);

	(void)job;
	*ns = sheaf_now_ns() - start;
	return r < 0 ? bench_sheaf_failed("sheaf_table_save", r) : 0;
}

/* Read what was written, and look at each value. */
static int check_file(const struct bench_job *job, const struct csv_test *test)
{
	sheaf_table back = {0};
	int r = sheaf_table_load(&back, test->pool, out_name(test), NULL);

	if (r < 0)
		return bench_sheaf_failed("sheaf_table_load", r);
	r = check_table(job, &back);
	sheaf_table_free(&back, test->pool);
	return r;
}

static int csv_write(const struct bench_job *job, double *ns)
{
	struct csv_test test = {.file = data_file()};
	uint64_t load_ns;
	int r;

	if (!test.file || bench_room(2 * job->n * DATA_COLUMNS * sizeof(double)))
		return 1;
	r = sheaf_pool_create(&test.pool, &(sheaf_pool_options){.workers = job->workers});
	if (r < 0)
		return bench_sheaf_failed("sheaf_pool_create", r);
	r = read_table(job, &test, &load_ns);
	if (r == 0)
		r = bench_repeat(job, write_file, &test, ns);
	if (r == 0)
		r = check_file(job, &test);
	unlink(out_name(&test));
	sheaf_pool_destroy(test.pool);
	return r;
}

/* ---- The limits ---- */

/* Read a part of the file, as all that parses it must. */
static void read_bytes(const struct crew *crew, unsigned index, const struct bench_job *job)
{
	const struct csv_test *test = crew->context;
	char *buffer = malloc(BUFFER);
	int fd = open(test->file, O_RDONLY);
	struct stat status;
	size_t first, left;

	(void)job;
	if (!buffer || fd < 0 || fstat(fd, &status) != 0)
		abort();
	left = crew_share(crew, index, (size_t)status.st_size, &first);
	while (left > 0) {
		ssize_t got = pread(fd, buffer, left < BUFFER ? left : BUFFER, (off_t)first);

		if (got <= 0)
			abort();
		first += (size_t)got;
		left -= (size_t)got;
	}
	close(fd);
	free(buffer);
}

static int limit_file(const struct bench_job *job, double *ns)
{
	struct csv_test test = {.file = data_file()};

	if (!test.file)
		return 1;
	return crew_measure(job, (struct crew){.size = job->workers, .work = read_bytes, .context = &test}, ns);
}

static int copy_file(const struct bench_job *job, void *context, uint64_t *ns)
{
	const struct csv_test *test = context;
	char *buffer = malloc(BUFFER);
	int from = open(test->file, O_RDONLY), to = open(out_name(test), O_WRONLY | O_CREAT | O_TRUNC, 0600);
	uint64_t start = sheaf_now_ns();
	ssize_t got = buffer && from >= 0 && to >= 0 ? 1 : -1;

	(void)job;
	while (got > 0 && (got = read(from, buffer, BUFFER)) > 0)
		if (write(to, buffer, (size_t)got) != got)
			got = -1;
	*ns = sheaf_now_ns() - start;
	free(buffer);
	close(from);
	close(to);
	return got < 0 ? bench_fail("%s: %s", out_name(test), strerror(errno)) : 0;
}

static int limit_copy_file(const struct bench_job *job, double *ns)
{
	struct csv_test test = {.file = data_file()};
	int r;

	if (!test.file)
		return 1;
	r = bench_repeat(job, copy_file, &test, ns);
	unlink(out_name(&test));
	return r;
}

#define FREAD                                \
	{                                    \
		PEER("data.table", "data.R") \
	}
#define PANDAS                            \
	{                                 \
		PEER("pandas", "data.py") \
	}

const struct bench_case cases_data_csv[] = {
	{
		.name = "data/csv-read",
		.unit = "ns/row",
		.unit_ns = 1,
		.full = {.n = 10000000, .repeats = 3},
		.quick = {.n = 20000, .repeats = 1},
		.what = "read a CSV file of eight columns of numbers, whose types are guessed, into columns",
		.prepare = data_prepare,
		.finish = data_finish,
		.contenders = {SHEAF(csv_read, 0), FREAD, PANDAS, LIMIT("read the bytes", limit_file, 0)},
		.bounds = {{.most = 1.0, .of = {"data.table", "pandas"}}},
	},
	{
		.name = "data/csv-write",
		.unit = "ns/row",
		.unit_ns = 1,
		.full = {.n = 10000000, .repeats = 3},
		.quick = {.n = 20000, .repeats = 1},
		.what = "write such a table as a CSV file",
		.prepare = data_prepare,
		.finish = data_finish,
		.contenders = {SHEAF(csv_write, 0), FREAD, LIMIT("copy the file", limit_copy_file, 0)},
		.bounds = {{.most = 1.0, .of = {"data.table"}}},
	},
	{0},
};
