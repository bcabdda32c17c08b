/*
 * programs.h - the processes of programs that have joined, as the supervisor has noted them.
 */
#ifndef SHEAF_POOL_PROGRAMS_H
#define SHEAF_POOL_PROGRAMS_H

#include "pool/role.h"

/*
 * Collect descriptors that have something to read when a program that has joined ends, behind those
 * that are there already. Return how many there are then.
 */
unsigned programs_watch(const struct supervisor *s, int *fds, unsigned count);

/* Tell how long the supervisor may sleep before it looks again, at most @nap. */
uint64_t programs_nap(const struct supervisor *s, uint64_t nap);

/* Kill the program in a seat that is no worker's, and no later process with its pid. */
void programs_kill(const struct supervisor *s, unsigned seat);

/* Kill those that have a task in hand that is over its time: see limits.c. */
void programs_kill_late(const struct supervisor *s);

/*
 * Tell whether the process that was noted for the seat is the one that has written its pid there:
 * the kernel says so by the lock, or by when it began. Else a wild write may have named a stranger.
 */
bool programs_known(const struct supervisor *s, unsigned seat);

/* Tell whether the program in that seat has ended. */
bool programs_ended(const struct supervisor *s, unsigned seat);

/* Tell whether a program that has joined may have a task in hand. */
bool programs_busy(const struct supervisor *s);

#endif
