/*
 * lastwords.h - what a worker that dies by a fault tells of it.
 */
#ifndef SHEAF_POOL_LASTWORDS_H
#define SHEAF_POOL_LASTWORDS_H

#include "work/blame.h"

/* Have the faults of this worker process written to @self. To be called before its first task. */
void lastwords_prepare(struct shared_seat *self);

/*
 * Add to a death what the worker has written to @self, which must not change as long as the death
 * is used. For the supervisor.
 */
void lastwords_read(const struct shared_seat *self, struct death *death);

#endif
