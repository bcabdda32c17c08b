/*
 * tasks.h - the functions of groups that workers run: a list for each file. See base/own.h.
 */
#ifndef SHEAF_GROUP_TASKS_H
#define SHEAF_GROUP_TASKS_H

#include "base/own.h"

extern const struct own_function own_key[], own_dictionary[], own_radix[], own_radix_piece[], own_groups[], own_take[],
	own_partition[], own_group_table[], own_group_scatter[], own_group_write[], own_group_rank[], own_group_sorted[],
	own_group_by[], own_join[], own_group_apply[];

#endif
