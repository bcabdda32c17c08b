/*
 * case_array.c - passes over arrays in shared memory: map-auto by a loop that takes ranges,
 * map-item by one call per item.
 *
 * The caller is one of the workers, as it is one of the threads of OpenMP and TBB.
 */
#include "arrays.h"
#include "measure.h"
#include "peers.h"

/* What the workers need to know: a copy of it is the context of the loop. */
struct pass {
	struct arrays arrays;
	arrays_loop_fn *loop;
};

static int range(sheaf_task *task, size_t begin, size_t end, void *context)
{
	const struct pass *pass = context;

	(void)task;
	pass->loop(&pass->arrays, begin, end);
	return 0;
}

static int by_ranges(const struct bench_job *job, const struct arrays_test *test, arrays_loop_fn *loop, uint64_t *ns)
{
	struct pass pass = {.arrays = test->arrays, .loop = loop};
	sheaf_map_options options = {.context_size = sizeof(pass), .caller_works = true};
	uint64_t start = sheaf_now_ns();
	int r = sheaf_for(test->context, range, &pass, job->n, &options);

	*ns = sheaf_now_ns() - start;
	return r < 0 ? bench_sheaf_failed("sheaf_for", r) : 0;
}

static int by_items(const struct bench_job *job, const struct arrays_test *test, arrays_loop_fn *loop, uint64_t *ns)
{
	const struct arrays *arrays = &test->arrays;
	sheaf_map_options options = {.caller_works = true};
	uint64_t start = sheaf_now_ns();
	int r = sheaf_map(test->context, arrays_cube_item, arrays->in[0], sizeof(double), arrays->out, sizeof(double), job->n,
			  &options);

	(void)loop;
	*ns = sheaf_now_ns() - start;
	return r < 0 ? bench_sheaf_failed("sheaf_map", r) : 0;
}

/* ways */
enum { BY_RANGES, BY_ITEMS };

int array_measure(const struct bench_job *job, double *ns)
{
	sheaf_pool_options options = {.workers = job->workers > 1 ? job->workers - 1 : 1};
	struct arrays_test test = {
		.kernel = arrays_kernel(job->name), .pass = job->way == BY_ITEMS ? by_items : by_ranges, .first = by_ranges};
	sheaf_pool *pool = NULL;
	void *memory = NULL;
	int r = sheaf_pool_create(&pool, &options);

	if (r < 0)
		return bench_sheaf_failed("sheaf_pool_create", r);
	test.context = pool;
	r = bench_alloc(pool, arrays_size(job, test.kernel), &memory);
	if (r == 0) {
		test.arrays = arrays_in(memory, job, test.kernel);
		r = arrays_measure(job, &test, ns);
	}
	sheaf_pool_destroy(pool);
	return r;
}

#define SIZES .unit = "ns/item", .unit_ns = 1, .full = {.n = 10000000, .repeats = 7}, .quick = {.n = 100000, .repeats = 1}
#define COPY "bandwidth of a copy"
#define TRIAD "bandwidth of a triad"
#define LOOP_BOUNDS(limit)                                \
	{                                                 \
		{.most = 1.05, .of = {"libgomp"}},        \
		{                                         \
			.most = 1 / 0.95, .of = { limit } \
		}                                         \
	}

const struct bench_case cases_array[] = {
	{
		.name = "map-auto/cube",
		SIZES,
		.what = "the cube of each double of an array into another, in chunks that the runtime chooses",
		.contenders = {SHEAF(array_measure, BY_RANGES), LIBGOMP, LIBOMP, TBB, POOL, LIMIT(COPY, limit_copy, 0)},
		.bounds = LOOP_BOUNDS(COPY),
	},
	{
		.name = "map-auto/copy",
		SIZES,
		.what = "the same with a copy of each double",
		.contenders = {SHEAF(array_measure, BY_RANGES), LIBGOMP, LIBOMP, TBB, LIMIT(COPY, limit_copy, 0)},
		.bounds = LOOP_BOUNDS(COPY),
	},
	{
		.name = "map-auto/triad",
		SIZES,
		.what = "the same with x + 3 y of the doubles of two arrays",
		.contenders = {SHEAF(array_measure, BY_RANGES), LIBGOMP, LIBOMP, TBB, LIMIT(TRIAD, limit_triad, 0)},
		.bounds = LOOP_BOUNDS(TRIAD),
	},
	{
		.name = "map-item",
		SIZES,
		.what = "the cube of each double by a function that is called for each item, in chunks that the runtime "
			"chooses",
		.contenders = {SHEAF(array_measure, BY_ITEMS), TBB, LIBGOMP, LIBOMP, POOL, LIMIT(COPY, limit_copy, 0)},
		.bounds = {{.most = 1.1, .of = {"oneTBB"}}},
	},
	{0},
};
