/*
 * attach.h - how a program leaves a pool that it has joined.
 */
#ifndef SHEAF_POOL_ATTACH_H
#define SHEAF_POOL_ATTACH_H

#include "pool/pool.h"

/* Retire what it has open, give its place back, and end the handle. */
void attach_end(struct sheaf_pool *pool);

/* End the handle in a child of the program. The place is the parent's. */
void attach_forget(struct sheaf_pool *pool);

#endif
