/*
 * sleep.c - what a process sleeps on: time, signals, and semaphores between processes.
 */
#include "os/forks.h"
#include "os/os.h"

#include <errno.h>
#include <string.h>
#include <time.h>

bool os_sleep_ns(uint64_t ns)
{
	struct timespec time = {.tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u)};

	return nanosleep(&time, NULL) && errno == EINTR;
}

int os_wait_signal(const sigset_t *set, uint64_t timeout_ns)
{
	struct timespec timeout = {.tv_sec = (time_t)(timeout_ns / 1000000000u), .tv_nsec = (long)(timeout_ns % 1000000000u)};
	siginfo_t info;
	int signal = sigtimedwait(set, &info, &timeout);

	return signal > 0 ? signal : 0;
}

struct os_sem_fixed os_sem_fixed;

static void learn_fixed_word(void)
{
	static bool learnt;
	union {
		sem_t sem;
		uint32_t words[sizeof(sem_t) / sizeof(uint32_t)];
	} shared, own;
	struct os_sem_fixed fixed = {0};

	if (learnt)
		return;
	learnt = true;
	memset(&shared, 0, sizeof(shared));
	memset(&own, 0, sizeof(own));
	if (sem_init(&shared.sem, 1, 0) || sem_init(&own.sem, 0, 0))
		return;
	/*
	 * Find the one word in which a semaphore between processes differs from one between
	 * threads.
	 */
	for (size_t i = 0; i < sizeof(shared.words) / sizeof(shared.words[0]); i++)
		if (shared.words[i] != own.words[i])
			fixed = (struct os_sem_fixed){.at = i * sizeof(uint32_t), .mask = UINT32_MAX, .value = shared.words[i]};
	sem_destroy(&shared.sem);
	sem_destroy(&own.sem);
	os_sem_fixed = fixed;
}

void os_sem_learn(void)
{
	/*
	 * Every process that checks a semaphore has called this first. So the lock publishes the
	 * result to its threads, which would read half of it without the lock.
	 */
	forks_hold();
	learn_fixed_word();
	forks_release();
}

int os_sem_wait_slice(sem_t *sem, uint64_t deadline_ns)
{
	struct timespec now, deadline;
	uint64_t left, wall;

	/*
	 * sem_timedwait() knows only the wall clock. A jump of that clock costs little, because
	 * callers check their words ten times a second.
	 */
	clock_gettime(CLOCK_MONOTONIC, &now);
	wall = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
	left = deadline_ns > wall ? deadline_ns - wall : 0;
	if (left > 100000000u)
		left = 100000000u;
	clock_gettime(CLOCK_REALTIME, &now);
	wall = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec + left;
	deadline = (struct timespec){.tv_sec = (time_t)(wall / 1000000000u), .tv_nsec = (long)(wall % 1000000000u)};
	return sem_timedwait(sem, &deadline) && (errno == ETIMEDOUT || errno == EINTR) ? -errno : 0;
}
