/*
 * threads.c - workers that are threads of the owner, without any supervisor.
 *
 * Writers           The generation of a worker's seat: the owner, before the thread starts.
 *                   control->state: the owner, if a thread cannot be started.
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
};

static void *run(void *context)
{
	struct start start = *(struct start *)context;

	free(context);
	member_run_tasks_of(start.segment);
	worker_run(start.segment, start.worker, 1, 0);
	/* Relaxed: the owner uses nothing of this thread before it has joined it. */
	fetch_sub_relaxed(&start.threads->live, 1);
	return NULL;
}

static int start_one(struct threads *threads, struct segment *segment, unsigned worker)
{
	struct start *start = malloc(sizeof(*start));
	sigset_t before;
	int r;

	if (!start)
		return -ENOMEM;
	*start = (struct start){.threads = threads, .segment = segment, .worker = worker};
	/* Relaxed, both: pthread_create() hands them over. */
	store_relaxed(&segment->seats[worker].generation, 1);
	fetch_add_relaxed(&threads->live, 1);
	/* The host's signals are for the host's threads. */
	os_block_all_signals(&before);
	r = -pthread_create(&threads->ids[worker], NULL, run, start);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r) {
		fetch_sub_relaxed(&threads->live, 1);
		free(start);
		return r;
	}
	threads->count++;
	return 0;
}

int threads_start(struct threads *threads, struct segment *segment)
{
	int r = 0;

	threads->ids = calloc(segment->worker_count, sizeof(*threads->ids));
	if (!threads->ids)
		return sheaf_fail(-ENOMEM, "no memory for %u threads", segment->worker_count);
	for (unsigned worker = 0; worker < segment->worker_count && !r; worker++)
		r = start_one(threads, segment, worker);
	if (!r)
		return 0;
	state_force(segment, POOL_TERMINATED);
	workers_ring_all(segment);
	threads_join(threads);
	return sheaf_fail(r, "cannot start %u threads: %s", segment->worker_count, strerror(-r));
}

void threads_join(struct threads *threads)
{
	for (unsigned i = 0; i < threads->count; i++)
		pthread_join(threads->ids[i], NULL);
	threads->count = 0;
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
	worker_run(segment, 0, 1, 0);
	member_end_tasks(before);
}
