/*
 * job.c - a loop of a cluster under SMPI: the code of the library's ranks and dispatcher, over
 * pools that take simulated time. Each position has to run once, and the model has to agree.
 *
 * The agreement before a job is left out: SMPI's nonblocking reduction takes seconds for a hundred
 * ranks, and minutes for more.
 */
#include "model.h"
#include "pool.h"

#include "mpi/dispatch.h"
#include "mpi/place.h"
#include "mpi/rank.h"
#include "sheaf_adapter.h"

#include <stdio.h>
#include <stdlib.h>

#define WAKE_NS 50000
#define ALLOWED 0.02 /* between the efficiencies */

static int run_range(sheaf_task *task, size_t begin, size_t end, void *context)
{
	(void)task, (void)begin, (void)end, (void)context;
	return 0;
}

static int run_loop(struct job *job, sheaf_pool *pool, unsigned workers)
{
	struct dispatch *dispatch = NULL;
	struct wire *wire;
	unsigned *all;
	int r = wire_open(&wire, MPI_COMM_WORLD);

	if (r)
		return r;
	if (!(all = calloc((size_t)wire_ranks(wire), sizeof(*all))))
		r = sheaf_message_set(-1, "no memory");
	for (int rank = 0; all && rank < wire_ranks(wire); rank++)
		all[rank] = workers;
	place_survey(job, wire_rank(wire));
	if (!r && job->root)
		r = dispatch_open(&dispatch, job, wire, all);
	if (!r)
		r = rank_run(job, wire, pool, workers, dispatch);
	dispatch_close(dispatch);
	free(all);
	return r;
}

/* Say what the model says of the same job. */
static double ask_model(const struct job *job, const struct items *items, int ranks, unsigned workers)
{
	struct model model;
	struct outcome outcome;

	model_defaults(&model);
	model.nodes = (unsigned)ranks;
	model.workers = workers;
	model.n = job->n;
	model.items = *items;
	model.wake_ns = WAKE_NS;
	model.slack_ns = 0;
	return model_run(&model, &outcome) ? 0 : outcome.efficiency;
}

/* Compare at the root: what all workers have done, with what they could have, and the model. */
static int judge(const struct job *job, const struct items *items, sheaf_pool *pool, unsigned workers, double begin)
{
	struct pool_work work = pool_get_work(pool);
	uint64_t own[3] = {work.count, work.sum, work.took_ns}, all[3];
	double end = MPI_Wtime(), wall_s, efficiency, expected;
	int rank, ranks;

	MPI_Comm_rank(MPI_COMM_WORLD, &rank);
	MPI_Comm_size(MPI_COMM_WORLD, &ranks);
	MPI_Allreduce(&end, &wall_s, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
	MPI_Allreduce(own, all, 3, MPI_UINT64_T, MPI_SUM, MPI_COMM_WORLD);
	if (rank)
		return 0;
	if (all[0] != job->n || all[1] != job->n * (job->n - 1) / 2)
		return sheaf_message_set(-1, "%llu positions ran, not each of %llu once", (unsigned long long)all[0],
					 (unsigned long long)job->n);
	wall_s -= begin;
	efficiency = (double)all[2] / 1e9 / (wall_s * ranks * workers);
	expected = ask_model(job, items, ranks, workers);
	printf("%d ranks x %u workers, %llu items: efficiency %.4f by SMPI, %.4f by the model; %.4f s\n", ranks, workers,
	       (unsigned long long)job->n, efficiency, expected, wall_s);
	(void)fflush(stdout);
	if (efficiency - expected > ALLOWED || expected - efficiency > ALLOWED)
		return sheaf_message_set(-1, "the two differ by more than %g", ALLOWED);
	printf("agreed\n"); /* what SMPI exits with says nothing */
	return 0;
}

int main(int argc, char **argv)
{
	struct items items = {.seed = 1, .mean_ns = 10000000, .slow_times = 1};
	struct job job = {.kind = JOB_FOR, .number = 1, .call = "simulation", .range = run_range, .file = -1};
	unsigned workers;
	sheaf_pool *pool;
	double begin;
	int ranks, r;

	MPI_Init(&argc, &argv);
	if (argc != 5) {
		fprintf(stderr, "Usage: smpirun ... job WORKERS MILLISECONDS SLOW_PERCENT SLOW_TIMES\n");
		MPI_Abort(MPI_COMM_WORLD, 2);
	}
	MPI_Comm_size(MPI_COMM_WORLD, &ranks);
	workers = (unsigned)strtoul(argv[1], NULL, 10);
	items.slow_percent = (unsigned)strtoul(argv[3], NULL, 10);
	items.slow_times = (unsigned)strtoul(argv[4], NULL, 10);
	job.n = items_count(&items, strtoull(argv[2], NULL, 10) * 1000000) * workers * (unsigned)ranks;
	pool = pool_open(workers, &items, WAKE_NS);
	MPI_Barrier(MPI_COMM_WORLD);
	begin = MPI_Wtime();
	r = pool ? run_loop(&job, pool, workers) : sheaf_message_set(-1, "no memory");
	if (!r)
		r = judge(&job, &items, pool, workers, begin);
	if (r) {
		fprintf(stderr, "simulation: %s\n", sheaf_message());
		MPI_Abort(MPI_COMM_WORLD, 1);
	}
	pool_close(pool);
	MPI_Finalize();
	return 0;
}
