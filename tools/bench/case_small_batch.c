/*
 * case_small_batch.c - small-batch: one task with 100 bytes in and out, beside the same task with 8
 * bytes.
 *
 * With 8 bytes neither argument nor result needs memory of its own. The bound says that more bytes
 * cost no system call, which would take longer than all the rest.
 */
#include "kernel.h"
#include "measure.h"

#include <string.h>
#include <time.h>

#define MANY 100

#define FEW 8

/* ways: what is called, and with how many bytes */
enum { APPLY, BATCH, ALLOCATED };
#define WAY(call, size) ((call)*1000 + (size))

struct words {
	uint64_t word[(MANY + 7) / 8];
};

static int copy(sheaf_task *task, const void *arg, void *result)
{
	(void)task;
	memcpy(result, arg, MANY);
	return 0;
}

static int copy_few(sheaf_task *task, const void *arg, void *result)
{
	(void)task;
	memcpy(result, arg, FEW);
	return 0;
}

/* The result is as long as the task says. */
static int copy_allocated(sheaf_task *task, const void *arg, void *result)
{
	void *memory;
	int r = sheaf_task_result(task, MANY, &memory);

	(void)result;
	if (r == 0)
		memcpy(memory, arg, MANY);
	return r;
}

static int apply(sheaf_pool *pool, size_t size, sheaf_task_fn *fn, const struct words *in)
{
	struct words out = {{0}};
	int r = sheaf_apply(pool, fn, in, size, &out, size, NULL);

	if (r < 0)
		return bench_sheaf_failed("sheaf_apply", r);
	return memcmp(in, &out, size) == 0 ? 0 : bench_fail("wrong result of %zu bytes", size);
}

static int batch_of_one(sheaf_pool *pool, size_t size, size_t result_size, sheaf_task_fn *fn, const struct words *in)
{
	sheaf_batch_options options = {.result_size = result_size};
	sheaf_batch *batch = NULL;
	sheaf_result result;
	int r = sheaf_batch_create(&batch, pool, &options);

	if (r < 0)
		return bench_sheaf_failed("sheaf_batch_create", r);
	r = sheaf_submit(batch, 0, fn, in, size);
	r = r < 0 ? bench_sheaf_failed("sheaf_submit", r) : 0;
	if (r == 0 && (r = sheaf_next(batch, &result, SHEAF_FOREVER)) < 0)
		r = bench_sheaf_failed("sheaf_next", r);
	else if (r == 1)
		r = result.status == 0 && result.size == size && memcmp(in, result.data, size) == 0
			    ? 0
			    : bench_fail("wrong result of %zu bytes", size);
	sheaf_batch_retire(batch);
	return r;
}

static int run(const struct bench_job *job, void *context, uint64_t *ns)
{
	size_t size = (size_t)job->way % 1000;
	int call = job->way / 1000, r = 0;
	sheaf_task_fn *fn = size == FEW ? copy_few : call == ALLOCATED ? copy_allocated : copy;
	uint64_t start = sheaf_now_ns();
	struct words in = {{0}};

	for (size_t i = 0; r == 0 && i < job->n; i++) {
		in.word[0] = i;
		if (call == APPLY)
			r = apply(context, size, fn, &in);
		else
			r = batch_of_one(context, size, fn == copy_allocated ? 0 : size, fn, &in);
	}
	*ns = sheaf_now_ns() - start;
	return r;
}

static int measure(const struct bench_job *job, double *ns)
{
	return bench_repeat_in_pool(job, run, ns);
}

/* ---- the system calls ---- */

/* Being watched makes the caller slow, so the task rests: see case_apply.c. */
static int slow_task(sheaf_task *task, const void *arg, void *result)
{
	struct timespec rest = {.tv_nsec = 2000000};

	nanosleep(&rest, NULL);
	return copy_allocated(task, arg, result);
}

static int counted(const struct bench_job *job)
{
	sheaf_pool_options options = {.workers = job->workers};
	struct words in = {{0}};
	sheaf_pool *pool = NULL;
	int r = sheaf_pool_create(&pool, &options);

	if (r < 0)
		return bench_sheaf_failed("sheaf_pool_create", r);
	for (unsigned i = 0; r == 0 && i <= job->repeats; i++) {
		bench_idle();
		if (i > 0) /* the first one warms up */
			kernel_begin();
		r = batch_of_one(pool, MANY, 0, slow_task, &in);
		if (i > 0)
			kernel_end();
	}
	sheaf_pool_destroy(pool);
	return r;
}

static int measure_calls(const struct bench_job *job, double *ns)
{
	return kernel_count_calls(job, counted, ns);
}

#define LITTLE "Sheaf, 8 bytes"
#define SIZES .full = {.n = 20000, .repeats = 5}, .quick = {.n = 100, .repeats = 1}

const struct bench_case cases_small_batch[] = {
	{
		.name = "small-batch/apply",
		.unit = "us",
		.unit_ns = 1e3,
		.what = "one task of 100 bytes in and out, by sheaf_apply(), one after the other",
		SIZES,
		.contenders = {SHEAF(measure, WAY(APPLY, MANY)), VARIANT(LITTLE, measure, WAY(APPLY, FEW))},
		.bounds = {{.most = 2, .of = {LITTLE}}},
	},
	{
		.name = "small-batch/batch",
		.unit = "us",
		.unit_ns = 1e3,
		.what = "the same in a batch that is opened, gathered and retired",
		SIZES,
		.contenders = {SHEAF(measure, WAY(BATCH, MANY)), VARIANT(LITTLE, measure, WAY(BATCH, FEW))},
		.bounds = {{.most = 2, .of = {LITTLE}}},
	},
	{
		.name = "small-batch/result",
		.unit = "us",
		.unit_ns = 1e3,
		.what = "the same with a result of sheaf_task_result()",
		SIZES,
		.contenders = {SHEAF(measure, WAY(ALLOCATED, MANY)), VARIANT(LITTLE, measure, WAY(BATCH, FEW))},
		.bounds = {{.most = 2, .of = {LITTLE}}},
	},
	{
		.name = "small-batch/calls",
		.unit = "calls",
		.unit_ns = 1,
		.what = "system calls that the caller makes for such a batch in an idle pool, beside its sleep",
		.full = {.n = 1, .repeats = 25},
		.quick = {.n = 1, .repeats = 3},
		.contenders = {SHEAF(measure_calls, 0)},
		.bounds = {{.most = 1}},
	},
	{0},
};
