/*
 * peers.h - the contenders that Sheaf is compared with: other runtimes, and the machine itself.
 */
#ifndef BENCH_PEERS_H
#define BENCH_PEERS_H

#include "bench.h"

/*
 * Each peer is a program of its own, because its runtime starts threads, reads its environment when
 * it starts, or is another language. This function becomes that program, which measures the case by
 * its name, or is skipped if it is not there. See peers/peer.h.
 */
bench_measure_fn peer_measure;

extern const char *bench_program; /* how this program was called */

#define PEER(label, file) .name = (label), .kind = BENCH_PEER, .measure = peer_measure, .program = (file)

/* With the names that bounds use. Active and passive: OMP_WAIT_POLICY, how threads wait. */
#define LIBGOMP                            \
	{                                  \
		PEER("libgomp", "libgomp") \
	}
#define LIBGOMP_ACTIVE                                                      \
	{                                                                   \
		PEER("libgomp, active", "libgomp"), .wait_policy = "active" \
	}
#define LIBGOMP_PASSIVE                                                       \
	{                                                                     \
		PEER("libgomp, passive", "libgomp"), .wait_policy = "passive" \
	}
#define LIBOMP                           \
	{                                \
		PEER("libomp", "libomp") \
	}
#define TBB                           \
	{                             \
		PEER("oneTBB", "tbb") \
	}
#define MPI                        \
	{                          \
		PEER("MPI", "mpi") \
	}
#define POOL                                            \
	{                                               \
		PEER("multiprocessing.Pool", "pool.py") \
	}

bench_measure_fn limit_line;   /* a cache line to another process and back */
bench_measure_fn limit_lines;  /* as many of them as the way says */
bench_measure_fn limit_yield;  /* one CPU to another process and back, by sched_yield() */
bench_measure_fn limit_wake;   /* wake a sleeping process and sleep until it answers */
bench_measure_fn limit_copy;   /* copy one double of an array, by as many processes as workers */
bench_measure_fn limit_triad;  /* the same with x + 3 y of two arrays */
bench_measure_fn limit_read;   /* sum the array of handover up by one process */
bench_measure_fn limit_sum;    /* read one array or two, as the way says, by all workers */
bench_measure_fn limit_result; /* copy the bytes of one result, by one process */
/* fork as many processes as a pool has, which exit at once, and wait for them */
bench_measure_fn limit_forks;

/* Bytes of each result of results-1M. */
#define BENCH_RESULT_SIZE 100

#endif
