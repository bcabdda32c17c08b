/*
 * futures.c - as_completed() and wait() of concurrent.futures. futures.py does the same with
 * Python's ProcessPoolExecutor.
 *
 * Run: build/docs/examples/port/futures
 */
#include <errno.h>
#include <inttypes.h>
#include <sheaf.h>
#include <stdio.h>

/* Halve the position, or treble it and add 1 if it is odd, until it is 1. Count the steps. */
static int steps(sheaf_task *task, const void *arg, void *result)
{
	uint64_t n = sheaf_task_position(task), *count = result;

	(void)arg;
	if (n < 1)
		return sheaf_task_fail(task, -EDOM, "%" PRIu64 " never gets to 1", n);
	while (n != 1) {
		n = n % 2 ? 3 * n + 1 : n / 2;
		++*count;
	}
	return 0;
}

static int submit(sheaf_pool *pool, uint64_t begin, uint64_t end, sheaf_batch **batch)
{
	const sheaf_batch_options options = {.result_size = sizeof(uint64_t)};
	int r = sheaf_batch_create(batch, pool, &options);

	for (uint64_t n = begin; r == 0 && n < end; n++)
		r = sheaf_submit(*batch, n, steps, NULL, 0);
	return r;
}

static int longest(sheaf_pool *pool)
{
	uint64_t best = 0, most = 0;
	sheaf_batch *batch = NULL;
	sheaf_result result;
	int r = submit(pool, 1, 1000, &batch);

	while (r >= 0 && (r = sheaf_next_done(batch, &result, SHEAF_FOREVER)) > 0) {
		uint64_t count = result.status == 0 ? *(const uint64_t *)result.data : 0;

		if (count > most || (count == most && result.position > best)) {
			most = count;
			best = result.position;
		}
	}
	if (r == 0)
		printf("%" PRIu64 " takes %" PRIu64 " steps\n", best, most);
	sheaf_batch_retire(batch);
	return r;
}

static int first_failure(sheaf_pool *pool)
{
	sheaf_batch *batch = NULL;
	sheaf_result result;
	int r = submit(pool, 0, 100, &batch);

	if (r == 0)
		r = sheaf_wait(&batch, 1, SHEAF_FIRST_FAILED, SHEAF_FOREVER); /* batch 0 has one */
	while (r >= 0 && (r = sheaf_next_done(batch, &result, 0)) > 0)
		if (result.status < 0) {
			puts(result.message);
			r = 0;
			break;
		}
	sheaf_batch_retire(batch); /* drops the tasks that have not started */
	return r;
}

int main(void)
{
	sheaf_pool *pool = NULL;
	int r = sheaf_pool_create(&pool, NULL);

	if (r == 0)
		r = longest(pool);
	if (r == 0)
		r = first_failure(pool);
	if (r < 0)
		fprintf(stderr, "futures: %s\n", sheaf_message());
	sheaf_pool_destroy(pool);
	return r < 0;
}
