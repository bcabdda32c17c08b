/*
 * bell.h - wakes a member that sleeps, without a system call for one that does not (promise 2).
 *
 * A bell is a semaphore in shared memory. Each sleeper has one of its own and follows one pattern:
 * announce, check the words once more, sleep, retract. The member that has changed the words checks
 * for announcements next, and rings one of them or all.
 *
 *   sleeper               sleeps until                        announced in
 *   a worker              a task is READY                     control->sleepers, one bit
 *   a room                the ring has room (a submitter)     control->room_waiters, one bit
 *   a batch's gatherer    what it waits for is published      batch->waiter, a WAIT_ value
 *   one of several        one of them publishes something     the same word of each; its bell is
 *                                                             that of a room
 *
 * A poll() is no such sleeper, but is woken as one: see news_ring().
 */
#ifndef SHEAF_QUEUE_BELL_H
#define SHEAF_QUEUE_BELL_H

#include "os/os.h"
#include "segment/segment.h"

/* A semaphore, between the two seals of its row. */
struct bell {
	sem_t *semaphore;
	const _Atomic uint64_t *seal, *end_seal;
};

/* A member that may sleep: its bell, and where it announces that. */
struct sleeper {
	struct bell bell;
	_Atomic uint64_t *announced; /* NULL: nobody can ring, so it naps */
	uint64_t as;                 /* a bit of that word, or (alone) its whole value */
	bool alone;
	/* The words of other batches, which get the same value. */
	_Atomic uint64_t *const *also;
	size_t also_count;
	uint64_t nap_ns; /* of one nap; 0: a millisecond */
};

/*
 * Find the bell of a worker, of a submitter in a room, of a batch's gatherer. @room: from
 * room_take(), or -1. @what: a WAIT_ value.
 */
struct sleeper sleeper_of_worker(struct segment *segment, unsigned seat, unsigned generation);
struct sleeper sleeper_of_room(struct segment *segment, int room);
struct sleeper sleeper_of_batch(struct shared_batch *batch, uint64_t what);
/*
 * The same for one that waits for anything of @count batches, at least one, whose waiter words are
 * @waiters.
 */
struct sleeper sleeper_of_several(struct segment *segment, int room, _Atomic uint64_t *const *waiters, size_t count);

/*
 * Say on which bell a worker is rung from now on: AWAITS_BATCH, AWAITS_ROOM, or (0) that of its
 * seat. Before it announces itself, and after it has retracted.
 */
void sleeper_redirect(struct segment *segment, unsigned seat, uint32_t awaits);

/* Say that the sleeper is about to sleep. It must check the words once more before it does. */
void sleeper_announce(const struct sleeper *sleeper);

/*
 * Take that back. A token may be on its way all the same. False: a member has spent a wake-up on
 * this sleeper.
 */
bool sleeper_retract(const struct sleeper *sleeper);

/*
 * Sleep until a token comes, or the deadline passes. May return early. True: a signal handler has
 * run meanwhile.
 */
bool sleeper_sleep(const struct sleeper *sleeper, uint64_t deadline_ns);

/* Wait, as the owner, for the supervisor's start. Ring, as the supervisor, after it. */
void start_sleep(struct shared_control *control, uint64_t deadline_ns);
void start_ring(struct shared_control *control);

/*
 * Wake one announced worker, or call one to a vacant seat. After ring_publish(). False: there was
 * none to wake or to call.
 */
bool workers_ring(struct segment *segment);

/* The same, but call none where there are vacant seats: see pool/demand.h. */
bool workers_ring_asleep(struct segment *segment);

/* Wake or call up to so many workers, as far as there are some to be had. */
static inline void workers_ring_some(struct segment *segment, unsigned count)
{
	while (count-- && workers_ring(segment))
		continue;
}

/*
 * Count the workers, up to @most, that will find a task without being rung: those that spin, and
 * all if none sleeps. A hint, because such a worker may find another task, or die. So the
 * caller's tasks must end without it, too.
 */
unsigned workers_looking(const struct segment *segment, unsigned most);

/* Give the worker in a seat a token, asleep or not. Safe in a signal handler. */
void worker_ring(struct segment *segment, unsigned number);

/* Give every worker a token, asleep or not. After a death, and when the pool's state changes. */
void workers_ring_all(struct segment *segment);

/*
 * Take a room to wait in for the ring of that priority, for the member of that name, until
 * room_leave(). -1: all are taken.
 */
int room_take(struct segment *segment, uint32_t name, enum sheaf_priority priority);
void room_leave(struct segment *segment, int room);
/* Free the rooms of a dead member. */
void room_evict(struct segment *segment, uint32_t name);

/*
 * Wake a submitter that waits for room in a ring, if a good part of that is free. Else it would
 * fall asleep after one task. After ring_release().
 */
void room_ring(struct segment *segment);
/*
 * Wake one of each ring, however little is free. For a worker that has found nothing to claim,
 * because no other member would do it.
 */
void room_ring_one(struct segment *segment);
void room_ring_all(struct segment *segment);

/* Private: do the rest of gatherer_ring(), if the word says that somebody waits. */
void gatherer_wake(const struct segment *segment, struct shared_batch *batch, uint64_t waiter, uint64_t what);

/* Wake the gatherer if it waits for @what, or for anything. After that was published. */
static inline void gatherer_ring(const struct segment *segment, struct shared_batch *batch, uint64_t what)
{
	/* BELL1 */
	uint64_t waiter = load_seq_cst(&batch->waiter);

	if (waiter != WAIT_NOTHING)
		gatherer_wake(segment, batch, waiter, what);
}

/*
 * Wake it whatever it waits for. The caller has changed by a seq_cst access what the gatherer
 * checks.
 */
void gatherer_ring_always(const struct segment *segment, struct shared_batch *batch);
/*
 * Wake the gatherers of all batches, and have armed batches count as rung. After a death, and when
 * the pool's state changes. Rooms are rung by room_ring_all().
 */
void gatherer_ring_all(struct segment *segment);

/* Tell whether this process still has both ends of the pipe, as they were made. */
static inline bool news_open(const struct segment *segment)
{
	return forks_fd_open(&segment->news[0]) && forks_fd_open(&segment->news[1]);
}

/*
 * Make the pool's descriptor readable, if it has one. The host or a task may have closed it, and
 * have another file under its number.
 */
static inline void news_ring(const struct segment *segment)
{
	if (news_open(segment))
		os_tell(segment->news[1].fd);
	else if (segment->attached)
		segment->wake(segment, true);
}

#endif
