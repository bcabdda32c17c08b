/*
 * groups.h - where groups begin in an order of rows.
 */
#ifndef SHEAF_GROUP_GROUPS_H
#define SHEAF_GROUP_GROUPS_H

#include "group/passes.h"

/*
 * Turn the marks of radix_order() of the first @rows places into offsets: one for each group, and
 * their end. *@offsets: out: an array that is created here.
 */
int groups_offsets(struct passes *passes, const unsigned char *starts, size_t rows, sheaf_array *offsets);

/* Find the group that has a place: the last one that begins there or before. */
static inline size_t groups_find(const int64_t *offsets, size_t groups, size_t place)
{
	size_t low = 0, high = groups;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if ((size_t)offsets[middle] <= place)
			low = middle;
		else
			high = middle;
	}
	return low;
}

#endif
