/*
 * waiter.h - a thread of a test that waits in one of the calls that wait.
 */
#ifndef SHEAF_TESTS_UNIT_WAITER_H
#define SHEAF_TESTS_UNIT_WAITER_H

#include "pools.h"

#include <pthread.h>

struct waiter;

/* Call one function of the library, and return what it has returned. */
typedef int wait_fn(struct waiter *waiter);

struct waiter {
	wait_fn *fn;
	sheaf_batch *batch;
	struct gate *gate;
	uint64_t deadline_ns;
	uint64_t position; /* of the next task */
	bool caller_works;
	const char *path;
	_Atomic int code; /* 1000 until it has returned */
	char message[200];
	pthread_t thread;
};

static inline void *wait_in_thread(void *context)
{
	struct waiter *waiter = context;
	int code = waiter->fn(waiter);

	snprintf(waiter->message, sizeof(waiter->message), "%s", sheaf_message());
	atomic_store(&waiter->code, code);
	return NULL;
}

static inline int wait_next(struct waiter *waiter)
{
	sheaf_result result;

	return sheaf_next(waiter->batch, &result, SHEAF_FOREVER);
}

static inline int wait_gather(struct waiter *waiter)
{
	const sheaf_result *results;
	size_t n;

	return sheaf_gather(waiter->batch, &results, &n, SHEAF_FOREVER);
}

/* Submit until a task is refused: that of waiter->position. */
static inline int wait_submit(struct waiter *waiter)
{
	int r;

	while (!(r = sheaf_submit(waiter->batch, waiter->position, wait_at_gate, &waiter->gate, sizeof(waiter->gate))))
		waiter->position++;
	return r;
}

static inline int wait_join(struct waiter *waiter)
{
	(void)waiter;
	return sheaf_pool_join(pool, SHEAF_FOREVER);
}

/* Of a loop whose context is a gate. */
static inline int range_at_gate(sheaf_task *task, size_t first, size_t last, void *context)
{
	(void)task;
	(void)first;
	(void)last;
	gate_pass(context);
	return 0;
}

#endif
