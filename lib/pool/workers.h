/*
 * workers.h - the options for workers: checked and completed by the owner.
 */
#ifndef SHEAF_POOL_WORKERS_H
#define SHEAF_POOL_WORKERS_H

#include "segment/segment.h"

/*
 * Check options for workers; NULL is fine. @workers: how many the pool begins with; 0: as the
 * machine has CPUs. @chosen: the program has chosen the backend, so what
 * that cannot do is an error. 0; -EINVAL, -ENOTSUP with their message.
 */
int workers_check(const sheaf_worker_options *options, unsigned workers, enum sheaf_backend backend, bool chosen);

/* Return them with each default filled in, without what the backend cannot do. */
sheaf_worker_options workers_complete(const sheaf_worker_options *options, enum sheaf_backend backend);

#endif
