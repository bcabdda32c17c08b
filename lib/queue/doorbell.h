/*
 * doorbell.h - wakes who sleeps, and calls the kernel for nobody else (P2).
 */
#ifndef SHEAF_QUEUE_DOORBELL_H
#define SHEAF_QUEUE_DOORBELL_H

#include "segment/segment.h"

/* The owner waits for a supervisor's start. */
void start_sleep(struct shared_control *control, uint64_t deadline_ns);
void start_ring(struct shared_control *control);

/* Says that @worker is about to sleep. It must look at the ring once more before it does. */
void doorbell_announce(struct segment *segment, unsigned worker);

/* Takes that back; a token may be on its way all the same. False: somebody has spent a wake-up on this worker. */
bool doorbell_retract(struct segment *segment, unsigned worker);

/* Sleeps until a token comes, or the deadline passes; may return early. */
void doorbell_sleep(struct segment *segment, unsigned worker, unsigned generation, uint64_t deadline_ns);

/* Wakes one announced worker. After ring_publish(). False: there was none to wake. */
bool doorbell_ring(struct segment *segment);

/*
 * How many workers, at most @most, will find a task without being rung? Those that look for one, and all if none sleeps. Only a hint: who
 * looks may find another task, or die. For tasks that end without a worker, too.
 */
unsigned doorbell_lookers(const struct segment *segment, unsigned most);

/* Gives every worker a token, asleep or not. After a death, and when the pool's state changes. */
void doorbell_ring_all(struct segment *segment);

/* Submitters that wait for room. A slot number for the sleeper, or -1: all are taken, so look again in a millisecond. */
int room_announce(struct segment *segment, _Atomic uint64_t *taken);
void room_retract(struct segment *segment, _Atomic uint64_t *taken, int slot);
void room_sleep(struct segment *segment, int slot, uint64_t deadline_ns);

/* Wakes one of them if a good part of the ring is free, so that it does not fall asleep again after one task. After ring_release(). */
void room_ring(struct segment *segment);
/* Wakes one of them however little is free. For a worker that has found nothing to claim: nobody else would. */
void room_ring_one(struct segment *segment);
void room_ring_all(struct segment *segment);

/* The gatherer of a batch. Announces what it waits for; it must look at the words once more before it sleeps. */
void gatherer_announce(struct shared_batch *batch, uint64_t what);
void gatherer_retract(struct shared_batch *batch);
void gatherer_sleep(struct shared_batch *batch, uint64_t deadline_ns);

/* Wakes the gatherer if it waits for @what, or for anything. After that was published. */
void gatherer_ring(struct shared_batch *batch, uint64_t what);
/* Wakes it whatever it waits for. */
void gatherer_ring_always(struct shared_batch *batch);
/* So the gatherers of all batches. After a death, and when the pool's state changes. */
void gatherer_ring_all(struct segment *segment);

#endif
