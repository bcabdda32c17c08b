/*
 * partition.c - rows in groups: by ranges, and by key.
 *
 * For the order of first rows the groups are sorted by these, and moved.
 *
 * Deaths            Of a worker: its ranges are moved again, to the same places.
 */
#include "sheaf_group.h"

#include "base/error.h"
#include "group/groups.h"
#include "group/radix.h"
#include "group/tasks.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

/* What the workers know that move groups. */
struct grouping {
	const int64_t *offsets; /* of the groups in the order of keys */
	size_t groups;
	const int64_t *order; /* in the order of keys */
	const int64_t *rank;  /* of the groups, by first row: their places in that order */
	int64_t *first;       /* of the groups in the order of keys: their first rows */
	int64_t *moved_offsets, *moved;
};

/* ---- by key ---- */

static int note_first_rows(sheaf_task *task, size_t begin, size_t end, void *context)
{
	const struct grouping *grouping = context;

	(void)task;
	for (size_t g = begin; g < end; g++)
		grouping->first[g] = grouping->order[grouping->offsets[g]];
	return 0;
}

static int move_rows(sheaf_task *task, size_t begin, size_t end, void *context)
{
	const struct grouping *grouping = context;
	size_t group = groups_find(grouping->moved_offsets, grouping->groups, begin);

	(void)task;
	for (size_t place = begin, n; place < end; place += n, group++) {
		size_t next = (size_t)grouping->moved_offsets[group + 1];
		const int64_t *from = grouping->order + grouping->offsets[grouping->rank[group]];

		n = (next < end ? next : end) - place;
		memcpy(grouping->moved + place, from + (place - (size_t)grouping->moved_offsets[group]), n * sizeof(*from));
	}
	return 0;
}

/* Move groups that are in the order of keys. */
static int order_by_first(struct passes *passes, struct grouping *grouping, sheaf_partition *made)
{
	sheaf_array first, rank = {0}, offsets = {0}, order = {0};
	int64_t at = 0;
	int r = passes_alloc(passes, grouping->groups, sizeof(*grouping->first), &grouping->first);

	grouping->order = made->order.data;
	if (r || (r = passes_run(passes, note_first_rows, grouping, sizeof(*grouping), grouping->groups, 0)))
		return r;
	if ((r = sheaf_array_view(&first, grouping->first, SHEAF_I64, 0, 1, &grouping->groups)) ||
	    (r = sheaf_argsort(&rank, passes->pool, &first, 1, &(sheaf_group_options){.run = &passes->options})))
		return r;
	if (!(r = sheaf_array_create(&offsets, passes->pool, SHEAF_I64, 0, 1, made->offsets.shape)) &&
	    !(r = sheaf_array_create(&order, passes->pool, SHEAF_I64, 0, 1, made->order.shape))) {
		grouping->rank = rank.data;
		grouping->moved_offsets = offsets.data;
		grouping->moved = order.data;
		for (size_t g = 0; g < grouping->groups; g++) {
			int64_t from = grouping->rank[g];

			grouping->moved_offsets[g] = at;
			at += grouping->offsets[from + 1] - grouping->offsets[from];
		}
		grouping->moved_offsets[grouping->groups] = at;
		r = passes_run(passes, move_rows, grouping, sizeof(*grouping), made->rows, 0);
	}
	(void)sheaf_array_free(&rank, passes->pool);
	if (!r) {
		sheaf_array old_offsets = made->offsets, old_order = made->order;

		made->offsets = offsets;
		made->order = order;
		offsets = old_offsets;
		order = old_order;
	}
	(void)sheaf_array_free(&offsets, passes->pool);
	(void)sheaf_array_free(&order, passes->pool);
	return r;
}

static int group_rows(struct passes *passes, sheaf_partition *made, const sheaf_array *keys, unsigned key_count,
		      const sheaf_group_options *options)
{
	struct grouping grouping = {0};
	struct key_plan *plan;
	unsigned char *starts;
	int r = key_make(passes, keys, NULL, key_count, options, options && options->keep_nan ? 0 : key_count, &plan);

	if (r || (r = passes_alloc(passes, plan->rows, 1, &starts)) ||
	    (r = sheaf_array_create(&made->order, passes->pool, SHEAF_I64, 0, 1, &plan->rows)) ||
	    (r = radix_order(passes, plan, made->order.data, starts)))
		return r;
	made->rows = made->order.shape[0] = plan->rows - plan->dropped;
	if ((r = groups_offsets(passes, starts, made->rows, &made->offsets)))
		return r;
	made->groups = grouping.groups = made->offsets.shape[0] - 1;
	grouping.offsets = made->offsets.data;
	return options && options->order == SHEAF_BY_FIRST ? order_by_first(passes, &grouping, made) : 0;
}

int sheaf_partition_by_key(sheaf_partition *partition, sheaf_pool *pool, const sheaf_array *keys, unsigned key_count,
			   const sheaf_group_options *options)
{
	struct passes passes;
	sheaf_partition made = {0};
	int r = passes_begin(&passes, pool, "sheaf_partition_by_key", options ? options->run : NULL);

	if (!r && !partition)
		r = sheaf_fail(-EINVAL, "sheaf_partition_by_key: partition is NULL");
	if (!r && (r = group_rows(&passes, &made, keys, key_count, options)))
		(void)sheaf_partition_free(&made, pool);
	if (!r)
		*partition = made;
	return passes_end(&passes, r);
}

/* ---- by ranges ---- */

/* @longer ranges of length + 1 rows, and then ranges of @length rows, as far as there are rows. */
static int make_ranges(sheaf_partition *partition, sheaf_pool *pool, size_t n, size_t groups, size_t length, size_t longer)
{
	sheaf_partition made = {.groups = groups, .rows = n};
	size_t count = groups + 1, at = 0;
	int r = sheaf_array_create(&made.offsets, pool, SHEAF_I64, 0, 1, &count);

	if (r)
		return r;
	for (size_t g = 0; g <= groups; g++) {
		size_t step = length + (g < longer);

		((int64_t *)made.offsets.data)[g] = (int64_t)at;
		at += n - at < step ? n - at : step;
	}
	*partition = made;
	return 0;
}

int sheaf_partition_parts(sheaf_partition *partition, sheaf_pool *pool, size_t n, size_t parts)
{
	if (!partition || !parts)
		return sheaf_fail(-EINVAL, "sheaf_partition_parts: %s", partition ? "parts is 0" : "partition is NULL");
	if (n > INT64_MAX || parts > SIZE_MAX / sizeof(int64_t) - 1)
		return sheaf_fail(-EOVERFLOW, "sheaf_partition_parts: %zu rows in %zu parts are too many", n, parts);
	return make_ranges(partition, pool, n, parts, n / parts, n % parts);
}

int sheaf_partition_steps(sheaf_partition *partition, sheaf_pool *pool, size_t n, size_t step)
{
	if (!partition || !step)
		return sheaf_fail(-EINVAL, "sheaf_partition_steps: %s", partition ? "step is 0" : "partition is NULL");
	if (n > INT64_MAX || n / step > SIZE_MAX / sizeof(int64_t) - 2)
		return sheaf_fail(-EOVERFLOW, "sheaf_partition_steps: %zu rows in steps of %zu are too many", n, step);
	return make_ranges(partition, pool, n, n / step + (n % step != 0), step, 0);
}

/* ---- of a partition ---- */

/* What the workers know that look for the first row of each group. */
struct labelling {
	const int64_t *offsets, *order;
	int64_t *first;
};

static int find_first_rows(sheaf_task *task, size_t begin, size_t end, void *context)
{
	const struct labelling *labelling = context;

	for (size_t g = begin; g < end; g++) {
		int64_t at = labelling->offsets[g];

		if (at == labelling->offsets[g + 1])
			return sheaf_task_fail(task, -EINVAL, "sheaf_partition_labels: group %zu has no rows", g);
		labelling->first[g] = labelling->order ? labelling->order[at] : at;
	}
	return 0;
}

const struct own_function own_partition[] = {
	OWN(note_first_rows),
	OWN(move_rows),
	OWN(find_first_rows),
	OWN_END,
};

static int take_labels(struct passes *passes, sheaf_array *made, const sheaf_partition *partition, const sheaf_array *column)
{
	struct labelling labelling = {.offsets = partition->offsets.data, .order = partition->order.data};
	sheaf_array first;
	int r = key_check_column(passes, "column", 0, column, column->shape[0]);

	if (r || (r = passes_alloc(passes, partition->groups, sizeof(*labelling.first), &labelling.first)) ||
	    (r = passes_run(passes, find_first_rows, &labelling, sizeof(labelling), partition->groups, 0)) ||
	    (r = sheaf_array_view(&first, labelling.first, SHEAF_I64, 0, 1, &partition->groups)) ||
	    (r = sheaf_array_create(made, passes->pool, column->type, column->item_size, 1, &partition->groups)))
		return r;
	return sheaf_take(passes->pool, made, column, &first, NULL, &passes->options);
}

int sheaf_partition_labels(sheaf_array *labels, sheaf_pool *pool, const sheaf_partition *partition, const sheaf_array *column,
			   const sheaf_map_options *options)
{
	struct passes passes;
	sheaf_array made = {0};
	int r = passes_begin(&passes, pool, "sheaf_partition_labels", options);

	if (!r && (!labels || !partition || !column))
		r = sheaf_fail(-EINVAL, "sheaf_partition_labels: %s is NULL",
			       !labels      ? "labels"
			       : !partition ? "partition"
					    : "column");
	if (!r && (r = take_labels(&passes, &made, partition, column)) && made.memory)
		(void)sheaf_array_free(&made, pool);
	if (!r)
		*labels = made;
	return passes_end(&passes, r);
}

int sheaf_partition_free(sheaf_partition *partition, sheaf_pool *pool)
{
	int r;

	if (!partition)
		return sheaf_fail(-EINVAL, "sheaf_partition_free: partition is NULL");
	if ((r = sheaf_array_free(&partition->offsets, pool)) || (r = sheaf_array_free(&partition->order, pool)))
		return r;
	*partition = (sheaf_partition){0};
	return 0;
}
