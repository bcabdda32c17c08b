/*
 * word.h - the task word. It alone decides which member owns a task (promise 1), and each of its
 * changes is one CAS.
 *
 *   63            38 37      22 21      10 9      5 4    3 2     0
 *   | payload:26    | generation| seat    | attempt| flags | state |
 *
 * It stands in ring slots (payload: lap of the slot), in chunks of dense batches (payload: first
 * position of the chunk that is not done) and in entries of the result table (payload 0). Seat and
 * generation name the member that owns the task while it is OWNED or FILLING, and the one that
 * published it when it is DONE. Attempt counts the runs begun so far, with the present one.
 */
#ifndef SHEAF_SEGMENT_WORD_H
#define SHEAF_SEGMENT_WORD_H

#include "sheaf.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

enum word_state {
	WORD_FREE = 0,    /* nobody's: the slot may be filled */
	WORD_FILLING = 1, /* a submitter writes the slot */
	WORD_READY = 2,   /* accepted, waits for a worker (of an entry: not published) */
	WORD_OWNED = 3,   /* a worker runs it */
	WORD_DONE = 4,    /* published */
};

enum word_flag {
	/* Chunk: the last death does not tell which position was in hand, so run them singly. */
	WORD_WIDE = 1,
	/*
	 * Chunk: there was no memory to tell which positions failed, so all of them count as
	 * failed.
	 */
	WORD_LOST = 2,
	/* Entry: its task does not run again, because its position was cancelled. */
	WORD_CANCELLED = 1,
	/* Slot: its opener, a worker, leaves the task to others. See work/nest.h. */
	WORD_LEFT = 1,
	/* Slot: it is an invitation to a dense batch. */
	WORD_SHARE = 2,
};

#define WORD_FLAGS_AT 3
#define WORD_PAYLOAD_AT 38
#define WORD_PAYLOAD_BITS 26
#define WORD_PAYLOAD_MAX ((UINT64_C(1) << WORD_PAYLOAD_BITS) - 1)
#define WORD_NAME_AT 10
#define GENERATION_MASK 0xffffu /* what a word holds of a generation */
#define SEAT_MASK 0xfffu

static_assert(SHEAF_MAX_WORKERS < SEAT_MASK, "the seats of the workers and of the owner have numbers of 12 bits");
static_assert(SHEAF_MAX_ATTEMPTS < 32, "attempts fit 5 bits");

struct word {
	enum word_state state;
	unsigned flags;
	unsigned attempt;
	unsigned seat;
	unsigned generation;
	uint64_t payload;
};

static inline uint64_t word_pack(struct word w)
{
	return (uint64_t)w.state | (uint64_t)(w.flags & 3u) << WORD_FLAGS_AT | (uint64_t)(w.attempt & 31u) << 5 |
	       (uint64_t)(w.seat & SEAT_MASK) << WORD_NAME_AT | (uint64_t)(w.generation & GENERATION_MASK) << 22 |
	       (w.payload & WORD_PAYLOAD_MAX) << WORD_PAYLOAD_AT;
}

static inline struct word word_unpack(uint64_t bits)
{
	return (struct word){
		.state = (enum word_state)(bits & 7u),
		.flags = (unsigned)(bits >> 3) & 3u,
		.attempt = (unsigned)(bits >> 5) & 31u,
		.seat = (unsigned)(bits >> WORD_NAME_AT) & SEAT_MASK,
		.generation = (unsigned)(bits >> 22) & GENERATION_MASK,
		.payload = bits >> WORD_PAYLOAD_AT,
	};
}

static inline enum word_state word_state(uint64_t bits)
{
	return (enum word_state)(bits & 7u);
}

/* A chunk that nobody has claimed so far, and an entry that nobody has published or cancelled. */
#define CHUNK_FRESH ((uint64_t)WORD_READY)
#define ENTRY_FRESH ((uint64_t)WORD_READY)

/*
 * Is it a chunk that was cut? Positions from its payload on were cancelled before they ran. A chunk
 * that has run to its end counts an attempt.
 */
static inline bool word_is_cut(uint64_t bits)
{
	return word_state(bits) == WORD_DONE && !(bits >> 5 & 31u);
}

/* A seat's number and generation in one, as a word holds them: the name of a member. */
static inline uint32_t seat_name(unsigned number, unsigned generation)
{
	return (number & SEAT_MASK) | (generation & GENERATION_MASK) << 12;
}

static inline uint32_t word_name(uint64_t bits)
{
	return (uint32_t)(bits >> WORD_NAME_AT) & 0xfffffffu;
}

/*
 * The hot path's changes, without taking words apart. word_claim(): READY -> OWNED with one attempt
 * more, by the member whose word_claimant() it is. READY words name nobody, so it is one addition.
 * word_filling(): a slot that the named member fills. word_done(): OWNED -> DONE. word_freed():
 * FREE, in the slot's next lap.
 */
static inline uint64_t word_claimant(uint32_t name)
{
	return (uint64_t)(WORD_OWNED - WORD_READY) + (UINT64_C(1) << 5) + ((uint64_t)name << WORD_NAME_AT);
}

static inline uint64_t word_filling(uint32_t name, uint64_t lap)
{
	return (uint64_t)WORD_FILLING | (uint64_t)name << WORD_NAME_AT | lap << WORD_PAYLOAD_AT;
}

/* Of a slot that is filled. @flags: as they stand in the word. */
#define READY_LEFT ((uint64_t)WORD_LEFT << WORD_FLAGS_AT)
#define READY_SHARE ((uint64_t)WORD_SHARE << WORD_FLAGS_AT)
static inline uint64_t word_ready(uint64_t lap, uint64_t flags)
{
	return lap << WORD_PAYLOAD_AT | flags | WORD_READY;
}

static inline uint64_t word_claim(uint64_t bits, uint64_t claimant)
{
	return bits + claimant;
}

static inline uint64_t word_done(uint64_t bits)
{
	return bits + (WORD_DONE - WORD_OWNED);
}

static inline uint64_t word_freed(uint64_t bits)
{
	return ((bits >> WORD_PAYLOAD_AT) + 1) << WORD_PAYLOAD_AT | WORD_FREE;
}

#endif
