/*
 * grid_loop.c - a nested loop over two parameters, fanned out as one batch: position = i * columns
 * + j turns the ordered results back into rows and columns.
 *
 * The table: what 1000 grow to at i percent a year over j years.
 *
 * Run: build/docs/examples/grid_loop [--workers N]
 */
#include "support/example.h"

#include <stdio.h>

static const double rates[] = {0.5, 1, 2, 3.5, 5};
static const unsigned years[] = {1, 2, 5, 10, 20, 50};

enum { ROWS = sizeof(rates) / sizeof(rates[0]), COLUMNS = sizeof(years) / sizeof(years[0]) };

struct cell {
	double rate;
	unsigned years;
};

static int grow(sheaf_task *task, const void *arg, void *result)
{
	const struct cell *cell = arg;
	double value = 1000;

	(void)task;
	for (unsigned i = 0; i < cell->years; i++)
		value *= 1 + cell->rate / 100;
	*(double *)result = value;
	return 0;
}

static void print_table(const sheaf_result *results)
{
	printf("    rate");
	for (size_t j = 0; j < COLUMNS; j++)
		printf(" %6u y", years[j]);
	printf("\n");
	for (size_t i = 0; i < ROWS; i++) {
		printf("%6.1f %%", rates[i]);
		for (size_t j = 0; j < COLUMNS; j++)
			printf(" %8.2f", *(const double *)results[i * COLUMNS + j].data);
		printf("\n");
	}
}

static int run(sheaf_batch *batch)
{
	const sheaf_result *results;
	size_t n;
	int r = 0;

	for (size_t i = 0; r == 0 && i < ROWS; i++) {
		for (size_t j = 0; r == 0 && j < COLUMNS; j++) {
			const struct cell cell = {.rate = rates[i], .years = years[j]};

			r = sheaf_submit(batch, i * COLUMNS + j, grow, &cell, sizeof(cell));
		}
	}
	if (r == 0)
		r = sheaf_gather(batch, &results, &n, SHEAF_FOREVER);
	if (r > 0)
		return example_failures(results, n);
	if (r == 0)
		print_table(results);
	return r;
}

int main(int argc, char **argv)
{
	const sheaf_pool_options options = {.workers = example_options(argc, argv, NULL)};
	const sheaf_batch_options batch_options = {.result_size = sizeof(double)};
	sheaf_pool *pool = NULL;
	sheaf_batch *batch = NULL;
	int r = sheaf_pool_create(&pool, &options);

	if (r == 0)
		r = sheaf_batch_create(&batch, pool, &batch_options);
	if (r == 0)
		r = run(batch);
	r = example_end(r);
	sheaf_batch_retire(batch);
	sheaf_pool_destroy(pool);
	return r;
}
