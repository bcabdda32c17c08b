/*
 * memmap.c - joblib.Parallel over arrays in files. memmap.py does the same with joblib.
 *
 * Run: build/docs/examples/port/memmap
 */
#include <sheaf_file.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { ROWS = 1000, COLUMNS = 500 };

/* Some rows of both files. */
static int scale(sheaf_task *task, const sheaf_block *block, void *context)
{
	(void)task;
	(void)context;
	for (size_t row = 0; row < block->shape[0]; row++) {
		const double *x = (const double *)block->in.data + row * COLUMNS;
		double *y = (double *)block->out.data + row * COLUMNS, most = x[0];

		for (int i = 1; i < COLUMNS; i++)
			most = x[i] > most ? x[i] : most;
		for (int i = 0; i < COLUMNS; i++)
			y[i] = x[i] / most;
	}
	return 0;
}

static int save_raw(sheaf_pool *pool, const char *path)
{
	size_t shape[] = {ROWS, COLUMNS};
	sheaf_array raw;
	int r = sheaf_array_create(&raw, pool, SHEAF_F64, 0, 2, shape);

	if (r < 0)
		return r;
	for (int row = 0; row < ROWS; row++)
		for (int i = 0; i < COLUMNS; i++)
			((double *)raw.data)[row * COLUMNS + i] = row + i + 1;
	r = sheaf_array_save(&raw, path);
	sheaf_array_free(&raw, pool);
	return r;
}

static int run(sheaf_pool *pool, const char *raw, const char *scaled)
{
	sheaf_file_job job = {.in = raw, .out = scaled, .type = SHEAF_F64, .dimensions = 1, .shape = {COLUMNS}};
	sheaf_array made;
	int r;

	if ((r = save_raw(pool, raw)) < 0 || (r = sheaf_map_file(pool, scale, &job, NULL)) < 0)
		return r;

	if ((r = sheaf_array_map(&made, pool, scaled, NULL)) < 0)
		return r;
	printf("%.6f %.6f %.6f\n", *(double *)sheaf_array_at(&made, (size_t[]){0, 0}),
	       *(double *)sheaf_array_at(&made, (size_t[]){ROWS - 1, 0}),
	       *(double *)sheaf_array_at(&made, (size_t[]){ROWS - 1, COLUMNS - 1}));
	return sheaf_array_free(&made, pool);
}

int main(void)
{
	char folder[] = "/tmp/sheaf-memmap-XXXXXX", raw[64], scaled[64];
	sheaf_pool *pool = NULL;
	int r = sheaf_pool_create(&pool, NULL);

	if (r == 0 && !mkdtemp(folder)) {
		perror("memmap: mkdtemp");
		r = 1;
	} else if (r == 0) {
		snprintf(raw, sizeof(raw), "%s/raw.npy", folder);
		snprintf(scaled, sizeof(scaled), "%s/scaled.npy", folder);
		r = run(pool, raw, scaled);
		unlink(raw);
		unlink(scaled);
		rmdir(folder);
	}
	if (r < 0)
		fprintf(stderr, "memmap: %s\n", sheaf_message());
	sheaf_pool_destroy(pool);
	return r != 0;
}
