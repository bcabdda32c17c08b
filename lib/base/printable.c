/*
 * printable.c - checks and escapes the text of others, character by character.
 *
 * UTF-8 is decoded strictly. A sequence that is cut, too long for its value, a surrogate or beyond
 * U+10FFFF is no character, and its first byte is escaped alone. What is well-formed stays,
 * although terminals of other encodings show it as something else.
 */
#include "base/printable.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define LONGEST_PIECE 12 /* "\U0010ffff" and its zero fit */

/* Characters that command, reorder, or cannot be seen. In order. */
static const struct {
	uint32_t first, last;
} hidden[] = {
	{0x00, 0x1f},       {0x7f, 0x9f},       {0xad, 0xad},          {0x61c, 0x61c},   {0x180e, 0x180e},
	{0x200b, 0x200f},   {0x2028, 0x202e},   {0x2060, 0x206f},      {0xfeff, 0xfeff}, {0xfff9, 0xfffb},
	{0x1d173, 0x1d17a}, {0xe0000, 0xe0fff}, {0xf0000, UINT32_MAX},
};

/*
 * Count the plain characters that text begins with. Most text is plain, so this is all that most
 * calls pay.
 */
static size_t count_plain(const char *text, size_t length)
{
	size_t count = 0;

	while (count < length && text[count] >= ' ' && text[count] < 0x7f)
		count++;
	return count;
}

static bool is_hidden(uint32_t character)
{
	for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++)
		if (character <= hidden[i].last)
			return character >= hidden[i].first;
	return false;
}

/* Decode the character at @text. Returns its bytes, or 0 if there is none. */
static size_t decode(const unsigned char *text, size_t length, uint32_t *character)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	unsigned char lead = text[0];
	size_t size = lead < 0x80 ? 1 : lead >= 0xc2 && lead < 0xe0 ? 2 : lead >= 0xe0 && lead < 0xf0 ? 3 : 4;

	if ((lead >= 0x80 && lead < 0xc2) || lead > 0xf4 || size > length)
		return 0;
	*character = size == 1 ? lead : lead & (0x7fu >> size);
	for (size_t i = 1; i < size; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		*character = *character << 6 | (text[i] & 0x3f);
	}
	if (*character < least[size] || *character > 0x10ffff || (*character >= 0xd800 && *character < 0xe000))
		return 0;
	return size;
}

/*
 * Store what is shown for the first character or byte of @text, as a string. Returns how many bytes
 * of @text that stands for. *@escaped: it is an escape.
 */
static size_t take_character(const char *text, size_t length, char piece[LONGEST_PIECE], bool *escaped)
{
	uint32_t character = 0;
	size_t size = decode((const unsigned char *)text, length, &character);

	*escaped = size == 0 || is_hidden(character);
	if (!*escaped) {
		memcpy(piece, text, size);
		piece[size] = '\0';
		return size;
	}
	if (*text == '\n' || *text == '\r' || *text == '\t')
		snprintf(piece, LONGEST_PIECE, "\\%c", *text == '\n' ? 'n' : *text == '\r' ? 'r' : 't');
	else if (size <= 1)
		snprintf(piece, LONGEST_PIECE, "\\x%02x", (unsigned char)*text);
	else
		snprintf(piece, LONGEST_PIECE, character > 0xffff ? "\\U%08x" : "\\u%04x", (unsigned)character);
	return size ? size : 1;
}

size_t printable(char *to, size_t size, const char *text, size_t length)
{
	size_t written = 0;

	while (length > 0) {
		char piece[LONGEST_PIECE];
		bool escaped;
		size_t room = size - 1 - written;
		size_t plain = count_plain(text, length < room ? length : room);
		size_t taken, shown;

		memcpy(to + written, text, plain);
		written += plain;
		text += plain;
		length -= plain;
		if (length == 0 || plain == room)
			break;
		taken = take_character(text, length, piece, &escaped);
		shown = strlen(piece);

		if (shown >= size - written)
			break;
		memcpy(to + written, piece, shown);
		written += shown;
		text += taken;
		length -= taken;
	}
	to[written] = '\0';
	return written;
}

bool printable_is_utf8(const char *text)
{
	uint32_t character;
	size_t size;

	for (size_t length = strlen(text); length > 0; text += size, length -= size)
		if ((size = decode((const unsigned char *)text, length, &character)) == 0)
			return false;
	return true;
}

bool printable_already(const char *text)
{
	size_t length = strlen(text);

	while (length > 0) {
		char piece[LONGEST_PIECE];
		bool escaped;
		size_t taken = take_character(text, length, piece, &escaped);

		if (escaped)
			return false;
		text += taken;
		length -= taken;
	}
	return true;
}
