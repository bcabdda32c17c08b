/*
 * peer.h - a peer's program: "PROGRAM CASE WORKERS N REPEATS QUICK" measures one case and says on
 * stdout, as child.c expects, "ok NANOSECONDS", "skip REASON" or "fail REASON". QUICK is 0 or 1.
 */
#ifndef BENCH_PEER_H
#define BENCH_PEER_H

#include "../measure.h"

struct peer_case {
	const char *name; /* "case" also stands for each "case/variant" */
	bench_measure_fn *measure;
};

/**
 * peer_main() - what main() returns
 * @tables: of cases, each ends with a NULL name, all of them with NULL
 *
 * "scale/CASE" is CASE with its answer multiplied by the workers: see case_scale.c.
 */
int peer_main(int argc, char **argv, const struct peer_case *const *tables);

#endif
