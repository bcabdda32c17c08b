/*
 * door.h - a robust lock around a few instructions, each change of which is whole at any moment.
 *
 * Deaths            Of the thread inside: the next one goes on from what it finds. So inside, one
 *                   store has to make each change, and nothing before it may count.
 */
#ifndef SHEAF_SYNC_DOOR_H
#define SHEAF_SYNC_DOOR_H

#include "os/robust.h"
#include "sheaf.h"

#include <errno.h>

/* Enter, until @deadline_ns. A caller that polls waits for a stopped process for OS_LOOK_NS. */
static inline int door_enter(pthread_mutex_t *door, uint64_t deadline_ns)
{
	int r = os_robust_lock(door, deadline_ns ? deadline_ns : sheaf_now_ns() + OS_LOOK_NS);

	if (r == -EOWNERDEAD)
		r = os_robust_mend(door);
	return r == -ETIMEDOUT && !deadline_ns ? -EAGAIN : r;
}

static inline void door_leave(pthread_mutex_t *door)
{
	os_robust_unlock(door);
}

#endif
