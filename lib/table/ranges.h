/*
 * ranges.h - cuts the text of a CSV file into ranges of bytes for workers, and counts their rows.
 */
#ifndef SHEAF_TABLE_RANGES_H
#define SHEAF_TABLE_RANGES_H

#include "table/piece.h"
#include "table/rules.h"
#include "sheaf.h"

#define RANGES_NONE UINT64_MAX

/* What a range has, if it begins in one of the places. Offsets are those of the input. */
struct range_view {
	uint64_t rows;   /* that begin behind a line end in the range */
	uint64_t first;  /* the first of them; RANGES_NONE: there is none */
	uint64_t behind; /* where the last line that begins there does; RANGES_NONE: none does */
	bool tail;       /* that line has a row */
	enum csv_place end;
};

/* In shared memory. */
struct range {
	uint64_t begin, end;
	struct range_view views[CSV_PLACES];
	/* Known when all are counted, by ranges_join(): */
	enum csv_place place; /* it begins in */
	uint64_t row;         /* number of its first row; the first row of all is 0 */
	/* Known when it is parsed: where its rows are in the columns, and how many were taken. */
	size_t slot, taken;
};

/* In shared memory: what a count is told. */
struct ranges {
	const struct source *source;
	struct csv_rules rules;
	size_t count;
	struct range *all;
};

/* Tell how many ranges to cut that many bytes into, whatever there are of workers. */
size_t ranges_plan(uint64_t bytes);

/*
 * Cut the input from @begin, where a line begins, to its end, and look at all ranges in parallel.
 * @caller_works: as of sheaf_for(). 0, or an error of sheaf_for() or piece_open().
 */
int ranges_count(sheaf_pool *pool, struct ranges *ranges, uint64_t begin, bool caller_works);

/* Number the rows. Return how many there are. @place: out: what the input ends in. */
uint64_t ranges_join(struct ranges *ranges, enum csv_place *place);

/* Show the range as it is. */
static inline const struct range_view *range_view(const struct range *range)
{
	return &range->views[range->place];
}

#endif
