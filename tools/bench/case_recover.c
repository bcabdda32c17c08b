/*
 * case_recover.c - recover: from the kill of a worker that runs a task until that task runs again, in another process.
 */
#include "deaths.h"
#include "kernel.h"
#include "measure.h"

#include <stdlib.h>

/* The kill at @part in a hundred, by time. */
static int measure(const struct bench_job *job, unsigned part, double *ns)
{
	sheaf_pool_options options = {.workers = job->workers};
	double *times = malloc(job->repeats * sizeof(*times));
	sheaf_pool *pool = NULL;
	struct deaths *deaths = NULL;
	int r;

	if (!times)
		return bench_fail("no memory for %u times", job->repeats);
	if ((r = sheaf_pool_create(&pool, &options)) < 0) {
		r = bench_sheaf_failed("sheaf_pool_create", r);
		goto free;
	}
	r = deaths_prepare(pool, &deaths);
	for (unsigned i = 0; r == 0 && i < job->repeats; i++)
		r = deaths_of_worker(pool, deaths, i, &times[i]);
	if (r == 0)
		*ns = bench_percentile(times, job->repeats, part);
	sheaf_pool_destroy(pool);
free:
	free(times);
	return r;
}

static int measure_p50(const struct bench_job *job, double *ns)
{
	return measure(job, 50, ns);
}

static int measure_p99(const struct bench_job *job, double *ns)
{
	return measure(job, 99, ns);
}

static int limit(const struct bench_job *job, unsigned part, double *ns)
{
	double *times = malloc(job->repeats * sizeof(*times));
	uint64_t time = 0;
	int r = 0;

	if (!times)
		return bench_fail("no memory for %u times", job->repeats);
	for (unsigned i = 0; r == 0 && i < job->repeats; i++) {
		r = kernel_death_notice(&time);
		times[i] = (double)time;
	}
	if (r == 0)
		*ns = bench_percentile(times, job->repeats, part);
	free(times);
	return r;
}

static int limit_p50(const struct bench_job *job, double *ns)
{
	return limit(job, 50, ns);
}

static int limit_p99(const struct bench_job *job, double *ns)
{
	return limit(job, 99, ns);
}

#define NOTICE "the kernel's death notice"

const struct bench_case case_recover_p50 = {
	.name = "recover/p50",
	.unit = "us",
	.unit_ns = 1e3,
	.what = "from SIGKILL of a worker until its task runs elsewhere, median",
	.full = {.n = 1, .repeats = 200},
	.quick = {.n = 1, .repeats = 20},
	.sheaf = {.name = "Sheaf", .measure = measure_p50},
	.limits = {{.name = NOTICE, .measure = limit_p50}},
	.bounds = {{.most = 3, .of = {NOTICE}}},
};

const struct bench_case case_recover_p99 = {
	.name = "recover/p99",
	.unit = "us",
	.unit_ns = 1e3,
	.what = "the same, the time that 99 of 100 kills stay below",
	.full = {.n = 1, .repeats = 200},
	.quick = {.n = 1, .repeats = 20},
	.sheaf = {.name = "Sheaf", .measure = measure_p99},
	.limits = {{.name = NOTICE, .measure = limit_p99}},
	.bounds = {{.most = 5000}},
};
