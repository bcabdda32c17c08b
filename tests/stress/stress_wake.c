/*
 * stress_wake.c - falling asleep and waking, as fast as two processors can: one member sleeps, the
 * other rings.
 *
 * Each round, one thread falls asleep while another brings about what it waits for. A processor
 * that reads the other's word before its own is out loses a wake-up. The words tell that, and not a
 * clock: the sleeper is behind its last check, its announcement stands, it has no token, what it
 * waits for is there, and the member that should have rung has returned.
 */
#include "os/os.h"
#include "queue/bell.h"
#include "queue/ring.h"
#include "segment/create.h"
#include "support/arguments.h"
#include "support/report.h"
#include "support/rng.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>

#define LOOKS_BEFORE_YIELD 200 /* one processor has to do, too */

struct game {
	struct segment segment;
	struct shared_batch *batch;
	_Atomic uint64_t word;  /* what the gatherer waits for: the round */
	_Atomic uint64_t begun; /* rounds, by the waker */
	_Atomic uint64_t done;  /* rounds, by the sleeper */
	_Atomic bool behind;    /* the sleeper is behind its last check, and has not woken since */
	uint64_t slept;         /* rounds in which it did sleep */
	uint64_t rounds, seed;
};

static void pause_for(unsigned *looks)
{
	os_relax();
	if (!(++*looks % LOOKS_BEFORE_YIELD))
		sched_yield();
}

static void dawdle(struct rng *rng)
{
	/* Shorter than a pause: a store is late for some nanoseconds only. */
	for (volatile uint64_t i = rng_below(rng, 128); i; i--)
		;
}

/* The waker comes at about the same time as the sleeper, or, now and then, when it sleeps. */
static void come(struct game *game, struct rng *rng)
{
	unsigned looks = 0;

	dawdle(rng);
	if (!rng_below(rng, 8))
		while (!atomic_load(&game->behind))
			pause_for(&looks);
}

/* Wait until the sleeper has done the round. @announced: does its announcement stand? */
static void await(struct game *game, uint64_t round, sem_t *bell, bool (*announced)(struct game *))
{
	unsigned looks = 0;
	int tokens;

	while (atomic_load(&game->done) != round) {
		/*
		 * In this order: a sleeper that has checked, and that we do not wake, no longer
		 * changes anything.
		 */
		if (atomic_load(&game->behind) && announced(game) && !sem_getvalue(bell, &tokens) && !tokens &&
		    atomic_load(&game->behind) && announced(game) && atomic_load(&game->done) != round)
			CHECK_AS(HARM_HUNG, false, "round %llu: a wake-up was lost", (unsigned long long)round);
		pause_for(&looks);
	}
}

/* ---- a worker and a submitter ---- */

static bool worker_announced(struct game *game)
{
	return atomic_load(&game->segment.control->sleepers[0]);
}

static bool run_one(struct game *game, uint64_t *tail)
{
	struct shared_slot *slot;
	uint64_t word;

	if (ring_claim(&game->segment.rings[SHEAF_NORMAL], word_claimant(seat_name(0, 1)), tail, &slot, &word))
		return false;
	ring_release(slot, word);
	return true;
}

static void *work(void *context)
{
	struct game *game = context;
	struct rng rng = {~game->seed};
	struct sleeper sleeper = sleeper_of_worker(&game->segment, 0, 1);
	uint64_t tail = 0;

	for (uint64_t round = 1; round <= game->rounds; round++) {
		bool ran = false;
		unsigned looks = 0;

		while (atomic_load(&game->begun) < round)
			pause_for(&looks);
		dawdle(&rng);
		/* Also takes the slot's line from the submitter, whose store is late then. */
		ran = run_one(game, &tail);
		while (!ran) {
			sleeper_announce(&sleeper);
			ran = run_one(game, &tail);
			if (!ran) {
				atomic_store(&game->behind, true);
				sleeper_sleep(&sleeper, SHEAF_FOREVER);
				atomic_store(&game->behind, false);
				game->slept++;
			}
			sleeper_retract(&sleeper);
		}
		atomic_store(&game->done, round);
	}
	return NULL;
}

static void submit(struct game *game)
{
	uint32_t me = seat_name(segment_owner_seat(&game->segment), 1);
	struct rng rng = {game->seed};

	for (uint64_t round = 1; round <= game->rounds; round++) {
		struct shared_slot *slot;
		uint64_t ticket;

		CHECK(ring_take(&game->segment.rings[SHEAF_NORMAL], me, &slot, &ticket) == 0, "the ring is full");
		atomic_store(&game->begun, round);
		come(game, &rng);
		ring_publish(&game->segment.rings[SHEAF_NORMAL], slot, ticket, 0);
		workers_ring(&game->segment);
		await(game, round, &game->segment.seats[0].bell[1], worker_announced);
	}
}

/* ---- a gatherer and a publisher ---- */

static bool gatherer_announced(struct game *game)
{
	return atomic_load(&game->batch->waiter) != WAIT_NOTHING;
}

static void *gather(void *context)
{
	struct game *game = context;
	struct rng rng = {~game->seed};
	struct sleeper sleeper = sleeper_of_batch(game->batch, WAIT_ANY);

	for (uint64_t round = 1; round <= game->rounds; round++) {
		unsigned looks = 0;

		while (atomic_load(&game->begun) < round)
			pause_for(&looks);
		dawdle(&rng);
		for (;;) {
			sleeper_announce(&sleeper);
			if (load_seq_cst(&game->word) == round)
				break;
			atomic_store(&game->behind, true);
			sem_wait(&game->batch->bell);
			atomic_store(&game->behind, false);
			game->slept++;
		}
		sleeper_retract(&sleeper);
		atomic_store(&game->done, round);
	}
	return NULL;
}

static void publish(struct game *game)
{
	struct rng rng = {game->seed};

	for (uint64_t round = 1; round <= game->rounds; round++) {
		uint64_t before = round - 1;

		atomic_store(&game->begun, round);
		come(game, &rng);
		CHECK(atomic_compare_exchange_strong(&game->word, &before, round), "word %llu", (unsigned long long)before);
		gatherer_ring(&game->segment, game->batch, WAIT_ENTRY(64));
		await(game, round, &game->batch->bell, gatherer_announced);
	}
}

static void play(const char *name, uint64_t seed, uint64_t rounds, void *(*sleeper)(void *), void (*waker)(struct game *))
{
	struct game game = {.seed = seed, .rounds = rounds};
	struct segment_options options = {
		.anonymous = true, .workers = 1, .ring_size = 2, .batches = 1, .max_attempts = 1, .heap_size = UNIT};
	pthread_t thread;

	CHECK(segment_create(&game.segment, &options) == 0, "segment");
	atomic_store(&game.segment.seats[0].generation, 1);
	game.batch = &game.segment.batches[0];
	sem_init(&game.batch->bell, 1, 0);
	bells_seal(&game.batch->bell_seal, &game.batch->bell_end_seal);
	CHECK(!pthread_create(&thread, NULL, sleeper, &game), "thread");
	waker(&game);
	pthread_join(thread, NULL);
	report_add(rounds);
	printf("%s: %llu rounds, %llu sleeps\n", name, (unsigned long long)rounds, (unsigned long long)game.slept);
	segment_destroy(&game.segment);
}

int main(int argc, char **argv)
{
	uint64_t seed = seed_argument(argc, argv), rounds = amount_argument(argc, argv, 2, SCALED_AMOUNT(5000));

	report_begin("races", "cases", seed);
	play("worker", seed, rounds, work, submit);
	play("gatherer", seed, rounds, gather, publish);
	report_end();
	return 0;
}
