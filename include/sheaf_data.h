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

/** enum sheaf_header - is the first line of a CSV file that is not blank a header, which names the columns and is not read? */
enum sheaf_header {
	SHEAF_HEADER_AUTO = 0, /* if one of its fields is a name, and none is or begins like a number */
	SHEAF_HEADER_NO = 1,
	SHEAF_HEADER_YES = 2,
};

/** struct sheaf_load_options - how a CSV file is read; all-zero and NULL mean the same. An .npy file needs none of it. */
typedef struct sheaf_load_options {
	enum sheaf_header header;
	/*
	 * Texts of missing values, such as "NA", "-" or "-999", with a NULL behind the last: a field that is one of them, in these letters,
	 * reads as NaN. "" is the empty field. NULL: none, so that each missing value is an error and no NaN comes into a sum unasked.
	 */
	const char *const *missing;
	uint64_t deadline_ns; /* until when a pipe, FIFO or terminal may let the call wait; 0: see sheaf_array_load() */
} sheaf_load_options;

/**
 * sheaf_array_load() - read a table of doubles into shared memory
 * @array: out: free with sheaf_array_free()
 * @path:  a NumPy .npy file (recognized by its first bytes) of dtype '<f8', C order, 1 or 2 dimensions; or else CSV: numbers
 *         separated by commas, the same count in every line; blank lines are skipped. Spaces or quotes around a number are fine,
 *         and so are "inf", "infinity" and "nan" in any case; the decimal point is a point in every locale. Pipes are read too
 * @options: of a CSV file; NULL: the defaults
 *
 * Hexadecimal numbers ("0x1F") and a NaN with a payload ("nan(123)") are no numbers here, though strtod() takes them: in a table of
 * decimal numbers they are labels or damage. A name, for SHEAF_HEADER_AUTO, has a letter, and is no common text of a missing value
 * ("NA", "n/a", "null", "none", "nil", "missing") and none of options->missing: a first line "NA,NA" or "-,-" is data, and an error
 * unless these are missing values, because it must not vanish in silence.
 *
 * One dimension of n values gives n rows of one column. A file without any row gives rows = 0, and data = NULL.
 *
 * Memory: what is in a file decides, not what it promises or how it is cut into lines. While it is read, and after it failed or was loaded, a
 * load has at most 8 bytes for each byte that was read, and 1 MiB. A field may have 1 MiB, a line any length.
 *
 * Waiting: a file is opened without waiting for anybody. A pipe is read until its writers have closed it. A FIFO that nobody has open for writing
 * is given 5 seconds for a writer to come. options->deadline_ns limits all of that instead, and SHEAF_FOREVER leaves it without a limit. Any
 * such wait also ends by sheaf_pool_interrupt(), and with the pool. The calling thread cannot be cancelled meanwhile. A terminal does not
 * become the controlling one.
 *
 * Return: 0; -EINVAL (NULL; options->header is none of its values); -EPERM (as all calls); the errors of opening and reading the file
 *         (-ENOENT, -EACCES, -EISDIR, -EIO, ...); -EBADMSG (the file is damaged: truncated or longer than its shape, an unreadable header,
 *         a bad number, a line with another count of columns; the message says file, line and column, or how many bytes are missing);
 *         -ENOTSUP (an .npy file of another version, dtype, order or number of dimensions: the message says which); -EOVERFLOW (the
 *         shape in the header does not fit; of a shape without values: more rows or columns than the heap could hold numbers); -ENXIO (a
 *         FIFO that nobody writes to); -ETIME (options->deadline_ns passed); -EINTR (sheaf_pool_interrupt()); -ECANCELED,
 *         -ENOTRECOVERABLE, -EOWNERDEAD, -EBADF as for sheaf_next(), while it would have to wait; -ENOMEM (also: no buffer); and
 *         those of sheaf_alloc().
 */
SHEAF_API int sheaf_array_load(sheaf_array *array, sheaf_pool *pool, const char *path, const sheaf_load_options *options);

/** sheaf_array_free() - give the table's memory back; zeroes *@array. An all-zero array is fine. As sheaf_free(). */
SHEAF_API int sheaf_array_free(sheaf_array *array, sheaf_pool *pool);

#ifdef __cplusplus
}
#endif

#endif
