/*
 * tasks.c - tasks that make tasks and wait for them. tasks_openmp.c does the same with OpenMP.
 *
 * Run: build/docs/examples/port/tasks
 */
#include <errno.h>
#include <inttypes.h>
#include <sheaf.h>
#include <stdio.h>

enum { CUT_OFF = 20 };

static uint64_t alone(uint64_t n)
{
	return n < 2 ? n : alone(n - 1) + alone(n - 2);
}

static int fibonacci(sheaf_task *task, const void *arg, void *result)
{
	const sheaf_batch_options options = {.result_size = sizeof(uint64_t)};
	uint64_t n = *(const uint64_t *)arg, less[2] = {n - 1, n - 2};
	const sheaf_result *ab;
	sheaf_batch *batch;
	size_t count;
	int r;

	if (n <= CUT_OFF) {
		*(uint64_t *)result = alone(n);
		return 0;
	}
	r = sheaf_batch_create(&batch, sheaf_task_pool(task), &options);
	for (unsigned i = 0; r == 0 && i < 2; i++)
		r = sheaf_submit(batch, i, fibonacci, &less[i], sizeof(less[i]));
	if (r == 0)
		r = sheaf_gather(batch, &ab, &count, SHEAF_FOREVER);
	if (r != 0)
		return sheaf_task_fail(task, r < 0 ? r : -ECANCELED, "%s", sheaf_message());
	*(uint64_t *)result = *(const uint64_t *)ab[0].data + *(const uint64_t *)ab[1].data;
	sheaf_batch_retire(batch);
	return 0;
}

int main(void)
{
	uint64_t n = 30, found = 0;
	sheaf_pool *pool = NULL;
	int r = sheaf_pool_create(&pool, NULL);

	if (r == 0)
		r = sheaf_apply(pool, fibonacci, &n, sizeof(n), &found, sizeof(found), NULL);
	if (r == 0)
		printf("%" PRIu64 "\n", found);
	else
		fprintf(stderr, "tasks: %s\n", sheaf_message());
	sheaf_pool_destroy(pool);
	return r != 0;
}
