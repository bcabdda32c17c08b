/*
 * patience.h - for how long a process of the pool spins before it sleeps or yields.
 */
#ifndef SHEAF_POOL_PATIENCE_H
#define SHEAF_POOL_PATIENCE_H

#include "segment/segment.h"

/* Choose it for @cpus that may be used: by the owner for its family, by a program for itself. */
void patience_choose(struct segment *segment, unsigned cpus);

#endif
