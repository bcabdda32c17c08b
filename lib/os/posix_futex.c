/*
 * posix_futex.c - sleeping at a word with POSIX alone, which has no call for that: the sleeper
 * looks again after a millisecond.
 *
 * Writers           Of a lock: libc, in the thread that takes it or gives it back.
 * Deaths            See os/robust.c.
 */
#include "os/futex.h"

#include "os/os.h"

#include <errno.h>

#define LOOK_AGAIN_NS 1000000u

int os_wait_word(_Atomic uint32_t *word, uint32_t value, uint64_t timeout_ns)
{
	/* Relaxed: the caller looks again before it believes anything. */
	if (load_relaxed(word) != value)
		return 0;
	return os_sleep_ns(timeout_ns < LOOK_AGAIN_NS ? timeout_ns : LOOK_AGAIN_NS) ? -EINTR : 0;
}

void os_wake_word(_Atomic uint32_t *word)
{
	(void)word;
}

int os_robust_wait(pthread_mutex_t *lock, uint64_t timeout_ns)
{
	struct timespec until = os_time_in(CLOCK_REALTIME, timeout_ns);

	return -pthread_mutex_timedlock(lock, &until);
}
