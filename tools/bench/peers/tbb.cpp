/*
 * tbb.cpp - the cases of separate tasks and of single items by oneTBB.
 */
#include "tbb.hpp"

#include <oneapi/tbb/blocked_range.h>
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/partitioner.h>
#include <oneapi/tbb/task_group.h>

#include <vector>

namespace
{

struct arrays {
	std::vector<uint64_t> in, out;
};

void submit_gather(const bench_job *job, arrays &arrays)
{
	oneapi::tbb::task_group group;

	for (size_t i = 0; i < job->n; i++)
		group.run([&arrays, i] { bench_task(nullptr, &arrays.in[i], &arrays.out[i]); });
	group.wait();
}

void grain_1(const bench_job *job, arrays &arrays)
{
	oneapi::tbb::parallel_for(
		oneapi::tbb::blocked_range<size_t>(0, job->n, 1),
		[&arrays](const oneapi::tbb::blocked_range<size_t> &range) {
			for (size_t i = range.begin(); i < range.end(); i++)
				bench_task(nullptr, &arrays.in[i], &arrays.out[i]);
		},
		oneapi::tbb::simple_partitioner());
}

using work_fn = void (*)(const bench_job *job, arrays &arrays);

struct work {
	work_fn fn;
	struct arrays arrays;
};

int run_work(const bench_job *job, void *context, uint64_t *ns)
{
	auto *work = static_cast<struct work *>(context);
	uint64_t start;
	int r = 0;

	std::fill(work->arrays.out.begin(), work->arrays.out.end(), 0);
	start = sheaf_now_ns();
	work->fn(job, work->arrays);
	*ns = sheaf_now_ns() - start;
	for (size_t i = 0; r == 0 && i < job->n; i++)
		r = bench_check(i, work->arrays.in[i], work->arrays.out[i]);
	return r;
}

int measure(const bench_job *job, work_fn fn, double *ns)
{
	oneapi::tbb::global_control threads(oneapi::tbb::global_control::max_allowed_parallelism, job->workers);
	struct work work = {fn, {std::vector<uint64_t>(job->n), std::vector<uint64_t>(job->n)}};

	for (size_t i = 0; i < job->n; i++)
		work.arrays.in[i] = i;
	return bench_repeat(job, run_work, &work, ns);
}

int measure_submit_gather(const bench_job *job, double *ns)
{
	return measure(job, submit_gather, ns);
}

int measure_grain_1(const bench_job *job, double *ns)
{
	return measure(job, grain_1, ns);
}

} // namespace

const struct peer_case tbb_cases[] = {
	{"submit-gather", measure_submit_gather},
	{"grain-1", measure_grain_1},
	{nullptr, nullptr},
};

int main(int argc, char **argv)
{
	static const struct peer_case *const tables[] = {
		tbb_cases, tbb_array_cases, tbb_imbalance_cases, tbb_latency_cases, tbb_metg_cases, tbb_nested_cases, nullptr};

	return peer_main(argc, argv, tables);
}
