/*
 * sharing.h - what the owner's options say of programs that may join.
 */
#ifndef SHEAF_POOL_SHARING_H
#define SHEAF_POOL_SHARING_H

#include "segment/plan.h"

/*
 * Check options.sharing of a pool. @chosen: the program has chosen the backend. 0; -EINVAL,
 * -EEXIST, -ENOTSUP with their message.
 */
int sharing_check(const sheaf_pool_options *options, bool chosen);

/* Fill in what the segment has for programs that join. @backend: of the pool. */
void sharing_plan(struct segment_options *wanted, const sheaf_pool_options *options, enum sheaf_backend backend);

#endif
