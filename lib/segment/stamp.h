/*
 * stamp.h - the first bytes of a segment's file, which tell a sweep what it is and whose.
 */
#ifndef SHEAF_SEGMENT_STAMP_H
#define SHEAF_SEGMENT_STAMP_H

#include "segment/layout.h"

/* Fill in what tells a segment and its owner from all others. It makes up the stamp. */
void segment_identify(struct shared_header *header);

/*
 * Write the stamp, before anything else is written, so that a sweep knows the file. @owned: by this
 * process; else it says that nobody owns the file. 0, or -errno.
 */
int stamp_write(int fd, bool owned);

/*
 * Cut the file of a dead segment to a header that every sweep knows to be dead, whatever process
 * has the maker's pid by then. 0, or -errno.
 */
int stamp_cut(int fd);

#endif
