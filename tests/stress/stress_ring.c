/*
 * stress_ring.c - submitters and workers on one small ring, for many laps.
 *
 * Each task must be taken off the ring exactly once: by the worker that releases it, or by the
 * submitter that withdraws it. Now and then a worker plays dead. Its task returns to the ring as
 * the supervisor would do it, and runs again. Workers sleep as real ones do. A sleep that only ends
 * by its deadline while tasks wait is a lost wake-up.
 */
#include "queue/bell.h"
#include "queue/ring.h"
#include "segment/create.h"
#include "support/arguments.h"
#include "support/check.h"
#include "support/children.h"
#include "support/deadline.h"
#include "support/rng.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#define SUBMITTERS 3
#define WORKERS 3
#define WITHDRAW_ONE_IN 16
#define DIE_ONE_IN 64

struct stress {
	struct segment segment;
	uint64_t seed;
	uint64_t tasks;        /* per submitter */
	_Atomic uint64_t over; /* tasks released or withdrawn */
	_Atomic bool finished;
	_Atomic unsigned *taken; /* by task: how often it was released or withdrawn */
	_Atomic unsigned *runs;
	_Atomic uint64_t deaths, withdrawn, late;
};

struct actor {
	struct stress *stress;
	unsigned number;
	pthread_t thread;
};

static void finish_one(struct stress *stress, uint64_t task)
{
	atomic_fetch_add(&stress->taken[task], 1);
	if (atomic_fetch_add(&stress->over, 1) + 1 == stress->tasks * SUBMITTERS) {
		atomic_store(&stress->finished, true);
		workers_ring_all(&stress->segment);
	}
}

static void take(struct stress *stress, struct shared_slot **slot, uint64_t *ticket)
{
	struct segment *segment = &stress->segment;
	uint32_t me = seat_name(segment_owner_seat(segment), 1);

	while (ring_take(&segment->rings[SHEAF_NORMAL], me, slot, ticket)) {
		int room = room_take(segment, me, SHEAF_NORMAL), r;
		struct sleeper sleeper = sleeper_of_room(segment, room);

		sleeper_announce(&sleeper);
		r = ring_take(&segment->rings[SHEAF_NORMAL], me, slot, ticket);
		if (r) {
			uint64_t until = sheaf_now_ns() + 100000000;

			/*
			 * The owner's waits are timed by design: a late one is counted, not
			 * condemned.
			 */
			sleeper_sleep(&sleeper, until);
			if (sheaf_now_ns() >= until)
				atomic_fetch_add(&stress->late, 1);
		}
		sleeper_retract(&sleeper);
		room_leave(segment, room);
		if (!r)
			return;
	}
}

static void *submit(void *context)
{
	struct actor *actor = context;
	struct stress *stress = actor->stress;
	struct rng rng = {stress->seed + actor->number};
	uint64_t ref = BATCH_REF(actor->number, 1);

	for (uint64_t i = 0; i < stress->tasks; i++) {
		uint64_t task = i * SUBMITTERS + actor->number, ticket, word, check = distinct_value(task);
		struct shared_slot *slot;

		take(stress, &slot, &ticket);
		slot->kind = TASK_CALL;
		slot->target = task;
		slot->function = check;
		slot->arg.offset = ~check;
		store_relaxed(&slot->batch, ref);
		if (!rng_below(&rng, 32)) {
			/* Changes its mind, as a submit that runs out of memory does. */
			ring_abandon(slot);
			i--;
			continue;
		}
		ring_publish(&stress->segment.rings[SHEAF_NORMAL], slot, ticket, 0);
		workers_ring(&stress->segment);
		if (rng_below(&rng, WITHDRAW_ONE_IN))
			continue;
		word = load_acquire(&slot->word);
		if (word_state(word) == WORD_READY && load_relaxed(&slot->batch) == ref && ring_withdraw(slot, word)) {
			atomic_fetch_add(&stress->withdrawn, 1);
			room_ring(&stress->segment);
			finish_one(stress, task);
		}
	}
	return NULL;
}

/* @last_look: before a sleep; until then, ring_claim_next() may overlook a task. */
static bool run_one(struct actor *actor, struct rng *rng, uint64_t *tail, bool last_look)
{
	struct stress *stress = actor->stress;
	struct segment *segment = &stress->segment;
	uint32_t me = seat_name(actor->number, 1);
	struct shared_slot *slot;
	uint64_t word, task;
	struct word w;

	if ((last_look || !rng_below(rng, 4) ? ring_claim : ring_claim_next)(&segment->rings[SHEAF_NORMAL], word_claimant(me),
									     tail, &slot, &word))
		return false;
	w = word_unpack(word);
	task = slot->target;
	CHECK(w.state == WORD_OWNED && word_name(word) == me, "word %#llx", (unsigned long long)word);
	CHECK(task < stress->tasks * SUBMITTERS, "task %llu", (unsigned long long)task);
	CHECK(slot->function == distinct_value(task) && slot->arg.offset == ~distinct_value(task), "task %llu is torn",
	      (unsigned long long)task);
	CHECK(atomic_fetch_add(&stress->runs[task], 1) + 1 == w.attempt, "task %llu, attempt %u", (unsigned long long)task,
	      w.attempt);
	if (w.attempt < 4 && !rng_below(rng, DIE_ONE_IN)) {
		atomic_fetch_add(&stress->deaths, 1);
		ring_return(slot, word, w.attempt);
		ring_rewind(&segment->rings[SHEAF_NORMAL]);
		workers_ring_all(segment);
		return true;
	}
	ring_release(slot, word);
	room_ring(segment);
	finish_one(stress, task);
	return true;
}

static void *work(void *context)
{
	struct actor *actor = context;
	struct stress *stress = actor->stress;
	struct segment *segment = &stress->segment;
	struct rng rng = {~stress->seed + actor->number};
	struct sleeper sleeper = sleeper_of_worker(segment, actor->number, 1);
	uint64_t tail = 0;

	while (!atomic_load(&stress->finished)) {
		if (run_one(actor, &rng, &tail, false))
			continue;
		sleeper_announce(&sleeper);
		if (!run_one(actor, &rng, &tail, true) && !atomic_load(&stress->finished)) {
			uint64_t until = hang_deadline();

			sleeper_sleep(&sleeper, until);
			CHECK(sheaf_now_ns() < until || !rings_have_work(segment), "worker %u slept while tasks waited",
			      actor->number);
		}
		sleeper_retract(&sleeper);
	}
	return NULL;
}

static void stress_ring(uint64_t seed, uint32_t size, uint64_t tasks)
{
	struct stress stress = {.seed = seed, .tasks = tasks};
	struct segment_options options = {
		.anonymous = true,
		.workers = WORKERS,
		.ring_size = size,
		.batches = 1,
		.max_attempts = 3,
		.heap_size = UNIT,
	};
	struct actor submitters[SUBMITTERS], workers[WORKERS];

	CHECK(segment_create(&stress.segment, &options) == 0, "ring of %u", size);
	stress.taken = calloc(tasks * SUBMITTERS, sizeof(*stress.taken));
	stress.runs = calloc(tasks * SUBMITTERS, sizeof(*stress.runs));
	CHECK(stress.taken && stress.runs, "no memory");
	for (unsigned i = 0; i < WORKERS; i++) {
		/* The bell of generation 1. */
		atomic_store(&stress.segment.seats[i].generation, 1);
		workers[i] = (struct actor){.stress = &stress, .number = i};
		CHECK(!pthread_create(&workers[i].thread, NULL, work, &workers[i]), "thread");
	}
	for (unsigned i = 0; i < SUBMITTERS; i++) {
		submitters[i] = (struct actor){.stress = &stress, .number = i};
		CHECK(!pthread_create(&submitters[i].thread, NULL, submit, &submitters[i]), "thread");
	}
	for (unsigned i = 0; i < SUBMITTERS; i++)
		pthread_join(submitters[i].thread, NULL);
	for (unsigned i = 0; i < WORKERS; i++)
		pthread_join(workers[i].thread, NULL);

	for (uint64_t task = 0; task < tasks * SUBMITTERS; task++)
		CHECK(atomic_load(&stress.taken[task]) == 1, "task %llu was taken %u times", (unsigned long long)task,
		      atomic_load(&stress.taken[task]));
	for (uint32_t i = 0; i < size; i++)
		CHECK(word_state(atomic_load(&stress.segment.slots[i].word)) == WORD_FREE, "slot %u is not free", i);
	printf("ring of %u: %llu tasks, %llu laps, %llu withdrawn, %llu deaths, %llu late wake-ups\n", size,
	       (unsigned long long)(tasks * SUBMITTERS),
	       (unsigned long long)(atomic_load(&stress.segment.control->rings[SHEAF_NORMAL].tail) / size),
	       (unsigned long long)atomic_load(&stress.withdrawn), (unsigned long long)atomic_load(&stress.deaths),
	       (unsigned long long)atomic_load(&stress.late));
	fflush(stdout);
	free((void *)stress.taken);
	free((void *)stress.runs);
	segment_destroy(&stress.segment);
}

int main(int argc, char **argv)
{
	static const uint32_t sizes[] = {1, 2, 4, 64};
	uint64_t seed = seed_argument(argc, argv), tasks = amount_argument(argc, argv, 2, SCALED_AMOUNT(30000));

	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		stress_ring(seed + i, sizes[i], tasks);
	return 0;
}
