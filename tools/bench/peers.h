/*
 * peers.h - the measurements that Sheaf is compared with: other runtimes, and the machine itself.
 */
#ifndef BENCH_PEERS_H
#define BENCH_PEERS_H

#include "bench.h"

/*
 * Each peer is a program of its own, because its runtime starts threads, reads its environment when it starts, or is another language.
 * These functions become that program, which measures the case by its name, or are skipped if it is not there. See peers/peer.h.
 */
bench_measure_fn peer_libgomp, peer_libgomp_active, peer_libgomp_passive, peer_libomp, peer_tbb, peer_pipes, peer_mpi,
	peer_pool, peer_executor, peer_joblib;

/* As contenders, with the names that bounds use. Active and passive: OMP_WAIT_POLICY, how threads wait. */
#define LIBGOMP                                            \
	{                                                  \
		.name = "libgomp", .measure = peer_libgomp \
	}
#define LIBGOMP_ACTIVE                                                    \
	{                                                                 \
		.name = "libgomp, active", .measure = peer_libgomp_active \
	}
#define LIBGOMP_PASSIVE                                                     \
	{                                                                   \
		.name = "libgomp, passive", .measure = peer_libgomp_passive \
	}
#define LIBOMP                                           \
	{                                                \
		.name = "libomp", .measure = peer_libomp \
	}
#define TBB                                           \
	{                                             \
		.name = "oneTBB", .measure = peer_tbb \
	}
#define PIPES                                                      \
	{                                                          \
		.name = "C pool over pipes", .measure = peer_pipes \
	}
#define MPI                                             \
	{                                               \
		.name = "Open MPI", .measure = peer_mpi \
	}
#define POOL                                                         \
	{                                                            \
		.name = "multiprocessing.Pool", .measure = peer_pool \
	}
#define EXECUTOR                                                        \
	{                                                               \
		.name = "ProcessPoolExecutor", .measure = peer_executor \
	}
#define JOBLIB                                           \
	{                                                \
		.name = "joblib", .measure = peer_joblib \
	}

bench_measure_fn limit_line;      /* a cache line to another process and back */
bench_measure_fn limit_fetch_add; /* one atomic addition while all workers hammer the same word */
bench_measure_fn limit_calls;     /* one call of the task by function pointer, the calls shared out among the workers */
bench_measure_fn limit_wake;      /* wake a sleeping process and sleep until it answers */
bench_measure_fn limit_copy;      /* copy one double of an array, by as many processes as workers */
bench_measure_fn limit_triad;     /* the same with x + 3 y of two arrays */
bench_measure_fn limit_read;      /* sum the array of handover up by one process */
bench_measure_fn limit_sum;       /* the same, shared by all workers */
bench_measure_fn limit_copy_results, limit_copy_results_shared; /* copy the bytes of one result, by one process or by all */
bench_measure_fn limit_forks; /* fork as many processes as a pool has, which exit at once, and wait for them */

#endif
