/*
 * predict_files.c - the files that predict_groups.c reads. A pool's workers compute the rows, and
 * write them as CSV.
 */
#include "predict_files.h"

#include <errno.h>
#include <sheaf_table.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

void predict_model_path(char *path, size_t size, const char *folder, const char *name, size_t length)
{
	snprintf(path, size, "%s/model-%.*s.txt", folder, (int)length, name);
}

static uint64_t mix(uint64_t x)
{
	x = (x + 1) * UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 32) * UINT64_C(0xd6e8feb86659fd93);
	return x ^ x >> 32;
}

struct columns {
	int64_t *row;
	int32_t *site;
	double *features[FEATURES];
};

/* Some sites have many rows, some have few. */
static int make_rows(sheaf_task *task, size_t begin, size_t end, void *context)
{
	const struct columns *to = context;

	(void)task;
	for (size_t row = begin; row < end; row++) {
		uint64_t bits = mix(row);
		uint64_t a = (bits & 0xffff) % SITES, b = (bits >> 16 & 0xffff) % SITES;

		to->row[row] = (int64_t)row;
		to->site[row] = (int32_t)(a < b ? a : b);
		for (unsigned i = 0; i < FEATURES; i++)
			to->features[i][row] = (double)((int64_t)(mix(bits + i) % 8000) - 4000) / 1000;
	}
	return 0;
}

static int make_table(sheaf_pool *pool, size_t rows, const char *path)
{
	static const char *const names[] = {"row", "site", "flow", "heat", "load"};
	enum { COLUMNS = sizeof(names) / sizeof(names[0]) };
	sheaf_column columns[COLUMNS] = {0};
	size_t sites = SITES;
	struct columns to;
	int r = 0;

	for (int i = 0; i < COLUMNS && !r; i++) {
		columns[i].name = names[i];
		r = sheaf_array_create(&columns[i].values, pool,
				       i == 0   ? SHEAF_I64
				       : i == 1 ? SHEAF_I32
						: SHEAF_F64,
				       0, 1, &rows);
	}
	if (r || (r = sheaf_array_create(&columns[1].texts, pool, SHEAF_BYTES, NAME, 1, &sites)))
		return r;
	for (int i = 0; i < SITES; i++)
		snprintf((char *)columns[1].texts.data + (size_t)i * NAME, NAME, "S%02d", i);
	to = (struct columns){.row = columns[0].values.data, .site = columns[1].values.data};
	for (int i = 0; i < FEATURES; i++)
		to.features[i] = columns[2 + i].values.data;
	if ((r = sheaf_for(pool, make_rows, &to, rows, &(sheaf_map_options){.context_size = sizeof(to)})))
		return r;
	r = sheaf_table_save(&(sheaf_table){.rows = rows, .column_count = COLUMNS, .columns = columns}, pool, path, NULL);
	for (int i = 0; i < COLUMNS; i++)
		sheaf_array_free(&columns[i].values, pool);
	sheaf_array_free(&columns[1].texts, pool);
	return r;
}

static int fail_file(const char *path)
{
	fprintf(stderr, "predict_groups: %s: %s\n", path, strerror(errno));
	return 1;
}

static int make_models(const char *folder)
{
	for (unsigned site = 0; site < SITES; site++) {
		char path[300], name[NAME];
		FILE *file;

		snprintf(name, sizeof(name), "S%02u", site % SITES);
		predict_model_path(path, sizeof(path), folder, name, sizeof(name));
		if (!(file = fopen(path, "w")))
			return fail_file(path);
		for (unsigned i = 0; i < WEIGHTS; i++)
			fprintf(file, "%.3f\n", (double)((int64_t)(mix(1000000 + site * 100 + i) % 4000) - 2000) / 1000);
		if (fclose(file) != 0)
			return fail_file(path);
	}
	return 0;
}

int predict_make_files(sheaf_pool *pool, size_t rows, const char *folder)
{
	char path[300];
	int r;

	if (mkdir(folder, 0777) != 0 && errno != EEXIST)
		return fail_file(folder);
	snprintf(path, sizeof(path), "%s/measured.csv", folder);
	return (r = make_models(folder)) ? r : make_table(pool, rows, path);
}
