/*
 * tables.c - finds columns of tables, and gives tables back.
 */
#include "sheaf_table.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"

const sheaf_column *sheaf_table_column(const sheaf_table *table, const char *name)
{
	for (size_t i = 0; table && name && i < table->column_count; i++)
		if (table->columns[i].name && strcmp(table->columns[i].name, name) == 0)
			return &table->columns[i];
	return NULL;
}

int sheaf_table_free(sheaf_table *table, sheaf_pool *pool)
{
	int r = 0;

	if (!table)
		return sheaf_fail(-EINVAL, "sheaf_table_free: table is NULL");
	for (size_t i = 0; i < table->column_count && r == 0; i++) {
		sheaf_column *column = &table->columns[i];

		if ((r = sheaf_array_free(&column->values, pool)) || (r = sheaf_array_free(&column->missing, pool)))
			return r;
		r = sheaf_array_free(&column->texts, pool);
	}
	if (r == 0)
		r = sheaf_free(pool, table->memory);
	if (r == 0)
		*table = (sheaf_table){0};
	return r;
}
