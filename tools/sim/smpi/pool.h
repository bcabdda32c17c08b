/*
 * pool.h - the stand-in for a pool in a simulation by SMPI.
 */
#ifndef SHEAF_SIM_SMPI_POOL_H
#define SHEAF_SIM_SMPI_POOL_H

#include "items.h"

#include "sheaf.h"

/* @wake_ns: until the end of a batch has woken the owner. NULL: no memory. */
sheaf_pool *pool_open(unsigned workers, const struct items *items, uint64_t wake_ns);
void pool_close(sheaf_pool *pool);

/* What a pool has run. */
struct pool_work {
	uint64_t count, sum; /* of the positions */
	uint64_t took_ns;    /* of all of them */
};

struct pool_work pool_get_work(const sheaf_pool *pool);

#endif
