/*
 * case_reduce.c - reduce: sums and dot products of big arrays, in an order that does not depend on
 * the workers. The caller is one of them, as it is one of the threads of OpenMP.
 */
#include "measure.h"
#include "peers.h"
#include "reduce.h"

#include <sheaf_reduce.h>

struct reduction {
	sheaf_pool *pool;
	double *x, *y;
};

static int run(const struct bench_job *job, void *context, uint64_t *ns)
{
	const struct reduction *reduction = context;
	sheaf_map_options options = {.caller_works = true};
	uint64_t start = sheaf_now_ns();
	double sum;
	int r = reduction->y ? sheaf_dot(reduction->pool, SHEAF_F64, reduction->x, reduction->y, job->n, &sum, &options)
			     : sheaf_sum(reduction->pool, SHEAF_F64, reduction->x, job->n, &sum, &options);

	*ns = sheaf_now_ns() - start;
	return r < 0 ? bench_sheaf_failed("sheaf_reduce", r) : reduce_check(job, sum);
}

static int measure(const struct bench_job *job, double *ns)
{
	sheaf_pool_options options = {.workers = job->workers > 1 ? job->workers - 1 : 1};
	struct reduction reduction = {0};
	size_t bytes = job->n * sizeof(double);
	void *memory;
	int r = sheaf_pool_create(&reduction.pool, &options);

	if (r < 0)
		return bench_sheaf_failed("sheaf_pool_create", r);
	r = bench_alloc(reduction.pool, reduce_is_dot(job) ? 2 * bytes : bytes, &memory);
	if (r == 0) {
		reduction.x = memory;
		reduction.y = reduce_is_dot(job) ? reduction.x + job->n : NULL;
		reduce_fill(job, reduction.x, reduction.y);
		r = bench_repeat(job, run, &reduction, ns);
	}
	sheaf_pool_destroy(reduction.pool);
	return r;
}

#define SIZES .unit = "ns/item", .unit_ns = 1, .full = {.n = 100000000, .repeats = 3}, .quick = {.n = 100000, .repeats = 1}

#define READING "bandwidth of reading"
#define BOUNDS                                         \
	{                                              \
		{.most = 1.1, .of = {"libgomp"}},      \
		{                                      \
			.most = 1.1, .of = { READING } \
		}                                      \
	}

const struct bench_case cases_reduce[] = {
	{
		.name = "reduce/sum",
		SIZES,
		.what = "the sum of doubles; that of OpenMP's reduction depends on its threads",
		.contenders = {SHEAF(measure, 0), LIBGOMP, LIBOMP, LIMIT(READING, limit_sum, 1)},
		.bounds = BOUNDS,
	},
	{
		.name = "reduce/dot",
		SIZES,
		.what = "the same of the products of two arrays",
		.contenders = {SHEAF(measure, 0), LIBGOMP, LIBOMP, LIMIT(READING, limit_sum, 2)},
		.bounds = BOUNDS,
	},
	{0},
};
