/*
 * group_units.c - cuts a partition into units of about as many rows, or groups.
 */
#include "group/group_units.h"

#define UNITS 1024u /* about so many, of groups of one size */

/* What a unit may have. */
struct unit_bounds {
	size_t rows, groups, split;
};

/* Cut a large group into parts. Without units, count them. */
static size_t cut_group(size_t group, size_t begin, size_t end, size_t split, struct group_unit *units)
{
	size_t parts = (end - begin - 1) / split + 1;

	for (size_t p = 0; units && p < parts; p++)
		units[p] = (struct group_unit){.group = group,
					       .groups = 1,
					       .begin = begin + p * split,
					       .end = p + 1 < parts ? begin + (p + 1) * split : end,
					       .is_part = true,
					       .is_last = p + 1 == parts};
	return parts;
}

/* Cut all groups, in their order. Without units, count them. */
static size_t cut_units(const sheaf_partition *partition, const struct unit_bounds *bounds, struct group_unit *units)
{
	const int64_t *offsets = partition->offsets.data;
	size_t count = 0, first = 0;

	for (size_t g = 0; g < partition->groups; g++) {
		size_t begin = (size_t)offsets[g], end = (size_t)offsets[g + 1];
		bool is_cut = bounds->split && end - begin > bounds->split;
		bool closes = g + 1 == partition->groups || g + 1 - first >= bounds->groups ||
			      end - (size_t)offsets[first] >= bounds->rows;

		/* The groups before one that is cut are a unit of their own. */
		if (g > first && is_cut) {
			if (units)
				units[count] = (struct group_unit){.group = first, .groups = g - first};
			count++;
			first = g;
		}
		if (is_cut) {
			count += cut_group(g, begin, end, bounds->split, units ? units + count : NULL);
			first = g + 1;
		} else if (closes) {
			if (units)
				units[count] = (struct group_unit){.group = first, .groups = g + 1 - first};
			count++;
			first = g + 1;
		}
	}
	return count;
}

int group_units_cut(struct passes *passes, const sheaf_partition *partition, size_t split, size_t most,
		    struct group_unit **units, size_t *count)
{
	struct unit_bounds bounds = {
		.rows = partition->rows / UNITS + 1, .groups = most ? most : partition->groups / UNITS + 1, .split = split};
	int r;

	*count = cut_units(partition, &bounds, NULL);
	if ((r = passes_alloc(passes, *count, sizeof(**units), units)))
		return r;
	(void)cut_units(partition, &bounds, *units);
	return 0;
}
