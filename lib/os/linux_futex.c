/*
 * linux_futex.c - sleeping at a word with the calls of Linux.
 *
 * Writers           Of a lock: libc, in the thread that takes it or gives it back.
 * Deaths            See os/robust.c.
 */
#define _GNU_SOURCE
#include "os/futex.h"

#include <errno.h>
#include <limits.h>
#include <sys/syscall.h>
#include <unistd.h>

/* As the kernel has them; musl-gcc does not see its headers. */
#define WAIT 0
#define WAKE 1

/* gcc's thread sanitizer does not know this call, and reports its unlock. */
#if defined(HAVE_PTHREAD_MUTEX_CLOCKLOCK) && !defined(__SANITIZE_THREAD__)
#define BY_CLOCK
#endif

int os_wait_word(_Atomic uint32_t *word, uint32_t value, uint64_t timeout_ns)
{
	/* As SYS_futex takes it, also where time_t is longer than a long. */
	const struct {
		long seconds, ns;
	} timeout = {(long)(timeout_ns / 1000000000u), (long)(timeout_ns % 1000000000u)};

	return syscall(SYS_futex, word, WAIT, value, &timeout, NULL, 0) && errno == EINTR ? -EINTR : 0;
}

void os_wake_word(_Atomic uint32_t *word)
{
	syscall(SYS_futex, word, WAKE, INT_MAX, NULL, NULL, 0);
}

int os_robust_wait(pthread_mutex_t *lock, uint64_t timeout_ns)
{
#ifdef BY_CLOCK
	struct timespec until = os_time_in(CLOCK_MONOTONIC, timeout_ns);

	return -pthread_mutex_clocklock(lock, CLOCK_MONOTONIC, &until);
#else
	struct timespec until = os_time_in(CLOCK_REALTIME, timeout_ns);

	return -pthread_mutex_timedlock(lock, &until);
#endif
}
