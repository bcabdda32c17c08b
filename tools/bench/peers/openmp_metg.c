/*
 * openmp_metg.c - METG(50 %) by the threads of OpenMP. A colon in the name of a case precedes the
 * way in which it is done.
 */
#include "openmp.h"

#include "../metg.h"

static int run_dynamic(const struct bench_job *job, void *context, const struct metg_run *run)
{
	(void)context;
#pragma omp parallel for schedule(dynamic, 1) num_threads(job->workers)
	for (size_t i = 0; i < run->n; i++)
		run->fn(NULL, &run->items[i], &run->results[i]);
	return 0;
}

static int run_guided(const struct bench_job *job, void *context, const struct metg_run *run)
{
	(void)context;
#pragma omp parallel for schedule(guided) num_threads(job->workers)
	for (size_t i = 0; i < run->n; i++)
		run->fn(NULL, &run->items[i], &run->results[i]);
	return 0;
}

static int run_static(const struct bench_job *job, void *context, const struct metg_run *run)
{
	(void)context;
#pragma omp parallel for schedule(static) num_threads(job->workers)
	for (size_t i = 0; i < run->n; i++)
		run->fn(NULL, &run->items[i], &run->results[i]);
	return 0;
}

static int run_fan(const struct bench_job *job, void *context, const struct metg_run *run)
{
	size_t width = job->workers;

	(void)context;
	for (size_t at = 0; at < run->n; at += width) {
#pragma omp parallel for schedule(static) num_threads(width)
		for (size_t i = at; i < at + width; i++)
			run->fn(NULL, &run->items[i], &run->results[i]);
	}
	return 0;
}

/* The calling thread does not come back between the steps: a barrier is all that they cost. */
static int run_fan_region(const struct bench_job *job, void *context, const struct metg_run *run)
{
	size_t width = job->workers;

	(void)context;
#pragma omp parallel num_threads(width)
	for (size_t at = 0; at < run->n; at += width) {
#pragma omp for schedule(static)
		for (size_t i = at; i < at + width; i++)
			run->fn(NULL, &run->items[i], &run->results[i]);
	}
	return 0;
}

static int run_stencil(const struct bench_job *job, void *context, const struct metg_run *run)
{
	size_t width = job->workers, steps = run->n / width;

	(void)context;
	for (size_t step = 0; step < steps; step++) {
#pragma omp parallel for schedule(static) num_threads(width)
		for (size_t i = 0; i < width; i++)
			metg_point(run, width, step, i);
	}
	return 0;
}

static int run_stencil_region(const struct bench_job *job, void *context, const struct metg_run *run)
{
	size_t width = job->workers, steps = run->n / width;

	(void)context;
#pragma omp parallel num_threads(width)
	for (size_t step = 0; step < steps; step++) {
#pragma omp for schedule(static)
		for (size_t i = 0; i < width; i++)
			metg_point(run, width, step, i);
	}
	return 0;
}

static int measure(const struct bench_job *job, struct metg metg, double *ns)
{
	int r = openmp_start_threads(job->workers);

	return r == 0 ? metg_search_own(job, metg, ns) : r;
}

static int measure_dynamic(const struct bench_job *job, double *ns)
{
	return measure(job, (struct metg){.tasks = job->n, .run = run_dynamic}, ns);
}

static int measure_guided(const struct bench_job *job, double *ns)
{
	return measure(job, (struct metg){.tasks = job->n, .run = run_guided}, ns);
}

static int measure_static(const struct bench_job *job, double *ns)
{
	return measure(job, (struct metg){.tasks = job->n, .run = run_static}, ns);
}

static int measure_fan(const struct bench_job *job, double *ns)
{
	return measure(job, (struct metg){.tasks = job->n * job->workers, .run = run_fan}, ns);
}

static int measure_fan_region(const struct bench_job *job, double *ns)
{
	return measure(job, (struct metg){.tasks = job->n * job->workers, .run = run_fan_region}, ns);
}

static int measure_stencil(const struct bench_job *job, double *ns)
{
	return measure(job, (struct metg){.tasks = job->n * job->workers, .stencil = true, .run = run_stencil}, ns);
}

static int measure_stencil_region(const struct bench_job *job, double *ns)
{
	return measure(job, (struct metg){.tasks = job->n * job->workers, .stencil = true, .run = run_stencil_region}, ns);
}

const struct peer_case openmp_metg_cases[] = {
	{"metg-bag", measure_dynamic},
	{"metg-auto:dynamic", measure_dynamic},
	{"metg-auto:guided", measure_guided},
	{"metg-auto:static", measure_static},
	{"metg-steps/fan", measure_fan},
	{"metg-steps/fan:region", measure_fan_region},
	{"metg-steps/stencil", measure_stencil},
	{"metg-steps/stencil:region", measure_stencil_region},
	{0},
};
