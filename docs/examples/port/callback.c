/*
 * callback.c - Pool.apply_async() with callbacks. callback.py does the same with Python's Pool.
 *
 * Run: build/docs/examples/port/callback
 */
#include <errno.h>
#include <sheaf.h>
#include <stdio.h>

enum { N = 5 };

static char answers[N][40];

static int invert(sheaf_task *task, const void *arg, void *result)
{
	double x = *(const double *)arg;

	if (x == 0)
		return sheaf_task_fail(task, -EDOM, "0 has no inverse");
	*(double *)result = 1 / x;
	return 0;
}

static void succeeded(const sheaf_result *result)
{
	snprintf(answers[result->position], sizeof(answers[0]), "%.3f", *(const double *)result->data);
}

static void failed(const sheaf_result *result)
{
	snprintf(answers[result->position], sizeof(answers[0]), "%s", result->message);
}

static int run(sheaf_pool *pool)
{
	const sheaf_batch_options options = {.result_size = sizeof(double)};
	sheaf_batch *batch = NULL;
	sheaf_result result;
	int r = sheaf_batch_create(&batch, pool, &options);

	for (int i = 0; r == 0 && i < N; i++) {
		double x = i;

		r = sheaf_submit(batch, (uint64_t)i, invert, &x, sizeof(x));
	}
	while (r >= 0 && (r = sheaf_next_done(batch, &result, SHEAF_FOREVER)) > 0) {
		if (result.status == 0)
			succeeded(&result);
		else
			failed(&result);
	}
	sheaf_batch_retire(batch);
	return r;
}

int main(void)
{
	sheaf_pool *pool = NULL;
	int r = sheaf_pool_create(&pool, NULL);

	if (r == 0)
		r = run(pool);
	for (int i = 0; r == 0 && i < N; i++)
		printf("%d: %s\n", i, answers[i]);
	if (r < 0)
		fprintf(stderr, "callback: %s\n", sheaf_message());
	sheaf_pool_destroy(pool);
	return r < 0;
}
