/*
 * timeline.c - trace a pool: uneven tasks, tasks that make tasks, and a worker that dies.
 *
 * Open the file that it names in ui.perfetto.dev or in chrome://tracing. Each worker has a row. In
 * the first part one task is much longer than the others, so a row is busy while the others wait.
 * In the second part tasks lie inside of tasks. In the third a worker is killed, and its row ends.
 *
 * Run: build/docs/examples/timeline [--workers N] [--file FILE]
 */
#include "support/example.h"

#include <sheaf_trace.h>
#include <signal.h>
#include <stdio.h>

enum { TASKS = 40, PARTS = 8, LONG_TASK = 3, FATAL_TASK = 11 };

/* Compute something for so many microseconds. */
static uint64_t compute(uint64_t microseconds)
{
	uint64_t until = sheaf_now_ns() + microseconds * 1000, rounds = 0;

	while (sheaf_now_ns() < until)
		rounds++;
	return rounds;
}

static int uneven(sheaf_task *task, const void *arg, void *result)
{
	(void)arg;
	(void)result;
	compute(sheaf_task_position(task) == LONG_TASK ? 5000 : 300);
	return 0;
}

static int part(sheaf_task *task, const void *arg, void *result)
{
	(void)task;
	(void)arg;
	(void)result;
	compute(100);
	return 0;
}

/* A task that makes tasks. */
static int whole(sheaf_task *task, const void *arg, void *result)
{
	sheaf_batch *batch;
	int r = sheaf_batch_create(&batch, sheaf_task_pool(task), NULL);

	(void)arg;
	(void)result;
	if (r)
		return r;
	for (uint64_t i = 0; i < PARTS && !r; i++)
		r = sheaf_submit(batch, i, part, NULL, 0);
	if (!r)
		r = sheaf_wait(&batch, 1, SHEAF_ALL_DONE, SHEAF_FOREVER);
	sheaf_batch_retire(batch);
	return r < 0 ? r : 0;
}

static int fatal_once(sheaf_task *task, const void *arg, void *result)
{
	compute(200);
	if (sheaf_task_position(task) == FATAL_TASK && sheaf_task_attempt(task) == 1)
		raise(SIGKILL);
	return part(task, arg, result);
}

static int run(sheaf_pool *pool, sheaf_task_fn *fn)
{
	const sheaf_result *results;
	sheaf_batch *batch;
	size_t n;
	int r;

	if ((r = sheaf_batch_create(&batch, pool, NULL)))
		return r;
	for (uint64_t i = 0; i < TASKS; i++)
		if ((r = sheaf_submit(batch, i, fn, NULL, 0)))
			return r;
	if ((r = sheaf_gather(batch, &results, &n, SHEAF_FOREVER)) > 0)
		r = example_failures(results, n);
	sheaf_batch_retire(batch);
	return r;
}

int main(int argc, char **argv)
{
	const char *file = "timeline.json";
	const struct example_option choices[] = {{.name = "--file", .help = "where the trace is written", .text = &file}, {0}};
	unsigned workers = example_options(argc, argv, choices);
	sheaf_pool_options options = {.workers = workers, .tracing = &(sheaf_tracing){.file = file}};
	sheaf_pool *pool;
	int r = sheaf_pool_create(&pool, &options);

	if (r)
		return example_end(r);
	if (!(r = run(pool, uneven)) && !(r = run(pool, whole)))
		r = run(pool, fatal_once);
	sheaf_pool_destroy(pool); /* writes the file */
	if (!r)
		printf("%d tasks, of which %d made %d each: open %s\n", 3 * TASKS, TASKS, PARTS, file);
	return example_end(r);
}
