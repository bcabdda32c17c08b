/*
 * case_create.c - create: the life of a pool that runs one task.
 */
#include "measure.h"
#include "peers.h"

static int run(const struct bench_job *job, void *context, uint64_t *ns)
{
	sheaf_pool_options options = {.workers = job->workers};
	uint64_t argument = 7, result = 0, start = sheaf_now_ns();
	sheaf_pool *pool = NULL;
	int r = sheaf_pool_create(&pool, &options);

	(void)context;
	if (r < 0)
		return bench_sheaf_failed("sheaf_pool_create", r);
	r = sheaf_apply(pool, bench_task, &argument, sizeof(argument), &result, sizeof(result), NULL);
	if (r < 0)
		r = bench_sheaf_failed("sheaf_apply", r);
	else
		r = bench_check(0, argument, result);
	sheaf_pool_destroy(pool);
	*ns = sheaf_now_ns() - start;
	return r;
}

static int measure(const struct bench_job *job, double *ns)
{
	return bench_repeat(job, run, NULL, ns);
}

const struct bench_case case_create = {
	.name = "create",
	.unit = "ms",
	.unit_ns = 1e6,
	.what = "create a pool, run one task, destroy the pool",
	.full = {.n = 1, .repeats = 9},
	.quick = {.n = 1, .repeats = 1},
	.sheaf = {.name = "Sheaf", .measure = measure},
	.peers = {POOL},
	.limits = {{.name = "as many bare forks", .measure = limit_forks}},
};
