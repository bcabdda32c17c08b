/*
 * cell.h - finds where a field of CSV text begins and ends, whatever it holds.
 */
#ifndef SHEAF_TABLE_CELL_H
#define SHEAF_TABLE_CELL_H

#include <stddef.h>

#include "table/rules.h"

enum cell_stop {
	CELL_CUT = 0,   /* the text ended before the field did */
	CELL_FIELD = 1, /* another field follows */
	CELL_LINE = 2,  /* the row ends */
};

enum cell_flaw {
	CELL_FINE = 0,
	CELL_STRAY = 1, /* a quote in a field that does not begin with one */
	CELL_AFTER = 2, /* something between the quote that ends the field and the separator */
	CELL_OPEN = 3,  /* the text ended within the quotes */
};

struct cell {
	const char *begin, *end; /* what the field holds, without its quotes */
	const char *next;        /* behind the separator or the line end */
	bool quoted;
	bool doubled; /* some of its quotes stand for one */
	enum cell_stop stop;
	enum cell_flaw flaw;
};

/*
 * Find the field at @at, in text that ends at @limit, with a newline there. @last: the input ends
 * there, too, so nothing is cut.
 */
void cell_find(const struct csv_rules *rules, const char *at, const char *limit, bool last, struct cell *cell);

/* Pass over the rest of a row. NULL: the text is cut. */
const char *cell_skip_row(const struct csv_rules *rules, const char *at, const char *limit, bool last);

/*
 * Find the next row at or behind @at, where a line begins. NULL: the text is cut. @limit: the input
 * has no more rows.
 */
const char *cell_find_row(const struct csv_rules *rules, const char *at, const char *limit, bool last);

/* Narrow a field to what is between the blanks around it. */
void cell_trim(const struct csv_rules *rules, struct cell *cell);

/* Write a field's text, each pair of quotes as one. Return its length. @to: room for all of it. */
size_t cell_copy(const struct cell *cell, char *to);

#endif
