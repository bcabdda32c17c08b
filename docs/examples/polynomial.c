/*
 * polynomial.c - a map with a context: one polynomial at many places.
 *
 * All items read the coefficients, so these are no part of any item. They lie on the owner's stack,
 * and the map copies them once.
 *
 * Run: build/docs/examples/polynomial [--workers N]
 */
#include "support/example.h"

#include <inttypes.h>
#include <stdio.h>

enum { N = 8, DEGREE = 3 };

struct polynomial {
	int64_t coefficients[DEGREE + 1]; /* that of the highest power first */
};

/* Horner's rule. */
static int evaluate(sheaf_task *task, const void *in, void *out)
{
	const struct polynomial *polynomial = sheaf_task_context(task);
	int64_t x = *(const int64_t *)in, y = 0;

	for (int i = 0; i <= DEGREE; i++)
		y = y * x + polynomial->coefficients[i];
	*(int64_t *)out = y;
	return 0;
}

static int run(sheaf_pool *pool)
{
	const struct polynomial polynomial = {{2, -3, 0, 5}};
	const sheaf_map_options options = {.context = &polynomial, .context_size = sizeof(polynomial)};
	int64_t *x, *y;
	void *memory;
	int r = sheaf_alloc_array(pool, 2 * N, sizeof(*x), &memory);

	if (r < 0)
		return r;
	x = memory;
	y = x + N;
	for (int i = 0; i < N; i++)
		x[i] = i - 2;
	r = sheaf_map(pool, evaluate, x, sizeof(*x), y, sizeof(*y), N, &options);
	for (int i = 0; r == 0 && i < N; i++)
		printf("p(%" PRId64 ") = %" PRId64 "\n", x[i], y[i]);
	sheaf_free(pool, memory);
	return r;
}

int main(int argc, char **argv)
{
	const sheaf_pool_options options = {.workers = example_options(argc, argv, NULL)};
	sheaf_pool *pool = NULL;
	int r = sheaf_pool_create(&pool, &options);

	if (r == 0)
		r = run(pool);
	r = example_end(r);
	sheaf_pool_destroy(pool);
	return r;
}
