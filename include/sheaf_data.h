/*
 * sheaf_data.h - numeric tables from files into a pool's shared memory.
 *
 * A table is read once, straight into the heap of the pool. Every task then uses the same bytes
 * through a plain pointer. Callers, returns and messages are as in sheaf.h.
 */
#ifndef SHEAF_DATA_H
#define SHEAF_DATA_H

#include "sheaf.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct sheaf_array - rows x columns doubles, row-major, in shared memory: element (r, c) is
 * data[r * columns + c].
 */
typedef struct sheaf_array {
	double *data;
	size_t rows;
	size_t columns;
} sheaf_array;

/**
 * enum sheaf_header - is the first line of a CSV file that is not blank a header? A header names
 * the columns and is not read as data.
 */
enum sheaf_header {
	/* yes, if one of its fields is a name, and none is or begins like a number */
	SHEAF_HEADER_AUTO = 0,
	SHEAF_HEADER_NO = 1,
	SHEAF_HEADER_YES = 2,
};

/**
 * struct sheaf_load_options - how to read a CSV file; all-zero and NULL mean the same. For an .npy
 * file only deadline_ns matters.
 */
typedef struct sheaf_load_options {
	enum sheaf_header header;
	/*
	 * Texts of missing values, such as "NA", "-" or "-999", with a NULL behind the last. A
	 * field that is exactly one of them reads as NaN. "" is the empty field. NULL: none, so
	 * that each missing value is an error, and no NaN gets into a sum unasked.
	 */
	const char *const *missing;
	/* until when the call may wait for a pipe, FIFO or terminal; 0: see sheaf_array_load() */
	uint64_t deadline_ns;
} sheaf_load_options;

/**
 * sheaf_array_load() - read a table of doubles into shared memory
 * @array:   out: free with sheaf_array_free()
 * @path:    a NumPy .npy file (recognized by its first bytes) of dtype '<f8', C order, 1 or 2
 *           dimensions; or else CSV: numbers separated by commas, the same count in every line;
 *           blank lines are skipped. Spaces or quotes around a number are fine, and so are "inf",
 *           "infinity" and "nan" in any case. The decimal point is a point in every locale. Pipes
 *           are read, too
 * @options: for a CSV file, and the deadline; NULL: the defaults
 *
 * Hexadecimal numbers ("0x1F") and a NaN with a payload ("nan(123)") are no numbers here, though
 * strtod() accepts them, because in a table of decimal numbers they are labels or damage. A name,
 * for SHEAF_HEADER_AUTO, has a letter, and is neither a common text of a missing value ("NA",
 * "n/a", "null", "none", "nil", "missing") nor one of options->missing. So a first line "NA,NA" or
 * "-,-" is data, and an error unless these are missing values, because it must not vanish
 * unnoticed.
 *
 * One dimension of n values gives n rows of one column. A file without any row gives rows = 0, and
 * data = NULL.
 *
 * Memory: what a file contains decides, not what it promises or how it is cut into lines. While a
 * file is read, and after it was loaded or loading it failed, a load holds at most 8 bytes for each
 * byte that was read, and 1 MiB. A field may have 1 MiB, a line any length.
 *
 * Waiting: the file is opened without waiting. A pipe is read until its writers have closed it. If
 * no process has a FIFO open for writing, the call waits 5 seconds for a writer.
 * options->deadline_ns limits all of these waits instead, and SHEAF_FOREVER removes the limit. Any
 * such wait also ends by sheaf_pool_interrupt(), and when the pool ends. The calling thread cannot
 * be cancelled meanwhile. A terminal does not become the controlling one.
 *
 * Return: 0; -EINVAL (NULL; options->header is none of its values); -EPERM (as all calls); the
 *         errors of opening and reading the file (-ENOENT, -EACCES, -EISDIR, -EIO, ...); -EBADMSG
 *         (the file is damaged: truncated or longer than its shape, an unreadable header, a bad
 *         number, a line with another count of columns; the message says file, line and column, or
 *         how many bytes are missing); -ENOTSUP (an .npy file of another version, dtype, order or
 *         number of dimensions: the message says which); -EOVERFLOW (the shape in the header does
 *         not fit; of a shape without values: more rows or columns than the heap could hold
 *         numbers); -ENXIO (a FIFO without a writer); -ETIME (options->deadline_ns passed); -EINTR
 *         (sheaf_pool_interrupt()); -ECANCELED, -ENOTRECOVERABLE, -EOWNERDEAD, -EBADF as for
 *         sheaf_next(), while the call would have to wait; -ENOMEM (also: no buffer); and those of
 *         sheaf_alloc().
 */
SHEAF_API int sheaf_array_load(sheaf_array *array, sheaf_pool *pool, const char *path, const sheaf_load_options *options);

/**
 * sheaf_array_free() - give the table's memory back; zeroes *@array. An all-zero array is fine.
 * Return: as sheaf_free().
 */
SHEAF_API int sheaf_array_free(sheaf_array *array, sheaf_pool *pool);

#ifdef __cplusplus
}
#endif

#endif
