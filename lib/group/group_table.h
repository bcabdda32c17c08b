/*
 * group_table.h - tables of groups: one slot for each value that a key may have, or of sparse keys
 * for each that there is; and pieces of rows that each fill a table.
 *
 * Slots are cut into parts of 2^low. A part has one piece or several, whose rows follow each other.
 * A table has, for each slot of its part, a count of rows, and a cell of each aggregate.
 */
#ifndef SHEAF_GROUP_GROUP_TABLE_H
#define SHEAF_GROUP_GROUP_TABLE_H

#include "group/aggregate.h"
#include "group/dictionary.h"
#include "group/key_plan.h"
#include "group/passes.h"

#include <stdint.h>

/* A column of values. */
struct group_column {
	sheaf_array array; /* data NULL: the numbers of rows */
	enum sheaf_number type;
	unsigned char *scattered; /* by part; or NULL */
};

/* The table of a piece that is alone in its part: made when it is needed, in private memory. */
#define GROUP_NO_TABLE SIZE_MAX

struct group_piece {
	size_t begin, end; /* rows; or places, if they are scattered */
	size_t table;      /* its number */
};

/* In shared memory, or a copy of it in a worker. */
struct group_tables {
	const struct key_plan *keys;
	struct dictionary dictionary; /* of sparse keys: a slot is a word's place in it; or empty */
	struct group_column *column;
	unsigned columns;
	struct aggregate *aggregate;
	unsigned aggregates;
	size_t slots, kept; /* slots from kept on are of rows that belong to no group */
	unsigned low;
	size_t parts, part_slots;
	uint32_t *scattered; /* each row's slot in its part; or NULL */
	size_t *first_piece; /* of each part, and how many there are */
	struct group_piece *piece;
	unsigned char *tables;
	size_t table_size;
};

static inline unsigned char *group_table_of(const struct group_tables *tables, const struct group_piece *piece)
{
	return tables->tables + piece->table * tables->table_size;
}

static inline uint32_t *group_table_rows(unsigned char *table)
{
	return (uint32_t *)(void *)table;
}

static inline void *group_table_cells(const struct group_tables *tables, unsigned char *table,
				      const struct aggregate *aggregate)
{
	return table + tables->part_slots * (sizeof(uint32_t) + aggregate->before);
}

/* Fill a table, anywhere, from the rows of a piece. */
void group_table_fill(const struct group_tables *tables, const struct group_piece *piece, unsigned char *table);

/* Take memory for so many tables. */
int group_table_take(struct passes *passes, struct group_tables *tables, size_t count);

/* Fill the tables of all pieces that have one. */
int group_table_fill_all(struct passes *passes, const struct group_tables *tables);

/* Make one part of all slots, and cut the rows into so many pieces at most. */
int group_cut(struct passes *passes, struct group_tables *tables, size_t pieces);

#endif
