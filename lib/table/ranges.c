/*
 * ranges.c - counts the rows of each range without knowing whether it begins in a field's quotes.
 *
 * A range is counted for both cases at once. In each, some of its line ends are in quotes. How many
 * quotes it has tells what the next range begins in, so a pass over the ranges afterwards tells
 * which case was right. With comments, whose quotes mean nothing, there are more cases, and each is
 * counted by itself.
 *
 * A row belongs to the range with the line end before it, the first row to the first range.
 *
 * Deaths            Of a worker: its range is counted again.
 */
#include "table/ranges.h"
#include "table/marks.h"
#include "table/tasks.h"

#include "base/error.h"

#include <errno.h>
#include <string.h>

#ifndef RANGE_LEAST /* as the room of pieces */
#define RANGE_LEAST ((uint64_t)64 * 1024)
#endif
#define RANGE_MOST ((uint64_t)4 * 1024 * 1024)
#define RANGES_WANTED 1024                 /* for many workers to end at about the same time */
#define RANGES_MOST ((uint64_t)256 * 1024) /* then ranges get longer */

/* What looks at a range, piece by piece. */
struct counter {
	const struct csv_rules *rules;
	struct range *range;
	struct piece piece;
	int error;
};

size_t ranges_plan(uint64_t bytes)
{
	uint64_t length = bytes / RANGES_WANTED + 1;

	length = length < RANGE_LEAST ? RANGE_LEAST : length > RANGE_MOST ? RANGE_MOST : length;
	if (bytes / length >= RANGES_MOST)
		length = bytes / RANGES_MOST + 1;
	return (size_t)(bytes / length + 1);
}

/* ---- Where rows begin ---- */

/* Look at a line whose beginning the piece does not tell apart from an empty one. */
static bool look_closer(struct counter *counter, uint64_t offset)
{
	struct piece piece;
	bool row = false, known = false;
	size_t at = 0;
	int r = piece_open(&piece, counter->piece.source, offset, 0);

	while (r == 0 && !known) {
		for (; at < piece.size && rules_blank(counter->rules, piece.text[at]); at++)
			;
		known = at + 1 < piece.size || piece.last;
		if (known)
			row = at < piece.size && piece.text[at] != '\n' &&
			      !(at == 0 && counter->rules->comments && piece.text[0] == counter->rules->comment) &&
			      !(piece.text[at] == '\r' && (at + 1 == piece.size || piece.text[at + 1] == '\n'));
		else
			r = piece_next(&piece, 0);
	}
	if (r == 0)
		piece_close(&piece);
	else
		counter->error = r;
	return row;
}

/* Does the line at text[at] have a row? */
static inline bool begins_row(struct counter *counter, size_t at)
{
	const struct piece *piece = &counter->piece;
	char c = piece->text[at];

	if (c > ' ' && !(counter->rules->comments && c == counter->rules->comment))
		return true;
	if (piece->offset + at >= piece->source->size)
		return false;
	if (at < piece->size) {
		if (c == '\n' || (counter->rules->comments && c == counter->rules->comment))
			return false;
		if (c != '\r' && !rules_blank(counter->rules, c))
			return true;
	}
	return look_closer(counter, piece->offset + at);
}

static inline void note_line(struct counter *counter, struct range_view *view, size_t at)
{
	bool row = begins_row(counter, at);

	view->behind = counter->piece.offset + at;
	view->tail = row;
	if (row) {
		if (view->rows == 0)
			view->first = view->behind;
		view->rows++;
	}
}

/* ---- Counting ---- */

/* Count in text[0 .. size) for a beginning outside and one inside of quotes. */
static void count_both(struct counter *counter, size_t size, bool *odd)
{
	const char *text = counter->piece.text;
	uint64_t inside = *odd ? UINT64_MAX : 0;

	for (size_t at = 0; at < size; at += 64) {
		uint64_t lines = marks_find(text + at, '\n'), quotes = counter->rules->quotes ? marks_find(text + at, '"') : 0;

		if (size - at < 64) {
			uint64_t mask = (UINT64_C(1) << (size - at)) - 1;

			lines &= mask;
			quotes &= mask;
		}
		if (quotes)
			quotes = marks_parity(quotes);
		quotes ^= inside;
		inside = quotes >> (size - at < 64 ? size - at - 1 : 63) & 1 ? UINT64_MAX : 0;
		for (; lines; lines &= lines - 1) {
			unsigned bit = (unsigned)__builtin_ctzll(lines);
			bool quoted = quotes >> bit & 1;

			note_line(counter, &counter->range->views[quoted ? CSV_QUOTED : CSV_MIDDLE], at + bit + 1);
		}
	}
	*odd = inside != 0;
}

/* Count in text[0 .. size) from the place that the view ends in so far. */
static void count_one(struct counter *counter, size_t size, struct range_view *view)
{
	const char *text = counter->piece.text;
	const struct csv_rules *rules = counter->rules;
	enum csv_place place = view->end;

	for (size_t at = 0; at < size; at++) {
		if (place == CSV_START)
			place = rules->comments && text[at] == rules->comment ? CSV_COMMENT : CSV_MIDDLE;
		if (text[at] == '"' && rules->quotes && place != CSV_COMMENT) {
			place = place == CSV_QUOTED ? CSV_MIDDLE : CSV_QUOTED;
		} else if (text[at] == '\n' && place != CSV_QUOTED) {
			place = CSV_START;
			note_line(counter, view, at + 1);
		}
	}
	view->end = place;
}

static void count_piece(struct counter *counter, size_t size, bool *odd)
{
	if (!counter->rules->comments) {
		count_both(counter, size, odd);
		return;
	}
	for (unsigned place = 0; place < CSV_PLACES; place++)
		count_one(counter, size, &counter->range->views[place]);
}

static int count_range(const struct ranges *ranges, struct range *range)
{
	struct counter counter = {.rules = &ranges->rules, .range = range};
	bool odd = false;
	int r;

	for (unsigned place = 0; place < CSV_PLACES; place++)
		range->views[place] = (struct range_view){
			.first = RANGES_NONE, .behind = RANGES_NONE, .end = (enum csv_place)place};
	r = piece_open(&counter.piece, ranges->source, range->begin, range->end);
	if (r < 0)
		return r;
	if (range == ranges->all)
		for (unsigned place = 0; place < CSV_PLACES; place++)
			note_line(&counter, &range->views[place], 0);
	for (;;) {
		uint64_t left = range->end - counter.piece.offset;
		size_t size = left < counter.piece.size ? (size_t)left : counter.piece.size;

		count_piece(&counter, size, &odd);
		if (size == left || counter.error)
			break;
		r = piece_next(&counter.piece, size);
		if (r < 0)
			break;
	}
	if (odd) {
		range->views[CSV_MIDDLE].end = CSV_QUOTED;
		range->views[CSV_QUOTED].end = CSV_MIDDLE;
	}
	piece_close(&counter.piece);
	return r < 0 ? r : counter.error;
}

static int count_ranges(sheaf_task *task, size_t begin, size_t end, void *context)
{
	const struct ranges *ranges = context;

	for (size_t i = begin; i < end; i++) {
		int r = count_range(ranges, &ranges->all[i]);

		if (r < 0)
			return sheaf_task_fail(task, r, "%s", sheaf_message());
	}
	return 0;
}

const struct own_function own_ranges[] = {
	OWN(count_ranges),
	OWN_END,
};

int ranges_count(sheaf_pool *pool, struct ranges *ranges, uint64_t begin, bool caller_works)
{
	const sheaf_map_options options = {.grain = 1, .on_error = SHEAF_CANCEL_REST, .caller_works = caller_works};
	uint64_t bytes = ranges->source->size - begin;

	for (size_t i = 0; i < ranges->count; i++) {
		uint64_t part = bytes / ranges->count, more = bytes % ranges->count;

		ranges->all[i].begin = begin + part * i + (i < more ? i : more);
		ranges->all[i].end = begin + part * (i + 1) + (i + 1 < more ? i + 1 : more);
	}
	return sheaf_for(pool, count_ranges, ranges, ranges->count, &options);
}

uint64_t ranges_join(struct ranges *ranges, enum csv_place *place)
{
	uint64_t rows = 0;

	*place = ranges->rules.comments ? CSV_START : CSV_MIDDLE;
	for (size_t i = 0; i < ranges->count; i++) {
		struct range *range = &ranges->all[i];

		range->place = *place;
		range->row = rows;
		rows += range_view(range)->rows;
		*place = range_view(range)->end;
	}
	return rows;
}
