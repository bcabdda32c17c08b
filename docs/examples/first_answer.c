/*
 * first_answer.c - search for a factor of a number in many ranges at once, and cancel the rest at
 * the first answer.
 *
 * Run: build/docs/examples/first_answer [--workers N]
 */
#include "support/example.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define NUMBER UINT64_C(18000034199769999563)
#define RANGE 1000000 /* candidates of one task */
#define RANGES 4243   /* up to the square root */

/* Search the range of the task's position. The result is an odd factor, or 0. */
static int search(sheaf_task *task, const void *arg, void *result)
{
	uint64_t begin = sheaf_task_position(task) * RANGE;

	(void)arg;
	for (uint64_t d = begin + 1; d < begin + RANGE; d += 2) {
		if (d % 4096 == 1 && sheaf_task_cancelled(task))
			return -ECANCELED; /* the answer is no longer needed */
		if (d > 1 && NUMBER % d == 0) {
			*(uint64_t *)result = d;
			return 0;
		}
	}
	return 0;
}

/* Wait for the first answer that is one, and cancel the rest. */
static int run(sheaf_batch *batch)
{
	uint64_t factor = 0;
	sheaf_result result;
	int r = 0;

	for (uint64_t i = 0; r == 0 && i < RANGES; i++)
		r = sheaf_submit(batch, i, search, NULL, 0);
	while (r >= 0 && !factor && (r = sheaf_next_done(batch, &result, SHEAF_FOREVER)) > 0)
		if (result.status == 0)
			factor = *(const uint64_t *)result.data;
	if (factor)
		r = sheaf_batch_cancel(batch, 0);
	if (r < 0)
		return r;
	if (factor)
		printf("%" PRIu64 " = %" PRIu64 " x %" PRIu64 "\n", NUMBER, factor, NUMBER / factor);
	return 0;
}

/* Tell how many of the results there are, and how many tasks never ran. */
static int count(sheaf_batch *batch)
{
	unsigned never_ran = 0;
	const sheaf_result *results;
	size_t n;
	int r = sheaf_gather(batch, &results, &n, SHEAF_FOREVER);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++)
		never_ran += results[i].status == -ECANCELED && results[i].attempts == 0;
	printf("%zu results: %s\n", n, never_ran ? "some ranges were never searched" : "all ranges were searched");
	return 0;
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
	if (r == 0)
		r = count(batch);
	r = example_end(r);
	sheaf_batch_retire(batch);
	sheaf_pool_destroy(pool);
	return r;
}
