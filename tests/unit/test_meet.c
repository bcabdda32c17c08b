/*
 * test_meet.c - where tasks wait for each other: event, barrier, queue. What fails, and what deaths
 * leave.
 *
 * Semantics that users of CPython's events, barriers and queues know: an event that is set and
 * cleared at once, the unique numbers of a round's parties, a thousand rounds, abort and reset, a
 * queue that is full, empty or closed.
 */
#define _GNU_SOURCE
#include "pools.h"

#include "sheaf_sync.h"
#include "support/proc.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

TestSuite(meet, .init = begin, .fini = end);

#define PARTIES 3
#define MOST_THREADS 8
#define SOON (sheaf_now_ns() + 20000000)
#define LATE hang_deadline()

static struct shared {
	sheaf_event event;
	sheaf_barrier *barrier;
	sheaf_queue *queue;
	_Atomic int waiting, passed, failures, lonely, runs;
	_Atomic int numbers[PARTIES];
	_Atomic uint64_t sum;
} * shared;

static void start_shared(unsigned workers, enum sheaf_backend backend)
{
	start(&(sheaf_pool_options){.workers = workers, .backend = backend, .heap_size = 64 << 20, .max_attempts = 4});
	cr_assert_eq(sheaf_alloc(pool, sizeof(*shared), (void **)&shared), 0);
	cr_assert_eq(sheaf_event_init(pool, &shared->event), 0);
	cr_assert_eq(sheaf_barrier_create(pool, PARTIES, &shared->barrier), 0);
	cr_assert_eq(sheaf_queue_create(pool, 4, sizeof(uint64_t), &shared->queue), 0);
}

static void until(_Atomic int *n, int least)
{
	for (uint64_t deadline = LATE; *n < least; usleep(200))
		cr_assert_lt(sheaf_now_ns(), deadline);
}

/* Submit @n tasks that run at once, each by a worker of its own. Gather them with finish(). */
static sheaf_batch *submit(sheaf_task_fn *fn, unsigned n)
{
	sheaf_batch *batch;

	cr_assert_eq(sheaf_batch_create(&batch, pool, NULL), 0);
	for (unsigned i = 0; i < n; i++)
		cr_assert_eq(sheaf_submit(batch, i, fn, &shared, sizeof(shared)), 0);
	return batch;
}

static void finish(sheaf_batch *batch)
{
	const sheaf_result *results;
	size_t n;

	cr_assert_eq(sheaf_gather(batch, &results, &n, LATE), 0, "%s", sheaf_message());
	sheaf_batch_retire(batch);
}

static struct shared *of(const void *arg)
{
	return *(struct shared *const *)arg;
}

/* Threads of this process. */
static pthread_t threads[MOST_THREADS];

static void start_threads(unsigned n, void *(*fn)(void *))
{
	for (unsigned i = 0; i < n; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, fn, (void *)(uintptr_t)i), 0);
}

static int result_of(unsigned i)
{
	void *result;

	cr_assert_eq(pthread_join(threads[i], &result), 0);
	return (int)(intptr_t)result;
}

/* ---- event ---- */

static int await_event(sheaf_task *task, const void *arg, void *result)
{
	struct shared *s = of(arg);

	(void)task, (void)result;
	s->waiting++;
	return sheaf_event_wait(&s->event, LATE);
}

Test(meet, an_event_wakes_all)
{
	sheaf_batch *batch;
	uint64_t begin;

	start_shared(3, SHEAF_PROCESSES);
	cr_assert_eq(sheaf_event_is_set(&shared->event), 0);
	cr_assert_eq(sheaf_event_wait(&shared->event, 0), -EAGAIN);
	begin = sheaf_now_ns();
	cr_assert_eq(sheaf_event_wait(&shared->event, begin + 20000000), -ETIMEDOUT);
	cr_assert_geq(sheaf_now_ns() - begin, 20000000);
	batch = submit(await_event, 3);
	until(&shared->waiting, 3);
	cr_assert_eq(sheaf_event_set(&shared->event), 0);
	finish(batch);
	cr_assert_eq(sheaf_event_is_set(&shared->event), 1);
	cr_assert_eq(sheaf_event_wait(&shared->event, 0), 0);
	cr_assert_eq(sheaf_event_clear(&shared->event), 0);
	cr_assert_eq(sheaf_event_wait(&shared->event, 0), -EAGAIN);
}

static void until_state(pid_t pid, char state)
{
	struct proc proc;

	for (uint64_t deadline = LATE; !proc_read(pid, &proc) || proc.state != state; usleep(200))
		cr_assert_lt(sheaf_now_ns(), deadline, "worker %ld is not in state %c", (long)pid, state);
}

/* The waiter is stopped meanwhile, so it never sees the flag. */
Test(meet, an_event_that_is_set_and_cleared_wakes_all_the_same)
{
	struct proc proc;
	sheaf_batch *batch;
	pid_t pid;

	if (!proc_read(getpid(), &proc))
		skip("there is no /proc");
	start_shared(1, SHEAF_PROCESSES);
	pid = sheaf_pool_worker_pid(pool, 0);
	batch = submit(await_event, 1);
	until(&shared->waiting, 1);
	until_state(pid, 'S');
	cr_assert_eq(kill(pid, SIGSTOP), 0);
	until_state(pid, 'T');
	sheaf_event_set(&shared->event);
	sheaf_event_clear(&shared->event);
	cr_assert_eq(kill(pid, SIGCONT), 0);
	finish(batch);
}

static void on_signal(int signal)
{
	(void)signal;
}

static void *wait_and_be_signalled(void *unused)
{
	(void)unused;
	shared->waiting++;
	return (void *)(intptr_t)sheaf_event_wait(&shared->event, LATE);
}

Test(meet, a_signal_handler_ends_the_wait)
{
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};

	start_shared(1, SHEAF_PROCESSES);
	sigaction(SIGUSR1, &action, NULL);
	start_threads(1, wait_and_be_signalled);
	until(&shared->waiting, 1);
	/* It may not sleep yet. */
	for (void *result; pthread_tryjoin_np(threads[0], &result);) {
		pthread_kill(threads[0], SIGUSR1);
		usleep(1000);
	}
}

/* ---- barrier ---- */

static int meet_often(sheaf_task *task, const void *arg, void *result)
{
	struct shared *s = of(arg);

	(void)task, (void)result;
	for (int round = 0; round < 1000; round++) {
		int order = sheaf_barrier_wait(s->barrier, LATE);

		if (order < 0)
			return order;
		s->numbers[order]++;
		s->passed++;
		/* Nobody is a round ahead of one that has not passed this one. */
		s->failures += s->passed > PARTIES * (round + 2);
	}
	return 0;
}

static void meet(enum sheaf_backend backend)
{
	start_shared(PARTIES, backend);
	finish(submit(meet_often, PARTIES));
	for (int i = 0; i < PARTIES; i++)
		cr_assert_eq(shared->numbers[i], 1000, "number %d: %d times", i, shared->numbers[i]);
	cr_assert_eq(shared->failures, 0);
}

Test(meet, parties_pass_a_thousand_rounds)
{
	meet(SHEAF_PROCESSES);
}

Test(meet, threads_pass_a_thousand_rounds)
{
	meet(SHEAF_THREADS);
}

static void *wait_at_barrier(void *unused)
{
	(void)unused;
	shared->waiting++;
	return (void *)(intptr_t)sheaf_barrier_wait(shared->barrier, LATE);
}

Test(meet, an_abort_breaks_the_barrier_and_a_reset_mends_it)
{
	start_shared(1, SHEAF_PROCESSES);
	start_threads(2, wait_at_barrier);
	until(&shared->waiting, 2);
	cr_assert_eq(sheaf_barrier_abort(shared->barrier), 0);
	cr_assert_eq(result_of(0), -ECANCELED);
	cr_assert_eq(result_of(1), -ECANCELED);
	cr_assert_eq(sheaf_barrier_wait(shared->barrier, LATE), -ECANCELED);
	cr_assert_eq(sheaf_barrier_reset(shared->barrier), 0);
	start_threads(2, wait_at_barrier);
	cr_assert_geq(sheaf_barrier_wait(shared->barrier, LATE), 0);
	cr_assert_geq(result_of(0), 0);
	cr_assert_geq(result_of(1), 0);
}

Test(meet, a_reset_sends_away_who_waits)
{
	start_shared(1, SHEAF_PROCESSES);
	start_threads(2, wait_at_barrier);
	/* Polling does not arrive, until the others are there. It ends the round for all then. */
	until(&shared->waiting, 2);
	usleep(20000);
	cr_assert_eq(sheaf_barrier_reset(shared->barrier), 0);
	for (unsigned i = 0; i < 2; i++) {
		int r = result_of(i);

		cr_assert_eq(r, -ECANCELED, "%d", r);
	}
	cr_assert_eq(sheaf_barrier_wait(shared->barrier, 0), -EAGAIN);
	start_threads(2, wait_at_barrier);
	for (int r; (r = sheaf_barrier_wait(shared->barrier, 0)) != PARTIES - 1; usleep(100))
		cr_assert_eq(r, -EAGAIN, "%d", r);
	cr_assert_geq(result_of(0), 0);
	cr_assert_geq(result_of(1), 0);
}

Test(meet, a_deadline_breaks_the_barrier)
{
	start_shared(1, SHEAF_PROCESSES);
	start_threads(1, wait_at_barrier);
	until(&shared->waiting, 1);
	usleep(20000);
	cr_assert_eq(sheaf_barrier_wait(shared->barrier, SOON), -ETIMEDOUT);
	cr_assert_eq(result_of(0), -ECANCELED);
	cr_assert_eq(sheaf_barrier_wait(shared->barrier, LATE), -ECANCELED);
}

/* The first one dies while it waits; once it is run again, the barrier is broken. */
static int die_waiting(sheaf_task *task, const void *arg, void *result)
{
	struct shared *s = of(arg);
	int r;

	(void)result;
	if (sheaf_task_position(task) == 0 && sheaf_task_attempt(task) == 1) {
		alarm(1); /* the default of SIGALRM ends the worker */
		signal(SIGALRM, SIG_DFL);
	}
	r = sheaf_barrier_wait(s->barrier, LATE);
	s->failures += r == -EOWNERDEAD;
	return r == -EOWNERDEAD ? 0 : r < 0 ? r : -EIO;
}

Test(meet, the_death_of_who_waits_breaks_the_barrier)
{
	start_shared(2, SHEAF_PROCESSES);
	finish(submit(die_waiting, 2));
	cr_assert_eq(shared->failures, 2, "%d were told", shared->failures);
	cr_assert_eq(sheaf_barrier_wait(shared->barrier, LATE), -EOWNERDEAD);
	cr_assert(strstr(sheaf_message(), "has died"), "%s", sheaf_message());
	cr_assert_eq(sheaf_barrier_reset(shared->barrier), 0);
	start_threads(2, wait_at_barrier);
	cr_assert_geq(sheaf_barrier_wait(shared->barrier, LATE), 0);
	cr_assert_geq(result_of(0), 0);
	cr_assert_geq(result_of(1), 0);
}

/* All join and pass one round. Then one dies elsewhere. */
static int die_joined(sheaf_task *task, const void *arg, void *result)
{
	struct shared *s = of(arg);
	int r = 0;

	(void)result;
	s->runs++;
	if (sheaf_task_attempt(task) == 1) {
		if ((r = sheaf_barrier_join(s->barrier)) || (r = sheaf_barrier_wait(s->barrier, LATE)) < 0)
			return r;
		if (sheaf_task_position(task) == 0)
			raise(SIGKILL);
		r = sheaf_barrier_wait(s->barrier, LATE);
		s->failures += r == -EOWNERDEAD;
		r = sheaf_barrier_leave(s->barrier);
	}
	return r;
}

Test(meet, the_death_of_a_party_that_has_joined_breaks_the_barrier)
{
	start_shared(PARTIES, SHEAF_PROCESSES);
	finish(submit(die_joined, PARTIES));
	cr_assert_eq(shared->failures, PARTIES - 1);
	cr_assert_eq(shared->runs, PARTIES + 1);
}

static void *join_barrier(void *number)
{
	int r = sheaf_barrier_join(shared->barrier), passed = r;

	if (!r && !(r = sheaf_barrier_join(shared->barrier))) /* twice is once */
		for (int round = 0; round < 100 && passed >= 0; round++)
			passed = sheaf_barrier_wait(shared->barrier, LATE);
	(void)number;
	if (!r)
		r = sheaf_barrier_leave(shared->barrier);
	return (void *)(intptr_t)(r ? r : passed < 0 ? passed : 0);
}

Test(meet, parties_join_and_leave)
{
	start_shared(1, SHEAF_PROCESSES);
	cr_assert_eq(sheaf_barrier_leave(shared->barrier), -EPERM);
	for (int time = 0; time < 3; time++) {
		start_threads(PARTIES, join_barrier);
		for (unsigned i = 0; i < PARTIES; i++) {
			int r = result_of(i);

			cr_assert_eq(r, 0, "%d: %s", r, sheaf_message());
		}
	}
	cr_assert_eq(sheaf_barrier_join(shared->barrier), 0);
	cr_assert_eq(sheaf_barrier_leave(shared->barrier), 0);
	cr_assert_eq(sheaf_barrier_leave(shared->barrier), -EPERM);
}

static void *meet_in_turns(void *unused)
{
	int r = 0;

	(void)unused;
	for (int round = 0; round < 300 && r >= 0; round++)
		r = sheaf_barrier_wait(shared->barrier, LATE);
	/* Two that are left cannot meet a third one. */
	if (++shared->passed == 4)
		sheaf_barrier_abort(shared->barrier);
	return (void *)(intptr_t)r;
}

Test(meet, more_threads_than_parties_meet_in_any_groups)
{
	start_shared(1, SHEAF_PROCESSES);
	start_threads(6, meet_in_turns);
	for (unsigned i = 0; i < 6; i++) {
		int r = result_of(i);

		cr_assert(r >= 0 || r == -ECANCELED, "%d: %s", r, sheaf_message());
	}
	cr_assert_geq(shared->passed, 6);
}

/* ---- queue ---- */

Test(meet, a_queue_is_first_in_first_out)
{
	uint64_t item, begin;

	start_shared(1, SHEAF_PROCESSES);
	cr_assert_eq(sheaf_queue_get(shared->queue, &item, 0), -EAGAIN);
	begin = sheaf_now_ns();
	cr_assert_eq(sheaf_queue_get(shared->queue, &item, begin + 20000000), -ETIMEDOUT);
	cr_assert_geq(sheaf_now_ns() - begin, 20000000);
	for (uint64_t lap = 0; lap < 10; lap++) {
		for (uint64_t i = 0; i < 4; i++) {
			item = lap * 4 + i;
			cr_assert_eq(sheaf_queue_put(shared->queue, &item, 0), 0);
			cr_assert_eq(sheaf_queue_length(shared->queue), (int64_t)i + 1);
		}
		cr_assert_eq(sheaf_queue_put(shared->queue, &item, 0), -EAGAIN);
		cr_assert_eq(sheaf_queue_put(shared->queue, &item, SOON), -ETIMEDOUT);
		for (uint64_t i = 0; i < 4; i++) {
			cr_assert_eq(sheaf_queue_get(shared->queue, &item, 0), 1);
			cr_assert_eq(item, lap * 4 + i);
		}
	}
	item = 7;
	cr_assert_eq(sheaf_queue_put(shared->queue, &item, 0), 0);
	cr_assert_eq(sheaf_queue_close(shared->queue), 0);
	cr_assert_eq(sheaf_queue_close(shared->queue), 0);
	cr_assert_eq(sheaf_queue_put(shared->queue, &item, SHEAF_FOREVER), -EPIPE);
	cr_assert_eq(sheaf_queue_get(shared->queue, &item, SHEAF_FOREVER), 1);
	cr_assert_eq(sheaf_queue_get(shared->queue, &item, SHEAF_FOREVER), 0);
	cr_assert_eq(sheaf_queue_length(shared->queue), 0);
}

/* Two put, two get, until the queue is closed. */
static int put_or_get(sheaf_task *task, const void *arg, void *result)
{
	struct shared *s = of(arg);
	uint64_t position = sheaf_task_position(task), item, last[2] = {0, 0};
	int r = 0;

	(void)result;
	if (position < 2) {
		for (uint64_t i = 1; i <= 5000 && !r; i++) {
			item = i * 2 + position;
			r = sheaf_queue_put(s->queue, &item, LATE);
		}
		if (!r && ++s->passed == 2)
			r = sheaf_queue_close(s->queue);
		return r;
	}
	while ((r = sheaf_queue_get(s->queue, &item, LATE)) == 1) {
		s->failures += item <= last[item % 2]; /* in order, of one producer */
		last[item % 2] = item;
		s->sum += item;
	}
	return r;
}

static void pass_items(enum sheaf_backend backend)
{
	start_shared(4, backend);
	finish(submit(put_or_get, 4));
	cr_assert_eq(shared->sum, 2 * 5000u * 5001u + 5000u);
	cr_assert_eq(shared->failures, 0);
}

Test(meet, a_queue_loses_nothing)
{
	pass_items(SHEAF_PROCESSES);
}

Test(meet, a_queue_loses_nothing_between_threads)
{
	pass_items(SHEAF_THREADS);
}

/* Producers that are killed after each put, once they have counted it. */
static int put_and_die(sheaf_task *task, const void *arg, void *result)
{
	struct shared *s = of(arg);
	uint64_t item = 1;
	int r;

	(void)result;
	r = sheaf_queue_put(s->queue, &item, LATE);
	if (sheaf_task_attempt(task) <= 2)
		raise(SIGKILL);
	return r;
}

Test(meet, a_queue_survives_who_puts)
{
	sheaf_batch *batch;
	uint64_t item, sum = 0;

	start_shared(3, SHEAF_PROCESSES);
	batch = submit(put_and_die, 20);
	for (int i = 0; i < 60; i++) {
		cr_assert_eq(sheaf_queue_get(shared->queue, &item, LATE), 1);
		sum += item;
	}
	finish(batch);
	cr_assert_eq(sum, 60);
	cr_assert_eq(sheaf_queue_length(shared->queue), 0);
}

static void *get_item(void *unused)
{
	uint64_t item;

	(void)unused;
	shared->waiting++;
	return (void *)(intptr_t)sheaf_queue_get(shared->queue, &item, LATE);
}

Test(meet, closing_a_queue_wakes_who_waits)
{
	start_shared(1, SHEAF_PROCESSES);
	start_threads(3, get_item);
	until(&shared->waiting, 3);
	usleep(5000);
	cr_assert_eq(sheaf_queue_close(shared->queue), 0);
	for (unsigned i = 0; i < 3; i++)
		cr_assert_eq(result_of(i), 0);
}

/* ---- what is refused ---- */

Test(meet, what_is_no_object_is_refused)
{
	sheaf_barrier *barrier = NULL;
	sheaf_queue *queue = NULL;
	sheaf_event here = {{0}};
	uint64_t item = 0;

	start_shared(1, SHEAF_PROCESSES);
	cr_assert_eq(sheaf_event_init(pool, &here), -EFAULT);
	cr_assert_eq(sheaf_event_set(&here), -EINVAL);
	cr_assert_eq(sheaf_event_clear(NULL), -EINVAL);
	cr_assert_eq(sheaf_event_is_set(NULL), -EINVAL);
	cr_assert_eq(sheaf_event_wait((sheaf_event *)shared->queue, 0), -EINVAL);
	cr_assert_eq(sheaf_barrier_create(pool, 0, &barrier), -EINVAL);
	cr_assert_eq(sheaf_barrier_create(pool, SHEAF_MAX_PARTIES + 1, &barrier), -EINVAL);
	cr_assert_eq(sheaf_barrier_create(NULL, 1, &barrier), -EINVAL);
	cr_assert_null(barrier);
	cr_assert_eq(sheaf_barrier_wait(NULL, 0), -EINVAL);
	cr_assert_eq(sheaf_barrier_abort((sheaf_barrier *)&shared->event), -EINVAL);
	cr_assert_eq(sheaf_queue_create(pool, 0, 1, &queue), -EINVAL);
	cr_assert_eq(sheaf_queue_create(pool, 1, 0, &queue), -EINVAL);
	cr_assert_eq(sheaf_queue_create(pool, SIZE_MAX, 2, &queue), -EOVERFLOW);
	cr_assert_eq(sheaf_queue_create(pool, SIZE_MAX, 1, &queue), -EOVERFLOW);
	cr_assert_null(queue);
	cr_assert_eq(sheaf_queue_put(shared->queue, NULL, 0), -EINVAL);
	cr_assert_eq(sheaf_queue_get(NULL, &item, 0), -EINVAL);
	cr_assert_eq(sheaf_queue_length(NULL), -EINVAL);
	/* A barrier of one party never waits. */
	cr_assert_eq(sheaf_barrier_create(pool, 1, &barrier), 0);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(sheaf_barrier_wait(barrier, i ? SHEAF_FOREVER : 0), 0);
	cr_assert_eq(sheaf_free(pool, barrier), 0);
}
