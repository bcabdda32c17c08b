/*
 * map.h - the map of next to nothing: bench_task() for every item of an array, in chunks of a given
 * size.
 */
#ifndef BENCH_MAP_H
#define BENCH_MAP_H

#include "bench.h"

/*
 * * map_measure() - sheaf_map() over job->n items; the way says how many of them are claimed at
 * once.
 */
bench_measure_fn map_measure;

/*
 * The same by forked workers that leave out what makes Sheaf's survive, see map_unsafe.c. All of
 * them claim from one counter, or each from a range of its own first and then from the others'.
 */
bench_measure_fn map_measure_counter, map_measure_ranges;

#endif
