/*
 * start.c [bad] - a program that leaves the order of pool and MPI to sheaf_cluster_start(). All
 * ranks of an MPI job run it. With "bad" the last rank asks for a pool that cannot be.
 */
#include "sheaf_mpi.h"

#include "support/check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int square(sheaf_task *task, const void *arg, void *result)
{
	(void)arg;
	*(uint64_t *)result = sheaf_task_position(task) * sheaf_task_position(task);
	return 0;
}

/* Which rank this will be is known before MPI begins only from its launcher. */
static int launched_rank(void)
{
	const char *rank = getenv("OMPI_COMM_WORLD_RANK");

	rank = rank ? rank : getenv("PMI_RANK");
	return rank ? atoi(rank) : 0;
}

static int launched_ranks(void)
{
	const char *ranks = getenv("OMPI_COMM_WORLD_SIZE");

	ranks = ranks ? ranks : getenv("PMI_SIZE");
	return ranks ? atoi(ranks) : 1;
}

int main(int argc, char **argv)
{
	bool bad = argc > 1 && !strcmp(argv[1], "bad");
	sheaf_pool_options options = {.workers = 2, .heap_size = 64 << 20};
	sheaf_cluster *cluster;
	void *out;
	int r;

	if (bad && launched_rank() == launched_ranks() - 1)
		options.max_attempts = 99;
	r = sheaf_cluster_start(&cluster, &argc, &argv, &options);
	if (bad) {
		char text[40];

		snprintf(text, sizeof(text), "rank %d: ", launched_ranks() - 1);
		CHECK(r == -EINVAL && strstr(sheaf_message(), text) && strstr(sheaf_message(), "max_attempts"), "%d", r);
		return 0;
	}
	CHECK(!r, "%d", r);
	CHECK(!sheaf_alloc(sheaf_cluster_pool(cluster), 8000, &out), "no memory");
	CHECK(!sheaf_cluster_map(cluster, square, NULL, 0, out, 8, 1000,
				 &(sheaf_cluster_map_options){.results = SHEAF_RESULTS_EVERYWHERE}),
	      "the map");
	for (uint64_t i = 0; i < 1000; i++)
		CHECK(((uint64_t *)out)[i] == i * i, "position %llu", (unsigned long long)i);
	sheaf_cluster_destroy(cluster);
	CHECK(sheaf_cluster_start(&cluster, NULL, NULL, &options) == -EINVAL, "MPI began twice");
	return 0;
}
