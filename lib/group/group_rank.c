/*
 * group_rank.c - quantiles: rows are sorted by the number of their group and by their values, so a
 * group of any size is sorted by all workers.
 *
 * Deaths            Of a worker: what it writes depends on what earlier passes have found.
 */
#include "group/group_rank.h"

#include "group/radix.h"
#include "group/tasks.h"
#include "group/values.h"

#include <math.h>

/* What the workers know. */
struct ranking {
	const int64_t *offsets, *order;
	size_t groups;
	int64_t *number;       /* of each row: its group; without one: the number of groups */
	const int64_t *sorted; /* rows by number and value */
	sheaf_array values;
	double quantile, *results;
};

static int number_rows(sheaf_task *task, size_t begin, size_t end, void *context)
{
	const struct ranking *ranking = context;

	(void)task;
	for (size_t row = begin; row < end; row++)
		ranking->number[row] = (int64_t)ranking->groups;
	return 0;
}

static int number_groups_rows(sheaf_task *task, size_t begin, size_t end, void *context)
{
	const struct ranking *ranking = context;

	(void)task;
	for (size_t g = begin; g < end; g++)
		for (int64_t at = ranking->offsets[g]; at < ranking->offsets[g + 1]; at++)
			ranking->number[ranking->order[at]] = (int64_t)g;
	return 0;
}

static double value_at(const struct ranking *ranking, int64_t place)
{
	enum sheaf_number type = ranking->values.type;
	union value value;

	values_load_rows(type, ranking->values.data, ranking->values.strides[0], &ranking->sorted[place], 1, &value);
	switch (values_kind(type)) {
	case VALUE_REAL:
		return value.real;
	case VALUE_SIGNED:
		return (double)value.with_sign;
	default:
		return (double)value.whole;
	}
}

/* NaN values are the last ones of a group: find the place of the first of them. */
static int64_t end_of_values(const struct ranking *ranking, int64_t begin, int64_t end)
{
	while (begin < end) {
		int64_t middle = begin + (end - begin) / 2;
		double value = value_at(ranking, middle);

		if (value == value)
			begin = middle + 1;
		else
			end = middle;
	}
	return begin;
}

static int write_quantiles(sheaf_task *task, size_t begin, size_t end, void *context)
{
	const struct ranking *ranking = context;

	(void)task;
	for (size_t g = begin; g < end; g++) {
		int64_t first = ranking->offsets[g], last = end_of_values(ranking, first, ranking->offsets[g + 1]) - 1;
		double rank = last >= first ? (double)(last - first) * ranking->quantile : 0, low, high;
		int64_t below = (int64_t)rank;

		if (last < first) {
			ranking->results[g] = NAN;
			continue;
		}
		low = value_at(ranking, first + below);
		high = value_at(ranking, first + below < last ? first + below + 1 : last);
		rank -= (double)below;
		/* From the nearer one, as NumPy does, so that 1 gives the higher one exactly. */
		ranking->results[g] = low == high  ? low
				      : rank < 0.5 ? low + (high - low) * rank
						   : high - (high - low) * (1 - rank);
	}
	return 0;
}

const struct own_function own_group_rank[] = {
	OWN(number_rows),
	OWN(number_groups_rows),
	OWN(write_quantiles),
	OWN_END,
};

int group_rank_quantile(struct passes *passes, const sheaf_partition *partition, const sheaf_aggregation *how, size_t rows,
			double *results)
{
	struct ranking ranking = {.offsets = partition->offsets.data,
				  .order = partition->order.data,
				  .groups = partition->groups,
				  .values = *how->values,
				  .quantile = how->quantile,
				  .results = results};
	struct key_plan *plan = NULL;
	sheaf_array keys[2] = {0};
	int64_t *sorted;
	int r;

	if ((r = passes_alloc(passes, rows, sizeof(*ranking.number), &ranking.number)) ||
	    (r = passes_alloc(passes, rows, sizeof(*sorted), &sorted)))
		return r;
	if ((partition->rows < rows && (r = passes_run(passes, number_rows, &ranking, sizeof(ranking), rows, 0))) ||
	    (r = passes_run(passes, number_groups_rows, &ranking, sizeof(ranking), partition->groups, 0)) ||
	    (r = sheaf_array_view(&keys[0], ranking.number, SHEAF_I64, 0, 1, &rows)))
		return r;
	keys[1] = *how->values;
	if ((r = key_make(passes, keys, NULL, 2, NULL, 0, &plan)) || (r = radix_order(passes, plan, sorted, NULL)))
		return r;
	ranking.sorted = sorted;
	r = passes_run(passes, write_quantiles, &ranking, sizeof(ranking), partition->groups, 0);
	passes_drop(passes, plan);
	passes_drop(passes, sorted);
	passes_drop(passes, ranking.number);
	return r;
}
