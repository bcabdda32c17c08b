/*
 * table_load.c - loads a table from a file: the steps, in their order.
 *
 * 1. The beginning gives names and the count of columns. 2. Workers count the rows of ranges. 3. A
 * sample gives types. 4. Workers parse the ranges into arrays of the right length. 5. Columns that
 * proved too narrow are parsed again. 6. Room of rows that were left out is closed.
 */
#define _XOPEN_SOURCE 700 /* realpath() */
#include "table/loading.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/error.h"
#include "base/number.h"
#include "table/codes.h"
#include "data/foreign.h"
#include "data/input.h"
#include "table/stream.h"
#include "os/os.h"
#include "pool/pool.h"

/* ---- The call ---- */

static int check_character(const char *name, char c, const char *others)
{
	if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || strchr("\"\r\n+-", c))
		return sheaf_fail(-EINVAL, "sheaf_table_load: options.%s is '%c' (%u), which has another meaning", name,
				  c > ' ' && c < 0x7f ? c : '?', (unsigned char)c);
	if (strchr(others, c))
		return sheaf_fail(-EINVAL, "sheaf_table_load: options.%s is '%c', as another option is", name, c);
	return 0;
}

/* Read the options that say what characters mean. */
static int make_rules(const sheaf_table_options *options, struct csv_rules *rules)
{
	char others[3] = {0};
	int r;

	*rules = (struct csv_rules){.separator = options->separator ? options->separator : ',',
				    .point = options->decimal ? options->decimal : '.',
				    .comment = options->comment,
				    .comments = options->comment != 0,
				    .quotes = !options->plain};
	if ((r = check_character("separator", rules->separator, others)))
		return r;
	others[0] = rules->separator;
	if ((r = check_character("decimal", rules->point, others)))
		return r;
	others[1] = rules->point;
	return rules->comments ? check_character("comment", rules->comment, others) : 0;
}

static int check_table_options(const sheaf_table_options *options)
{
	if ((unsigned)options->header > SHEAF_HEADER_YES)
		return sheaf_fail(-EINVAL, "sheaf_table_load: options.header is %u, at most %d", (unsigned)options->header,
				  SHEAF_HEADER_YES);
	if ((unsigned)options->on_fault > SHEAF_FAULT_SKIPS)
		return sheaf_fail(-EINVAL, "sheaf_table_load: options.on_fault is %u, at most %d", (unsigned)options->on_fault,
				  SHEAF_FAULT_SKIPS);
	if (options->column_count && !options->columns)
		return sheaf_fail(-EINVAL, "sheaf_table_load: options.columns is NULL, and column_count %zu",
				  options->column_count);
	return 0;
}

/* ---- The steps ---- */

/* Tell how many of the rows are wanted. */
static int choose_rows(struct loading *loading, uint64_t rows)
{
	const struct fill *fill = loading->fill;
	uint64_t end = rows < fill->end ? rows : fill->end, wanted = end > fill->first ? end - fill->first : 0;

	if (wanted > SIZE_MAX)
		return sheaf_fail(-EOVERFLOW, "%s: %ju rows do not fit in memory", loading->path, (uintmax_t)wanted);
	loading->rows = (size_t)wanted;
	return 0;
}

/* Parse the ranges until no column is too narrow. */
static int parse_all(struct loading *loading)
{
	int r;

	do {
		r = pass_run(loading);
		if (r == 0)
			r = columns_widen(loading);
	} while (r > 0);
	return r;
}

/* Load from a file that workers open. */
static int load_file(struct loading *loading)
{
	enum csv_place place;
	uint64_t rows = 0;
	int r;

	if ((r = head_read(loading)) || (r = loading_plan(loading)) ||
	    (r = loading_count(loading, loading->head.data, &rows, &place)) || (r = choose_rows(loading, rows)) ||
	    (r = guess_classes(loading)))
		return r;
	for (size_t i = 0; i < loading->column_count; i++)
		if ((r = columns_make(loading, &loading->columns[i])))
			return r;
	if ((r = parse_all(loading)))
		return r;
	pass_compact(loading);
	return 0;
}

static int load_input(struct loading *loading, struct input *input)
{
	void *memory;
	int r = sheaf_alloc(loading->pool, sizeof(*loading->source), &memory);

	if (r < 0)
		return r;
	loading->source = memory;
	return piece_name(input, loading->source) ? load_file(loading) : stream_load(loading, input);
}

/* Free what no table has. */
static void end_loading(struct loading *loading)
{
	columns_free(loading);
	if (loading->fill)
		sheaf_free(loading->pool, loading->fill->ranges.all);
	sheaf_free(loading->pool, loading->fill);
	sheaf_free(loading->pool, loading->source);
	head_free(&loading->head);
}

static int load_table(sheaf_table *table, sheaf_pool *pool, const char *path, const sheaf_table_options *options)
{
	struct loading loading = {.pool = pool, .path = path, .options = options};
	struct input input;
	int r = make_rules(options, &loading.rules);

	if (r < 0)
		return r;
	r = sheaf_input_open(&input, pool, path, options->deadline_ns);
	if (r < 0)
		return r;
	r = foreign_refuse(&input);
	if (r == 0)
		r = load_input(&loading, &input);
	if (r == 0)
		r = codes_finish(&loading);
	if (r == 0)
		r = columns_finish(&loading, table);
	end_loading(&loading);
	sheaf_input_close(&input);
	return r;
}

int sheaf_table_load(sheaf_table *table, sheaf_pool *pool, const char *path, const sheaf_table_options *options)
{
	static const sheaf_table_options defaults = {0};
	sheaf_table loaded = {0};
	int cancel, r;

	if (table == NULL || pool == NULL || path == NULL)
		return sheaf_fail(-EINVAL, "sheaf_table_load: table, pool or path is NULL");
	if (options == NULL)
		options = &defaults;
	if ((r = check_table_options(options)) || (r = pool_check(pool, "sheaf_table_load")))
		return r;
	/* A thread cancelled in the midst would leave its file open and its memory taken. */
	cancel = cancel_refuse();
	r = load_table(&loaded, pool, path, options);
	cancel_allow(cancel);
	if (r < 0)
		return r;
	*table = loaded;
	return 0;
}
