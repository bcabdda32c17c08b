/*
 * reduce.h - the arrays of the cases reduce, and the check of their sums.
 */
#ifndef BENCH_REDUCE_H
#define BENCH_REDUCE_H

#include "bench.h"

/** reduce_is_dot() - has the case two arrays? */
bool reduce_is_dot(const struct bench_job *job);

/** reduce_fill() - fill them with numbers whose sums are exact; @y may be NULL. */
void reduce_fill(const struct bench_job *job, double *x, double *y);

/** reduce_check() - 0, or bench_fail() if the sum is wrong. */
int reduce_check(const struct bench_job *job, double sum);

#endif
