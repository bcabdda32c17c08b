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
	bool progress;         /* tell on stderr how far the run is */
	unsigned place, cases; /* this case is the place-th of so many; for the progress */
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

enum bench_verdict { BENCH_NOT_JUDGED, BENCH_MISSED, BENCH_MET };

struct bench_judged {
	enum bench_verdict verdict;
	double reached; /* unless BENCH_NOT_JUDGED: what the bound says is at most bound.most */
};

struct bench_outcome {
	const struct bench_case *what;
	unsigned rounds;
	struct bench_series sheaf;
	struct bench_series peers[BENCH_MAX_PEERS];
	struct bench_series limits[BENCH_MAX_LIMITS];
	struct bench_judged judged[BENCH_MAX_BOUNDS]; /* by bounds_judge() */
};

/**
 * rounds_run() - let the contenders of @what take turns: Sheaf, each peer, each limit, and again
 *
 * A peer that cannot run here is left out of the other rounds. Where Sheaf itself cannot, nobody is measured any more.
 *
 * Return: 0; -1 (a measurement failed, or gave a wrong result: said on stderr); a signal's number (asked to stop).
 */
int rounds_run(const struct bench_case *what, const struct bench_settings *settings, struct bench_outcome *outcome);

#endif
