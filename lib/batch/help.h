/*
 * help.h - what a task does while it waits: it runs other tasks.
 *
 * Its own batch's come first, so that no depth of nesting and no number of workers can be too much
 * or too little: whatever a task waits for, it can run itself.
 */
#ifndef SHEAF_BATCH_HELP_H
#define SHEAF_BATCH_HELP_H

#include "batch/handle.h"
#include "member/wait.h"
#include "queue/ring.h"

/* The wait of a task, with what it had before. */
struct helping {
	struct sheaf_batch *const *batches; /* that the task waits for */
	unsigned count;
	uint32_t awaits; /* for sleeper_redirect() */
	struct wait *wait;
	struct ring_span span; /* of a single batch: tickets where its tasks may be READY */
	bool patient;          /* it has no deadline: tasks of others may be run, too */
	uint64_t deadline_ns;
	bool (*ready)(void *context);
	int (*doubt)(void *context, bool late);
	void *context;
};

/*
 * Run tasks of the batch until the entry is done, or none is left to claim: most waits of nested
 * work end here. Under the batch's lock, which is free meanwhile. True: it is done.
 */
bool help_first(struct sheaf_batch *batch, const struct shared_entry *entry);

/* Batches that a thread waits for, and may run tasks meanwhile. On its stack. */
struct awaited {
	struct sheaf_batch *const *batches;
	size_t count;
	const struct awaited *outer; /* its wait around that one */
};

/* Say that this thread waits for the batches, until help_awaits_no_longer(). */
void help_awaits(struct awaited *awaited, struct sheaf_batch *const *batches, size_t count);
void help_awaits_no_longer(const struct awaited *awaited);

/* Does this thread wait for the batch, so that a task asks which it runs meanwhile? */
bool help_is_awaited(const struct sheaf_batch *batch);

/* The wait of an owner for a batch that says that the caller works. */
struct working {
	struct sheaf_batch *batch;
	uint64_t deadline_ns;
	unsigned heard; /* as in struct wait */
	/* Has come what the owner waits for? Called without the batch's lock. */
	bool (*ready)(void *context);
	void *context;
	struct asking asking; /* {0}; after the call: whether the host ends the wait */
};

/*
 * Run tasks or chunks of the batch as the owner, until it is ready(): not those with which a worker
 * has died, nor those with a time limit, and only until the deadline or an interrupt, or until the
 * host ends the wait. Under the batch's lock, which is free meanwhile. True: the caller has to look
 * again.
 */
bool help_as_caller(struct working *working);

/*
 * Have a task's wait for results help. With the lock of a single batch, without those of several.
 * After the wait: help_end(). @awaits: where it sleeps. @deadline_ns: of the wait.
 */
void help_gatherer(struct helping *helping, struct sheaf_batch *const *batches, unsigned count, uint32_t awaits,
		   struct wait *wait, uint64_t deadline_ns);
void help_end(const struct member *handle);

/* What a task found that looked for room in its ring. */
enum help_room {
	ROOM_NONE, /* there is none to run: all slots are held by tasks that run, or that wait */
	ROOM_MADE, /* it has run one */
	ROOM_LEFT, /* what is READY is left to other workers, which make room by it */
};

/*
 * Run a task, of whichever batch, for a task that found its ring full. Without the batch's lock.
 * @waits: rest a moment if all is left to others.
 */
enum help_room help_make_room(struct sheaf_batch *batch, bool waits);

#endif
