/*
 * table_text.h - the text of rows of a table.
 */
#ifndef SHEAF_TABLE_TABLE_TEXT_H
#define SHEAF_TABLE_TABLE_TEXT_H

#include "sheaf_table.h"

/* What to write, in shared memory, with all that it points to. */
struct table_text {
	size_t rows, column_count;
	sheaf_column *columns;
	size_t block_rows;
	const char *missing;
	size_t missing_length;
	char separator, point;
	bool header, crlf;
};

/* What the task of a block is given. */
struct table_block {
	const struct table_text *text;
	size_t begin, end; /* rows */
};

/* Can items of that type be written as text? */
bool table_can_write(enum sheaf_number type);

/* Tell how many bytes a copy of the table's description takes, and write it there. */
size_t table_text_size(const sheaf_table *table, const sheaf_table_format *format);
struct table_text *table_text_make(void *memory, const sheaf_table *table, const sheaf_table_format *format);

/* Write the first line. @size: out. NULL: no memory. Free it by table_text_free(). */
char *table_text_header(const struct table_text *text, size_t *size);
void table_text_free(char *bytes);

/* Write the rows of a block, and leave their text as the result. */
int table_text_block(sheaf_task *task, const void *block, void *result);

#endif
