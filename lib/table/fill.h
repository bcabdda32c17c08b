/*
 * fill.h - parses the rows of ranges into columns, in workers.
 */
#ifndef SHEAF_TABLE_FILL_H
#define SHEAF_TABLE_FILL_H

#include <stdatomic.h>

#include "table/cell.h"
#include "table/decimal.h"
#include "table/missing.h"
#include "table/ranges.h"
#include "table/texts.h"
#include "sheaf_table.h"

enum fill_kind {
	FILL_NOTHING = 0, /* the column is passed over */
	FILL_F64,
	FILL_F32,
	FILL_WHOLE,
	FILL_BOOL,
	FILL_TEXT,
	FILL_CODES,
};

/* What a value needs at least. A column needs the most that any of its values does. */
enum fill_class { CLASS_MISSING = 0, CLASS_WHOLE = 1, CLASS_FLOAT = 2, CLASS_TEXT = 3 };

/* A column of the file, in shared memory. Workers write to what is atomic, and behind out. */
struct fill_column {
	enum fill_kind kind;
	enum sheaf_number type;
	bool guessed;
	bool bounded;               /* FILL_TEXT: no text may be longer than the width */
	size_t width;               /* bytes of a value */
	uint64_t most, least;       /* FILL_WHOLE: magnitudes */
	char *out;                  /* one value for each row */
	bool *missing;              /* the same; NULL: none can be, or it is a NaN or -1 */
	_Atomic unsigned needs;     /* enum fill_class, of a guess that was too narrow */
	_Atomic uint64_t longest;   /* FILL_TEXT: bytes of the longest text */
	_Atomic unsigned char some; /* a value is missing */
};

/* In shared memory: what all workers need to know. */
struct fill {
	struct ranges ranges;
	struct missing missing;
	uint64_t first, end; /* rows that are wanted */
	uint64_t base;       /* where the first of them goes */
	enum sheaf_fault on_fault;
	bool widen;
	size_t used; /* columns up to the last one that is not passed over */
	size_t column_count;
	struct fill_column *columns;
};

/* What is wrong with a value or a row. */
enum flaw_kind {
	FLAW_NONE = 0,
	FLAW_NUMBER, /* no number */
	FLAW_WHOLE,  /* no whole number, or none that fits */
	FLAW_BOOL,
	FLAW_LONG, /* a text longer than the width */
	FLAW_FEW,  /* the row ends too early */
	FLAW_MANY, /* it goes on */
	FLAW_STRAY,
	FLAW_AFTER,
	FLAW_OPEN,
	FLAW_CHANGED, /* the file is not as it was counted */
	FLAW_MEMORY,  /* no memory for texts */
};

struct flaw {
	enum flaw_kind kind;
	size_t column;   /* from 0 */
	uint64_t offset; /* of the field in the input */
	size_t length;   /* of what it holds */
	size_t skipped;  /* bytes before that, as a quote */
};

static inline enum flaw_kind flaw_of_cell(const struct cell *cell)
{
	static const enum flaw_kind kinds[] = {
		[CELL_FINE] = FLAW_NONE, [CELL_STRAY] = FLAW_STRAY, [CELL_AFTER] = FLAW_AFTER, [CELL_OPEN] = FLAW_OPEN};

	return kinds[cell->flaw];
}

/*
 * What the task of a range leaves. Behind it, for each column of codes in turn, the texts that the
 * range has: their count, then the bytes of each and the text, all counts as uint64_t unaligned.
 */
struct fill_result {
	uint64_t rows;
	uint64_t faults;
	struct flaw flaw; /* the first one, if it stops the call */
};

/* What a task is given. */
struct fill_order {
	struct fill *fill;
	size_t range;
};

/* -2 - code: of the range's own texts. codes_end() makes it that of the table. */
#define FILL_LOCAL(code) (-2 - (int32_t)(code))

/* Parse a range, and leave a struct fill_result. */
int fill_range(sheaf_task *task, const void *order, void *result);

/*
 * Put one field into its column, at a row. The way for all that is not plain. FLAW_NONE, or what is
 * wrong.
 */
enum flaw_kind fill_put(const struct fill *fill, struct fill_column *column, struct texts *texts, struct cell *cell,
			size_t row);
void fill_put_missing(struct fill_column *column, size_t row);

/* Store a number that is known to fit. */
static inline void fill_store_whole(struct fill_column *column, const struct whole *whole, size_t row)
{
	uint64_t value = whole->negative ? 0 - whole->magnitude : whole->magnitude;

	if (column->width == 8)
		((uint64_t *)(void *)column->out)[row] = value;
	else if (column->width == 4)
		((uint32_t *)(void *)column->out)[row] = (uint32_t)value;
	else if (column->width == 2)
		((uint16_t *)(void *)column->out)[row] = (uint16_t)value;
	else
		((uint8_t *)(void *)column->out)[row] = (uint8_t)value;
}

/* Tell what a field is, without a column. */
enum fill_class fill_classify(const struct fill *fill, struct cell *cell);

#endif
