/*
 * threads.h - workers that are threads of the owner. Ring, table and gather are the same.
 */
#ifndef SHEAF_POOL_THREADS_H
#define SHEAF_POOL_THREADS_H

#include "segment/segment.h"

#include <pthread.h>

enum thread_seat {
	NO_THREAD,
	THREAD_RUNS,
	THREAD_LEFT, /* it is to be joined */
};

struct threads {
	pthread_mutex_t lock; /* of the seats, while threads come and leave */
	pthread_t *ids;       /* NULL: there are none */
	enum thread_seat *seats;
	unsigned count;  /* of both */
	unsigned wanted; /* threads, of the first seats */
	bool joining;    /* nobody is replaced any longer */
	bool starting;   /* an init hook that fails is not tried again */
	bool failed;     /* one has failed */
	_Atomic unsigned live;
};

/*
 * Start one thread for each worker, and wait until all are set up. 0; -EAGAIN, -ENOMEM, what an
 * init hook has returned, or as place_take(), with its message.
 */
int threads_start(struct threads *threads, struct segment *segment);

/*
 * Start threads until there are so many, or let those of the highest numbers know, once they are
 * rung, that they are not wanted. 0; -EAGAIN, -ENOMEM, with their message: nothing has changed but
 * that some more may run until they are rung.
 */
int threads_resize(struct threads *threads, struct segment *segment, unsigned workers);

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
