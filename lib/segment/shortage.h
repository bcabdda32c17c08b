/*
 * shortage.h - why memory or a file could not be had, in messages and documented codes.
 */
#ifndef SHEAF_SEGMENT_SHORTAGE_H
#define SHEAF_SEGMENT_SHORTAGE_H

#include "segment/segment.h"

/*
 * Turn a code of the system into one that sheaf_pool_create() documents. Its message tells what the
 * system really said.
 */
int segment_documented(int code);

/* Call sheaf_fail() with a code of segment_commit(). */
int segment_fail_commit(const struct segment *segment, int code, uint64_t asked, const char *what);

/* Call sheaf_fail(-ENOSPC) and say what was asked, what is free and what the user can do. */
int segment_fail_full(const struct segment *segment, uint64_t asked, const char *what);

#endif
