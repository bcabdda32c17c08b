/*
 * model_workers.c - one model per worker: the init hook loads a file of weights, which takes long,
 * once in each worker. Tasks use it by sheaf_task_state(), the exit hook tells how often it was
 * used. Workers are renewed after 50 tasks, and the new ones load the model again.
 *
 * Without --model the example writes a small file of its own. If the file cannot be read, no pool
 * is created, and the message says why.
 *
 * Run: build/docs/examples/model_workers [--workers N] [--model FILE]
 */
#include "support/example.h"

#include <errno.h>
#include <inttypes.h>
#include <sheaf_workers.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WEIGHTS = 4, TASKS = 400, SERVES = 50 };

/* What a worker has in its own memory: no other process sees it, so it needs no lock. */
struct model {
	double weights[WEIGHTS];
	uint64_t answers;
};

static int load(void **state, unsigned worker, void *context)
{
	const char *path = context;
	struct model *model = calloc(1, sizeof(*model));
	FILE *file = fopen(path, "r");
	int r = 0;

	if (!model || !file)
		r = sheaf_worker_fail(-ENOENT, "worker %u cannot open the model \"%s\"", worker, path);
	for (int i = 0; i < WEIGHTS && !r; i++)
		if (fscanf(file, "%lf", &model->weights[i]) != 1)
			r = sheaf_worker_fail(-EINVAL, "the model \"%s\" has %d weights instead of %d", path, i, WEIGHTS);
	if (file)
		fclose(file);
	if (r)
		free(model);
	else
		*state = model;
	return r;
}

static void unload(void *state, unsigned worker, void *context)
{
	struct model *model = state;

	(void)context;
	fprintf(stderr, "worker %u gave %" PRIu64 " answers\n", worker, model->answers);
	free(model);
}

/* The model's answer to a position: a polynomial. */
static int answer(sheaf_task *task, const void *arg, void *result)
{
	struct model *model = sheaf_task_state(task);
	double x = (double)sheaf_task_position(task) / TASKS, y = 0;

	(void)arg;
	for (int i = WEIGHTS; i-- > 0;)
		y = y * x + model->weights[i];
	model->answers++;
	*(double *)result = y;
	return 0;
}

static int run(sheaf_pool *pool)
{
	const sheaf_batch_options options = {.result_size = sizeof(double)};
	sheaf_workers_info workers;
	sheaf_batch *batch;
	sheaf_result result;
	double sum = 0;
	int r = sheaf_batch_create(&batch, pool, &options);

	for (uint64_t i = 0; i < TASKS && r == 0; i++)
		r = sheaf_submit(batch, i, answer, NULL, 0);
	while (r >= 0 && (r = sheaf_next(batch, &result, SHEAF_FOREVER)) > 0)
		sum += result.status ? 0 : *(const double *)result.data;
	if (r == 0)
		r = sheaf_pool_close(pool);
	/* Now every worker's exit hook has run. */
	if (r == 0)
		r = sheaf_pool_join(pool, SHEAF_FOREVER);
	if (r == 0)
		r = sheaf_pool_get_workers(pool, &workers);
	if (r == 0) {
		printf("sum of %d answers: %.6f\n", TASKS, sum);
		printf("workers were renewed: %s\n", workers.left ? "yes" : "no");
	}
	return r;
}

/* Write a model for those that have none. */
static int write_model(const char *path)
{
	FILE *file = fopen(path, "w");

	if (!file)
		return -errno;
	fputs("1.5 -0.5 0.25 2\n", file);
	return fclose(file) ? -errno : 0;
}

int main(int argc, char **argv)
{
	char own[] = "/tmp/sheaf-model-XXXXXX";
	const char *path = NULL;
	const struct example_option known[] = {{.name = "--model", .help = "file of 4 weights", .text = &path}, {0}};
	sheaf_worker_options hooks = {.init = load, .exit = unload, .recycle_tasks = SERVES};
	sheaf_pool_options options = {.workers = example_options(argc, argv, known), .worker_options = &hooks};
	sheaf_pool *pool = NULL;
	int r = 0, fd = path ? -1 : mkstemp(own);

	if (!path && (fd < 0 || write_model(own)))
		return example_end(1);
	hooks.context = path ? (void *)(uintptr_t)path : own;
	r = sheaf_pool_create(&pool, &options);
	if (r == 0)
		r = run(pool);
	r = example_end(r);
	sheaf_pool_destroy(pool);
	if (fd >= 0) {
		close(fd);
		unlink(own);
	}
	return r;
}
