/*
 * group_rank.h - values of groups by their rank.
 */
#ifndef SHEAF_GROUP_GROUP_RANK_H
#define SHEAF_GROUP_GROUP_RANK_H

#include "group/passes.h"

/* Write a quantile of each group of a partition by key of a table with so many rows. */
int group_rank_quantile(struct passes *passes, const sheaf_partition *partition, const sheaf_aggregation *how, size_t rows,
			double *results);

#endif
