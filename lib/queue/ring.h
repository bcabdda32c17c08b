/*
 * ring.h - the bounded queue of task descriptors: any number of submitters, any number of workers.
 */
#ifndef SHEAF_QUEUE_RING_H
#define SHEAF_QUEUE_RING_H

#include "segment/segment.h"

struct ring_owner {
	unsigned worker; /* WORKER_NONE: the owner process */
	unsigned generation;
};

/*
 * Takes a free slot for the submitter to fill: it is FILLING, and the caller must ring_publish() or ring_abandon() it soon, as tasks
 * behind it may have to wait. -EAGAIN: the ring is full.
 */
int ring_take(struct segment *segment, struct ring_owner me, struct shared_slot **slot, uint64_t *ticket);

/* Is a slot free at this moment? Asked before anything is taken for a task that a full ring would refuse. */
bool ring_has_room(const struct segment *segment);

/* FILLING -> READY: the task is accepted. Everything of the slot but its word is written. */
void ring_publish(struct segment *segment, struct shared_slot *slot, uint64_t ticket);

/* FILLING -> FREE. */
void ring_abandon(struct shared_slot *slot);

/*
 * READY -> OWNED: claims the oldest task that is found from the head on, with one attempt more. 0, the slot and its new word; -EAGAIN:
 * none is ready. @tail: the tail that this worker saw last, at first 0; submitters are left alone until all below it is claimed.
 */
int ring_claim(struct segment *segment, struct ring_owner me, uint64_t *tail, struct shared_slot **slot, uint64_t *word);

/*
 * The same, but behind the tail it looks at one slot only, the one that the next task most often comes to: so it leaves alone the line of
 * the tail, which each submit writes. -EAGAIN: nothing is there; a task elsewhere is found by ring_claim(), now and then and before a sleep.
 */
int ring_claim_next(struct segment *segment, struct ring_owner me, uint64_t *tail, struct shared_slot **slot, uint64_t *word);

/* OWNED -> FREE: the task is over. @word: what ring_claim() gave. False: a wild task has written over the slot's word. */
bool ring_release(struct shared_slot *slot, uint64_t word);

/* READY (or FILLING, see ring_mend()) -> FREE: takes back a task that nobody has claimed. True if it was the very task of @word. */
bool ring_withdraw(struct shared_slot *slot, uint64_t word);

/* OWNED by a dead worker -> READY, its attempt counted or not. For the supervisor. False: as ring_release(). */
bool ring_return(struct shared_slot *slot, uint64_t word, unsigned attempts);

/* Does a word say that somebody runs the task who never comes back? The dead are recovered before they are replaced: a wild task wrote it. */
bool ring_is_orphan(const struct segment *segment, struct word w);

/* Makes every worker look at every slot again. For the supervisor, after each death. */
void ring_rewind(struct segment *segment);

/*
 * Mend what only a wild task does to the ring: frees slots whose words say what nobody writes, or that somebody runs them who never comes
 * back; and leads workers to READY slots that head and tail hide. Harmless where all is well. For the owner, now and then while it waits.
 *
 * True: *@slot, with *@word, is FILLING. If no submitter is there who may be at it, ring_withdraw() frees it.
 */
bool ring_mend(struct segment *segment, struct shared_slot **slot, uint64_t *word);

/*
 * How many more tasks have to be claimed, by the ring's hints, until a good part of it is free. Who waits for room goes on only at 0, or
 * submitter and workers would meet at every slot. 0 at the latest when nothing waits.
 */
uint64_t ring_wanting(const struct segment *segment);

/* Is any slot READY, or (has_work) about to be? Look at the words. */
bool ring_has_ready(const struct segment *segment);
bool ring_has_work(const struct segment *segment);

/* Is any slot OWNED? */
bool ring_has_owned(const struct segment *segment);

#endif
