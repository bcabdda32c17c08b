/*
 * several.c - waits for one of several batches, or for all of them.
 *
 * All of them one after the other, as for each alone. For the first one the thread takes a room, as
 * a submitter does, and has the waiter word of each batch name it: the member that publishes
 * something rings that room and not the batch's bell. So one sleep is for all of them.
 *
 * Writers           The waiter words: as in bell.c.
 * Edges             The gatherer's side of BELL1 (bell.c), for each batch: its word is announced,
 *                   and then it is checked.
 * Deaths            As of those that a gatherer waits for (await.c). After each death all rooms are
 *                   rung.
 */
#include "base/error.h"
#include "batch/await.h"
#include "batch/feed.h"
#include "batch/gather.h"
#include "batch/help.h"
#include "member/wait.h"
#include "queue/bell.h"

#include <errno.h>
#include <stdlib.h>

/* One of the batches. */
struct one {
	struct await await; /* for await_doubt() */
	enum sheaf_which which;
};

struct several {
	struct sheaf_batch *const *batches;
	unsigned n;
	enum sheaf_which which;
	unsigned held;   /* the thread gathers from so many, the first ones */
	unsigned undone; /* but no longer from this one if it is cancelled now; n: from all */
	int room;        /* -1: none */
	bool woke;       /* a worker had to be woken for one of them: see await_ready() */
	int found;       /* what is_one_picked() has found: an index, n, or -errno */
	struct awaited awaited;
	struct one *ones;
	_Atomic uint64_t **waiters;
};

/* ---- which batch ---- */

static int pick_from(struct sheaf_batch *batch, enum sheaf_which which)
{
	struct pick next;
	int r;

	pthread_mutex_lock(&batch->lock);
	r = which == SHEAF_FIRST_FAILED ? batch->view->pick_failed(batch, &next) : batch->view->pick_done(batch, &next);
	pthread_mutex_unlock(&batch->lock);
	return r;
}

/* Is there a batch that the call can return, or can there be none any longer? */
static bool is_one_picked(void *context)
{
	struct several *several = context;
	bool later = false;

	for (unsigned i = 0; i < several->n; i++) {
		int r = pick_from(several->batches[i], several->which);

		if (r == PICK_DONE || r < 0) {
			several->found = r < 0 ? r : (int)i;
			return true;
		}
		later |= r == PICK_LATER;
	}
	several->found = (int)several->n;
	return !later;
}

static bool is_this_picked(void *context)
{
	const struct one *one = context;

	return pick_from(one->await.batch, one->which) != PICK_LATER;
}

/* Doubt for each batch for which the call still waits. */
static int doubt_several(void *context, bool late)
{
	const struct several *several = context;
	int r = 0;

	for (unsigned i = 0; late && i < several->n && !r; i++)
		if (!is_this_picked(&several->ones[i]))
			r = await_doubt(&several->ones[i].await);
	return r;
}

/* ---- the call ---- */

static void drop_several(void *context)
{
	struct several *several = context;

	help_awaits_no_longer(&several->awaited);
	if (several->ones)
		room_leave(several->batches[0]->segment, several->room);
	free(several->ones);
	free(several->waiters);
	while (several->held) {
		struct sheaf_batch *batch = several->batches[--several->held];

		if (several->held == several->undone)
			continue;
		pthread_mutex_lock(&batch->lock);
		(void)gather_end(batch, 0);
	}
}

/* Say why batch @i has a gatherer: it may be this call. */
static int refuse_busy(const struct several *several, unsigned i)
{
	for (unsigned k = 0; k < i; k++)
		if (several->batches[k] == several->batches[i])
			return sheaf_fail(-EINVAL, "sheaf_wait: batches[%u] and batches[%u] are the same", k, i);
	return sheaf_fail(-EBUSY, "sheaf_wait: another thread is gathering from batches[%u]", i);
}

/* Become the gatherer of all batches. 0; -EINVAL, -EPERM, -EBUSY with their messages. */
static int hold_several(struct several *several)
{
	for (unsigned i = 0; i < several->n; i++) {
		struct sheaf_batch *batch = several->batches[i];
		int r;

		if (!batch)
			return sheaf_fail(-EINVAL, "sheaf_wait: batches[%u] is NULL", i);
		if ((r = gather_begin(batch, "sheaf_wait")))
			return r == -EBUSY ? refuse_busy(several, i) : r;
		r = feed_begin(batch);
		pthread_mutex_unlock(&batch->lock);
		several->held++;
		if (r)
			return r;
		if (batch->member != several->batches[0]->member)
			return sheaf_fail(-EINVAL,
					  "sheaf_wait: batches[%u] is of another pool than batches[0]: wait for them in calls "
					  "of their own, or poll() the sheaf_pool_fd() of both",
					  i);
	}
	return 0;
}

/* Wait for all that was submitted so far. @heard: as in struct wait. */
static int wait_for_all(struct several *several, uint64_t deadline_ns, unsigned heard)
{
	int r = 0;

	for (unsigned i = 0; i < several->n && !r; i++) {
		struct sheaf_batch *batch = several->batches[i];

		pthread_mutex_lock(&batch->lock);
		several->undone = i;
		if (!batch_is_undecided(batch))
			r = batch->view->wait_all(batch, deadline_ns, heard);
		several->undone = several->n;
		pthread_mutex_unlock(&batch->lock);
	}
	return r ? r : (int)several->n;
}

/* Take what a sleep for several batches needs. 0; -ENOMEM with its message. */
static int prepare_sleep(struct several *several)
{
	several->waiters = malloc(several->n * sizeof(*several->waiters));
	several->ones = several->waiters ? calloc(several->n, sizeof(*several->ones)) : NULL;
	if (!several->ones)
		return sheaf_fail(-ENOMEM, "sheaf_wait: no memory to wait for %u batches", several->n);
	for (unsigned i = 0; i < several->n; i++) {
		struct sheaf_batch *batch = several->batches[i];

		pthread_mutex_lock(&batch->lock);
		several->woke |= batch->woke;
		batch->woke = false;
		pthread_mutex_unlock(&batch->lock);
		several->waiters[i] = &batch->shared->waiter;
		several->ones[i] = (struct one){.await = {.batch = batch, .ready = is_this_picked}, .which = several->which};
	}
	several->room = room_take(several->batches[0]->segment, several->batches[0]->member->name, SHEAF_NORMAL);
	return 0;
}

/*
 * Run tasks of those batches that say so, one batch after the other. True: a batch is picked, or
 * the host ends the wait (*@ends).
 */
static bool work_for_one(struct several *several, uint64_t deadline_ns, unsigned heard, bool *ends)
{
	struct working working = {.deadline_ns = deadline_ns, .heard = heard, .ready = is_one_picked, .context = several};
	bool picked = is_one_picked(several);

	for (unsigned i = 0; i < several->n && !picked && !working.asking.ends; i++) {
		struct sheaf_batch *batch = several->batches[i];

		if (!batch->gatherer_works)
			continue;
		working.batch = batch;
		pthread_mutex_lock(&batch->lock);
		picked = help_as_caller(&working);
		pthread_mutex_unlock(&batch->lock);
	}
	*ends = !picked && working.asking.ends;
	return picked || *ends;
}

static int wait_for_one(struct several *several, uint64_t deadline_ns, unsigned heard)
{
	struct member *member = several->batches[0]->member;
	struct wait wait = {
		.context = several,
		.ready = is_one_picked,
		.doubt = doubt_several,
		.longest_ns = CHECK_EVERY_NS,
		.heard = heard,
	};
	struct helping helping;
	bool ends;
	int r;

	if (work_for_one(several, deadline_ns, heard, &ends))
		return ends ? member_interrupt(member) : several->found;
	if ((r = prepare_sleep(several)))
		return r;
	wait.sleep = several->woke;
	wait.sleeper = sleeper_of_several(member->segment, several->room, several->waiters, several->n);
	if (member_is_task(member))
		help_gatherer(&helping, several->batches, several->n, several->room < 0 ? 0 : AWAITS_ROOM(several->room), &wait,
			      deadline_ns);
	r = member_wait(member, &wait, deadline_ns);
	if (member_is_task(member))
		help_end(member);
	if (r == -EINTR)
		r = member_interrupt(member);
	return r ? r : several->found;
}

static int check_arguments(sheaf_batch *const *batches, size_t n, enum sheaf_which which)
{
	if (!batches)
		return sheaf_fail(-EINVAL, "sheaf_wait: batches is NULL");
	if (!n || n > LARGEST_BATCHES)
		return sheaf_fail(-EINVAL, "sheaf_wait: n is %zu: from 1 to %u batches can be waited for", n, LARGEST_BATCHES);
	if ((unsigned)which > SHEAF_ALL_DONE)
		return sheaf_fail(-EINVAL,
				  "sheaf_wait: which is %d: none of SHEAF_FIRST_DONE, SHEAF_FIRST_FAILED, SHEAF_ALL_DONE",
				  (int)which);
	return 0;
}

int sheaf_wait(sheaf_batch *const *batches, size_t n, enum sheaf_which which, uint64_t deadline_ns)
{
	struct several several = {.batches = batches, .n = (unsigned)n, .which = which, .undone = (unsigned)n, .room = -1};
	unsigned heard;
	int r = check_arguments(batches, n, which);

	if (r)
		return r;
	help_awaits(&several.awaited, batches, 0); /* none so far */
	pthread_cleanup_push(drop_several, &several);
	if (!(r = hold_several(&several))) {
		several.awaited.count = n;
		heard = member_heard(batches[0]->member);
		r = which == SHEAF_ALL_DONE ? wait_for_all(&several, deadline_ns, heard)
					    : wait_for_one(&several, deadline_ns, heard);
	}
	pthread_cleanup_pop(1);
	return r;
}
