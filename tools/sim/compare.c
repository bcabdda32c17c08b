/*
 * compare.c - runs a job on this machine by MPI, and has the model say what it should have taken.
 *
 * Items sleep, so that more workers than CPUs take part as they would on nodes of their own. Each
 * tells how long it took, and the model gets these times. What is compared is all else: claims,
 * naps, and the order in which workers take items.
 */
#include "model.h"

#include "sheaf_mpi.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ALLOWED 0.05 /* of the wall time */

static struct items items = {.seed = 1, .mean_ns = 10000000, .slow_times = 1};

static int sleep_item(sheaf_task *task, const void *arg, void *result)
{
	uint64_t begin_ns = sheaf_now_ns(), end_ns = begin_ns + items_time_ns(&items, sheaf_task_position(task));
	uint64_t *took_ns = result, now_ns;

	(void)arg;
	while ((now_ns = sheaf_now_ns()) < end_ns)
		nanosleep(&(struct timespec){.tv_nsec = (long)((end_ns - now_ns) % 1000000000)}, NULL);
	*took_ns = sheaf_now_ns() - begin_ns;
	return 0;
}

/* 0; 1: they differ by more than is allowed. */
static int print_comparison(const struct model *model, uint64_t wall_ns)
{
	struct outcome outcome;
	double real, ratio;

	if (model_run(model, &outcome))
		return 1;
	ratio = (double)wall_ns / (double)outcome.wall_ns;
	real = (double)outcome.work_ns / ((double)wall_ns * model->nodes * model->workers);
	printf("%u ranks x %u workers, %llu items: efficiency %.4f, by the model %.4f; wall time %.4f of the model's\n",
	       model->nodes, model->workers, (unsigned long long)model->n, real, outcome.efficiency, ratio);
	return ratio < 1 - ALLOWED || ratio > 1 + ALLOWED;
}

static int run_job(sheaf_cluster *cluster, struct model *model)
{
	int rank = sheaf_cluster_rank(cluster), r = 0;
	uint64_t begin_ns, wall_ns;
	void *took = NULL;

	if (!rank)
		r = sheaf_alloc_array(sheaf_cluster_pool(cluster), model->n, sizeof(uint64_t), &took);
	MPI_Barrier(MPI_COMM_WORLD);
	begin_ns = sheaf_now_ns();
	if (!r)
		r = sheaf_cluster_map(cluster, sleep_item, NULL, 0, took, sizeof(uint64_t), model->n, NULL);
	MPI_Barrier(MPI_COMM_WORLD);
	wall_ns = sheaf_now_ns() - begin_ns;
	if (r)
		fprintf(stderr, "compare: %s\n", sheaf_message());
	else if (!rank) {
		model->items.measured = took;
		r = print_comparison(model, wall_ns);
	}
	sheaf_free(sheaf_cluster_pool(cluster), took);
	return r;
}

int main(int argc, char **argv)
{
	unsigned workers = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 4;
	uint64_t work_ns = (argc > 2 ? strtoull(argv[2], NULL, 10) : 2000) * 1000000;
	sheaf_cluster *cluster;
	struct model model;
	int r;

	if (argc > 3)
		items.slow_percent = 1, items.slow_times = (unsigned)strtoul(argv[3], NULL, 10);
	if (argc > 4 || !workers || !work_ns) {
		fprintf(stderr, "Usage: mpirun -n RANKS compare [WORKERS [MILLISECONDS [TIMES]]]\n");
		return 2;
	}
	if (sheaf_cluster_start(&cluster, &argc, &argv, &(sheaf_pool_options){.workers = workers})) {
		fprintf(stderr, "compare: %s\n", sheaf_message());
		return 1;
	}
	model_defaults(&model);
	model.nodes = (unsigned)sheaf_cluster_ranks(cluster);
	model.workers = workers;
	model.n = items_count(&items, work_ns) * model.nodes * workers;
	model.result_bytes = sizeof(uint64_t);
	/* Shared memory of one machine: see cluster/served, and cluster/claim, of sheaf-bench. */
	model.service_ns = 1000;
	model.latency_ns = 1000;
	r = run_job(cluster, &model);
	sheaf_cluster_destroy(cluster);
	return r != 0;
}
