/*
 * map.h - the map of next to nothing: bench_task() for every item of an array, in chunks of a given size.
 */
#ifndef BENCH_MAP_H
#define BENCH_MAP_H

#include "bench.h"

/** map_measure() - sheaf_map() over job->n items with @grain of them claimed at once. */
int map_measure(const struct bench_job *job, size_t grain, double *ns);

/**
 * map_measure_unsafe() - the same by forked workers that leave out what makes Sheaf's survive: see map_unsafe.c
 * @ranges: each worker claims from a range of its own first, then from the others'; or all of them claim from one counter
 */
int map_measure_unsafe(const struct bench_job *job, size_t grain, bool ranges, double *ns);

#endif
