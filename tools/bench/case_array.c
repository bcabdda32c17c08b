/*
 * case_array.c - passes over arrays in shared memory: map-auto by a loop that takes ranges, map-item by one call per item.
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

static int measure(const struct bench_job *job, arrays_pass_fn *pass, double *ns)
{
	sheaf_pool_options options = {.workers = job->workers > 1 ? job->workers - 1 : 1};
	struct arrays_test test = {.kernel = arrays_kernel(job->name), .pass = pass, .first = by_ranges};
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

static int measure_ranges(const struct bench_job *job, double *ns)
{
	return measure(job, by_ranges, ns);
}

static int measure_items(const struct bench_job *job, double *ns)
{
	return measure(job, by_items, ns);
}

#define FULL                                \
	{                                   \
		.n = 10000000, .repeats = 7 \
	}
#define QUICK                             \
	{                                 \
		.n = 100000, .repeats = 1 \
	}

const struct bench_case case_map_auto_cube = {
	.name = "map-auto/cube",
	.unit = "ns/item",
	.unit_ns = 1,
	.what = "the cube of each double of an array into another, in chunks that the runtime chooses",
	.full = FULL,
	.quick = QUICK,
	.sheaf = {.name = "Sheaf", .measure = measure_ranges},
	.peers = {LIBGOMP, LIBOMP, TBB, POOL, EXECUTOR, JOBLIB},
	.limits = {{.name = "bandwidth of a copy", .measure = limit_copy}},
	.bounds = {{.most = 1.05, .of = {"libgomp"}}, {.most = 1 / 0.95, .of = {"bandwidth of a copy"}}},
};

const struct bench_case case_map_auto_copy = {
	.name = "map-auto/copy",
	.unit = "ns/item",
	.unit_ns = 1,
	.what = "the same with a copy of each double",
	.full = FULL,
	.quick = QUICK,
	.sheaf = {.name = "Sheaf", .measure = measure_ranges},
	.peers = {LIBGOMP, LIBOMP, TBB},
	.limits = {{.name = "bandwidth of a copy", .measure = limit_copy}},
	.bounds = {{.most = 1.05, .of = {"libgomp"}}, {.most = 1 / 0.95, .of = {"bandwidth of a copy"}}},
};

const struct bench_case case_map_auto_triad = {
	.name = "map-auto/triad",
	.unit = "ns/item",
	.unit_ns = 1,
	.what = "the same with x + 3 y of the doubles of two arrays",
	.full = FULL,
	.quick = QUICK,
	.sheaf = {.name = "Sheaf", .measure = measure_ranges},
	.peers = {LIBGOMP, LIBOMP, TBB},
	.limits = {{.name = "bandwidth of a triad", .measure = limit_triad}},
	.bounds = {{.most = 1.05, .of = {"libgomp"}}, {.most = 1 / 0.95, .of = {"bandwidth of a triad"}}},
};

const struct bench_case case_map_item = {
	.name = "map-item",
	.unit = "ns/item",
	.unit_ns = 1,
	.what = "the cube of each double by a function that is called for each item, in chunks that the runtime chooses",
	.full = FULL,
	.quick = QUICK,
	.sheaf = {.name = "Sheaf", .measure = measure_items},
	.peers = {TBB, LIBGOMP, LIBOMP, POOL, EXECUTOR, JOBLIB},
	.limits = {{.name = "the calls alone", .measure = limit_calls}, {.name = "bandwidth of a copy", .measure = limit_copy}},
	.bounds = {{.most = 1.1, .of = {"oneTBB"}}},
};
