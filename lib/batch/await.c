/*
 * await.c - waits for results, and doubts that they will come if that takes long.
 *
 * A gatherer waits on words, never on counts. A task of the batch is in the ring, or owned, or
 * done. If it is none of these, a wild write has destroyed the word that would tell, so the wait
 * ends with an error.
 *
 * Writers           The batch's waiter word: the gatherer, and the worker that rings it (see
 *                   bell.c).
 * Edges             The gatherer's side of BELL1 (bell.c): it announces itself, then checks. And
 *                   the end of RING2 (ring.c): if a slot is free, what its task published is seen.
 * Deaths            Of a worker: the supervisor repairs what it had, and rings all gatherers.
 */
#include "batch/await.h"

#include "base/atomic.h"
#include "batch/help.h"
#include "batch/message.h"
#include "batch/window.h"
#include "member/wait.h"
#include "queue/ring.h"

#include <errno.h>

/*
 * Is a task or an invitation of the batch in the ring? Then a worker has it or will have it. Under
 * the batch's lock, so that none is on its way there.
 */
static bool in_flight(struct sheaf_batch *batch)
{
	struct segment *segment = batch->segment;
	/*
	 * Of a pool that is over, no worker has anything in hand, whatever a slot says. Acquire: as
	 * state_of() in state.c.
	 */
	bool over = load_acquire(&segment->control->state) >= POOL_FINISHED;

	for (uint32_t i = 0; i < batch->ring->size; i++) {
		/*
		 * RING2, pairs with ring_release(): else a task could seem to have left its slot
		 * and not to have published.
		 */
		uint64_t bits = load_acquire(&batch->ring->slots[i].word);

		/*
		 * Relaxed: the slot has held the name since before it was READY, and the word hands
		 * that over.
		 */
		if ((word_state(bits) == WORD_READY ||
		     (word_state(bits) == WORD_OWNED && !over && !segment_is_orphan(segment, word_unpack(bits)))) &&
		    load_relaxed(&batch->ring->slots[i].batch) == batch->ref)
			return true;
	}
	return false;
}

/*
 * A worker that sleeps has nothing in hand, unless it awaits results. If a slot with a task of this
 * batch says at two checks that it has, a wild task has put it there. Have that worker killed: the
 * supervisor returns the task to the ring, uncharged. A worker that only was slow to retract its
 * announcement had not begun.
 */
static void rouse(struct await *await)
{
	struct member *member = await->batch->member;
	struct segment *segment = member->segment;
	const struct ring *ring = await->batch->ring;
	uint64_t suspect = 0;
	uint32_t at = 0;

	/* Relaxed, all: what is wrong at one check is right at the next. */
	for (uint32_t i = 0; i < ring->size; i++) {
		uint64_t word = load_relaxed(&ring->slots[i].word);
		struct word w = word_unpack(word);

		if (w.state != WORD_OWNED || w.seat >= segment->worker_count ||
		    load_relaxed(&ring->slots[i].batch) != await->batch->ref ||
		    !(load_relaxed(&segment->control->sleepers[w.seat / 64]) >> w.seat % 64 & 1) ||
		    load_relaxed(&segment->seats[w.seat].awaits))
			continue;
		suspect = word;
		at = i;
		/* By the word: the worker may have been replaced since it was read. */
		if (suspect == await->suspect && at == await->suspects_slot)
			member_kill(member, suspect);
	}
	await->suspect = suspect;
	await->suspects_slot = at;
}

/* Is it lost what the gatherer waits for? Then tell its position. Under the batch's lock. */
static bool is_lost(const struct await *await, uint64_t *position)
{
	struct sheaf_batch *batch = await->batch;
	const struct shared_entry *entry = await->next.entry;
	bool lost = false;

	if (entry) {
		/*
		 * CALL1, pairs with the publication in call.c. An entry that nobody wrote over is
		 * READY until it is DONE.
		 */
		enum word_state state = word_state(load_acquire(&entry->word));

		lost = state != WORD_READY && state != WORD_DONE;
	}
	/* A window that holds nothing waits for a submitter. */
	lost = lost || (!batch->inviting && !window_is_empty(batch->window) && !in_flight(batch));
	if (lost)
		*position = !entry          ? batch->view->missing(batch)
			    : batch->window ? batch->window->places[await->next.item].position
					    : batch->order.positions[await->next.item];
	return lost;
}

int await_doubt(struct await *await)
{
	uint64_t position;
	bool lost;

	pthread_mutex_lock(&await->batch->lock);
	/*
	 * A death at the time of the search may have returned a task to the ring. Relaxed: under
	 * the lock.
	 */
	store_relaxed(&await->batch->swept, false);
	lost = is_lost(await, &position);
	pthread_mutex_unlock(&await->batch->lock);
	if (!lost)
		rouse(await);
	return lost && !await->ready(await) ? message_fail_damaged(position) : 0;
}

static int doubt_results(void *context, bool late)
{
	return late ? await_doubt(context) : 0;
}

static void undo_gathering(void *context)
{
	const struct await *await = context;
	struct sheaf_batch *batch = await->batch;

	pthread_mutex_lock(&batch->lock);
	batch->awaiting = false;
	batch->gathering = false;
	pthread_mutex_unlock(&batch->lock);
	if (batch->give_up)
		batch->give_up(batch);
}

/* Wait as await_ready() does, in the loop for all waits. */
__attribute__((noinline)) static int await_in_loop(struct await *await, uint64_t deadline_ns)
{
	struct sheaf_batch *batch = await->batch;
	struct wait wait = {
		.context = await,
		.ready = await->ready,
		.doubt = doubt_results,
		.cancelled = undo_gathering,
		.sleeper = sleeper_of_batch(batch->shared, await->next.what),
		.longest_ns = CHECK_EVERY_NS,
		/*
		 * A worker that has to wake up takes longer than a spin, and has a use for this
		 * CPU.
		 */
		.sleep = batch->woke,
		.yields = batch->view->open(batch) >= batch->segment->cpus,
		.heard = await->heard,
	};
	struct helping helping;
	int r;

	if (member_is_task(batch->member))
		help_gatherer(&helping, &await->batch, 1, AWAITS_BATCH(batch->index), &wait, deadline_ns);
	batch->woke = false;
	pthread_mutex_unlock(&batch->lock);
	r = member_wait(batch->member, &wait, deadline_ns);
	if (member_is_task(batch->member))
		help_end(batch->member);
	if (r == -EINTR)
		r = member_interrupt(batch->member);
	pthread_mutex_lock(&batch->lock);
	return r;
}

int await_ready(struct await *await, uint64_t deadline_ns)
{
	struct sheaf_batch *batch = await->batch;

	if (member_is_task(batch->member) && deadline_ns == SHEAF_FOREVER && await->next.entry &&
	    help_first(batch, await->next.entry))
		return 0;
	if (batch->gatherer_works) {
		struct working working = {.batch = batch,
					  .deadline_ns = deadline_ns,
					  .heard = await->heard,
					  .ready = await->ready,
					  .context = await};

		if (help_as_caller(&working))
			return 0;
		if (working.asking.ends)
			return member_interrupt(batch->member);
	}
	return await_in_loop(await, deadline_ns);
}

/* Can something be picked, or is something else next than what the bell rings for? */
static bool is_picked(void *context)
{
	const struct await *await = context;
	struct pick next;
	int r;

	pthread_mutex_lock(&await->batch->lock);
	r = await->pick(await->batch, &next);
	pthread_mutex_unlock(&await->batch->lock);
	return r != PICK_LATER || next.what != await->next.what;
}

int await_pick(struct sheaf_batch *batch, pick_fn *pick, struct pick *next, uint64_t deadline_ns)
{
	struct await wait = {.batch = batch, .ready = is_picked, .pick = pick, .heard = member_heard(batch->member)};
	int r;

	while ((r = pick(batch, &wait.next)) == PICK_LATER) {
		r = await_ready(&wait, deadline_ns);
		batch->awaiting = false;
		if (r)
			return r;
	}
	*next = wait.next;
	return r;
}
