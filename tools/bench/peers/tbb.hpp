/*
 * tbb.hpp - what the files of the oneTBB peer share. One table of cases per file.
 */
#ifndef BENCH_TBB_HPP
#define BENCH_TBB_HPP

extern "C" {
#include "peer.h"

extern const struct peer_case tbb_cases[], tbb_array_cases[], tbb_imbalance_cases[], tbb_latency_cases[], tbb_metg_cases[],
	tbb_nested_cases[];
}

#endif
