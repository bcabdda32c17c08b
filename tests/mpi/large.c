/*
 * large.c - results whose bytes no int can count: of a chunk, of a position, and of all. Needs
 * memory, so it is run by full.sh alone, and skipped where shared memory has too little.
 */
#include "sheaf_mpi.h"

#include "support/check.h"

#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#define MIB ((size_t)1 << 20)
#define HEAP (9216 * MIB)

static sheaf_cluster *cluster;
static int rank;

/* What the results of one call are. */
struct results {
	size_t size, n; /* bytes of a position, positions */
	size_t grain;
};

/* Fill the result with a byte that is the position's. */
static int fill(sheaf_task *task, const void *in, void *out)
{
	const struct results *results = sheaf_task_context(task);

	(void)in;
	memset(out, (int)(sheaf_task_position(task) % 251 + 1), results->size);
	return 0;
}

static void check(const unsigned char *out, const struct results *results)
{
	for (size_t i = 0; i < results->n; i++, out += results->size)
		CHECK_AS(HARM_LOST, out[0] == i % 251 + 1 && !memcmp(out, out + 1, results->size - 1), "position %zu", i);
}

static void run(const struct results *results)
{
	sheaf_pool *pool = sheaf_cluster_pool(cluster);
	const sheaf_cluster_map_options options = {
		.context = (void *)results, .context_size = sizeof(*results), .grain = results->grain};
	void *out = NULL;
	int r;

	CHECK(rank || !sheaf_alloc_array(pool, results->n, results->size, &out), "no memory");
	r = sheaf_cluster_map(cluster, fill, NULL, 0, out, results->size, results->n, &options);
	CHECK(!r, "rank %d: %d", rank, r);
	if (!rank)
		check(out, results);
	sheaf_free(pool, out);
}

int main(int argc, char **argv)
{
	static const struct results all[] = {
		{.size = MIB, .n = 3000},
		{.size = 2200 * MIB, .n = 2},
		{.size = 700 * MIB, .n = 8, .grain = 4},
	};
	struct statvfs shm;

	if (!statvfs("/dev/shm", &shm) && shm.f_bavail * (uint64_t)shm.f_frsize < 2 * (uint64_t)HEAP) {
		printf("skipped: shared memory has less than %zu MiB\n", 2 * HEAP / MIB);
		return 77;
	}
	CHECK(!sheaf_cluster_start(&cluster, &argc, &argv, &(sheaf_pool_options){.workers = 1, .heap_size = HEAP}),
	      "no cluster");
	rank = sheaf_cluster_rank(cluster);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		run(&all[i]);
	sheaf_cluster_destroy(cluster);
	return 0;
}
