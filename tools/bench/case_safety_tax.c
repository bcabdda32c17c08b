/*
 * case_safety_tax.c - safety-tax: what it costs that a map's items are not lost with the worker that has claimed them.
 *
 * Both ways to claim without ownership are measured, because Sheaf has to stand beside the cheaper one.
 */
#include "map.h"

static int measure_1(const struct bench_job *job, double *ns)
{
	return map_measure(job, 1, ns);
}

static int measure_1_counter(const struct bench_job *job, double *ns)
{
	return map_measure_unsafe(job, 1, false, ns);
}

static int measure_1_ranges(const struct bench_job *job, double *ns)
{
	return map_measure_unsafe(job, 1, true, ns);
}

static int measure_64(const struct bench_job *job, double *ns)
{
	return map_measure(job, 64, ns);
}

static int measure_64_counter(const struct bench_job *job, double *ns)
{
	return map_measure_unsafe(job, 64, false, ns);
}

static int measure_64_ranges(const struct bench_job *job, double *ns)
{
	return map_measure_unsafe(job, 64, true, ns);
}

#define COUNTER "without ownership, one counter"
#define RANGES "without ownership, ranges"

const struct bench_case case_safety_tax_1 = {
	.name = "safety-tax/chunk-1",
	.unit = "ns/item",
	.unit_ns = 1,
	.what = "a map of empty items claimed one by one, beside claims that nobody could recover",
	.full = {.n = 1000000, .repeats = 3},
	.quick = {.n = 10000, .repeats = 1},
	.sheaf = {.name = "Sheaf", .measure = measure_1},
	.peers = {{.name = COUNTER, .measure = measure_1_counter}, {.name = RANGES, .measure = measure_1_ranges}},
	.bounds = {{.most = 1.5, .of = {COUNTER, RANGES}}},
};

const struct bench_case case_safety_tax_64 = {
	.name = "safety-tax/chunk-64",
	.unit = "ns/item",
	.unit_ns = 1,
	.what = "the same with claims of 64 items",
	.full = {.n = 10000000, .repeats = 3},
	.quick = {.n = 100000, .repeats = 1},
	.sheaf = {.name = "Sheaf", .measure = measure_64},
	.peers = {{.name = COUNTER, .measure = measure_64_counter}, {.name = RANGES, .measure = measure_64_ranges}},
	.bounds = {{.most = 1.1, .of = {COUNTER, RANGES}}},
};
