/*
 * recsv.c - loads a table from CSV and saves it again, for csv_files.py. "NA" and empty fields are
 * missing values.
 *
 * Usage: recsv FILE NEW SEPARATOR DECIMAL [codes]
 */
#include "sheaf_table.h"

#include <stdio.h>

static int fail(void)
{
	fprintf(stderr, "recsv: %s\n", sheaf_message());
	return 1;
}

static int resave(sheaf_pool *pool, char **words, bool codes)
{
	static const char *const missing[] = {"NA", "", NULL};
	const sheaf_table_options options = {
		.separator = words[3][0], .decimal = words[4][0], .missing = missing, .widen = true, .code = codes};
	const sheaf_table_format format = {.separator = words[3][0], .decimal = words[4][0]};
	sheaf_table table;

	if (sheaf_table_load(&table, pool, words[1], &options))
		return fail();
	return sheaf_table_save(&table, pool, words[2], &format) || sheaf_table_free(&table, pool) ? fail() : 0;
}

int main(int argc, char **argv)
{
	sheaf_pool *pool;
	int r;

	if (argc < 5) {
		fprintf(stderr, "usage: recsv FILE NEW SEPARATOR DECIMAL [codes]\n");
		return 2;
	}
	if (sheaf_pool_create(&pool, &(sheaf_pool_options){.workers = 2, .heap_size = 256 << 20}))
		return fail();
	r = resave(pool, argv, argc > 5);
	sheaf_pool_destroy(pool);
	return r;
}
