/*
 * futex.h - sleeping at a word, or at a robust lock, in shared memory (linux_futex.c,
 * posix_futex.c).
 */
#ifndef SHEAF_OS_FUTEX_H
#define SHEAF_OS_FUTEX_H

#include "base/atomic.h"

#include <pthread.h>
#include <stdint.h>
#include <time.h>

/*
 * Sleep while the word is @value, for at most @timeout_ns. 0: look again; -EINTR: a signal handler
 * has run. Returns early where the system cannot sleep at a word.
 */
int os_wait_word(_Atomic uint32_t *word, uint32_t value, uint64_t timeout_ns);

/* Wake all who sleep at the word, in any process. */
void os_wake_word(_Atomic uint32_t *word);

/*
 * Wait for a robust lock once (os/robust.h), for at most @timeout_ns, by the wall clock where libc
 * cannot do better. 0; -EOWNERDEAD: locked; -ETIMEDOUT; other errors as of os_robust_lock().
 */
int os_robust_wait(pthread_mutex_t *lock, uint64_t timeout_ns);

/* Tell when @timeout_ns will be over, by that clock. */
static inline struct timespec os_time_in(clockid_t clock, uint64_t timeout_ns)
{
	struct timespec until;

	clock_gettime(clock, &until);
	timeout_ns += (uint64_t)until.tv_nsec;
	until.tv_sec += (time_t)(timeout_ns / 1000000000u);
	until.tv_nsec = (long)(timeout_ns % 1000000000u);
	return until;
}

#endif
