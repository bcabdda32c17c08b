/*
 * loading.c - steps of a load that are the same for files and for pipes.
 */
#include "table/loading.h"

int loading_plan(struct loading *loading)
{
	const sheaf_table_options *options = loading->options;
	size_t columns = loading->head.column_count * sizeof(struct fill_column);
	void *memory;
	int r = sheaf_alloc(loading->pool, sizeof(struct fill) + columns + missing_size(options->missing), &memory);

	if (r < 0)
		return r;
	loading->fill = memory;
	*loading->fill = (struct fill){.ranges = {.source = loading->source, .rules = loading->rules},
				       .first = options->first_row,
				       .end = UINT64_MAX,
				       .on_fault = options->on_fault,
				       .widen = options->widen,
				       .column_count = loading->head.column_count,
				       .columns = (struct fill_column *)(loading->fill + 1)};
	if (options->row_count && options->row_count < UINT64_MAX - options->first_row)
		loading->fill->end = loading->fill->first + options->row_count;
	missing_make(&loading->fill->missing, options->missing, loading->rules.point, (char *)loading->fill->columns + columns);
	return columns_choose(loading);
}

int loading_count(struct loading *loading, uint64_t begin, uint64_t *rows, enum csv_place *place)
{
	struct ranges *ranges = &loading->fill->ranges;
	void *memory = ranges->all;
	int r = sheaf_free(loading->pool, memory);

	ranges->all = NULL;
	if (r < 0)
		return r;
	ranges->count = ranges_plan(loading->source->size - begin);
	r = sheaf_alloc_array(loading->pool, ranges->count, sizeof(*ranges->all), &memory);
	if (r < 0)
		return r;
	ranges->all = memory;
	r = ranges_count(loading->pool, ranges, begin, false);
	if (r == 0)
		*rows = ranges_join(ranges, place);
	return r;
}
