/*
 * wanted.h - how many workers the owner wants, and whether they begin tasks.
 */
#ifndef SHEAF_POOL_WANTED_H
#define SHEAF_POOL_WANTED_H

#include "pool/pool.h"

/* Say how many are wanted. The caller rings them, if there are any. */
void wanted_begin(struct sheaf_pool *pool, unsigned workers);

/* Write again what a wild write may have changed. Under the family lock. */
void wanted_mend(struct sheaf_pool *pool);

#endif
