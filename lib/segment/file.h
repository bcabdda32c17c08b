/*
 * file.h - the file behind a segment: its creation, its name, and whether a descriptor still is it.
 */
#ifndef SHEAF_SEGMENT_FILE_H
#define SHEAF_SEGMENT_FILE_H

#include "segment/segment.h"

#include <sys/stat.h>

/* Create and lock the file. 0, or an error of segment_create() with its message. file_drop() undoes it: it takes the name away, too. */
int file_make(struct segment *segment, const struct segment_options *options);
void file_drop(struct segment *segment);

/* What sheaf_pool_create() documents of @code: its message tells what the system really said. */
int file_documented(int code);

/* Tell whether a file is one of this process's own segments. */
bool file_is_mine(const struct stat *status);

/*
 * Look at what has a name, and may be anybody's: between these no other thread of the process does so, and none claims a name that this one
 * may be about to open. Forks go on meanwhile: what is looked at may make this thread wait.
 */
void file_visit(void);
void file_leave(void);

/* Cut the file of a dead segment to what a sweep knows to be one, whoever has the maker's pid by then. 0, or -errno. */
int file_cut(int fd);

/* Lend the segment to readers of this process, or no longer. */
void file_lend(struct segment *segment, bool lent);

#endif
