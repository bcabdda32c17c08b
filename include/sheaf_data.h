/*
 * sheaf_data.h - numeric tables from files into a pool's shared memory.
 *
 * A table is read once, straight into the heap of the pool; every task then uses the same bytes through a plain pointer.
 * Callers, returns and messages are as in sheaf.h.
 */
#ifndef SHEAF_DATA_H
#define SHEAF_DATA_H

#include "sheaf.h"

#ifdef __cplusplus
extern "C" {
#endif

/** struct sheaf_array - rows x columns doubles, row-major, in shared memory: element (r, c) is data[r * columns + c]. */
typedef struct sheaf_array {
	double *data;
	size_t rows;
	size_t columns;
} sheaf_array;

/**
 * sheaf_array_load() - read a table of doubles into shared memory
 * @array: out: free with sheaf_array_free()
 * @path:  a NumPy .npy file (recognized by its first bytes) of dtype '<f8', C order, 1 or 2 dimensions; or else CSV: numbers
 *         separated by commas, the same count in every line; blank lines are skipped. Spaces or quotes around a number, "inf" and
 *         "nan" are fine; the decimal point is a point in every locale. A first line in which no field is or begins like a number
 *         is a header. Pipes are read too
 *
 * One dimension of n values gives n rows of one column. A file without any row gives rows = 0, and data = NULL.
 *
 * Return: 0; -EINVAL (NULL); the errors of opening and reading the file (-ENOENT, -EACCES, -EISDIR, -EIO, ...); -EBADMSG (the
 *         file is damaged: truncated or longer than its shape, an unreadable header, a bad number, a line with another count of
 *         columns; the message says file, line and column, or how many bytes are missing); -ENOTSUP (an .npy file of another
 *         version, dtype, order or number of dimensions: the message says which); -EOVERFLOW (the size in the header does not
 *         fit); -ENOMEM (also: no buffer); and those of sheaf_alloc().
 */
SHEAF_API int sheaf_array_load(sheaf_array *array, sheaf_pool *pool, const char *path);

/** sheaf_array_free() - give the table's memory back; zeroes *@array. An all-zero array is fine. As sheaf_free(). */
SHEAF_API int sheaf_array_free(sheaf_array *array, sheaf_pool *pool);

#ifdef __cplusplus
}
#endif

#endif
