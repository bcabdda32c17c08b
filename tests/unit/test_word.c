/*
 * test_word.c - the task word: what is packed comes out again, and no field touches another.
 */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "segment/layout.h"

static void expect_same(struct word a, struct word b)
{
	cr_assert_eq(a.state, b.state);
	cr_assert_eq(a.flags, b.flags);
	cr_assert_eq(a.attempt, b.attempt);
	cr_assert_eq(a.seat, b.seat);
	cr_assert_eq(a.generation, b.generation);
	cr_assert_eq(a.payload, b.payload);
}

Test(word, survives_packing)
{
	static const struct word words[] = {
		{0},
		{.state = WORD_READY},
		{.state = WORD_OWNED, .attempt = SHEAF_MAX_ATTEMPTS, .seat = SHEAF_MAX_WORKERS - 1, .generation = 0xffff},
		{.state = WORD_FILLING, .seat = SHEAF_MAX_WORKERS, .payload = WORD_PAYLOAD_MAX},
		{.state = WORD_DONE, .flags = WORD_WIDE | WORD_LOST, .attempt = 1, .generation = 1, .payload = 1},
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		expect_same(words[i], word_unpack(word_pack(words[i])));
		cr_assert_eq(word_state(word_pack(words[i])), words[i].state);
	}
}

Test(word, of_zero_is_a_free_slot_of_lap_zero)
{
	expect_same(word_unpack(0), (struct word){.state = WORD_FREE});
	cr_assert_eq(word_pack((struct word){.state = WORD_FREE}), 0);
}

Test(word, fields_use_every_bit_once)
{
	const uint64_t parts[] = {
		word_pack((struct word){.state = (enum word_state)7}),
		word_pack((struct word){.flags = 3}),
		word_pack((struct word){.attempt = 31}),
		word_pack((struct word){.seat = 0xfff}),
		word_pack((struct word){.generation = 0xffff}),
		word_pack((struct word){.payload = WORD_PAYLOAD_MAX}),
	};
	uint64_t all = 0;

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		cr_assert_eq(all & parts[i], 0);
		all |= parts[i];
	}
	cr_assert_eq(all, UINT64_MAX);
}

Test(word, cuts_what_does_not_fit_its_field)
{
	struct word w = word_unpack(word_pack((struct word){.state = WORD_FREE,
							    .flags = 4,
							    .attempt = 32,
							    .seat = 0x1001,
							    .generation = 0x12345,
							    .payload = WORD_PAYLOAD_MAX + 1}));

	expect_same(w, (struct word){.state = WORD_FREE, .seat = 1, .generation = 0x2345});
}

Test(word, of_the_hot_path_is_what_packing_would_make)
{
	static const struct {
		unsigned seat, generation;
	} members[] = {{0, 0}, {0, 1}, {5, 0xffff}, {SHEAF_MAX_WORKERS, 1}};

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		uint32_t name = seat_name(members[i].seat, members[i].generation);
		struct word w = {.state = WORD_READY, .flags = WORD_WIDE, .attempt = 2, .payload = WORD_PAYLOAD_MAX - 1};
		uint64_t bits = word_claim(word_pack(w), word_claimant(name));

		w.state = WORD_OWNED;
		w.attempt = 3;
		w.seat = members[i].seat;
		w.generation = members[i].generation;
		cr_assert_eq(bits, word_pack(w));
		cr_assert_eq(word_name(bits), name);
		w.state = WORD_DONE;
		cr_assert_eq(word_done(bits), word_pack(w));
		cr_assert_eq(word_freed(bits), word_pack((struct word){.state = WORD_FREE, .payload = WORD_PAYLOAD_MAX}));
		cr_assert_eq(word_filling(name, 77), word_pack((struct word){.state = WORD_FILLING,
									     .seat = members[i].seat,
									     .generation = members[i].generation,
									     .payload = 77}));
	}
	cr_assert_eq(seat_name(3, 0x10003), seat_name(3, 3), "a word holds 16 bits of a generation");
}

Test(word, of_random_bits_survives_unpacking)
{
	uint64_t bits = 88172645463325252u;

	for (int i = 0; i < 100000; i++) {
		bits ^= bits << 13;
		bits ^= bits >> 7;
		bits ^= bits << 17;
		cr_assert_eq(word_pack(word_unpack(bits)), bits);
	}
}
