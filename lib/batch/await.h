/*
 * await.h - how a gatherer waits, and the one pattern by which views hand out results.
 */
#ifndef SHEAF_BATCH_AWAIT_H
#define SHEAF_BATCH_AWAIT_H

#include "batch/handle.h"

enum picked {
	PICK_NONE = 0,  /* all results were handed out */
	PICK_DONE = 1,  /* it can be handed out */
	PICK_LATER = 2, /* it is not done: wait for `what` */
};

/* The result that is next. */
struct pick {
	uint64_t item;              /* an index, of submitted tasks */
	struct shared_entry *entry; /* of that task; NULL: of a dense batch, or of any task */
	uint64_t what;              /* WAIT_ value, if it is not done */
};

/*
 * Pick the result that is next. enum picked; or -errno with its message. May be called again and
 * again.
 */
typedef int pick_fn(struct sheaf_batch *batch, struct pick *next);

/*
 * Hand out the result that was picked last. 1; or -errno with its message, and it is still the
 * next.
 */
typedef int give_fn(struct sheaf_batch *batch, const struct pick *next, sheaf_result *result);

/* One wait of a gatherer. */
struct await {
	struct sheaf_batch *batch;
	bool (*ready)(void *await); /* called without the batch's lock */
	pick_fn *pick;              /* for is_picked(); or NULL */
	struct pick next;           /* what it waits for */
	unsigned heard;             /* member_heard() at the call's beginning */
	uint64_t suspect;           /* see rouse(): the word of a slot, or 0 */
	uint32_t suspects_slot;     /* and which slot */
};

/*
 * Wait until ready(), under the batch's lock, which is free meanwhile so that others can submit. 0;
 * -EAGAIN, -ETIMEDOUT, -EINTR and the errors of a pool that has stopped, -EBADMSG: all with their
 * messages.
 */
int await_ready(struct await *await, uint64_t deadline_ns);

/*
 * Tell whether what await->next says can still be done, after a long wait. 0; -EBADMSG with its
 * message.
 */
int await_doubt(struct await *await);

/*
 * Private: wait until something can be picked, or there is nothing left. As a pick_fn, with the
 * errors of await_ready().
 */
int await_pick(struct sheaf_batch *batch, pick_fn *pick, struct pick *next, uint64_t deadline_ns);

/* Hand out what pick() says is next: 1; 0: nothing is left; or the error that ended the wait. */
__attribute__((always_inline)) static inline int view_hand_out(struct sheaf_batch *batch, sheaf_result *result,
							       uint64_t deadline_ns, pick_fn *pick, give_fn *give)
{
	struct pick next;
	int r = pick(batch, &next);

	if (r == PICK_LATER)
		r = await_pick(batch, pick, &next, deadline_ns);
	return r <= 0 ? r : give(batch, &next, result);
}

#endif
