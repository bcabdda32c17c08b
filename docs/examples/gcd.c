/*
 * gcd.c - greatest common divisors of pairs, one task per pair: an argument of more than one value
 * is a struct, copied when it is submitted.
 *
 * Run: build/docs/examples/gcd [--workers N]
 */
#include "support/example.h"

#include <inttypes.h>
#include <stdio.h>

struct pair {
	uint64_t a, b;
};

static const struct pair pairs[] = {
	{12, 18},
	{17, 5},
	{0, 9},
	{0, 0},
	{1071, 462},
	{123456789, 987654321},
	/* Fibonacci numbers: the slowest case of Euclid's algorithm */
	{2971215073, 4807526976},
	{6469693230, 7420738134810},                    /* products of the first 10 and 12 primes */
	{18446744073709551615u, 12297829382473034410u}, /* 3 x and 2 x */
};

enum { N = sizeof(pairs) / sizeof(pairs[0]) };

/* Euclid's algorithm. */
static int divisor(sheaf_task *task, const void *arg, void *result)
{
	struct pair pair = *(const struct pair *)arg;

	(void)task;
	while (pair.b != 0) {
		uint64_t rest = pair.a % pair.b;

		pair.a = pair.b;
		pair.b = rest;
	}
	*(uint64_t *)result = pair.a;
	return 0;
}

static int run(sheaf_batch *batch)
{
	const sheaf_result *results;
	size_t n;
	int r;

	for (uint64_t i = 0; i < N; i++) {
		r = sheaf_submit(batch, i, divisor, &pairs[i], sizeof(pairs[i]));
		if (r < 0)
			return r;
	}
	r = sheaf_gather(batch, &results, &n, SHEAF_FOREVER);
	if (r > 0)
		return example_failures(results, n);
	for (size_t i = 0; r == 0 && i < n; i++) {
		printf("gcd(%" PRIu64 ", %" PRIu64 ") = %" PRIu64 "\n", pairs[i].a, pairs[i].b,
		       *(const uint64_t *)results[i].data);
	}
	return r;
}

int main(int argc, char **argv)
{
	const sheaf_pool_options options = {.workers = example_options(argc, argv, NULL)};
	const sheaf_batch_options batch_options = {.result_size = sizeof(uint64_t)};
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
