/*
 * case_oversubscribed.c - oversubscribed: more workers than CPUs, in one pool or in two.
 *
 * A run is a row of fan-outs, each gathered before the next one starts: a worker that waits for its
 * CPU with the last items in hand, or a waiter that takes a CPU from it, shows in every one of
 * them. job->workers stands for the CPUs.
 */
#include "busy.h"
#include "measure.h"

#include <string.h>

#define FAN_OUTS 20u
#define POOLS 2u

/* A pool with its part of the items, all of which lie in its memory. */
struct part {
	sheaf_pool *pool;
	struct busy_item *items;
	uint64_t *results;
	size_t n; /* in each fan-out */
	sheaf_batch *batch;
};

struct parts {
	struct part part[POOLS];
	unsigned working; /* the others are idle */
};

static int start(struct part *part, size_t fan_out)
{
	size_t first = fan_out * part->n;
	int r = sheaf_batch_create(&part->batch, part->pool, NULL);

	if (r < 0)
		return bench_sheaf_failed("sheaf_batch_create", r);
	r = sheaf_submit_map(part->batch, busy_task, part->items + first, sizeof(*part->items), part->results + first,
			     sizeof(*part->results), part->n, NULL);
	return r < 0 ? bench_sheaf_failed("sheaf_submit_map", r) : 0;
}

static int finish(struct part *part)
{
	const sheaf_result *results;
	size_t n;
	int r = sheaf_gather(part->batch, &results, &n, SHEAF_FOREVER);

	sheaf_batch_retire(part->batch);
	if (r < 0)
		return bench_sheaf_failed("sheaf_gather", r);
	return r > 0 || n != part->n ? bench_fail("%d failures in %zu results of %zu items", r, n, part->n) : 0;
}

static int run(const struct bench_job *job, void *context, uint64_t *ns)
{
	struct parts *parts = context;
	uint64_t began;
	int r = 0;

	(void)job;
	/* What the run before left would hide a position that this one forgets. */
	for (unsigned p = 0; p < parts->working; p++)
		memset(parts->part[p].results, 0, FAN_OUTS * parts->part[p].n * sizeof(uint64_t));
	began = sheaf_now_ns();
	for (size_t i = 0; r == 0 && i < FAN_OUTS; i++) {
		for (unsigned p = 0; r == 0 && p < parts->working; p++)
			r = start(&parts->part[p], i);
		for (unsigned p = 0; r == 0 && p < parts->working; p++)
			r = finish(&parts->part[p]);
	}
	*ns = sheaf_now_ns() - began;
	for (unsigned p = 0; r == 0 && p < parts->working; p++)
		r = busy_check(parts->part[p].items, parts->part[p].results, FAN_OUTS * parts->part[p].n);
	return r;
}

static int open_part(struct part *part, unsigned workers, size_t n)
{
	sheaf_pool_options options = {.workers = workers};
	void *items = NULL, *results = NULL;
	uint64_t argument = 7, result = 0;
	int r = sheaf_pool_create(&part->pool, &options);

	if (r < 0)
		return bench_sheaf_failed("sheaf_pool_create", r);
	r = sheaf_alloc_array(part->pool, FAN_OUTS * n, sizeof(*part->items), &items);
	if (r == 0)
		r = sheaf_alloc_array(part->pool, FAN_OUTS * n, sizeof(*part->results), &results);
	if (r < 0)
		return bench_sheaf_failed("sheaf_alloc_array", r);
	part->items = items;
	part->results = results;
	part->n = n;
	for (size_t i = 0; i < FAN_OUTS * n; i++)
		part->items[i] = (struct busy_item){.seed = i, .iterations = BUSY_10_US};
	/* A pool that idles has worked before. */
	r = sheaf_apply(part->pool, bench_task, &argument, sizeof(argument), &result, sizeof(result), NULL);
	return r < 0 ? bench_sheaf_failed("sheaf_apply", r) : bench_check(0, argument, result);
}

/* How many workers and pools there are, and how many pools work. The ways name these rows. */
enum { PLAIN, MANY_WORKERS, IDLE_POOL, BUSY_POOL };

static const struct setting {
	unsigned times_workers, pools, working;
} settings[] = {
	[PLAIN] = {1, 1, 1},
	[MANY_WORKERS] = {4, 1, 1}, /* 8 workers on 2 CPUs */
	[IDLE_POOL] = {1, 2, 1},
	[BUSY_POOL] = {1, 2, 2},
};

static int measure(const struct bench_job *job, double *ns)
{
	const struct setting *setting = &settings[job->way];
	struct parts parts = {.working = setting->working};
	int r = 0;

	for (unsigned p = 0; r == 0 && p < setting->pools; p++)
		r = open_part(&parts.part[p], setting->times_workers * job->workers, job->n / FAN_OUTS / setting->working);
	if (r == 0)
		r = bench_repeat(job, run, &parts, ns);
	for (unsigned p = 0; p < setting->pools; p++)
		sheaf_pool_destroy(parts.part[p].pool);
	return r;
}

#define ONE_EACH "Sheaf, one worker per CPU"

#define OVERSUBSCRIBED(variant, setting, text)                                                                                 \
	{                                                                                                                      \
		.name = "oversubscribed/" variant, .unit = "us/item", .unit_ns = 1e3,                                          \
		.what = "20 fan-outs of 400 items of 10 us, " text, .full = {.n = 8000, .repeats = 5},                         \
		.quick = {.n = 400, .repeats = 1}, .contenders = {SHEAF(measure, setting), VARIANT(ONE_EACH, measure, PLAIN)}, \
		.bounds = {{.most = 1.1, .of = {ONE_EACH}}},                                                                   \
	}

const struct bench_case cases_oversubscribed[] = {
	OVERSUBSCRIBED("workers", MANY_WORKERS, "four workers per CPU"),
	OVERSUBSCRIBED("idle-pool", IDLE_POOL, "beside a second pool that is idle"),
	OVERSUBSCRIBED("busy-pool", BUSY_POOL, "shared out between two pools, each with one worker per CPU"),
	{0},
};
