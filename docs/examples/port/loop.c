/*
 * loop.c - "parallel for" of OpenMP, and with a reduction. loop_openmp.c does the same with OpenMP.
 *
 * Run: build/docs/examples/port/loop
 */
#include <inttypes.h>
#include <sheaf.h>
#include <stdio.h>

#define BLOCK 1000 /* items that one call adds up */
#define BLOCKS 1000
#define N (BLOCK * BLOCKS)

/* In shared memory. */
struct data {
	uint64_t x[N], y[N], sums[BLOCKS];
};

static int square(sheaf_task *task, size_t begin, size_t end, void *context)
{
	struct data *data = context;

	(void)task;
	for (size_t i = begin; i < end; i++)
		data->y[i] = data->x[i] * data->x[i];
	return 0;
}

static int add_up(sheaf_task *task, const void *in, void *out)
{
	const uint64_t *y = in;
	uint64_t sum = 0;

	(void)task;
	for (size_t i = 0; i < BLOCK; i++)
		sum += y[i];
	*(uint64_t *)out = sum;
	return 0;
}

static int run(sheaf_pool *pool)
{
	uint64_t sum = 0;
	struct data *data;
	void *memory;
	int r = sheaf_alloc(pool, sizeof(*data), &memory);

	if (r < 0)
		return r;
	data = memory;
	for (size_t i = 0; i < N; i++)
		data->x[i] = i;

	r = sheaf_for(pool, square, data, N, NULL);
	if (r == 0)
		r = sheaf_map(pool, add_up, data->y, BLOCK * sizeof(uint64_t), data->sums, sizeof(uint64_t), BLOCKS, NULL);
	for (size_t i = 0; i < BLOCKS; i++)
		sum += data->sums[i];

	if (r == 0)
		printf("%" PRIu64 " %" PRIu64 "\n", data->y[N - 1], sum);
	return r;
}

int main(void)
{
	sheaf_pool *pool = NULL;
	int r = sheaf_pool_create(&pool, NULL);

	if (r == 0)
		r = run(pool);
	if (r < 0)
		fprintf(stderr, "loop: %s\n", sheaf_message());
	sheaf_pool_destroy(pool);
	return r < 0;
}
