/*
 * test_doorbell.c - which sleepers are woken, and which need not be.
 */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stddef.h>
#include <string.h>

#include "queue/doorbell.h"

#define WORKERS 130 /* words of 64 bits, the last with two workers */

static struct segment segment;

static void create(void)
{
	struct segment_options options = {
		.anonymous = true, .workers = WORKERS, .ring_size = 1, .batches = 1, .max_attempts = 1, .heap_size = UNIT};

	cr_assert_eq(segment_create(&segment, &options), 0, "%s", sheaf_message());
}

static void destroy(void)
{
	segment_destroy(&segment);
}

TestSuite(doorbell, .init = create, .fini = destroy);

static int tokens(unsigned worker)
{
	int count = -1;

	sem_getvalue(&segment.workers[worker].bell[0], &count);
	return count;
}

Test(doorbell, wakes_each_sleeper_once)
{
	static const unsigned asleep[] = {0, 63, 64, 129};

	for (unsigned i = 0; i < 4; i++)
		doorbell_announce(&segment, asleep[i]);
	cr_assert(doorbell_retract(&segment, 64));
	cr_assert_not(doorbell_retract(&segment, 64), "it was taken back before");
	for (unsigned ring = 0; ring < 3; ring++)
		cr_assert(doorbell_ring(&segment));
	cr_assert_not(doorbell_ring(&segment), "nobody is left");
	cr_assert_eq(tokens(0), 1);
	cr_assert_eq(tokens(63), 1);
	cr_assert_eq(tokens(64), 0);
	cr_assert_eq(tokens(129), 1);
}

Test(doorbell, wakes_nobody_who_is_not_there)
{
	segment.control->sleepers[2] = ~UINT64_C(3);
	cr_assert_not(doorbell_ring(&segment));
}

Test(doorbell, counts_who_looks_for_a_task)
{
	cr_assert_eq(doorbell_lookers(&segment, 3), 3, "nobody sleeps, so nobody needs to be rung");
	doorbell_announce(&segment, 100);
	cr_assert_eq(doorbell_lookers(&segment, 3), 0);
	segment.workers[0].looking = segment.workers[129].looking = 1;
	cr_assert_eq(doorbell_lookers(&segment, 3), 2);
	cr_assert_eq(doorbell_lookers(&segment, 1), 1);
	cr_assert_eq(doorbell_lookers(&segment, 0), 0);
	cr_assert(doorbell_retract(&segment, 100));
	cr_assert_eq(doorbell_lookers(&segment, 3), 3);
}

static void overrun(unsigned char pattern)
{
	struct shared_control *control = segment.control;

	memset((void *)&control->started_seal, pattern,
	       offsetof(struct shared_control, tail) - offsetof(struct shared_control, started_seal));
	memset((void *)&control->room_seal, pattern, sizeof(control->room) + 2 * sizeof(control->room_seal));
	for (unsigned worker = 0; worker < WORKERS; worker++)
		memset((void *)&segment.workers[worker].bell_seal, pattern,
		       sizeof(segment.workers->bell) + 2 * sizeof(uint64_t));
	memset((void *)&segment.batches[0].bell_seal, pattern, sizeof(segment.batches->bell) + 2 * sizeof(uint64_t));
}

/*
 * Some libraries abort a process that touches a semaphore of impossible content, and some never
 * return.
 */
Test(doorbell, touches_no_semaphore_that_was_overrun)
{
	static const unsigned char patterns[] = {0, 1, 0x5a, 0x80, 0xff};
	uint64_t soon = sheaf_now_ns() + 100000000u;

	for (unsigned i = 0; i < sizeof(patterns); i++) {
		overrun(patterns[i]);
		atomic_store(&segment.batches[0].word, BATCH_OPEN);
		start_ring(segment.control);
		doorbell_ring_all(&segment);
		room_ring_all(&segment);
		gatherer_ring_all(&segment);
		doorbell_announce(&segment, 1);
		cr_assert(doorbell_ring(&segment));
		gatherer_announce(&segment.batches[0], WAIT_ANY);
		gatherer_ring(&segment.batches[0], WAIT_ALL);
		start_sleep(segment.control, soon);
		doorbell_sleep(&segment, 1, 0, SHEAF_FOREVER);
		room_sleep(&segment, 0, soon);
		gatherer_sleep(&segment.batches[0], soon);
	}
}

/* Whatever part of its row was hit, from below or from above. */
Test(doorbell, finds_what_overruns_a_row_from_either_side)
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
	 * As workers do: a sleeper that finds its semaphore damaged no longer uses it, so none
	 * sleeps on it for long.
	 */
	doorbell_sleep(&segment, 0, 0, sheaf_now_ns() + 1000000000);
	atomic_store((_Atomic bool *)woke, true);
	return NULL;
}

/* Its semaphore was sound when it fell asleep. */
Test(doorbell, wakes_a_sleeper_whose_semaphore_is_overrun_meanwhile)
{
	static _Atomic bool woke;
	pthread_t thread;

	cr_assert_eq(pthread_create(&thread, NULL, sleep_well, (void *)&woke), 0);
	memset((void *)&segment.workers[0].bell_seal, 0x5a, sizeof(segment.workers->bell) + 2 * sizeof(uint64_t));
	/* It may not sleep yet. */
	while (!atomic_load(&woke)) {
		doorbell_ring_all(&segment);
		os_sleep_ns(1000000);
	}
	pthread_join(thread, NULL);
}
#endif
