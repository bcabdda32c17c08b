/*
 * codes.c - joins the texts of all ranges, in the order of the file.
 *
 * Deaths            Of a worker: codes of a range are rewritten again. One that was rewritten shows
 *                   it, as it is not below -1.
 */
#include "table/codes.h"
#include "table/tasks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/grow.h"

static bool column_has_codes(const struct loading *loading, size_t column)
{
	return loading->fill->columns[loading->columns[column].place].kind == FILL_CODES;
}

/* Find the column of the table that is at a place of the file. NULL: none has codes there. */
static struct loading_column *coded_column(struct loading *loading, size_t place)
{
	if (loading->fill->columns[place].kind != FILL_CODES)
		return NULL;
	for (size_t i = 0; i < loading->column_count; i++)
		if (loading->columns[i].place == place)
			return &loading->columns[i];
	return NULL;
}

int codes_begin(struct codes *codes, const struct loading *loading)
{
	*codes = (struct codes){0};
	for (size_t i = 0; i < loading->column_count; i++)
		codes->columns += column_has_codes(loading, i);
	if (codes->columns == 0)
		return 0;
	codes->begins = calloc(loading->fill->ranges.count, codes->columns * sizeof(*codes->begins));
	if (!codes->begins)
		return sheaf_fail(-ENOMEM, "%s: no memory for the codes of %zu columns", loading->path, codes->columns);
	return 0;
}

void codes_free(struct codes *codes)
{
	free(codes->maps);
	free(codes->begins);
	*codes = (struct codes){0};
}

static int add_map(struct codes *codes, int64_t code)
{
	if (code < 0)
		return (int)code;
	if (codes->used == codes->room) {
		size_t room = codes->room ? codes->room * 2 : 1024;
		int32_t *maps = grow_array(codes->maps, room * sizeof(*maps));

		if (!maps)
			return -ENOMEM;
		codes->maps = maps;
		codes->room = room;
	}
	codes->maps[codes->used++] = (int32_t)code;
	return 0;
}

static const char *read_count(const char *at, uint64_t *count)
{
	memcpy(count, at, sizeof(*count));
	return at + sizeof(*count);
}

int codes_take(struct codes *codes, struct loading *loading, size_t range, const char *texts)
{
	size_t number = 0;

	for (size_t place = 0; codes->columns && place < loading->fill->used; place++) {
		struct loading_column *column = coded_column(loading, place);
		uint64_t count, length;

		if (!column)
			continue;
		codes->begins[range * codes->columns + number++] = codes->used;
		for (texts = read_count(texts, &count); count > 0; count--) {
			int r;

			texts = read_count(texts, &length);
			r = add_map(codes, texts_add(&column->texts, texts, (size_t)length));
			if (r == -EOVERFLOW)
				return sheaf_fail(r, "%s: column %zu has more than %d texts", loading->path, place + 1,
						  TEXTS_MOST);
			if (r < 0)
				return sheaf_fail(r, "%s: no memory for the texts of column %zu", loading->path, place + 1);
			texts += length;
		}
	}
	return 0;
}

/* ---- Rewriting ---- */

/* In shared memory: begins, and then maps, follow. */
struct recode {
	const struct fill *fill;
	size_t columns;
	const size_t *begins;
	const int32_t *maps;
};

static void recode_range(const struct recode *recode, size_t number)
{
	const struct range *range = &recode->fill->ranges.all[number];
	const size_t *begin = recode->begins + number * recode->columns;

	for (size_t place = 0; place < recode->fill->used; place++) {
		const struct fill_column *column = &recode->fill->columns[place];
		const int32_t *map = recode->maps + *begin;
		int32_t *values = (int32_t *)(void *)column->out + range->slot;

		if (column->kind != FILL_CODES)
			continue;
		for (size_t i = 0; i < range->taken; i++)
			if (values[i] < -1)
				values[i] = map[-2 - values[i]];
		begin++;
	}
}

static int recode_ranges(sheaf_task *task, size_t begin, size_t end, void *context)
{
	(void)task;
	for (size_t i = begin; i < end; i++)
		recode_range(context, i);
	return 0;
}

const struct own_function own_codes[] = {
	OWN(recode_ranges),
	OWN_END,
};

static int recode_all(const struct codes *codes, struct loading *loading)
{
	size_t count = loading->fill->ranges.count, begins = count * codes->columns * sizeof(*codes->begins);
	struct recode *recode;
	void *memory;
	int r = sheaf_alloc(loading->pool, sizeof(*recode) + begins + codes->used * sizeof(*codes->maps), &memory), freed;

	if (r < 0)
		return r;
	recode = memory;
	*recode = (struct recode){.fill = loading->fill, .columns = codes->columns};
	recode->begins = memcpy(recode + 1, codes->begins, begins);
	if (codes->used)
		memcpy((char *)(recode + 1) + begins, codes->maps, codes->used * sizeof(*codes->maps));
	recode->maps = (const int32_t *)(const void *)((const char *)(recode + 1) + begins);
	r = sheaf_for(loading->pool, recode_ranges, recode, count, NULL);
	freed = sheaf_free(loading->pool, memory);
	return r < 0 ? r : freed;
}

/* Make the array of a column's texts. */
static int make_texts(struct loading *loading, struct loading_column *column)
{
	const struct texts *texts = &column->texts;
	size_t width = texts->longest ? texts->longest : 1;
	int r;

	if ((r = sheaf_array_free(&column->codes, loading->pool)) ||
	    (r = sheaf_array_create(&column->codes, loading->pool, SHEAF_BYTES, width, 1, &texts->count)))
		return r;
	for (size_t i = 0; i < texts->count; i++) {
		size_t length;
		const char *text = texts_get(texts, i, &length);

		memcpy((char *)column->codes.data + i * width, text, length);
	}
	return 0;
}

int codes_end(struct codes *codes, struct loading *loading)
{
	return codes->columns ? recode_all(codes, loading) : 0;
}

int codes_finish(struct loading *loading)
{
	int r = 0;

	for (size_t i = 0; i < loading->column_count && r == 0; i++)
		if (loading->columns[i].coded)
			r = make_texts(loading, &loading->columns[i]);
	return r;
}
