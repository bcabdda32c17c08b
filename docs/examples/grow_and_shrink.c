/*
 * grow_and_shrink.c - a pool that grows and shrinks with its queue. Bursts of tasks come, of
 * different sizes. Each task waits until all of its burst have begun, as those do that talk to each
 * other. So a burst needs as many workers as it has tasks. Between bursts the workers leave, but
 * for one. At last the owner takes away all but two, for a burst that needs no more.
 *
 * Run: build/docs/examples/grow_and_shrink [--workers N]
 */
#include "support/example.h"

#include <sheaf_workers.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { IDLE_MS = 20, BURSTS = 4 };

struct burst {
	_Atomic unsigned begun;
	unsigned size;
};

static void nap(void)
{
	nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

static int meet(sheaf_task *task, const void *arg, void *result)
{
	struct burst *burst;

	(void)task;
	(void)result;
	memcpy(&burst, arg, sizeof(burst));
	atomic_fetch_add(&burst->begun, 1);
	while (atomic_load(&burst->begun) < burst->size)
		nap();
	return 0;
}

/* Run a burst, and tell how many workers it had. */
static int run_burst(sheaf_pool *pool, struct burst *burst, unsigned size)
{
	const sheaf_result *results;
	sheaf_batch *batch;
	uint64_t workers = 0;
	unsigned count = 0;
	size_t n;
	int r = sheaf_batch_create(&batch, pool, NULL);

	atomic_store(&burst->begun, 0);
	burst->size = size;
	for (unsigned i = 0; i < size && r == 0; i++)
		r = sheaf_submit(batch, i, meet, &burst, sizeof(burst));
	if (r == 0)
		r = sheaf_gather(batch, &results, &n, SHEAF_FOREVER);
	if (r != 0)
		return r;
	for (size_t i = 0; i < n; i++)
		workers |= UINT64_C(1) << results[i].worker;
	for (; workers; workers &= workers - 1)
		count++;
	printf("a burst of %u tasks: %u workers\n", size, count);
	sheaf_batch_retire(batch);
	return 0;
}

/* Wait until the pool has no more than so many workers. */
static int wait_for(sheaf_pool *pool, unsigned count)
{
	sheaf_workers_info info;
	int r;

	while ((r = sheaf_pool_get_workers(pool, &info)) == 0 && info.alive > count)
		nap();
	if (r == 0)
		printf("then: %u\n", info.alive);
	return r;
}

static int run(sheaf_pool *pool, unsigned most)
{
	const unsigned sizes[BURSTS] = {2, most, 1, most};
	void *memory;
	int r = sheaf_alloc(pool, sizeof(struct burst), &memory);

	for (unsigned i = 0; i < BURSTS && r == 0; i++)
		if ((r = run_burst(pool, memory, sizes[i] < most ? sizes[i] : most)) == 0)
			r = wait_for(pool, 1);
	if (r == 0 && most > 2)
		r = sheaf_pool_resize(pool, 2);
	return r == 0 ? run_burst(pool, memory, most < 2 ? most : 2) : r;
}

int main(int argc, char **argv)
{
	sheaf_worker_options workers = {
		.on_demand = true,
		.min_workers = 1,
		.idle_ns = IDLE_MS * UINT64_C(1000000),
	};
	unsigned most = example_options(argc, argv, NULL);
	sheaf_pool_options options = {.worker_options = &workers};
	sheaf_pool *pool = NULL;
	int r;

	most = most == 0 ? 8 : most < 64 ? most : 64;
	options.workers = most;
	r = sheaf_pool_create(&pool, &options);
	if (r == 0)
		r = run(pool, most);
	r = example_end(r);
	sheaf_pool_destroy(pool);
	return r;
}
