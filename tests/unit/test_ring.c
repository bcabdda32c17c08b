/*
 * test_ring.c - the ring of task slots, by one thread: order, fullness, skipping, repair, and the
 * wrap of its laps.
 */
#include <criterion/criterion.h>
#include <errno.h>

#include "queue/ring.h"
#include "segment/create.h"

static struct segment segment;
static uint32_t owner;  /* the name of the owner, which submits */
static uint32_t worker; /* and of a worker */
static uint64_t seen;   /* the tail that the worker saw last */

static void create(uint32_t ring_size)
{
	struct segment_options options = {
		.anonymous = true, .workers = 1, .ring_size = ring_size, .batches = 1, .max_attempts = 3, .heap_size = UNIT};

	cr_assert_eq(segment_create(&segment, &options), 0, "%s", sheaf_message());
	owner = seat_name(segment_owner_seat(&segment), 1);
	worker = seat_name(0, 1);
	seen = 0;
}

static void destroy(void)
{
	segment_destroy(&segment);
}

TestSuite(ring, .fini = destroy);

static const uint32_t sizes[] = {1, 2, 1024};
#define for_each_size(size)                                                          \
	for (size_t size_at = 0; size_at < 3; size_at++)                             \
		for (uint32_t size = sizes[size_at], once = (create(size), 1); once; \
		     once = 0, size_at < 2 ? destroy() : (void)0)

static struct shared_slot *take(uint64_t *ticket)
{
	struct shared_slot *slot;
	int r = ring_take(&segment.rings[SHEAF_NORMAL], owner, &slot, ticket);

	cr_assert_eq(r, 0, "%d", r);
	cr_assert_eq(word_unpack(slot->word).state, WORD_FILLING);
	cr_assert_eq(word_name(slot->word), owner);
	return slot;
}

static void submit(uint64_t target)
{
	uint64_t ticket;
	struct shared_slot *slot = take(&ticket);

	slot->target = target;
	ring_publish(&segment.rings[SHEAF_NORMAL], slot, ticket, 0);
}

static void expect_full(void)
{
	struct shared_slot *slot = NULL;
	uint64_t ticket = 7;

	cr_assert_eq(ring_take(&segment.rings[SHEAF_NORMAL], owner, &slot, &ticket), -EAGAIN);
	cr_assert_null(slot);
	cr_assert_eq(ticket, 7);
}

static struct shared_slot *claim(uint64_t target, uint64_t *word)
{
	struct shared_slot *slot;
	int r = ring_claim(&segment.rings[SHEAF_NORMAL], word_claimant(worker), &seen, &slot, word);

	cr_assert_eq(r, 0, "%d", r);
	cr_assert_eq(slot->target, target, "%llu instead of %llu", (unsigned long long)slot->target,
		     (unsigned long long)target);
	cr_assert_eq(*word, slot->word);
	cr_assert_eq(word_unpack(*word).state, WORD_OWNED);
	cr_assert_eq(word_name(*word), worker);
	return slot;
}

static void run(uint64_t target)
{
	uint64_t word;
	struct shared_slot *slot = claim(target, &word);

	cr_assert_eq(word_unpack(word).attempt, 1);
	ring_release(slot, word);
}

static void expect_empty(void)
{
	struct shared_slot *slot = NULL;
	uint64_t word = 7;

	cr_assert_eq(ring_claim(&segment.rings[SHEAF_NORMAL], word_claimant(worker), &seen, &slot, &word), -EAGAIN);
	cr_assert_null(slot);
	cr_assert_eq(word, 7);
}

static void run_next(uint64_t target)
{
	struct shared_slot *slot;
	uint64_t word;

	cr_assert_eq(ring_claim_next(&segment.rings[SHEAF_NORMAL], word_claimant(worker), &seen, &slot, &word), 0);
	cr_assert_eq(slot->target, target, "%llu instead of %llu", (unsigned long long)slot->target,
		     (unsigned long long)target);
	cr_assert_eq(word, slot->word);
	ring_release(slot, word);
}

static void expect_no_next(void)
{
	struct shared_slot *slot = NULL;
	uint64_t word = 7;

	cr_assert_eq(ring_claim_next(&segment.rings[SHEAF_NORMAL], word_claimant(worker), &seen, &slot, &word), -EAGAIN);
	cr_assert_null(slot);
	cr_assert_eq(word, 7);
}

Test(ring, claim_next_goes_by_the_slots_and_not_by_the_tail)
{
	for_each_size(size)
	{
		for (uint64_t lap = 0; lap < 5; lap++) {
			expect_no_next();
			for (uint64_t i = 0; i < size; i++)
				submit(i);
			for (uint64_t i = 0; i < size; i++) {
				run_next(i);
				cr_assert_eq(seen, lap * size + i + 1);
			}
		}
	}
}

Test(ring, claim_next_asks_the_tail_when_others_were_there)
{
	for_each_size(size)
	{
		for (uint64_t others = 1; others <= 3 * size; others++) {
			uint64_t mine = seen;

			for (uint64_t i = 0; i < others; i++) {
				submit(i);
				run(i);
			}
			submit(100);
			seen = mine;
			run_next(100);
			expect_no_next();
		}
	}
}

/* A ticket without a task: its submitter was overtaken, and gave the slot back as it was. */
Test(ring, claim_next_leaves_a_task_behind_a_gap_to_claim)
{
	for_each_size(size)
	{
		uint64_t ticket, before = segment.slots[0].word;

		if (size == 1)
			continue;
		take(&ticket);
		segment.slots[0].word = before;
		submit(1);
		expect_no_next();
		run(1);
		expect_no_next();
		submit(2);
		run_next(2);
	}
}

Test(ring, claim_gives_eagain_when_empty)
{
	for_each_size(size)
	{
		expect_empty();
		submit(1);
		run(1);
		expect_empty();
	}
}

Test(ring, take_gives_eagain_when_full)
{
	for_each_size(size)
	{
		for (uint32_t i = 0; i < size; i++)
			submit(i);
		expect_full();
		run(0);
		submit(size);
		expect_full();
		for (uint32_t i = 1; i <= size; i++)
			run(i);
		expect_empty();
	}
}

Test(ring, keeps_the_order_over_many_laps)
{
	for_each_size(size)
	{
		uint64_t in = 0, out = 0;

		for (int step = 0; step < 4000; step++) {
			/* Between empty and full, in uneven steps. */
			for (uint32_t i = 0; i <= (uint32_t)step % 7 && in - out < size; i++)
				submit(in++);
			for (int i = 0; i <= step % 5 && out < in; i++)
				run(out++);
		}
		while (out < in)
			run(out++);
		expect_empty();
	}
}

Test(ring, skips_a_slow_task)
{
	uint64_t slow, word;
	struct shared_slot *slot;

	create(4);
	submit(0);
	submit(1);
	slot = claim(0, &slow);
	run(1);
	for (uint64_t round = 0; round < 10; round++) {
		for (uint64_t i = 0; i < 3; i++)
			submit(round * 3 + i);
		expect_full();
		for (uint64_t i = 0; i < 3; i++)
			run(round * 3 + i);
		expect_empty();
	}
	ring_release(slot, slow);
	for (uint64_t i = 0; i < 4; i++)
		submit(i);
	expect_full();
	for (uint64_t i = 0; i < 4; i++) {
		slot = claim(i, &word);
		ring_release(slot, word);
	}
}

Test(ring, of_slow_tasks_alone_is_full)
{
	for_each_size(size)
	{
		uint64_t words[1024];
		struct shared_slot *slots[1024];

		for (uint32_t i = 0; i < size; i++) {
			submit(i);
			slots[i] = claim(i, &words[i]);
		}
		expect_full();
		expect_empty();
		ring_release(slots[size - 1], words[size - 1]);
		submit(99);
		expect_full();
		run(99);
	}
}

Test(ring, does_not_pass_a_slot_that_is_being_filled)
{
	struct shared_slot *filling;
	uint64_t ticket;

	create(4);
	filling = take(&ticket);
	filling->target = 0;
	submit(1);
	run(1);
	expect_empty();
	ring_publish(&segment.rings[SHEAF_NORMAL], filling, ticket, 0);
	run(0);
	expect_empty();
}

Test(ring, gives_an_abandoned_slot_again)
{
	for_each_size(size)
	{
		for (int i = 0; i < 5; i++) {
			uint64_t ticket;

			ring_abandon(take(&ticket));
			expect_empty();
		}
		for (uint32_t i = 0; i < size; i++)
			submit(i);
		expect_full();
		for (uint32_t i = 0; i < size; i++)
			run(i);
	}
}

Test(ring, takes_back_a_task_that_nobody_has_claimed)
{
	struct shared_slot *slot;
	uint64_t ticket, word;

	create(2);
	slot = take(&ticket);
	ring_publish(&segment.rings[SHEAF_NORMAL], slot, ticket, 0);
	word = slot->word;
	cr_assert(ring_withdraw(slot, word));
	expect_empty();
	cr_assert_not(ring_withdraw(slot, word));
	submit(1);
	submit(2);
	expect_full();
	run(1);
	run(2);
}

Test(ring, does_not_take_back_a_task_that_is_claimed_or_another)
{
	struct shared_slot *slot;
	uint64_t ticket, ready, owned;

	create(1);
	slot = take(&ticket);
	slot->target = 5;
	ring_publish(&segment.rings[SHEAF_NORMAL], slot, ticket, 0);
	ready = slot->word;
	claim(5, &owned);
	cr_assert_not(ring_withdraw(slot, ready));
	cr_assert_eq(slot->word, owned);
	ring_release(slot, owned);
	/* The next task of the slot is READY in another lap. */
	submit(6);
	cr_assert_not(ring_withdraw(slot, ready));
	run(6);
}

Test(ring, a_returned_task_counts_its_attempts)
{
	struct shared_slot *slot;
	uint64_t word;

	create(2);
	submit(1);
	for (unsigned attempt = 1; attempt <= SHEAF_MAX_ATTEMPTS; attempt++) {
		slot = claim(1, &word);
		cr_assert_eq(word_unpack(word).attempt, attempt);
		if (attempt < SHEAF_MAX_ATTEMPTS)
			ring_return(slot, word, attempt);
		ring_rewind(&segment.rings[SHEAF_NORMAL]);
	}
	ring_release(slot, word);
	expect_empty();
}

Test(ring, finds_a_returned_task_only_after_it_is_rewound)
{
	struct shared_slot *slot;
	uint64_t word;

	create(4);
	submit(1);
	submit(2);
	slot = claim(1, &word);
	run(2);
	expect_empty();
	ring_return(slot, word, 1);
	expect_empty();
	ring_rewind(&segment.rings[SHEAF_NORMAL]);
	slot = claim(1, &word);
	ring_release(slot, word);
	expect_empty();
}

Test(ring, a_return_changes_only_the_very_word)
{
	struct shared_slot *slot;
	uint64_t word, next;

	create(1);
	submit(1);
	slot = claim(1, &word);
	ring_release(slot, word);
	submit(2);
	ring_return(slot, word, 1);
	claim(2, &next);
	cr_assert_eq(word_unpack(next).attempt, 1);
	ring_return(slot, word, 1);
	cr_assert_eq(slot->word, next);
}

Test(ring, rewinds_to_every_slot_and_no_further)
{
	for_each_size(size)
	{
		uint64_t words[1024];
		struct shared_slot *slots[1024];

		/* So many laps that head and tail are far from the start. */
		for (uint64_t i = 0; i < (uint64_t)5 * size; i++) {
			submit(i);
			run(i);
		}
		for (uint32_t i = 0; i < size; i++)
			submit(i);
		for (uint32_t i = 0; i < size; i++)
			slots[i] = claim(i, &words[i]);
		for (uint32_t i = 0; i < size; i++)
			ring_return(slots[i], words[i], 0);
		ring_rewind(&segment.rings[SHEAF_NORMAL]);
		cr_assert_eq(segment.control->rings[SHEAF_NORMAL].head >> HEAD_BITS, 1);
		for (uint32_t i = 0; i < size; i++)
			run(i);
		expect_empty();
	}
}

/* Whichever slot it is, of those that the head has passed or has not, and near the first ticket. */
Test(ring, a_task_that_is_handed_back_is_claimed_next)
{
	for_each_size(size)
	{
		for (uint32_t lead = 0; lead < 2 * size && lead < 40; lead++) {
			struct shared_slot *slots[1024];
			uint64_t words[1024], again;
			uint32_t count = size < 8 ? size : 8;

			for (uint64_t i = 0; i < lead; i++) {
				submit(i);
				run(i);
			}
			for (uint32_t i = 0; i < count; i++)
				submit(i);
			for (uint32_t i = 0; i < count; i++)
				slots[i] = claim(i, &words[i]);
			for (uint32_t i = 0; i < count; i++) {
				uint64_t head = segment.control->rings[SHEAF_NORMAL].head;

				ring_hand_back(&segment.rings[SHEAF_NORMAL], slots[i], words[i], i % 2);
				cr_assert_eq(segment.control->rings[SHEAF_NORMAL].head >> HEAD_BITS, (head >> HEAD_BITS) + 1);
				cr_assert_leq(HEAD_TICKET(segment.control->rings[SHEAF_NORMAL].head), HEAD_TICKET(head));
				cr_assert_eq(claim(i, &again), slots[i]);
				cr_assert_eq(word_unpack(again).attempt, i % 2 + 1);
				ring_release(slots[i], again);
			}
			expect_empty();
		}
	}
}

/* Submitters have gone round meanwhile: it is found all the same, and they go on behind it. */
Test(ring, a_slow_task_may_be_handed_back_laps_later)
{
	struct shared_slot *slot;
	uint64_t word, ticket;

	create(4);
	submit(1);
	slot = claim(1, &word);
	for (uint64_t i = 0; i < 31; i++) {
		submit(i);
		run(i);
	}
	ring_hand_back(&segment.rings[SHEAF_NORMAL], slot, word, 0);
	submit(2);
	cr_assert_eq(claim(1, &word), slot);
	run(2);
	ring_release(slot, word);
	expect_empty();
	ticket = segment.control->rings[SHEAF_NORMAL].head;
	/* A word that was written over is nobody's to hand back. */
	ring_hand_back(&segment.rings[SHEAF_NORMAL], slot, word, 0);
	cr_assert_eq(word_unpack(slot->word).state, WORD_FREE);
	cr_assert_eq(segment.control->rings[SHEAF_NORMAL].head, ticket);
}

/* A worker read the head before the supervisor set it back: its CAS must not undo that. */
Test(ring, rewinding_changes_the_head_even_where_it_stays)
{
	uint64_t head;

	create(4);
	head = segment.control->rings[SHEAF_NORMAL].head;
	ring_rewind(&segment.rings[SHEAF_NORMAL]);
	cr_assert_neq(segment.control->rings[SHEAF_NORMAL].head, head);
	cr_assert_eq(HEAD_TICKET(segment.control->rings[SHEAF_NORMAL].head), HEAD_TICKET(head));
}

/*
 * What another submitter leaves for an instant: a slot that is taken, or even READY, while the tail
 * has not moved.
 */
static void put(uint32_t slot, enum word_state state, uint64_t lap)
{
	segment.slots[slot].word = word_pack(
		(struct word){.state = state, .seat = segment_owner_seat(&segment), .generation = 1, .payload = lap});
}

Test(ring, passes_a_ticket_that_another_submitter_is_using)
{
	static const enum word_state states[] = {WORD_FILLING, WORD_READY};

	for (int i = 0; i < 2; i++) {
		uint64_t ticket;

		create(2);
		put(0, states[i], 0);
		take(&ticket);
		cr_assert_eq(ticket, 1);
		cr_assert_eq(segment.control->rings[SHEAF_NORMAL].tail, 2);
		expect_full();
		if (!i)
			destroy();
	}
}

static bool is_target(const void *target, const struct shared_slot *slot, uint64_t word)
{
	return word_state(word) == WORD_READY && slot->target == *(const uint64_t *)target;
}

/* Claim that very task, and release it. */
static void run_one(uint64_t target)
{
	struct ring_span span = ring_span(&segment.rings[SHEAF_NORMAL]);
	struct shared_slot *slot;
	uint64_t word;

	cr_assert_eq(
		ring_claim_where(&segment.rings[SHEAF_NORMAL], word_claimant(worker), &span, is_target, &target, &slot, &word),
		0);
	cr_assert_eq(slot->target, target);
	cr_assert_eq(word_name(word), worker);
	cr_assert_eq(word_unpack(word).attempt, 1);
	cr_assert(ring_release(slot, word));
}

Test(ring, gives_a_task_from_the_middle)
{
	const uint64_t none = 9;
	struct ring_span span;
	struct shared_slot *slot;
	uint64_t word;

	create(8);
	for (uint64_t i = 0; i < 5; i++)
		submit(i);
	span = ring_span(&segment.rings[SHEAF_NORMAL]);
	cr_assert_eq(span.ticket, 0);
	cr_assert_eq(span.count, 5);
	cr_assert_eq(
		ring_claim_where(&segment.rings[SHEAF_NORMAL], word_claimant(worker), &span, is_target, &none, &slot, &word),
		-EAGAIN);
	cr_assert_eq(span.count, 0);
	run_one(3);
	run_one(1);
	for (uint64_t i = 0; i < 5; i += 2)
		claim(i, &word);
	cr_assert_eq(ring_span(&segment.rings[SHEAF_NORMAL]).count, 0);
}

/* As nested work leaves them behind, because it claims its own tasks first. */
Test(ring, passes_tasks_that_wait_since_the_lap_before)
{
	uint64_t ticket, word;

	create(2);
	submit(0);
	submit(1);
	run_one(1);
	take(&ticket);
	cr_assert_eq(ticket, 3);
	ring_publish(&segment.rings[SHEAF_NORMAL], &segment.rings[SHEAF_NORMAL].slots[1], ticket, 0);
	expect_full();
	/* Neither is lost. */
	claim(0, &word);
	claim(1, &word);
}

Test(ring, does_not_pass_a_slot_that_is_filled_since_the_lap_before)
{
	create(2);
	segment.control->rings[SHEAF_NORMAL].tail = segment.control->rings[SHEAF_NORMAL].head = 2;
	put(0, WORD_FILLING, 0);
	put(1, WORD_FREE, 1);
	expect_full();
}

Test(ring, passes_so_many_waiting_tasks_and_no_more)
{
	uint64_t ticket;

	create(512);
	segment.control->rings[SHEAF_NORMAL].tail = 512;
	for (unsigned i = 0; i < 256; i++)
		put(i, WORD_READY, 0);
	take(&ticket);
	cr_assert_eq(ticket, 512 + 256);
	put(256, WORD_READY, 0);
	segment.control->rings[SHEAF_NORMAL].tail = 512;
	expect_full();
}

Test(ring, knows_whether_there_is_work)
{
	struct shared_slot *slot;
	uint64_t ticket, word;

	create(4);
	cr_assert_not(rings_have_work(&segment));
	slot = take(&ticket);
	cr_assert(rings_have_work(&segment));
	slot->target = 3;
	ring_publish(&segment.rings[SHEAF_NORMAL], slot, ticket, 0);
	cr_assert(rings_have_work(&segment));
	slot = claim(3, &word);
	cr_assert_not(rings_have_work(&segment));
	ring_release(slot, word);
	cr_assert_not(rings_have_work(&segment));
}

Test(ring, knows_whether_there_is_room)
{
	for_each_size(size)
	{
		cr_assert_eq(ring_wanting(&segment.rings[SHEAF_NORMAL]), 0);
		for (uint32_t i = 0; i < size; i++)
			submit(i);
		if (size > 2)
			cr_assert_neq(ring_wanting(&segment.rings[SHEAF_NORMAL]), 0);
		for (uint32_t i = 0; i < size; i++)
			run(i);
		cr_assert_eq(ring_wanting(&segment.rings[SHEAF_NORMAL]), 0);
	}
}

/* As if the ring had run for so many laps. */
static void start_at_lap(uint32_t size, uint64_t lap)
{
	for (uint32_t i = 0; i < size; i++)
		segment.slots[i].word = word_pack((struct word){.state = WORD_FREE, .payload = lap & WORD_PAYLOAD_MAX});
	segment.control->rings[SHEAF_NORMAL].tail = segment.control->rings[SHEAF_NORMAL].head = lap * size;
}

Test(ring, survives_the_wrap_of_its_laps)
{
	for_each_size(size)
	{
		uint64_t lap = ((uint64_t)1 << WORD_PAYLOAD_BITS) - 3;

		start_at_lap(size, lap);
		expect_empty();
		for (int i = 0; i < 8; i++) {
			for (uint32_t s = 0; s < size; s++)
				submit(s);
			expect_full();
			for (uint32_t s = 0; s < size; s++)
				run(s);
			expect_empty();
		}
		cr_assert_eq(word_unpack(segment.slots[0].word).payload, 5);
	}
}

Test(ring, skips_a_slow_task_over_the_wrap_of_its_laps)
{
	uint64_t slow, lap = ((uint64_t)1 << WORD_PAYLOAD_BITS) - 2;
	struct shared_slot *slot;

	create(2);
	start_at_lap(2, lap);
	submit(0);
	slot = claim(0, &slow);
	for (uint64_t i = 0; i < 20; i++) {
		submit(i);
		expect_full();
		run(i);
	}
	ring_release(slot, slow);
	for (uint64_t i = 0; i < 20; i++) {
		submit(i);
		submit(i);
		expect_full();
		run(i);
		run(i);
	}
}

Test(ring, tells_laps_apart_over_their_wrap)
{
	uint64_t ticket, lap = ((uint64_t)1 << WORD_PAYLOAD_BITS);

	create(2);
	start_at_lap(2, lap);
	put(0, WORD_FILLING, WORD_PAYLOAD_MAX);
	expect_full();
	put(0, WORD_FILLING, 0);
	take(&ticket);
	cr_assert_eq(ticket, 2 * lap + 1);
}
