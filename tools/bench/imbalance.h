/*
 * imbalance.h - items of unequal cost.
 */
#ifndef BENCH_IMBALANCE_H
#define BENCH_IMBALANCE_H

#include "busy.h"

/*
 * * imbalance_draw() - job->n items as the variant in job->name distributes their costs; the same
 * ones in every program
 *
 * The mean is about BUSY_10_US. Return: 0; -1 and a reason: there is no such variant.
 */
int imbalance_draw(const struct bench_job *job, struct busy_item *items);

#endif
