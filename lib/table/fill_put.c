/*
 * fill_put.c - puts a field into its column, whatever it looks like.
 */
#include "table/fill.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "table/decimal.h"

static void raise_to(_Atomic unsigned *value, unsigned least)
{
	unsigned now = atomic_load_explicit(value, memory_order_relaxed);

	while (now < least &&
	       !atomic_compare_exchange_weak_explicit(value, &now, least, memory_order_relaxed, memory_order_relaxed))
		;
}

static void raise_longest(_Atomic uint64_t *value, uint64_t least)
{
	uint64_t now = atomic_load_explicit(value, memory_order_relaxed);

	while (now < least &&
	       !atomic_compare_exchange_weak_explicit(value, &now, least, memory_order_relaxed, memory_order_relaxed))
		;
}

/* ---- Numbers ---- */

static bool put_float(const struct fill *fill, struct fill_column *column, const struct cell *cell, size_t row)
{
	char point = fill->ranges.rules.point;
	double *value = (double *)(void *)column->out + row;
	float *single = (float *)(void *)column->out + row;

	if (column->kind == FILL_F64)
		return decimal_read(cell->begin, point, value) == cell->end;
	return decimal_read_float(cell->begin, point, single) == cell->end;
}

static bool put_whole(struct fill_column *column, const struct cell *cell, size_t row)
{
	struct whole whole;

	if (decimal_read_whole(cell->begin, &whole) != cell->end ||
	    whole.magnitude > (whole.negative ? column->least : column->most))
		return false;
	/* Of a guess, this is a float: it has a zero with a sign. */
	if (column->guessed && whole.negative && whole.magnitude == 0)
		return false;
	fill_store_whole(column, &whole, row);
	return true;
}

static bool put_bool(struct fill_column *column, const struct cell *cell, size_t row)
{
	size_t length = (size_t)(cell->end - cell->begin);
	bool yes = (length == 1 && *cell->begin == '1') || (length == 4 && strncasecmp(cell->begin, "true", 4) == 0);

	if (!yes && !(length == 1 && *cell->begin == '0') && !(length == 5 && strncasecmp(cell->begin, "false", 5) == 0))
		return false;
	((bool *)(void *)column->out)[row] = yes;
	return true;
}

/* ---- Texts ---- */

/* Copy a text of which the column may have room for a part only. */
static void put_text(struct fill_column *column, const struct cell *cell, size_t length, size_t row)
{
	char *out = column->out + row * column->width;
	const char *at = cell->begin;

	if (!cell->doubled) {
		memcpy(out, at, length < column->width ? length : column->width);
	} else {
		for (size_t i = 0; i < length && i < column->width; i++) {
			out[i] = *at;
			at += *at == '"' ? 2 : 1;
		}
	}
	if (length < column->width)
		memset(out + length, 0, column->width - length);
}

/* Tell how long the text of a field is. */
static size_t text_length(const struct cell *cell)
{
	size_t length = (size_t)(cell->end - cell->begin);

	if (cell->doubled)
		for (const char *at = cell->begin; at < cell->end; at += *at == '"' ? 2 : 1)
			length -= *at == '"';
	return length;
}

static enum flaw_kind put_code(struct fill_column *column, struct texts *texts, const struct cell *cell, size_t row)
{
	const char *text = cell->begin;
	size_t length = (size_t)(cell->end - cell->begin);
	char *copy = NULL;
	int64_t code;

	if (cell->doubled) {
		copy = malloc(length + 1);
		if (!copy)
			return FLAW_MEMORY;
		length = cell_copy(cell, copy);
		text = copy;
	}
	code = texts_add(texts, text, length);
	free(copy);
	if (code < 0)
		return FLAW_MEMORY;
	((int32_t *)(void *)column->out)[row] = FILL_LOCAL(code);
	return FLAW_NONE;
}

/* ---- Fields ---- */

void fill_put_missing(struct fill_column *column, size_t row)
{
	if (column->kind == FILL_F64)
		((double *)(void *)column->out)[row] = (double)NAN;
	else if (column->kind == FILL_F32)
		((float *)(void *)column->out)[row] = NAN;
	else if (column->kind == FILL_CODES)
		((int32_t *)(void *)column->out)[row] = -1;
	else if (column->kind != FILL_NOTHING)
		memset(column->out + row * column->width, 0, column->width);
	if (column->missing) {
		column->missing[row] = true;
		atomic_store_explicit(&column->some, 1, memory_order_relaxed);
	}
}

/* Leave out the zeros behind a text: its column has zeros there anyway. */
static void drop_padding(struct cell *cell)
{
	while (cell->end > cell->begin && cell->end[-1] == '\0')
		cell->end--;
}

enum fill_class fill_classify(const struct fill *fill, struct cell *cell)
{
	struct cell bare = *cell;
	struct whole whole;
	double value;

	cell_trim(&fill->ranges.rules, &bare);
	/* Nothing tells nothing, although it may prove to be a fault. */
	if (bare.begin == bare.end || missing_has(&fill->missing, bare.begin, (size_t)(bare.end - bare.begin)))
		return CLASS_MISSING;
	if (decimal_read(bare.begin, fill->ranges.rules.point, &value) != bare.end)
		return CLASS_TEXT;
	if (decimal_read_whole(bare.begin, &whole) != bare.end || whole.magnitude > (uint64_t)INT64_MAX + whole.negative ||
	    (whole.negative && whole.magnitude == 0))
		return CLASS_FLOAT;
	return CLASS_WHOLE;
}

/* Handle what its column cannot hold: leave it for a wider one, if that may be. */
static enum flaw_kind refuse_value(const struct fill *fill, struct fill_column *column, struct cell *cell, enum flaw_kind flaw)
{
	enum fill_class needs = fill->widen && column->guessed ? fill_classify(fill, cell) : CLASS_MISSING;

	if (needs == CLASS_MISSING)
		return flaw;
	raise_to(&column->needs, needs);
	return FLAW_NONE;
}

enum flaw_kind fill_put(const struct fill *fill, struct fill_column *column, struct texts *texts, struct cell *cell, size_t row)
{
	struct cell bare = *cell;
	size_t length;

	/* Of a text, the blanks around it are a part. */
	if (column->kind != FILL_TEXT && column->kind != FILL_CODES)
		cell_trim(&fill->ranges.rules, &bare);
	if (missing_has(&fill->missing, bare.begin, (size_t)(bare.end - bare.begin))) {
		fill_put_missing(column, row);
		return FLAW_NONE;
	}
	switch (column->kind) {
	case FILL_F64:
	case FILL_F32:
		return put_float(fill, column, &bare, row) ? FLAW_NONE : refuse_value(fill, column, cell, FLAW_NUMBER);
	case FILL_WHOLE:
		return put_whole(column, &bare, row) ? FLAW_NONE : refuse_value(fill, column, cell, FLAW_WHOLE);
	case FILL_BOOL:
		return put_bool(column, &bare, row) ? FLAW_NONE : FLAW_BOOL;
	case FILL_TEXT:
		drop_padding(&bare);
		length = text_length(&bare);
		if (length > column->width) {
			if (column->bounded)
				return FLAW_LONG;
			raise_longest(&column->longest, length);
		}
		put_text(column, &bare, length, row);
		return FLAW_NONE;
	case FILL_CODES:
		drop_padding(&bare);
		return put_code(column, texts, &bare, row);
	case FILL_NOTHING:
		break;
	}
	return FLAW_NONE;
}
