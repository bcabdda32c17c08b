/*
 * test_table.c - submitted tasks from inside: a run publishes its entry, a repair gives the task
 * back or publishes its failure.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "batch/table.h"
#include "pool/recover.h"
#include "queue/ring.h"

static struct segment segment;
static struct shared_batch *batch;
static struct shared_slot *slot;
static struct shared_entry *entry;
static struct runner runner;
static struct region region; /* the supervisor's */
static const struct death death = {.worker = 1, .generation = 3, .pid = 4711, .signal = 0, .exit_code = 99};

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
	batch->kind = KIND_CALLS;
	batch->max_attempts = 3;
	batch->heap_id = 1000;
	batch->out_size = 8;
	entry = (struct shared_entry *)(void *)batch->table;
	entry->word = word_pack((struct word){.state = WORD_READY});
	entry->position = 77;
	slot = &segment.ring[0];
	slot->batch = BATCH_REF(0, 1);
	slot->kind = TASK_CALL;
	slot->target = (uint64_t)(batch->table - segment.base);
	slot->function = (uint64_t)(uintptr_t)add_one;
	slot->arg_size = 8;
	memcpy(slot->arg.bytes, &(uint64_t){100}, 8);
	runner = (struct runner){.segment = &segment, .worker = 0, .generation = 7, .pid = 123, .forks = forks_count()};
	region = (struct region){0};
	runs = 0;
	dirty = false;
}

static void tear_down(void)
{
	segment_destroy(&segment);
}

TestSuite(table, .init = set_up, .fini = tear_down);

static void run(unsigned attempt)
{
	slot->word = word_pack((struct word){.state = WORD_OWNED, .worker = 0, .generation = 7, .attempt = attempt});
	call_run(&runner, slot, slot->word);
	cr_assert_eq(word_unpack(slot->word).state, WORD_FREE);
	cr_assert_eq(word_unpack(slot->word).payload, 1);
}

static void repair(unsigned attempt)
{
	slot->word = word_pack((struct word){.state = WORD_OWNED, .worker = 1, .generation = 3, .attempt = attempt});
	call_repair(&segment, slot, slot->word, &death, &region);
}

Test(table, entries_are_lines_and_large_results_stand_behind_them)
{
	cr_assert_eq(entry_stride(0), 64);
	cr_assert_eq(entry_stride(8), 64);
	cr_assert_eq(entry_stride(9), 128);
	cr_assert_eq(entry_stride(64), 128);
	cr_assert_eq(entry_stride(65), 192);
	cr_assert_eq(entry_stride(1 << 20), 64 + (1 << 20));
}

Test(table, a_run_publishes_its_entry)
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
	cr_assert_eq(segment.workers[0].completed, 1);
}

Test(table, a_second_run_begins_with_a_zeroed_result)
{
	memset(entry->last.small, 0xee, 8);
	repair(1);
	run(2);
	cr_assert_not(dirty);
	cr_assert_eq(word_unpack(entry->word).attempt, 2);
}

Test(table, an_innocent_death_is_no_attempt_and_leaves_a_zeroed_result)
{
	struct death innocent = death;

	innocent.innocent = true;
	memset(entry->last.small, 0xee, 8);
	slot->word = word_pack((struct word){.state = WORD_OWNED, .worker = 1, .generation = 3, .attempt = 3});
	call_repair(&segment, slot, slot->word, &innocent, &region);
	cr_assert_eq(word_unpack(slot->word).state, WORD_READY);
	cr_assert_eq(word_unpack(slot->word).attempt, 2);
	run(1);
	cr_assert_not(dirty);
}

Test(table, a_run_takes_no_times_if_told)
{
	batch->flags = SHEAF_NO_TIMES;
	run(1);
	cr_assert_eq(entry->started_ns, 0);
	cr_assert_eq(entry->finished_ns, 0);
}

Test(table, a_failure_is_published_with_code_and_text)
{
	slot->function = (uint64_t)(uintptr_t)fail;
	run(1);
	cr_assert_eq(word_unpack(entry->word).state, WORD_DONE);
	cr_assert_eq(entry->status, -EDOM);
	cr_assert_eq(entry->last.cause.signal, 0);
	cr_assert_eq(entry->last.cause.exit_code, -1);
	cr_assert_str_eq((const char *)segment_at(&segment, entry->data), "position 77 is bad");
}

Test(table, a_failure_without_memory_for_its_text_keeps_its_code)
{
	slot->function = (uint64_t)(uintptr_t)fail;
	segment.heap_size = 0;
	run(1);
	cr_assert_eq(word_unpack(entry->word).state, WORD_DONE);
	cr_assert_eq(entry->status, -EDOM);
	cr_assert_eq(entry->data, 0);
	segment.heap_size = 16 * UNIT;
}

Test(table, a_positive_return_value_is_a_failure)
{
	slot->function = (uint64_t)(uintptr_t)return_a_positive_number;
	run(1);
	cr_assert_eq(entry->status, -EINVAL);
	cr_assert_str_eq((const char *)segment_at(&segment, entry->data),
			 "the task returned 5: a task returns 0 or a negative errno");
}

Test(table, a_task_of_a_cancelled_batch_does_not_run)
{
	batch->word = BATCH_CANCELLED | 1 << 8;
	run(1);
	cr_assert_eq(runs, 0);
	cr_assert_eq(word_unpack(entry->word).state, WORD_READY);
}

Test(table, a_dead_workers_task_goes_back_to_the_ring)
{
	for (unsigned attempt = 1; attempt < 3; attempt++) {
		repair(attempt);
		cr_assert_eq(slot->word, word_pack((struct word){.state = WORD_READY, .attempt = attempt}));
		cr_assert_eq(word_unpack(entry->word).state, WORD_READY);
	}
	cr_assert_eq(segment.control->given_up, 0);
}

Test(table, a_dead_workers_task_fails_after_its_last_attempt)
{
	repair(3);
	cr_assert_eq(word_unpack(slot->word).state, WORD_FREE);
	cr_assert_eq(entry->word, word_pack((struct word){.state = WORD_DONE, .attempt = 3, .worker = 1, .generation = 3}));
	cr_assert_eq(entry->status, -ECHILD);
	cr_assert_eq(entry->pid, 4711);
	cr_assert_eq(entry->size, 0);
	cr_assert_eq(entry->data, 0);
	cr_assert_eq(entry->last.cause.signal, 0);
	cr_assert_eq(entry->last.cause.exit_code, 99);
	cr_assert_eq(segment.control->given_up, 1);
}

/* The worker died after it had published and before it freed the slot. */
Test(table, what_was_published_is_not_published_again)
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

Test(table, a_dead_workers_task_of_a_cancelled_batch_is_dropped)
{
	batch->word = BATCH_CANCELLED | 1 << 8;
	repair(1);
	cr_assert_eq(word_unpack(slot->word).state, WORD_FREE);
	cr_assert_eq(word_unpack(entry->word).state, WORD_READY);
}

/* ---- all that a dead worker had ---- */

Test(recover, settles_what_names_the_dead_worker_and_nothing_else)
{
	struct word others[] = {
		{.state = WORD_OWNED, .worker = 0, .generation = 3, .attempt = 1},
		{.state = WORD_OWNED, .worker = 1, .generation = 2, .attempt = 1},
		{.state = WORD_READY, .attempt = 1},
		{.state = WORD_FILLING, .worker = WORKER_NONE},
	};
	struct word dead = {.state = WORD_OWNED, .worker = 1, .generation = 3, .attempt = 1, .payload = 5};

	set_up();
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		segment.ring[0].word = word_pack(dead);
		segment.ring[1].word = word_pack(others[i]);
		cr_assert_eq(recover(&segment, &death, &(struct region){0}), 1);
		cr_assert_eq(segment.ring[0].word, word_pack((struct word){.state = WORD_READY, .attempt = 1, .payload = 5}));
		cr_assert_eq(segment.ring[1].word, word_pack(others[i]));
	}
	tear_down();
}

Test(recover, done_twice_changes_nothing_more)
{
	uint64_t word;

	set_up();
	slot->word = word_pack((struct word){.state = WORD_OWNED, .worker = 1, .generation = 3, .attempt = 3});
	cr_assert_eq(recover(&segment, &death, &(struct region){0}), 1);
	word = slot->word;
	cr_assert_eq(recover(&segment, &death, &(struct region){0}), 0);
	cr_assert_eq(slot->word, word);
	cr_assert_eq(segment.control->given_up, 1);
	tear_down();
}

Test(recover, abandons_a_slot_that_the_dead_was_filling)
{
	set_up();
	slot->word = word_pack((struct word){.state = WORD_FILLING, .worker = 1, .generation = 3, .payload = 9});
	cr_assert_eq(recover(&segment, &death, &(struct region){0}), 1);
	cr_assert_eq(slot->word, word_pack((struct word){.state = WORD_FREE, .payload = 10}));
	tear_down();
}

Test(recover, makes_workers_look_at_every_slot_and_wakes_all)
{
	int tokens;

	set_up();
	segment.control->head = segment.control->tail = 1;
	segment.control->sleepers[0] = 3;
	segment.control->room_waiters = 1;
	batch->waiter = WAIT_ANY;
	recover(&segment, &death, &(struct region){0});
	cr_assert_eq(HEAD_TICKET(segment.control->head), 0);
	cr_assert_eq(segment.control->sleepers[0], 1, "the dead does not sleep");
	cr_assert_eq(sem_getvalue(&segment.control->room[0], &tokens), 0);
	cr_assert_eq(tokens, 1);
	cr_assert_eq(sem_getvalue(&batch->bell, &tokens), 0);
	cr_assert_eq(tokens, 1);
	cr_assert_eq(sem_getvalue(&segment.workers[0].bell[0], &tokens), 0);
	cr_assert_eq(tokens, 1);
	tear_down();
}
