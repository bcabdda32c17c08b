/*
 * tend.h - how the owner tends its pool whenever it waits.
 */
#ifndef SHEAF_POOL_TEND_H
#define SHEAF_POOL_TEND_H

#include "pool/pool.h"

/* What the owner is as a member. */
extern const struct member_ops tend_ops, tend_inlined_ops;

/*
 * Tell what the owner itself has asked for. Relaxed: a thread that asks at the same time may be
 * first or second.
 */
uint32_t tend_asked(const struct sheaf_pool *pool);

/* Let go of the family lock, and do what was asked for meanwhile. */
void tend_unlock(struct sheaf_pool *pool);

/* Wake the supervisor, so that it reads what the owner has changed. */
void tend_wake_supervisor(struct sheaf_pool *pool);

/* The same, by a submitter: for a vacant seat that it has claimed. */
void tend_call_worker(struct segment *segment);

/*
 * End all workers, in any state but before they have been started. Under the family lock, but while
 * nobody else has the pool.
 */
void tend_end_workers(struct sheaf_pool *pool);

/*
 * The same, without waiting for tasks that threads run and that cannot be killed. Return how many
 * run on: tend_end_workers() waits for them.
 */
unsigned tend_stop_workers(struct sheaf_pool *pool);

#endif
