/*
 * input.h - a file that is read once, from its beginning to its end.
 *
 * Pipes work, too, because the first bytes, which tell the format, are delivered again by the next
 * read.
 */
#ifndef SHEAF_LIB_DATA_INPUT_H
#define SHEAF_LIB_DATA_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "sheaf_data.h"

#define INPUT_HEAD 6

struct input {
	const char *path; /* "-": standard input */
	sheaf_pool *pool; /* its interruption, or its end, ends a wait here */
	unsigned heard;   /* member_heard() at the call's beginning */
	uint64_t deadline_ns;
	uint64_t writer_ns; /* a FIFO must have a writer by then */
	int fd;
	bool given;        /* standard input, of which others may have a descriptor, too */
	bool regular;      /* a file with a size, not a pipe or a device */
	bool unwritten;    /* a FIFO that has shown no writer yet */
	bool ended;        /* not to be read on: a terminal would begin anew */
	uint64_t size;     /* of a regular file, or of the part of it that is read */
	uint64_t begin;    /* where that part begins */
	uint64_t left;     /* bytes of that part to be read; UINT64_MAX: up to the end */
	uint64_t received; /* bytes read so far */
	size_t head_size;
	size_t head_taken;
	unsigned char head[INPUT_HEAD]; /* the first bytes, fewer if the file is shorter */
};

/*
 * Open a file of any kind, and wait for no more than its kind needs: see sheaf_array_load().
 * @deadline_ns: 0 is none. 0; -EISDIR, or the errno of opening and reading, with a message that
 * names the file; an error of sheaf_input_read().
 */
int sheaf_input_open(struct input *input, sheaf_pool *pool, const char *path, uint64_t deadline_ns);
void sheaf_input_close(struct input *input);

/*
 * Open a regular file, and wait for nothing. Of what is none nothing is read: -ENOTSUP, with
 * @advice behind the message.
 */
int input_open_regular(struct input *input, sheaf_pool *pool, const char *path, const char *advice);

/*
 * Fill @buffer with the next @size bytes, or with what is left. @count gets their number. 0;
 * -errno; while there is nothing to read: -ETIME, -ENXIO, -EINTR, and the errors of a pool that has
 * stopped.
 */
int sheaf_input_read(struct input *input, void *buffer, size_t size, size_t *count);

/* Read at most @size bytes as soon as there are some. @count is 0 at the end only. */
int sheaf_input_read_some(struct input *input, void *buffer, size_t size, size_t *count);

/*
 * Go to a part of a regular file: what is read next is that part, as if it were a file of its own.
 * 0, or -errno with its message.
 */
int sheaf_input_enter(struct input *input, uint64_t at, uint64_t size);

/* Tell whether the file's first bytes are those of a ZIP archive, with files or without. */
bool input_is_archive(const struct input *input);

#endif
