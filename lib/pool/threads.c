/*
 * threads.c - workers that are threads of the owner, without any supervisor.
 *
 * A thread that leaves starts its successor, which joins it. So no thread of the host is needed for
 * that, and at each time one thread per worker is there to be joined.
 *
 * Writers           The generation of a worker's seat: the owner, before the thread starts.
 *                   control->state: the owner, if a thread cannot be started. The thread of a
 *                   worker: under the lock, the one that leaves.
 * Deaths            A thread does not die alone. A fault in a task ends the owner and all of its
 *                   threads, and the kernel frees the segment.
 */
#include "pool/threads.h"

#include "base/atomic.h"
#include "base/error.h"
#include "member/member.h"
#include "os/os.h"
#include "pool/worker.h"
#include "queue/bell.h"
#include "pool/state.h"
#include "queue/ring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct start {
	struct threads *threads;
	struct segment *segment;
	unsigned worker;
	bool follows; /* a thread that has left, and ends */
	pthread_t before;
};

static int start_one(const struct start *wanted);

/*
 * Start a thread in the place of this one. False: that cannot be done, so this one goes on as if it
 * were another.
 */
static bool replace_thread(const struct start *mine)
{
	struct threads *threads = mine->threads;
	struct start next = *mine;
	bool done;

	next.follows = true;
	next.before = pthread_self();
	pthread_mutex_lock(&threads->lock);
	done = threads->joining || !start_one(&next);
	pthread_mutex_unlock(&threads->lock);
	return done;
}

static void *run(void *context)
{
	struct start start = *(struct start *)context;

	free(context);
	if (start.follows)
		pthread_join(start.before, NULL);
	member_run_tasks_of(start.segment);
	while (worker_run(start.segment, start.worker, 1, 0) && !replace_thread(&start))
		continue;
	/* Relaxed: the owner uses nothing of this thread before it has joined it. */
	fetch_sub_relaxed(&start.threads->live, 1);
	return NULL;
}

/* Start a thread for the worker, and note it as the worker's. 0, or -errno. */
static int start_one(const struct start *wanted)
{
	struct threads *threads = wanted->threads;
	struct start *start = malloc(sizeof(*start));
	sigset_t before;
	int r;

	if (!start)
		return -ENOMEM;
	*start = *wanted;
	/* Relaxed, both: pthread_create() hands them over. */
	store_relaxed(&start->segment->seats[start->worker].generation, 1);
	fetch_add_relaxed(&threads->live, 1);
	/* The host's signals are for the host's threads. */
	os_block_all_signals(&before);
	r = -pthread_create(&threads->ids[wanted->worker], NULL, run, start);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r) {
		fetch_sub_relaxed(&threads->live, 1);
		free(start);
	}
	return r;
}

int threads_start(struct threads *threads, struct segment *segment)
{
	int r = 0;

	threads->ids = calloc(segment->worker_count, sizeof(*threads->ids));
	if (!threads->ids)
		return sheaf_fail(-ENOMEM, "no memory for %u threads", segment->worker_count);
	pthread_mutex_init(&threads->lock, NULL);
	while (!r && threads->count < segment->worker_count) {
		r = start_one(&(struct start){.threads = threads, .segment = segment, .worker = threads->count});
		threads->count += !r;
	}
	if (!r)
		return 0;
	state_force(segment, POOL_TERMINATED);
	workers_ring_all(segment);
	threads_join(threads);
	return sheaf_fail(r, "cannot start %u threads: %s", segment->worker_count, strerror(-r));
}

void threads_join(struct threads *threads)
{
	if (!threads->ids)
		return;
	pthread_mutex_lock(&threads->lock);
	threads->joining = true;
	pthread_mutex_unlock(&threads->lock);
	for (unsigned i = 0; i < threads->count; i++)
		pthread_join(threads->ids[i], NULL);
	threads->count = 0;
	pthread_mutex_destroy(&threads->lock);
	free(threads->ids);
	threads->ids = NULL;
}

void threads_finish(struct threads *threads, struct segment *segment)
{
	struct member_scope before;

	/* Relaxed: nothing of a thread is used but its number. */
	if (load_relaxed(&threads->live) || !rings_have_work(segment))
		return;
	before = member_run_tasks_of(segment);
	while (worker_run(segment, 0, 1, 0))
		continue;
	member_end_tasks(before);
}
