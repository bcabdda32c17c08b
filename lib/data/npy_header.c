/*
 * npy_header.c - reads the header of an .npy file, as numpy/lib/format.py describes it: a
 * dictionary with the keys descr, fortran_order and shape.
 *
 * A structured dtype is a list of fields: (name, dtype), or (name, dtype, shape). The name may be
 * (title, name), and the dtype a list again: that field is SHEAF_VOID here.
 */
#include "data/npy_header.h"

#include "base/error.h"
#include "base/number.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define KEY_TEXT 32
#define MOST_NESTED 16 /* lists in lists */

static void skip_spaces(struct npy_header *header)
{
	header->at += strspn(header->at, " \t\r\n");
}

static bool take_sign(struct npy_header *header, char wanted)
{
	skip_spaces(header);
	if (*header->at != wanted)
		return false;
	header->at++;
	return true;
}

static bool take_word(struct npy_header *header, const char *word)
{
	skip_spaces(header);
	if (strncmp(header->at, word, strlen(word)) != 0)
		return false;
	header->at += strlen(word);
	return true;
}

/* ---- strings ---- */

/* A text that is put together. */
struct string {
	char *text;
	size_t size, length;
	bool full; /* a character did not fit, so none follows */
};

/* Add a character, or nothing of it. */
static void put_character(struct string *string, const char *bytes, size_t count)
{
	string->full = string->full || count >= string->size - string->length;
	if (string->full)
		return;
	memcpy(string->text + string->length, bytes, count);
	string->length += count;
}

/* Add a character by its number. */
static void put_code_point(struct string *string, uint32_t character)
{
	static const unsigned char leads[] = {0, 0xc0, 0xe0, 0xf0};
	unsigned more = character < 0x80 ? 0 : character < 0x800 ? 1 : character < 0x10000 ? 2 : 3;
	char bytes[4];

	bytes[0] = (char)(leads[more] | character >> 6 * more);
	for (unsigned i = 1; i <= more; i++)
		bytes[i] = (char)(0x80 | (character >> 6 * (more - i) & 0x3f));
	put_character(string, bytes, more + 1);
}

/* Take what follows a backslash, as Python's repr() writes it. */
static bool take_escape(struct npy_header *header, uint32_t *character)
{
	static const char signs[] = "\\'\"nrt", values[] = "\\'\"\n\r\t";
	const char *sign = *header->at ? strchr(signs, *header->at) : NULL;
	unsigned digits = *header->at == 'x' ? 2 : *header->at == 'u' ? 4 : *header->at == 'U' ? 8 : 0;

	if (!sign && !digits)
		return false;
	header->at++;
	*character = sign ? (unsigned char)values[sign - signs] : 0;
	for (; digits > 0; digits--, header->at++) {
		static const char hex[] = "0123456789abcdef";
		const char *digit = *header->at ? strchr(hex, *header->at) : NULL;

		if (!digit)
			return false;
		*character = *character << 4 | (uint32_t)(digit - hex);
	}
	return *character > 0 && *character <= 0x10ffff;
}

/* Take a string in either kind of quotes, make it UTF-8, and cut it to @size. */
static bool take_string(struct npy_header *header, char *text, size_t size)
{
	struct string string = {.text = text, .size = size};
	uint32_t character;
	char quote;

	skip_spaces(header);
	quote = *header->at;
	if (quote != '\'' && quote != '"')
		return false;
	for (header->at++; *header->at != quote;) {
		const char *from = header->at;

		if (*from == '\0')
			return false;
		header->at++;
		if (*from == '\\') {
			if (!take_escape(header, &character))
				return false;
			put_code_point(&string, character);
		} else if (header->latin) {
			put_code_point(&string, (unsigned char)*from);
		} else {
			while (((unsigned char)*header->at & 0xc0) == 0x80)
				header->at++;
			put_character(&string, from, (size_t)(header->at - from));
		}
	}
	header->at++;
	text[string.length] = '\0';
	return true;
}

static bool take_bool(struct npy_header *header, bool *value)
{
	*value = take_word(header, "True");
	return *value || take_word(header, "False");
}

static bool take_length(struct npy_header *header, size_t *length)
{
	skip_spaces(header);
	if (*header->at < '0' || *header->at > '9')
		return false;
	for (*length = 0; *header->at >= '0' && *header->at <= '9'; header->at++) {
		size_t digit = (size_t)(*header->at - '0');

		if (*length > (SIZE_MAX - digit) / 10)
			header->too_large = true;
		*length = *length * 10 + digit;
	}
	/* Python 2 ends some integers so. */
	take_sign(header, 'L');
	return true;
}

/* Take a shape: (), (n,) or (n, m, ...), with or without a last comma. The first @room are kept. */
static bool take_lengths(struct npy_header *header, size_t *lengths, unsigned room, unsigned *count)
{
	bool comma = true;

	*count = 0;
	if (!take_sign(header, '('))
		return false;
	while (!take_sign(header, ')')) {
		size_t length;

		if (!comma || !take_length(header, &length))
			return false;
		if (*count < room)
			lengths[*count] = length;
		(*count)++;
		comma = take_sign(header, ',');
	}
	/* Without a comma, (n) is no tuple. */
	return *count != 1 || comma;
}

/* ---- dtypes ---- */

static bool take_fields(struct npy_header *header, size_t *bytes, bool keep, unsigned depth);

/* Take a field's dtype: a string, or a list of fields, whose bytes are the item. */
static bool take_field_dtype(struct npy_header *header, sheaf_field *field, unsigned depth)
{
	struct dtype dtype = {.type = SHEAF_VOID};
	char text[DTYPE_TEXT];

	skip_spaces(header);
	if (*header->at == '[') {
		if (!take_fields(header, &dtype.item_size, false, depth + 1))
			return false;
	} else if (!take_string(header, text, sizeof(text))) {
		return false;
	} else if (!dtype_read(text, &dtype)) {
		header->known = false;
		snprintf(header->text, sizeof(header->text), "%s", text);
	}
	field->type = dtype.type;
	field->item_size = dtype.item_size;
	field->swapped = dtype.swapped;
	return true;
}

/* Take the shape of a field: how many items it has. It may be a number alone. */
static bool take_field_count(struct npy_header *header, sheaf_field *field)
{
	size_t lengths[SHEAF_MAX_DIMENSIONS];
	unsigned count;

	skip_spaces(header);
	if (*header->at != '(')
		return take_length(header, &field->count);
	if (!take_lengths(header, lengths, SHEAF_MAX_DIMENSIONS, &count))
		return false;
	if (count > SHEAF_MAX_DIMENSIONS)
		header->too_large = true;
	for (unsigned i = 0; i < count && i < SHEAF_MAX_DIMENSIONS; i++)
		if (!checked_multiply(field->count, lengths[i], &field->count))
			header->too_large = true;
	return true;
}

/* Take (name, dtype) or (name, dtype, shape), whose name may be (title, name). */
static bool take_field(struct npy_header *header, sheaf_field *field, unsigned depth)
{
	bool titled;

	*field = (sheaf_field){.count = 1};
	if (!take_sign(header, '('))
		return false;
	titled = take_sign(header, '(');
	if (!take_string(header, field->name, sizeof(field->name)))
		return false;
	if (titled &&
	    (!take_sign(header, ',') || !take_string(header, field->name, sizeof(field->name)) || !take_sign(header, ')')))
		return false;
	if (!take_sign(header, ',') || !take_field_dtype(header, field, depth))
		return false;
	if (take_sign(header, ',')) {
		skip_spaces(header);
		if (*header->at != ')' && !take_field_count(header, field))
			return false;
		take_sign(header, ',');
	}
	return take_sign(header, ')');
}

/* Take a list of fields. @bytes: out: of a record. @keep: the caller of the load wants them. */
static bool take_fields(struct npy_header *header, size_t *bytes, bool keep, unsigned depth)
{
	bool comma = true;

	*bytes = 0;
	if (depth > MOST_NESTED || !take_sign(header, '['))
		return false;
	while (!take_sign(header, ']')) {
		sheaf_field field;
		size_t size;

		if (!comma || !take_field(header, &field, depth))
			return false;
		field.offset = *bytes;
		if (!checked_multiply(field.item_size, field.count, &size) || size > SIZE_MAX - *bytes)
			header->too_large = true;
		else
			*bytes += size;
		/* A field without a name is padding. */
		if (keep && field.name[0]) {
			if (header->fields.count < header->fields.room)
				header->fields.fields[header->fields.count] = field;
			header->fields.count++;
		}
		comma = take_sign(header, ',');
	}
	return true;
}

static bool take_dtype(struct npy_header *header)
{
	skip_spaces(header);
	header->known = true;
	if (*header->at == '[') {
		header->dtype = (struct dtype){.type = SHEAF_VOID};
		return take_fields(header, &header->dtype.item_size, true, 0);
	}
	if (!take_string(header, header->text, sizeof(header->text)))
		return false;
	header->known = dtype_read(header->text, &header->dtype);
	return true;
}

/* ---- the dictionary ---- */

static bool take_value(struct npy_header *header, size_t key)
{
	if (key == 0)
		return take_dtype(header);
	if (key == 1)
		return take_bool(header, &header->fortran_order);
	return take_lengths(header, header->shape, SHEAF_MAX_DIMENSIONS, &header->dimensions);
}

static int fail_unreadable(struct npy_header *header)
{
	skip_spaces(header);
	return sheaf_fail(-EBADMSG, "%s: unreadable .npy header at \"%.24s\"", header->path, header->at);
}

int npy_header_read(struct npy_header *header)
{
	static const char *const keys[] = {"descr", "fortran_order", "shape"};
	bool found[3] = {false};
	bool comma = true;

	if (!take_sign(header, '{'))
		return fail_unreadable(header);
	while (!take_sign(header, '}')) {
		char key[KEY_TEXT];
		size_t k = 0;
		const char *entry = header->at;
		bool taken = comma && take_string(header, key, sizeof(key)) && take_sign(header, ':');

		while (taken && k < 3 && strcmp(key, keys[k]) != 0)
			k++;
		if (!taken || k == 3 || found[k]) {
			header->at = entry;
			return fail_unreadable(header);
		}
		found[k] = true;
		if (!take_value(header, k))
			return fail_unreadable(header);
		comma = take_sign(header, ',');
	}
	skip_spaces(header);
	if (*header->at != '\0')
		return fail_unreadable(header);
	for (size_t k = 0; k < 3; k++)
		if (!found[k])
			return sheaf_fail(-EBADMSG, "%s: the .npy header lacks the key '%s'", header->path, keys[k]);
	return 0;
}
