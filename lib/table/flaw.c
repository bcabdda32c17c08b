/*
 * flaw.c - says what is wrong with a CSV file: where, in lines and columns, and what stands there.
 *
 * Only bytes are counted while rows are parsed. The lines up to the place are counted now.
 */
#include "table/loading.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/printable.h"

#define SHOWN_TEXT 40

/* Where it is, and what is there. */
struct flaw_place {
	uint64_t line;
	char shown[4 * SHOWN_TEXT + 1];
	bool cut;
};

/* Count the lines before an offset. 0, or an error of piece_open(). */
static int count_lines(const struct source *source, uint64_t offset, uint64_t *lines)
{
	uint64_t begin = source->memory ? source->begin : 0;
	struct piece piece;
	int r = piece_open(&piece, source, begin, offset);

	*lines = source->memory ? source->lines : 0;
	if (r < 0)
		return r;
	for (;;) {
		uint64_t left = offset - piece.offset;
		size_t size = left < piece.size ? (size_t)left : piece.size;

		for (const char *at = piece.text, *end = at + size; (at = memchr(at, '\n', (size_t)(end - at))); at++)
			++*lines;
		if (size == left || piece.last)
			break;
		r = piece_next(&piece, size);
		if (r < 0)
			break;
	}
	piece_close(&piece);
	return r;
}

/* Read the beginning of what the field holds. */
static int show_text(const struct source *source, const struct flaw *flaw, struct flaw_place *place)
{
	uint64_t offset = flaw->offset + flaw->skipped;
	size_t length = flaw->length;
	struct piece piece;
	int r;

	place->shown[0] = '\0';
	place->cut = false;
	if (length == 0)
		return 0;
	r = piece_open(&piece, source, offset, offset + SHOWN_TEXT);
	if (r < 0)
		return r;
	if (length > SHOWN_TEXT) {
		place->cut = true;
		length = SHOWN_TEXT;
		/* Do not cut within a character. */
		while (length > SHOWN_TEXT - 4 && ((unsigned char)piece.text[length] & 0xc0) == 0x80)
			length--;
	}
	printable(place->shown, sizeof(place->shown), piece.text, length < piece.size ? length : piece.size);
	piece_close(&piece);
	return 0;
}

static const char *wanted(const struct fill_column *column)
{
	return column->kind == FILL_WHOLE ? "a whole number" : column->kind == FILL_BOOL ? "true or false" : "a number";
}

/* Say what a column takes, if the text is a number that it does not take. */
static void tell_bounds(const struct fill_column *column, char *text, size_t size)
{
	if (column->least)
		snprintf(text, size, " from -%ju to %ju", (uintmax_t)column->least, (uintmax_t)column->most);
	else
		snprintf(text, size, " from 0 to %ju", (uintmax_t)column->most);
}

static int fail_value(const char *where, const struct fill_column *column, const struct flaw *flaw,
		      const struct flaw_place *place)
{
	char bounds[64] = "";

	if (flaw->kind == FLAW_LONG)
		return sheaf_fail(-EBADMSG, "%s: \"%s\"%s has %zu bytes, and the column takes %zu", where, place->shown,
				  place->cut ? "..." : "", flaw->length, column->width);
	if (flaw->length == 0)
		return sheaf_fail(-EBADMSG, "%s: the field is empty; %s is wanted, or \"\" in options.missing", where,
				  wanted(column));
	if (flaw->kind == FLAW_WHOLE)
		tell_bounds(column, bounds, sizeof(bounds));
	return sheaf_fail(-EBADMSG, "%s: \"%s\"%s is not %s%s%s", where, place->shown, place->cut ? "..." : "", wanted(column),
			  bounds,
			  column->guessed ? ", as a sample of the column is: give its type, name what is missing in "
					    "options.missing, or set options.widen"
					  : "");
}

int flaw_fail(const struct loading *loading, const struct flaw *flaw)
{
	/* There are no columns while the header is read, and a row may go on behind the last. */
	const struct fill *fill = loading->fill;
	const struct fill_column *column = fill && flaw->column < fill->column_count ? &fill->columns[flaw->column] : NULL;
	struct flaw_place place;
	char where[256];
	int r;

	if (flaw->kind == FLAW_MEMORY)
		return sheaf_fail(-ENOMEM, "%s: no memory for the texts of column %zu", loading->path, flaw->column + 1);
	if (flaw->kind == FLAW_CHANGED)
		return sheaf_fail(-EBADMSG, "%s: changed while it was read: it has fewer rows than before", loading->path);
	if ((r = count_lines(loading->source, flaw->offset, &place.line)) || (r = show_text(loading->source, flaw, &place)))
		return r;
	snprintf(where, sizeof(where), "%.180s: line %ju, column %zu", loading->path, (uintmax_t)place.line + 1,
		 flaw->column + 1);
	switch (flaw->kind) {
	case FLAW_FEW:
		return sheaf_fail(-EBADMSG, "%s: is missing; there are %zu columns", where, loading->fill->column_count);
	case FLAW_MANY:
		return sheaf_fail(-EBADMSG, "%s: a field too many; there are %zu columns", where, loading->fill->column_count);
	case FLAW_STRAY:
		return sheaf_fail(
			-EBADMSG,
			"%s: \"%s\"%s has a quote and does not begin with one; set options.plain if quotes mean nothing", where,
			place.shown, place.cut ? "..." : "");
	case FLAW_AFTER:
		return sheaf_fail(-EBADMSG, "%s: text follows the quotes around \"%s\"%s", where, place.shown,
				  place.cut ? "..." : "");
	case FLAW_OPEN:
		return sheaf_fail(-EBADMSG, "%s: the quote before \"%s\"%s is not closed", where, place.shown,
				  place.cut ? "..." : "");
	default:
		return fail_value(where, column, flaw, &place);
	}
}
