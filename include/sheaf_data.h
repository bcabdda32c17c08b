/*
 * sheaf_data.h - arrays in a pool's shared memory, and files of them.
 *
 * Contents
 *   Arrays   sheaf_array_create, _view, _free, _count, _at, _is_contiguous
 *   Views    sheaf_array_slice, _transpose, _reshape
 *   Values   sheaf_array_fill, _copy
 *   Kernels  sheaf_map_array
 *   Files    sheaf_array_load, sheaf_array_save
 *
 * Model    An *array* is memory, the type of its items, a shape, and strides, as in NumPy. What it
 *          has in shared memory every task uses through the same plain pointer. A *view* shows
 *          items of another array, in another order or fewer of them, and nothing is copied.
 *
 * Callers  As in sheaf.h: the owner, its threads, and tasks, where a call takes a pool. A struct
 *          sheaf_array is the caller's, may be copied, and is protected by nothing.
 *
 * Returns  As in sheaf.h: >= 0 done, < 0 is -errno, and sheaf_message() says what went wrong.
 */
#ifndef SHEAF_DATA_H
#define SHEAF_DATA_H

#include "sheaf.h"
#include "sheaf_number.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SHEAF_MAX_DIMENSIONS 8u

/* ---- Arrays ---- */

/**
 * sheaf_array - items of one type in up to 8 dimensions
 *
 * Item (i, j, ...) is at data + i * strides[0] + j * strides[1] + ... A stride may be negative.
 * Without dimensions there is one item. An array without items, as some length is 0, may have data
 * NULL.
 */
typedef struct sheaf_array {
	void *data;
	enum sheaf_number type;
	unsigned dimensions;
	size_t item_size; /* bytes */
	size_t shape[SHEAF_MAX_DIMENSIONS];
	ptrdiff_t strides[SHEAF_MAX_DIMENSIONS]; /* bytes */
	void *memory;                            /* that sheaf_array_free() gives back; or NULL */
} sheaf_array;

/**
 * sheaf_array_create() - take zeroed shared memory for an array in C order: its last index changes
 *                        fastest
 * sheaf_array_view() - describe memory of the caller's, anywhere, that is in C order
 * @item_size: bytes of an item of SHEAF_BYTES or SHEAF_VOID; of the others 0, or what they have
 * @shape:     as many lengths as there are @dimensions, 0 to 8; NULL if there are none
 *
 * Return: 0; -EINVAL (NULL, an unknown type, SHEAF_EXACT, an item size that is not the type's, too
 *         many dimensions); -EOVERFLOW (the array does not fit in memory); create: those of
 *         sheaf_alloc().
 */
SHEAF_API int sheaf_array_create(sheaf_array *array, sheaf_pool *pool, enum sheaf_number type, size_t item_size,
				 unsigned dimensions, const size_t *shape);
SHEAF_API int sheaf_array_view(sheaf_array *array, void *data, enum sheaf_number type, size_t item_size, unsigned dimensions,
			       const size_t *shape);

/**
 * sheaf_array_free() - give the array's memory back, or unmap its file, and zero *@array. An
 * all-zero array, and one without memory of its own, are fine. Views of it are dead then.
 * Return: as sheaf_free(); -ENOSPC (of a mapped file: see sheaf_array_map()).
 */
SHEAF_API int sheaf_array_free(sheaf_array *array, sheaf_pool *pool);

/**
 * sheaf_array_count() - tell how many items there are
 * sheaf_array_at() - find an item by as many indices as there are dimensions, which are not checked
 * sheaf_array_is_contiguous() - tell whether the items lie one behind the other, in C order
 */
SHEAF_API size_t sheaf_array_count(const sheaf_array *array);
SHEAF_API void *sheaf_array_at(const sheaf_array *array, const size_t *index);
SHEAF_API bool sheaf_array_is_contiguous(const sheaf_array *array);

/* ---- Views ---- */

/**
 * sheaf_array_slice() - show every @step-th item along a dimension, @count of them from @first on
 * sheaf_array_transpose() - show the dimensions in another order
 * sheaf_array_reshape() - show the same items, one behind the other, in another shape
 * @view: out; may be @array itself. It has no memory of its own: keep what owns that
 * @step: may be negative, or 0: the same item again
 * @axes: as many as there are dimensions: dimension i of the view is dimension axes[i] of the
 *        array; NULL: the reverse order
 *
 * Return: 0; -EINVAL (NULL; no such dimension; items beyond the shape; axes that are not each there
 *         once; too many dimensions; reshape: another number of items, or an array that is not
 *         contiguous: copy it first).
 */
SHEAF_API int sheaf_array_slice(sheaf_array *view, const sheaf_array *array, unsigned dimension, size_t first, size_t count,
				ptrdiff_t step);
SHEAF_API int sheaf_array_transpose(sheaf_array *view, const sheaf_array *array, const unsigned *axes);
SHEAF_API int sheaf_array_reshape(sheaf_array *view, const sheaf_array *array, unsigned dimensions, const size_t *shape);

/* ---- Values ---- */

/* What happens to a value that the new type cannot hold? */
enum sheaf_range {
	SHEAF_CHECKED = 0,   /* the copy fails with -ERANGE, and its message names the item */
	SHEAF_SATURATED = 1, /* it becomes the nearest value; of a NaN 0; text is cut */
};

/**
 * sheaf_array_copy() - copy all items, in parallel, into another array, whose type may be another
 * sheaf_array_fill() - copy one item, of the array's own type, into all
 * @to, @from: of the same shape, in shared memory, anywhere in it; not the same items twice
 * @range:     for the values of other types
 * @value:     item_size bytes
 * @options:   as of sheaf_for(), without a context; or NULL
 *
 * Numbers are converted as by NumPy's astype(): to whole numbers towards 0, to floats to the
 * nearest, ties to even, and anything but 0 is true. A NaN, an infinity, or what is too large or
 * too small has no whole number; and a finite number too large for a float has no float. Complex
 * numbers become complex ones only. SHEAF_BYTES may become longer or shorter, if only zeros are
 * cut; SHEAF_VOID only what it is.
 *
 * When a copy fails, the other items may have been copied.
 * Return: 0; -EINVAL (NULL; other shapes; types that cannot be converted); -ERANGE; -EFAULT (not in
 *         shared memory); what sheaf_for() returns.
 */
SHEAF_API int sheaf_array_copy(sheaf_pool *pool, const sheaf_array *to, const sheaf_array *from, enum sheaf_range range,
			       const sheaf_map_options *options);
SHEAF_API int sheaf_array_fill(sheaf_pool *pool, const sheaf_array *array, const void *value, const sheaf_map_options *options);

/* ---- Kernels ---- */

/**
 * sheaf_block - a part of arrays that one call of a kernel computes
 *
 * @in has the block and its halo, as far as there are items. So the block's first item is at
 * in[inner], and in the whole array at begin. Of a map without input or output, that is all zero.
 */
typedef struct sheaf_block {
	sheaf_array in, out; /* views */
	size_t begin[SHEAF_MAX_DIMENSIONS];
	size_t shape[SHEAF_MAX_DIMENSIONS]; /* of the block without its halo: that of out */
	size_t inner[SHEAF_MAX_DIMENSIONS];
} sheaf_block;

/**
 * sheaf_block_fn - compute one block; run in a worker, once or more
 * @context: what sheaf_map_array() was given
 *
 * Return: 0, or a negative errno.
 */
typedef int sheaf_block_fn(sheaf_task *task, const sheaf_block *block, void *context);

/* How arrays are cut into blocks. A zeroed struct, or NULL: rows, the first index being theirs. */
typedef struct sheaf_blocks {
	/* Length of a block along each dimension; 0: all of it. All 0: 1 along the first one. */
	size_t shape[SHEAF_MAX_DIMENSIONS];
	size_t halo[SHEAF_MAX_DIMENSIONS]; /* so many items of in before and behind the block */
	void *context;                     /* in shared memory; or context_size bytes are copied */
	size_t context_size;
} sheaf_blocks;

/**
 * sheaf_map_array() - call a kernel for each block of an array, in parallel
 * @in, @out: of the same shape, in shared memory; of any types. NULL: there is none, but not both
 * @how:      NULL: rows
 * @options:  as of sheaf_for(), without a context; or NULL. Its grain counts blocks
 *
 * Blocks behind the last whole one are shorter. A kernel that writes to the halo, or reads what
 * others write, gets what the schedule makes of it. After a death a block is computed again.
 * Return: 0; -EINVAL (NULL; other shapes; more than 2^45 blocks); -EFAULT (not in shared memory);
 *         -ENOMEM; what sheaf_for() returns.
 */
SHEAF_API int sheaf_map_array(sheaf_pool *pool, sheaf_block_fn *fn, const sheaf_array *in, const sheaf_array *out,
			      const sheaf_blocks *how, const sheaf_map_options *options);

/* ---- Files ---- */

/* Is the first line of a CSV file that is not blank a header? It is not read as data then. */
enum sheaf_header {
	/* yes, if one of its fields is a name, and none is or begins like a number */
	SHEAF_HEADER_AUTO = 0,
	SHEAF_HEADER_NO = 1,
	SHEAF_HEADER_YES = 2,
};

/* A field of the records of an .npy file. Padding is none. */
typedef struct sheaf_field {
	char name[64]; /* in UTF-8, cut if it is longer */
	enum sheaf_number type;
	size_t item_size; /* bytes */
	size_t count;     /* items, one behind the other: 1, or more of a field with a shape */
	size_t offset;    /* bytes, in the record */
	bool swapped;     /* its numbers have the other byte order, as in the file */
} sheaf_field;

/** sheaf_load_options - how to read a file; all-zero and NULL mean the same */
typedef struct sheaf_load_options {
	enum sheaf_header header; /* of CSV */
	/*
	 * Of CSV: texts of missing values, such as "NA", "-" or "-999", with a NULL behind the
	 * last. A field that is exactly one of them reads as NaN. "" is the empty field. NULL:
	 * none, so that each missing value is an error, and no NaN gets into a sum unasked.
	 */
	const char *const *missing;
	/* until when the call may wait for a pipe, FIFO or terminal; 0: see sheaf_array_load() */
	uint64_t deadline_ns;
	const char *member; /* of an .npz file: which array; NULL: its only one */
	/* Of .npy: out: the fields of records, as many as fit, and how many there are; or NULL */
	sheaf_field *fields;
	size_t field_room;
	size_t *field_count;
} sheaf_load_options;

/**
 * sheaf_array_load() - read an array from a file into shared memory
 * @array:   out: free with sheaf_array_free()
 * @path:    a NumPy .npy file (recognized by its first bytes) of version 1.0, 2.0 or 3.0; an .npz
 *           file (a ZIP archive) of them, not compressed; or else CSV: numbers separated by
 *           commas, the same count in every line; blank lines are skipped. Spaces or quotes around
 *           a number are fine, and so are "inf", "infinity" and "nan" in any case. The decimal
 *           point is a point in every locale. Pipes are read, too, and "-" is standard input
 * @options: NULL: the defaults
 *
 * An .npy file gives its shape, its type, and items in this machine's byte order. In Fortran order
 * the first stride is the shortest. A structured dtype gives records of SHEAF_VOID, whose bytes are
 * as in the file: see options->fields. A CSV file gives rows and columns of SHEAF_F64.
 *
 * Hexadecimal numbers ("0x1F") and a NaN with a payload ("nan(123)") are no numbers here, though
 * strtod() accepts them, because in a table of decimal numbers they are labels or damage. A name,
 * for SHEAF_HEADER_AUTO, has a letter, and is neither a common text of a missing value ("NA",
 * "n/a", "null", "none", "nil", "missing") nor one of options->missing. So a first line "NA,NA" or
 * "-,-" is data, and an error unless these are missing values, because it must not vanish
 * unnoticed.
 *
 * Memory: what a file contains decides, not what it promises or how it is cut into lines. While a
 * file is read, and after it was loaded or loading it failed, a load holds at most 8 bytes for each
 * byte that was read, and 1 MiB. A field may have 1 MiB, a line any length.
 *
 * Workers: the lines of a CSV file of 256 KiB or more are parsed by workers and the caller, which
 * does all of it if they have other work. A pipe, or a file that no name leads to, the caller reads
 * alone. Each number is the double that is nearest to its text, either way.
 *
 * Waiting: the file is opened without waiting. A pipe is read until its writers have closed it. If
 * no process has a FIFO open for writing, the call waits 5 seconds for a writer.
 * options->deadline_ns limits all of these waits instead, and SHEAF_FOREVER removes the limit. Any
 * such wait also ends by sheaf_pool_interrupt(), and when the pool ends. The calling thread cannot
 * be cancelled meanwhile. A terminal does not become the controlling one.
 *
 * Return: 0; -EINVAL (NULL; options->header is none of its values; several arrays in an .npz file,
 *         and no member named); -EPERM (as all calls); the errors of opening and reading the file
 *         (-ENOENT, also: no such member, -EACCES, -EISDIR, -EIO, ...); -EBADMSG
 *         (the file is damaged: truncated or longer than its shape, an unreadable header, a bad
 *         number, a line with another count of columns; the message says file, line and column, or
 *         how many bytes are missing; or it is compressed, UTF-16, or the like); -ENOTSUP (an .npy
 *         file of another version, of a dtype that sheaf_number has not, as Python's objects, or of
 *         more than 8 dimensions: the message says which); -EOVERFLOW (the shape in the header does
 *         not fit; of a shape without values: more items along a dimension than the heap could
 *         hold); -ENXIO (a FIFO without a writer);
 *         -ETIME (options->deadline_ns passed); -EINTR (sheaf_pool_interrupt()); -ECANCELED,
 *         -ENOTRECOVERABLE, -EOWNERDEAD, -EBADF as for sheaf_next(), while the call would have to
 *         wait; -ENOMEM (also: no buffer); and those of sheaf_alloc().
 */
SHEAF_API int sheaf_array_load(sheaf_array *array, sheaf_pool *pool, const char *path, const sheaf_load_options *options);

/**
 * sheaf_array_save() - write an array to an .npy file that NumPy reads and maps
 * @path: one of that name is replaced when the new one is whole, so a failure, or a death, leaves
 *        what was there. Until then it is PATH.part, in the same folder. The new file gives other
 *        users no rights that the old one did not give. A symbolic link is replaced, not followed.
 *        What is no regular file cannot be replaced
 *
 * Needs no pool: the array may be anywhere. It is written by the calling thread, in version 1.0,
 * with a header that has room for more rows, in C order, or in Fortran order if it lies so.
 * SHEAF_VOID becomes the dtype V without fields.
 * Return: 0; -EINVAL (NULL, or not an array); -ENAMETOOLONG; -EISDIR, -ENOTSUP (no regular file
 *         has that name); the errors of making, writing and renaming a file (-ENOENT, -EACCES,
 *         -ENOSPC, -EDQUOT, -EFBIG, -EIO, ...); -ENOMEM.
 */
SHEAF_API int sheaf_array_save(const sheaf_array *array, const char *path);

#ifdef __cplusplus
}
#endif

#endif
