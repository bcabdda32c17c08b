/*
 * piece.h - the bytes of an input, piece by piece, for any process of the pool.
 *
 * An input is a file that each process opens by its name, or text in shared memory.
 */
#ifndef SHEAF_TABLE_PIECE_H
#define SHEAF_TABLE_PIECE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "data/input.h"
#include "os/file_id.h"

#define PIECE_PAD 64 /* bytes behind the text that may be read */

/* In shared memory, written by the caller of a load alone. */
struct source {
	const char *memory; /* NULL: a file */
	uint64_t begin;     /* the input's byte that memory[0] is */
	uint64_t size;      /* of the input, as far as it is to be read */
	uint64_t lines;     /* line ends before begin */
	struct os_file_id id;
	char path[PATH_MAX]; /* absolute */
};

/*
 * Some bytes of the input: text[0 .. size) are those from @offset on. A newline follows, and then
 * PIECE_PAD bytes of anything.
 */
struct piece {
	const struct source *source;
	const char *text;
	size_t size;
	uint64_t offset;
	uint64_t goal; /* the reader needs what is before it, and perhaps a bit more */
	bool last;     /* it ends where the input does */
	int fd;
	char *buffer; /* NULL: text is in shared memory */
	size_t room;
};

/*
 * Describe a file for all processes of the pool. False: they cannot open it, as it has no name that
 * leads there.
 */
bool piece_name(const struct input *input, struct source *source);

/*
 * Read the input from @offset on. What it will be read to is a guess. 0; -ENOMEM; -EBADMSG: the
 * file is another one now, or shorter than it was; an error of open() and read(). With a message.
 */
int piece_open(struct piece *piece, const struct source *source, uint64_t offset, uint64_t goal);
void piece_close(struct piece *piece);

/* Drop the first @used bytes, and read more. Not of a piece that is the last. The same errors. */
int piece_next(struct piece *piece, size_t used);

#endif
