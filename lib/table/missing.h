/*
 * missing.h - the texts that stand for missing values.
 */
#ifndef SHEAF_TABLE_MISSING_H
#define SHEAF_TABLE_MISSING_H

#include <stdbool.h>
#include <stddef.h>

/* In shared memory, with all that it points to. */
struct missing {
	size_t count;
	bool numbers; /* one of them may be read as a number */
	const char **texts;
	size_t *lengths;
};

/* Tell how many bytes the texts and their list take. @texts: ends with NULL; or NULL. */
size_t missing_size(const char *const *texts);

/* Write the list into that much memory, which is aligned to 8 bytes. */
void missing_make(struct missing *missing, const char *const *texts, char point, void *memory);

/* Tell whether it is one of the texts, to the last byte. */
bool missing_has(const struct missing *missing, const char *text, size_t length);

#endif
