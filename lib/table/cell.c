/*
 * cell.c - finds where fields end, by their separators, line ends and quotes.
 *
 * Every quote outside of a comment opens or closes, wherever it stands, as in ranges.c. So both
 * find the same rows in a damaged file, too.
 */
#include "table/cell.h"
#include "table/word8.h"

#include <string.h>

/* Find the next separator, line end or quote at or behind @at. There is a newline at @limit. */
static const char *find_special(const struct csv_rules *rules, const char *at)
{
	for (;; at += 8) {
		uint64_t word = word8_load(at), found = word8_find(word, rules->separator) | word8_find(word, '\n');

		if (rules->quotes)
			found |= word8_find(word, '"');
		if (found)
			return at + __builtin_ctzll(found) / 8;
	}
}

/* Find where a field ends from @at on, outside of quotes. @limit: at the end of the text. */
static const char *find_cell_end(const struct csv_rules *rules, const char *at, const char *limit, struct cell *cell)
{
	for (;;) {
		at = find_special(rules, at);
		if (at >= limit)
			return limit;
		if (*at != '"' || !rules->quotes)
			return at;
		if (cell->flaw == CELL_FINE)
			cell->flaw = CELL_STRAY;
		at = memchr(at + 1, '"', (size_t)(limit - at) - 1);
		if (!at) {
			cell->flaw = cell->flaw == CELL_FINE ? CELL_OPEN : cell->flaw;
			return limit;
		}
		at++;
	}
}

/* Note what ends the field. @at: a separator, a newline, or @limit. */
static void stop_cell(const struct csv_rules *rules, const char *at, const char *limit, bool last, struct cell *cell)
{
	if (at >= limit) {
		cell->stop = last ? CELL_LINE : CELL_CUT;
		cell->next = limit;
	} else {
		cell->stop = *at == rules->separator ? CELL_FIELD : CELL_LINE;
		cell->next = at + 1;
	}
}

/* Find the end of a field in quotes, of which the first is at @at. */
static void find_quoted(const struct csv_rules *rules, const char *at, const char *limit, bool last, struct cell *cell)
{
	cell->begin = ++at;
	cell->quoted = true;
	for (;; at += 2, cell->doubled = true) {
		at = at < limit ? memchr(at, '"', (size_t)(limit - at)) : NULL;
		if (!at) {
			cell->end = limit;
			cell->flaw = CELL_OPEN;
			stop_cell(rules, limit, limit, last, cell);
			return;
		}
		if (at + 1 >= limit || at[1] != '"')
			break;
	}
	cell->end = at++;
	while (at < limit && rules_blank(rules, *at))
		at++;
	if (at + 1 < limit && *at == '\r' && at[1] == '\n')
		at++;
	else if (at + 1 == limit && *at == '\r' && last)
		at = limit;
	if (at < limit && *at != rules->separator && *at != '\n') {
		cell->flaw = CELL_AFTER;
		at = find_cell_end(rules, at, limit, cell);
	}
	stop_cell(rules, at, limit, last, cell);
}

void cell_find(const struct csv_rules *rules, const char *at, const char *limit, bool last, struct cell *cell)
{
	const char *begin = at;

	*cell = (struct cell){.begin = at};
	while (at < limit && rules_blank(rules, *at))
		at++;
	if (at < limit && *at == '"' && rules->quotes) {
		find_quoted(rules, at, limit, last, cell);
		return;
	}
	at = find_cell_end(rules, at, limit, cell);
	stop_cell(rules, at, limit, last, cell);
	cell->end = at > begin && cell->stop == CELL_LINE && at[-1] == '\r' ? at - 1 : at;
}

const char *cell_skip_row(const struct csv_rules *rules, const char *at, const char *limit, bool last)
{
	for (;;) {
		const char *line = at < limit ? memchr(at, '\n', (size_t)(limit - at)) : NULL;
		const char *quote = rules->quotes && at < limit ? memchr(at, '"', (size_t)((line ? line : limit) - at)) : NULL;

		if (!quote)
			return line ? line + 1 : last ? limit : NULL;
		at = memchr(quote + 1, '"', (size_t)(limit - quote) - 1);
		if (!at)
			return last ? limit : NULL;
		at++;
	}
}

const char *cell_find_row(const struct csv_rules *rules, const char *at, const char *limit, bool last)
{
	for (;;) {
		const char *line = at;

		if (at >= limit)
			return last ? limit : NULL;
		if (rules->comments && *at == rules->comment) {
			at = memchr(at, '\n', (size_t)(limit - at));
			if (!at)
				return last ? limit : NULL;
			at++;
			continue;
		}
		while (at < limit && rules_blank(rules, *at))
			at++;
		if (at + 1 >= limit && !last)
			return NULL;
		if (at < limit && *at == '\r' && (at + 1 == limit || at[1] == '\n'))
			at++;
		if (at < limit && *at != '\n')
			return line;
		at += at < limit;
	}
}

void cell_trim(const struct csv_rules *rules, struct cell *cell)
{
	while (cell->begin < cell->end && rules_blank(rules, *cell->begin))
		cell->begin++;
	while (cell->end > cell->begin && rules_blank(rules, cell->end[-1]))
		cell->end--;
}

size_t cell_copy(const struct cell *cell, char *to)
{
	const char *at = cell->begin;
	char *begin = to;

	if (!cell->doubled) {
		memcpy(to, at, (size_t)(cell->end - at));
		return (size_t)(cell->end - at);
	}
	while (at < cell->end) {
		*to++ = *at;
		at += *at == '"' ? 2 : 1;
	}
	return (size_t)(to - begin);
}
