/*
 * threads.h - workers that are threads of the owner. Ring, table and gather are the same.
 */
#ifndef SHEAF_POOL_THREADS_H
#define SHEAF_POOL_THREADS_H

#include "segment/segment.h"

#include <pthread.h>

struct threads {
	pthread_mutex_t lock; /* of ids, while threads leave */
	pthread_t *ids;       /* NULL: there are none */
	unsigned count;       /* started and not joined, but for those that left */
	bool joining;         /* nobody is replaced any longer */
	bool starting;        /* an init hook that fails is not tried again */
	bool failed;          /* one has failed */
	_Atomic unsigned live;
};

/*
 * Start one thread for each worker, and wait until all are set up. 0; -EAGAIN, -ENOMEM, what an
 * init hook has returned, or as place_take(), with its message.
 */
int threads_start(struct threads *threads, struct segment *segment);

/* Join all threads of a pool that is closed or terminated. */
void threads_join(struct threads *threads);

/*
 * The same of a pool that is terminated, but do not wait for long. Return how many still run a
 * task: then none is joined.
 */
unsigned threads_end(struct threads *threads);

/*
 * Run what was submitted while a closed pool's last thread ended. In the calling thread, and one
 * caller at a time.
 */
void threads_finish(struct threads *threads, struct segment *segment);

#endif
