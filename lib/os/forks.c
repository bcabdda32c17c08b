/*
 * forks.c - one set of atfork handlers for the whole library.
 */
#include "os/forks.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static _Thread_local bool holding;
static _Atomic unsigned count;
static int to_close = -1;

static void before_fork(void)
{
	if (!holding)
		pthread_mutex_lock(&lock);
}

static void after_fork_in_parent(void)
{
	if (!holding)
		pthread_mutex_unlock(&lock);
}

static void after_fork_in_child(void)
{
	holding = false;
	pthread_mutex_unlock(&lock);
	/* Relaxed: no other thread runs in a child. */
	atomic_fetch_add_explicit(&count, 1, memory_order_relaxed);
	if (to_close >= 0)
		close(to_close);
	to_close = -1;
}

static void watch(void)
{
	pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

unsigned forks_count(void)
{
	return atomic_load_explicit(&count, memory_order_relaxed);
}

void forks_hold(void)
{
	pthread_once(&once, watch);
	pthread_mutex_lock(&lock);
	holding = true;
}

void forks_release(void)
{
	holding = false;
	pthread_mutex_unlock(&lock);
}

void forks_close(int fd)
{
	to_close = fd;
}
