/*
 * enter.c - the two ways into a pool, with the library's own functions.
 *
 * They stand above all rooms, because the lists below are those of the rooms. So a program that has
 * a pool has all functions that tasks of that pool may need, also if it is linked statically and
 * calls none of them itself.
 */
#include "data/tasks.h"
#include "group/tasks.h"
#include "pool/create.h"
#include "reduce/tasks.h"
#include "resume/tasks.h"
#include "table/tasks.h"

/* A function's place is its number: see attach.md. */
static own_lists lists[] = {
	/* arrays */
	own_copy,
	own_transposed,
	own_map,
	/* tables, and files by blocks */
	own_ranges,
	own_fill,
	own_codes,
	own_table_text,
	own_file_block,
	own_array_fill,
	/* groups */
	own_key,
	own_dictionary,
	own_radix,
	own_radix_piece,
	own_groups,
	own_take,
	own_partition,
	own_group_table,
	own_group_scatter,
	own_group_write,
	own_group_rank,
	own_group_sorted,
	own_group_by,
	own_join,
	own_group_apply,
	/* reductions */
	own_job,
	own_reduce,
	own_scan,
	own_histogram,
	own_numbers,
	/* journals */
	own_resume,
	0,
};

int sheaf_pool_create(sheaf_pool **pool, const sheaf_pool_options *options)
{
	return pool_create(pool, options, lists);
}

int sheaf_pool_attach(sheaf_pool **pool, const char *name, const sheaf_attach_options *options)
{
	return pool_attach(pool, name, options, lists);
}
