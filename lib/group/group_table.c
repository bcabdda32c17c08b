/*
 * group_table.c - fills tables of groups, each by one worker, from the first row of its piece to
 * the last.
 *
 * Deaths            Of a worker: its tables are cleared and filled again.
 */
#include "group/group_table.h"

#include "group/key.h"
#include "group/tasks.h"

#include <stdint.h>
#include <string.h>

#define BLOCK KEY_BLOCK

/* Get values of a column, of rows or of scattered places. Words are used as they lie. */
static const union value *column_values(const struct group_column *column, size_t begin, size_t n, union value *values)
{
	ptrdiff_t size = (ptrdiff_t)column->array.item_size, stride = column->scattered ? size : column->array.strides[0];
	const unsigned char *at = column->scattered ? column->scattered : column->array.data;

	if (!at) {
		for (size_t i = 0; i < n; i++)
			values[i].whole = begin + i;
		return values;
	}
	at += (ptrdiff_t)begin * stride;
	if (size == sizeof(union value) && stride == size && (uintptr_t)at % sizeof(union value) == 0)
		return (const void *)at;
	values_load(column->type, at, stride, n, values);
	return values;
}

/* Find the slots of up to BLOCK rows in their part's tables, or compute them. */
static const uint32_t *read_slots(const struct group_tables *tables, size_t begin, size_t n, uint32_t *slots)
{
	uint64_t codes[BLOCK];

	if (tables->scattered)
		return tables->scattered + begin;
	if (tables->dictionary.count) {
		key_codes(tables->keys, 0, begin, n, codes);
		dictionary_slots(&tables->dictionary, codes, n, slots);
		return slots;
	}
	key_slots(tables->keys, begin, n, slots);
	return slots;
}

/* Add up to BLOCK rows to a table. */
static void add_rows(const struct group_tables *tables, size_t begin, size_t n, unsigned char *table)
{
	uint32_t *rows = group_table_rows(table), buffer[BLOCK];
	const uint32_t *slots = read_slots(tables, begin, n, buffer);
	const union value *values = NULL;
	union value read[BLOCK];
	unsigned loaded = UINT32_MAX;

	if (!tables->aggregates)
		for (size_t i = 0; i < n; i++)
			rows[slots[i]]++;
	/* Aggregates of one column follow each other. */
	for (unsigned a = 0; a < tables->aggregates; a++) {
		const struct aggregate *aggregate = &tables->aggregate[a];
		unsigned char *cells = group_table_cells(tables, table, aggregate);

		if (aggregate->cell && aggregate->column != loaded) {
			values = column_values(&tables->column[aggregate->column], begin, n, read);
			loaded = aggregate->column;
		}
		if (!a)
			aggregate_add_counted(aggregate, cells, rows, slots, values, n);
		else if (aggregate->cell)
			aggregate_add(aggregate, cells, slots, values, n);
	}
}

void group_table_fill(const struct group_tables *tables, const struct group_piece *piece, unsigned char *table)
{
	memset(group_table_rows(table), 0, tables->part_slots * sizeof(uint32_t));
	for (unsigned a = 0; a < tables->aggregates; a++)
		aggregate_clear(&tables->aggregate[a], group_table_cells(tables, table, &tables->aggregate[a]),
				tables->part_slots);
	for (size_t at = piece->begin, n; at < piece->end; at += n) {
		n = piece->end - at < BLOCK ? piece->end - at : BLOCK;
		add_rows(tables, at, n, table);
	}
}

static int fill_tables(sheaf_task *task, size_t begin, size_t end, void *context)
{
	const struct group_tables *tables = context;

	(void)task;
	for (size_t p = begin; p < end; p++)
		if (tables->piece[p].table != GROUP_NO_TABLE)
			group_table_fill(tables, &tables->piece[p], group_table_of(tables, &tables->piece[p]));
	return 0;
}

const struct own_function own_group_table[] = {
	OWN(fill_tables),
	OWN_END,
};

int group_table_fill_all(struct passes *passes, const struct group_tables *tables)
{
	return passes_run(passes, fill_tables, tables, sizeof(*tables), tables->first_piece[tables->parts], 1);
}

int group_table_take(struct passes *passes, struct group_tables *tables, size_t count)
{
	size_t bytes = sizeof(uint32_t);

	for (unsigned a = 0; a < tables->aggregates; a++)
		bytes += tables->aggregate[a].cell;
	tables->table_size = (tables->part_slots * bytes + 63) / 64 * 64;
	return passes_alloc(passes, count, tables->table_size, &tables->tables);
}

int group_cut(struct passes *passes, struct group_tables *tables, size_t pieces)
{
	struct chunks chunks = chunks_cut(tables->keys->rows, 1, pieces);
	int r;

	tables->parts = 1;
	tables->part_slots = (tables->slots + 1) / 2 * 2;
	tables->low = 63;
	if ((r = passes_alloc(passes, 2, sizeof(*tables->first_piece), &tables->first_piece)) ||
	    (r = passes_alloc(passes, chunks.count, sizeof(*tables->piece), &tables->piece)))
		return r;
	tables->first_piece[1] = chunks.count;
	for (size_t c = 0; c < chunks.count; c++)
		tables->piece[c] = (struct group_piece){chunks_begin(&chunks, c), chunks_end(&chunks, c), c};
	return group_table_take(passes, tables, chunks.count);
}
