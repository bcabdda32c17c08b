/*
 * strings.c - random strings from separate tasks, submitted in scrambled order, come back in order
 * of their position tags.
 *
 * Each task seeds its generator with its own position, so the strings do not depend on which worker
 * computes them, or when. They are taken twice from the same batch: as they get done, in any order,
 * and then all at once, sorted.
 *
 * Run: build/docs/examples/strings [--workers N]
 */
#include "support/example.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { N = 8, LENGTH = 5 };

static const uint64_t scrambled[N] = {5, 2, 7, 0, 3, 6, 1, 4};

/* SplitMix64, the generator of Steele, Lea and Flood (2014). */
static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

static int random_string(sheaf_task *task, const void *arg, void *result)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	uint64_t state = sheaf_task_position(task);
	char *text = result;

	(void)arg;
	for (int i = 0; i < LENGTH; i++)
		text[i] = letters[next_random(&state) % (sizeof(letters) - 1)];
	return 0;
}

/* Take the results as they get done. Each says to which position it belongs. */
static int take_unordered(sheaf_batch *batch, char strings[N][LENGTH + 1])
{
	sheaf_result result;
	int r;

	while ((r = sheaf_next_done(batch, &result, SHEAF_FOREVER)) > 0) {
		if (result.status != 0)
			return example_failures(&result, 1);
		memcpy(strings[result.position], result.data, LENGTH + 1);
	}
	return r;
}

static int run(sheaf_batch *batch)
{
	char strings[N][LENGTH + 1] = {{0}};
	const sheaf_result *results;
	bool same = true;
	size_t n;
	int r;

	printf("submitted:");
	for (int i = 0; i < N; i++) {
		r = sheaf_submit(batch, scrambled[i], random_string, NULL, 0);
		if (r < 0)
			return r;
		printf(" %" PRIu64, scrambled[i]);
	}
	printf("\n");

	r = take_unordered(batch, strings);
	if (r != 0)
		return r;
	r = sheaf_gather(batch, &results, &n, SHEAF_FOREVER);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		printf("%" PRIu64 " %s\n", results[i].position, (const char *)results[i].data);
		same = same && memcmp(results[i].data, strings[results[i].position], LENGTH + 1) == 0;
	}
	printf("unordered: %s %d strings\n", same ? "the same" : "NOT the same", N);
	return same ? 0 : 1;
}

int main(int argc, char **argv)
{
	const sheaf_pool_options options = {.workers = example_options(argc, argv, NULL)};
	const sheaf_batch_options batch_options = {.result_size = LENGTH + 1};
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
