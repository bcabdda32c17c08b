/*
 * crash_sync_steps.c - single-steps a process through each call of sheaf_sync.h, and kills it
 * between two instructions, those of libc too.
 *
 * Usage: crash_sync_steps [SEED [POINTS [PATH]]]; see stepped_call.h. The victim calls while other
 * processes wait without a deadline, or hold what it waits for. After each kill the object must be
 * as before the call or as after it, nobody may wait for ever, and each who is told of the death
 * must be told so rightly. Then all of the object has to work once more.
 */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "sheaf_sync.h"
#include "support/arguments.h"
#include "support/deadline.h"
#include "support/proc.h"
#include "support/report.h"
#include "support/rng.h"
#include "support/stepped_call.h"

#include <errno.h>
#include <signal.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define OBJECT_BYTES 65536 /* what sheaf_alloc() gives, which holds each object here */
#define OTHERS 2
#define PARTIES 3
#define PERMITS 2
#define CAPACITY 2
#define NOT_YET 12345
#define ENOUGH_POINTS 100

enum kind { MUTEX, ONCE, EVENT, SEMAPHORE, BARRIER, QUEUE, VALUE, COUNTER, KINDS };

/* A whole object of each kind, to begin with. */
static unsigned char originals[KINDS][OBJECT_BYTES];

/* Between all processes. */
static struct shared_page {
	alignas(64) unsigned char object[OBJECT_BYTES];
	_Atomic int inside; /* the victim has the lock, or a part of its work is done */
	_Atomic int got;    /* what the victim's call returned */
	_Atomic int held;   /* by the holder, so far */
	_Atomic int give;   /* how many of these it has to give back */
	_Atomic int given;
	_Atomic int calls; /* of the function that runs once */
	_Atomic int result[OTHERS];
} * page;

static pid_t others[OTHERS];
static bool woken; /* by the test, in wake() */

struct path {
	const char *name;
	enum kind kind;
	void (*before)(void); /* the test, before there are other processes; or NULL */
	unsigned others;      /* processes that wait in the call below */
	int (*other)(void);
	void (*call)(void); /* the victim */
	/* The test: what the victim sleeps for. False: the victim stands in the way. Or NULL. */
	bool (*wake)(void);
	void (*check)(const struct path *path, uint64_t point);
};

#define OBJECT(type) ((sheaf_##type *)page->object)
#define LATE hang_deadline()
#define AT path->name, (unsigned long long)point

/* Wait for the others, which must end. */
static void join_others(const struct path *path, uint64_t point)
{
	for (unsigned i = 0; i < OTHERS; i++) {
		int status;

		if (!others[i])
			continue;
		CHECK_AS(HARM_HUNG, !child_wait(others[i], &status, LATE), "%s, killed at %llu: process %u waits for ever", AT,
			 i);
		CHECK(!status, "%s, killed at %llu: process %u: status %#x", AT, i, (unsigned)status);
		others[i] = 0;
	}
}

static void expect_results(const struct path *path, uint64_t point, int result)
{
	for (unsigned i = 0; i < path->others; i++)
		CHECK(page->result[i] == result, "%s, killed at %llu: process %u got %d, not %d", AT, i, page->result[i],
		      result);
}

/*
 * A process that holds something. Not the test itself: a child that is forked by a thread which
 * holds robust locks inherits their list with musl.
 */
static pid_t holder;

struct holding {
	int count;
	int (*take)(void);
	int (*give)(void);
};

static int hold(void *context)
{
	const struct holding *holding = context;

	for (int i = 0; i < holding->count; i++, page->held++)
		if (holding->take())
			return 1;
	while (page->given < holding->count) {
		if (page->give > page->given) {
			if (holding->give())
				return 1;
			page->given++;
		}
		sleep_ns(20000);
	}
	return 0;
}

static void await_count(const _Atomic int *count, int least)
{
	uint64_t deadline = LATE;

	while (*count < least) {
		CHECK_AS(HARM_HUNG, sheaf_now_ns() < deadline, "%s: the holder", "sync");
		sleep_ns(20000);
	}
}

static void start_holder(const struct holding *holding)
{
	holder = child_start(hold, (void *)(uintptr_t)holding);
	CHECK(holder > 0, "child: %ld", (long)holder);
	await_count(&page->held, holding->count);
}

/* Have it give back so many, in all. */
static void give_back(int count)
{
	page->give = count;
	await_count(&page->given, count);
}

static void end_holder(void)
{
	int status;

	if (!holder)
		return;
	give_back(page->held);
	CHECK(!child_wait(holder, &status, LATE) && !status, "the holder: status %#x", (unsigned)status);
	holder = 0;
}

/* ---- mutex ---- */

static void use_mutex(void)
{
	int r = sheaf_mutex_lock(OBJECT(mutex), SHEAF_FOREVER);

	page->inside = 1;
	if (r == -EOWNERDEAD)
		r = sheaf_mutex_mend(OBJECT(mutex));
	page->inside = 0;
	page->got = r;
	sheaf_mutex_unlock(OBJECT(mutex));
}

static int lock_mutex(void)
{
	int r = sheaf_mutex_lock(OBJECT(mutex), SHEAF_FOREVER);

	if (r == -EOWNERDEAD && sheaf_mutex_mend(OBJECT(mutex)))
		return -EIO;
	return (!r || r == -EOWNERDEAD) && sheaf_mutex_unlock(OBJECT(mutex)) ? -EIO : r;
}

static int take_mutex(void)
{
	return sheaf_mutex_lock(OBJECT(mutex), 0);
}

static int give_mutex(void)
{
	return sheaf_mutex_unlock(OBJECT(mutex));
}

static void hold_mutex(void)
{
	static const struct holding holding = {1, take_mutex, give_mutex};

	start_holder(&holding);
}

static bool let_mutex_go(void)
{
	give_back(1);
	return true;
}

static int die_with_mutex(void *unused)
{
	(void)unused;
	_exit(sheaf_mutex_lock(OBJECT(mutex), 0));
}

static void leave_mutex_dead(void)
{
	pid_t pid = child_start(die_with_mutex, NULL);
	int status;

	CHECK(pid > 0 && !child_wait(pid, &status, LATE) && !status, "the holder");
}

static void check_mutex(const struct path *path, uint64_t point)
{
	bool inside = page->inside;
	int r, told = 0;

	end_holder();
	join_others(path, point);
	for (unsigned i = 0; i < path->others; i++) {
		CHECK(page->result[i] == 0 || page->result[i] == -EOWNERDEAD, "%s, killed at %llu: %d", AT, page->result[i]);
		told += page->result[i] == -EOWNERDEAD;
	}
	r = lock_mutex();
	CHECK(!r || r == -EOWNERDEAD, "%s, killed at %llu: locking returns %d: %s", AT, r, sheaf_message());
	told += r == -EOWNERDEAD;
	CHECK(told <= 1, "%s, killed at %llu: %d were told of the death", AT, told);
	CHECK(!inside || told, "%s, killed at %llu: it had the mutex, and nobody was told", AT);
	CHECK(!lock_mutex(), "%s, killed at %llu: the mutex is not whole again", AT);
}

/* ---- once ---- */

static int work(void *unused)
{
	(void)unused;
	page->inside++;
	page->calls++;
	return 0;
}

static void use_once(void)
{
	page->got = sheaf_once_run(OBJECT(once), work, NULL, SHEAF_FOREVER);
}

static int await_once(void)
{
	return sheaf_once_run(OBJECT(once), work, NULL, SHEAF_FOREVER);
}

static void check_once(const struct path *path, uint64_t point)
{
	int calls = page->calls;

	CHECK(!sheaf_once_run(OBJECT(once), work, NULL, LATE), "%s, killed at %llu: %s", AT, sheaf_message());
	CHECK(page->calls >= 1 && page->calls <= calls + 1, "%s, killed at %llu: %d calls, then %d", AT, calls, page->calls);
	CHECK(!page->got || page->got == NOT_YET, "%s, killed at %llu: the call returned %d", AT, page->got);
	CHECK(page->got == NOT_YET || page->calls == calls, "%s, killed at %llu: it was done, and was done again", AT);
	calls = page->calls;
	CHECK(!await_once() && page->calls == calls, "%s, killed at %llu: it is done more than once", AT);
}

/* ---- event ---- */

static void set_event(void)
{
	page->got = sheaf_event_set(OBJECT(event));
}

static void await_event(void)
{
	page->got = sheaf_event_wait(OBJECT(event), SHEAF_FOREVER);
}

static int wait_for_event(void)
{
	return sheaf_event_wait(OBJECT(event), SHEAF_FOREVER);
}

static void clear_event(void)
{
	page->got = sheaf_event_clear(OBJECT(event));
}

static bool test_sets_event(void)
{
	return !sheaf_event_set(OBJECT(event));
}

static void begin_with_event(void)
{
	sheaf_event_set(OBJECT(event));
}

static void check_event(const struct path *path, uint64_t point)
{
	int is_set = sheaf_event_is_set(OBJECT(event));

	CHECK(page->got == NOT_YET || is_set == (path->call != clear_event), "%s, killed at %llu: set: %d", AT, is_set);
	/* If the victim has set the event, its waiters must wake by that. If not, set it. */
	if (!is_set)
		sheaf_event_set(OBJECT(event));
	join_others(path, point);
	expect_results(path, point, 0);
	CHECK(!sheaf_event_clear(OBJECT(event)) && sheaf_event_wait(OBJECT(event), 0) == -EAGAIN,
	      "%s, killed at %llu: the event cannot be cleared", AT);
}

/* ---- semaphore ---- */

static int take_permit(void)
{
	return sheaf_semaphore_acquire(OBJECT(semaphore), 0);
}

static int give_permit(void)
{
	return sheaf_semaphore_release(OBJECT(semaphore));
}

static void take_permits(void)
{
	static const struct holding holding = {PERMITS, take_permit, give_permit};

	start_holder(&holding);
}

static bool release_permit(void)
{
	give_back(1);
	return true;
}

static void take_one_permit(void)
{
	static const struct holding holding = {1, take_permit, give_permit};

	start_holder(&holding);
}

static void use_permit(void)
{
	int r = sheaf_semaphore_acquire(OBJECT(semaphore), SHEAF_FOREVER);

	page->got = r ? r : sheaf_semaphore_release(OBJECT(semaphore));
}

static int wait_for_permit(void)
{
	int r = sheaf_semaphore_acquire(OBJECT(semaphore), SHEAF_FOREVER);

	return r ? r : sheaf_semaphore_release(OBJECT(semaphore));
}

static void check_semaphore(const struct path *path, uint64_t point)
{
	if (path->wake)
		release_permit();
	/* One permit at least is free, or will be by the death alone. */
	join_others(path, point);
	expect_results(path, point, 0);
	end_holder();
	for (int i = 0; i < PERMITS; i++)
		CHECK_AS(HARM_LEAKED, !sheaf_semaphore_acquire(OBJECT(semaphore), LATE), "%s, killed at %llu: a permit is gone",
			 AT);
	CHECK(sheaf_semaphore_acquire(OBJECT(semaphore), 0) == -EAGAIN, "%s, killed at %llu: a permit too much", AT);
	for (int i = 0; i < PERMITS; i++)
		CHECK(!sheaf_semaphore_release(OBJECT(semaphore)), "%s, killed at %llu: %s", AT, sheaf_message());
}

/* ---- barrier ---- */

static void arrive(void)
{
	page->got = sheaf_barrier_wait(OBJECT(barrier), SHEAF_FOREVER);
}

static int wait_at_barrier(void)
{
	return sheaf_barrier_wait(OBJECT(barrier), SHEAF_FOREVER);
}

static void join_and_leave(void)
{
	int r = sheaf_barrier_join(OBJECT(barrier));

	page->inside = 1;
	r = r ? r : sheaf_barrier_leave(OBJECT(barrier));
	page->got = r;
}

static void abort_barrier(void)
{
	page->got = sheaf_barrier_abort(OBJECT(barrier));
}

static void reset_barrier(void)
{
	page->got = sheaf_barrier_reset(OBJECT(barrier));
}

static int run_other(void *number);

static bool start_other(const struct path *path, unsigned number);
static const struct path *current;

/* The others arrive, once. */
static bool others_arrive(void)
{
	for (unsigned i = 0; i < OTHERS && !woken; i++)
		start_other(current, i);
	return true;
}

/*
 * The others miss a party that dies in its seat. They do not miss one that dies before it has a
 * seat, and then rightly wait on. The first kind begins at one point of the call.
 */
static uint64_t least_missed, most_alone;

static void await_outcome(const struct path *path, uint64_t point, bool came_to_sleeper)
{
	uint64_t patience = sheaf_now_ns() + 150000000;

	while (page->result[0] == NOT_YET && page->result[1] == NOT_YET && sheaf_now_ns() < patience)
		sleep_ns(200000);
	if (page->result[0] != NOT_YET || page->result[1] != NOT_YET)
		return;
	/* It was asleep in its seat before the others came, or its call has returned. */
	CHECK_AS(HARM_HUNG, path->call == join_and_leave || (page->got == NOT_YET && !came_to_sleeper),
		 "%s, killed at %llu: the others wait on", AT);
	if (path->call == arrive && point > most_alone)
		most_alone = point;
	sheaf_barrier_abort(OBJECT(barrier));
}

static void check_barrier(const struct path *path, uint64_t point)
{
	bool came_to_sleeper = path->wake && woken;
	int r;

	if (path->wake && !woken)
		others_arrive();
	await_outcome(path, point, came_to_sleeper);
	join_others(path, point);
	r = page->result[0];
	CHECK((r >= 0) == (page->result[1] >= 0) && (r >= 0 || r == page->result[1]),
	      "%s, killed at %llu: one got %d, the other one %d", AT, r, page->result[1]);
	CHECK(r < 0 || r != page->result[1], "%s, killed at %llu: both have number %d", AT, r);
	CHECK(r >= 0 || r == -EOWNERDEAD || r == -ECANCELED, "%s, killed at %llu: %d", AT, r);
	CHECK(page->got == NOT_YET || path->call != arrive || (page->got >= 0 && r >= 0), "%s, killed at %llu: %d, %d", AT,
	      page->got, r);
	CHECK(path->call != arrive || r != -ECANCELED || page->got == NOT_YET, "%s, killed at %llu: %d", AT, r);
	if (r == -EOWNERDEAD && path->call == arrive && point < least_missed)
		least_missed = point;
	CHECK_AS(HARM_HUNG, least_missed > most_alone, "%s: who was killed at %llu was missed, but not at %llu", path->name,
		 (unsigned long long)least_missed, (unsigned long long)most_alone);
	/* All meet again. */
	CHECK(!sheaf_barrier_reset(OBJECT(barrier)), "%s, killed at %llu: %s", AT, sheaf_message());
	for (unsigned i = 0; i < OTHERS; i++)
		start_other(path, i);
	r = sheaf_barrier_wait(OBJECT(barrier), LATE);
	CHECK_AS(HARM_HUNG, r >= 0, "%s, killed at %llu: after the reset: %d", AT, r);
	join_others(path, point);
	CHECK(page->result[0] + page->result[1] + r == 0 + 1 + 2, "%s, killed at %llu: numbers %d, %d, %d", AT, r,
	      page->result[0], page->result[1]);
}

/* ---- queue ---- */

static uint64_t item_of(unsigned i)
{
	return 1000 + i;
}

static void fill_queue(void)
{
	for (unsigned i = 0; i < CAPACITY; i++) {
		uint64_t item = item_of(i);

		CHECK(!sheaf_queue_put(OBJECT(queue), &item, 0), "%s", sheaf_message());
	}
}

static void put_item(void)
{
	uint64_t item = item_of(CAPACITY);

	page->got = sheaf_queue_put(OBJECT(queue), &item, SHEAF_FOREVER);
}

static void get_item(void)
{
	uint64_t item = 0;

	page->got = sheaf_queue_get(OBJECT(queue), &item, SHEAF_FOREVER);
}

static void close_queue(void)
{
	page->got = sheaf_queue_close(OBJECT(queue));
}

static int wait_for_item(void)
{
	uint64_t item = 0;
	int r = sheaf_queue_get(OBJECT(queue), &item, SHEAF_FOREVER);

	return r == 1 ? (int)item : r;
}

static int wait_for_room(void)
{
	uint64_t item = item_of(9);

	return sheaf_queue_put(OBJECT(queue), &item, SHEAF_FOREVER);
}

/* These two poll: the victim may stand still inside of the door. */
static bool test_takes_item(void)
{
	uint64_t item = item_of(0);
	int r = woken ? 1 : sheaf_queue_get(OBJECT(queue), &item, 0);

	CHECK(r == -EAGAIN || (r == 1 && item == item_of(0)), "%d, item %llu", r, (unsigned long long)item);
	return r == 1;
}

static bool test_puts_item(void)
{
	uint64_t item = item_of(0);
	int r = woken ? 0 : sheaf_queue_put(OBJECT(queue), &item, 0);

	CHECK(!r || r == -EAGAIN, "%d: %s", r, sheaf_message());
	return !r;
}

/* One that gets, and one that is sent home. */
static void check_getters(const struct path *path, uint64_t point)
{
	int items = 0, ends = 0;

	CHECK(!sheaf_queue_close(OBJECT(queue)), "%s, killed at %llu: %s", AT, sheaf_message());
	join_others(path, point);
	for (unsigned i = 0; i < path->others; i++) {
		items += page->result[i] == (int)item_of(CAPACITY);
		ends += page->result[i] == 0;
	}
	CHECK(items + ends == (int)path->others && items <= 1, "%s, killed at %llu: %d items, %d ends", AT, items, ends);
	CHECK_AS(HARM_LOST, page->got == NOT_YET || path->call != put_item || items == 1,
		 "%s, killed at %llu: the item is lost", AT);
	CHECK(!sheaf_queue_length(OBJECT(queue)), "%s, killed at %llu: an item is left", AT);
}

/* One that waits for room; the victim has taken the first item, or has not. */
static void check_putter(const struct path *path, uint64_t point)
{
	uint64_t item;
	unsigned first = 1;

	CHECK(sheaf_queue_get(OBJECT(queue), &item, 0) == 1, "%s, killed at %llu: the queue is empty", AT);
	if (item == item_of(0)) {
		CHECK_AS(HARM_DUPLICATED, page->got == NOT_YET, "%s, killed at %llu: the item is there twice", AT);
		CHECK(sheaf_queue_get(OBJECT(queue), &item, 0) == 1, "%s, killed at %llu: one item", AT);
	}
	CHECK_AS(HARM_LOST, item == item_of(first), "%s, killed at %llu: item %llu", AT, (unsigned long long)item);
	join_others(path, point);
	expect_results(path, point, 0);
	CHECK(sheaf_queue_get(OBJECT(queue), &item, 0) == 1 && item == item_of(9), "%s, killed at %llu: the other's item", AT);
	CHECK(sheaf_queue_get(OBJECT(queue), &item, 0) == -EAGAIN, "%s, killed at %llu: too many items", AT);
}

/* The victim waited for room or for an item. */
static void check_waited(const struct path *path, uint64_t point)
{
	uint64_t item = 0;
	unsigned count = 0;
	int r;

	CHECK(path->wake(), "%s, killed at %llu: the dead one is in the way", AT);
	while ((r = sheaf_queue_get(OBJECT(queue), &item, 0)) == 1)
		count++;
	CHECK(r == -EAGAIN, "%s, killed at %llu: %d", AT, r);
	if (path->call == put_item) {
		CHECK(count == CAPACITY - 1 || (count == CAPACITY && item == item_of(CAPACITY)), "%s, killed at %llu: %u items",
		      AT, count);
		CHECK_AS(HARM_LOST, page->got == NOT_YET || count == CAPACITY, "%s, killed at %llu: the item is lost", AT);
	} else {
		CHECK(count <= 1 && (page->got == NOT_YET || !count), "%s, killed at %llu: %u items", AT, count);
	}
	item = 5;
	CHECK(!sheaf_queue_put(OBJECT(queue), &item, 0) && sheaf_queue_get(OBJECT(queue), &item, 0) == 1,
	      "%s, killed at %llu: the queue does not work", AT);
}

/* ---- value ---- */

#define WIDTH 24

static void set_value(void)
{
	unsigned char bytes[WIDTH];

	memset(bytes, 2, sizeof(bytes));
	page->got = sheaf_value_set(OBJECT(value), bytes, NULL, SHEAF_FOREVER);
}

static void get_value(void)
{
	unsigned char bytes[WIDTH];

	page->got = sheaf_value_get(OBJECT(value), bytes, NULL);
}

static int wait_for_value(void)
{
	return sheaf_value_wait(OBJECT(value), 1, SHEAF_FOREVER);
}

static void check_value(const struct path *path, uint64_t point)
{
	unsigned char bytes[WIDTH], next[WIDTH];
	uint64_t version;

	CHECK(!sheaf_value_get(OBJECT(value), bytes, &version), "%s, killed at %llu: %s", AT, sheaf_message());
	CHECK(version == 1 || (version == 2 && path->call == set_value), "%s, killed at %llu: version %llu", AT,
	      (unsigned long long)version);
	for (unsigned i = 0; i < WIDTH; i++)
		CHECK(bytes[i] == version, "%s, killed at %llu: byte %u of version %llu is %u", AT, i,
		      (unsigned long long)version, bytes[i]);
	CHECK_AS(HARM_LOST, page->got == NOT_YET || path->call != set_value || version == 2,
		 "%s, killed at %llu: the value is lost", AT);
	if (version == 1)
		CHECK(!sheaf_value_replace(OBJECT(value), 1, bytes, LATE), "%s, killed at %llu: %s", AT, sheaf_message());
	join_others(path, point);
	expect_results(path, point, 0);
	memset(next, 3, sizeof(next));
	CHECK(!sheaf_value_set(OBJECT(value), next, &version, LATE) && version == 3, "%s, killed at %llu: version %llu", AT,
	      (unsigned long long)version);
	CHECK(!sheaf_value_get(OBJECT(value), bytes, NULL) && !memcmp(bytes, next, WIDTH), "%s, killed at %llu", AT);
}

/* ---- counter ---- */

static void count(void)
{
	page->got = sheaf_counter_add(OBJECT(counter), 3);
}

static void check_counter(const struct path *path, uint64_t point)
{
	int64_t sum = sheaf_counter_sum(OBJECT(counter));

	CHECK(sum == 3 || (sum == 0 && page->got == NOT_YET), "%s, killed at %llu: %lld", AT, (long long)sum);
}

/* ---- the paths ---- */

static const struct path paths[] = {
	{"mutex: lock and unlock", MUTEX, NULL, 0, NULL, use_mutex, NULL, check_mutex},
	{"mutex: with others that wait", MUTEX, hold_mutex, OTHERS, lock_mutex, use_mutex, let_mutex_go, check_mutex},
	{"mutex: after a death", MUTEX, leave_mutex_dead, 0, NULL, use_mutex, NULL, check_mutex},
	{"once: run", ONCE, NULL, 0, NULL, use_once, NULL, check_once},
	{"event: set", EVENT, NULL, OTHERS, wait_for_event, set_event, NULL, check_event},
	{"event: wait", EVENT, NULL, 1, wait_for_event, await_event, test_sets_event, check_event},
	{"event: clear", EVENT, begin_with_event, 0, NULL, clear_event, NULL, check_event},
	{"semaphore: acquire and release", SEMAPHORE, take_one_permit, 0, NULL, use_permit, NULL, check_semaphore},
	{"semaphore: with others that wait", SEMAPHORE, take_permits, OTHERS, wait_for_permit, use_permit, release_permit,
	 check_semaphore},
	{"barrier: arrive last", BARRIER, NULL, OTHERS, wait_at_barrier, arrive, NULL, check_barrier},
	{"barrier: arrive first", BARRIER, NULL, 0, wait_at_barrier, arrive, others_arrive, check_barrier},
	{"barrier: join and leave", BARRIER, NULL, OTHERS, wait_at_barrier, join_and_leave, NULL, check_barrier},
	{"barrier: abort", BARRIER, NULL, OTHERS, wait_at_barrier, abort_barrier, NULL, check_barrier},
	{"barrier: reset", BARRIER, NULL, OTHERS, wait_at_barrier, reset_barrier, NULL, check_barrier},
	{"queue: put", QUEUE, NULL, OTHERS, wait_for_item, put_item, NULL, check_getters},
	{"queue: close", QUEUE, NULL, OTHERS, wait_for_item, close_queue, NULL, check_getters},
	{"queue: get", QUEUE, fill_queue, 1, wait_for_room, get_item, NULL, check_putter},
	{"queue: wait for room", QUEUE, fill_queue, 0, NULL, put_item, test_takes_item, check_waited},
	{"queue: wait for an item", QUEUE, NULL, 0, NULL, get_item, test_puts_item, check_waited},
	{"value: set", VALUE, NULL, OTHERS, wait_for_value, set_value, NULL, check_value},
	{"value: get", VALUE, NULL, 0, NULL, get_value, NULL, check_value},
	{"counter: add", COUNTER, NULL, 0, NULL, count, NULL, check_counter},
};

#define PATHS (sizeof(paths) / sizeof(paths[0]))

static int run_other(void *number)
{
	unsigned i = (unsigned)(uintptr_t)number;

	page->result[i] = current->other();
	return 0;
}

static bool start_other(const struct path *path, unsigned number)
{
	current = path;
	page->result[number] = NOT_YET;
	others[number] = child_start(run_other, (void *)(uintptr_t)number);
	CHECK(others[number] > 0, "child: %ld", (long)others[number]);
	return true;
}

/* Wait until it sleeps in its call, at the object: it has nowhere else to sleep. */
static void wait_for_sleep(const struct path *path, pid_t pid)
{
	uint64_t deadline = LATE;
	struct proc proc;

	while (!proc_read(pid, &proc) || proc.state != 'S') {
		CHECK_AS(HARM_HUNG, sheaf_now_ns() < deadline, "%s: process %ld does not fall asleep", path->name, (long)pid);
		sleep_ns(20000);
	}
}

static void prepare(void *context)
{
	const struct path *path = context;

	memcpy(page->object, originals[path->kind], OBJECT_BYTES);
	page->inside = page->calls = page->held = page->give = page->given = 0;
	page->got = NOT_YET;
	woken = false;
	current = path;
	if (path->before)
		path->before();
	for (unsigned i = 0; i < OTHERS; i++) {
		page->result[i] = NOT_YET;
		others[i] = 0;
	}
	for (unsigned i = 0; i < path->others; i++) {
		start_other(path, i);
		wait_for_sleep(path, others[i]);
	}
}

static int victim(void *context)
{
	if (!stepped_call_begin())
		return 1;
	((const struct path *)context)->call();
	stepped_call_end();
}

static void wake(void *context)
{
	const struct path *path = context;

	woken = woken || (path->wake && path->wake());
}

static void check(void *context, pid_t pid, uint64_t point)
{
	const struct path *path = context;

	(void)pid;
	path->check(path, point);
	for (unsigned i = 0; i < OTHERS; i++)
		if (others[i])
			child_end(others[i]);
}

static void keep(enum kind kind, const void *object)
{
	memcpy(originals[kind], object, OBJECT_BYTES);
}

/* Make one object of each kind in a pool, and copy it: none is in use then. */
static void make_originals(void)
{
	static const unsigned char ones[WIDTH] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
	sheaf_pool_options options = {.backend = SHEAF_INLINE, .heap_size = 16 << 20};
	sheaf_semaphore *semaphore;
	sheaf_barrier *barrier;
	sheaf_counter *counter;
	sheaf_queue *queue;
	sheaf_value *value;
	sheaf_pool *pool;
	void *memory;

	CHECK(!sheaf_pool_create(&pool, &options) && !sheaf_alloc(pool, OBJECT_BYTES, &memory), "%s", sheaf_message());
	CHECK(!sheaf_mutex_init(pool, memory), "%s", sheaf_message());
	keep(MUTEX, memory);
	CHECK(!sheaf_once_init(pool, memory), "%s", sheaf_message());
	keep(ONCE, memory);
	CHECK(!sheaf_event_init(pool, memory), "%s", sheaf_message());
	keep(EVENT, memory);
	CHECK(!sheaf_semaphore_create(pool, PERMITS, &semaphore), "%s", sheaf_message());
	keep(SEMAPHORE, semaphore);
	CHECK(!sheaf_barrier_create(pool, PARTIES, &barrier), "%s", sheaf_message());
	keep(BARRIER, barrier);
	CHECK(!sheaf_queue_create(pool, CAPACITY, sizeof(uint64_t), &queue), "%s", sheaf_message());
	keep(QUEUE, queue);
	CHECK(!sheaf_value_create(pool, WIDTH, ones, &value), "%s", sheaf_message());
	keep(VALUE, value);
	CHECK(!sheaf_counter_create(pool, &counter), "%s", sheaf_message());
	keep(COUNTER, counter);
	sheaf_pool_destroy(pool);
}

int main(int argc, char **argv)
{
	struct rng rng = {seed_argument(argc, argv)};
	uint64_t points = amount_argument(argc, argv, 2, 20), only = amount_argument(argc, argv, 3, PATHS);
	struct proc proc;

	if (!proc_read(getpid(), &proc) || !stepped_call_possible()) {
		puts("skipped: no /proc, or processes may not be traced here");
		return 77;
	}
	report_begin("steps", "points", rng.state);
	page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(page != MAP_FAILED, "mmap: errno %d", errno);
	make_originals();
	for (unsigned i = 0; i < PATHS; i++) {
		struct stepped_call call = {.name = paths[i].name,
					    .context = (void *)(uintptr_t)&paths[i],
					    .prepare = prepare,
					    .child = victim,
					    .wake = wake,
					    .check = check};

		least_missed = UINT64_MAX;
		most_alone = 0;
		if (only == PATHS || only == i)
			stepped_call_kill(&call, &rng, points);
		/* Of so many kills some are between its arrival and its sleep. */
		CHECK_AS(HARM_HUNG,
			 (points && points < ENOUGH_POINTS) || !most_alone || least_missed != UINT64_MAX ||
				 paths[i].call != arrive || !paths[i].wake,
			 "%s: nobody who died in its seat was missed", paths[i].name);
	}
	report_end();
	return 0;
}
