/*
 * array_fill.h - has workers read the rows of an array from a file.
 */
#ifndef SHEAF_TABLE_ARRAY_FILL_H
#define SHEAF_TABLE_ARRAY_FILL_H

#include "data/table.h"
#include "sheaf_data.h"

/* What the caller knows when it has read the first line with anything in it. */
struct array_rest {
	uint64_t begin; /* where the next line begins */
	size_t values;  /* in the table */
	size_t columns;
};

/*
 * Read the rows behind the first line into the table, all of them in parallel. 1: done. @rows: out.
 * 0: it is not worth it, not possible, or there is a row that is not right: nothing has changed but
 * the table's room, and the caller reads on by itself. -EINTR.
 */
int array_fill(struct table *table, const struct array_rest *rest, const sheaf_load_options *options, size_t *rows);

#endif
