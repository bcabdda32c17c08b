/*
 * posix_sleep.c - sleeping with POSIX alone: pselect(), and semaphores by the wall clock.
 */
#include "os/os.h"

#include <poll.h>
#include <signal.h>
#include <sys/select.h>
#include <time.h>

bool os_wait_news(const int *fds, unsigned count, uint64_t timeout_ns)
{
	struct timespec timeout = {.tv_sec = (time_t)(timeout_ns / 1000000000u), .tv_nsec = (long)(timeout_ns % 1000000000u)};
	struct pollfd first = {.fd = fds[0], .events = POLLIN};
	int end = 0;
	sigset_t none;
	fd_set news;

	FD_ZERO(&news);
	/* A descriptor that select() cannot take is asked when the time is over. */
	for (unsigned i = 0; i < count; i++)
		if (fds[i] < FD_SETSIZE) {
			FD_SET(fds[i], &news);
			end = fds[i] >= end ? fds[i] + 1 : end;
		}
	sigemptyset(&none);
	(void)pselect(end, &news, NULL, NULL, &timeout, &none);
	return poll(&first, 1, 0) > 0;
}

void os_sem_kick(sem_t *sem)
{
	(void)sem;
}

int os_sem_wait_until(sem_t *sem, uint64_t deadline_ns)
{
	return os_sem_wait_slice(sem, deadline_ns);
}
