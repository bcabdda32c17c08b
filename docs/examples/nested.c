/*
 * nested.c - the smallest program whose tasks make tasks: Fibonacci's numbers, of which each is the
 * sum of the two before it.
 *
 * Run: build/docs/examples/nested
 */
#include <errno.h>
#include <inttypes.h>
#include <sheaf.h>
#include <stdio.h>

enum { CUT_OFF = 20 }; /* up to this number, 20 us and less, a task computes alone */

static uint64_t alone(uint64_t n)
{
	return n < 2 ? n : alone(n - 1) + alone(n - 2);
}

static int fibonacci(sheaf_task *task, const void *arg, void *result)
{
	const sheaf_batch_options options = {.result_size = sizeof(uint64_t)};
	uint64_t n = *(const uint64_t *)arg, less[2] = {n - 1, n - 2}, *sum = result;
	const sheaf_result *results;
	sheaf_batch *batch;
	size_t count;
	int r;

	if (n <= CUT_OFF) {
		*sum = alone(n);
		return 0;
	}
	r = sheaf_batch_create(&batch, sheaf_task_pool(task), &options);
	for (unsigned i = 0; r == 0 && i < 2; i++)
		r = sheaf_submit(batch, i, fibonacci, &less[i], sizeof(less[i]));
	if (r == 0)
		r = sheaf_gather(batch, &results, &count, SHEAF_FOREVER); /* runs tasks meanwhile */
	if (r != 0) /* above 0 it is how many failed; the batch ends with this task */
		return sheaf_task_fail(task, r < 0 ? r : -ECANCELED, "%s", sheaf_message());
	for (size_t i = 0; i < count; i++)
		*sum += *(const uint64_t *)results[i].data;
	sheaf_batch_retire(batch);
	return 0;
}

int main(void)
{
	uint64_t n = 32, found = 0;
	sheaf_pool *pool = NULL;
	int r = sheaf_pool_create(&pool, NULL);

	if (r == 0)
		r = sheaf_apply(pool, fibonacci, &n, sizeof(n), &found, sizeof(found), NULL);
	if (r == 0)
		printf("number %" PRIu64 " is %" PRIu64 "\n", n, found);
	else
		fprintf(stderr, "nested: %s\n", sheaf_message());
	sheaf_pool_destroy(pool);
	return r != 0 || found != alone(n);
}
