/*
 * borrow.h - opens a segment's file by its name for a reader, or lends this process's own.
 */
#ifndef SHEAF_SEGMENT_BORROW_H
#define SHEAF_SEGMENT_BORROW_H

/*
 * Open a segment by its name, for reading alone. -EBUSY: it is this process's own. Such a file must
 * not be opened a second time, because closing it would drop the owner's lock. It is borrowed
 * instead.
 */
int segment_open(const char *name, int *fd);

/*
 * Borrow the descriptor of a segment of this process. That keeps forks and the segment's end out
 * until segment_return(). In between, only what is allowed within forks_hold() may be done. Returns
 * the descriptor, or -ENOENT.
 */
int segment_borrow(const char *name);
void segment_return(void);

#endif
