/*
 * map.c - a map by Sheaf, with the grain that its case wants.
 */
#include "map.h"
#include "measure.h"

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

int map_measure(const struct bench_job *job, size_t grain, double *ns)
{
	sheaf_pool_options options = {.workers = job->workers};
	struct map map = {.grain = grain};
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
