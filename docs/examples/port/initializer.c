/*
 * initializer.c - an initializer of Pool. initializer.py does the same with Python's Pool.
 *
 * Run: build/docs/examples/port/initializer
 */
#include <errno.h>
#include <inttypes.h>
#include <sheaf.h>
#include <sheaf_workers.h>
#include <stdio.h>
#include <stdlib.h>

enum { N = 1000 };

static int load(void **state, unsigned worker, void *context)
{
	uint64_t slope = *(const uint64_t *)context, *model = calloc(N, sizeof(*model));

	if (!model)
		return sheaf_worker_fail(-ENOMEM, "worker %u has no memory for the model", worker);
	for (uint64_t x = 0; x < N; x++)
		model[x] = slope * x;
	*state = model;
	return 0;
}

static void unload(void *state, unsigned worker, void *context)
{
	(void)worker;
	(void)context;
	free(state);
}

static int predict(sheaf_task *task, const void *in, void *out)
{
	const uint64_t *model = sheaf_task_state(task);

	(void)in;
	*(uint64_t *)out = model[sheaf_task_position(task)];
	return 0;
}

static int run(sheaf_pool *pool)
{
	uint64_t *answers, sum = 0;
	void *memory;
	int r = sheaf_alloc_array(pool, N, sizeof(uint64_t), &memory);

	if (r < 0)
		return r;
	answers = memory;
	r = sheaf_map(pool, predict, NULL, 0, answers, sizeof(uint64_t), N, NULL);
	for (size_t i = 0; i < N; i++)
		sum += answers[i];
	if (r == 0)
		printf("%" PRIu64 " %" PRIu64 "\n", answers[N - 1], sum);
	return r;
}

int main(void)
{
	uint64_t slope = 3;
	const sheaf_worker_options workers = {.init = load, .exit = unload, .context = &slope};
	const sheaf_pool_options options = {.worker_options = &workers};
	sheaf_pool *pool = NULL;
	int r = sheaf_pool_create(&pool, &options);

	if (r == 0)
		r = run(pool);
	if (r < 0)
		fprintf(stderr, "initializer: %s\n", sheaf_message());
	sheaf_pool_destroy(pool);
	return r < 0;
}
