/*
 * survivor.c - workers die and nothing is lost: one task kills its worker in its first attempt and
 * succeeds in the second, another kills its worker each time and ends as the one failed position,
 * with a message that says why.
 *
 * Run: build/docs/examples/survivor [--workers N]
 */
#include "support/example.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

enum { N = 8, DIES_ONCE = 2, DIES_ALWAYS = 5 };

static int square(sheaf_task *task, const void *arg, void *result)
{
	uint64_t x = sheaf_task_position(task);

	(void)arg;
	if (x == DIES_ALWAYS || (x == DIES_ONCE && sheaf_task_attempt(task) == 1))
		raise(SIGKILL);
	*(uint64_t *)result = x * x;
	return 0;
}

static int run(sheaf_batch *batch)
{
	sheaf_result result;
	int r;

	for (uint64_t i = 0; i < N; i++) {
		r = sheaf_submit(batch, i, square, NULL, 0);
		if (r < 0)
			return r;
	}
	while ((r = sheaf_next(batch, &result, SHEAF_FOREVER)) > 0) {
		printf("position %" PRIu64 ", attempts %u: ", result.position, result.attempts);
		if (result.status == 0)
			printf("%" PRIu64 "\n", *(const uint64_t *)result.data);
		else
			printf("failed: %s\n", result.message);
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
