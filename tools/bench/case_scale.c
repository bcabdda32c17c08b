/*
 * case_scale.c - scale: the same work by 1, 2, 4, ... workers. The figure is the time of an operation times the workers: where
 * it stays the same the efficiency is 100 %.
 */
#include "busy.h"
#include "measure.h"
#include "peers.h"

#include <stdlib.h>
#include <string.h>

#define JUDGED 16u /* up to so many workers */

/* ---- tasks of 10 us, submitted one by one ---- */

struct tasks {
	sheaf_pool *pool;
	struct busy_item *items;
};

static int run_tasks(const struct bench_job *job, void *context, uint64_t *ns)
{
	const struct tasks *tasks = context;
	sheaf_batch_options options = {.result_size = sizeof(uint64_t)};
	const sheaf_result *results = NULL;
	sheaf_batch *batch = NULL;
	uint64_t start = sheaf_now_ns(), gathered;
	int r = sheaf_batch_create(&batch, tasks->pool, &options);

	if (r < 0)
		return bench_sheaf_failed("sheaf_batch_create", r);
	for (size_t i = 0; r == 0 && i < job->n; i++)
		r = sheaf_submit(batch, i, busy_task, &tasks->items[i], sizeof(*tasks->items));
	if (r < 0) {
		r = bench_sheaf_failed("sheaf_submit", r);
		goto retire;
	}
	r = bench_gather(job, batch, sizeof(uint64_t), &results, &gathered);
	*ns = gathered - start;
	for (size_t i = 0; r == 0 && i < job->n; i++)
		r = busy_check(&tasks->items[i], results[i].data, 1);
retire:
	sheaf_batch_retire(batch);
	return r;
}

static int measure_tasks(const struct bench_job *job, double *ns)
{
	sheaf_pool_options options = {.workers = job->workers};
	struct tasks tasks = {.items = malloc(job->n * sizeof(*tasks.items))};
	int r;

	if (!tasks.items)
		return bench_fail("no memory for %zu items", job->n);
	for (size_t i = 0; i < job->n; i++)
		tasks.items[i] = (struct busy_item){.seed = i, .iterations = BUSY_10_US};
	r = sheaf_pool_create(&tasks.pool, &options);
	if (r < 0) {
		r = bench_sheaf_failed("sheaf_pool_create", r);
	} else {
		r = bench_repeat(job, run_tasks, &tasks, ns);
		sheaf_pool_destroy(tasks.pool);
	}
	free(tasks.items);
	return r;
}

/* ---- any of the variants, by any number of workers ---- */

static int measure_with(const struct bench_job *job, unsigned workers, double *ns)
{
	struct bench_job other = *job;
	bench_measure_fn *measure = measure_tasks;
	int r;

	other.workers = workers;
	other.name = strchr(job->name, '/') + 1;
	if (strcmp(other.name, case_grain_1.name) == 0)
		measure = case_grain_1.sheaf.measure;
	else if (strcmp(other.name, case_map_auto_cube.name) == 0)
		measure = case_map_auto_cube.sheaf.measure;
	r = measure(&other, ns);
	*ns *= workers;
	return r;
}

static unsigned judged(const struct bench_job *job)
{
	return job->workers < JUDGED ? job->workers : JUDGED;
}

static int measure_judged(const struct bench_job *job, double *ns)
{
	return measure_with(job, judged(job), ns);
}

static int measure_one(const struct bench_job *job, double *ns)
{
	return measure_with(job, 1, ns);
}

static int measure_fewer(const struct bench_job *job, unsigned workers, double *ns)
{
	return workers < judged(job) ? measure_with(job, workers, ns) : bench_skip("for more than %u workers", workers);
}

static int measure_2(const struct bench_job *job, double *ns)
{
	return measure_fewer(job, 2, ns);
}

static int measure_4(const struct bench_job *job, double *ns)
{
	return measure_fewer(job, 4, ns);
}

static int measure_8(const struct bench_job *job, double *ns)
{
	return measure_fewer(job, 8, ns);
}

static int measure_all(const struct bench_job *job, double *ns)
{
	return job->workers > JUDGED ? measure_with(job, job->workers, ns) : bench_skip("for more than %u workers", JUDGED);
}

static int measure_libgomp(const struct bench_job *job, double *ns)
{
	struct bench_job other = *job;

	other.workers = JUDGED;
	return job->workers >= JUDGED ? peer_libgomp(&other, ns) : bench_skip("for %u workers and more", JUDGED);
}

#define ONE "Sheaf, 1 worker"
#define LIBGOMP_16 "libgomp, 16 threads"
#define COUNTS                                                                         \
	{.name = ONE, .measure = measure_one, .is_sheaf = true},                       \
		{.name = "Sheaf, 2 workers", .measure = measure_2, .is_sheaf = true},  \
		{.name = "Sheaf, 4 workers", .measure = measure_4, .is_sheaf = true},  \
		{.name = "Sheaf, 8 workers", .measure = measure_8, .is_sheaf = true},  \
	{                                                                              \
		.name = "Sheaf, all workers", .measure = measure_all, .is_sheaf = true \
	}
#define EFFICIENT                             \
	{                                     \
		.most = 1 / 0.9, .of = {ONE}, \
	}

const struct bench_case case_scale_tasks = {
	.name = "scale/tasks",
	.unit = "us/task",
	.unit_ns = 1e3,
	.what = "time x workers of submitted tasks of 10 us, by up to 16 workers",
	.full = {.n = 10000, .repeats = 3},
	.quick = {.n = 200, .repeats = 1},
	.sheaf = {.name = "Sheaf", .measure = measure_judged},
	.peers = {COUNTS},
	.bounds = {EFFICIENT},
};

const struct bench_case case_scale_grain_1 = {
	.name = "scale/grain-1",
	.unit = "ns/item",
	.unit_ns = 1,
	.what = "time x workers of grain-1, by up to 16 workers",
	.full = {.n = 1000000, .repeats = 3},
	.quick = {.n = 10000, .repeats = 1},
	.sheaf = {.name = "Sheaf", .measure = measure_judged},
	.peers = {COUNTS, {.name = LIBGOMP_16, .measure = measure_libgomp}},
	.bounds = {EFFICIENT, {.most = 0.5, .of = {LIBGOMP_16}}},
};

const struct bench_case case_scale_map_auto = {
	.name = "scale/map-auto/cube",
	.unit = "ns/item",
	.unit_ns = 1,
	.what = "time x workers of map-auto/cube, by up to 16 workers",
	.full = {.n = 10000000, .repeats = 3},
	.quick = {.n = 100000, .repeats = 1},
	.sheaf = {.name = "Sheaf", .measure = measure_judged},
	.peers = {COUNTS, {.name = LIBGOMP_16, .measure = measure_libgomp}},
	.bounds = {EFFICIENT},
};
