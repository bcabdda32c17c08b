/*
 * threads.c - workers that are threads of the owner, without any supervisor.
 *
 * A thread that leaves starts its successor, which joins it. So no thread of the host is needed for
 * that, and at each time one thread per worker is there to be joined.
 *
 * Writers           The generation of a worker's seat: the owner, before the thread starts.
 *                   control->state: the owner, if a thread cannot be started. The thread of a
 *                   worker: under the lock, the one that leaves. hook of a seat: the thread, and
 *                   the one that starts it. hooks.broke: a thread that cannot be set up, under the
 *                   lock. hooks.started and hooks.left: the threads.
 * Deaths            A thread does not die alone. A fault in a task ends the owner and all of its
 *                   threads, and the kernel frees the segment.
 */
#include "pool/threads.h"

#include "base/atomic.h"
#include "base/error.h"
#include "member/member.h"
#include "member/mishap.h"
#include "os/os.h"
#include "pool/hooks.h"
#include "pool/place.h"
#include "pool/worker.h"
#include "queue/bell.h"
#include "pool/state.h"
#include "queue/ring.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_NS UINT64_C(20000000)
#define MOST_DOUBLINGS 6
#define MOST_UNSET 3
#define NO_WORKER_NS UINT64_C(10000000000) /* as in setup.c and supervisor.c, all four */

/* Long for a thread that has no task, short for a caller. */
#define END_NS 50000000
#define END_CHECK_NS 100000

/* How far the threads are with taking their places. On the stack of the thread that waits. */
struct placing {
	pthread_mutex_t lock;
	pthread_cond_t told;
	unsigned count;
	int refused; /* why one of them has none; 0: none so far */
	char why[300];
};

struct start {
	struct threads *threads;
	struct segment *segment;
	unsigned worker;
	struct placing *placing; /* NULL: it takes none, or has inherited that of its predecessor */
	bool late;               /* it takes its place, and nobody waits for that */
	bool follows;            /* a thread that has left, and ends */
	pthread_t before;
};

static int start_one(const struct start *wanted);

/* Say that the thread has its init hook before it. Relaxed: read by the thread, or asked again. */
static void expect_set_up(const struct start *start)
{
	store_relaxed(&start->segment->seats[start->worker].hook, start->segment->workers.init ? HOOK_INIT : HOOK_NONE);
}

/* Tell whether a thread of the pool has been set up, or sets itself up for the first time. */
static bool any_set_up(const struct segment *segment)
{
	for (unsigned worker = 0; worker < segment_wanted(segment); worker++)
		/* Relaxed: asked again. */
		if (load_relaxed(&segment->seats[worker].hook) != HOOK_INIT)
			return true;
	return false;
}

/* Note that the init hook of this thread has failed. False: it is not to be tried again. */
static bool note_failure(const struct start *mine)
{
	struct threads *threads = mine->threads;
	struct mishap mishap = {.hook = HOOK_INIT, .worker = mine->worker, .exit_code = -1};
	bool again;

	/* Relaxed: its own. */
	mishap.code = load_relaxed(&mine->segment->seats[mine->worker].hook_code);
	memcpy(mishap.text, hooks_text(), sizeof(mishap.text));
	pthread_mutex_lock(&threads->lock);
	again = !threads->joining && !threads->starting && state_of(mine->segment) <= POOL_CLOSED;
	/* What the owner may be reading does not change. */
	if (again || (threads->starting && !threads->failed))
		mishap_note(mine->segment, &mishap);
	threads->failed = true;
	pthread_mutex_unlock(&threads->lock);
	start_ring(mine->segment->control);
	return again;
}

static void break_unset(const struct start *mine)
{
	pthread_mutex_lock(&mine->threads->lock);
	/* Relaxed: the state hands it over. */
	store_relaxed(&mine->segment->control->hooks.broke, 1);
	if (state_end(mine->segment, POOL_BROKEN))
		state_wake_everybody(mine->segment);
	pthread_mutex_unlock(&mine->threads->lock);
}

/* Give up a place that is not wanted. False: it is wanted again. */
static bool give_place_up(const struct start *mine)
{
	struct threads *threads = mine->threads;
	bool surplus;

	pthread_mutex_lock(&threads->lock);
	surplus = mine->worker >= threads->wanted;
	if (surplus)
		threads->seats[mine->worker] = THREAD_LEFT;
	pthread_mutex_unlock(&threads->lock);
	if (surplus)
		fetch_add_relaxed(&mine->segment->control->hooks.left, 1); /* a statistic */
	return surplus;
}

/*
 * Wait, and have the init hook tried again, after it has failed in this thread. As setup.c does it
 * for processes. False: that is no longer of use.
 */
static bool try_again(const struct start *mine, unsigned *failures, uint64_t *since_ns)
{
	uint64_t until;

	if (!note_failure(mine))
		return false;
	if (any_set_up(mine->segment))
		*since_ns = sheaf_now_ns();
	if (++*failures >= MOST_UNSET && sheaf_now_ns() - *since_ns > NO_WORKER_NS) {
		break_unset(mine);
		return false;
	}
	until = sheaf_now_ns() + (RETRY_NS << (*failures < MOST_DOUBLINGS ? *failures : MOST_DOUBLINGS));
	while (sheaf_now_ns() < until) {
		uint32_t state = state_of(mine->segment);

		if (state > POOL_CLOSED || (state == POOL_CLOSED && !rings_have_work(mine->segment)))
			return false;
		if (mine->worker >= segment_wanted(mine->segment) && give_place_up(mine))
			return false;
		os_sleep_ns(RETRY_NS);
	}
	return true;
}

/*
 * Start a thread in the place of this one. False: that cannot be done, so this one goes on as if it
 * were another.
 */
static bool replace_thread(const struct start *mine)
{
	struct threads *threads = mine->threads;
	struct start next = *mine;
	bool done;

	next.placing = NULL;
	next.follows = true;
	next.before = pthread_self();
	fetch_add_relaxed(&mine->segment->control->hooks.left, 1); /* a statistic */
	pthread_mutex_lock(&threads->lock);
	done = threads->joining || !start_one(&next);
	pthread_mutex_unlock(&threads->lock);
	return done;
}

/* Be a worker until the pool is over or another thread takes the place. */
static void serve_as(const struct start *mine)
{
	uint64_t since_ns = sheaf_now_ns();
	unsigned failures = 0;

	for (;;) {
		enum leave_reason reason = worker_run(mine->segment, mine->worker, 1, 0);

		if (!reason || (reason == LEAVE_SURPLUS && give_place_up(mine)))
			return;
		if (reason == LEAVE_UNSET ? !try_again(mine, &failures, &since_ns) : replace_thread(mine))
			return;
		if (reason != LEAVE_UNSET)
			failures = 0;
		expect_set_up(mine);
	}
}

/* Take the place of a worker, and tell that. False: it cannot be had. */
static bool take_place(const struct start *start)
{
	struct placing *placing = start->placing;
	int r;

	/* What was possible at the pool's creation need not be so later: then it runs anywhere. */
	if (start->late)
		(void)place_take(start->segment->place, start->worker, true);
	if (!placing)
		return true;
	r = place_take(start->segment->place, start->worker, true);
	pthread_mutex_lock(&placing->lock);
	placing->count++;
	if (r && !placing->refused) {
		placing->refused = r;
		snprintf(placing->why, sizeof(placing->why), "%s", sheaf_message());
	}
	pthread_cond_signal(&placing->told);
	pthread_mutex_unlock(&placing->lock);
	return !r;
}

/* Wait until @count threads have told of their places. 0, or why one has none, with its message. */
static int await_places(struct placing *placing, unsigned count)
{
	pthread_mutex_lock(&placing->lock);
	while (placing->count < count)
		pthread_cond_wait(&placing->told, &placing->lock);
	pthread_mutex_unlock(&placing->lock);
	pthread_cond_destroy(&placing->told);
	pthread_mutex_destroy(&placing->lock);
	return placing->refused ? sheaf_fail(placing->refused, "%s", placing->why) : 0;
}

static void *run(void *context)
{
	struct start start = *(struct start *)context;
	bool placed = take_place(&start);

	free(context);
	if (start.follows)
		pthread_join(start.before, NULL);
	member_run_tasks_of(start.segment);
	if (placed)
		serve_as(&start);
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
	expect_set_up(start);
	fetch_add_relaxed(&threads->live, 1);
	/* The host's signals are for the host's threads. */
	os_block_all_signals(&before);
	r = -pthread_create(&threads->ids[wanted->worker], NULL, run, start);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r) {
		fetch_sub_relaxed(&threads->live, 1);
		free(start);
		return r;
	}
	threads->seats[wanted->worker] = THREAD_RUNS;
	fetch_add_relaxed(&wanted->segment->control->hooks.started, 1); /* a statistic */
	return 0;
}

/* Wait until all first threads are set up. False: an init hook has failed. */
static bool await_set_up(struct threads *threads, struct segment *segment)
{
	bool failed;

	for (unsigned worker = 0; worker < threads->wanted;) {
		pthread_mutex_lock(&threads->lock);
		failed = threads->failed;
		pthread_mutex_unlock(&threads->lock);
		if (failed)
			return false;
		/* Relaxed: nothing of the thread is used. */
		if (load_relaxed(&segment->seats[worker].hook) == HOOK_INIT)
			start_sleep(segment->control, sheaf_now_ns() + RETRY_NS);
		else
			worker++;
	}
	pthread_mutex_lock(&threads->lock);
	threads->starting = false;
	failed = threads->failed;
	pthread_mutex_unlock(&threads->lock);
	return !failed;
}

static void free_seats(struct threads *threads)
{
	free(threads->ids);
	free(threads->seats);
	threads->ids = NULL;
	threads->seats = NULL;
}

int threads_start(struct threads *threads, struct segment *segment)
{
	struct placing placing = {.lock = PTHREAD_MUTEX_INITIALIZER, .told = PTHREAD_COND_INITIALIZER};
	struct start start = {.threads = threads, .segment = segment, .placing = segment->place ? &placing : NULL};
	int r = 0, placed;

	threads->count = segment->worker_count;
	threads->ids = calloc(threads->count, sizeof(*threads->ids));
	threads->seats = calloc(threads->count, sizeof(*threads->seats));
	if (!threads->ids || !threads->seats) {
		free_seats(threads);
		return sheaf_fail(-ENOMEM, "no memory for %u threads", threads->count);
	}
	pthread_mutex_init(&threads->lock, NULL);
	threads->starting = true;
	threads->wanted = segment_wanted(segment);
	while (!r && start.worker < threads->wanted && !(r = start_one(&start)))
		start.worker++;
	placed = segment->place ? await_places(&placing, start.worker) : 0;
	if (!r && !placed && await_set_up(threads, segment))
		return 0;
	state_force(segment, POOL_TERMINATED);
	workers_ring_all(segment);
	threads_join(threads);
	if (placed)
		return placed;
	if (!r)
		return mishap_fail_init(segment, "no pool was created: ");
	return sheaf_fail(r, "cannot start %u threads: %s", segment_wanted(segment), strerror(-r));
}

/* Start the threads of the seats that have none. Under the lock. 0, or -errno. */
static int start_missing(struct threads *threads, struct segment *segment, unsigned workers)
{
	struct start start = {.threads = threads, .segment = segment, .late = segment->place};
	int r = 0;

	for (; !r && start.worker < workers; start.worker++) {
		if (threads->seats[start.worker] == THREAD_RUNS)
			continue;
		start.follows = threads->seats[start.worker] == THREAD_LEFT;
		start.before = threads->ids[start.worker];
		r = start_one(&start);
	}
	return r;
}

int threads_resize(struct threads *threads, struct segment *segment, unsigned workers)
{
	int r;

	pthread_mutex_lock(&threads->lock);
	r = threads->joining ? 0 : start_missing(threads, segment, workers);
	if (!r)
		threads->wanted = workers;
	pthread_mutex_unlock(&threads->lock);
	return r ? sheaf_fail(r, "sheaf_pool_resize: cannot start %u threads: %s", workers, strerror(-r)) : 0;
}

unsigned threads_end(struct threads *threads)
{
	uint64_t deadline = sheaf_now_ns() + END_NS;
	unsigned live;

	/* Relaxed: joining them hands over what they did. */
	while ((live = load_relaxed(&threads->live)) && sheaf_now_ns() < deadline)
		os_sleep_ns(END_CHECK_NS);
	if (!live)
		threads_join(threads);
	return live;
}

void threads_join(struct threads *threads)
{
	if (!threads->ids)
		return;
	pthread_mutex_lock(&threads->lock);
	threads->joining = true;
	pthread_mutex_unlock(&threads->lock);
	for (unsigned i = 0; i < threads->count; i++)
		if (threads->seats[i] != NO_THREAD)
			pthread_join(threads->ids[i], NULL);
	pthread_mutex_destroy(&threads->lock);
	free_seats(threads);
}

void threads_finish(struct threads *threads, struct segment *segment)
{
	const struct start mine = {.threads = threads, .segment = segment};
	enum leave_reason reason = LEAVE_ASKED;
	struct member_scope before;

	/* Relaxed: nothing of a thread is used but its number. */
	if (load_relaxed(&threads->live) || !rings_have_work(segment))
		return;
	before = member_run_tasks_of(segment);
	while (reason && reason != LEAVE_UNSET)
		reason = worker_run(segment, 0, 1, 0);
	if (reason) {
		(void)note_failure(&mine);
		break_unset(&mine);
	}
	member_end_tasks(before);
}
