/*
 * texts.h - different texts, numbered in the order in which they came.
 */
#ifndef SHEAF_TABLE_TEXTS_H
#define SHEAF_TABLE_TEXTS_H

#include <stddef.h>
#include <stdint.h>

#define TEXTS_MOST INT32_MAX

/* Zeroed, it is empty. In the memory of one process. */
struct texts {
	size_t count;
	size_t longest;
	char *bytes; /* of all texts, one behind the other */
	size_t used, room;
	size_t *ends; /* where each text ends in bytes */
	size_t ends_room;
	uint32_t *slots; /* number of a text plus 1; 0: free */
	size_t slot_count;
};

void texts_free(struct texts *texts);

/* Find the text, or add it. Return its number; -ENOMEM; -EOVERFLOW: there are TEXTS_MOST others. */
int64_t texts_add(struct texts *texts, const char *text, size_t length);

static inline const char *texts_get(const struct texts *texts, size_t number, size_t *length)
{
	size_t begin = number ? texts->ends[number - 1] : 0;

	*length = texts->ends[number] - begin;
	return texts->bytes + begin;
}

#endif
