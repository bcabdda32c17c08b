/*
 * map_file.h - arrays whose memory is a mapped file.
 */
#ifndef SHEAF_DATA_MAP_FILE_H
#define SHEAF_DATA_MAP_FILE_H

#include "pool/mapping.h"
#include "sheaf_file.h"

/* Where in a file an array lies. */
struct file_part {
	sheaf_array array; /* without data */
	uint64_t at, size; /* bytes */
};

/*
 * Map an array of the file that is open as @file->fd; its place in the file is computed here. The
 * descriptor is the pool's then, and else the caller's. 0, or an error of pool_map().
 */
int file_map(sheaf_array *array, sheaf_pool *pool, const char *call, struct mapping_file *file, const struct file_part *part);

/* Unmap a file, and remove it if it was being made. 0, or an error of pool_unmap(). */
int file_unmap(sheaf_pool *pool, void *memory, const struct mapping_file *file);

/* Write the path as an absolute one, of PATH_MAX bytes. 0, or -errno. */
int file_absolute(const char *path, char *absolute);

/* Fill in the array of a layout, whose data begin at its offset. 0; -EINVAL, -EOVERFLOW. */
int file_describe(const char *call, const sheaf_layout *layout, struct file_part *part);

#endif
