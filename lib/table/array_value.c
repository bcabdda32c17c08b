/*
 * array_value.c - reads fields of arrays. Quotes mean less than in a table: they may stand around a
 * number, and a line ends within them, too.
 */
#include "table/array_value.h"

#include "table/decimal.h"

const char *array_skip_blanks(const char *at, const char *end)
{
	while (at < end && (*at == ' ' || *at == '\t'))
		at++;
	return at;
}

bool array_read_number(const char *text, size_t length, double *value)
{
	const char *end = text + length, *at = array_skip_blanks(text, end);
	bool quoted = at < end && *at == '"';

	if (quoted)
		at = array_skip_blanks(at + 1, end);
	if (at == end || !(at = decimal_read(at, '.', value)))
		return false;
	at = array_skip_blanks(at, end);
	if (quoted) {
		if (at == end || *at != '"')
			return false;
		at = array_skip_blanks(at + 1, end);
	}
	return at == end;
}

/* Find the field's text without blanks and quotes around it. */
static const char *bare_text(const char *text, size_t *length)
{
	const char *end = text + *length;

	text = array_skip_blanks(text, end);
	while (end > text && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	if (end - text >= 2 && *text == '"' && end[-1] == '"') {
		text++;
		end--;
	}
	*length = (size_t)(end - text);
	return text;
}

bool array_is_missing(const struct missing *missing, const char *text, size_t length)
{
	if (!missing->count)
		return false;
	text = bare_text(text, &length);
	return missing_has(missing, text, length);
}
