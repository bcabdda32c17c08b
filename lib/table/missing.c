/*
 * missing.c - copies the texts for missing values to where workers see them.
 */
#include "table/missing.h"

#include <string.h>

#include "table/decimal.h"

/* Does the text begin as a number does? Then a field with it is not looked at as a text first. */
static bool reads_as_number(const char *text, char point)
{
	char padded[64] = {0};
	double value;

	/* More characters do not matter for that. */
	strncpy(padded, text, 32);
	return decimal_read(padded, point, &value) != NULL;
}

size_t missing_size(const char *const *texts)
{
	size_t size = 0;

	for (; texts && *texts; texts++)
		size += sizeof(const char *) + sizeof(size_t) + strlen(*texts) + 1;
	return size;
}

void missing_make(struct missing *missing, const char *const *texts, char point, void *memory)
{
	char *bytes;

	*missing = (struct missing){0};
	while (texts && texts[missing->count])
		missing->count++;
	missing->texts = memory;
	missing->lengths = (size_t *)(void *)(missing->texts + missing->count);
	bytes = (char *)(missing->lengths + missing->count);
	for (size_t i = 0; i < missing->count; i++) {
		size_t length = strlen(texts[i]);

		missing->texts[i] = memcpy(bytes, texts[i], length + 1);
		missing->lengths[i] = length;
		missing->numbers |= reads_as_number(texts[i], point);
		bytes += length + 1;
	}
}

bool missing_has(const struct missing *missing, const char *text, size_t length)
{
	for (size_t i = 0; i < missing->count; i++)
		if (missing->lengths[i] == length && memcmp(missing->texts[i], text, length) == 0)
			return true;
	return false;
}
