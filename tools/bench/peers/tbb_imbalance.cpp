/*
 * tbb_imbalance.cpp - items of unequal cost by oneTBB, whose partitioner adapts by itself.
 */
#include "tbb.hpp"

extern "C" {
#include "../imbalance.h"
}

#include <oneapi/tbb/blocked_range.h>
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/partitioner.h>

#include <vector>

namespace
{

using range = oneapi::tbb::blocked_range<size_t>;

struct work {
	std::vector<busy_item> items;
	std::vector<uint64_t> results;
};

int run(const bench_job *job, void *context, uint64_t *ns)
{
	auto *work = static_cast<struct work *>(context);
	const busy_item *items = work->items.data();
	uint64_t *results = work->results.data(), start;

	std::fill(work->results.begin(), work->results.end(), 0);
	start = sheaf_now_ns();
	oneapi::tbb::parallel_for(
		range(0, job->n),
		[=](const range &part) {
			for (size_t i = part.begin(); i < part.end(); i++)
				busy_task(nullptr, &items[i], &results[i]);
		},
		oneapi::tbb::auto_partitioner());
	*ns = sheaf_now_ns() - start;
	return busy_check(items, results, job->n);
}

int measure(const bench_job *job, double *ns)
{
	oneapi::tbb::global_control threads(oneapi::tbb::global_control::max_allowed_parallelism, job->workers);
	struct work work = {std::vector<busy_item>(job->n), std::vector<uint64_t>(job->n)};
	int r = imbalance_draw(job, work.items.data());

	return r == 0 ? bench_repeat(job, run, &work, ns) : r;
}

} // namespace

const struct peer_case tbb_imbalance_cases[] = {
	{"imbalance", measure},
	{nullptr, nullptr},
};
