/*
 * case_apply_calls.c - apply-idle/calls: the system calls that the caller of a sleeping pool makes for one task.
 *
 * It has to wake a worker, which is one, and to wait for the result, which is not counted if it is one sleep: see kernel.h.
 * Being watched makes the caller slow, so the task rests for a while: else its result would be there before the caller sleeps.
 */
#include "kernel.h"
#include "measure.h"

#include <time.h>

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

static int measure(const struct bench_job *job, double *ns)
{
	return kernel_count_calls(job, counted, ns);
}

const struct bench_case case_apply_idle_calls = {
	.name = "apply-idle/calls",
	.unit = "calls",
	.unit_ns = 1,
	.what = "system calls that the caller makes for one task to an idle pool, beside its sleep",
	.full = {.n = 1, .repeats = 25},
	.quick = {.n = 1, .repeats = 3},
	.sheaf = {.name = "Sheaf", .measure = measure},
	.bounds = {{.most = 1}},
};
