/*
 * case_map.c - grain-1 and safety-tax: a map of items that do next to nothing, and what it costs
 * that they are not lost with the worker that has claimed them.
 *
 * Both ways to claim without ownership are measured, because Sheaf has to stand beside the cheaper
 * one.
 */
#include "map.h"
#include "measure.h"
#include "peers.h"

#include <string.h>

struct map {
	sheaf_pool *pool;
	uint64_t *in, *out;
	size_t grain;
};

static int run(const struct bench_job *job, void *context, uint64_t *ns)
{
	struct map *map = context;
	sheaf_map_options options = {.grain = map->grain};
	uint64_t start;
	int r;

	/*
	 * What the run before left would hide a position that this one forgets; 0 is no expected
	 * value.
	 */
	memset(map->out, 0, job->n * sizeof(*map->out));
	start = sheaf_now_ns();
	r = sheaf_map(map->pool, bench_task, map->in, sizeof(*map->in), map->out, sizeof(*map->out), job->n, &options);
	*ns = sheaf_now_ns() - start;
	if (r < 0)
		return bench_sheaf_failed("sheaf_map", r);
	r = 0;
	for (size_t i = 0; r == 0 && i < job->n; i++)
		r = bench_check(i, map->in[i], map->out[i]);
	return r;
}

int map_measure(const struct bench_job *job, double *ns)
{
	sheaf_pool_options options = {.workers = job->workers};
	struct map map = {.grain = (size_t)job->way};
	void *in = NULL, *out = NULL;
	int r = sheaf_pool_create(&map.pool, &options);

	if (r < 0)
		return bench_sheaf_failed("sheaf_pool_create", r);
	r = sheaf_alloc_array(map.pool, job->n, sizeof(*map.in), &in);
	if (r == 0)
		r = sheaf_alloc_array(map.pool, job->n, sizeof(*map.out), &out);
	if (r < 0) {
		r = bench_sheaf_failed("sheaf_alloc_array", r);
		goto destroy;
	}
	map.in = in;
	map.out = out;
	for (size_t i = 0; i < job->n; i++)
		map.in[i] = i;
	r = bench_repeat(job, run, &map, ns);
destroy:
	sheaf_pool_destroy(map.pool);
	return r;
}

#define COUNTER "without ownership, one counter"
#define RANGES "without ownership, ranges"

/* The ways are grains. */
#define SAFETY_TAX(variant, grain, items, quick_items, text, limit)                                   \
	{                                                                                             \
		.name = "safety-tax/" variant, .unit = "ns/item", .unit_ns = 1, .what = (text),       \
		.full = {.n = (items), .repeats = 3}, .quick = {.n = (quick_items), .repeats = 1},    \
		.contenders = {SHEAF(map_measure, grain), RIVAL(COUNTER, map_measure_counter, grain), \
			       RIVAL(RANGES, map_measure_ranges, grain)},                             \
		.bounds = {{.most = (limit), .of = {COUNTER, RANGES}}},                               \
	}

const struct bench_case cases_map[] = {
	{
		.name = "grain-1",
		.unit = "ns/item",
		.unit_ns = 1,
		.what = "a map of empty items of 8 bytes in and out, claimed one by one",
		.full = {.n = 1000000, .repeats = 3},
		.quick = {.n = 10000, .repeats = 1},
		.contenders = {SHEAF(map_measure, 1), LIBGOMP, LIBOMP, TBB, POOL},
		.bounds = {{.most = 1, .of = {"libgomp", "oneTBB"}}},
	},
	SAFETY_TAX("chunk-1", 1, 1000000, 10000,
		   "a map of empty items claimed one by one, beside claims that nobody could recover", 1.5),
	SAFETY_TAX("chunk-64", 64, 10000000, 100000, "the same with claims of 64 items", 1.1),
	{0},
};
