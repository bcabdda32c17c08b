/*
 * open.c - opens batches and closes them.
 *
 * A batch has a slot in the segment (shared_batch), which belongs to the member that its `opener`
 * names.
 *
 * Writers           opener: a member that finds it 0, by a CAS, and the same member when it leaves
 *                   the slot. The rest of the slot, but for what workers leave there: the opener.
 * Edges             BATCH1  leave_slot() -> take_slot_if_free(): the next opener comes after all
 *                   that the last one did.
 * Deaths            Of the opener, while that is the owner: the pool ends. Of a worker: its slots
 *                   of the ring name the batch until the supervisor has settled them, and retire.c
 *                   waits for that.
 */
#include "batch/open.h"

#include "base/atomic.h"
#include "base/cancel.h"
#include "base/error.h"
#include "base/guard.h"
#include "batch/view_calls.h"
#include "os/os.h"
#include "queue/bell.h"
#include "queue/ring.h"
#include "segment/create.h"
#include "segment/heap.h"
#include "segment/stock.h"
#include "work/call.h"
#include "work/check_pointers.h"

#include <errno.h>
#include <string.h>

#define FIRST_BATCHES 64     /* the most that are open in most programs */
#define FIRST_OF_TASKS 1024  /* nested work has many open */
#define APART_FROM_OTHERS 61 /* begin so many handles behind the worker before */

static struct sheaf_batch first_batches[FIRST_BATCHES], first_of_tasks[FIRST_OF_TASKS];
static struct handles batch_handles = {
	.size = sizeof(struct sheaf_batch),
	.link = offsetof(struct sheaf_batch, next),
	.first = (unsigned char *)first_batches,
	.first_count = FIRST_BATCHES,
};

void batch_enter_tasks(unsigned worker)
{
	/*
	 * Other addresses than the owner's and, as far as that goes, than the other workers': a
	 * handle that comes from them in an argument must not be one of this worker's by accident.
	 */
	batch_handles = (struct handles){
		.size = sizeof(struct sheaf_batch),
		.link = offsetof(struct sheaf_batch, next),
		.first = (unsigned char *)first_of_tasks,
		.first_count = FIRST_OF_TASKS,
		.skipped = (size_t)worker * APART_FROM_OTHERS % FIRST_OF_TASKS,
	};
}

__attribute__((noinline)) int batch_judge_in_task(const struct sheaf_batch *batch)
{
	/* A batch of the owner, or of another worker, need not exist here. */
	return handles_hold(&batch_handles, batch) && batch->member ? member_check(batch->member) : member_refuse_task();
}

/* ---- the slot ---- */

/* Take the slot if it is free. One that the member has is not, whatever a wild write says. */
static bool take_slot_if_free(struct member *member, uint32_t i)
{
	struct segment *segment = member->segment;
	uint64_t *mine = &member->openings->slots[i / 64], bit = UINT64_C(1) << i % 64;
	/*
	 * Acquire, pairs with orphans_disown(): else an orphan could seem to be none. Its word,
	 * which has an id until it is free, tells it from a wild write.
	 */
	uint32_t opener = load_acquire(&segment->batches[i].opener);
	bool orphan = opener == ORPHANED && load_relaxed(&segment->batches[i].word) != BATCH_WORD(BATCH_FREE, 0);

	if (*mine & bit)
		return false;
	/*
	 * A slot was written over if it names this member and is not known to it, or names a member
	 * that does not exist.
	 */
	if (orphan || (opener && opener != HELD_BY(member->name) && segment_has_member(segment, opener - 1)))
		return false;
	/*
	 * BATCH1. Acquire: else what the last opener did to the slot could come after what this one
	 * does.
	 */
	if (!cas_acquire(&segment->batches[i].opener, &opener, HELD_BY(member->name)))
		return false;
	*mine |= bit;
	return true;
}

/*
 * Choose the ring for the tasks of a batch, under the member's lock. A task's own priority is the
 * default for the batches that it opens. -ENOSPC with its message: shared memory is full.
 */
static int choose_ring(struct member *member, const sheaf_batch_options *options, const struct ring **ring)
{
	enum sheaf_priority priority = options->priority ? options->priority : member->priority;
	int r = 0, cancel;

	if (priority != SHEAF_NORMAL) {
		cancel = cancel_refuse();
		r = segment_add_rings(member->segment);
		cancel_allow(cancel);
	}
	*ring = &member->segment->rings[priority];
	return r;
}

/* Take a free batch slot, under the member's lock. -ENOSPC with its message. */
static int take_slot(struct member *member, uint32_t *index)
{
	struct segment *segment = member->segment;
	/* Relaxed: a hint. */
	uint32_t recent = load_relaxed(&member->openings->recent);
	int r, cancel;

	/* From the one that was left last: nested tasks have many before it. */
	for (*index = recent; *index < segment->batches_added; ++*index)
		if (take_slot_if_free(member, *index))
			return 0;
	for (*index = 0;; ++*index) {
		if (*index == segment->batch_count)
			return sheaf_fail(-ENOSPC, "%u batches are open: retire one, or raise max_batches",
					  segment->batch_count);
		if (*index == segment->batches_added) {
			cancel = cancel_refuse();
			r = segment_add_batches(segment);
			if (r && stock_empty(segment, heap_new_id(segment)))
				r = segment_add_batches(segment);
			cancel_allow(cancel);
			if (r)
				return r;
		}
		if (take_slot_if_free(member, *index))
			return 0;
	}
}

/* Under the member's lock. */
static void leave_slot(struct member *member, struct sheaf_batch *batch)
{
	store_relaxed(&batch->shared->word, BATCH_WORD(BATCH_FREE, 0));
	member->openings->slots[batch->index / 64] &= ~(UINT64_C(1) << batch->index % 64);
	/* Relaxed: a hint. */
	store_relaxed(&member->openings->recent, batch->index);
	/* BATCH1. Release: the next opener comes after all that this one did. */
	store_release(&batch->shared->opener, 0);
}

/* ---- the handle ---- */

static void link_batch(struct member *member, struct sheaf_batch *batch)
{
	batch->next = member->openings->batches;
	if (batch->next)
		batch->next->previous = batch;
	member->openings->batches = batch;
	member->opened++;
}

static void unlink_batch(struct member *member, struct sheaf_batch *batch)
{
	if (batch->next)
		batch->next->previous = batch->previous;
	if (batch->previous)
		batch->previous->next = batch->next;
	else
		member->openings->batches = batch->next;
	member->opened--;
}

/* Take a handle, cleared but for its lock. Under the member's lock. */
static struct sheaf_batch *take_handle(struct member *member)
{
	struct sheaf_batch *batch = member->openings->spare;

	member->openings->spare = NULL;
	if (!batch && (batch = handles_take(&batch_handles)))
		pthread_mutex_init(&batch->lock, NULL);
	if (batch)
		batch->next = NULL;
	return batch;
}

/* Give a handle up. From here on nobody may use its lock. */
static void give_handle(struct sheaf_batch *batch)
{
	pthread_mutex_destroy(&batch->lock);
	handles_keep(&batch_handles, batch);
}

/* Make the handle a dead one, and keep it for the next batch. Under the member's lock. */
static void discard_handle(struct member *member, struct sheaf_batch *batch)
{
	memset(batch, 0, offsetof(struct sheaf_batch, lock));
	batch->member = &member_dead;
	if (!member->openings->spare)
		member->openings->spare = batch;
	else
		give_handle(batch);
}

void batch_drop_spare(struct member *member)
{
	if (member->openings->spare)
		give_handle(member->openings->spare);
	member->openings->spare = NULL;
}

/* ---- time limits ---- */

/*
 * Tell the others the shortest limit of a batch's tasks. Under the member's lock. Seq_cst, pairs
 * with find_tick() in limits.c: else the opener could read an old tick, and the supervisor an old
 * limit, so that neither would see the other.
 */
static void tell_shortest(struct sheaf_batch *batch)
{
	if (load_relaxed(&batch->shared->shortest_ns) != batch->shortest_ns)
		store_seq_cst(&batch->shared->shortest_ns, batch->shortest_ns);
}

void batch_limit(struct sheaf_batch *batch, uint64_t limit_ns)
{
	struct member *member = batch->member;
	uint64_t tick;

	if (!limit_ns)
		return;
	pthread_mutex_lock(&member->openings->lock);
	if (!batch->shortest_ns || limit_ns < batch->shortest_ns) {
		batch->shortest_ns = limit_ns;
		tell_shortest(batch);
	}
	pthread_mutex_unlock(&member->openings->lock);
	/* Seq_cst: see tell_shortest(). */
	tick = load_seq_cst(&member->segment->control->tick_ns);
	/* For long limits the supervisor wakes often enough by itself. */
	if (limit_ns / 2 < os_parent_check_ns() && (!tick || tick > limit_ns / 2))
		member->ops->nudge(member);
}

void batch_limit_undo(struct sheaf_batch *batch, uint64_t shortest_ns)
{
	struct member *member = batch->member;

	if (batch->shortest_ns == shortest_ns) /* only the call of this thread changes it */
		return;
	pthread_mutex_lock(&member->openings->lock);
	batch->shortest_ns = shortest_ns;
	tell_shortest(batch);
	pthread_mutex_unlock(&member->openings->lock);
}

/* ---- wild writes ---- */

/* Have all threads finished that were submitting when this began? */
static bool all_submitted(struct member *member)
{
	bool busy = false;

	pthread_mutex_lock(&member->openings->lock);
	for (struct sheaf_batch *batch = member->openings->batches; batch && !busy; batch = batch->next) {
		busy = pthread_mutex_trylock(&batch->lock);
		if (!busy)
			pthread_mutex_unlock(&batch->lock);
	}
	pthread_mutex_unlock(&member->openings->lock);
	/*
	 * Seq_cst, pairs with is_room() in room.c: else a thread that has filled the slot could
	 * seem not to have counted itself.
	 */
	return !busy && !load_seq_cst(&member->probing);
}

/* Mend the rings. True: all workers are to be rung. */
static bool mend_rings(struct member *member)
{
	struct segment *segment = member->segment;
	/* Acquire, pairs with segment_add_rings(): another thread of this member may be in it. */
	bool added = load_acquire(&segment->rings_added);
	/* Relaxed, both: the ringing hands it over. */
	bool hidden = added && !heeds_rings(load_relaxed(&segment->control->heed)), led;
	struct shared_slot *slot;
	uint64_t word;

	if (hidden)
		store_relaxed(&segment->control->heed, HEED_RINGS | HEED_STATE | HEED_SEAT);
	for (unsigned p = 0; p < (added ? PRIORITIES : 1); p++) {
		if (ring_mend(segment, &segment->rings[p], &slot, &word, &led) && all_submitted(member))
			(void)ring_withdraw(slot, word);
		hidden |= led;
	}
	return hidden;
}

void batch_mend(struct member *member)
{
	struct segment *segment = member->segment;

	/* Wake workers again if a task is READY: a wild task may have lost them their wake-up. */
	if (mend_rings(member))
		workers_ring_all(segment);
	else if (rings_have_ready(segment))
		workers_ring(segment);
	pthread_mutex_lock(&member->openings->lock);
	for (struct sheaf_batch *batch = member->openings->batches; batch; batch = batch->next) {
		tell_shortest(batch);
		if (load_relaxed(&batch->shared->opener) != HELD_BY(member->name))
			store_relaxed(&batch->shared->opener, HELD_BY(member->name));
	}
	pthread_mutex_unlock(&member->openings->lock);
}

/* ---- opening and closing ---- */

/* Make the bell of a free slot anew, which a task of another batch has run over. */
__attribute__((noinline)) static void restore_slot(const struct segment *segment, struct shared_batch *shared)
{
	sem_init(&shared->bell, 1, 0);
	bells_seal(&shared->bell_seal, &shared->bell_end_seal);
	/* Relaxed, both: published by the ring slots that will name the batch (RING1). */
	store_relaxed(&shared->waiter, WAIT_NOTHING);
	for (unsigned i = 0; i * 64 < segment->worker_count; i++)
		store_relaxed(&shared->inside[i], 0);
}

/* Fill in what this process keeps of the batch, and what the segment holds of it for the others. */
UNGUARDED static void fill_batch(struct sheaf_batch *batch, struct member *member, const sheaf_batch_options *options)
{
	struct segment *segment = member->segment;
	struct shared_batch *shared = &segment->batches[batch->index];

	if (!bells_whole(&shared->bell_seal, &shared->bell_end_seal) || !os_sem_whole(&shared->bell))
		restore_slot(segment, shared);
	batch->member = member;
	batch->segment = segment;
	batch->shared = shared;
	batch->view = &view_calls;
	batch->heap_id = heap_new_batch_id(segment);
	batch->ref = BATCH_REF(batch->index, batch->heap_id);
	region_begin(&batch->callers, batch->heap_id, 0, 0);
	region_begin(&batch->region, batch->heap_id, segment_offset(segment, shared->room), BATCH_ROOM);
	batch->flags = options->flags | (member->checked ? BATCH_CHECKED : 0) | (segment->functions ? BATCH_NAMED : 0) |
		       (options->on_error == SHEAF_CANCEL_REST ? BATCH_CANCELS : 0) | (options->context ? BATCH_HAS_USER : 0);
	batch->entries.stride = entry_stride(options->result_size);
	batch->result_size = options->result_size;
	batch->max_attempts = options->max_attempts ? options->max_attempts : segment->max_attempts;
	batch->limit_ns = limit_of(options->task_timeout_ns, member->limit_ns);
	batch->grace_ns = options->grace_ns;
	batch->plan.user = (uint64_t)(uintptr_t)options->context;
	/* What tasks expect of an init hook the owner does not have. */
	batch->gatherer_works = options->caller_works && !member_is_task(member) && !member->attached &&
				!segment->workers.init && !segment->inlined;
	batch->runner = member_is_task(member) || !member_is_inside(segment) ? NULL : member_runs_now();
	batch->word_flags = batch_may_help(batch) && (member->careful || batch->limit_ns) ? READY_LEFT : 0;
	/* Relaxed: read by others after they have claimed what comes. */
	if (batch->gatherer_works && !load_relaxed(&segment->control->owner_claims))
		store_relaxed(&segment->control->owner_claims, 1);
	shared->kind = KIND_CALLS;
	shared->flags = batch->flags;
	shared->max_attempts = batch->max_attempts;
	/*
	 * A line in which nothing changes from one batch to the next stays with the workers that
	 * have read it.
	 */
	if (shared->limit_ns != batch->limit_ns)
		shared->limit_ns = batch->limit_ns;
	if (options->context) /* else nobody reads it */
		shared->user = (uint64_t)(uintptr_t)options->context;
	shared->heap_id = batch->heap_id;
	shared->out_size = batch->result_size;
	/* Relaxed, all: published by the ring slots that name the batch (RING1). */
	store_relaxed(&shared->failures, 0);
	store_relaxed(&shared->units, 0);
	store_relaxed(&shared->parent, member_is_task(member) ? load_relaxed(&member->seat->hand) : 0);
	if (load_relaxed(&shared->inner_deaths))
		store_relaxed(&shared->inner_deaths, 0);
	if (load_relaxed(&shared->stop) != STOP_NOWHERE)
		store_relaxed(&shared->stop, STOP_NOWHERE);
	store_relaxed(&shared->word, BATCH_WORD(BATCH_OPEN, batch->heap_id));
}

UNGUARDED int batch_open(struct sheaf_batch **out, struct member *member, const sheaf_batch_options *options)
{
	static const sheaf_batch_options defaults = {0};
	struct sheaf_batch *batch;
	const struct shared_batch *recent = &member->segment->batches[load_relaxed(&member->openings->recent)];
	int r;

	/* Both lines are written. After a pause they come while the rest is prepared. */
	__builtin_prefetch(&recent->word, 1);
	__builtin_prefetch(&recent->opener, 1);
	if ((r = member_open(member)))
		return r;
	options = options ? options : &defaults;
	pthread_mutex_lock(&member->openings->lock);
	batch = take_handle(member);
	if (!batch) {
		pthread_mutex_unlock(&member->openings->lock);
		return sheaf_fail(-ENOMEM, "no memory for a batch");
	}
	if ((r = choose_ring(member, options, &batch->ring)) || (r = take_slot(member, &batch->index))) {
		discard_handle(member, batch);
		pthread_mutex_unlock(&member->openings->lock);
		return r;
	}
	fill_batch(batch, member, options);
	link_batch(member, batch);
	pthread_mutex_unlock(&member->openings->lock);
	batch_limit(batch, batch->limit_ns);
	*out = batch;
	return 0;
}

void batch_serve_call(struct sheaf_batch *batch, uint64_t deadline_ns, bool caller_works,
		      void (*give_up)(struct sheaf_batch *batch))
{
	batch->give_up = give_up;
	batch->deadline_ns = deadline_ns;
	/* Where it runs all tasks anyway, it does so as the worker. */
	batch->caller_works = caller_works && !batch->segment->inlined && !batch->member->attached;
}

void batch_close(struct sheaf_batch *batch)
{
	struct member *member = batch->member;

	pthread_mutex_lock(&member->openings->lock);
	unlink_batch(member, batch);
	batch->shortest_ns = 0;
	tell_shortest(batch);
	if (batch->armed) /* nobody waits for the next batch in the slot */
		store_relaxed(&batch->shared->waiter, WAIT_NOTHING);
	leave_slot(member, batch);
	discard_handle(member, batch);
	pthread_mutex_unlock(&member->openings->lock);
}
