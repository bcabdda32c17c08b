/*
 * test_call.c - submitted tasks from inside: a run publishes its entry, a repair gives the task
 * back or publishes its failure.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "pool/recover.h"
#include "queue/ring.h"
#include "segment/create.h"
#include "work/call.h"
#include "work/settle.h"

static struct segment segment;
static struct shared_batch *batch;
static struct shared_slot *slot;
static struct shared_entry *entry;
static struct member member;
static struct region region; /* the supervisor's */
static const struct death death = {.seat = 1, .generation = 3, .pid = 4711, .signal = 0, .exit_code = 99};

static unsigned runs;
static bool dirty; /* a task found result bytes that were not zero */

static int add_one(sheaf_task *task, const void *arg, void *result)
{
	runs++;
	cr_assert_eq(sheaf_task_position(task), 77);
	dirty |= *(uint64_t *)result != 0;
	*(uint64_t *)result = *(const uint64_t *)arg + sheaf_task_attempt(task);
	return 0;
}

static int fail(sheaf_task *task, const void *arg, void *result)
{
	(void)arg;
	(void)result;
	return sheaf_task_fail(task, -EDOM, "position %d is bad", (int)sheaf_task_position(task));
}

static int return_a_positive_number(sheaf_task *task, const void *arg, void *result)
{
	(void)task;
	(void)arg;
	(void)result;
	return 5;
}

static void set_up(void)
{
	struct segment_options options = {
		.anonymous = true, .workers = 2, .ring_size = 2, .batches = 1, .max_attempts = 3, .heap_size = 16 * UNIT};

	cr_assert_eq(segment_create(&segment, &options), 0, "%s", sheaf_message());
	batch = &segment.batches[0];
	batch->word = BATCH_OPEN | 1 << 8;
	sem_init(&batch->bell, 1, 0);
	bells_seal(&batch->bell_seal, &batch->bell_end_seal);
	batch->kind = KIND_CALLS;
	batch->max_attempts = 3;
	batch->heap_id = 1000;
	batch->out_size = 8;
	entry = (struct shared_entry *)(void *)batch->table;
	entry->word = word_pack((struct word){.state = WORD_READY});
	entry->position = 77;
	slot = &segment.slots[0];
	slot->batch = BATCH_REF(0, 1);
	slot->kind = TASK_CALL;
	slot->target = (uint64_t)(batch->table - segment.base);
	slot->function = (uint64_t)(uintptr_t)add_one;
	slot->arg_size = 8;
	memcpy(slot->arg.bytes, &(uint64_t){100}, 8);
	member_sit(&member, &segment, 0, 7, 123, NULL);
	region = (struct region){0};
	runs = 0;
	dirty = false;
}

static void tear_down(void)
{
	segment_destroy(&segment);
}

TestSuite(call, .init = set_up, .fini = tear_down);

static void run(unsigned attempt)
{
	slot->word = word_pack((struct word){.state = WORD_OWNED, .seat = 0, .generation = 7, .attempt = attempt});
	call_run(&member, slot, slot->word);
	cr_assert_eq(word_unpack(slot->word).state, WORD_FREE);
	cr_assert_eq(word_unpack(slot->word).payload, 1);
}

static void repair_after(const struct death *how, unsigned attempt)
{
	bool damaged = false;

	slot->word = word_pack((struct word){.state = WORD_OWNED, .seat = 1, .generation = 3, .attempt = attempt});
	cr_assert(settle_slot(&segment, slot, how, &region, &damaged));
	cr_assert_not(damaged);
}

static void repair(unsigned attempt)
{
	repair_after(&death, attempt);
}

Test(call, entries_are_lines_and_large_results_stand_behind_them)
{
	cr_assert_eq(entry_stride(0), 64);
	cr_assert_eq(entry_stride(8), 64);
	cr_assert_eq(entry_stride(9), 128);
	cr_assert_eq(entry_stride(64), 128);
	cr_assert_eq(entry_stride(65), 192);
	cr_assert_eq(entry_stride(1 << 20), 64 + (1 << 20));
}

Test(call, a_run_publishes_its_entry)
{
	uint64_t value;

	run(1);
	cr_assert_eq(runs, 1);
	cr_assert_eq(entry->word, word_pack((struct word){.state = WORD_DONE, .attempt = 1, .generation = 7}));
	cr_assert_eq(entry->status, 0);
	cr_assert_eq(entry->pid, 123);
	cr_assert_eq(entry->size, 8);
	memcpy(&value, entry->last.small, 8);
	cr_assert_eq(value, 101);
	cr_assert_gt(entry->started_ns, 0);
	cr_assert_geq(entry->finished_ns, entry->started_ns);
	cr_assert_eq(segment.seats[0].completed, 1);
}

Test(call, a_second_run_begins_with_a_zeroed_result)
{
	memset(entry->last.small, 0xee, 8);
	repair(1);
	run(2);
	cr_assert_not(dirty);
	cr_assert_eq(word_unpack(entry->word).attempt, 2);
}

Test(call, an_innocent_death_is_no_attempt_and_leaves_a_zeroed_result)
{
	struct death innocent = death;

	innocent.innocent = true;
	memset(entry->last.small, 0xee, 8);
	repair_after(&innocent, 3);
	cr_assert_eq(word_unpack(slot->word).state, WORD_READY);
	cr_assert_eq(word_unpack(slot->word).attempt, 2);
	run(1);
	cr_assert_not(dirty);
}

Test(call, a_run_takes_no_times_if_told)
{
	batch->flags = SHEAF_NO_TIMES;
	run(1);
	cr_assert_eq(entry->started_ns, 0);
	cr_assert_eq(entry->finished_ns, 0);
}

Test(call, a_failure_is_published_with_code_and_text)
{
	slot->function = (uint64_t)(uintptr_t)fail;
	run(1);
	cr_assert_eq(word_unpack(entry->word).state, WORD_DONE);
	cr_assert_eq(entry->status, -EDOM);
	cr_assert_eq(entry->last.cause.signal, 0);
	cr_assert_eq(entry->last.cause.exit_code, -1);
	cr_assert_str_eq((const char *)segment_at(&segment, entry->data), "position 77 is bad");
}

Test(call, a_failure_without_memory_for_its_text_keeps_its_code)
{
	slot->function = (uint64_t)(uintptr_t)fail;
	segment.heap_size = 0;
	run(1);
	cr_assert_eq(word_unpack(entry->word).state, WORD_DONE);
	cr_assert_eq(entry->status, -EDOM);
	cr_assert_eq(entry->data, 0);
	segment.heap_size = 16 * UNIT;
}

Test(call, a_positive_return_value_is_a_failure)
{
	slot->function = (uint64_t)(uintptr_t)return_a_positive_number;
	run(1);
	cr_assert_eq(entry->status, -EINVAL);
	cr_assert_str_eq((const char *)segment_at(&segment, entry->data),
			 "the task returned 5: a task returns 0 or a negative errno");
}

Test(call, a_task_of_a_cancelled_batch_does_not_run)
{
	batch->word = BATCH_RETIRED | 1 << 8;
	run(1);
	cr_assert_eq(runs, 0);
	cr_assert_eq(word_unpack(entry->word).state, WORD_READY);
}

Test(call, a_dead_workers_task_goes_back_to_the_ring)
{
	for (unsigned attempt = 1; attempt < 3; attempt++) {
		repair(attempt);
		cr_assert_eq(slot->word, word_pack((struct word){.state = WORD_READY, .attempt = attempt}));
		cr_assert_eq(word_unpack(entry->word).state, WORD_READY);
	}
	cr_assert_eq(segment.control->given_up, 0);
}

Test(call, a_dead_workers_task_fails_after_its_last_attempt)
{
	repair(3);
	cr_assert_eq(word_unpack(slot->word).state, WORD_FREE);
	cr_assert_eq(entry->word, word_pack((struct word){.state = WORD_DONE, .attempt = 3, .seat = 1, .generation = 3}));
	cr_assert_eq(entry->status, -ECHILD);
	cr_assert_eq(entry->pid, 4711);
	cr_assert_eq(entry->size, 0);
	cr_assert_eq(entry->data, 0);
	cr_assert_eq(entry->last.cause.signal, 0);
	cr_assert_eq(entry->last.cause.exit_code, 99);
	cr_assert_eq(segment.control->given_up, 1);
}

/* The worker died after it had published and before it freed the slot. */
Test(call, what_was_published_is_not_published_again)
{
	struct shared_entry done;
	uint64_t word;

	run(1);
	memcpy(&done, entry, sizeof(done));
	word = entry->word;
	slot->word = 0;
	for (unsigned attempt = 1; attempt <= 3; attempt++) {
		repair(attempt);
		cr_assert_eq(word_unpack(slot->word).state, WORD_FREE);
		cr_assert_eq(entry->word, word);
		cr_assert_eq(memcmp(&done, entry, sizeof(done)), 0);
	}
	cr_assert_eq(segment.control->given_up, 0);
}

Test(call, a_dead_workers_task_of_a_cancelled_batch_is_dropped)
{
	batch->word = BATCH_RETIRED | 1 << 8;
	repair(1);
	cr_assert_eq(word_unpack(slot->word).state, WORD_FREE);
	cr_assert_eq(word_unpack(entry->word).state, WORD_READY);
}

/* ---- all that a dead worker had ---- */

Test(recover, settles_what_names_the_dead_worker_and_nothing_else)
{
	struct word others[] = {
		{.state = WORD_OWNED, .seat = 0, .generation = 3, .attempt = 1},
		{.state = WORD_OWNED, .seat = 1, .generation = 2, .attempt = 1},
		{.state = WORD_READY, .attempt = 1},
		{.state = WORD_FILLING, .seat = 2, .generation = 1}, /* the owner */
	};
	struct word dead = {.state = WORD_OWNED, .seat = 1, .generation = 3, .attempt = 1, .payload = 5};

	set_up();
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		segment.slots[0].word = word_pack(dead);
		segment.slots[1].word = word_pack(others[i]);
		cr_assert_eq(recover(&segment, &death, &(struct region){0}), 1);
		cr_assert_eq(segment.slots[0].word, word_pack((struct word){.state = WORD_READY, .attempt = 1, .payload = 5}));
		cr_assert_eq(segment.slots[1].word, word_pack(others[i]));
	}
	tear_down();
}

Test(recover, done_twice_changes_nothing_more)
{
	uint64_t word;

	set_up();
	slot->word = word_pack((struct word){.state = WORD_OWNED, .seat = 1, .generation = 3, .attempt = 3});
	cr_assert_eq(recover(&segment, &death, &(struct region){0}), 1);
	word = slot->word;
	cr_assert_eq(recover(&segment, &death, &(struct region){0}), 0);
	cr_assert_eq(slot->word, word);
	cr_assert_eq(segment.control->given_up, 1);
	tear_down();
}

/*
 * Worker 1 died with both slots, each in its last attempt, and its hand names what lies @ahead
 * bytes behind the first one.
 */
static void recover_both(int64_t ahead)
{
	set_up();
	segment.slots[0].word = word_pack(
		(struct word){.state = WORD_OWNED, .seat = 1, .generation = 3, .attempt = 3, .payload = 5});
	segment.slots[1].batch = BATCH_REF(0, 1);
	segment.slots[1].target = slot->target + sizeof(*entry);
	segment.slots[1].word = segment.slots[0].word;
	entry[1].word = word_pack((struct word){.state = WORD_READY});
	segment.seats[1].hand = segment_offset(&segment, slot) + (uint64_t)ahead;
	cr_assert_eq(recover(&segment, &death, &(struct region){0}), 2);
}

Test(recover, charges_the_innermost_task_alone)
{
	for (unsigned inner = 0; inner < 2; inner++) {
		recover_both((int64_t)(inner * sizeof(*slot)));
		cr_assert_eq(word_unpack(segment.slots[inner].word).state, WORD_FREE);
		cr_assert_eq(entry[inner].status, -ECHILD);
		cr_assert_eq(segment.slots[!inner].word,
			     word_pack((struct word){.state = WORD_READY, .attempt = 2, .payload = 5}));
		cr_assert_eq(word_unpack(entry[!inner].word).state, WORD_READY);
		cr_assert_eq(segment.control->given_up, 1);
		tear_down();
	}
}

Test(recover, charges_every_task_if_the_seat_does_not_tell_the_innermost)
{
	const int64_t elsewhere[] = {-(int64_t)sizeof(*slot), 3, 2 * (int64_t)sizeof(*slot), INT64_MAX};

	for (size_t i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++) {
		recover_both(elsewhere[i]);
		cr_assert_eq(word_unpack(segment.slots[0].word).state, WORD_FREE);
		cr_assert_eq(word_unpack(segment.slots[1].word).state, WORD_FREE);
		cr_assert_eq(segment.control->given_up, 2);
		tear_down();
	}
}

Test(recover, charges_the_task_in_hand_if_the_hand_names_a_slot_of_somebody_else)
{
	set_up();
	slot->word = word_pack((struct word){.state = WORD_OWNED, .seat = 1, .generation = 3, .attempt = 3});
	segment.slots[1].word = word_pack((struct word){.state = WORD_OWNED, .seat = 0, .generation = 3, .attempt = 1});
	segment.seats[1].hand = segment_offset(&segment, &segment.slots[1]);
	cr_assert_eq(recover(&segment, &death, &(struct region){0}), 1);
	cr_assert_eq(word_unpack(slot->word).state, WORD_FREE);
	cr_assert_eq(entry->status, -ECHILD);
	tear_down();
}

Test(recover, abandons_a_slot_that_the_dead_was_filling)
{
	set_up();
	slot->word = word_pack((struct word){.state = WORD_FILLING, .seat = 1, .generation = 3, .payload = 9});
	cr_assert_eq(recover(&segment, &death, &(struct region){0}), 1);
	cr_assert_eq(slot->word, word_pack((struct word){.state = WORD_FREE, .payload = 10}));
	tear_down();
}

Test(recover, frees_the_rooms_of_the_dead)
{
	set_up();
	segment.control->room_holder[0] = HELD_BY(seat_name(1, 3));
	segment.control->room_holder[1] = HELD_BY(seat_name(2, 1)); /* the owner */
	segment.control->room_holder[5] = HELD_BY(seat_name(1, 3));
	segment.control->room_holder[6] = HELD_BY(seat_name(1, 4));
	segment.control->room_waiters = 1 << 0 | 1 << 1 | 1 << 6;
	for (int i = 0; i < 2; i++) {
		recover(&segment, &death, &(struct region){0});
		cr_assert_eq(segment.control->room_holder[0], 0);
		cr_assert_eq(segment.control->room_holder[1], HELD_BY(seat_name(2, 1)));
		cr_assert_eq(segment.control->room_holder[5], 0);
		cr_assert_eq(segment.control->room_holder[6], HELD_BY(seat_name(1, 4)), "of a later generation");
		cr_assert_eq(segment.control->room_waiters, 1 << 1 | 1 << 6);
	}
	tear_down();
}

Test(recover, makes_workers_look_at_every_slot_and_wakes_all)
{
	int tokens;

	set_up();
	segment.control->rings[SHEAF_NORMAL].head = segment.control->rings[SHEAF_NORMAL].tail = 1;
	segment.control->sleepers[0] = 3;
	segment.control->room_waiters = 1;
	batch->waiter = WAIT_ANY;
	recover(&segment, &death, &(struct region){0});
	cr_assert_eq(HEAD_TICKET(segment.control->rings[SHEAF_NORMAL].head), 0);
	cr_assert_eq(segment.control->sleepers[0], 1, "the dead does not sleep");
	cr_assert_eq(sem_getvalue(&segment.control->room[0], &tokens), 0);
	cr_assert_eq(tokens, 1);
	cr_assert_eq(sem_getvalue(&batch->bell, &tokens), 0);
	cr_assert_eq(tokens, 1);
	cr_assert_eq(sem_getvalue(&segment.seats[0].bell[0], &tokens), 0);
	cr_assert_eq(tokens, 1);
	tear_down();
}
