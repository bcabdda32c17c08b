/*
 * case_apply.c - apply-idle: one task to a pool whose workers have fallen asleep, and back; also
 * the system calls that its caller makes.
 *
 * The caller has to wake a worker, which is one call, and to wait for the result, which is not
 * counted if it is one sleep: see kernel.h. Being watched makes the caller slow, so the task rests
 * for a while: else its result would be there before the caller sleeps.
 */
#include "kernel.h"
#include "measure.h"
#include "peers.h"

#include <time.h>

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

/* ---- the system calls ---- */

static int slow_task(sheaf_task *task, const void *arg, void *result)
{
	struct timespec rest = {.tv_nsec = 2000000};

	nanosleep(&rest, NULL);
	return bench_task(task, arg, result);
}

static int counted(const struct bench_job *job)
{
	sheaf_pool_options options = {.workers = job->workers};
	sheaf_pool *pool = NULL;
	int r = sheaf_pool_create(&pool, &options);

	if (r < 0)
		return bench_sheaf_failed("sheaf_pool_create", r);
	for (unsigned i = 0; r == 0 && i <= job->repeats; i++) {
		uint64_t argument = i, result = 0;

		bench_idle();
		if (i > 0) /* the first one warms up */
			kernel_begin();
		r = sheaf_apply(pool, slow_task, &argument, sizeof(argument), &result, sizeof(result), NULL);
		if (i > 0)
			kernel_end();
		r = r < 0 ? bench_sheaf_failed("sheaf_apply", r) : bench_check(i, argument, result);
	}
	sheaf_pool_destroy(pool);
	return r;
}

static int measure_calls(const struct bench_job *job, double *ns)
{
	return kernel_count_calls(job, counted, ns);
}

#define SLEEP_WAKE "sleep-wake round trip"
#define SIZES .full = {.n = 1, .repeats = 25}, .quick = {.n = 1, .repeats = 3}

const struct bench_case cases_apply[] = {
	{
		.name = "apply-idle",
		.unit = "us",
		.unit_ns = 1e3,
		.what = "one task to a pool that has been idle for 20 ms, and its result back",
		SIZES,
		.contenders = {SHEAF(measure, 0), LIBGOMP_PASSIVE, POOL, LIMIT(SLEEP_WAKE, limit_wake, 0)},
		.bounds = {{.most = 1.15, .of = {SLEEP_WAKE}}, {.most = 1.0 / 4, .of = {"multiprocessing.Pool"}}},
	},
	{
		.name = "apply-idle/calls",
		.unit = "calls",
		.unit_ns = 1,
		.what = "system calls that the caller makes for one task to an idle pool, beside its sleep",
		SIZES,
		.contenders = {SHEAF(measure_calls, 0)},
		.bounds = {{.most = 1}},
	},
	{0},
};
