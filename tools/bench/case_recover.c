/*
 * case_recover.c - recover: from the kill of a worker that runs a task until that task runs again, in another process.
 *
 * The victim sleeps in its task, the other workers in the pool. Time begins before kill() and ends in the first instructions
 * of the second run. A kill has to wait until every worker is back and asleep.
 */
#include "kernel.h"
#include "measure.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define REST_NS 500000

/* Shared with the task. */
struct stage {
	_Atomic pid_t victim;      /* in its first run */
	_Atomic uint64_t again_ns; /* when its second run began */
};

static void rest(void)
{
	struct timespec time = {.tv_nsec = REST_NS};

	while (nanosleep(&time, &time) != 0 && errno == EINTR)
		;
}

static int task(sheaf_task *task, const void *arg, void *result)
{
	struct stage *stage;

	memcpy(&stage, arg, sizeof(stage));
	if (sheaf_task_attempt(task) > 1) {
		atomic_store(&stage->again_ns, sheaf_now_ns());
		*(uint64_t *)result = bench_expected(sheaf_task_position(task));
		return 0;
	}
	atomic_store(&stage->victim, getpid());
	for (;;)
		pause();
}

static void await_all_workers(const sheaf_pool *pool, unsigned workers, pid_t dead)
{
	for (unsigned i = 0; i < workers; i++) {
		pid_t pid;

		while ((pid = sheaf_pool_worker_pid(pool, i)) <= 0 || pid == dead)
			rest();
	}
	rest();
}

static int check(const sheaf_result *result, uint64_t position)
{
	if (result->status || result->attempts != 2)
		return bench_fail("position %llu: status %d after %u attempts", (unsigned long long)position, result->status,
				  result->attempts);
	return bench_check(position, position, *(const uint64_t *)result->data);
}

static int strike(const struct bench_job *job, sheaf_pool *pool, struct stage *stage, uint64_t position, double *ns)
{
	sheaf_batch_options options = {.result_size = sizeof(uint64_t)};
	sheaf_batch *batch = NULL;
	sheaf_result result;
	uint64_t start;
	pid_t victim;
	int r = sheaf_batch_create(&batch, pool, &options);

	if (r < 0)
		return bench_sheaf_failed("sheaf_batch_create", r);
	atomic_store(&stage->victim, 0);
	r = sheaf_submit(batch, position, task, &stage, sizeof(stage));
	if (r < 0) {
		r = bench_sheaf_failed("sheaf_submit", r);
		goto retire;
	}
	while ((victim = atomic_load(&stage->victim)) == 0)
		rest();
	rest();
	start = sheaf_now_ns();
	kill(victim, SIGKILL);
	r = sheaf_next(batch, &result, SHEAF_FOREVER);
	if (r != 1) {
		r = r < 0 ? bench_sheaf_failed("sheaf_next", r) : bench_fail("sheaf_next has no result");
		goto retire;
	}
	r = check(&result, position);
	*ns = (double)(atomic_load(&stage->again_ns) - start);
	await_all_workers(pool, job->workers, victim);
retire:
	sheaf_batch_retire(batch);
	return r;
}

/* The kill at @part in a hundred, by time. */
static int measure(const struct bench_job *job, unsigned part, double *ns)
{
	sheaf_pool_options options = {.workers = job->workers};
	double *times = malloc(job->repeats * sizeof(*times));
	sheaf_pool *pool = NULL;
	void *stage = NULL;
	int r;

	if (!times)
		return bench_fail("no memory for %u times", job->repeats);
	if ((r = sheaf_pool_create(&pool, &options)) < 0) {
		r = bench_sheaf_failed("sheaf_pool_create", r);
		goto free;
	}
	if ((r = sheaf_alloc(pool, sizeof(struct stage), &stage)) < 0)
		r = bench_sheaf_failed("sheaf_alloc", r);
	for (unsigned i = 0; r == 0 && i < job->repeats; i++)
		r = strike(job, pool, stage, i, &times[i]);
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
