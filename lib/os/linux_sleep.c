/*
 * linux_sleep.c - sleeping with the calls of Linux: ppoll(), futexes, semaphores by the monotonic
 * clock.
 */
#define _GNU_SOURCE
#include "os/os.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef FUTEX_WAKE /* musl-gcc does not see the headers of the kernel */
#define FUTEX_WAKE 1
#endif

bool os_wait_news(const int *fds, unsigned count, uint64_t timeout_ns)
{
	struct timespec timeout = {.tv_sec = (time_t)(timeout_ns / 1000000000u), .tv_nsec = (long)(timeout_ns % 1000000000u)};
	struct pollfd news[OS_MOST_NEWS];
	sigset_t none;

	for (unsigned i = 0; i < count; i++)
		news[i] = (struct pollfd){.fd = fds[i], .events = POLLIN};
	sigemptyset(&none);
	return ppoll(news, count, &timeout, &none) > 0 && news[0].revents;
}

void os_sem_kick(sem_t *sem)
{
	/* With glibc and musl, sleepers wait on the semaphore's first word. */
	syscall(SYS_futex, sem, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

int os_sem_wait_until(sem_t *sem, uint64_t deadline_ns)
{
#ifdef HAVE_SEM_CLOCKWAIT
	struct timespec deadline = {.tv_sec = (time_t)(deadline_ns / 1000000000u),
				    .tv_nsec = (long)(deadline_ns % 1000000000u)};

	return sem_clockwait(sem, CLOCK_MONOTONIC, &deadline) && (errno == ETIMEDOUT || errno == EINTR) ? -errno : 0;
#else
	return os_sem_wait_slice(sem, deadline_ns);
#endif
}
