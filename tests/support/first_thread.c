/*
 * first_thread.c - a process whose first thread has ended.
 *
 * The thread ends by the system call: musl 1.2.3 never gives up its lock of threads when
 * pthread_exit() ends the first thread of a forked child.
 */
#define _GNU_SOURCE
#include "first_thread.h"

#include <pthread.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "deadline.h"
#include "sheaf.h"

struct rest {
	child_fn *fn;
	void *context;
};

/* A first thread that has ended is a zombie, and the system shows nothing more of it. */
static void await_zombie(void)
{
	uint64_t deadline = hang_deadline();
	char path[64], text[64];

	snprintf(path, sizeof(path), "/proc/%ld/fd/0", (long)getpid());
	while (readlink(path, text, sizeof(text)) > 0 && sheaf_now_ns() < deadline)
		nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
}

static void *go_on(void *context)
{
	const struct rest *rest = context;

	await_zombie();
	_exit(rest->fn(rest->context));
}

int end_first_thread(child_fn *fn, void *context)
{
	struct rest rest = {fn, context};
	pthread_t other;

	if (pthread_create(&other, NULL, go_on, &rest))
		return 125;
	for (;;)
		syscall(SYS_exit, 0);
}
