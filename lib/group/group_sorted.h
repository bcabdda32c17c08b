/*
 * group_sorted.h - aggregates of rows that are in groups already.
 */
#ifndef SHEAF_GROUP_GROUP_SORTED_H
#define SHEAF_GROUP_GROUP_SORTED_H

#include "group/passes.h"

/*
 * Compute one aggregate of each group of a partition by key. @rows: of the table. @result: out: an
 * array that is created here.
 */
int group_sorted(struct passes *passes, const sheaf_partition *partition, const sheaf_aggregation *how, size_t rows,
		 sheaf_array *result);

#endif
