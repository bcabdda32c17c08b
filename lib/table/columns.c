/*
 * columns.c - the columns of a table to be: which ones, their arrays, and wider ones.
 *
 * A column that proves too narrow in a pass is made anew and filled by another one, which reads it
 * alone. If faults do not stop the call, all columns are read again, so that the same rows are left
 * out and all faults are counted.
 */
#include "table/loading.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/* ---- Which ---- */

/* Find the column of the file that an option means. */
static int find_column(const struct loading *loading, const sheaf_column_option *option, size_t *place)
{
	const struct head *head = &loading->head;

	if (!option->name) {
		*place = option->number - 1;
		if (*place < head->column_count)
			return 0;
		return sheaf_fail(-EINVAL, "%s: options.columns wants column %zu, and there are %zu: the first is 1",
				  loading->path, option->number, head->column_count);
	}
	for (*place = 0; *place < head->column_count; ++*place)
		if (strcmp(head->names[*place], option->name) == 0)
			return 0;
	return sheaf_fail(-EINVAL,
			  "%s: options.columns wants column \"%.100s\", which is not in the header: the first is \"%.100s\"",
			  loading->path, option->name, head->names[0]);
}

static int check_option(const struct loading *loading, const sheaf_column_option *option, size_t number)
{
	static const bool readable[] = {[SHEAF_F64] = true, [SHEAF_F32] = true, [SHEAF_I64] = true,  [SHEAF_U64] = true,
					[SHEAF_I32] = true, [SHEAF_U32] = true, [SHEAF_I16] = true,  [SHEAF_U16] = true,
					[SHEAF_I8] = true,  [SHEAF_U8] = true,  [SHEAF_BOOL] = true, [SHEAF_BYTES] = true};

	(void)loading;
	if ((unsigned)option->as > SHEAF_LEFT_OUT)
		return sheaf_fail(-EINVAL, "sheaf_table_load: options.columns[%zu].as is %u, at most %d", number,
				  (unsigned)option->as, SHEAF_LEFT_OUT);
	if (option->as == SHEAF_TYPED && ((unsigned)option->type >= sizeof(readable) || !readable[option->type]))
		return sheaf_fail(-EINVAL, "sheaf_table_load: options.columns[%zu].type is %u, which CSV is not read as",
				  number, (unsigned)option->type);
	return 0;
}

/* Note which option each column of the file has. */
static int match_options(const struct loading *loading, const sheaf_column_option **of)
{
	const sheaf_table_options *options = loading->options;

	for (size_t i = 0; i < options->column_count; i++) {
		size_t place = 0;
		int r = check_option(loading, &options->columns[i], i);

		if (r == 0)
			r = find_column(loading, &options->columns[i], &place);
		if (r < 0)
			return r;
		if (of[place])
			return sheaf_fail(-EINVAL, "%s: options.columns has column %zu twice", loading->path, place + 1);
		of[place] = &options->columns[i];
	}
	return 0;
}

static void add_column(struct loading *loading, size_t place, const sheaf_column_option *option)
{
	static const sheaf_column_option guessed = {.as = SHEAF_GUESSED};

	if (option && option->as == SHEAF_LEFT_OUT)
		return;
	loading->columns[loading->column_count++] = (struct loading_column){.place = place,
									    .option = option ? option : &guessed};
}

int columns_choose(struct loading *loading)
{
	const sheaf_table_options *options = loading->options;
	const sheaf_column_option **of = calloc(loading->head.column_count, sizeof(const sheaf_column_option *));
	int r;

	loading->columns = calloc(loading->head.column_count, sizeof(*loading->columns));
	if (!of || !loading->columns)
		r = sheaf_fail(-ENOMEM, "%s: no memory for %zu columns", loading->path, loading->head.column_count);
	else
		r = match_options(loading, of);
	if (r == 0 && options->only) {
		/* They are all there, and each once. */
		for (size_t i = 0; i < options->column_count; i++)
			for (size_t place = 0; place < loading->head.column_count; place++)
				if (of[place] == &options->columns[i])
					add_column(loading, place, of[place]);
	} else if (r == 0) {
		for (size_t place = 0; place < loading->head.column_count; place++)
			add_column(loading, place, of[place]);
	}
	free((void *)of);
	if (r == 0 && loading->column_count == 0)
		r = sheaf_fail(-EINVAL, "%s: options.columns leaves no column to read", loading->path);
	return r;
}

/* ---- Arrays ---- */

static void plan_whole(struct fill_column *plan, enum sheaf_number type)
{
	bool is_signed = type == SHEAF_I64 || type == SHEAF_I32 || type == SHEAF_I16 || type == SHEAF_I8;
	unsigned bits;

	plan->kind = FILL_WHOLE;
	plan->width = type == SHEAF_I64 || type == SHEAF_U64   ? 8
		      : type == SHEAF_I32 || type == SHEAF_U32 ? 4
		      : type == SHEAF_I16 || type == SHEAF_U16 ? 2
							       : 1;
	bits = (unsigned)plan->width * 8;
	plan->least = is_signed ? UINT64_C(1) << (bits - 1) : 0;
	plan->most = is_signed ? plan->least - 1 : UINT64_MAX >> (64 - bits);
}

static void plan_type(struct fill_column *plan, const sheaf_column_option *option, enum fill_class class, bool code)
{
	enum sheaf_number type = option->type;

	plan->guessed = option->as == SHEAF_GUESSED;
	plan->bounded = option->as == SHEAF_TYPED && type == SHEAF_BYTES && option->item_size > 0;
	if (plan->guessed)
		type = class == CLASS_TEXT ? SHEAF_BYTES : class == CLASS_WHOLE ? SHEAF_I64 : SHEAF_F64;
	if (option->as == SHEAF_CODED || (plan->guessed && type == SHEAF_BYTES && code)) {
		plan->kind = FILL_CODES;
		plan->type = SHEAF_I32;
		plan->width = sizeof(int32_t);
		return;
	}
	plan->type = type;
	if (type == SHEAF_F64 || type == SHEAF_F32) {
		plan->kind = type == SHEAF_F64 ? FILL_F64 : FILL_F32;
		plan->width = type == SHEAF_F64 ? sizeof(double) : sizeof(float);
	} else if (type == SHEAF_BYTES) {
		plan->kind = FILL_TEXT;
		if (plan->bounded)
			plan->width = option->item_size;
		plan->width = plan->width ? plan->width : 1;
	} else if (type == SHEAF_BOOL) {
		plan->kind = FILL_BOOL;
		plan->width = sizeof(bool);
	} else {
		plan_whole(plan, type);
	}
}

int columns_make(struct loading *loading, struct loading_column *column)
{
	struct fill_column *plan = &loading->fill->columns[column->place];
	int r;

	plan_type(plan, column->option, column->class, loading->options->code);
	column->coded = plan->kind == FILL_CODES;
	r = sheaf_array_create(&column->values, loading->pool, plan->type, plan->type == SHEAF_BYTES ? plan->width : 0, 1,
			       &loading->rows);
	if (r == 0 && plan->kind != FILL_F64 && plan->kind != FILL_F32 && plan->kind != FILL_CODES &&
	    (loading->fill->missing.count || loading->fill->on_fault == SHEAF_FAULT_MISSING))
		r = sheaf_array_create(&column->missing, loading->pool, SHEAF_BOOL, 0, 1, &loading->rows);
	if (r < 0)
		return r;
	plan->out = column->values.data;
	plan->missing = column->missing.data;
	if (column->place >= loading->fill->used)
		loading->fill->used = column->place + 1;
	return 0;
}

static int unmake_column(struct loading *loading, struct loading_column *column)
{
	int r = sheaf_array_free(&column->values, loading->pool);

	if (r == 0)
		r = sheaf_array_free(&column->missing, loading->pool);
	if (r == 0)
		r = sheaf_array_free(&column->codes, loading->pool);
	texts_free(&column->texts);
	return r;
}

void columns_free(struct loading *loading)
{
	for (size_t i = 0; i < loading->column_count; i++)
		unmake_column(loading, &loading->columns[i]);
	free(loading->columns);
	loading->columns = NULL;
}

/* ---- Wider ---- */

/* Raise what a column is by what the last pass has found. True: it has to be made anew. */
static bool widen_column(struct fill_column *plan, struct loading_column *column)
{
	enum fill_class needs = (enum fill_class)atomic_load_explicit(&plan->needs, memory_order_relaxed);
	uint64_t longest = atomic_load_explicit(&plan->longest, memory_order_relaxed);
	bool wider = false;

	if (plan->kind == FILL_NOTHING)
		return false;
	if (plan->guessed && needs > column->class) {
		column->class = needs;
		/* That of a number says nothing about texts. */
		plan->width = 1;
		wider = true;
	}
	if (plan->kind == FILL_TEXT && longest > plan->width) {
		plan->width = (size_t)longest;
		wider = true;
	}
	atomic_store_explicit(&plan->needs, 0, memory_order_relaxed);
	atomic_store_explicit(&plan->longest, 0, memory_order_relaxed);
	return wider;
}

int columns_widen(struct loading *loading)
{
	struct fill *fill = loading->fill;
	size_t wider = 0;
	int r;

	fill->used = 0;
	for (size_t i = 0; i < loading->column_count; i++) {
		struct loading_column *column = &loading->columns[i];
		struct fill_column *plan = &fill->columns[column->place];

		if (widen_column(plan, column)) {
			wider++;
			if ((r = unmake_column(loading, column)) || (r = columns_make(loading, column)))
				return r;
		} else if (fill->on_fault == SHEAF_FAULT_STOPS) {
			plan->kind = FILL_NOTHING;
		} else if (plan->kind == FILL_CODES) {
			texts_free(&column->texts);
		}
		if (plan->kind != FILL_NOTHING && column->place >= fill->used)
			fill->used = column->place + 1;
	}
	return wider > 0;
}

/* ---- The table ---- */

/* Keep what says which values are missing only if some are. */
static int settle_missing(struct loading *loading, struct loading_column *column)
{
	const struct fill_column *plan = &loading->fill->columns[column->place];

	if (column->missing.data && atomic_load_explicit(&plan->some, memory_order_relaxed) &&
	    memchr(column->missing.data, 1, column->missing.shape[0]))
		return 0;
	return sheaf_array_free(&column->missing, loading->pool);
}

int columns_finish(struct loading *loading, sheaf_table *table)
{
	size_t size = loading->column_count * sizeof(sheaf_column);
	sheaf_column *columns;
	void *memory;
	char *names;
	int r;

	for (size_t i = 0; i < loading->column_count; i++) {
		if ((r = settle_missing(loading, &loading->columns[i])))
			return r;
		size += strlen(loading->head.names[loading->columns[i].place]) + 1;
	}
	if ((r = sheaf_alloc(loading->pool, size, &memory)))
		return r;
	columns = memory;
	names = (char *)(columns + loading->column_count);
	for (size_t i = 0; i < loading->column_count; i++) {
		struct loading_column *column = &loading->columns[i];
		const char *name = loading->head.names[column->place];
		size_t length = strlen(name) + 1;

		columns[i] = (sheaf_column){.name = memcpy(names, name, length),
					    .values = column->values,
					    .missing = column->missing,
					    .texts = column->codes};
		names += length;
		column->values = column->missing = column->codes = (sheaf_array){0};
	}
	*table = (sheaf_table){.rows = loading->rows,
			       .column_count = loading->column_count,
			       .columns = columns,
			       .faults = loading->faults,
			       .memory = memory};
	return 0;
}
