/*
 * openmp_imbalance.c - items of unequal cost by the best schedule of OpenMP.
 *
 * Each schedule is tried, and the one with the least median is measured again: the answer is no
 * lucky figure of many.
 */
#include "openmp.h"

#include "../imbalance.h"

#include <omp.h>

#include <stdlib.h>
#include <string.h>

struct work {
	struct busy_item *items;
	uint64_t *results;
};

/*
 * Without a modifier, dynamic schedules may be non-monotonic: in libomp each thread then has a part
 * of its own and steals.
 */
static const struct schedule {
	omp_sched_t kind;
	int chunk;
} schedules[] = {
	{omp_sched_static, 0},
	{omp_sched_guided, 1},
	{omp_sched_dynamic, 1},
	{omp_sched_dynamic, 16},
	{omp_sched_dynamic | omp_sched_monotonic, 1},
	{omp_sched_dynamic | omp_sched_monotonic, 16},
};

static int run(const struct bench_job *job, void *context, uint64_t *ns)
{
	struct work *work = context;
	struct busy_item *items = work->items;
	uint64_t *results = work->results, start;
	size_t n = job->n;

	memset(results, 0, n * sizeof(*results));
	start = sheaf_now_ns();
#pragma omp parallel for schedule(runtime) num_threads(job->workers)
	for (size_t i = 0; i < n; i++)
		busy_task(NULL, &items[i], &results[i]);
	*ns = sheaf_now_ns() - start;
	return busy_check(items, results, n);
}

static int measure_best(const struct bench_job *job, struct work *work, double *ns)
{
	struct bench_job trial = *job;
	const struct schedule *best = NULL;
	double least = 0;

	trial.repeats = (job->repeats + 1) / 2;
	for (size_t i = 0; i < sizeof(schedules) / sizeof(*schedules); i++) {
		double time;
		int r;

		omp_set_schedule(schedules[i].kind, schedules[i].chunk);
		r = bench_repeat(&trial, run, work, &time);
		if (r != 0)
			return r;
		if (!best || time < least) {
			best = &schedules[i];
			least = time;
		}
	}
	omp_set_schedule(best->kind, best->chunk);
	return bench_repeat(job, run, work, ns);
}

static int measure(const struct bench_job *job, double *ns)
{
	struct work work;
	int r = openmp_start_threads(job->workers);

	if (r != 0)
		return r;
	work.items = malloc(job->n * sizeof(*work.items));
	work.results = malloc(job->n * sizeof(*work.results));
	r = work.items && work.results ? imbalance_draw(job, work.items) : bench_fail("no memory for %zu items", job->n);
	if (r == 0)
		r = measure_best(job, &work, ns);
	free(work.items);
	free(work.results);
	return r;
}

const struct peer_case openmp_imbalance_cases[] = {
	{"imbalance", measure},
	{0},
};
