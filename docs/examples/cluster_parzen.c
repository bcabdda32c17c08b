/*
 * cluster_parzen.c - the density estimate of parzen.c over the nodes of a cluster: the table, and
 * how long it takes with one rank, with two, and so on.
 *
 * The root makes the samples, and each node gets them once. Then ranks claim widths, and their
 * workers count. The same program runs alone and under mpirun, with any number of ranks.
 *
 * Run: mpirun --host a,b --map-by ppr:1:node --bind-to none build/docs/examples/cluster_parzen
 */
#include <inttypes.h>
#include <math.h>
#include <sheaf_mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/chart.h"
#include "support/example.h"
#include "support/mt19937.h"

enum {
	SAMPLES = 10000,
	SEED = 123,
	WIDTHS = 12,  /* of the table: 0.1, 0.2, ... */
	TIMED = 2000, /* widths from 1.0 to 1.2 */
	MOST_BARS = 16,
};

/* What a worker reads beside its width: where its rank has the samples. */
struct samples {
	const double *at;
};

static int count_inside(sheaf_task *task, const void *arg, void *result)
{
	const double *sample = ((const struct samples *)sheaf_task_context(task))->at;
	const double half = *(const double *)arg / 2;
	uint64_t inside = 0;

	for (size_t i = 0; i < SAMPLES; i++, sample += 2)
		inside += fabs(sample[0]) <= half && fabs(sample[1]) <= half;
	*(uint64_t *)result = inside;
	return 0;
}

/* The published samples: at the root they are made, at the others they arrive. */
static int share_samples(sheaf_cluster *cluster, double *samples)
{
	struct mt19937 generator;

	mt19937_seed(&generator, SEED);
	for (size_t i = 0; sheaf_cluster_rank(cluster) == 0 && i < 2 * SAMPLES; i++)
		samples[i] = mt19937_gauss(&generator);
	return sheaf_cluster_broadcast(cluster, samples, 2 * SAMPLES * sizeof(double));
}

/* Count the samples inside of each width. The root has the widths, and gets the counts. */
static int count_all(sheaf_cluster *cluster, const double *samples, const double *widths, size_t n, uint64_t *inside)
{
	const struct samples here = {.at = samples};
	const sheaf_cluster_map_options options = {
		.input = SHEAF_INPUT_AT_ROOT,
		.context = &here,
		.context_size = sizeof(here),
	};

	return sheaf_cluster_map(cluster, count_inside, widths, sizeof(double), inside, sizeof(uint64_t), n, &options);
}

static void print_table(const double *widths, const uint64_t *inside)
{
	printf("position,h,inside,density\n");
	for (size_t i = 0; i < WIDTHS; i++)
		printf("%zu,%.12g,%" PRIu64 ",%.12g\n", i, widths[i], inside[i],
		       (double)inside[i] / SAMPLES / (widths[i] * widths[i]));
}

/* Run all of it with the first ranks of the job. The others wait for their turn. */
static int run_with(int ranks, sheaf_pool *pool, double *samples, double *widths, uint64_t *inside, uint64_t *took_ns)
{
	sheaf_cluster *cluster = NULL;
	int rank, r;
	MPI_Comm comm;

	MPI_Comm_rank(MPI_COMM_WORLD, &rank);
	MPI_Comm_split(MPI_COMM_WORLD, rank < ranks ? 0 : MPI_UNDEFINED, rank, &comm);
	if (comm == MPI_COMM_NULL)
		return 0;
	r = sheaf_cluster_create(&cluster, pool, comm, NULL);
	if (r == 0)
		r = share_samples(cluster, samples);
	for (size_t i = 0; i < WIDTHS; i++)
		widths[i] = (double)(i + 1) / 10;
	if (r == 0)
		r = count_all(cluster, samples, widths, WIDTHS, inside);
	if (r == 0 && rank == 0 && ranks == 1)
		print_table(widths, inside);
	for (size_t i = 0; i < TIMED; i++)
		widths[i] = 1.0 + 0.2 * (double)i / (TIMED - 1);
	*took_ns = sheaf_now_ns();
	if (r == 0)
		r = count_all(cluster, samples, widths, TIMED, inside);
	*took_ns = sheaf_now_ns() - *took_ns;
	sheaf_cluster_destroy(cluster);
	MPI_Comm_free(&comm);
	return r;
}

static void print_chart(const uint64_t *took_ns, size_t count)
{
	struct chart_bar bars[MOST_BARS];
	char labels[MOST_BARS][32], notes[MOST_BARS][64];
	struct chart chart = {.title = "Time for 2000 widths from 1.0 to 1.2", .footer = "", .bars = bars, .count = count};

	for (size_t k = 0; k < count; k++) {
		snprintf(labels[k], sizeof(labels[k]), "%zu rank%s", k + 1, k ? "s" : "");
		snprintf(notes[k], sizeof(notes[k]), "%.1f ms, speed-up %.2f", (double)took_ns[k] / 1e6,
			 (double)took_ns[0] / (double)took_ns[k]);
		bars[k] = (struct chart_bar){.label = labels[k], .note = notes[k], .value = (double)took_ns[k]};
	}
	chart_print(&chart, stdout);
}

int main(int argc, char **argv)
{
	const sheaf_pool_options options = {.workers = example_options(argc, argv, NULL)};
	uint64_t took_ns[MOST_BARS] = {0};
	void *samples = NULL, *widths = NULL, *inside = NULL;
	sheaf_pool *pool = NULL;
	int rank, ranks, r = sheaf_pool_create(&pool, &options);

	/* The pool is there before MPI. */
	MPI_Init(&argc, &argv);
	MPI_Comm_rank(MPI_COMM_WORLD, &rank);
	MPI_Comm_size(MPI_COMM_WORLD, &ranks);
	if (ranks > MOST_BARS)
		ranks = MOST_BARS;
	if (r == 0)
		r = sheaf_alloc(pool, 2 * SAMPLES * sizeof(double), &samples);
	if (r == 0)
		r = sheaf_alloc(pool, TIMED * sizeof(double), &widths);
	if (r == 0)
		r = sheaf_alloc(pool, TIMED * sizeof(uint64_t), &inside);
	if (r < 0)
		MPI_Abort(MPI_COMM_WORLD, example_end(r));
	for (int k = 1; k <= ranks && r == 0; k++)
		r = run_with(k, pool, samples, widths, inside, &took_ns[k - 1]);
	if (r == 0 && rank == 0)
		print_chart(took_ns, (size_t)ranks);
	r = example_end(r);
	sheaf_pool_destroy(pool);
	MPI_Finalize();
	return r;
}
