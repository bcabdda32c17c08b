/*
 * ending.h - how a supervisor ends: with its owner, or with its pool.
 */
#ifndef SHEAF_POOL_ENDING_H
#define SHEAF_POOL_ENDING_H

#include "pool/role.h"

/*
 * End with the owner; or if it cannot be heard any longer, so that its next call starts another
 * family.
 */
void ending_follow_owner(struct supervisor *s);

/* Take the bytes from the owner's pipe that woke the supervisor. */
void ending_read_wishes(struct supervisor *s);

/* Finish a closed pool, if no worker is left and the ring is empty. True: it is finished now. */
bool ending_finish(struct supervisor *s);

/*
 * Leave a pool that is over, as @state. As long as its segment has a name, the supervisor stays, to
 * take that away when the owner is killed. The owner takes it away when it joins, terminates or
 * destroys the pool, or asks the supervisor to if it may not itself.
 */
_Noreturn void ending_leave(struct supervisor *s, uint32_t state);

#endif
