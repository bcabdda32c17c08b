/*
 * case_priorities.c - priorities: how long a task of high priority waits while all workers have
 * more to do than they can, and how many claims a task of low priority waits for.
 */
#include "busy.h"
#include "measure.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ITERATIONS (UINT64_C(5) * BUSY_10_US)
#define REST_NS 130000 /* between two high tasks: longer than two tasks of the flood */
#define HIGH_PER_LOW 40
#define FLOODS 20 /* at most, until all waits are measured: a busy machine may take a CPU away */
#define WAITS 90  /* of a hundred waits: all but the longest ones, in which a CPU was taken away */

/* What floods the pool. */
enum { TASKS, MAP, LENGTH_OF_TASK = 100 /* of the way: not the wait, but how long a task takes */ };

struct flood {
	sheaf_pool *pool;
	sheaf_batch *batch;
	struct busy_item *items;
	uint64_t *out;
};

static int note_time(sheaf_task *task, const void *arg, void *result)
{
	(void)task;
	(void)arg;
	*(uint64_t *)result = sheaf_now_ns();
	return 0;
}

static int start_flood(struct flood *flood, const struct bench_job *job)
{
	sheaf_batch_options options = {.result_size = sizeof(uint64_t)};
	void *items, *out;
	int r;

	if ((r = bench_alloc(flood->pool, job->n * sizeof(*flood->items), &items)) != 0 ||
	    (r = bench_alloc(flood->pool, job->n * sizeof(*flood->out), &out)) != 0)
		return r;
	flood->items = items;
	flood->out = out;
	for (size_t i = 0; i < job->n; i++)
		flood->items[i] = (struct busy_item){.seed = i, .iterations = ITERATIONS};
	if ((r = sheaf_batch_create(&flood->batch, flood->pool, &options)) < 0)
		return bench_sheaf_failed("sheaf_batch_create", r);
	if (job->way % LENGTH_OF_TASK == MAP) {
		r = sheaf_submit_map(flood->batch, busy_timed_task, flood->items, sizeof(*flood->items), flood->out,
				     sizeof(*flood->out), job->n, NULL);
		return r < 0 ? bench_sheaf_failed("sheaf_submit_map", r) : 0;
	}
	for (size_t i = 0; i < job->n && r == 0; i++)
		r = sheaf_submit(flood->batch, i, busy_timed_task, &flood->items[i], sizeof(*flood->items));
	return r < 0 ? bench_sheaf_failed("sheaf_submit", r) : 0;
}

/*
 * How long each of the high tasks waits until it begins, from number *count on: as many of them as
 * begin before the flood is over.
 */
static int wait_often(const struct flood *flood, const struct bench_job *job, double *waits, unsigned *count)
{
	sheaf_batch_options options = {.result_size = sizeof(uint64_t), .priority = SHEAF_HIGH};
	sheaf_batch *batch;
	int r = sheaf_batch_create(&batch, flood->pool, &options);

	if (r < 0)
		return bench_sheaf_failed("sheaf_batch_create", r);
	for (unsigned i = *count; i < job->repeats; i++) {
		struct timespec rest = {.tv_nsec = REST_NS + 1000 * (i * 7 % 50)};
		sheaf_progress progress;
		sheaf_result result;
		uint64_t began;

		nanosleep(&rest, NULL);
		began = sheaf_now_ns();
		if ((r = sheaf_submit(batch, i, note_time, NULL, 0)) < 0)
			return bench_sheaf_failed("sheaf_submit", r);
		if ((r = sheaf_next(batch, &result, SHEAF_FOREVER)) < 0)
			return bench_sheaf_failed("sheaf_next", r);
		waits[i] = (double)(*(uint64_t *)result.data - began);
		if ((r = sheaf_batch_get_progress(flood->batch, &progress)) < 0)
			return bench_sheaf_failed("sheaf_batch_get_progress", r);
		if (progress.done + (size_t)2 * job->workers >= progress.total)
			break;
		*count = i + 1;
	}
	sheaf_batch_retire(batch);
	return 0;
}

/* The same, flood after flood, until it is known of all high tasks. */
static int measure_waits(struct flood *flood, const struct bench_job *job, double *waits)
{
	unsigned count = 0;

	for (unsigned floods = 0; floods < FLOODS; floods++) {
		int r = start_flood(flood, job);

		if (r != 0 || (r = wait_often(flood, job, waits, &count)) != 0 || count == job->repeats)
			return r;
		sheaf_batch_retire(flood->batch);
		if ((r = sheaf_free(flood->pool, flood->items)) < 0 || (r = sheaf_free(flood->pool, flood->out)) < 0)
			return bench_sheaf_failed("sheaf_free", r);
	}
	return bench_fail("%u floods of %zu tasks were over too soon", FLOODS, job->n);
}

/* How long a task of the flood takes here and now. */
static int lengths(const struct flood *flood, const struct bench_job *job, double *times)
{
	for (unsigned i = 0; i < job->repeats; i++) {
		sheaf_result result;
		int r = sheaf_next_done(flood->batch, &result, SHEAF_FOREVER);

		if (r < 0)
			return bench_sheaf_failed("sheaf_next_done", r);
		times[i] = (double)*(uint64_t *)result.data;
		if (times[i] == 0)
			return bench_fail("position %llu: a wrong value", (unsigned long long)result.position);
	}
	return 0;
}

static int measure(const struct bench_job *job, double *ns)
{
	sheaf_pool_options options = {.workers = job->workers, .ring_size = 16384};
	double *times = malloc(job->repeats * sizeof(*times));
	struct flood flood = {0};
	int r;

	if (!times)
		return bench_fail("no memory for %u times", job->repeats);
	if ((r = sheaf_pool_create(&flood.pool, &options)) < 0) {
		r = bench_sheaf_failed("sheaf_pool_create", r);
		goto free;
	}
	if (job->way < LENGTH_OF_TASK)
		r = measure_waits(&flood, job, times);
	else if ((r = start_flood(&flood, job)) == 0)
		r = lengths(&flood, job, times);
	if (r == 0)
		*ns = bench_percentile(times, job->repeats, job->way >= LENGTH_OF_TASK ? 50 : WAITS);
	sheaf_pool_terminate(flood.pool);
	sheaf_pool_destroy(flood.pool);
free:
	free(times);
	return r;
}

/* ---- the share of the lowest ---- */

static int wait_for_flag(sheaf_task *task, const void *arg, void *result)
{
	const _Atomic int *flag;

	(void)task;
	(void)result;
	memcpy(&flag, arg, sizeof(flag));
	while (!atomic_load(flag))
		continue;
	return 0;
}

static int submit_many(sheaf_pool *pool, enum sheaf_priority priority, size_t n, sheaf_batch **batch)
{
	sheaf_batch_options options = {.result_size = sizeof(uint64_t), .priority = priority};
	int r = sheaf_batch_create(batch, pool, &options);

	for (size_t i = 0; r == 0 && i < n; i++)
		r = sheaf_submit(*batch, i, note_time, NULL, 0);
	return r < 0 ? bench_sheaf_failed("sheaf_submit", r) : 0;
}

/* Claims for each low task, until half of them have begun: all that time high ones waited. */
static int count_claims(sheaf_batch *high, sheaf_batch *low, double *claims)
{
	const sheaf_result *highs, *lows;
	size_t n, most, before = 0;
	uint64_t half;
	int r;

	if ((r = sheaf_gather(high, &highs, &most, SHEAF_FOREVER)) != 0 ||
	    (r = sheaf_gather(low, &lows, &n, SHEAF_FOREVER)) != 0)
		return bench_sheaf_failed("sheaf_gather", r);
	half = *(const uint64_t *)lows[n / 2].data;
	for (size_t i = 0; i < most; i++)
		before += *(const uint64_t *)highs[i].data < half;
	if (before == most)
		return bench_fail("%zu high tasks were over too soon", most);
	n /= 2;
	*claims = (double)(before + n) / (double)n;
	return 0;
}

static int share(const struct bench_job *job, double *claims)
{
	sheaf_pool_options options = {.workers = job->workers, .ring_size = 65536};
	sheaf_batch *gate, *high, *low;
	sheaf_pool *pool;
	void *memory;
	_Atomic int *flag;
	int r = sheaf_pool_create(&pool, &options);

	if (r < 0)
		return bench_sheaf_failed("sheaf_pool_create", r);
	if ((r = bench_alloc(pool, sizeof(*flag), &memory)) != 0)
		goto destroy;
	flag = memory;
	if ((r = sheaf_batch_create(&gate, pool, NULL)) < 0) {
		r = bench_sheaf_failed("sheaf_batch_create", r);
		goto destroy;
	}
	for (unsigned i = 0; i < job->workers && r == 0; i++)
		r = sheaf_submit(gate, i, wait_for_flag, &flag, sizeof(flag));
	if (r < 0) {
		r = bench_sheaf_failed("sheaf_submit", r);
		goto destroy;
	}
	if ((r = submit_many(pool, SHEAF_LOW, job->n, &low)) == 0 &&
	    (r = submit_many(pool, SHEAF_HIGH, HIGH_PER_LOW * job->n, &high)) == 0) {
		atomic_store(flag, 1);
		r = count_claims(high, low, claims);
	}
	atomic_store(flag, 1);
destroy:
	sheaf_pool_destroy(pool);
	return r;
}

#define LENGTH "the length of a task"
#define PRIORITIES(variant, flood, text)                                                                 \
	{                                                                                                \
		.name = "priorities/" variant, .unit = "us", .unit_ns = 1e3, .what = (text),             \
		.full = {.n = 10000, .repeats = 200}, .quick = {.n = 1000, .repeats = 5},                \
		.contenders = {SHEAF(measure, flood), LIMIT(LENGTH, measure, LENGTH_OF_TASK + (flood))}, \
		.bounds = {{.most = 2, .of = {LENGTH}}},                                                 \
	}

const struct bench_case cases_priorities[] = {
	PRIORITIES("tasks", TASKS,
		   "from submitting a high task until it begins, while 10,000 of 50 us wait; what 90 of 100 stay below"),
	PRIORITIES("map", MAP, "the same while a map of 10,000 such items runs"),
	{
		.name = "priorities/share",
		.unit = "claims",
		.unit_ns = 1,
		.what = "claims for each low task that begins, while high ones are waiting all the time",
		.full = {.n = 1000, .repeats = 1},
		.quick = {.n = 100, .repeats = 1},
		.contenders = {SHEAF(share, 0)},
		.bounds = {{.most = 16.5}},
	},
	{0},
};
