/*
 * openmp.h - what the files of the OpenMP peers share. One table of cases per file.
 */
#ifndef BENCH_OPENMP_H
#define BENCH_OPENMP_H

#include "peer.h"

/*
 * * openmp_start_threads() - 0, or a bench_skip(): OMP_THREAD_LIMIT and the like grant fewer than
 * @wanted.
 */
int openmp_start_threads(unsigned wanted);

extern const struct peer_case openmp_cases[], openmp_array_cases[], openmp_imbalance_cases[], openmp_latency_cases[],
	openmp_metg_cases[], openmp_nested_cases[], openmp_reduce_cases[];

#endif
