/*
 * stream.c - Pool.imap() and Pool.imap_unordered(). stream.py does the same with Python's Pool.
 *
 * Run: build/docs/examples/port/stream
 */
#include <inttypes.h>
#include <sheaf.h>
#include <stdio.h>

static int square(sheaf_task *task, const void *arg, void *result)
{
	uint64_t x = *(const uint64_t *)arg;

	(void)task;
	*(uint64_t *)result = x * x;
	return 0;
}

/* Open a batch and submit the squares of the numbers below n. Each number is its position, too. */
static int submit(sheaf_pool *pool, uint64_t n, sheaf_batch **batch)
{
	const sheaf_batch_options options = {.result_size = sizeof(uint64_t)};
	int r = sheaf_batch_create(batch, pool, &options);

	for (uint64_t x = 0; r == 0 && x < n; x++)
		r = sheaf_submit(*batch, x, square, &x, sizeof(x));
	return r;
}

static int in_order(sheaf_pool *pool)
{
	sheaf_batch *batch = NULL;
	sheaf_result result;
	int r = submit(pool, 5, &batch);

	while (r >= 0 && (r = sheaf_next(batch, &result, SHEAF_FOREVER)) > 0)
		if (result.status == 0)
			printf("%" PRIu64 "\n", *(const uint64_t *)result.data);
	sheaf_batch_retire(batch);
	return r;
}

static int as_they_come(sheaf_pool *pool)
{
	sheaf_batch *batch = NULL;
	sheaf_result result;
	uint64_t total = 0;
	int r = submit(pool, 1000, &batch);

	while (r >= 0 && (r = sheaf_next_done(batch, &result, SHEAF_FOREVER)) > 0)
		if (result.status == 0)
			total += *(const uint64_t *)result.data;
	if (r == 0)
		printf("sum %" PRIu64 "\n", total);
	sheaf_batch_retire(batch);
	return r;
}

int main(void)
{
	sheaf_pool *pool = NULL;
	int r = sheaf_pool_create(&pool, NULL);

	if (r == 0)
		r = in_order(pool);
	if (r == 0)
		r = as_they_come(pool);
	if (r < 0)
		fprintf(stderr, "stream: %s\n", sheaf_message());
	sheaf_pool_destroy(pool);
	return r < 0;
}
