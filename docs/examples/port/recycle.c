/*
 * recycle.c - maxtasksperchild of Pool. recycle.py does the same with Python's Pool.
 *
 * Run: build/docs/examples/port/recycle
 */
#include <sheaf.h>
#include <sheaf_workers.h>
#include <stdio.h>
#include <unistd.h>

enum { N = 100, MOST = 10 };

static int tell_process(sheaf_task *task, const void *arg, void *result)
{
	(void)task;
	(void)arg;
	*(pid_t *)result = getpid();
	return 0;
}

/* Return in how many of the results this one's process stands. */
static int tasks_of(const sheaf_result *one, const sheaf_result *results, size_t n)
{
	int count = 0;

	for (size_t i = 0; i < n; i++)
		count += *(const pid_t *)results[i].data == *(const pid_t *)one->data;
	return count;
}

static int run(sheaf_pool *pool)
{
	const sheaf_batch_options options = {.result_size = sizeof(pid_t)};
	const sheaf_result *results;
	sheaf_batch *batch = NULL;
	size_t n;
	int most = 0, r = sheaf_batch_create(&batch, pool, &options);

	for (uint64_t i = 0; r == 0 && i < N; i++)
		r = sheaf_submit(batch, i, tell_process, NULL, 0);
	if (r == 0)
		r = sheaf_gather(batch, &results, &n, SHEAF_FOREVER);
	for (size_t i = 0; r == 0 && i < n; i++)
		if (most < tasks_of(&results[i], results, n))
			most = tasks_of(&results[i], results, n);
	if (r == 0 && most <= MOST)
		printf("no process ran more than %d of %d tasks\n", MOST, N);
	sheaf_batch_retire(batch);
	return r;
}

int main(void)
{
	const sheaf_worker_options workers = {.recycle_tasks = MOST};
	const sheaf_pool_options options = {.workers = 2, .worker_options = &workers};
	sheaf_pool *pool = NULL;
	int r = sheaf_pool_create(&pool, &options);

	if (r == 0)
		r = run(pool);
	if (r < 0)
		fprintf(stderr, "recycle: %s\n", sheaf_message());
	sheaf_pool_destroy(pool);
	return r < 0;
}
