/*
 * posix_sleep.c - sleeping with POSIX alone: pselect(), and semaphores by the wall clock.
 */
#include "os/os.h"

#include <poll.h>
#include <signal.h>
#include <sys/select.h>
#include <time.h>

bool os_wait_news(int fd, uint64_t timeout_ns)
{
	struct timespec timeout = {.tv_sec = (time_t)(timeout_ns / 1000000000u), .tv_nsec = (long)(timeout_ns % 1000000000u)};
	sigset_t none;
	fd_set news;

	FD_ZERO(&news);
	/* A descriptor that select() cannot take is polled when the time is over. */
	if (fd < FD_SETSIZE)
		FD_SET(fd, &news);
	sigemptyset(&none);
	if (pselect(fd < FD_SETSIZE ? fd + 1 : 0, &news, NULL, NULL, &timeout, &none) > 0)
		return true;
	return fd >= FD_SETSIZE && poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 0) > 0;
}

void os_sem_kick(sem_t *sem)
{
	(void)sem;
}

int os_sem_wait_until(sem_t *sem, uint64_t deadline_ns)
{
	return os_sem_wait_slice(sem, deadline_ns);
}
