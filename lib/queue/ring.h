/*
 * ring.h - the bounded queue of task descriptors: any number of submitters, any number of workers.
 *
 * A ring is an object, and a segment has one for each priority. Every call but ring_mend() may be
 * made by any member.
 */
#ifndef SHEAF_QUEUE_RING_H
#define SHEAF_QUEUE_RING_H

#include "base/atomic.h"
#include "segment/segment.h"

/* Tell the lap of a ticket, as the words of its slot hold it. */
static inline uint64_t ring_lap(const struct ring *ring, uint64_t ticket)
{
	return (ticket >> ring->lap_shift) & WORD_PAYLOAD_MAX;
}

/*
 * Take a free slot for the member of that name to fill. The slot is FILLING, and the caller must
 * ring_publish() or ring_abandon() it soon, because tasks behind it may have to wait. -EAGAIN: the
 * ring is full.
 */
int ring_take(const struct ring *ring, uint32_t name, struct shared_slot **slot, uint64_t *ticket);

/*
 * Tell whether a slot is free at this moment. Asked before anything is taken for a task that a full
 * ring would refuse.
 */
bool ring_has_room(const struct ring *ring);

/*
 * Publish a slot, FILLING -> READY: the task is accepted. All of the slot but its word must be
 * written. @flags: READY_LEFT, READY_SHARE, which its word keeps until the slot is free.
 */
static inline void ring_publish(const struct ring *ring, struct shared_slot *slot, uint64_t ticket, uint64_t flags)
{
	/* RING1. Seq_cst: else sleepers could be read, next, before a worker can see the task. */
	store_seq_cst(&slot->word, word_ready(ring_lap(ring, ticket), flags));
}

/* Give back a slot that was taken, FILLING -> FREE. */
void ring_abandon(struct shared_slot *slot);

/*
 * Claim the oldest task that is found from head on, READY -> OWNED, with one attempt more.
 * @claimant: word_claimant() of the member. @tail: the tail that this member saw last, 0 at first;
 * submitters are left alone until all below it is claimed. 0, the slot and its new word; -EAGAIN:
 * no task is READY.
 */
int ring_claim(const struct ring *ring, uint64_t claimant, uint64_t *tail, struct shared_slot **slot, uint64_t *word);

/*
 * Claim as ring_claim() does, but beyond @tail check one slot only, the one that the next task most
 * often comes to. So the line of the ring's tail, which each submit writes, is left alone. -EAGAIN:
 * nothing is there. A task elsewhere is found by ring_claim(), which the caller must try now and
 * then and before a sleep.
 */
int ring_claim_next(const struct ring *ring, uint64_t claimant, uint64_t *tail, struct shared_slot **slot, uint64_t *word);

/* Some tickets of a ring, one behind the other. */
struct ring_span {
	uint64_t ticket, count;
};

/* Tell where tasks may be READY, by the ring's hints. */
struct ring_span ring_span(const struct ring *ring);

/*
 * Claim the first task in the span that is wanted, wherever it stands, as ring_claim() does. @want:
 * asked with the slot and its word, which is READY. What it reads of the slot is of that task, if
 * the claim succeeds. The span goes on behind what was passed. -EAGAIN: there is none.
 */
typedef bool ring_want_fn(const void *context, const struct shared_slot *slot, uint64_t word);
int ring_claim_where(const struct ring *ring, uint64_t claimant, struct ring_span *span, ring_want_fn *want,
		     const void *context, struct shared_slot **slot, uint64_t *word);

/*
 * Release a slot whose task is over, OWNED -> FREE. @word: what ring_claim() gave. False: a wild
 * write has hit the word.
 */
bool ring_release(struct shared_slot *slot, uint64_t word);

/*
 * Take back a task that nobody has claimed, READY (or FILLING, see ring_mend()) -> FREE. True if it
 * was the very task of @word.
 */
bool ring_withdraw(struct shared_slot *slot, uint64_t word);

/* What a slot has of a batch. */
enum slot_has {
	SLOT_NOTHING,
	SLOT_WITHDRAWN, /* a task that was READY, and is taken back now */
	SLOT_OWNED,     /* a task that a member runs */
};

/* Take a batch's task back if the slot has one that is READY. @batch: its ref. *@bits: its word. */
enum slot_has ring_clear(struct shared_slot *slot, uint64_t batch, uint64_t *bits);

/*
 * Return a dead member's task to the ring, OWNED -> READY, with that many attempts. For the
 * supervisor. False: as ring_release().
 */
bool ring_return(struct shared_slot *slot, uint64_t word, unsigned attempts);

/*
 * Hand back a task that its owner does not go on with, OWNED -> READY, with that many attempts. The
 * caller rings a worker next.
 */
void ring_hand_back(const struct ring *ring, struct shared_slot *slot, uint64_t word, unsigned attempts);

/* Make every worker scan every slot again. For the supervisor, after each death. */
void ring_rewind(const struct ring *ring);

/*
 * Mend what only a wild write does to the ring. Free slots whose words say what no member writes,
 * or name a member that is no more. Lead workers to READY slots that head and tail hide. Harmless
 * where all is well. For the owner, now and then while it waits. True: *@slot, with *@word, is
 * FILLING; if no submitter is there that may be filling it, ring_withdraw() frees it. *@led: the
 * caller has to ring all workers, because one that falls asleep now may have been led astray.
 */
bool ring_mend(const struct segment *segment, const struct ring *ring, struct shared_slot **slot, uint64_t *word, bool *led);

/*
 * Tell how many more tasks must be claimed, by the ring's hints, until a good part of it is free. A
 * submitter that waits for room goes on only at 0, because else it would meet the workers at every
 * slot. 0 at the latest when no task is READY.
 */
uint64_t ring_wanting(const struct ring *ring);

/*
 * Tell by the hints whether there is nothing to claim. It may be wrong, so a worker must not sleep
 * because of it.
 */
static inline bool ring_seems_empty(const struct ring *ring)
{
	/* Relaxed, both: hints. */
	return HEAD_TICKET(load_relaxed(&ring->shared->head)) >= load_relaxed(&ring->shared->tail);
}

/* Tell by the words whether any slot of a ring, or of all rings, is READY. */
bool ring_has_ready(const struct ring *ring);
bool rings_have_ready(const struct segment *segment);

/* Count those that are, up to @most. */
unsigned rings_count_ready(const struct segment *segment, unsigned most);

/* Tell whether any slot is READY or about to be, and whether any is OWNED. */
bool rings_have_work(const struct segment *segment);
bool rings_have_owned(const struct segment *segment);

#endif
