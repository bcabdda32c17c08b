/*
 * zip.h - ZIP archives of files that are stored as they are, and of any size.
 */
#ifndef SHEAF_DATA_ZIP_H
#define SHEAF_DATA_ZIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ZIP_NAME 256

struct zip_file {
	char name[ZIP_NAME]; /* cut if it is longer */
	size_t name_size;    /* in the archive */
	unsigned method;     /* 0: stored */
	bool encrypted;
	uint32_t crc;
	uint64_t stored, size; /* bytes in the archive, and of the file */
	uint64_t header_at;
};

/*
 * Called for each file of an archive, in the order of its directory. Not 0: stop, and return that.
 */
typedef int zip_fn(const struct zip_file *file, void *context);

/*
 * Read the directory of the archive that is open as @fd. 0, or what @fn returned; -EBADMSG, -EIO,
 * -ENOTSUP, -ENOMEM, with their messages.
 */
int zip_each(int fd, const char *path, zip_fn *fn, void *context);

/* Find where the bytes of a stored file begin. 0; -EBADMSG, -EIO, with their messages. */
int zip_find(int fd, const char *path, const struct zip_file *file, uint64_t *at);

/* An archive that is being written. */
struct zip_writer {
	int fd;
	uint64_t at; /* bytes written */
	unsigned char *directory;
	size_t used, room;
	size_t files;
};

/*
 * Begin a file of @size bytes, which begins at a multiple of 64, and whose bytes the caller writes
 * next. 0; -ENOMEM; -errno.
 */
int zip_begin(struct zip_writer *zip, const char *name, uint64_t size, uint32_t crc);

/* Write the directory. 0, or -errno. Free its memory by zip_forget(), also after a failure. */
int zip_end(struct zip_writer *zip);
void zip_forget(struct zip_writer *zip);

#endif
