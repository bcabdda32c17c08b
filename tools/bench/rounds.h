/*
 * rounds.h - all rounds of one case, and what each contender took.
 */
#ifndef BENCH_ROUNDS_H
#define BENCH_ROUNDS_H

#include "bench.h"

struct bench_settings {
	unsigned workers;
	unsigned rounds;
	bool quick;
	bool alone;            /* only Sheaf itself is measured */
	bool progress;         /* tell on stderr how far the run is */
	unsigned place, cases; /* this case is the place-th of so many; for the progress */
};

/* Of one contender. */
struct bench_series {
	char absent[600];            /* why it was not measured; "" if it was */
	double ns[BENCH_MAX_ROUNDS]; /* per operation, one per round */
};

/** rounds_contenders() - how many contenders take part. */
size_t rounds_contenders(const struct bench_case *what, const struct bench_settings *settings);

/*
 * *
 * rounds_run() - let the contenders of @what take turns: Sheaf, each peer, each limit, and again
 * @series: out: one per contender
 *
 * A contender that cannot run here is left out of the other rounds. Where Sheaf itself cannot, no
 * other one is measured.
 *
 * Return: 0; -1 (a measurement failed, or gave a wrong result: said on stderr); a signal's number
 * (asked to stop).
 */
int rounds_run(const struct bench_case *what, const struct bench_settings *settings, struct bench_series *series);

#endif
