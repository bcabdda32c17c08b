/*
 * case_map.c - grain-1: items that do next to nothing, claimed one by one.
 */
#include "map.h"
#include "peers.h"

static int measure(const struct bench_job *job, double *ns)
{
	return map_measure(job, 1, ns);
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
