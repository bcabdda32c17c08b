/*
 * openmp_latency.c - fork-join-hot and fork-join-parked by the threads of OpenMP: a parallel region
 * that does next to nothing.
 */
#include "openmp.h"

#include <omp.h>

#include <stdlib.h>

struct fork_join {
	struct bench_count *counts; /* one per thread */
	uint64_t rounds;
};

static void round_trip(const struct bench_job *job, struct fork_join *all)
{
	struct bench_count *counts = all->counts;

#pragma omp parallel num_threads(job->workers)
	counts[omp_get_thread_num()].n++;
	all->rounds++;
}

static int run_hot(const struct bench_job *job, void *context, uint64_t *ns)
{
	uint64_t start = sheaf_now_ns();

	for (size_t i = 0; i < job->n; i++)
		round_trip(job, context);
	*ns = sheaf_now_ns() - start;
	return 0;
}

static int run_parked(const struct bench_job *job, void *context, uint64_t *ns)
{
	uint64_t start;

	bench_idle();
	start = sheaf_now_ns();
	round_trip(job, context);
	*ns = sheaf_now_ns() - start;
	return 0;
}

static int measure(const struct bench_job *job, bench_run_fn *run, double *ns)
{
	struct fork_join all = {0};
	int r = openmp_start_threads(job->workers);

	if (r != 0)
		return r;
	all.counts = calloc(job->workers, sizeof(*all.counts));
	if (!all.counts)
		return bench_fail("no memory for %u counts", job->workers);
	r = bench_repeat(job, run, &all, ns);
	if (r == 0)
		r = bench_check_counts(all.counts, job->workers, all.rounds);
	free(all.counts);
	return r;
}

static int measure_hot(const struct bench_job *job, double *ns)
{
	return measure(job, run_hot, ns);
}

static int measure_parked(const struct bench_job *job, double *ns)
{
	return measure(job, run_parked, ns);
}

const struct peer_case openmp_latency_cases[] = {
	{"fork-join-hot", measure_hot},
	{"fork-join-parked", measure_parked},
	{0},
};
