/*
 * test_bell.c - which member is woken, and which need not be.
 */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stddef.h>
#include <string.h>

#include "queue/bell.h"
#include "segment/create.h"

#define WORKERS 130 /* words of 64 bits, the last with two workers */

static struct segment segment;

static void create(void)
{
	struct segment_options options = {
		.anonymous = true, .workers = WORKERS, .ring_size = 1, .batches = 2, .max_attempts = 1, .heap_size = UNIT};

	cr_assert_eq(segment_create(&segment, &options), 0, "%s", sheaf_message());
	/* As the member does that opens the first batch in a slot. */
	sem_init(&segment.batches[0].bell, 1, 0);
	bells_seal(&segment.batches[0].bell_seal, &segment.batches[0].bell_end_seal);
}

static void destroy(void)
{
	segment_destroy(&segment);
}

TestSuite(bell, .init = create, .fini = destroy);

static void announce(struct sleeper sleeper)
{
	sleeper_announce(&sleeper);
}

static bool retract(struct sleeper sleeper)
{
	return sleeper_retract(&sleeper);
}

static void sleep_on(struct sleeper sleeper, uint64_t deadline_ns)
{
	sleeper_sleep(&sleeper, deadline_ns);
}

static struct sleeper of_worker(unsigned number)
{
	return sleeper_of_worker(&segment, number, 0);
}

static int tokens(unsigned worker)
{
	int count = -1;

	sem_getvalue(&segment.seats[worker].bell[0], &count);
	return count;
}

Test(bell, wakes_each_sleeper_once)
{
	static const unsigned asleep[] = {0, 63, 64, 129};

	for (unsigned i = 0; i < 4; i++)
		announce(of_worker(asleep[i]));
	cr_assert(retract(of_worker(64)));
	cr_assert_not(retract(of_worker(64)), "it was taken back before");
	for (unsigned ring = 0; ring < 3; ring++)
		cr_assert(workers_ring(&segment));
	cr_assert_not(workers_ring(&segment), "nobody is left");
	cr_assert_eq(tokens(0), 1);
	cr_assert_eq(tokens(63), 1);
	cr_assert_eq(tokens(64), 0);
	cr_assert_eq(tokens(129), 1);
}

Test(bell, wakes_nobody_who_is_not_there)
{
	segment.control->sleepers[2] = ~UINT64_C(3);
	cr_assert_not(workers_ring(&segment));
}

Test(bell, counts_who_looks_for_a_task)
{
	cr_assert_eq(workers_looking(&segment, 3), 3, "nobody sleeps, so nobody needs to be rung");
	announce(of_worker(100));
	cr_assert_eq(workers_looking(&segment, 3), 0);
	segment.seats[0].looking = segment.seats[129].looking = 1;
	cr_assert_eq(workers_looking(&segment, 3), 2);
	cr_assert_eq(workers_looking(&segment, 1), 1);
	cr_assert_eq(workers_looking(&segment, 0), 0);
	cr_assert(retract(of_worker(100)));
	cr_assert_eq(workers_looking(&segment, 3), 3);
}

/* ---- rooms ---- */

static uint32_t holder(int room)
{
	return segment.control->room_holder[room];
}

static int room_tokens(int room)
{
	int count = -1;

	sem_getvalue(&segment.control->room[room], &count);
	return count;
}

Test(bell, a_room_belongs_to_the_member_that_took_it)
{
	uint32_t one = seat_name(0, 1), other = seat_name(WORKERS, 1);

	cr_assert_eq(room_take(&segment, one, SHEAF_NORMAL), 0);
	cr_assert_eq(room_take(&segment, other, SHEAF_NORMAL), 1);
	cr_assert_eq(room_take(&segment, one, SHEAF_NORMAL), 2, "a member has a room for each thread that waits");
	cr_assert(holder(0) == HELD_BY(one) && holder(1) == HELD_BY(other) && holder(2) == HELD_BY(one));
	room_leave(&segment, 0);
	cr_assert_eq(holder(0), 0);
	cr_assert_eq(room_take(&segment, other, SHEAF_NORMAL), 0, "the first one that is free");
	cr_assert_eq(holder(0), HELD_BY(other));
}

/* Name 0 is that of worker 0 in generation 0, and it can hold a room, too. */
Test(bell, a_room_is_held_by_whatever_name)
{
	cr_assert_eq(room_take(&segment, seat_name(0, 0), SHEAF_NORMAL), 0);
	cr_assert_eq(room_take(&segment, seat_name(0, 0), SHEAF_NORMAL), 1);
	room_evict(&segment, seat_name(0, 0));
	cr_assert(!holder(0) && !holder(1));
}

Test(bell, a_dead_member_is_evicted_from_its_rooms_and_nobody_else)
{
	uint32_t dead = seat_name(0, 1), next = seat_name(0, 2), living = seat_name(WORKERS, 1);

	for (int room = 0; room < 6; room++) {
		cr_assert_eq(room_take(&segment, room % 3 == 0 ? dead : room % 3 == 1 ? next : living, SHEAF_NORMAL), room);
		if (room != 3)
			announce(sleeper_of_room(&segment, room));
	}
	for (int i = 0; i < 2; i++) {
		room_evict(&segment, dead);
		cr_assert(!holder(0) && !holder(3));
		cr_assert(holder(1) == HELD_BY(next) && holder(4) == HELD_BY(next));
		cr_assert(holder(2) == HELD_BY(living) && holder(5) == HELD_BY(living));
		cr_assert_eq(segment.control->room_waiters, 1 << 1 | 1 << 2 | 1 << 4 | 1 << 5);
	}
	/* No wake-up is spent on the dead. */
	for (int room = 1; room < 6; room++)
		room_ring_one(&segment);
	for (int room = 0; room < 6; room++)
		cr_assert_eq(room_tokens(room), room % 3 != 0, "room %d", room);
	cr_assert(room_take(&segment, living, SHEAF_NORMAL) == 0 && room_take(&segment, next, SHEAF_NORMAL) == 3);
}

/* One room waits for each ring, and a fourth for the second ring. */
Test(bell, a_room_is_rung_for_its_ring)
{
	static const enum sheaf_priority waits_for[] = {SHEAF_NORMAL, SHEAF_HIGH, SHEAF_LOW, SHEAF_HIGH};

	cr_assert_eq(segment_add_rings(&segment), 0);
	for (int room = 0; room < 4; room++) {
		cr_assert_eq(room_take(&segment, seat_name(1, 1), waits_for[room]), room);
		announce(sleeper_of_room(&segment, room));
	}
	/* Only the second ring has room. */
	for (unsigned p = 0; p < PRIORITIES; p++)
		segment.control->rings[p].tail = p == SHEAF_HIGH ? 0 : 2 * segment.rings[p].size;
	room_ring(&segment);
	cr_assert_eq(segment.control->room_waiters, 1 << 0 | 1 << 2 | 1 << 3);
	room_ring(&segment);
	room_ring(&segment);
	cr_assert_eq(segment.control->room_waiters, 1 << 0 | 1 << 2);
	announce(sleeper_of_room(&segment, 1));
	announce(sleeper_of_room(&segment, 3));
	room_ring_one(&segment);
	cr_assert_eq(segment.control->room_waiters, 1 << 3, "one for each ring");
	for (int room = 0; room < 4; room++)
		cr_assert_eq(room_tokens(room), room == 1 ? 2 : 1, "room %d", room);
}

Test(bell, a_member_that_finds_no_room_naps)
{
	struct sleeper nowhere = sleeper_of_room(&segment, -1);

	for (int room = 0; room < ROOM_SLOTS; room++)
		cr_assert_eq(room_take(&segment, seat_name((unsigned)room, 1), SHEAF_NORMAL), room);
	cr_assert_eq(room_take(&segment, seat_name(1, 1), SHEAF_NORMAL), -1);
	announce(nowhere);
	cr_assert_eq(segment.control->room_waiters, 0);
	sleep_on(nowhere, SHEAF_FOREVER);
	cr_assert(retract(nowhere));
	room_leave(&segment, -1);
	room_leave(&segment, 17);
	cr_assert_eq(room_take(&segment, seat_name(1, 1), SHEAF_NORMAL), 17);
	/* The last bit is a bit like the others. */
	announce(sleeper_of_room(&segment, ROOM_SLOTS - 1));
	room_ring_one(&segment);
	cr_assert_eq(room_tokens(ROOM_SLOTS - 1), 1);
	cr_assert_not(retract(sleeper_of_room(&segment, ROOM_SLOTS - 1)), "its wake-up was spent");
}

/* ---- gatherers of several batches ---- */

static int tokens_of(sem_t *semaphore)
{
	int tokens = 0;

	while (!sem_trywait(semaphore))
		tokens++;
	return tokens;
}

Test(bell, one_room_is_rung_for_several_batches)
{
	struct shared_batch *batches = segment.batches;
	_Atomic uint64_t *waiters[] = {&batches[0].waiter, &batches[1].waiter};
	struct sleeper sleeper = sleeper_of_several(&segment, 7, waiters, 2);

	for (int i = 0; i < 2; i++) {
		announce(sleeper);
		cr_assert_neq(batches[0].waiter, WAIT_NOTHING);
		cr_assert_eq(batches[0].waiter, batches[1].waiter);
		gatherer_ring(&segment, &batches[i], WAIT_ENTRY(64));
		/* Once: the announcement is spent, and that of the other batch is not. */
		gatherer_ring(&segment, &batches[i], WAIT_ENTRY(64));
		cr_assert_eq(batches[i].waiter, WAIT_NOTHING);
		cr_assert_neq(batches[!i].waiter, WAIT_NOTHING);
		cr_assert_eq(room_tokens(7), i + 1);
		cr_assert_eq(tokens_of(&batches[i].bell), 0);
		cr_assert_eq(segment.control->room_waiters, 0, "no submitter's wake-up goes there");
		retract(sleeper);
		cr_assert(batches[0].waiter == WAIT_NOTHING && batches[1].waiter == WAIT_NOTHING);
	}
	announce(sleeper);
	gatherer_ring_always(&segment, &batches[1]);
	cr_assert_eq(room_tokens(7), 3);
}

Test(bell, of_a_place_that_is_none_the_batchs_bell_is_rung)
{
	static const uint64_t places[] = {PLACE_NEWS + 1, 1000, UINT64_MAX >> 2};
	struct shared_batch *batch = &segment.batches[0];

	for (unsigned i = 0; i < 3; i++) {
		atomic_store(&batch->waiter, WAIT_ANY_AT(places[i]));
		gatherer_ring(&segment, batch, WAIT_ENTRY(64));
		cr_assert_eq(batch->waiter, WAIT_NOTHING);
		cr_assert_eq(tokens_of(&batch->bell), 1);
	}
	/* Without a pipe nothing is written. */
	atomic_store(&batch->waiter, WAIT_ANY_AT(PLACE_NEWS));
	gatherer_ring(&segment, batch, WAIT_ENTRY(64));
	cr_assert_eq(batch->waiter, WAIT_NOTHING);
	cr_assert_eq(tokens_of(&batch->bell), 0);
}

/* ---- damage ---- */

static void overrun(unsigned char pattern)
{
	struct shared_control *control = segment.control;

	memset((void *)&control->started_seal, pattern,
	       offsetof(struct shared_control, rings) - offsetof(struct shared_control, started_seal));
	memset((void *)&control->room_seal, pattern, sizeof(control->room) + 2 * sizeof(control->room_seal));
	for (unsigned worker = 0; worker < WORKERS; worker++)
		memset((void *)&segment.seats[worker].bell_seal, pattern, sizeof(segment.seats->bell) + 2 * sizeof(uint64_t));
	memset((void *)&segment.batches[0].bell_seal, pattern, sizeof(segment.batches->bell) + 2 * sizeof(uint64_t));
}

/* Some libraries abort who touches a semaphore of impossible content, and some never come back. */
Test(bell, touches_no_semaphore_that_was_overrun)
{
	static const unsigned char patterns[] = {0, 1, 0x5a, 0x80, 0xff};
	uint64_t soon = sheaf_now_ns() + 100000000u;

	for (unsigned i = 0; i < sizeof(patterns); i++) {
		overrun(patterns[i]);
		atomic_store(&segment.batches[0].word, BATCH_OPEN);
		start_ring(segment.control);
		workers_ring_all(&segment);
		room_ring_all(&segment);
		gatherer_ring_all(&segment);
		announce(of_worker(1));
		cr_assert(workers_ring(&segment));
		announce(sleeper_of_batch(&segment.batches[0], WAIT_ANY));
		gatherer_ring(&segment, &segment.batches[0], WAIT_ALL);
		start_sleep(segment.control, soon);
		sleep_on(of_worker(1), SHEAF_FOREVER);
		sleep_on(sleeper_of_room(&segment, 0), soon);
		sleep_on(sleeper_of_batch(&segment.batches[0], WAIT_ANY), soon);
	}
}

/* Whatever part of its row was hit, from below or from above. */
Test(bell, finds_what_overruns_a_row_from_either_side)
{
	struct shared_batch *batch = &segment.batches[0];

	cr_assert(bells_whole(&batch->bell_seal, &batch->bell_end_seal));
	for (unsigned size = 1; size <= sizeof(batch->bell_seal) + sizeof(batch->bell); size++) {
		memset((void *)&batch->bell_seal, 0x5a, size);
		cr_assert_not(bells_whole(&batch->bell_seal, &batch->bell_end_seal));
		bells_seal(&batch->bell_seal, &batch->bell_end_seal);
		memset((unsigned char *)(&batch->bell_end_seal + 1) - size, 0x5a, size);
		cr_assert_not(bells_whole(&batch->bell_seal, &batch->bell_end_seal));
		bells_seal(&batch->bell_seal, &batch->bell_end_seal);
	}
}

#ifdef OS_LAYER_LINUX
static void *sleep_well(void *woke)
{
	/*
	 * As workers do: who finds the semaphore damaged leaves it alone, so no process sleeps on
	 * one for longer.
	 */
	sleep_on(of_worker(0), sheaf_now_ns() + 1000000000);
	atomic_store((_Atomic bool *)woke, true);
	return NULL;
}

/* Its semaphore was sound when it fell asleep. */
Test(bell, wakes_a_sleeper_whose_semaphore_is_overrun_meanwhile)
{
	static _Atomic bool woke;
	pthread_t thread;

	cr_assert_eq(pthread_create(&thread, NULL, sleep_well, (void *)&woke), 0);
	memset((void *)&segment.seats[0].bell_seal, 0x5a, sizeof(segment.seats->bell) + 2 * sizeof(uint64_t));
	/* It may not sleep yet. */
	while (!atomic_load(&woke)) {
		workers_ring_all(&segment);
		os_sleep_ns(1000000);
	}
	pthread_join(thread, NULL);
}
#endif
