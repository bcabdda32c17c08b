/*
 * keeper.h - what batches need of the pool that they belong to. Private to the owner.
 */
#ifndef SHEAF_BATCH_KEEPER_H
#define SHEAF_BATCH_KEEPER_H

#include "base/atomic.h"
#include "batch/handles.h"
#include "os/forks.h"
#include "segment/segment.h"

#include <pthread.h>

#define LOOK_EVERY_NS UINT64_C(100000000) /* no wait of the owner is longer without a look at who lives */

struct keeper {
	struct segment segment;
	pid_t pid;      /* the owner's */
	unsigned forks; /* as made: a handle with another number was inherited over a fork; or KEEPER_THREADS, KEEPER_DEAD */
	unsigned made;  /* forks_count() when it was made */
	_Atomic uint64_t room_taken; /* room slots in use by threads of this process */
	_Atomic uint64_t looked_ns;
	_Atomic unsigned interrupts; /* calls of sheaf_pool_interrupt() */
	_Atomic unsigned told;       /* of which waiting calls have been told */
	_Atomic uint32_t asked;      /* enum pool_state that the owner has asked for: open, closed or terminated */
	_Atomic uint64_t wild;       /* 0; or 1 + a state that the segment had and that nobody but a wild task has put there */
	_Atomic unsigned probing;    /* threads that take a slot of the ring without a batch's lock, for an instant */
	uint64_t slots[LARGEST_BATCHES / 64]; /* bit i: batch slot i is in use. Under the lock */
	pthread_mutex_t lock;                 /* of the list of batches and of their slots */
	struct sheaf_batch *batches;
	struct sheaf_batch *spare; /* for the next batch, or NULL: who fans out again and again needs no malloc() */
	uint64_t serial;
	uint64_t limit_ns;           /* of tasks, unless their batch says otherwise; 0: none */
	bool checked;                /* SHEAF_CHECK */
	struct check_memory *memory; /* for that; or NULL */

	/* Replaces a dead supervisor. 0 while things go on; else why nothing will: -ECANCELED, -ENOTRECOVERABLE, -EOWNERDEAD, with its message. */
	int (*look)(struct keeper *keeper);
	/* After a look() that failed: makes sure that no task runs any more. False: threads end their tasks in hand, wait for those. */
	bool (*ended)(struct keeper *keeper);
	/* Has a worker killed, if it still is of that generation. */
	void (*kill)(struct keeper *keeper, unsigned worker, unsigned generation);
	/* Wakes the supervisor, which looks how often it has to look for tasks over their limits. */
	void (*nudge)(struct keeper *keeper);
};

/* In keeper->forks, where no forks_count() comes to: */
#define KEEPER_DEAD (~0u)        /* the pool was destroyed, or (keeper_dead) the batch retired */
#define KEEPER_THREADS (~0u - 1) /* workers are threads: whether the caller is one of them has to be looked at */

/* What a dead batch belongs to. */
extern struct keeper keeper_dead;

/* Private: for all that is not a living handle of a pool of processes in its own process. */
int keeper_judge(const struct keeper *keeper);

/* For a process that runs tasks: -EPERM with its message. */
int keeper_refuse_task(void);

/* The same as keeper_check(), also in a child that nothing told of; for calls that can afford a system call there. */
int keeper_check_process(const struct keeper *keeper);

/* 0; -EPERM (of another process, or used by a task of this pool), -EINVAL (dead), with their messages. */
static inline int keeper_check(const struct keeper *keeper)
{
	return keeper->forks == forks_count() ? 0 : keeper_judge(keeper);
}

/* Say whose tasks the calling thread runs from now on, or NULL. What was said before. */
const struct segment *keeper_run_tasks_of(const struct segment *segment);

/* keeper->look(), if the last one was LOOK_EVERY_NS ago or @now. */
int keeper_look(struct keeper *keeper, bool now);

/* Private: why no work can be submitted, after a look at the state. */
int keeper_shut(struct keeper *keeper);

/* May work be submitted? 0, -EPIPE, -ECANCELED, -ENOTRECOVERABLE, -EOWNERDEAD, with its message. */
static inline int keeper_open(struct keeper *keeper)
{
	/* Relaxed: a submitter looks again, with the right order, after it has published. */
	uint32_t state = load_relaxed(&keeper->segment.control->state);

	return state == POOL_OPEN ? 0 : keeper_shut(keeper);
}

/* What an option for a time limit means, 0 and SHEAF_FOREVER included, given what holds without it. 0: none. */
static inline uint64_t limit_of(uint64_t option, uint64_t otherwise)
{
	return !option ? otherwise : option > UINT64_MAX / 2 ? 0 : option;
}

/*
 * Can the pool have come to that state, by what the owner has asked for? Else a wild task has written over the word. The state was read by an
 * acquire load.
 */
bool keeper_possible(const struct keeper *keeper, uint32_t state);

/* sheaf_fail() for a pool state that ends all waiting, the impossible ones among them; 0 for the others. */
int keeper_fail(struct keeper *keeper, uint32_t state);

/*
 * What a call that may wait remembers from its beginning: it is interrupted by what came since, and by what no call was told of before.
 */
static inline unsigned keeper_heard(const struct keeper *keeper)
{
	return load_relaxed(&keeper->told);
}

/* Seq_cst: who has announced that it sleeps looks here, and sheaf_pool_interrupt() rings after it has counted. */
static inline bool keeper_interrupted(const struct keeper *keeper, unsigned heard)
{
	return load_seq_cst(&keeper->interrupts) != heard;
}

/* -EINTR with its message; the call was told. */
int keeper_interrupt(struct keeper *keeper);

/* Waits for a condition, spinning first; see keeper.c. */
struct wait {
	bool (*ready)(void *context);
	void *context;
	struct shared_batch *batch; /* whose doorbell to sleep on */
	uint64_t what;              /* WAIT_* */
	bool sleep;                 /* at once: it cannot be soon */
	unsigned heard;             /* keeper_heard() at the call's beginning */
	/* Can it still come? Asked now and then. 0; or the error, with its message, that ends the wait. */
	int (*doubt)(void *context);
	/* The thread is cancelled in its sleep: undo what the call has begun. */
	void (*cancelled)(void *context);
};
/* 0; -EAGAIN, -ETIMEDOUT, -EINTR; or an error of look() or doubt(). */
int keeper_wait(struct keeper *keeper, const struct wait *wait, uint64_t deadline_ns);

#endif
