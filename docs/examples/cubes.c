/*
 * cubes.c - the cubes of 1 to 6 in three ways: one task at a time, a map over an array, and
 * submitted tasks gathered in order.
 *
 * Run: build/docs/examples/cubes [--workers N]
 */
#include "support/example.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { N = 6 };

static const uint64_t numbers[N] = {1, 2, 3, 4, 5, 6};

static int cube(sheaf_task *task, const void *arg, void *result)
{
	uint64_t x = *(const uint64_t *)arg;

	(void)task;
	*(uint64_t *)result = x * x * x;
	return 0;
}

static void print_line(const char *way, const uint64_t *cubes)
{
	printf("%s:", way);
	for (int i = 0; i < N; i++)
		printf(" %" PRIu64, cubes[i]);
	printf("\n");
}

/* The argument and the result are copied: they may lie anywhere. Each call waits for its task. */
static int by_apply(sheaf_pool *pool)
{
	uint64_t cubes[N];

	for (int i = 0; i < N; i++) {
		int r = sheaf_apply(pool, cube, &numbers[i], sizeof(numbers[i]), &cubes[i], sizeof(cubes[i]), NULL);

		if (r < 0)
			return r;
	}
	print_line("apply", cubes);
	return 0;
}

/*
 * Nothing is copied: workers read and write the arrays where they lie, so both must be in shared
 * memory.
 */
static int by_map(sheaf_pool *pool)
{
	void *memory;
	uint64_t *in, *out;
	int r = sheaf_alloc_array(pool, 2 * N, sizeof(uint64_t), &memory);

	if (r < 0)
		return r;
	in = memory;
	out = in + N;
	memcpy(in, numbers, sizeof(numbers));
	r = sheaf_map(pool, cube, in, sizeof(*in), out, sizeof(*out), N, NULL);
	if (r == 0)
		print_line("map", out);
	sheaf_free(pool, memory);
	return r;
}

/* Each task carries its position; the results come back sorted by it, whichever was done first. */
static int by_submit(sheaf_pool *pool)
{
	const sheaf_batch_options options = {.result_size = sizeof(uint64_t)};
	const sheaf_result *results;
	uint64_t cubes[N];
	sheaf_batch *batch;
	size_t n;
	int r = sheaf_batch_create(&batch, pool, &options);

	if (r < 0)
		return r;
	for (uint64_t i = 0; r == 0 && i < N; i++)
		r = sheaf_submit(batch, i, cube, &numbers[i], sizeof(numbers[i]));
	if (r == 0)
		r = sheaf_gather(batch, &results, &n, SHEAF_FOREVER);
	if (r > 0)
		example_failures(results, n);
	if (r == 0) {
		for (size_t i = 0; i < n; i++)
			cubes[i] = *(const uint64_t *)results[i].data;
		print_line("submit", cubes);
	}
	sheaf_batch_retire(batch);
	return r;
}

int main(int argc, char **argv)
{
	const sheaf_pool_options options = {.workers = example_options(argc, argv, NULL)};
	sheaf_pool *pool = NULL;
	int r = sheaf_pool_create(&pool, &options);

	if (r == 0)
		r = by_apply(pool);
	if (r == 0)
		r = by_map(pool);
	if (r == 0)
		r = by_submit(pool);
	r = example_end(r);
	sheaf_pool_destroy(pool);
	return r;
}
