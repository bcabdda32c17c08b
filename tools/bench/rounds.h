/*
 * rounds.h - all rounds of one case, and what came out.
 */
#ifndef BENCH_ROUNDS_H
#define BENCH_ROUNDS_H

#include "bench.h"

struct bench_settings {
	unsigned workers;
	unsigned rounds;
	bool quick;
	bool progress; /* tell on stderr how far the run is */
};

/* Medians and ranges over the rounds. A ratio is Sheaf's figure divided by this one of the same round. */
struct bench_summary {
	double median, min, max;
	double ratio, ratio_min, ratio_max;
};

struct bench_series {
	const char *name; /* NULL: no such contender */
	char absent[600]; /* why it was not measured; "" if it was */
	double ns[BENCH_MAX_ROUNDS];
	struct bench_summary in_units; /* of the case */
};

struct bench_outcome {
	const struct bench_case *what;
	unsigned rounds;
	struct bench_series sheaf;
	struct bench_series peers[BENCH_MAX_PEERS];
	struct bench_series limits[BENCH_MAX_LIMITS];
};

/**
 * rounds_run() - let the contenders of @what take turns: Sheaf, each peer, each limit, and again
 *
 * A peer that cannot run here is left out of the other rounds.
 *
 * Return: 0; -1 (a measurement failed, or gave a wrong result: said on stderr); a signal's number (asked to stop).
 */
int rounds_run(const struct bench_case *what, const struct bench_settings *settings, struct bench_outcome *outcome);

#endif
