/*
 * traced.h - notes when tasks begin and end, in a pool that is traced.
 */
#ifndef SHEAF_WORK_TRACED_H
#define SHEAF_WORK_TRACED_H

#include "segment/segment.h"

/*
 * Have each function of the pool noted when it begins and ends, in this process. The pool has a
 * table of functions.
 */
void traced_take_functions(const struct segment *segment);

/*
 * Note that a member has submitted a task. @stored: the word for its function. @begin_ns: when the
 * call began.
 */
void traced_submitted(const struct segment *segment, unsigned seat, uint64_t stored, uint64_t batch, uint64_t position,
		      uint64_t begin_ns);

#endif
