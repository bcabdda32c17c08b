/*
 * group_write.h - one row for each group, of the tables of groups.
 */
#ifndef SHEAF_GROUP_GROUP_WRITE_H
#define SHEAF_GROUP_GROUP_WRITE_H

#include "group/group_table.h"

/*
 * Write the results of all slots that have rows, in their order: the keys, and of each aggregate an
 * array, which are created here. *@groups: out.
 */
int group_write(struct passes *passes, const struct group_tables *tables, sheaf_array *labels, sheaf_array *results,
		size_t *groups);

#endif
