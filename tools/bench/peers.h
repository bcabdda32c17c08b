/*
 * peers.h - the measurements that Sheaf is compared with: other runtimes, and the machine itself.
 */
#ifndef BENCH_PEERS_H
#define BENCH_PEERS_H

#include "bench.h"

extern const char openmp_name[];
bench_measure_fn openmp_submit_gather, openmp_map_grain_1, openmp_map_auto, openmp_apply_idle;

/* "PROGRAM OPENMP_AGAIN REPEATS" gives the answer of openmp_apply_idle() alone: how it sets its own environment. */
#define OPENMP_AGAIN "--openmp-apply-idle"

extern const char python_name[];
bench_measure_fn python_measure; /* any case that the script in peer_python.c knows */

bench_measure_fn limit_line;      /* a cache line to another process and back */
bench_measure_fn limit_fetch_add; /* one atomic addition while all workers hammer the same word */
bench_measure_fn limit_calls;     /* one call of the task by function pointer, the calls shared out among the workers */
bench_measure_fn limit_wake;      /* wake a sleeping process and sleep until it answers */
bench_measure_fn limit_forks;     /* fork as many processes as a pool has, which exit at once, and wait for them */

#endif
