/*
 * table_save.c - writes a table as CSV: workers make the text of blocks of rows, and the caller
 * writes it in order.
 *
 * So many blocks are in hand at once, whatever the length of the table.
 *
 * Deaths            Of a worker: its block is made again. Of the caller: as in os/replace.c.
 */
#include "sheaf_table.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cancel.h"
#include "base/error.h"
#include "data/describe.h"
#include "data/reach.h"
#include "data/shape.h"
#include "table/table_text.h"
#include "os/replace.h"
#include "pool/pool.h"
#include "sheaf_stream.h"

#define BLOCKS 32          /* in hand at once */
#define BLOCK_VALUES 65536 /* in one of them, about */

/* ---- The call ---- */

static int check_save_character(const char *name, char c, char other)
{
	if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || strchr("\"\r\n+-", c) || c == other)
		return sheaf_fail(-EINVAL, "sheaf_table_save: format.%s is '%c' (%u), which has another meaning", name,
				  c > ' ' && c < 0x7f ? c : '?', (unsigned char)c);
	return 0;
}

/* Check one array of a column: NULL data is none. */
static int check_save_array(const sheaf_pool *pool, const sheaf_table *table, const char *what, const char *column,
			    const sheaf_array *array, bool rows)
{
	char name[128];
	int r;

	snprintf(name, sizeof(name), "%s of column %.100s", what, column);
	if ((r = shape_check("sheaf_table_save", name, array)) < 0)
		return r;
	if (array->dimensions != 1 || (rows && array->shape[0] != table->rows))
		return sheaf_fail(-EINVAL, "sheaf_table_save: %s has %u dimensions and %zu items, and the table %zu rows", name,
				  array->dimensions, array->dimensions ? array->shape[0] : 1, table->rows);
	return reach_check(pool, "sheaf_table_save", name, array);
}

static int check_save_column(const sheaf_pool *pool, const sheaf_table *table, const sheaf_column *column)
{
	int r;

	if (!column->name)
		return sheaf_fail(-EINVAL, "sheaf_table_save: a column's name is NULL");
	if ((r = check_save_array(pool, table, "values", column->name, &column->values, true)) ||
	    (column->missing.data && (r = check_save_array(pool, table, "missing", column->name, &column->missing, true))) ||
	    (column->texts.data && (r = check_save_array(pool, table, "texts", column->name, &column->texts, false))))
		return r;
	if (!table_can_write(column->values.type))
		return sheaf_fail(-EINVAL, "sheaf_table_save: column %.100s is %s, which CSV has no text for", column->name,
				  describe_type(column->values.type));
	if (column->missing.data && column->missing.type != SHEAF_BOOL)
		return sheaf_fail(-EINVAL, "sheaf_table_save: missing of column %.100s is not of SHEAF_BOOL", column->name);
	if (column->texts.data && (column->texts.type != SHEAF_BYTES || column->values.type != SHEAF_I32))
		return sheaf_fail(-EINVAL,
				  "sheaf_table_save: column %.100s has texts, but these are not SHEAF_BYTES, or its "
				  "values are not SHEAF_I32",
				  column->name);
	return 0;
}

static int check_table(const sheaf_pool *pool, const sheaf_table *table)
{
	int r = 0;

	if (!table->columns || table->column_count == 0)
		return sheaf_fail(-EINVAL, "sheaf_table_save: the table has no columns");
	for (size_t i = 0; i < table->column_count && r == 0; i++)
		r = check_save_column(pool, table, &table->columns[i]);
	return r;
}

/* ---- Blocks ---- */

static int fail_writing(const char *path, int code)
{
	return sheaf_fail(code, "sheaf_table_save: cannot write %.200s: %s", path, strerror(-code));
}

/* Where the text goes. */
struct saving {
	const char *path;
	int fd;
};

static int write_text(const struct saving *saving, const void *text, size_t size)
{
	int r = os_replace_write(saving->fd, text, size);

	return r < 0 ? fail_writing(saving->path, r) : 0;
}

/* A feed of blocks: in the process of the call. */
struct blocks {
	struct table_text *text; /* in shared memory */
	size_t next, count;
	struct table_block block;
};

static int give_block(void *context, sheaf_item *item)
{
	struct blocks *blocks = context;
	size_t rows = blocks->text->block_rows, all = blocks->text->rows;

	if (blocks->next == blocks->count)
		return 0;
	blocks->block = (struct table_block){.text = blocks->text, .begin = blocks->next * rows};
	blocks->block.end = all - blocks->block.begin < rows ? all : blocks->block.begin + rows;
	*item = (sheaf_item){
		.position = blocks->next++, .fn = table_text_block, .arg = &blocks->block, .arg_size = sizeof(blocks->block)};
	return 1;
}

static int write_blocks(sheaf_pool *pool, struct blocks *blocks, const struct saving *saving)
{
	const sheaf_batch_options options = {.flags = SHEAF_NO_TIMES, .window = BLOCKS};
	sheaf_batch *batch;
	sheaf_result result;
	int r = sheaf_batch_create(&batch, pool, &options);

	if (r < 0)
		return r;
	r = sheaf_feed(batch, give_block, blocks);
	while (r == 0 && (r = sheaf_next(batch, &result, SHEAF_FOREVER)) == 1) {
		r = result.status;
		if (r < 0)
			sheaf_fail(r, "sheaf_table_save: %s", result.message[0] ? result.message : sheaf_strerror(r));
		else
			r = write_text(saving, result.data, result.size);
	}
	sheaf_batch_retire(batch);
	return r;
}

static int write_table(sheaf_pool *pool, struct table_text *text, const struct saving *saving)
{
	struct blocks blocks = {.text = text, .count = (text->rows + text->block_rows - 1) / text->block_rows};
	char *header;
	size_t size;
	int r = 0;

	if (text->header) {
		header = table_text_header(text, &size);
		r = header ? write_text(saving, header, size)
			   : sheaf_fail(-ENOMEM, "sheaf_table_save: no memory for the header of %.200s", saving->path);
		table_text_free(header);
	}
	return r < 0 ? r : write_blocks(pool, &blocks, saving);
}

static int save_table(const sheaf_table *table, sheaf_pool *pool, const char *path, const sheaf_table_format *format)
{
	struct table_text *text;
	char part[PATH_MAX];
	void *memory;
	int fd, r, freed;

	if ((r = sheaf_alloc(pool, table_text_size(table, format), &memory)))
		return r;
	text = table_text_make(memory, table, format);
	text->block_rows = BLOCK_VALUES / table->column_count + 1;
	fd = os_replace_begin(path, part);
	if (fd < 0) {
		r = sheaf_fail(fd, "sheaf_table_save: cannot make %.200s: %s", path, os_replace_why(fd));
	} else {
		int ended;

		r = write_table(pool, text, &(struct saving){.path = path, .fd = fd});
		ended = os_replace_end(fd, part, path, r);
		if (r == 0 && ended < 0)
			r = fail_writing(path, ended);
	}
	freed = sheaf_free(pool, memory);
	return r < 0 ? r : freed;
}

int sheaf_table_save(const sheaf_table *table, sheaf_pool *pool, const char *path, const sheaf_table_format *format)
{
	static const sheaf_table_format defaults = {0};
	char separator, point;
	int cancel, r;

	if (!table || !pool || !path)
		return sheaf_fail(-EINVAL, "sheaf_table_save: table, pool or path is NULL");
	if (!format)
		format = &defaults;
	separator = format->separator ? format->separator : ',';
	point = format->decimal ? format->decimal : '.';
	if ((r = check_save_character("separator", separator, point)) ||
	    (r = check_save_character("decimal", point, separator)) || (r = pool_check(pool, "sheaf_table_save")) ||
	    (r = check_table(pool, table)))
		return r;
	/* A thread that is cancelled in the midst would leave a file open, and a part. */
	cancel = cancel_refuse();
	r = save_table(table, pool, path, format);
	cancel_allow(cancel);
	return r;
}
