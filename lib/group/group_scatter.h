/*
 * group_scatter.h - rows by part: their slots and values, so that the tables of a part stay in a
 * cache.
 */
#ifndef SHEAF_GROUP_GROUP_SCATTER_H
#define SHEAF_GROUP_GROUP_SCATTER_H

#include "group/group_table.h"

/*
 * Cut slots into parts, scatter the rows by them, and cut parts into pieces. Columns have numbers
 * of 1, 2, 4 or 8 bytes.
 */
int group_scatter(struct passes *passes, struct group_tables *tables);

#endif
