/*
 * tbb_metg.cpp - METG(50 %) by oneTBB.
 */
#include "tbb.hpp"

extern "C" {
#include "../metg.h"
}

#include <oneapi/tbb/blocked_range.h>
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/partitioner.h>

namespace
{

using range = oneapi::tbb::blocked_range<size_t>;

template <typename partitioner> int run_bag(const bench_job *, void *, const struct metg_run *run)
{
	oneapi::tbb::parallel_for(
		range(0, run->n),
		[=](const range &part) {
			for (size_t i = part.begin(); i < part.end(); i++)
				run->fn(nullptr, &run->items[i], &run->results[i]);
		},
		partitioner());
	return 0;
}

int run_fan(const bench_job *job, void *, const struct metg_run *run)
{
	const size_t width = job->workers;

	for (size_t at = 0; at < run->n; at += width)
		oneapi::tbb::parallel_for(
			range(at, at + width),
			[=](const range &part) {
				for (size_t i = part.begin(); i < part.end(); i++)
					run->fn(nullptr, &run->items[i], &run->results[i]);
			},
			oneapi::tbb::static_partitioner());
	return 0;
}

int run_stencil(const bench_job *job, void *, const struct metg_run *run)
{
	const size_t width = job->workers, steps = run->n / width;

	for (size_t step = 0; step < steps; step++)
		oneapi::tbb::parallel_for(
			range(0, width),
			[=](const range &part) {
				for (size_t i = part.begin(); i < part.end(); i++)
					metg_point(run, width, step, i);
			},
			oneapi::tbb::static_partitioner());
	return 0;
}

int measure(const bench_job *job, size_t tasks, bool stencil, metg_run_fn *run, double *ns)
{
	oneapi::tbb::global_control threads(oneapi::tbb::global_control::max_allowed_parallelism, job->workers);
	struct metg metg = {};

	metg.tasks = tasks;
	metg.stencil = stencil;
	metg.run = run;
	return metg_search_own(job, metg, ns);
}

int measure_bag(const bench_job *job, double *ns)
{
	return measure(job, job->n, false, run_bag<oneapi::tbb::simple_partitioner>, ns);
}

int measure_auto(const bench_job *job, double *ns)
{
	return measure(job, job->n, false, run_bag<oneapi::tbb::auto_partitioner>, ns);
}

int measure_fan(const bench_job *job, double *ns)
{
	return measure(job, job->n * job->workers, false, run_fan, ns);
}

int measure_stencil(const bench_job *job, double *ns)
{
	return measure(job, job->n * job->workers, true, run_stencil, ns);
}

} // namespace

const struct peer_case tbb_metg_cases[] = {
	{"metg-bag", measure_bag},
	{"metg-auto", measure_auto},
	{"metg-steps/fan", measure_fan},
	{"metg-steps/stencil", measure_stencil},
	{nullptr, nullptr},
};
