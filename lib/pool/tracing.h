/*
 * tracing.h - whether a pool is traced, and where to.
 */
#ifndef SHEAF_POOL_TRACING_H
#define SHEAF_POOL_TRACING_H

#include "segment/plan.h"
#include "segment/segment.h"
#include "sheaf_trace.h"

/*
 * Find out by options and environment whether the pool is traced. @file: out: for free(); NULL:
 * nowhere to. 0; -EINVAL, -ENOMEM and errors of open(), with their messages.
 */
int tracing_choose(const sheaf_tracing *tracing, struct segment_options *wanted, char **file);

/* Write the file of a pool that ends. A failure leaves its message. */
void tracing_end(struct segment *segment);

#endif
