/*
 * sheaf_file.h - arrays that are files: mapped, made in place, appended to, in archives, or in
 * named shared memory.
 *
 * Contents
 *   Mapping         sheaf_array_map
 *   Making          sheaf_array_create_file, _finish
 *   Appending       sheaf_npy_append
 *   Archives        sheaf_npz_list, sheaf_npz_save
 *   Named memory    sheaf_array_create_named
 *   File to file    sheaf_map_file
 *
 * Model    A *mapped* array is the file itself, at one address in all processes of the pool.
 *          Nothing is read before it is used, and what is read is not copied. So a file may be
 *          larger than memory. Give the array back by sheaf_array_free(), which unmaps it.
 *
 * Workers  Each has a file at that address before it runs its next task. A task that runs already
 *          when the file is mapped does not have it.
 *
 * Memory   A mapped file takes addresses of the pool's heap, and no shared memory. If it is larger
 *          than the heap, raise options.heap_size of the pool, which takes no memory by itself.
 *
 * Damage   If another program cuts a mapped file, or its disk fails, a task that touches what is
 *          gone dies by SIGBUS, as its position says. The caller's own touch has the same effect on
 *          the caller: sheaf_array_load(), which reads, has not.
 *
 * Callers  The owner of the pool and its threads, where a call takes a pool. Tasks and programs
 *          that joined use what is mapped, and call sheaf_map_file().
 *
 * Returns  As in sheaf.h.
 */
#ifndef SHEAF_FILE_H
#define SHEAF_FILE_H

#include "sheaf_data.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Mapping ---- */

/* What may be done with the items of a mapped array. A write that may not be done is a SIGSEGV. */
enum sheaf_access {
	SHEAF_READ_ONLY = 0,
	SHEAF_READ_WRITE = 1,    /* what is written goes into the file, and all processes see it */
	SHEAF_COPY_ON_WRITE = 2, /* what is written only the process that wrote it sees */
};

/* What lies in a file without a header, or in named memory. */
typedef struct sheaf_layout {
	enum sheaf_number type;
	size_t item_size; /* of SHEAF_BYTES and SHEAF_VOID; of the others 0, or what they have */
	unsigned dimensions;
	size_t shape[SHEAF_MAX_DIMENSIONS];
	bool fortran;    /* the first index changes fastest */
	uint64_t offset; /* bytes in front of the first item */
} sheaf_layout;

/** sheaf_file_options - which array of which file; all-zero and NULL mean the same */
typedef struct sheaf_file_options {
	enum sheaf_access access;
	const char *member;         /* of an .npz file: which array; NULL: its only one */
	const sheaf_layout *layout; /* of a file without a header; NULL: .npy or .npz */
	bool named;                 /* the path is the name of shared memory, such as "/psm_1" */
	/*
	 * Only these rows (in Fortran order: columns, the last index) of the array, so that a part
	 * of a large file takes few addresses. rows 0: all of them from @first on.
	 */
	size_t first, rows;
} sheaf_file_options;

/**
 * sheaf_array_map() - use a file as an array, without reading it
 * @array:   out: unmap it with sheaf_array_free(); its items are aligned as they are in the file
 * @path:    an .npy file of version 1.0, 2.0 or 3.0; an .npz file; what options->layout describes;
 *           or, with options->named, the name of shared memory, a slash first
 * @options: NULL: an .npy file, for reading
 *
 * The items must have this machine's byte order, and each must be aligned to its type. Those of
 * sheaf_npz_save() are, those of numpy.savez() only by chance.
 * Return: 0; -EINVAL (NULL, a layout that no array has, rows that there are not, a member of
 *         another file than .npz); -EPERM (also: a task, or a program that joined); the errors of
 *         opening a file (-ENOENT, -EACCES, ...); -EBADMSG (damaged, or shorter than its shape);
 *         -ENOENT (also: no such member); -ENOTSUP (as sheaf_array_load(); the other byte order;
 *         items that are not aligned; a compressed member; no regular file: load it instead);
 *         -ENOMEM (the heap has no such piece of addresses); -EMFILE (4094 files are mapped);
 *         -EOVERFLOW; -ENOSPC (for the list of mapped files).
 */
SHEAF_API int sheaf_array_map(sheaf_array *array, sheaf_pool *pool, const char *path, const sheaf_file_options *options);

/* ---- Making ---- */

/**
 * sheaf_array_create_file() - begin an .npy file as an array of zeros, to be filled in place
 * sheaf_array_finish() - give the file its name, and unmap it
 * @array:     create: out, in C order; finish: what create gave, which becomes all zero
 * @path:      as of sheaf_array_save(): what has that name stays until sheaf_array_finish()
 * @item_size, @dimensions, @shape: as of sheaf_array_create()
 * @rows:      so many rows are kept, at most shape[0], and the file is cut behind them
 * @durable:   return only when the file is safe from a power cut
 *
 * The space on the disk is taken at once, so that a full disk is an error of this call, and no
 * death of a task that writes. Until it is finished the file is PATH.part; sheaf_array_free()
 * removes that, and a program that dies leaves it behind, for the next one that makes the file.
 *
 * Return: create: 0; -EINVAL, -EPERM, -EOVERFLOW (as sheaf_array_create()); -ENAMETOOLONG,
 *         -EISDIR, -ENOTSUP and the errors of making a file (as sheaf_array_save()); -ENOMEM,
 *         -EMFILE (as sheaf_array_map());
 *         finish: 0; -EINVAL (NULL; not an array of create; more rows than it has); -EPERM; the
 *         errors of writing and renaming a file, after which nothing is left of it; -EIO (also: the
 *         file is there, but its folder could not be made safe).
 */
SHEAF_API int sheaf_array_create_file(sheaf_array *array, sheaf_pool *pool, const char *path, enum sheaf_number type,
				      size_t item_size, unsigned dimensions, const size_t *shape);
SHEAF_API int sheaf_array_finish(sheaf_array *array, sheaf_pool *pool, size_t rows, bool durable);

/* ---- Appending ---- */

/**
 * sheaf_npy_append() - write more rows behind those of an .npy file, in place
 * @path: a file in C order (or of one dimension) that NumPy or this library has written
 * @rows: of the file's type, in any memory, with the shape of the file but for the first length
 *
 * The rows are written first and then counted in the header. So a reader sees all of the rows or
 * none, and what a program that died has left behind is cut off by the next one. Two programs must
 * not append to one file at the same time. Some programs write headers without room for a larger
 * number: -ENOTSUP.
 * Return: 0; -EINVAL (NULL; not an array; other types or shapes: the message has both); the errors
 *         of opening and writing a file; -EBADMSG (damaged); -ENOTSUP (no regular file, Fortran
 *         order, the other byte order, a dtype that arrays have not, no room in the header);
 *         -EOVERFLOW; -ENOMEM.
 */
SHEAF_API int sheaf_npy_append(const char *path, const sheaf_array *rows);

/* ---- Archives ---- */

/* An array of an .npz file. */
typedef struct sheaf_member {
	char name[256]; /* without .npy; cut if it is longer */
	uint64_t size;  /* of its .npy file, in bytes */
	bool compressed;
} sheaf_member;

/**
 * sheaf_npz_list() - tell which arrays an .npz file has
 * @members: out: as many as fit, in the order of the file; or NULL
 * @room:    of members
 * @count:   out: how many there are
 *
 * Read one by sheaf_array_load() with options.member, or map it by sheaf_array_map().
 * Return: 0; -EINVAL (NULL); the errors of opening and reading a file; -EBADMSG (not a ZIP archive,
 *         or damaged); -ENOTSUP (an archive of several parts, or encrypted; no regular file);
 *         -ENOMEM.
 */
SHEAF_API int sheaf_npz_list(const char *path, sheaf_member *members, size_t room, size_t *count);

/**
 * sheaf_npz_save() - write arrays to an .npz file, as numpy.savez() does: not compressed
 * @names:  @n names, without .npy, each once
 * @arrays: @n arrays, in any memory
 *
 * As sheaf_array_save(): what has that name is replaced when the new file is whole. Files and
 * arrays above 4 GiB have the 64-bit form of the format.
 * Return: 0; -EINVAL (NULL, not an array, a name that is empty, too long, not UTF-8, or there
 *         twice);
 *         -ENAMETOOLONG, -EISDIR, -ENOTSUP and the errors of making and writing a file (as
 *         sheaf_array_save()); -ENOMEM.
 */
SHEAF_API int sheaf_npz_save(const char *path, const char *const *names, const sheaf_array *arrays, size_t n);

/* ---- Named memory ---- */

/**
 * sheaf_array_create_named() - make shared memory with a name, as an array of zeros, and map it
 * @name: such as "/measured": other programs find it by shm_open(), Python's
 *        multiprocessing.shared_memory without the slash; 0600 is its mode
 *
 * The name stays until shm_unlink(), also after sheaf_array_free() and the end of the pool: so
 * unlink it where it is made. See sheaf_array_map() for the other way round, and for Python's
 * resource tracker howto/share-with-python.md.
 * Return: 0; -EINVAL (also: no name of shared memory); -EEXIST (the name is taken); -EPERM,
 *         -EOVERFLOW, -ENOSPC, -EACCES, -ENOSYS, -ENOMEM, -EMFILE.
 */
SHEAF_API int sheaf_array_create_named(sheaf_array *array, sheaf_pool *pool, const char *name, enum sheaf_number type,
				       size_t item_size, unsigned dimensions, const size_t *shape);

/* ---- File to file ---- */

/* What sheaf_map_file() computes from what. */
typedef struct sheaf_file_job {
	const char *in;         /* an .npy file in C order, of either byte order; or an .npz file */
	const char *member;     /* of an .npz file: which array; NULL: its only one */
	const char *out;        /* an .npy file; or CSV, if the name ends with .csv */
	enum sheaf_number type; /* of the output */
	size_t item_size;       /* of SHEAF_BYTES and SHEAF_VOID */
	unsigned dimensions;    /* of a row of the output, 0 to 7; of CSV 0 or 1: its columns */
	size_t shape[SHEAF_MAX_DIMENSIONS - 1];
	size_t halo;   /* so many rows of the input in front of and behind each block */
	size_t memory; /* most bytes of shared memory that it takes; 0: 64 MiB */
	void *context; /* in shared memory; or context_size bytes are copied, 4096 at most */
	size_t context_size;
	bool durable; /* return only when the output is safe from a power cut */
} sheaf_file_job;

/**
 * sheaf_map_file() - compute a file from another one, block by block, in bounded memory
 * @fn:      a kernel for blocks of rows, with a halo of rows: see sheaf_block_fn, sheaf_map_array()
 * @options: as of sheaf_for(), without a context and grain; or NULL
 *
 * The output has a row for each row of the input. A worker reads a block, calls the kernel, whose
 * output is zeroed, and writes the result to its place. So neither file is ever in memory as a
 * whole, whatever its size, and none is mapped. Blocks are as large as job->memory allows, at most
 * some 1 MiB. CSV is written in order, as by sheaf_table_save() without a header, and takes up to
 * 1 MiB more.
 *
 * The output gets its name when it is whole: a failure, or a death, leaves what was there. After
 * the death of a worker its block is computed again.
 * Return: 0; -EINVAL (NULL; a shape that no array has; memory that is too small for one row for
 *         each worker: the message says what is needed; CSV of items that are not numbers or text);
 *         -ENOTSUP (an input in Fortran order, without dimensions, or no regular file; an output
 *         as of sheaf_array_save(); also as sheaf_array_load());
 *         -EBADMSG (a damaged input, or one that became shorter); -EFAULT (a context that is not in
 *         shared memory); -EOVERFLOW; the errors of opening, reading, making and writing files;
 *         what sheaf_alloc() and sheaf_for() return.
 */
SHEAF_API int sheaf_map_file(sheaf_pool *pool, sheaf_block_fn *fn, const sheaf_file_job *job, const sheaf_map_options *options);

#ifdef __cplusplus
}
#endif

#endif
