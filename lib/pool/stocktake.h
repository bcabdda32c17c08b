/*
 * stocktake.h - gives the stocks of heap units back when nothing has been allocated for a while.
 */
#ifndef SHEAF_POOL_STOCKTAKE_H
#define SHEAF_POOL_STOCKTAKE_H

#include "pool/role.h"

/*
 * Give all stocks back if no id was given out for a second. Return @nap, or less: after so long it
 * has to be called again.
 */
uint64_t stocktake(struct supervisor *s, uint64_t now, uint64_t nap);

/*
 * Give all stocks back now: at the end of a pool, and of what a dead supervisor was giving back.
 */
void stocktake_end(struct supervisor *s);

#endif
