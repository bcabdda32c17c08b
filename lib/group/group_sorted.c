/*
 * group_sorted.c - aggregates of rows that are in groups already: one pass over their order, and
 * one over the groups.
 *
 * The order is cut into chunks, whatever the groups are. What a chunk finds of a group goes to the
 * cell of the group if the group begins in the chunk, or else to the chunk's own cell. The second
 * pass joins the cells of each group in the order of the chunks.
 *
 * Deaths            Of a worker: its chunks or groups are computed again, to the same places.
 */
#include "group/group_sorted.h"

#include "base/error.h"
#include "group/aggregate.h"
#include "group/group_rank.h"
#include "group/groups.h"
#include "group/tasks.h"

#include <errno.h>
#include <string.h>

#define BLOCK VALUES_BLOCK
#define CHUNKS 4096u
#define LEAST_CHUNK 16384u
#define MOST_CELL 24u

/* What the workers know. */
struct sorted {
	const int64_t *offsets, *order;
	size_t groups;
	struct chunks chunks;
	struct aggregate aggregate;
	sheaf_array values;
	unsigned char *cells, *borders; /* of each group; of each chunk */
	unsigned char *results;
};

/* ---- the order ---- */

/* Number the groups of the rows of a block from 0 on. Return the number of the last one. */
static uint32_t number_groups(const struct sorted *sorted, size_t group, size_t begin, size_t n, uint32_t *slots)
{
	size_t end = (size_t)sorted->offsets[group + 1];
	uint32_t slot = 0;

	for (size_t i = 0; i < n; i++) {
		while (begin + i >= end) {
			slot++;
			end = (size_t)sorted->offsets[group + slot + 1];
		}
		slots[i] = slot;
	}
	return slot;
}

/* Keep what a chunk has found of groups that follow each other. */
static void keep_cells(const struct sorted *sorted, size_t c, size_t group, size_t count, const unsigned char *cells)
{
	size_t size = sorted->aggregate.cell;

	if (count && (size_t)sorted->offsets[group] < chunks_begin(&sorted->chunks, c)) {
		memcpy(sorted->borders + c * size, cells, size);
		group++;
		count--;
		cells += size;
	}
	memcpy(sorted->cells + group * size, cells, count * size);
}

static void add_chunk(const struct sorted *sorted, size_t c)
{
	size_t end = chunks_end(&sorted->chunks, c), at = chunks_begin(&sorted->chunks, c), size = sorted->aggregate.cell;
	size_t group = groups_find(sorted->offsets, sorted->groups, at);
	_Alignas(8) unsigned char cells[(BLOCK + 1) * MOST_CELL];
	union value values[BLOCK];
	uint32_t slots[BLOCK];

	aggregate_clear(&sorted->aggregate, cells, 1);
	for (size_t n; at < end; at += n) {
		uint32_t last;

		n = end - at < BLOCK ? end - at : BLOCK;
		last = number_groups(sorted, group, at, n, slots);
		aggregate_clear(&sorted->aggregate, cells + size, last);
		values_load_rows(sorted->values.type, sorted->values.data, sorted->values.strides[0], sorted->order + at, n,
				 values);
		aggregate_add(&sorted->aggregate, cells, slots, values, n);
		keep_cells(sorted, c, group, last, cells);
		memmove(cells, cells + last * size, size);
		group += last;
	}
	keep_cells(sorted, c, group, 1, cells);
}

static int add_chunks(sheaf_task *task, size_t begin, size_t end, void *context)
{
	(void)task;
	for (size_t c = begin; c < end; c++)
		add_chunk(context, c);
	return 0;
}

/* ---- the groups ---- */

/* Join what the chunks behind the first one have found of a group. */
static void join_borders(const struct sorted *sorted, size_t group, unsigned char *cell)
{
	size_t first = (size_t)sorted->offsets[group] / sorted->chunks.length;
	size_t last = ((size_t)sorted->offsets[group + 1] - 1) / sorted->chunks.length;

	for (size_t c = first + 1; c <= last; c++)
		aggregate_join(&sorted->aggregate, cell, sorted->borders + c * sorted->aggregate.cell, 1);
}

static int write_sorted(sheaf_task *task, size_t begin, size_t end, void *context)
{
	const struct sorted *sorted = context;
	size_t size = sorted->aggregate.cell;
	_Alignas(8) unsigned char cells[BLOCK * MOST_CELL];
	uint64_t rows[BLOCK];

	(void)task;
	for (size_t group = begin, n; group < end; group += n) {
		n = end - group < BLOCK ? end - group : BLOCK;
		for (size_t i = 0; i < n; i++)
			rows[i] = (uint64_t)(sorted->offsets[group + i + 1] - sorted->offsets[group + i]);
		if (size)
			memcpy(cells, sorted->cells + group * size, n * size);
		for (size_t i = 0; i < n && size; i++)
			join_borders(sorted, group + i, cells + i * size);
		aggregate_write(&sorted->aggregate, cells, rows, n, sorted->results + group * sorted->aggregate.result_size);
	}
	return 0;
}

static int add_and_write(struct passes *passes, const struct sorted *sorted)
{
	struct sorted job = *sorted;
	int r;

	if (job.aggregate.cell && ((r = passes_alloc(passes, job.groups, job.aggregate.cell, &job.cells)) ||
				   (r = passes_alloc(passes, job.chunks.count, job.aggregate.cell, &job.borders)) ||
				   (r = passes_run(passes, add_chunks, &job, sizeof(job), job.chunks.count, 0))))
		return r;
	r = passes_run(passes, write_sorted, &job, sizeof(job), job.groups, 0);
	passes_drop(passes, job.cells);
	passes_drop(passes, job.borders);
	return r;
}

/* ---- items that are no numbers ---- */

/* Take the first or the last row of each group. */
static int pick_rows(sheaf_task *task, size_t begin, size_t end, void *context)
{
	const struct sorted *sorted = context;
	int64_t *rows = (int64_t *)(void *)sorted->cells;

	(void)task;
	for (size_t g = begin; g < end; g++)
		rows[g] =
			sorted->order[sorted->aggregate.what == SHEAF_FIRST ? sorted->offsets[g] : sorted->offsets[g + 1] - 1];
	return 0;
}

const struct own_function own_group_sorted[] = {
	OWN(add_chunks),
	OWN(write_sorted),
	OWN(pick_rows),
	OWN_END,
};

static int take_items(struct passes *passes, const struct sorted *sorted, const sheaf_array *result)
{
	struct sorted job = *sorted;
	sheaf_array rows;
	int r = passes_alloc(passes, job.groups, sizeof(int64_t), &job.cells);

	if (r || (r = passes_run(passes, pick_rows, &job, sizeof(job), job.groups, 0)) ||
	    (r = sheaf_array_view(&rows, job.cells, SHEAF_I64, 0, 1, &job.groups)))
		return r;
	r = sheaf_take(passes->pool, result, &job.values, &rows, NULL, &passes->options);
	passes_drop(passes, job.cells);
	return r;
}

int group_sorted(struct passes *passes, const sheaf_partition *partition, const sheaf_aggregation *how, size_t rows,
		 sheaf_array *result)
{
	bool counts_rows = how->what == SHEAF_COUNT && (!how->values || !values_possible(how->values->type));
	enum sheaf_number type = counts_rows ? SHEAF_U64 : how->values->type;
	enum sheaf_number found = aggregate_result(how->what, type);
	struct sorted sorted = {.offsets = partition->offsets.data,
				.order = partition->order.data,
				.groups = partition->groups,
				.chunks = chunks_cut(partition->rows, LEAST_CHUNK, CHUNKS)};
	int r = sheaf_array_create(result, passes->pool, found, found == type ? how->values->item_size : 0, 1,
				   &partition->groups);

	if (r || !partition->groups)
		return r;
	if (how->values)
		sorted.values = *how->values;
	sorted.results = result->data;
	sorted.aggregate.what = how->what;
	if (how->what == SHEAF_QUANTILE)
		return group_rank_quantile(passes, partition, how, rows, result->data);
	if (!counts_rows && !values_possible(type))
		return take_items(passes, &sorted, result);
	sorted.aggregate = aggregate_of(how, type);
	return add_and_write(passes, &sorted);
}
