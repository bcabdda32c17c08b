/*
 * header.c - judges fields of a first line.
 */
#include "table/header.h"

#include <strings.h>

#include "table/decimal.h"

bool header_means_missing(const char *text, size_t length)
{
	static const char *const texts[] = {"", "na", "null", "none", "nil", "missing"};
	char letters[8];
	size_t count = 0;

	for (; length > 0; text++, length--) {
		bool letter = (*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z');

		/* Digits, and letters outside of ASCII, belong to names. */
		if ((*text >= '0' && *text <= '9') || (unsigned char)*text >= 0x80 || (letter && count == sizeof(letters) - 1))
			return false;
		if (letter)
			letters[count++] = *text;
	}
	letters[count] = '\0';
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (strcasecmp(letters, texts[i]) == 0)
			return true;
	return false;
}

bool header_has_control(const char *text, size_t length, bool lines)
{
	for (; length > 0; text++, length--)
		if ((unsigned char)*text < ' ' && *text != '\t' && !(lines && (*text == '\n' || *text == '\r')))
			return true;
	return false;
}

bool header_begins_number(const char *text, size_t length, char point)
{
	const char *end = text + length;
	double value;

	if (length > 0 && decimal_read(text, point, &value) == end)
		return true;
	text += text < end && (*text == '+' || *text == '-');
	text += text < end && *text == point;
	return text < end && *text >= '0' && *text <= '9';
}
