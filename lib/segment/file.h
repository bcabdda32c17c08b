/*
 * file.h - the file behind a segment: makes it, gives it its name, and opens it again.
 */
#ifndef SHEAF_SEGMENT_FILE_H
#define SHEAF_SEGMENT_FILE_H

#include "segment/segment.h"

/*
 * Create and lock the file. 0, or an error of segment_create() with its message. file_drop() undoes
 * it, and takes the name away, too.
 */
int file_make(struct segment *segment, const struct segment_options *options);
void file_drop(struct segment *segment);

/*
 * Turn a code of the system into one that sheaf_pool_create() documents. Its message tells what the
 * system really said.
 */
int file_documented(int code);

/*
 * Cut the file of a dead segment to a header that every sweep knows to be dead, whatever process
 * has the maker's pid by then. 0, or -errno.
 */
int file_cut(int fd);

#endif
