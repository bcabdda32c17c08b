/*
 * arrays.c - joblib.Parallel with a large array. arrays.py does the same with joblib.
 *
 * Run: build/docs/examples/port/arrays
 */
#include <sheaf.h>
#include <stdio.h>

enum { ROWS = 1000, COLUMNS = 2000 };

/* The item is a row of x, where it lies. */
static int add_up(sheaf_task *task, const void *in, void *out)
{
	const double *row = in;
	double sum = 0;

	(void)task;
	for (int i = 0; i < COLUMNS; i++)
		sum += row[i];
	*(double *)out = sum;
	return 0;
}

static int run(sheaf_pool *pool)
{
	double *x, *sums;
	void *memory;
	int r = sheaf_alloc_array(pool, (size_t)ROWS * (COLUMNS + 1), sizeof(double), &memory);

	if (r < 0)
		return r;
	x = memory;
	sums = x + (size_t)ROWS * COLUMNS;
	for (int row = 0; row < ROWS; row++)
		for (int i = 0; i < COLUMNS; i++)
			x[row * COLUMNS + i] = row + i;

	r = sheaf_map(pool, add_up, x, COLUMNS * sizeof(double), sums, sizeof(double), ROWS, NULL);
	if (r == 0)
		printf("%.0f %.0f\n", sums[0], sums[ROWS - 1]);
	return r;
}

int main(void)
{
	sheaf_pool *pool = NULL;
	int r = sheaf_pool_create(&pool, NULL);

	if (r == 0)
		r = run(pool);
	if (r < 0)
		fprintf(stderr, "arrays: %s\n", sheaf_message());
	sheaf_pool_destroy(pool);
	return r < 0;
}
