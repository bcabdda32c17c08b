/*
 * fields.h - cuts comma-separated text into fields, line by line.
 *
 * Only the current field is held, so a line may be as long as it likes.
 */
#ifndef SHEAF_TABLE_FIELDS_H
#define SHEAF_TABLE_FIELDS_H

#include "data/input.h"

#define FIELDS_BUFFER ((size_t)64 * 1024)
#define FIELDS_PAD 32

struct fields {
	struct input *input;
	char *buffer;
	size_t size;  /* of the buffer, without the byte that ends a last field */
	size_t begin; /* buffer[begin .. end) was read and not handed out yet */
	size_t end;
	size_t line;   /* of the field that was handed out last; the first is 1 */
	size_t column; /* the same */
	bool more;     /* the line goes on behind that field */
};

/* Begin to cut @input. 0; -ENOMEM. */
int sheaf_fields_begin(struct fields *fields, struct input *input);
void sheaf_fields_end(struct fields *fields);

/*
 * Hand out the next field as a string, which may hold zero bytes and stays valid until the next
 * call. FIELDS_PAD bytes may be read from its end on. Lines with nothing but spaces and tabs are
 * passed over. A comma between quotes does not end a field. The end of a line does.
 *
 * 1; 0 at the end of the input, which is never between two fields of a line; -EBADMSG: the field is
 * too long; -ENOMEM; errors of sheaf_input_read().
 */
int sheaf_fields_next(struct fields *fields, const char **text, size_t *length);

/* Tell where in the input the next field begins. */
uint64_t sheaf_fields_at(const struct fields *fields);

#endif
