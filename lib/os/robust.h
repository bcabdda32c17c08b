/*
 * robust.h - locks in shared memory that the kernel takes from the dead: robust mutexes of POSIX.
 *
 * The thread that has such a lock is its holder. When the holder ends, killed or not, the lock is
 * free, and the next one that takes it is told. (POSIX.1-2008, pthread_mutexattr_setrobust)
 */
#ifndef SHEAF_OS_ROBUST_H
#define SHEAF_OS_ROBUST_H

#include <pthread.h>
#include <stdint.h>

/* How long a wait lasts until the waiter looks by itself whether it has missed a wake-up. */
#define OS_LOOK_NS 50000000u

/* Make one. 0, or -errno. */
int os_robust_init(pthread_mutex_t *lock);

/*
 * Take it, until @deadline_ns (CLOCK_MONOTONIC; 0: do not wait; UINT64_MAX: for ever). 0;
 * -EOWNERDEAD: taken, and the holder before has died with it; -EAGAIN; -ETIMEDOUT; -EDEADLK: the
 * caller has it; -ENOTRECOVERABLE: given back without os_robust_mend() after -EOWNERDEAD.
 */
int os_robust_lock(pthread_mutex_t *lock, uint64_t deadline_ns);

/* Say that what the lock guards is whole. 0; -EINVAL: nobody has died with it. */
int os_robust_mend(pthread_mutex_t *lock);

/* Give it back. 0; -EPERM: the caller does not have it. */
int os_robust_unlock(pthread_mutex_t *lock);

#endif
