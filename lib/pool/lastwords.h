/*
 * lastwords.h - what a worker that dies by a fault says of it.
 */
#ifndef SHEAF_POOL_LASTWORDS_H
#define SHEAF_POOL_LASTWORDS_H

#include "work/call.h"

/* For a worker process, before its first task: its faults will be told in @self. */
void lastwords_prepare(struct shared_seat *self);

/* For the supervisor: adds to a death what the worker had said, in @self, which must not change as long as the death is used. */
void lastwords_read(const struct shared_seat *self, struct death *death);

#endif
