/*
 * corpse.h - what a pool leaves whose processes were all killed.
 */
#ifndef SHEAF_TESTS_CORPSE_H
#define SHEAF_TESTS_CORPSE_H

struct shared_header;

/* Write into the header that its owner was a process that has ended. */
void corpse_bury(struct shared_header *header);

/* Make the segment @name of a creator that was killed before it had a length. 0, or -errno. */
int corpse_leave(const char *name);

#endif
