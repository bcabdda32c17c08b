/*
 * tbb_array.cpp - the cases of big arrays by oneTBB.
 */
#include "tbb.hpp"

extern "C" {
#include "../arrays.h"
}

#include <oneapi/tbb/blocked_range.h>
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/partitioner.h>

#include <cstdlib>

namespace
{

using range_of_items = oneapi::tbb::blocked_range<size_t>;

/* As many equal ranges as threads: for even work over warm memory the least that TBB can do. */
int by_ranges(const bench_job *job, const arrays_test *test, arrays_loop_fn *loop, uint64_t *ns)
{
	uint64_t start = sheaf_now_ns();

	oneapi::tbb::parallel_for(
		range_of_items(0, job->n),
		[&](const range_of_items &range) { loop(&test->arrays, range.begin(), range.end()); },
		oneapi::tbb::static_partitioner());
	*ns = sheaf_now_ns() - start;
	return 0;
}

int by_items(const bench_job *job, const arrays_test *test, arrays_loop_fn *, uint64_t *ns)
{
	/* volatile: the pointer is not known when this is compiled */
	sheaf_task_fn *volatile which = arrays_cube_item;
	sheaf_task_fn *fn = which;
	double *in = test->arrays.in[0], *out = test->arrays.out;
	uint64_t start = sheaf_now_ns();

	oneapi::tbb::parallel_for(
		range_of_items(0, job->n),
		[=](const range_of_items &range) {
			for (size_t i = range.begin(); i < range.end(); i++)
				fn(nullptr, &in[i], &out[i]);
		},
		oneapi::tbb::auto_partitioner());
	*ns = sheaf_now_ns() - start;
	return 0;
}

int measure(const bench_job *job, arrays_pass_fn *pass, double *ns)
{
	oneapi::tbb::global_control threads(oneapi::tbb::global_control::max_allowed_parallelism, job->workers);
	arrays_test test = {};
	void *memory;
	int r;

	test.kernel = arrays_kernel(job->name);
	test.pass = pass;
	test.first = by_ranges;
	memory = std::malloc(arrays_size(job, test.kernel));
	if (!memory)
		return bench_fail("no memory for arrays of %zu items", job->n);
	test.arrays = arrays_in(memory, job, test.kernel);
	r = arrays_measure(job, &test, ns);
	std::free(memory);
	return r;
}

int measure_ranges(const bench_job *job, double *ns)
{
	return measure(job, by_ranges, ns);
}

int measure_items(const bench_job *job, double *ns)
{
	return measure(job, by_items, ns);
}

} // namespace

const struct peer_case tbb_array_cases[] = {
	{"map-auto/cube", measure_ranges},
	{"map-auto/copy", measure_ranges},
	{"map-auto/triad", measure_ranges},
	{"map-item", measure_items},
	{nullptr, nullptr},
};
