/*
 * npz.h - where an array lies in an .npz file.
 */
#ifndef SHEAF_DATA_NPZ_H
#define SHEAF_DATA_NPZ_H

#include <stdint.h>

struct npz_place {
	uint64_t at, size; /* of its .npy file, in bytes */
	uint32_t crc;
};

/*
 * Find an array of the archive that is open as @fd. @member: NULL: its only one. 0; -ENOENT,
 * -EINVAL, -ENOTSUP, -EBADMSG, -EIO, -ENOMEM, with their messages.
 */
int npz_find(int fd, const char *path, const char *member, struct npz_place *place);

/* Read the array and compare its checksum. 0; -EBADMSG, -EIO, -ENOMEM, with their messages. */
int npz_check(int fd, const char *path, const struct npz_place *place);

#endif
