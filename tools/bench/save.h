/*
 * save.h - writing a file as a whole or not at all.
 */
#ifndef BENCH_SAVE_H
#define BENCH_SAVE_H

#include <stddef.h>
#include <stdio.h>

/**
 * save_file() - replace what @path holds by @text
 *
 * Readers see the old file or the new one, never a part. Links and devices (/dev/stdout) are written to as they are.
 *
 * Return: 0; -errno.
 */
int save_file(const char *path, const char *text, size_t size);

/**
 * save_between_marks() - replace what stands between the two lines @begin and @end of @path by @text; a missing file is made of them and @text
 *
 * Return: 0; -errno of reading or writing; -EBADMSG (the file has not both lines, in order).
 */
int save_between_marks(const char *path, const char *begin, const char *end, const char *text);

/** save_close() - close a stream into memory. Return: 0; -ENOMEM: not all that was written to it is there. */
int save_close(FILE *memory);

/** save_possible() - whether a file could be made where @path is to be. Return: 0; -errno. */
int save_possible(const char *path);

#endif
