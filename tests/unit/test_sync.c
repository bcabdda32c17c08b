/*
 * test_sync.c - what one thread at a time may have or do: mutex, once, semaphore; and counters and
 * values that all may use at once. What fails, and what deaths leave.
 *
 * Semantics that users of CPython's locks know: a lock that is tried, one that is waited for with a
 * limit, permits given back too often.
 */
#define _GNU_SOURCE
#include "pools.h"

#include "sheaf_sync.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

TestSuite(sync, .init = begin, .fini = end);

#define SOON (sheaf_now_ns() + 20000000)
#define LATE hang_deadline()

/* In shared memory. */
static struct shared {
	sheaf_mutex mutex;
	sheaf_once once;
	sheaf_semaphore *semaphore;
	sheaf_counter *counter;
	sheaf_value *value;
	long plain; /* guarded by the mutex */
	_Atomic int inside, most_inside, calls, deaths, failures;
} * shared;

static void start_shared(unsigned workers, enum sheaf_backend backend)
{
	start(&(sheaf_pool_options){.workers = workers, .backend = backend, .heap_size = 64 << 20, .max_attempts = 4});
	cr_assert_eq(sheaf_alloc(pool, sizeof(*shared), (void **)&shared), 0);
	cr_assert_eq(sheaf_mutex_init(pool, &shared->mutex), 0, "%s", sheaf_message());
	cr_assert_eq(sheaf_once_init(pool, &shared->once), 0);
	cr_assert_eq(sheaf_semaphore_create(pool, 2, &shared->semaphore), 0);
	cr_assert_eq(sheaf_counter_create(pool, &shared->counter), 0);
}

static void run(sheaf_range_fn *fn, size_t n)
{
	int r = sheaf_for(pool, fn, shared, n, &(sheaf_map_options){.grain = 1});

	cr_assert_eq(r, 0, "%d: %s", r, sheaf_message());
}

/* Run something in a thread of this process, and wait for it. */
static int in_thread(void *(*fn)(void *))
{
	pthread_t thread;
	void *result;

	cr_assert_eq(pthread_create(&thread, NULL, fn, NULL), 0);
	cr_assert_eq(pthread_join(thread, &result), 0);
	return (int)(intptr_t)result;
}

/* ---- mutex ---- */

static int add_plainly(sheaf_task *task, size_t begin, size_t end, void *context)
{
	struct shared *s = context;

	(void)task;
	for (size_t i = begin; i < end; i++) {
		int r = sheaf_mutex_lock(&s->mutex, SHEAF_FOREVER);

		if (r)
			return r;
		s->plain = s->plain + 1;
		if ((r = sheaf_mutex_unlock(&s->mutex)))
			return r;
	}
	return 0;
}

static void exclude(enum sheaf_backend backend, unsigned workers)
{
	start_shared(workers, backend);
	run(add_plainly, 20000);
	cr_assert_eq(shared->plain, 20000);
}

Test(sync, a_mutex_lets_one_in_at_a_time)
{
	exclude(SHEAF_PROCESSES, 3);
}

Test(sync, a_mutex_lets_one_thread_in_at_a_time)
{
	exclude(SHEAF_THREADS, 3);
}

Test(sync, a_mutex_works_inline)
{
	exclude(SHEAF_INLINE, 0);
}

static void *poll_mutex(void *unused)
{
	(void)unused;
	return (void *)(intptr_t)sheaf_mutex_lock(&shared->mutex, 0);
}

static void *wait_for_mutex(void *unused)
{
	uint64_t begin = sheaf_now_ns();
	int r = sheaf_mutex_lock(&shared->mutex, SOON);

	(void)unused;
	return (void *)(intptr_t)(sheaf_now_ns() - begin >= 20000000 ? r : 1);
}

static void *unlock_mutex(void *unused)
{
	(void)unused;
	return (void *)(intptr_t)sheaf_mutex_unlock(&shared->mutex);
}

Test(sync, a_mutex_knows_its_holder)
{
	start_shared(1, SHEAF_PROCESSES);
	cr_assert_eq(sheaf_mutex_unlock(&shared->mutex), -EPERM);
	cr_assert_eq(sheaf_mutex_lock(&shared->mutex, 0), 0);
	cr_assert_eq(sheaf_mutex_lock(&shared->mutex, SHEAF_FOREVER), -EDEADLK);
	cr_assert_eq(in_thread(poll_mutex), -EAGAIN);
	cr_assert_eq(in_thread(wait_for_mutex), -ETIMEDOUT);
	cr_assert_eq(in_thread(unlock_mutex), -EPERM);
	cr_assert_eq(sheaf_mutex_mend(&shared->mutex), -EPERM, "nobody has died");
	cr_assert_eq(sheaf_mutex_unlock(&shared->mutex), 0);
	cr_assert_eq(in_thread(poll_mutex), 0);
	/* That thread has ended with it. */
	cr_assert_eq(sheaf_mutex_lock(&shared->mutex, LATE), -EOWNERDEAD);
	cr_assert_eq(sheaf_mutex_mend(&shared->mutex), 0);
	cr_assert_eq(sheaf_mutex_unlock(&shared->mutex), 0);
	cr_assert_eq(sheaf_mutex_lock(&shared->mutex, 0), 0);
	cr_assert_eq(sheaf_mutex_unlock(&shared->mutex), 0);
}

/* Every tenth position dies with the mutex in its first attempt, half way through a change. */
static int add_and_die(sheaf_task *task, size_t begin, size_t end, void *context)
{
	struct shared *s = context;

	for (size_t i = begin; i < end; i++) {
		int r = sheaf_mutex_lock(&s->mutex, LATE);

		if (r == -EOWNERDEAD) {
			s->deaths++;
			s->plain &= ~1L; /* half a change is a odd number */
			r = sheaf_mutex_mend(&s->mutex);
		}
		if (r)
			return r;
		s->plain++;
		if (i % 10 == 0 && sheaf_task_attempt(task) == 1)
			raise(SIGKILL);
		s->plain++;
		sheaf_mutex_unlock(&s->mutex);
	}
	return 0;
}

Test(sync, a_mutex_comes_back_from_the_dead)
{
	start_shared(3, SHEAF_PROCESSES);
	run(add_and_die, 100);
	cr_assert_eq(shared->plain, 200);
	cr_assert_eq(shared->deaths, 10, "%d deaths told", shared->deaths);
}

static int die_with_mutex(sheaf_task *task, size_t begin, size_t end, void *context)
{
	struct shared *s = context;

	(void)begin, (void)end;
	if (sheaf_task_attempt(task) == 1 && !sheaf_mutex_lock(&s->mutex, LATE))
		raise(SIGKILL);
	return 0;
}

Test(sync, a_mutex_that_nobody_mends_is_lost)
{
	int r;

	start_shared(1, SHEAF_PROCESSES);
	run(die_with_mutex, 1);
	cr_assert_eq(sheaf_mutex_lock(&shared->mutex, LATE), -EOWNERDEAD);
	cr_assert(strstr(sheaf_message(), "sheaf_mutex_mend"), "%s", sheaf_message());
	cr_assert_eq(sheaf_mutex_unlock(&shared->mutex), 0);
	for (int i = 0; i < 3; i++)
		cr_assert_eq((r = sheaf_mutex_lock(&shared->mutex, LATE)), -ENOTRECOVERABLE, "%d", r);
	/* Made anew, it is a mutex again. */
	cr_assert_eq(sheaf_mutex_init(pool, &shared->mutex), 0);
	cr_assert_eq(sheaf_mutex_lock(&shared->mutex, 0), 0);
	cr_assert_eq(sheaf_mutex_unlock(&shared->mutex), 0);
}

/* ---- once ---- */

static int set_up(void *context)
{
	struct shared *s = context;

	s->calls++;
	usleep(2000);
	s->plain = 7;
	return 0;
}

static int use(sheaf_task *task, size_t begin, size_t end, void *context)
{
	struct shared *s = context;

	(void)task, (void)begin, (void)end;
	return sheaf_once_run(&s->once, set_up, s, LATE) || s->plain != 7 ? -EIO : 0;
}

Test(sync, once_is_once)
{
	start_shared(3, SHEAF_PROCESSES);
	run(use, 100);
	cr_assert_eq(shared->calls, 1);
}

static int set_up_at_last(void *context)
{
	struct shared *s = context;

	int call = s->calls++;

	if (call == 0)
		raise(SIGKILL);
	if (call == 1)
		return -ENETDOWN;
	s->plain = 7;
	return 0;
}

static int use_in_need(sheaf_task *task, size_t begin, size_t end, void *context)
{
	struct shared *s = context;
	int r = sheaf_once_run(&s->once, set_up_at_last, s, LATE);

	(void)task, (void)begin, (void)end;
	s->failures += r == -ENETDOWN;
	return r && r != -ENETDOWN ? r : 0;
}

Test(sync, once_goes_on_after_a_death_and_a_failure)
{
	start_shared(3, SHEAF_PROCESSES);
	run(use_in_need, 20);
	cr_assert_eq(shared->calls, 3);
	cr_assert_eq(shared->failures, 1);
	cr_assert_eq(shared->plain, 7);
}

static int call_again(void *context)
{
	struct shared *s = context;

	s->failures = sheaf_once_run(&s->once, call_again, s, LATE);
	return 0;
}

Test(sync, once_does_not_wait_for_itself)
{
	start_shared(1, SHEAF_PROCESSES);
	cr_assert_eq(sheaf_once_run(&shared->once, call_again, shared, SHEAF_FOREVER), 0);
	cr_assert_eq(shared->failures, -EDEADLK);
	cr_assert_eq(sheaf_once_run(&shared->once, NULL, NULL, 0), -EINVAL);
}

/* ---- semaphore ---- */

static int count_inside(sheaf_task *task, size_t begin, size_t end, void *context)
{
	struct shared *s = context;
	int now, r = sheaf_semaphore_acquire(s->semaphore, LATE);

	(void)begin, (void)end;
	if (r)
		return r;
	if (sheaf_task_position(task) % 10 == 0 && sheaf_task_attempt(task) == 1)
		raise(SIGKILL);
	now = ++s->inside;
	for (int most = s->most_inside; now > most && !atomic_compare_exchange_weak(&s->most_inside, &most, now);)
		;
	usleep(500);
	s->inside--;
	return sheaf_semaphore_release(s->semaphore);
}

Test(sync, permits_come_back_from_the_dead)
{
	start_shared(4, SHEAF_PROCESSES);
	run(count_inside, 100);
	cr_assert_eq(shared->most_inside, 2, "%d inside at once", shared->most_inside);
	/* All are there, and no more. */
	for (int i = 0; i < 2; i++)
		cr_assert_eq(sheaf_semaphore_acquire(shared->semaphore, LATE), 0);
	cr_assert_eq(sheaf_semaphore_acquire(shared->semaphore, 0), -EAGAIN);
}

static void *release_permit(void *unused)
{
	(void)unused;
	return (void *)(intptr_t)sheaf_semaphore_release(shared->semaphore);
}

Test(sync, permits_are_given_back_by_who_has_them)
{
	uint64_t begin;

	start_shared(1, SHEAF_PROCESSES);
	cr_assert_eq(sheaf_semaphore_release(shared->semaphore), -EPERM);
	cr_assert_eq(sheaf_semaphore_acquire(shared->semaphore, 0), 0);
	cr_assert_eq(sheaf_semaphore_acquire(shared->semaphore, SHEAF_FOREVER), 0);
	begin = sheaf_now_ns();
	cr_assert_eq(sheaf_semaphore_acquire(shared->semaphore, begin + 20000000), -ETIMEDOUT);
	cr_assert(sheaf_now_ns() - begin >= 20000000);
	cr_assert_eq(in_thread(release_permit), -EPERM);
	cr_assert_eq(sheaf_semaphore_release(shared->semaphore), 0);
	cr_assert_eq(sheaf_semaphore_release(shared->semaphore), 0);
	cr_assert_eq(sheaf_semaphore_release(shared->semaphore), -EPERM);
}

/* ---- counter ---- */

static int count(sheaf_task *task, size_t begin, size_t end, void *context)
{
	struct shared *s = context;

	(void)task;
	for (size_t i = begin; i < end; i++)
		sheaf_counter_add(s->counter, i % 2 ? (int64_t)i : -(int64_t)i);
	return 0;
}

Test(sync, a_counter_counts_all)
{
	start_shared(3, SHEAF_PROCESSES);
	cr_assert_eq(sheaf_counter_sum(shared->counter), 0);
	run(count, 100000);
	cr_assert_eq(sheaf_counter_sum(shared->counter), 50000);
	cr_assert_eq(sheaf_counter_add(shared->counter, INT64_MIN), 0);
	cr_assert_eq(sheaf_counter_sum(shared->counter), INT64_MIN + 50000);
}

/* ---- value ---- */

#define WIDTH 37 /* not a whole number of words */

#define WIDE 20003

static int read_and_write(sheaf_task *task, size_t begin, size_t end, void *context)
{
	static unsigned char bytes[WIDE];
	struct shared *s = context;
	uint64_t last = 0, version = 0;
	int r;

	for (size_t i = begin; i < end; i++) {
		memset(bytes, (int)i, sizeof(bytes));
		if (i % 100 == 0 && sheaf_task_attempt(task) == 1)
			raise(SIGKILL);
		if (i % 2 == 0 && (r = sheaf_value_set(s->value, bytes, &last, LATE)))
			return r;
		if ((r = sheaf_value_get(s->value, bytes, &version)))
			return r;
		for (unsigned at = 1; at < WIDE; at++)
			if (bytes[at] != bytes[0])
				return -EIO;
		if (version < last)
			return -ERANGE;
		last = version;
	}
	return 0;
}

Test(sync, a_value_is_never_torn)
{
	static unsigned char bytes[WIDE];
	uint64_t version;

	start_shared(3, SHEAF_PROCESSES);
	cr_assert_eq(sheaf_value_create(pool, WIDE, bytes, &shared->value), 0);
	cr_assert_eq(sheaf_value_get(shared->value, bytes, &version), 0);
	cr_assert_eq(version, 1);
	cr_assert_eq(sheaf_for(pool, read_and_write, shared, 4000, &(sheaf_map_options){.grain = 50}), 0, "%s",
		     sheaf_message());
	cr_assert_eq(sheaf_value_get(shared->value, bytes, &version), 0);
	cr_assert_geq(version, 2001);
}

static void *set_later(void *unused)
{
	unsigned char bytes[WIDTH] = {9};

	(void)unused;
	usleep(2000);
	return (void *)(intptr_t)sheaf_value_set(shared->value, bytes, NULL, LATE);
}

Test(sync, a_value_has_a_version)
{
	unsigned char bytes[WIDTH] = {1}, copy[WIDTH];
	uint64_t version;
	pthread_t thread;

	start_shared(1, SHEAF_PROCESSES);
	cr_assert_eq(sheaf_value_create(pool, WIDTH, bytes, &shared->value), 0);
	bytes[0] = 2;
	cr_assert_eq(sheaf_value_replace(shared->value, 1, bytes, LATE), 0);
	cr_assert_eq(sheaf_value_replace(shared->value, 1, bytes, LATE), -ESTALE);
	cr_assert_eq(sheaf_value_get(shared->value, copy, &version), 0);
	cr_assert_eq(version, 2);
	cr_assert_eq(memcmp(copy, bytes, WIDTH), 0);
	cr_assert_eq(sheaf_value_wait(shared->value, 1, 0), 0);
	cr_assert_eq(sheaf_value_wait(shared->value, 2, 0), -EAGAIN);
	cr_assert_eq(sheaf_value_wait(shared->value, 2, SOON), -ETIMEDOUT);
	cr_assert_eq(pthread_create(&thread, NULL, set_later, NULL), 0);
	cr_assert_eq(sheaf_value_wait(shared->value, 2, LATE), 0);
	cr_assert_eq(sheaf_value_get(shared->value, copy, NULL), 0);
	cr_assert_eq(copy[0], 9);
	pthread_join(thread, NULL);
}

/* ---- what is refused ---- */

Test(sync, what_is_no_object_is_refused)
{
	static sheaf_mutex here;
	sheaf_semaphore *semaphore = NULL;
	sheaf_value *value = NULL;
	char byte = 0;

	start_shared(1, SHEAF_PROCESSES);
	cr_assert_eq(sheaf_mutex_lock(NULL, 0), -EINVAL);
	cr_assert_eq(sheaf_mutex_lock(&here, 0), -EINVAL);
	cr_assert(strstr(sheaf_message(), "was it made"), "%s", sheaf_message());
	cr_assert_eq(sheaf_mutex_unlock((sheaf_mutex *)&shared->once), -EINVAL, "another kind");
	cr_assert_eq(sheaf_mutex_init(pool, &here), -EFAULT);
	cr_assert(strstr(sheaf_message(), "sheaf_alloc"), "%s", sheaf_message());
	cr_assert_eq(sheaf_mutex_init(pool, (sheaf_mutex *)((char *)&shared->mutex + 4)), -EINVAL);
	cr_assert_eq(sheaf_mutex_init(pool, NULL), -EINVAL);
	cr_assert_eq(sheaf_mutex_init(NULL, &shared->mutex), -EINVAL);
	cr_assert_eq(sheaf_once_init(pool, (sheaf_once *)&here), -EFAULT);
	cr_assert_eq(sheaf_semaphore_create(pool, 0, &semaphore), -EINVAL);
	cr_assert_eq(sheaf_semaphore_create(pool, SHEAF_MAX_PERMITS + 1, &semaphore), -EINVAL);
	cr_assert(strstr(sheaf_message(), "4097"), "%s", sheaf_message());
	cr_assert_eq(sheaf_semaphore_create(pool, 1, NULL), -EINVAL);
	cr_assert_null(semaphore);
	cr_assert_eq(sheaf_semaphore_acquire(NULL, 0), -EINVAL);
	cr_assert_eq(sheaf_value_create(pool, 0, &byte, &value), -EINVAL);
	cr_assert_eq(sheaf_value_create(pool, SIZE_MAX, &byte, &value), -EOVERFLOW);
	cr_assert_eq(sheaf_value_create(pool, SIZE_MAX / 2, &byte, &value), -EOVERFLOW);
	cr_assert_eq(sheaf_value_create(pool, 1, NULL, &value), -EINVAL);
	cr_assert_null(value);
	cr_assert_eq(sheaf_counter_create(pool, NULL), -EINVAL);
	cr_assert_eq(sheaf_counter_add(NULL, 1), -EINVAL);
	cr_assert_eq(sheaf_counter_sum(NULL), 0);
}
