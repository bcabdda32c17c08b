/*
 * gather.h - what the calls of sheaf.h that fan out and wait need of a gatherer.
 */
#ifndef SHEAF_BATCH_GATHER_H
#define SHEAF_BATCH_GATHER_H

#include "batch/handle.h"

/*
 * Wait until all that was submitted so far is done. @heard: member_heard() at the call's beginning.
 * 0; the errors of sheaf_gather() that end the wait.
 */
int batch_wait_all(struct sheaf_batch *batch, uint64_t deadline_ns, unsigned heard);

#endif
