/*
 * sheaf_file.h - arrays that are files: archives of them.
 *
 * Contents
 *   Archives        sheaf_npz_list, sheaf_npz_save
 *
 * Returns  As in sheaf.h.
 */
#ifndef SHEAF_FILE_H
#define SHEAF_FILE_H

#include "sheaf_data.h"

#ifdef __cplusplus
extern "C" {
#endif

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
 * Read one by sheaf_array_load() with options.member.
 * Return: 0; -EINVAL (NULL); the errors of opening and reading a file; -EBADMSG (not a ZIP archive,
 *         or damaged); -ENOTSUP (an archive of several parts, or encrypted); -ENOMEM.
 */
SHEAF_API int sheaf_npz_list(const char *path, sheaf_member *members, size_t room, size_t *count);

/**
 * sheaf_npz_save() - write arrays to an .npz file, as numpy.savez() does: not compressed
 * @names:  @n names, without .npy, each once
 * @arrays: @n arrays, in any memory
 *
 * As sheaf_array_save(): what has that name is replaced when the new file is whole. Files and
 * arrays above 4 GiB have the 64-bit form of the format.
 * Return: 0; -EINVAL (NULL, not an array, a name that is empty, too long, or there twice);
 *         -ENAMETOOLONG; the errors of making and writing a file; -ENOMEM.
 */
SHEAF_API int sheaf_npz_save(const char *path, const char *const *names, const sheaf_array *arrays, size_t n);

#ifdef __cplusplus
}
#endif

#endif
