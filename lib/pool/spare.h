/*
 * spare.h - the process that becomes supervisor when that dies.
 */
#ifndef SHEAF_POOL_SPARE_H
#define SHEAF_POOL_SPARE_H

#include "pool/role.h"

/* Open the pipe that the supervisor and its workers hold. Without it there will be no spare. */
void spare_prepare(struct supervisor *s);

/*
 * Fork a spare, if there is none and one is due. A pool without a spare works, too. Returns false,
 * and true in a spare, when it has the lock of its dead supervisor and no worker lives.
 */
bool spare_spawn(struct supervisor *s);

/* Do the same, and wait until the spare has its lock. */
bool spare_first(struct supervisor *s);

/* Tell how long the supervisor may sleep before a spare is due, at most @nap. */
uint64_t spare_nap(const struct supervisor *s, uint64_t now, uint64_t nap);

/* Kill the spare, and reap it. */
void spare_kill(struct supervisor *s);

#endif
