/*
 * waiting.h - the four regimes of the case waiting, and how any pool is taken through them.
 */
#ifndef BENCH_WAITING_H
#define BENCH_WAITING_H

#include "bench.h"

struct waiting_pool {
	/*
	 * Make a pool of @workers, with room for as many arguments and results as they are. As a
	 * measurement returns.
	 */
	int (*open)(struct waiting_pool *pool, unsigned workers);
	/*
	 * bench_long_task() for each of the arguments, and wait for all. As a measurement returns.
	 */
	int (*fan_out)(struct waiting_pool *pool);
	void (*close)(struct waiting_pool *pool);
	void *own;
	unsigned workers;
	uint64_t *in, *out;
};

/*
 * * waiting_measure() - take the pool through the regime that job->name tells: "waiting/hot",
 * "gaps", "twice" or "hogs" @ns: out: the mean time of one fan-out, without the gaps
 */
int waiting_measure(const struct bench_job *job, struct waiting_pool *pool, double *ns);

/*
 * Pools of forked workers with one fixed way to wait each, for both sides, which job->way names.
 * See waiting_fixed.c.
 */
enum { WAITING_SPIN, WAITING_YIELD, WAITING_SLEEP };
bench_measure_fn waiting_fixed;

#endif
