/*
 * case_first_touch.c - first-touch: a big array is allocated, and the workers are the first to
 * write to it.
 */
#include "arrays.h"
#include "measure.h"
#include "peers.h"

static int fill(sheaf_task *task, size_t begin, size_t end, void *context)
{
	(void)task;
	arrays_number(context, begin, end);
	return 0;
}

static int run(const struct bench_job *job, void *context, uint64_t *ns)
{
	size_t words = arrays_touched(job);
	void *memory = NULL;
	uint64_t start = sheaf_now_ns();
	int r = bench_alloc(context, words * sizeof(uint64_t), &memory);

	if (r != 0)
		return r;
	r = sheaf_for(context, fill, memory, words, NULL);
	*ns = sheaf_now_ns() - start;
	r = r < 0 ? bench_sheaf_failed("sheaf_for", r) : arrays_check_numbers(memory, words);
	sheaf_free(context, memory);
	return r;
}

static int measure(const struct bench_job *job, double *ns)
{
	sheaf_pool_options options = {.workers = job->workers};
	sheaf_pool *pool = NULL;
	int r = bench_room(arrays_touched(job) * sizeof(uint64_t));

	if (r != 0)
		return r;
	r = sheaf_pool_create(&pool, &options);
	if (r < 0)
		return bench_sheaf_failed("sheaf_pool_create", r);
	r = bench_repeat(job, run, pool, ns);
	sheaf_pool_destroy(pool);
	return r;
}

const struct bench_case cases_first_touch[] = {
	{
		.name = "first-touch",
		.unit = "us/MiB",
		.unit_ns = 1e3,
		.what = "a new array of 1 GiB, allocated and filled by the workers",
		.full = {.n = 1024, .repeats = 2},
		.quick = {.n = 4, .repeats = 1},
		.contenders = {SHEAF(measure, 0), LIBGOMP, LIBOMP},
		.bounds = {{.most = 1.1, .of = {"libgomp"}}},
	},
	{0},
};
