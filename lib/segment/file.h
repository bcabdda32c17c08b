/*
 * file.h - the file behind a segment: makes it, gives it its name, and opens it again.
 */
#ifndef SHEAF_SEGMENT_FILE_H
#define SHEAF_SEGMENT_FILE_H

#include "segment/plan.h"
#include "segment/segment.h"

/*
 * Create and lock the file. 0, or an error of segment_create() with its message. file_drop() undoes
 * it, and takes the name away, too.
 */
int file_make(struct segment *segment, const struct segment_options *options);
void file_drop(struct segment *segment);

/*
 * Return the descriptor of the segment's file. If the host has closed it, as closefrom() does, it
 * is opened again by its name. -EBADF: it has none, and the caller must do without.
 */
int segment_fd(struct segment *segment);

/*
 * Give the segment its name, now that a supervisor is there to take it away again when the owner is
 * killed. 0; -EEXIST and other errors of segment_create(), with a message.
 */
int segment_publish(struct segment *segment);

/* Take the name away, while a supervisor still is there. */
void segment_unpublish(struct segment *segment);

/*
 * Take the name away if the owner has become a process whose memory others of its user may not
 * reach. For calls of the owner that come now and then, because nothing tells of such a change.
 * True: it was taken away so, now or before.
 */
bool segment_guard(struct segment *segment);

#endif
