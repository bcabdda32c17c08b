/*
 * test_doorbell.c - who is woken, and who need not be.
 */
#include <criterion/criterion.h>

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
