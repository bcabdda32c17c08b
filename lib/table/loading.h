/*
 * loading.h - what the files that load a table share, in the process that makes the call.
 *
 * head.c finds the names, ranges.c the rows, guess.c the types. columns.c makes the arrays, pass.c
 * has workers fill them, codes.c joins texts, and flaw.c says what was wrong.
 */
#ifndef SHEAF_TABLE_LOADING_H
#define SHEAF_TABLE_LOADING_H

#include "table/fill.h"
#include "data/input.h"
#include "table/texts.h"
#include "sheaf_table.h"

/* What a text of the header, or of the first line, tells. */
struct head {
	uint64_t data; /* where the first line that is no header begins */
	size_t column_count;
	char **names; /* malloc(), and each of them */
};

/* A column of the table to be. */
struct loading_column {
	size_t place; /* in the file, from 0 */
	const sheaf_column_option *option;
	enum fill_class class; /* that was guessed so far */
	bool coded;
	sheaf_array values, missing, codes;
	struct texts texts; /* of FILL_CODES */
};

struct loading {
	sheaf_pool *pool;
	const char *path;
	const sheaf_table_options *options;
	struct csv_rules rules;
	struct source *source; /* in shared memory, as all that workers see */
	struct head head;
	struct fill *fill;
	struct loading_column *columns;
	size_t column_count;
	size_t rows;     /* that the arrays have room for */
	uint64_t faults; /* of the last pass */
};

/* Make the plan for workers. 0; an error of columns_choose() or sheaf_alloc(). */
int loading_plan(struct loading *loading);

/* Count the rows from an offset on. 0; an error of ranges_count(), sheaf_alloc(). */
int loading_count(struct loading *loading, uint64_t begin, uint64_t *rows, enum csv_place *place);

/*
 * Read names and the count of columns, from the input's beginning to where rows begin. 0; -EBADMSG,
 * -ENOMEM; an error of piece_open().
 */
int head_read(struct loading *loading);
void head_free(struct head *head);

/* Find out what columns are that the options leave open, by rows from all over. 0, or an error. */
int guess_classes(struct loading *loading);

/* Choose the columns of the file that are read. 0; -EINVAL; -ENOMEM. */
int columns_choose(struct loading *loading);

/* Make the array of a column as its option and class say. 0; an error of sheaf_alloc(). */
int columns_make(struct loading *loading, struct loading_column *column);

/* Give back what a failed load has made. */
void columns_free(struct loading *loading);

/*
 * Make arrays anew for columns that proved too narrow in a pass, and have the next pass read these
 * alone. 1: there are some; 0; an error.
 */
int columns_widen(struct loading *loading);

/* Put all into a table, which owns it then. 0, or an error of sheaf_alloc(). */
int columns_finish(struct loading *loading, sheaf_table *table);

/* Parse all ranges. 0; the fault that stops the call; an error of a task or a batch. */
int pass_run(struct loading *loading);

/* Drop the room of rows that were left out. */
void pass_compact(struct loading *loading);

/* Say what is wrong. -EBADMSG, -ENOMEM. */
int flaw_fail(const struct loading *loading, const struct flaw *flaw);

#endif
