/*
 * dead_pool.h - what a pool leaves when all of its processes were killed.
 */
#ifndef SHEAF_TESTS_SUPPORT_DEAD_POOL_H
#define SHEAF_TESTS_SUPPORT_DEAD_POOL_H

struct shared_header;

/* Write into the header that its owner was a process that has ended. */
void dead_pool_mark(struct shared_header *header);

/* Make the segment @name of a creator that was killed before it had a length. 0, or -errno. */
int dead_pool_leave(const char *name);

#endif
