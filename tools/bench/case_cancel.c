/*
 * case_cancel.c - cancel: take back a batch of which no task has started, however many wait.
 *
 * Tasks of another batch hold all workers meanwhile. Each is let go by a word in shared memory.
 */
#include "measure.h"

#include <errno.h>
#include <stdatomic.h>
#include <time.h>

#define CHECK_NS 100000 /* how often a task that holds a worker checks */

/* What is timed, from the call of sheaf_batch_cancel() on. */
enum {
	CALL,     /* its return: no more tasks start */
	ONE,      /* the same where one task waits */
	GATHERED, /* every result has been handed out */
	NEXT,     /* a task of another batch has run, when the workers may go on */
};

struct gate {
	atomic_uint held, open;
};

struct cancel {
	sheaf_pool *pool;
	struct gate *gate; /* in shared memory */
};

static void rest(void)
{
	struct timespec time = {.tv_nsec = CHECK_NS};

	nanosleep(&time, NULL);
}

static int hold(sheaf_task *task, const void *arg, void *result)
{
	struct gate *gate = *(struct gate *const *)arg;

	(void)task;
	(void)result;
	atomic_fetch_add(&gate->held, 1);
	while (!atomic_load(&gate->open))
		rest();
	return 0;
}

static int hold_workers(const struct bench_job *job, const struct cancel *cancel, sheaf_batch *holders)
{
	const struct gate *gate = cancel->gate;
	int r = 0;

	atomic_store(&cancel->gate->held, 0);
	atomic_store(&cancel->gate->open, 0);
	for (unsigned i = 0; r == 0 && i < job->workers; i++)
		r = sheaf_submit(holders, i, hold, &gate, sizeof(void *));
	if (r < 0)
		return bench_sheaf_failed("sheaf_submit", r);
	while (atomic_load(&cancel->gate->held) < job->workers)
		rest();
	return 0;
}

static int gather_cancelled(sheaf_batch *batch, size_t tasks)
{
	const sheaf_result *results = NULL;
	size_t n = 0;
	int r = sheaf_gather(batch, &results, &n, SHEAF_FOREVER);

	if (r < 0)
		return bench_sheaf_failed("sheaf_gather", r);
	if (n != tasks || (size_t)r != tasks)
		return bench_fail("%zu results, %d without success, instead of %zu", n, r, tasks);
	for (size_t i = 0; i < n; i++)
		if (results[i].position != i || results[i].status != -ECANCELED || results[i].attempts)
			return bench_fail("position %zu ran, or says that it was not cancelled", i);
	return 0;
}

/* Let the workers go, and have one task of another batch run. */
static int run_next(const struct cancel *cancel)
{
	uint64_t argument = 7, result = 0;
	int r;

	atomic_store(&cancel->gate->open, 1);
	r = sheaf_apply(cancel->pool, bench_task, &argument, sizeof(argument), &result, sizeof(result), NULL);
	return r < 0 ? bench_sheaf_failed("sheaf_apply", r) : bench_check(0, argument, result);
}

/* Submit, cancel, check that none has run. The workers are held. */
static int take_back(const struct bench_job *job, const struct cancel *cancel, uint64_t *ns)
{
	sheaf_batch_options options = {.flags = SHEAF_NO_TIMES};
	size_t tasks = job->way == ONE ? 1 : job->n;
	sheaf_batch *batch = NULL;
	uint64_t start;
	int r = sheaf_batch_create(&batch, cancel->pool, &options);

	if (r < 0)
		return bench_sheaf_failed("sheaf_batch_create", r);
	for (uint64_t i = 0; r == 0 && i < tasks; i++)
		r = sheaf_submit(batch, i, bench_task, &i, sizeof(i));
	if (r < 0) {
		r = bench_sheaf_failed("sheaf_submit", r);
		goto retire;
	}
	start = sheaf_now_ns();
	if ((r = sheaf_batch_cancel(batch, 0)) < 0) {
		r = bench_sheaf_failed("sheaf_batch_cancel", r);
		goto retire;
	}
	if (job->way == NEXT)
		r = run_next(cancel);
	if (job->way != GATHERED)
		*ns = sheaf_now_ns() - start;
	if (r == 0)
		r = gather_cancelled(batch, tasks);
	if (job->way == GATHERED)
		*ns = sheaf_now_ns() - start;
retire:
	sheaf_batch_retire(batch);
	return r;
}

static int run(const struct bench_job *job, void *context, uint64_t *ns)
{
	const struct cancel *cancel = context;
	sheaf_batch *holders = NULL;
	const sheaf_result *results;
	size_t n;
	int r = sheaf_batch_create(&holders, cancel->pool, NULL), failed;

	if (r < 0)
		return bench_sheaf_failed("sheaf_batch_create", r);
	r = hold_workers(job, cancel, holders);
	if (r == 0)
		r = take_back(job, cancel, ns);
	atomic_store(&cancel->gate->open, 1);
	failed = sheaf_gather(holders, &results, &n, SHEAF_FOREVER);
	if (r == 0 && failed)
		r = bench_fail("a task of another batch than the cancelled one failed");
	sheaf_batch_retire(holders);
	return r;
}

static int measure(const struct bench_job *job, double *ns)
{
	sheaf_pool_options options = {.workers = job->workers, .ring_size = (unsigned)job->n + job->workers};
	struct cancel cancel = {0};
	void *gate = NULL;
	int r = sheaf_pool_create(&cancel.pool, &options);

	if (r < 0)
		return bench_sheaf_failed("sheaf_pool_create", r);
	r = sheaf_alloc(cancel.pool, sizeof(*cancel.gate), &gate);
	cancel.gate = gate;
	r = r < 0 ? bench_sheaf_failed("sheaf_alloc", r) : bench_repeat(job, run, &cancel, ns);
	*ns *= (double)job->n; /* of all tasks together */
	sheaf_pool_destroy(cancel.pool);
	return r;
}

const struct bench_case cases_cancel[] = {
	{
		.name = "cancel",
		.unit = "us",
		.unit_ns = 1e3,
		.what = "sheaf_batch_cancel() of a batch of which 10^6 tasks wait and none has started",
		.full = {.n = 1000000, .repeats = 3},
		.quick = {.n = 1000, .repeats = 1},
		.contenders = {SHEAF(measure, CALL), VARIANT("Sheaf, one task waits", measure, ONE),
			       VARIANT("Sheaf, until all are gathered", measure, GATHERED),
			       VARIANT("Sheaf, until another task is done", measure, NEXT)},
		.bounds = {{.most = 1000}},
	},
	{0},
};
