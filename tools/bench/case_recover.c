/*
 * case_recover.c - recover: from the kill of a worker that runs a task until that task runs again,
 * in another process.
 */
#include "deaths.h"
#include "kernel.h"
#include "measure.h"

#include <stdlib.h>

/* The way is a part in a hundred: of all kills, by time, the one that is there. */
static int measure(const struct bench_job *job, double *ns)
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
		*ns = bench_percentile(times, job->repeats, (unsigned)job->way);
	sheaf_pool_destroy(pool);
free:
	free(times);
	return r;
}

static int limit(const struct bench_job *job, double *ns)
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
		*ns = bench_percentile(times, job->repeats, (unsigned)job->way);
	free(times);
	return r;
}

#define NOTICE "the kernel's death notice"
#define RECOVER(variant, part, text)                                                                                \
	.name = "recover/" variant, .unit = "us", .unit_ns = 1e3, .what = (text), .full = {.n = 1, .repeats = 200}, \
	.quick = {.n = 1, .repeats = 20}, .contenders = {SHEAF(measure, part), LIMIT(NOTICE, limit, part)}

const struct bench_case cases_recover[] = {
	{
		RECOVER("p50", 50, "from SIGKILL of a worker until its task runs elsewhere, median"),
		.bounds = {{.most = 3, .of = {NOTICE}}},
	},
	{
		RECOVER("p99", 99, "the same, the time that 99 of 100 kills stay below"),
		.bounds = {{.most = 5000}},
	},
	{0},
};
