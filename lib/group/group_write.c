/*
 * group_write.c - joins tables of groups, and writes one row for each slot that has rows.
 *
 * One pass counts the groups of each unit of slots. From these counts each unit gets its place in
 * the results, and the next pass joins the tables of its part, in the order of the pieces, and
 * writes. A part that has one piece needs no table in shared memory: the first pass only marks its
 * slots, and the second one fills a table in the cache.
 *
 * Deaths            Of a worker: its units are counted or written again, to the same places.
 */
#include "group/group_write.h"

#include "group/key_store.h"
#include "group/tasks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define RANGE 1024u /* slots */
#define MOST_CELL 24u

/* What the workers know. In shared memory: arrays of the results follow. */
struct writing {
	struct group_tables tables;
	size_t units;   /* parts, if rows are scattered; or else ranges of the only one */
	size_t *groups; /* of each unit; then those of all units before */
	unsigned label_count;
	unsigned char **labels, **results;
};

/* Some slots of a part, which belong to groups. */
struct part_range {
	size_t begin, count; /* in the part */
	uint64_t code;       /* of the first one; or its place in the dictionary */
	const struct group_piece *first, *end;
	unsigned char *own; /* the table of a part's only piece; or NULL */
};

/* What a unit has: up to RANGE slots of the only part; or all of a part. */
static struct part_range find_unit_slots(const struct writing *writing, size_t unit)
{
	const struct group_tables *tables = &writing->tables;
	size_t length = tables->scattered ? tables->part_slots : RANGE, code = unit * length, left = tables->kept - code;
	size_t part = tables->scattered ? unit : 0;

	return (struct part_range){.begin = tables->scattered ? 0 : code,
				   .count = left < length ? left : length,
				   .code = code,
				   .first = tables->piece + tables->first_piece[part],
				   .end = tables->piece + tables->first_piece[part + 1]};
}

/* Take up to RANGE slots from a unit's. False: there are no more. */
static bool next_range(struct part_range *rest, struct part_range *range)
{
	*range = *rest;
	range->count = rest->count < RANGE ? rest->count : RANGE;
	rest->begin += range->count;
	rest->code += range->count;
	rest->count -= range->count;
	return range->count != 0;
}

static unsigned char *piece_table(const struct writing *writing, const struct part_range *range,
				  const struct group_piece *piece)
{
	return range->own ? range->own : group_table_of(&writing->tables, piece);
}

/* Count the rows of each slot of a range. */
static void count_rows(const struct writing *writing, const struct part_range *range, uint64_t *rows)
{
	memset(rows, 0, range->count * sizeof(*rows));
	for (const struct group_piece *piece = range->first; piece < range->end; piece++) {
		const uint32_t *counts = group_table_rows(piece_table(writing, range, piece)) + range->begin;

		for (size_t i = 0; i < range->count; i++)
			rows[i] += counts[i];
	}
}

/* ---- the first pass ---- */

/* Count the slots that the rows of a part's only piece have. @marks: a byte for each slot. */
static size_t count_slots(const struct writing *writing, const struct part_range *unit, unsigned char *marks)
{
	size_t count = 0;

	memset(marks, 0, writing->tables.part_slots);
	for (size_t at = unit->first->begin; at < unit->first->end; at++)
		marks[writing->tables.scattered[at]] = 1;
	for (size_t slot = 0; slot < unit->count; slot++)
		count += marks[slot];
	return count;
}

static size_t count_unit(const struct writing *writing, size_t number, unsigned char *marks)
{
	struct part_range unit = find_unit_slots(writing, number), range;
	uint64_t rows[RANGE];
	size_t groups = 0;

	if (unit.first == unit.end)
		return 0;
	if (unit.first->table == GROUP_NO_TABLE)
		return count_slots(writing, &unit, marks);
	while (next_range(&unit, &range)) {
		count_rows(writing, &range, rows);
		for (size_t i = 0; i < range.count; i++)
			groups += rows[i] != 0;
	}
	return groups;
}

static int count_groups(sheaf_task *task, size_t begin, size_t end, void *context)
{
	const struct writing *writing = *(struct writing **)context;
	unsigned char *marks = malloc(writing->tables.scattered ? writing->tables.part_slots : 1);

	if (!marks)
		return sheaf_task_fail(task, -ENOMEM, "no memory to count groups");
	for (size_t number = begin; number < end; number++)
		writing->groups[number] = count_unit(writing, number, marks);
	free(marks);
	return 0;
}

/* ---- the second pass ---- */

/* Join the cells of all pieces. Those of an only piece are used where they are. */
static const void *join_cells(const struct writing *writing, const struct part_range *range, const struct aggregate *aggregate,
			      unsigned char *joined)
{
	for (const struct group_piece *piece = range->first; piece < range->end; piece++) {
		const unsigned char *cells = group_table_cells(&writing->tables, piece_table(writing, range, piece), aggregate);

		cells += range->begin * aggregate->cell;
		if (range->end - range->first == 1)
			return cells;
		if (piece == range->first)
			memcpy(joined, cells, range->count * aggregate->cell);
		else
			aggregate_join(aggregate, joined, cells, range->count);
	}
	return joined;
}

/* Write the groups of a range from a place on. Return how many there are. */
static size_t write_range(const struct writing *writing, const struct part_range *range, size_t place, unsigned char *joined)
{
	const struct group_tables *tables = &writing->tables;
	const uint64_t *words = tables->dictionary.count ? tables->dictionary.codes : NULL;
	uint64_t rows[RANGE], codes[RANGE];
	size_t groups = 0;

	count_rows(writing, range, rows);
	for (size_t i = 0; i < range->count; i++)
		if (rows[i])
			codes[groups++] = words ? words[range->code + i] : range->code + i;
	for (unsigned k = 0; k < writing->label_count && groups; k++)
		key_store(tables->keys, k, codes, groups,
			  writing->labels[k] + place * tables->keys->column[k].sides[0].item_size);
	for (unsigned a = 0; a < tables->aggregates && groups; a++) {
		const struct aggregate *aggregate = &tables->aggregate[a];
		const void *cells = join_cells(writing, range, aggregate, joined);

		aggregate_write(aggregate, cells, rows, range->count, writing->results[a] + place * aggregate->result_size);
	}
	return groups;
}

static void write_unit(const struct writing *writing, size_t number, unsigned char *own, unsigned char *joined)
{
	struct part_range unit = find_unit_slots(writing, number), range;
	size_t place = writing->groups[number];

	if (unit.first == unit.end)
		return;
	if (unit.first->table == GROUP_NO_TABLE) {
		group_table_fill(&writing->tables, unit.first, own);
		unit.own = own;
	}
	while (next_range(&unit, &range))
		place += write_range(writing, &range, place, joined);
}

static int write_groups(sheaf_task *task, size_t begin, size_t end, void *context)
{
	const struct writing *writing = *(struct writing **)context;
	size_t table_size = writing->tables.scattered ? writing->tables.table_size : 0;
	unsigned char *own = malloc(table_size + (size_t)RANGE * MOST_CELL);

	if (!own)
		return sheaf_task_fail(task, -ENOMEM, "no memory for a table of groups");
	for (size_t number = begin; number < end; number++)
		write_unit(writing, number, own, own + table_size);
	free(own);
	return 0;
}

const struct own_function own_group_write[] = {
	OWN(count_groups),
	OWN(write_groups),
	OWN_END,
};

/* Create the arrays of the results. */
static int create_results(struct passes *passes, const struct group_tables *tables, size_t groups, sheaf_array *labels,
			  sheaf_array *results, struct writing *writing)
{
	int r = 0;

	for (unsigned k = 0; k < tables->keys->columns && !r; k++) {
		const sheaf_array *key = &tables->keys->column[k].sides[0];

		if (!(r = sheaf_array_create(&labels[k], passes->pool, key->type, key->item_size, 1, &groups)))
			writing->labels[k] = labels[k].data;
	}
	for (unsigned a = 0; a < tables->aggregates && !r; a++) {
		const struct aggregate *aggregate = &tables->aggregate[a];

		if (!(r = sheaf_array_create(&results[a], passes->pool, aggregate_result(aggregate->what, aggregate->type), 0,
					     1, &groups)))
			writing->results[a] = results[a].data;
	}
	return r;
}

int group_write(struct passes *passes, const struct group_tables *tables, sheaf_array *labels, sheaf_array *results,
		size_t *groups)
{
	size_t columns = tables->keys->columns, all = 0;
	struct writing *writing;
	int r = passes_alloc(passes, 1, sizeof(*writing) + (columns + tables->aggregates) * sizeof(void *), &writing);

	if (r)
		return r;
	*writing = (struct writing){.tables = *tables, .label_count = (unsigned)columns};
	writing->units = (tables->kept - 1) / (tables->scattered ? tables->part_slots : RANGE) + 1;
	writing->labels = (void *)(writing + 1);
	writing->results = writing->labels + columns;
	if ((r = passes_alloc(passes, writing->units, sizeof(*writing->groups), &writing->groups)) ||
	    (r = passes_run(passes, count_groups, &writing, sizeof(writing), writing->units, 0)))
		return r;
	for (size_t number = 0; number < writing->units; number++) {
		size_t count = writing->groups[number];

		writing->groups[number] = all;
		all += count;
	}
	if ((r = create_results(passes, tables, all, labels, results, writing)))
		return r;
	*groups = all;
	return passes_run(passes, write_groups, &writing, sizeof(writing), writing->units, 0);
}
