/*
 * input.h - a file that is read once, from its beginning to its end.
 *
 * Pipes work too: the bytes that were looked at to recognize the format are delivered again by the next read.
 */
#ifndef SHEAF_LIB_DATA_INPUT_H
#define SHEAF_LIB_DATA_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "sheaf_data.h"

#define INPUT_HEAD 6

struct input {
	const char *path;
	int fd;
	bool regular;  /* a file with a size, not a pipe or a device */
	uint64_t size; /* of a regular file */
	size_t head_size;
	size_t head_taken;
	unsigned char head[INPUT_HEAD]; /* the first bytes, fewer if the file is shorter */
};

/* Return: 0; -EISDIR, or the errno of opening and reading, with a message that names the file. */
int sheaf_input_open(struct input *input, const char *path);
void sheaf_input_close(struct input *input);

/* Fills @buffer with the next @size bytes, or with what is left. Sets @count to their number. Return: 0, or -errno. */
int sheaf_input_read(struct input *input, void *buffer, size_t size, size_t *count);

/* Sets @lines to the number of lines in a regular file, without moving the place of the next read. Return: 0, or -errno. */
int sheaf_input_count_lines(const struct input *input, size_t *lines);

/* The formats. @array is filled only on success. Errors as sheaf_array_load(). */
int sheaf_csv_read(sheaf_array *array, sheaf_pool *pool, struct input *input, const sheaf_load_options *options);
int sheaf_npy_read(sheaf_array *array, sheaf_pool *pool, struct input *input);

/* True if the file's first bytes are those of an .npy file, as far as it has them. */
bool sheaf_npy_recognize(const struct input *input);

#endif
