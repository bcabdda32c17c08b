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

/* FILLING -> READY: the task is accepted. Everything of the slot but its word is written. */
void ring_publish(struct segment *segment, struct shared_slot *slot, uint64_t ticket);

/* FILLING -> FREE. */
void ring_abandon(struct shared_slot *slot);

/*
 * READY -> OWNED: claims the oldest task that is found from the head on, with one attempt more. 0, the slot and its new word; -EAGAIN:
 * none is ready. @tail: the tail that this worker saw last, at first 0; submitters are left alone until all below it is claimed.
 */
int ring_claim(struct segment *segment, struct ring_owner me, uint64_t *tail, struct shared_slot **slot, uint64_t *word);

/* OWNED -> FREE: the task is over. @word: what ring_claim() gave. False: a wild task has written over the slot's word. */
bool ring_release(struct shared_slot *slot, uint64_t word);

/* READY -> FREE: takes back a task that nobody has claimed. True if it was the very task of @word. */
bool ring_withdraw(struct shared_slot *slot, uint64_t word);

/* OWNED by a dead worker -> READY, its attempt counted or not. For the supervisor. False: as ring_release(). */
bool ring_return(struct shared_slot *slot, uint64_t word, unsigned attempts);

/* Does a word say that somebody runs the task who never comes back? The dead are recovered before they are replaced: a wild task wrote it. */
bool ring_is_orphan(const struct segment *segment, struct word w);

/* Makes every worker look at every slot again. For the supervisor, after each death. */
void ring_rewind(struct segment *segment);

/*
 * Is a good part of the ring free, by its hints? Who waits for room goes on only then, or submitter and workers would meet at every
 * slot. True at the latest when nothing waits.
 */
bool ring_has_room(const struct segment *segment);

/* Is any slot READY, or (has_work) about to be? Look at the words. */
bool ring_has_ready(const struct segment *segment);
bool ring_has_work(const struct segment *segment);

#endif
