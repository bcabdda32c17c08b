/*
 * group_units.h - a partition cut into units: each of some groups, or of a part of one, which one
 * task works on.
 */
#ifndef SHEAF_GROUP_GROUP_UNITS_H
#define SHEAF_GROUP_GROUP_UNITS_H

#include "group/passes.h"

/* A unit of work, in shared memory, and what its task has given. */
struct group_unit {
	size_t group, groups;  /* the first group, and how many */
	size_t begin, end;     /* places of the rows: of a part; else 0 */
	bool is_part, is_last; /* of a group that is cut */
	size_t in_hand;        /* a hint of its worker's: the group that it works on */
	/* For the groups of a unit, or for its part: how many rows; and the rows behind. */
	const uint64_t *counts;
	const unsigned char *rows;
	uint64_t count; /* of all its rows */
};

/* Cut a partition. @most: groups in a unit; 0: chosen. *@units: out: until the passes end. */
int group_units_cut(struct passes *passes, const sheaf_partition *partition, size_t split, size_t most,
		    struct group_unit **units, size_t *count);

#endif
