/*
 * names.h - the names of this process's own segments, and visits to names that may be anybody's.
 */
#ifndef SHEAF_SEGMENT_NAMES_H
#define SHEAF_SEGMENT_NAMES_H

#include "segment/segment.h"

#include <sys/stat.h>

/* Claim the segment's name within this process. False: another segment of this process has it. */
bool names_claim(struct segment *segment);

/* Give the claim up. */
void names_drop(struct segment *segment);

/* Tell whether a file is one of this process's own segments. */
bool names_mine(const struct stat *status);

/*
 * Begin and end a visit to a name that may be anybody's. Between the two calls no other thread of
 * this process visits a name, and none claims a name that this thread may be about to open. Forks
 * go on meanwhile, because what is visited may make this thread wait.
 */
void names_visit(void);
void names_leave(void);

/* Lend the segment to readers of this process, or no longer. */
void names_lend(struct segment *segment, bool lent);

/*
 * Count the segment among those of this process, a worker. Its lock goes with any close of the
 * file, too, because pools that tasks create sweep, and tasks may inspect their own pool.
 */
void segment_adopt(struct segment *segment);

/*
 * Find this process's segment by any of its names. @status: of what has the name; NULL: nothing has
 * it. NULL: there is none. Within forks_hold().
 */
struct segment *names_find(const char *name, const struct stat *status);

#endif
