/*
 * test_blame.c - what follows from a death for the task that the dead member had in hand: numbers
 * in, numbers out.
 */
#include <criterion/criterion.h>

#include "work/blame.h"

#define MOST 3 /* attempts */

static const struct death killed = {.seat = 1, .generation = 3, .signal = 11, .exit_code = -1};
static const struct death ordered = {.seat = 1, .generation = 3, .signal = 9, .exit_code = -1, .innocent = true};
static const struct death late = {.seat = 1, .generation = 3, .signal = 9, .exit_code = -1, .innocent = true, .late = true};

/* ---- the policy ---- */

static void expect(const struct death *death, struct suspect suspect, struct verdict wanted)
{
	struct verdict got = blame(&suspect, MOST, death);

	cr_assert(got.fails == wanted.fails && got.wide == wanted.wide && got.attempts == wanted.attempts,
		  "attempt %u whole %d wide %d: fails %d wide %d attempts %u", suspect.attempt, suspect.whole, suspect.wide,
		  got.fails, got.wide, got.attempts);
}

Test(blame, one_task_runs_again_until_its_last_attempt)
{
	expect(&killed, (struct suspect){.attempt = 1}, (struct verdict){.attempts = 1});
	expect(&killed, (struct suspect){.attempt = 2}, (struct verdict){.attempts = 2});
	expect(&killed, (struct suspect){.attempt = 3}, (struct verdict){.fails = true, .attempts = 3});
	expect(&killed, (struct suspect){.attempt = 9}, (struct verdict){.fails = true, .attempts = 9});
}

Test(blame, an_innocent_death_is_no_attempt)
{
	for (unsigned attempt = 1; attempt <= MOST; attempt++) {
		expect(&ordered, (struct suspect){.attempt = attempt}, (struct verdict){.attempts = attempt - 1});
		expect(&ordered, (struct suspect){.attempt = attempt, .wide = true},
		       (struct verdict){.attempts = attempt - 1, .wide = true});
	}
	expect(&ordered, (struct suspect){.attempt = 1, .whole = true}, (struct verdict){.attempts = 0});
}

Test(blame, one_task_that_was_late_fails_whatever_attempt_it_was)
{
	for (unsigned attempt = 1; attempt <= MOST; attempt++) {
		expect(&late, (struct suspect){.attempt = attempt}, (struct verdict){.fails = true, .attempts = attempt});
		expect(&late, (struct suspect){.attempt = attempt, .wide = true},
		       (struct verdict){.fails = true, .attempts = attempt});
	}
}

Test(blame, a_whole_range_runs_again_singly)
{
	expect(&killed, (struct suspect){.attempt = 1, .whole = true}, (struct verdict){.attempts = 1, .wide = true});
	expect(&late, (struct suspect){.attempt = 1, .whole = true}, (struct verdict){.attempts = 0, .wide = true});
}

Test(blame, a_whole_range_fails_if_it_may_run_only_once)
{
	struct suspect suspect = {.attempt = 1, .whole = true};
	struct verdict verdict = blame(&suspect, 1, &killed);

	cr_assert(verdict.fails);
	cr_assert_not(verdict.wide);
	cr_assert_eq(verdict.attempts, 1);
}

/* A position that died singly is known, so those behind it need not run singly for its sake. */
Test(blame, one_position_of_a_wide_chunk_ends_the_width)
{
	expect(&killed, (struct suspect){.attempt = 2, .wide = true}, (struct verdict){.attempts = 2});
	expect(&killed, (struct suspect){.attempt = 3, .wide = true}, (struct verdict){.fails = true, .attempts = 3});
}

/* ---- what is suspect ---- */

Test(blame, a_submitted_task_is_suspect_as_a_whole)
{
	struct suspect suspect = suspect_call((struct word){.state = WORD_OWNED, .attempt = 2, .payload = 7});

	cr_assert(suspect.first == 0 && suspect.count == 1 && suspect.attempt == 2 && !suspect.whole && !suspect.wide);
}

/* Of a chunk with the positions 100 .. 109. */
static void expect_suspect(enum batch_kind kind, struct word word, uint64_t cursor, struct suspect wanted)
{
	struct suspect got = suspect_chunk(word, kind, 100, 10, cursor);

	cr_assert(got.first == wanted.first && got.count == wanted.count && got.attempt == wanted.attempt &&
			  got.whole == wanted.whole && got.wide == wanted.wide,
		  "kind %d attempt %u payload %d cursor %d: first %d count %d attempt %u whole %d wide %d", (int)kind,
		  word.attempt, (int)word.payload, (int)cursor, (int)got.first, (int)got.count, got.attempt, got.whole,
		  got.wide);
}

Test(blame, of_a_map_the_item_under_the_cursor_is_suspect)
{
	struct word word = {.state = WORD_OWNED, .attempt = 2, .payload = 3};

	expect_suspect(KIND_MAP, word, 103, (struct suspect){.first = 3, .count = 1, .attempt = 2});
	/* Behind the first one an item is in its first run. */
	expect_suspect(KIND_MAP, word, 104, (struct suspect){.first = 4, .count = 1, .attempt = 1});
	expect_suspect(KIND_MAP, word, 109, (struct suspect){.first = 9, .count = 1, .attempt = 1});
}

Test(blame, a_cursor_elsewhere_tells_of_no_item_so_the_first_is_suspect)
{
	const uint64_t elsewhere[] = {CURSOR_NONE, 0, 99, 102, 110, 1000};
	struct word word = {.state = WORD_OWNED, .attempt = 2, .payload = 3};

	for (size_t i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++)
		expect_suspect(KIND_MAP, word, elsewhere[i], (struct suspect){.first = 3, .count = 1, .attempt = 2});
}

Test(blame, of_a_range_all_that_was_left_is_suspect_in_its_first_run)
{
	struct word word = {.state = WORD_OWNED, .attempt = 1, .payload = 3};

	expect_suspect(KIND_FOR, word, 103, (struct suspect){.first = 3, .count = 7, .attempt = 1, .whole = true});
	word.attempt = 2;
	expect_suspect(KIND_FOR, word, 105, (struct suspect){.first = 5, .count = 1, .attempt = 1});
}

Test(blame, in_a_wide_chunk_each_position_takes_over_the_attempts)
{
	struct word word = {.state = WORD_OWNED, .attempt = 2, .flags = WORD_WIDE};

	expect_suspect(KIND_FOR, word, 105, (struct suspect){.first = 5, .count = 1, .attempt = 2, .wide = true});
	word.attempt = 1; /* after a limit */
	expect_suspect(KIND_FOR, word, 105, (struct suspect){.first = 5, .count = 1, .attempt = 1, .wide = true});
}

/* ---- the chunk's next word ---- */

static void expect_next(const struct death *death, enum batch_kind kind, struct word word, uint64_t cursor, struct word wanted)
{
	struct suspect suspect;
	struct verdict verdict;
	struct word next;

	word.state = WORD_OWNED;
	word.seat = death->seat;
	word.generation = death->generation;
	suspect = suspect_chunk(word, kind, 100, 10, cursor);
	verdict = blame(&suspect, MOST, death);
	next = blame_chunk(word, kind, 10, &suspect, &verdict, death);
	cr_assert_eq(word_pack(next), word_pack(wanted), "state %d flags %u attempt %u payload %d", (int)next.state, next.flags,
		     next.attempt, (int)next.payload);
}

Test(blame, a_chunk_goes_on_with_the_suspect)
{
	expect_next(&killed, KIND_MAP, (struct word){.attempt = 1}, 104,
		    (struct word){.state = WORD_READY, .attempt = 1, .payload = 4});
	expect_next(&ordered, KIND_MAP, (struct word){.attempt = 1}, 104, (struct word){.state = WORD_READY, .payload = 4});
	expect_next(&killed, KIND_FOR, (struct word){.attempt = 1}, 100,
		    (struct word){.state = WORD_READY, .attempt = 1, .flags = WORD_WIDE});
	expect_next(&late, KIND_FOR, (struct word){.attempt = 1}, 100, (struct word){.state = WORD_READY, .flags = WORD_WIDE});
	expect_next(&ordered, KIND_FOR, (struct word){.attempt = 1}, 100, (struct word){.state = WORD_READY});
	expect_next(&ordered, KIND_FOR, (struct word){.attempt = 2, .flags = WORD_WIDE}, 104,
		    (struct word){.state = WORD_READY, .attempt = 1, .flags = WORD_WIDE, .payload = 4});
}

Test(blame, a_chunk_goes_on_behind_what_failed)
{
	expect_next(&killed, KIND_MAP, (struct word){.attempt = 3, .payload = 4}, 104,
		    (struct word){.state = WORD_READY, .payload = 5});
	expect_next(&late, KIND_MAP, (struct word){.attempt = 1}, 104, (struct word){.state = WORD_READY, .payload = 5});
	expect_next(&killed, KIND_FOR, (struct word){.attempt = 3, .flags = WORD_WIDE}, 104,
		    (struct word){.state = WORD_READY, .payload = 5});
}

Test(blame, behind_a_position_of_a_range_that_was_late_each_gets_the_time_for_itself)
{
	expect_next(&late, KIND_FOR, (struct word){.attempt = 1, .flags = WORD_WIDE}, 104,
		    (struct word){.state = WORD_READY, .flags = WORD_WIDE, .payload = 5});
}

Test(blame, a_chunk_whose_last_position_failed_is_done)
{
	struct word done = {.state = WORD_DONE, .attempt = 3, .seat = 1, .generation = 3};

	expect_next(&killed, KIND_MAP, (struct word){.attempt = 3, .payload = 9}, 109, done);
	done.attempt = 1;
	expect_next(&late, KIND_MAP, (struct word){.attempt = 1}, 109, done);
}

Test(blame, a_lost_chunk_stays_lost)
{
	struct word done = {.state = WORD_DONE, .flags = WORD_LOST, .attempt = 3, .seat = 1, .generation = 3};

	expect_next(&killed, KIND_MAP, (struct word){.attempt = 1, .flags = WORD_LOST}, 104,
		    (struct word){.state = WORD_READY, .attempt = 1, .flags = WORD_LOST, .payload = 4});
	expect_next(&killed, KIND_MAP, (struct word){.attempt = 3, .flags = WORD_LOST, .payload = 9}, 109, done);
}

/* ---- several slots ---- */

Test(blame, outer_tasks_are_innocent_and_not_late_if_the_innermost_is_known)
{
	const struct death *deaths[] = {&killed, &ordered, &late};

	for (size_t i = 0; i < sizeof(deaths) / sizeof(deaths[0]); i++) {
		struct death known = blame_outer(deaths[i], true), unknown = blame_outer(deaths[i], false);

		cr_assert(known.innocent && !known.late);
		cr_assert(known.seat == deaths[i]->seat && known.generation == deaths[i]->generation);
		cr_assert(known.signal == deaths[i]->signal && known.exit_code == deaths[i]->exit_code);
		cr_assert(unknown.innocent == deaths[i]->innocent && unknown.late == deaths[i]->late);
	}
}

Test(blame, a_death_is_named_by_seat_and_generation)
{
	struct death death = {.seat = 1, .generation = 0x10003};

	cr_assert(death_named(&death, word_pack((struct word){.state = WORD_OWNED, .seat = 1, .generation = 3})));
	cr_assert_not(death_named(&death, word_pack((struct word){.state = WORD_OWNED, .seat = 1, .generation = 4})));
	cr_assert_not(death_named(&death, word_pack((struct word){.state = WORD_OWNED, .seat = 2, .generation = 3})));
}
