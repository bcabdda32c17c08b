/*
 * test_chunk.c - dense batches from inside: what workers do, and what becomes of a dead worker's
 * chunk.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "queue/ring.h"
#include "segment/create.h"
#include "work/chunk.h"
#include "work/settle.h"
#include "work/share.h"

#define N 20
#define CHUNK 5
#define CHUNKS (N / CHUNK)

static struct segment segment;
static struct shared_batch *batch;
static struct shared_slot *slot;
static struct member member;
static struct death death = {.seat = 1, .generation = 3, .pid = 4711, .signal = 9, .exit_code = -1};

static struct record {
	unsigned runs[N];
	unsigned attempts[N];
	uint64_t begins[N], ends[N];
	unsigned calls;
	uint64_t fails; /* a position */
} record;

static int note_item(sheaf_task *task, const void *arg, void *result)
{
	uint64_t p = sheaf_task_position(task);

	(void)arg;
	(void)result;
	record.runs[p]++;
	record.attempts[p] = sheaf_task_attempt(task);
	return p == record.fails ? sheaf_task_fail(task, -EDOM, "no %d", (int)p) : 0;
}

static int note_range(sheaf_task *task, size_t begin, size_t end, void *context)
{
	cr_assert_null(context);
	cr_assert_eq(sheaf_task_position(task), begin);
	record.begins[record.calls] = begin;
	record.ends[record.calls++] = end;
	for (size_t p = begin; p < end; p++) {
		record.runs[p]++;
		record.attempts[p] = sheaf_task_attempt(task);
	}
	return record.fails >= begin && record.fails < end ? -EDOM : 0;
}

static _Atomic uint64_t *words(void)
{
	return (_Atomic uint64_t *)batch->table;
}

static struct word word(uint64_t c)
{
	return word_unpack(words()[c]);
}

static void set_word(uint64_t c, struct word w)
{
	words()[c] = word_pack(w);
}

/* Make the batch's chunks READY, as its owner does. */
static void lay_out(void)
{
	struct plan plan = {.shares = batch->shares,
			    .n = batch->n,
			    .chunk = batch->chunk,
			    .chunks = batch->chunks,
			    .words = batch->words,
			    .hints = batch->hints};

	chunks_init(&segment, &plan);
}

static void set_up(void)
{
	struct segment_options options = {
		.anonymous = true, .workers = 2, .ring_size = 2, .batches = 1, .max_attempts = 3, .heap_size = 16 * UNIT};

	cr_assert_eq(segment_create(&segment, &options), 0, "%s", sheaf_message());
	batch = &segment.batches[0];
	batch->word = BATCH_OPEN | 1 << 8;
	batch->stop = STOP_NOWHERE;
	sem_init(&batch->bell, 1, 0);
	bells_seal(&batch->bell_seal, &batch->bell_end_seal);
	batch->kind = KIND_MAP;
	batch->max_attempts = 3;
	batch->heap_id = 1000;
	batch->n = N;
	batch->chunk = CHUNK;
	batch->chunks = CHUNKS;
	batch->shares = 2;
	batch->words = (uint64_t)(batch->table - segment.base);
	batch->hints = batch->words + 64;
	batch->function = (uint64_t)(uintptr_t)note_item;
	lay_out();
	slot = &segment.slots[0];
	slot->batch = BATCH_REF(0, 1);
	slot->kind = TASK_SHARE;
	member_sit(&member, &segment, 0, 7, 123, NULL);
	record = (struct record){.fails = UINT64_MAX};
}

static void tear_down(void)
{
	segment_destroy(&segment);
}

TestSuite(dense, .init = set_up, .fini = tear_down);

static void use_ranges(void)
{
	batch->kind = KIND_FOR;
	batch->function = (uint64_t)(uintptr_t)note_range;
}

/* Worker 0 takes part, with an invitation in this attempt. */
static void run_share(uint64_t share, unsigned attempt)
{
	slot->target = share;
	slot->word = word_pack((struct word){.state = WORD_OWNED, .seat = 0, .generation = 7, .attempt = attempt});
	cr_assert_not(share_run(&member, &(struct claim){slot, slot->word}));
	cr_assert_eq(word_unpack(slot->word).state, WORD_FREE, "the invitation is used up");
	cr_assert_eq(batch->inside[0], 0);
}

/* Worker 1 has died with chunk @c as @w says, and @cursor in hand. */
static void kill_in(uint64_t c, struct word w, uint64_t cursor)
{
	bool damaged = false;

	w.state = WORD_OWNED;
	w.seat = death.seat;
	w.generation = death.generation & GENERATION_MASK;
	set_word(c, w);
	segment.seats[1].cursor = death.cursor = cursor;
	batch->inside[0] = 3;
	slot->word = word_pack((struct word){
		.state = WORD_OWNED, .seat = 1, .generation = death.generation & GENERATION_MASK, .attempt = 1, .payload = 6});
	cr_assert(settle_slot(&segment, slot, &death, &(struct region){0}, &damaged));
	cr_assert_not(damaged);
	cr_assert_eq(batch->inside[0], 1, "the dead worker is not inside, the other is");
	cr_assert_eq(slot->word, word_pack((struct word){.state = WORD_READY, .attempt = 1, .payload = 6}));
}

static void expect_word(uint64_t c, struct word w)
{
	cr_assert_eq(words()[c], word_pack(w), "state %d flags %u attempt %u seat %u generation %u payload %u", word(c).state,
		     word(c).flags, word(c).attempt, word(c).seat, word(c).generation, (unsigned)word(c).payload);
}

static const struct shared_failure *failure(void)
{
	return batch->failures ? segment_at(&segment, batch->failures) : NULL;
}

static void expect_given_up(uint64_t position, uint64_t count, unsigned attempts)
{
	const struct shared_failure *f = failure();

	cr_assert_not_null(f);
	cr_assert_eq(f->next, 0);
	cr_assert_eq(f->position, position);
	cr_assert_eq(f->count, count);
	cr_assert_eq(f->attempts, attempts);
	cr_assert_eq(f->status, -ECHILD);
	cr_assert_eq(f->signal, 9);
	cr_assert_eq(f->exit_code, -1);
	cr_assert_eq(f->pid, 4711);
	cr_assert_eq(f->worker, 1);
	cr_assert_eq(segment.control->given_up, count);
}

Test(dense, a_share_runs_every_position_once)
{
	for (uint64_t share = 0; share < 2; share++) {
		lay_out();
		record = (struct record){.fails = UINT64_MAX};
		run_share(share, 1);
		for (int p = 0; p < N; p++)
			cr_assert(record.runs[p] == 1 && record.attempts[p] == 1);
		for (uint64_t c = 0; c < CHUNKS; c++)
			expect_word(c, (struct word){.state = WORD_DONE, .attempt = 1, .generation = 7});
	}
	cr_assert_eq(segment.seats[0].completed, 2 * CHUNKS);
}

Test(dense, a_range_function_gets_whole_chunks)
{
	use_ranges();
	batch->n = N - 2;
	run_share(0, 1);
	cr_assert_eq(record.calls, CHUNKS);
	for (int p = 0; p < N; p++)
		cr_assert_eq(record.runs[p], p < N - 2);
}

Test(dense, a_share_of_a_cancelled_batch_runs_nothing)
{
	batch->word = BATCH_RETIRED | 1 << 8;
	run_share(0, 1);
	for (int p = 0; p < N; p++)
		cr_assert_eq(record.runs[p], 0);
}

/* Single positions, more than are scanned without hints. */
static struct shared_hint *cut_finely(void)
{
	batch->chunk = 1;
	batch->chunks = N;
	batch->hints = batch->words + 256;
	lay_out();
	return segment_at(&segment, batch->hints);
}

Test(dense, a_share_steals_from_the_other_from_behind)
{
	struct shared_hint *hints = cut_finely();

	set_word(N - 1, (struct word){.state = WORD_DONE, .attempt = 1});
	hints[1].back = N - 1;
	run_share(0, 1);
	for (int p = 0; p < N - 1; p++)
		cr_assert_eq(record.runs[p], 1);
	cr_assert_eq(record.runs[N - 1], 0);
	cr_assert_leq(hints[1].back, hints[1].front);
	cr_assert_eq(hints[0].front, hints[0].back);
}

Test(dense, an_invitation_that_went_through_a_death_does_not_believe_hints)
{
	struct shared_hint *hints = cut_finely();

	for (int s = 0; s < 2; s++) {
		hints[s].front = N;
		hints[s].back = 0;
	}
	run_share(0, 1);
	cr_assert_eq(word(0).state, WORD_READY);
	run_share(0, 2);
	for (int p = 0; p < N; p++)
		cr_assert_eq(record.runs[p], 1);
}

Test(dense, leaves_the_chunks_of_others_alone)
{
	set_word(1, (struct word){.state = WORD_OWNED, .seat = 1, .generation = 3, .attempt = 1});
	set_word(2, (struct word){.state = WORD_DONE, .seat = 1, .generation = 3, .attempt = 1});
	run_share(0, 2);
	for (int p = 0; p < N; p++)
		cr_assert_eq(record.runs[p], p < 5 || p >= 15);
	cr_assert_eq(word(1).state, WORD_OWNED);
}

Test(dense, a_failing_position_is_reported_alone)
{
	record.fails = 7;
	run_share(0, 1);
	cr_assert_not_null(failure());
	cr_assert_eq(failure()->next, 0);
	cr_assert_eq(failure()->position, 7);
	cr_assert_eq(failure()->count, 1);
	cr_assert_eq(failure()->status, -EDOM);
	cr_assert_eq(failure()->signal, 0);
	cr_assert_eq(failure()->pid, 123);
	cr_assert_eq(failure()->text_size, 4);
	cr_assert_str_eq((const char *)(failure() + 1), "no 7");
	for (int p = 0; p < N; p++)
		cr_assert_eq(record.runs[p], 1);
}

Test(dense, a_failing_range_is_reported_whole)
{
	use_ranges();
	record.fails = 7;
	run_share(0, 1);
	cr_assert_eq(failure()->position, 5);
	cr_assert_eq(failure()->count, 5);
	cr_assert_eq(failure()->next, 0);
}

Test(dense, a_chunk_is_lost_if_there_is_no_memory_to_report)
{
	uint64_t offset;

	batch->heap_id = 2000;
	segment.heap_size = UNIT; /* so no larger block is found */
	cr_assert_eq(region_alloc(&segment, batch->heap_id, batch, &(struct region){0}, UNIT, &offset), 0);
	record.fails = 7;
	run_share(0, 1);
	cr_assert_null(failure());
	cr_assert_eq(word(0).flags, 0);
	cr_assert_eq(word(1).flags, WORD_LOST);
	cr_assert_eq(word(1).state, WORD_DONE);
	segment.heap_size = 16 * UNIT;
}

/* ---- deaths ---- */

Test(dense, only_the_position_in_hand_of_a_dead_worker_runs_again)
{
	kill_in(1, (struct word){.attempt = 1}, 7);
	expect_word(1, (struct word){.state = WORD_READY, .attempt = 1, .payload = 2});
	cr_assert_null(failure());
	run_share(0, 2);
	for (int p = 0; p < N; p++) {
		cr_assert_eq(record.runs[p], p != 5 && p != 6, "position %d", p);
		cr_assert_eq(record.attempts[p], p == 7 ? 2 : record.runs[p]);
	}
	expect_word(1, (struct word){.state = WORD_DONE, .attempt = 2, .generation = 7, .payload = 2});
}

Test(dense, a_death_before_anything_was_in_hand_counts_for_the_first_position)
{
	const uint64_t elsewhere[] = {CURSOR_NONE, 0, 4, 10, N};

	for (size_t i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++) {
		kill_in(1, (struct word){.attempt = 1}, elsewhere[i]);
		expect_word(1, (struct word){.state = WORD_READY, .attempt = 1});
	}
	/* A cursor below the payload is of an earlier attempt of another worker. */
	kill_in(1, (struct word){.attempt = 1, .payload = 3}, 6);
	expect_word(1, (struct word){.state = WORD_READY, .attempt = 1, .payload = 3});
}

Test(dense, attempts_are_counted_for_each_position)
{
	/* The second death at the same position, and the first one at a later position. */
	kill_in(1, (struct word){.attempt = 2, .payload = 2}, 7);
	expect_word(1, (struct word){.state = WORD_READY, .attempt = 2, .payload = 2});
	kill_in(1, (struct word){.attempt = 2, .payload = 2}, 9);
	expect_word(1, (struct word){.state = WORD_READY, .attempt = 1, .payload = 4});
	cr_assert_null(failure());
}

Test(dense, a_position_is_given_up_after_its_last_attempt)
{
	kill_in(1, (struct word){.attempt = 3, .payload = 2}, 7);
	expect_word(1, (struct word){.state = WORD_READY, .payload = 3});
	expect_given_up(7, 1, 3);
	run_share(0, 2);
	for (int p = 0; p < N; p++)
		cr_assert_eq(record.runs[p], p < 5 || p > 7);
}

Test(dense, a_chunk_is_done_when_its_last_position_is_given_up)
{
	kill_in(1, (struct word){.attempt = 3, .payload = 4}, 9);
	expect_word(1, (struct word){.state = WORD_DONE, .attempt = 3, .seat = 1, .generation = 3});
	expect_given_up(9, 1, 3);
}

Test(dense, one_attempt_is_enough_where_only_one_is_allowed)
{
	batch->max_attempts = 1;
	kill_in(1, (struct word){.attempt = 1}, 7);
	expect_word(1, (struct word){.state = WORD_READY, .payload = 3});
	expect_given_up(7, 1, 1);
}

Test(dense, the_last_chunk_may_be_short)
{
	batch->n = N - 2;
	batch->max_attempts = 1;
	kill_in(3, (struct word){.attempt = 1}, 17);
	expect_word(3, (struct word){.state = WORD_DONE, .attempt = 1, .seat = 1, .generation = 3});
	expect_given_up(17, 1, 1);
}

Test(dense, a_range_runs_singly_after_a_death)
{
	use_ranges();
	kill_in(1, (struct word){.attempt = 1}, 5);
	expect_word(1, (struct word){.state = WORD_READY, .flags = WORD_WIDE, .attempt = 1});
	run_share(0, 2);
	for (unsigned i = 0; i < record.calls; i++)
		cr_assert_eq(record.ends[i] - record.begins[i], record.begins[i] / 5 == 1 ? 1 : 5);
	for (int p = 0; p < N; p++)
		cr_assert(record.runs[p] == 1 && record.attempts[p] == (p / 5 == 1 ? 2u : 1u));
	cr_assert_null(failure());
}

Test(dense, the_position_of_a_range_that_dies_singly_takes_the_blame)
{
	use_ranges();
	kill_in(1, (struct word){.attempt = 2, .flags = WORD_WIDE}, 8);
	expect_word(1, (struct word){.state = WORD_READY, .attempt = 2, .payload = 3});
	/* Those behind it are in their first run, and still run singly. */
	run_share(0, 2);
	for (int p = 5; p < 10; p++) {
		cr_assert_eq(record.runs[p], p >= 8);
		cr_assert_eq(record.attempts[p], p == 8 ? 3 : p > 8);
	}
	kill_in(1, (struct word){.attempt = 3, .payload = 3}, 8);
	expect_word(1, (struct word){.state = WORD_READY, .payload = 4});
	expect_given_up(8, 1, 3);
}

Test(dense, a_range_that_may_run_only_once_is_given_up_whole)
{
	use_ranges();
	batch->max_attempts = 1;
	kill_in(1, (struct word){.attempt = 1}, 5);
	expect_word(1, (struct word){.state = WORD_DONE, .attempt = 1, .seat = 1, .generation = 3});
	expect_given_up(5, 5, 1);
}

Test(dense, a_lost_chunk_stays_lost_over_a_death)
{
	kill_in(1, (struct word){.attempt = 1, .flags = WORD_LOST}, 7);
	expect_word(1, (struct word){.state = WORD_READY, .attempt = 1, .flags = WORD_LOST, .payload = 2});
	run_share(0, 2);
	cr_assert_eq(word(1).flags, WORD_LOST);
}

Test(dense, a_repair_looks_at_the_name_in_the_word)
{
	struct word others[] = {
		{.state = WORD_OWNED, .seat = 0, .generation = 3, .attempt = 1},
		{.state = WORD_OWNED, .seat = 1, .generation = 4, .attempt = 1},
		{.state = WORD_DONE, .seat = 1, .generation = 3, .attempt = 1},
	};

	for (uint64_t i = 0; i < 3; i++)
		set_word(i, others[i]);
	kill_in(3, (struct word){.attempt = 1}, 16);
	for (uint64_t i = 0; i < 3; i++)
		expect_word(i, others[i]);
}

Test(dense, a_repair_knows_generations_by_their_lower_16_bits)
{
	struct death late = {.seat = 1, .generation = 0x10003, .pid = 4711, .signal = 9, .exit_code = -1}, early = death;

	death = late;
	kill_in(1, (struct word){.attempt = 1}, 7);
	expect_word(1, (struct word){.state = WORD_READY, .attempt = 1, .payload = 2});
	death = early;
}
