/*
 * cancel.h - keeps pthread_cancel() out of what must not end half way.
 *
 * Most system calls that may wait are cancellation points, also where the library holds a lock or
 * has taken memory. So a thread of a host may be cancelled only where it sleeps for long and a
 * cleanup handler tidies up after it.
 */
#ifndef SHEAF_BASE_CANCEL_H
#define SHEAF_BASE_CANCEL_H

#include <pthread.h>

/* Keep cancellation out until cancel_allow() with the value that this returns. */
static inline int cancel_refuse(void)
{
	int before;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
	return before;
}

static inline void cancel_allow(int before)
{
	int ignored;

	pthread_setcancelstate(before, &ignored);
}

#endif
