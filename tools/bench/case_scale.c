/*
 * case_scale.c - scale: the same work by 1, 2, 4, ... workers. The figure is the time of an
 * operation times the workers: where it stays the same the efficiency is 100 %.
 */
#include "arrays.h"
#include "busy.h"
#include "map.h"
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

/* The way is a number of workers, or one of these: as many as the bound is about, or all. */
enum { JUDGED_ONES = 0, ALL = -1 };

static unsigned judged(const struct bench_job *job)
{
	return job->workers < JUDGED ? job->workers : JUDGED;
}

static int measure(const struct bench_job *job, double *ns)
{
	struct bench_job other = *job;
	bench_measure_fn *measure_it = measure_tasks;
	int r;

	if (job->way == ALL && job->workers <= JUDGED)
		return bench_skip("for more than %u workers", JUDGED);
	if (job->way > 1 && (unsigned)job->way >= judged(job))
		return bench_skip("for more than %d workers", job->way);
	other.workers = job->way == ALL ? job->workers : job->way == JUDGED_ONES ? judged(job) : (unsigned)job->way;
	other.name = strchr(job->name, '/') + 1;
	other.way = 0; /* map-auto: by ranges */
	if (strcmp(other.name, "grain-1") == 0) {
		measure_it = map_measure;
		other.way = 1;
	} else if (strncmp(other.name, "map-auto", strlen("map-auto")) == 0) {
		measure_it = array_measure;
	}
	r = measure_it(&other, ns);
	*ns *= other.workers;
	return r;
}

static int measure_peer(const struct bench_job *job, double *ns)
{
	struct bench_job other = *job;

	other.workers = JUDGED;
	return job->workers >= JUDGED ? peer_measure(&other, ns) : bench_skip("for %u workers and more", JUDGED);
}

#define ONE "Sheaf, 1 worker"
#define LIBGOMP_16 "libgomp, 16 threads"
#define SCALE(case_name, items, quick_items) \
	.name = "scale/" case_name, .full = {.n = (items), .repeats = 3}, .quick = {.n = (quick_items), .repeats = 1}
#define COUNTS                                                                                          \
	SHEAF(measure, JUDGED_ONES), VARIANT(ONE, measure, 1), VARIANT("Sheaf, 2 workers", measure, 2), \
		VARIANT("Sheaf, 4 workers", measure, 4), VARIANT("Sheaf, 8 workers", measure, 8),       \
		VARIANT("Sheaf, all workers", measure, ALL)
#define COUNTS_AND_LIBGOMP                                                                            \
	COUNTS,                                                                                       \
	{                                                                                             \
		.name = LIBGOMP_16, .kind = BENCH_PEER, .measure = measure_peer, .program = "libgomp" \
	}
#define EFFICIENT                              \
	{                                      \
		.most = 1 / 0.9, .of = { ONE } \
	}

const struct bench_case cases_scale[] = {
	{
		SCALE("tasks", 10000, 200),
		.unit = "us/task",
		.unit_ns = 1e3,
		.what = "time x workers of submitted tasks of 10 us, by up to 16 workers",
		.contenders = {COUNTS},
		.bounds = {EFFICIENT},
	},
	{
		SCALE("grain-1", 1000000, 10000),
		.unit = "ns/item",
		.unit_ns = 1,
		.what = "time x workers of grain-1, by up to 16 workers",
		.contenders = {COUNTS_AND_LIBGOMP},
		.bounds = {EFFICIENT, {.most = 0.5, .of = {LIBGOMP_16}}},
	},
	{
		SCALE("map-auto/cube", 10000000, 100000),
		.unit = "ns/item",
		.unit_ns = 1,
		.what = "time x workers of map-auto/cube, by up to 16 workers",
		.contenders = {COUNTS_AND_LIBGOMP},
		.bounds = {EFFICIENT},
	},
	{0},
};
