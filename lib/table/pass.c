/*
 * pass.c - has workers parse all ranges, and takes their results in order.
 *
 * Each range is a task, so the first fault of the file comes first, and ends the rest.
 */
#include "table/loading.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "table/codes.h"

/* Does the range have rows that are wanted? */
static bool range_is_wanted(const struct fill *fill, const struct range *range)
{
	return range->row < fill->end && range->row + range_view(range)->rows > fill->first && range_view(range)->rows > 0;
}

/* Take what the task of a range has left. */
static int take_filled(struct loading *loading, struct codes *codes, const sheaf_result *result)
{
	struct range *range = &loading->fill->ranges.all[result->position];
	struct fill_result left;

	if (result->status < 0)
		return sheaf_fail(result->status, "%s: %s", loading->path,
				  result->message[0] ? result->message : sheaf_strerror(result->status));
	memcpy(&left, result->data, sizeof(left));
	if (left.flaw.kind != FLAW_NONE)
		return flaw_fail(loading, &left.flaw);
	range->taken = (size_t)left.rows;
	loading->faults += left.faults;
	return codes_take(codes, loading, (size_t)result->position, (const char *)result->data + sizeof(left));
}

static int submit_ranges(struct loading *loading, sheaf_batch *batch)
{
	struct fill *fill = loading->fill;

	for (size_t i = 0; i < fill->ranges.count; i++) {
		struct range *range = &fill->ranges.all[i];
		int r;

		range->taken = 0;
		range->slot = (size_t)(fill->base + (range->row > fill->first ? range->row - fill->first : 0));
		if (!range_is_wanted(fill, range))
			continue;
		r = sheaf_submit(batch, i, fill_range, &(struct fill_order){.fill = fill, .range = i},
				 sizeof(struct fill_order));
		if (r < 0)
			return r;
	}
	return 0;
}

int pass_run(struct loading *loading)
{
	const sheaf_batch_options options = {.flags = SHEAF_NO_TIMES};
	struct codes codes = {0};
	sheaf_batch *batch = NULL;
	sheaf_result result;
	int r = sheaf_batch_create(&batch, loading->pool, &options);

	loading->faults = 0;
	if (r == 0)
		r = codes_begin(&codes, loading);
	if (r == 0)
		r = submit_ranges(loading, batch);
	while (r == 0 && (r = sheaf_next(batch, &result, SHEAF_FOREVER)) == 1)
		r = take_filled(loading, &codes, &result);
	if (batch)
		sheaf_batch_retire(batch);
	if (r == 0)
		r = codes_end(&codes, loading);
	codes_free(&codes);
	return r;
}

void pass_compact(struct loading *loading)
{
	struct fill *fill = loading->fill;
	size_t rows = (size_t)fill->base;

	for (size_t i = 0; i < fill->ranges.count; i++) {
		const struct range *range = &fill->ranges.all[i];

		for (size_t j = 0; j < loading->column_count && range->slot != rows; j++) {
			struct loading_column *column = &loading->columns[j];
			size_t size = column->values.item_size;
			char *values = column->values.data, *missing = column->missing.data;

			memmove(values + rows * size, values + range->slot * size, range->taken * size);
			if (missing)
				memmove(missing + rows, missing + range->slot, range->taken);
		}
		rows += range->taken;
	}
	loading->rows = rows;
	for (size_t j = 0; j < loading->column_count; j++) {
		loading->columns[j].values.shape[0] = rows;
		if (loading->columns[j].missing.data)
			loading->columns[j].missing.shape[0] = rows;
	}
}
