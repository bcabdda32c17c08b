/*
 * workers.h - the options for workers: checked and completed by the owner.
 */
#ifndef SHEAF_POOL_WORKERS_H
#define SHEAF_POOL_WORKERS_H

#include "segment/segment.h"

/* Check options for workers; NULL is fine. 0; -EINVAL, -ENOTSUP with their message. */
int workers_check(const sheaf_worker_options *options, bool threaded);

/* Return them with each default filled in. */
sheaf_worker_options workers_complete(const sheaf_worker_options *options);

#endif
