/*
 * tbb_latency.cpp - fork-join-hot by oneTBB: one item per thread, whichever thread runs it.
 */
#include "tbb.hpp"

#include <oneapi/tbb/blocked_range.h>
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/partitioner.h>

#include <vector>

namespace
{

struct fork_join {
	std::vector<bench_count> counts;
	uint64_t rounds;
};

int run_hot(const bench_job *job, void *context, uint64_t *ns)
{
	auto *all = static_cast<fork_join *>(context);
	uint64_t start = sheaf_now_ns();

	for (size_t i = 0; i < job->n; i++)
		oneapi::tbb::parallel_for(
			oneapi::tbb::blocked_range<size_t>(0, job->workers, 1),
			[all](const oneapi::tbb::blocked_range<size_t> &range) {
				for (size_t k = range.begin(); k < range.end(); k++)
					all->counts[k].n++;
			},
			oneapi::tbb::simple_partitioner());
	*ns = sheaf_now_ns() - start;
	all->rounds += job->n;
	return 0;
}

int measure_hot(const bench_job *job, double *ns)
{
	oneapi::tbb::global_control threads(oneapi::tbb::global_control::max_allowed_parallelism, job->workers);
	struct fork_join all = {std::vector<bench_count>(job->workers), 0};
	int r = bench_repeat(job, run_hot, &all, ns);

	return r == 0 ? bench_check_counts(all.counts.data(), job->workers, all.rounds) : r;
}

} // namespace

const struct peer_case tbb_latency_cases[] = {
	{"fork-join-hot", measure_hot},
	{nullptr, nullptr},
};
