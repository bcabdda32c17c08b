/*
 * room.h - what a submitter does while the ring is full.
 */
#ifndef SHEAF_BATCH_ROOM_H
#define SHEAF_BATCH_ROOM_H

#include "batch/handle.h"

/*
 * Wait until the ring has a free slot for some submitter. The caller holds no lock. @heard:
 * member_heard() at the call's beginning. @deadline_ns: 0: as the batch says. 0; the errors of
 * sheaf_submit() that end the wait; -ECANCELED, also if the batch was cancelled; -ETIMEDOUT, also
 * by the batch's own deadline; -EINTR, of which the caller has to say that it was told
 * (member_interrupt()).
 */
int batch_wait_for_room(struct sheaf_batch *batch, unsigned heard, uint64_t deadline_ns);

/* Fail because the batch was cancelled; because the ring is full, by -EAGAIN or -ETIMEDOUT. */
int room_fail_cancelled(void);
int room_fail_full(const struct sheaf_batch *batch, int code);

#endif
