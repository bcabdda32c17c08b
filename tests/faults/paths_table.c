/*
 * paths_table.c - tables from CSV files and pipes, and CSV files of them.
 */
#include "paths.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sheaf_table.h"
#include "steps.h"

#define ROWS 300

static void write_table(FILE *file)
{
	fputs("number,text,half\n", file);
	for (int row = 0; row < ROWS; row++)
		fprintf(file, "%d,\"text \"\"%d\"\"\",%d.5\n", row, row % 7, row);
	fclose(file);
}

static void check_read(sheaf_pool *pool, sheaf_table *table)
{
	int r;

	RIGHT(table->rows == ROWS && table->column_count == 3, LOST, "%zu rows, %zu columns", table->rows, table->column_count);
	for (int row = 0; row < ROWS; row++) {
		const sheaf_column *text = &table->columns[1];
		char wanted[24] = {0};

		snprintf(wanted, sizeof(wanted), "text \"%d\"", row % 7);
		RIGHT(((const int64_t *)table->columns[0].values.data)[row] == row &&
			      ((const double *)table->columns[2].values.data)[row] == row + 0.5 &&
			      ((const int32_t *)text->values.data)[row] == row % 7 && text->texts.item_size == strlen(wanted) &&
			      memcmp((const char *)text->texts.data + (size_t)(row % 7) * strlen(wanted), wanted,
				     strlen(wanted)) == 0,
		      LOST, "row %d is wrong", row);
	}
	r = LIBRARY(sheaf_table_free(table, pool));
	RIGHT(r == 0, WRONG, "sheaf_table_free: %d", r);
}

static void check_heap(sheaf_pool *pool)
{
	sheaf_pool_info info;

	RIGHT(LIBRARY(sheaf_pool_get_info(pool, &info)) == 0 && info.heap_used <= info.heap_stocked, LEAKED,
	      "%zu bytes of the heap, %zu stocked", info.heap_used, info.heap_stocked);
}

void path_table_load(void)
{
	const sheaf_table_options options = {.code = true};
	sheaf_pool *pool = step_create();
	sheaf_table table = {.rows = 77};
	char name[64];
	FILE *file;
	int r;

	if (!pool)
		return;
	snprintf(name, sizeof(name), "faults-table-%ld.csv", (long)getpid());
	RIGHT((file = fopen(name, "w")), WRONG, "fopen: %s", name);
	write_table(file);
	TRY(r, AS_TABLE, sheaf_table_load(&table, pool, name, &options));
	unlink(name);
	if (r >= 0)
		check_read(pool, &table);
	else
		RIGHT(!table.columns && table.rows == 77, WRONG, "sheaf_table_load: fails and changes the table");
	check_heap(pool);
	step_destroy(pool);
}

void path_table_pipe(void)
{
	const sheaf_table_options options = {.code = true};
	sheaf_pool *pool = step_create();
	sheaf_table table = {0};
	int ends[2], r;
	char name[32];
	FILE *file;

	if (!pool)
		return;
	RIGHT(pipe(ends) == 0 && (file = fdopen(ends[1], "w")), WRONG, "no pipe");
	write_table(file);
	snprintf(name, sizeof(name), "/dev/fd/%d", ends[0]);
	r = judge_first(LIBRARY(sheaf_table_load(&table, pool, name, &options)), AS_TABLE, "sheaf_table_load");
	close(ends[0]);
	if (r >= 0)
		check_read(pool, &table);
	check_heap(pool);
	step_destroy(pool);
}

void path_table_save(void)
{
	sheaf_pool *pool = step_create();
	sheaf_column column = {.name = "n"};
	sheaf_table table = {.rows = ROWS, .column_count = 1, .columns = &column};
	char name[64], part[80];
	int r;

	if (!pool)
		return;
	snprintf(name, sizeof(name), "faults-save-%ld.csv", (long)getpid());
	snprintf(part, sizeof(part), "%s.part", name);
	TRY(r, AS_RUN, sheaf_array_create(&column.values, pool, SHEAF_I64, 0, 1, (size_t[]){ROWS}));
	if (r >= 0) {
		TRY(r, AS_TABLE, sheaf_table_save(&table, pool, name, NULL));
		RIGHT((access(name, F_OK) == 0) == (r == 0), WRONG, "sheaf_table_save: %d, and the file is %s", r,
		      access(name, F_OK) ? "missing" : "there");
		RIGHT(access(part, F_OK), LEAKED, "the part of a file is left");
		LIBRARY(sheaf_array_free(&column.values, pool));
	}
	unlink(name);
	step_destroy(pool);
}
