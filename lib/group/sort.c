/*
 * sort.c - sheaf_argsort() and sheaf_sort(): the radix sort's order, and rows gathered by it.
 */
#include "sheaf_group.h"

#include "base/error.h"
#include "group/radix.h"

#include <errno.h>

/* Sort rows into a new array, which is freed by the caller unless the call fails. */
static int sort_rows(struct passes *passes, const sheaf_array *keys, unsigned key_count, const sheaf_group_options *options,
		     sheaf_array *order)
{
	struct key_plan *plan;
	sheaf_array made;
	int r = key_make(passes, keys, NULL, key_count, options, 0, &plan);

	if (r || (r = sheaf_array_create(&made, passes->pool, SHEAF_I64, 0, 1, &plan->rows)))
		return r;
	if ((r = radix_order(passes, plan, made.data, NULL))) {
		(void)sheaf_array_free(&made, passes->pool);
		return r;
	}
	*order = made;
	return 0;
}

int sheaf_argsort(sheaf_array *order, sheaf_pool *pool, const sheaf_array *keys, unsigned key_count,
		  const sheaf_group_options *options)
{
	struct passes passes;
	int r = passes_begin(&passes, pool, "sheaf_argsort", options ? options->run : NULL);

	if (!r && !order)
		r = sheaf_fail(-EINVAL, "sheaf_argsort: order is NULL");
	if (!r)
		r = sort_rows(&passes, keys, key_count, options, order);
	return passes_end(&passes, r);
}

int sheaf_sort(sheaf_array *sorted, sheaf_pool *pool, const sheaf_array *column, const sheaf_group_options *options)
{
	struct passes passes;
	sheaf_array order = {0}, made = {0};
	int r = passes_begin(&passes, pool, "sheaf_sort", options ? options->run : NULL);

	if (!r && (!sorted || !column))
		r = sheaf_fail(-EINVAL, "sheaf_sort: %s is NULL", sorted ? "column" : "sorted");
	if (!r)
		r = sort_rows(&passes, column, 1, options, &order);
	if (!r)
		r = sheaf_array_create(&made, pool, column->type, column->item_size, 1, column->shape);
	if (!r)
		r = sheaf_take(pool, &made, column, &order, NULL, options ? options->run : NULL);
	(void)sheaf_array_free(&order, pool);
	if (!r)
		*sorted = made;
	else if (made.memory)
		(void)sheaf_array_free(&made, pool);
	return passes_end(&passes, r);
}
