/*
 * aggregate.h - what is known of a group so far: a *cell* of each aggregate. Rows are added to it,
 * and what is known of the next rows is joined to it.
 *
 * A cell without rows is neutral. All that is done depends on the order of rows and of joins alone.
 */
#ifndef SHEAF_GROUP_AGGREGATE_H
#define SHEAF_GROUP_AGGREGATE_H

#include "group/values.h"
#include "sheaf_group.h"

/* One aggregate of one column. */
struct aggregate {
	enum sheaf_aggregate what;
	enum sheaf_number type; /* of the values */
	enum value_kind kind;
	unsigned column;    /* which of the columns of values */
	size_t cell;        /* bytes, a multiple of 8; 0: of a count of rows, which needs none */
	size_t before;      /* bytes of the cells of all aggregates before */
	size_t ddof;        /* of a variance */
	size_t result_size; /* bytes */
};

/*
 * Describe an aggregate of values of a type: all but column and before. Not a quantile. A count of
 * rows is that of whole numbers, which are never NaN.
 */
struct aggregate aggregate_of(const sheaf_aggregation *how, enum sheaf_number type);

/* Tell the type of its results. */
enum sheaf_number aggregate_result(enum sheaf_aggregate what, enum sheaf_number type);

/* Make @n cells neutral. */
void aggregate_clear(const struct aggregate *aggregate, void *cells, size_t n);

/* Add @n values to their cells. */
void aggregate_add(const struct aggregate *aggregate, void *cells, const uint32_t *slots, const union value *values, size_t n);

/* The same, and count the rows of each cell. Values are not looked at if there are no cells. */
void aggregate_add_counted(const struct aggregate *aggregate, void *cells, uint32_t *rows, const uint32_t *slots,
			   const union value *values, size_t n);

/* Join @n cells with what is known of the rows behind. */
void aggregate_join(const struct aggregate *aggregate, void *cells, const void *next, size_t n);

/* Write the results of the cells that have rows: rows[i] of cell i. Return how many. */
size_t aggregate_write(const struct aggregate *aggregate, const void *cells, const uint64_t *rows, size_t n, void *results);

#endif
