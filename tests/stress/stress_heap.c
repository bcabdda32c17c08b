/*
 * stress_heap.c - threads allocate, resize and free blocks of a small heap.
 *
 * No thread may get what another one has, and each gets zeroes. Each block is filled with its id
 * and checked again before it is freed. A map of holders on the side tells which blocks overlap.
 */
#include "segment/create.h"
#include "segment/heap.h"
#include "support/arguments.h"
#include "support/check.h"
#include "support/rng.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define THREADS 4
#define UNITS 96
#define HELD 12
#define LONGEST 7
#define STEP 4096 /* one word per page is enough to see another's writing */

struct piece {
	uint64_t offset;
	uint64_t units;
	uint64_t id;
};

struct holder {
	struct segment *segment;
	uint64_t seed;
	uint64_t rounds;
	unsigned number;
	uint64_t batch_id; /* several pieces share it, and go all at once */
	struct piece pieces[HELD];
	unsigned count;
	uint64_t allocations, full;
	pthread_t thread;
};

static _Atomic unsigned held_by[UNITS];

static uint64_t unit_of(const struct holder *holder, uint64_t offset)
{
	return (offset - holder->segment->heap) / UNIT;
}

/* @old: units that the piece had before it was resized. */
static void take(struct holder *holder, struct piece piece, uint64_t old)
{
	unsigned char *memory = segment_at(holder->segment, piece.offset);

	CHECK(heap_contains(holder->segment, memory, piece.units * UNIT), "offset %llu", (unsigned long long)piece.offset);
	for (uint64_t u = 0; u < piece.units; u++) {
		unsigned before = atomic_exchange(&held_by[unit_of(holder, piece.offset) + u], holder->number + 1);

		CHECK(!before, "unit %llu belongs to thread %u and %u", (unsigned long long)(unit_of(holder, piece.offset) + u),
		      before - 1, holder->number);
	}
	for (uint64_t at = 0; at < piece.units * UNIT; at += STEP) {
		uint64_t word;

		memcpy(&word, memory + at, sizeof(word));
		CHECK(word == (at < old * UNIT ? piece.id : 0), "id %llu found %llu", (unsigned long long)piece.id,
		      (unsigned long long)word);
		memcpy(memory + at, &piece.id, sizeof(word));
	}
	holder->pieces[holder->count++] = piece;
}

static void check(struct holder *holder, struct piece piece)
{
	unsigned char *memory = segment_at(holder->segment, piece.offset);

	for (uint64_t at = 0; at < piece.units * UNIT; at += STEP) {
		uint64_t word;

		memcpy(&word, memory + at, sizeof(word));
		CHECK(word == piece.id, "id %llu found %llu", (unsigned long long)piece.id, (unsigned long long)word);
	}
	for (uint64_t u = 0; u < piece.units; u++)
		CHECK(atomic_exchange(&held_by[unit_of(holder, piece.offset) + u], 0) == holder->number + 1, "unit %llu",
		      (unsigned long long)(unit_of(holder, piece.offset) + u));
}

static void free_batch(struct holder *holder)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < holder->count; i++) {
		if (holder->pieces[i].id == holder->batch_id)
			check(holder, holder->pieces[i]);
		else
			holder->pieces[kept++] = holder->pieces[i];
	}
	holder->count = kept;
	heap_free_all(holder->segment, holder->batch_id);
	holder->batch_id = heap_new_id(holder->segment);
}

static void free_one(struct holder *holder, unsigned which)
{
	struct piece piece = holder->pieces[which];

	/* Pieces of a batch may touch and then are one run: only heap_free_all() knows them. */
	if (piece.id == holder->batch_id) {
		free_batch(holder);
		return;
	}
	check(holder, piece);
	CHECK(heap_free(holder->segment, piece.offset) == 0, "offset %llu", (unsigned long long)piece.offset);
	holder->pieces[which] = holder->pieces[--holder->count];
}

static void allocate(struct holder *holder, struct rng *rng)
{
	struct piece piece = {.units = 1 + rng_below(rng, LONGEST)};
	int r;

	piece.id = rng_below(rng, 2) ? holder->batch_id : heap_new_id(holder->segment);
	r = heap_alloc(holder->segment, piece.id, piece.units * UNIT - rng_below(rng, UNIT), &piece.offset);
	holder->allocations++;
	if (r == -ENOMEM) {
		holder->full++;
		return;
	}
	CHECK(r == 0, "heap_alloc: %d", r);
	take(holder, piece, 0);
}

static void resize(struct holder *holder, unsigned which, struct rng *rng)
{
	struct piece piece = holder->pieces[which];
	uint64_t units = 1 + rng_below(rng, LONGEST), old = units < piece.units ? units : piece.units;
	int r;

	if (piece.id == holder->batch_id)
		return;
	/* Before it may move: another thread may get at once what it leaves. */
	check(holder, piece);
	holder->pieces[which] = holder->pieces[--holder->count];
	r = heap_resize(holder->segment, &piece.offset, piece.units * UNIT, units * UNIT);
	CHECK(r == 0 || (r == -ENOMEM && piece.offset), "heap_resize: %d", r);
	if (r == 0)
		piece.units = units;
	else
		old = piece.units;
	take(holder, piece, old);
}

static void *run(void *context)
{
	struct holder *holder = context;
	struct rng rng = {holder->seed + holder->number};

	holder->batch_id = heap_new_id(holder->segment);
	for (uint64_t round = 0; round < holder->rounds; round++) {
		if (holder->count == HELD || (holder->count && rng_below(&rng, 5) < 2))
			free_one(holder, (unsigned)rng_below(&rng, holder->count));
		else if (holder->count && rng_below(&rng, 3) == 0)
			resize(holder, (unsigned)rng_below(&rng, holder->count), &rng);
		else
			allocate(holder, &rng);
	}
	while (holder->count)
		free_one(holder, 0);
	return NULL;
}

int main(int argc, char **argv)
{
	uint64_t seed = seed_argument(argc, argv), rounds = amount_argument(argc, argv, 2, SCALED_AMOUNT(2500));
	struct segment_options options = {
		.anonymous = true, .workers = 1, .ring_size = 1, .batches = 1, .max_attempts = 1, .heap_size = UNITS * UNIT};
	struct segment segment;
	static struct holder holders[THREADS];
	uint64_t allocations = 0, full = 0;

	CHECK(segment_create(&segment, &options) == 0, "segment");
	for (unsigned i = 0; i < THREADS; i++) {
		holders[i] = (struct holder){.segment = &segment, .seed = seed, .rounds = rounds, .number = i};
		CHECK(!pthread_create(&holders[i].thread, NULL, run, &holders[i]), "thread");
	}
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(holders[i].thread, NULL);
		allocations += holders[i].allocations;
		full += holders[i].full;
	}
	CHECK(heap_used(&segment) == 0, "%llu bytes are left", (unsigned long long)heap_used(&segment));
	printf("%llu allocations, of which %llu found the heap full\n", (unsigned long long)allocations,
	       (unsigned long long)full);
	segment_destroy(&segment);
	return 0;
}
