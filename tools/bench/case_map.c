/*
 * case_map.c - grain-1: items that do next to nothing, claimed one by one.
 */
#include "measure.h"
#include "peers.h"

#include <string.h>

struct map {
	sheaf_pool *pool;
	uint64_t *in, *out;
};

static int run(const struct bench_job *job, void *context, uint64_t *ns)
{
	struct map *map = context;
	sheaf_map_options options = {.grain = 1};
	uint64_t start;
	int r;

	/* What the run before left would hide a position that this one forgets; 0 is no expected value. */
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

static int measure(const struct bench_job *job, double *ns)
{
	sheaf_pool_options options = {.workers = job->workers};
	struct map map;
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

const struct bench_case case_grain_1 = {
	.name = "grain-1",
	.unit = "ns/item",
	.unit_ns = 1,
	.what = "a map of empty items of 8 bytes in and out, claimed one by one",
	.full = {.n = 1000000, .repeats = 3},
	.quick = {.n = 10000, .repeats = 1},
	.sheaf = {.name = "Sheaf", .measure = measure},
	.peers = {LIBGOMP, LIBOMP, TBB, PIPES, POOL, EXECUTOR, JOBLIB},
	.limits = {{.name = "contended fetch_add", .measure = limit_fetch_add}},
	.bounds = {{.most = 1.0, .of = {"libgomp", "oneTBB"}}},
};
