/*
 * case_apply.c - apply-idle: one task to a pool whose workers have fallen asleep, and back.
 */
#include "measure.h"
#include "peers.h"

static int run(const struct bench_job *job, void *context, uint64_t *ns)
{
	uint64_t argument = 7, result = 0, start;
	int r;

	(void)job;
	bench_idle();
	start = sheaf_now_ns();
	r = sheaf_apply(context, bench_task, &argument, sizeof(argument), &result, sizeof(result), NULL);
	*ns = sheaf_now_ns() - start;
	return r < 0 ? bench_sheaf_failed("sheaf_apply", r) : bench_check(0, argument, result);
}

static int measure(const struct bench_job *job, double *ns)
{
	return bench_repeat_in_pool(job, run, ns);
}

const struct bench_case case_apply_idle = {
	.name = "apply-idle",
	.unit = "us",
	.unit_ns = 1e3,
	.what = "one task to a pool that has been idle for 20 ms, and its result back",
	.full = {.n = 1, .repeats = 25},
	.quick = {.n = 1, .repeats = 3},
	.sheaf = {.name = "Sheaf", .measure = measure},
	.peers = {LIBGOMP_PASSIVE, PIPES, MPI, POOL, EXECUTOR, JOBLIB},
	.limits = {{.name = "sleep-wake round trip", .measure = limit_wake}},
	.bounds = {{.most = 1.15, .of = {"sleep-wake round trip"}}, {.most = 1.0 / 4, .of = {"multiprocessing.Pool"}}},
};
