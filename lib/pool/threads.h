/*
 * threads.h - workers that are threads of the owner: the same ring, table and gather, for debuggers and sanitizers.
 */
#ifndef SHEAF_POOL_THREADS_H
#define SHEAF_POOL_THREADS_H

#include "segment/segment.h"

#include <pthread.h>

struct threads {
	pthread_t *ids;
	unsigned count; /* started and not joined */
	_Atomic unsigned live;
};

/* 0; -EAGAIN, -ENOMEM, with its message. */
int threads_start(struct threads *threads, struct segment *segment);

/* Joins all; the pool is closed or terminated. */
void threads_join(struct threads *threads);

/* Runs what was submitted while a closed pool's last thread ended, in the calling thread; one at a time. */
void threads_finish(struct threads *threads, struct segment *segment);

#endif
