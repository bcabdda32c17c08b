/*
 * batch.c - opens and retires batches.
 *
 * A batch has a slot in the segment (shared_batch), which workers reach through ring slots that name it. So it may be taken apart when
 * no ring slot names it any more: the owner withdraws its tasks that nobody has claimed, and waits for the others. That also holds for
 * dead workers: their slots name them until the supervisor has settled what they had in hand.
 *
 * Deaths of a worker while the owner retires: its slot goes back to READY, or is freed because the batch is cancelled; either ends the
 * owner's wait. Of the supervisor: the owner's look starts a successor, which does the same. All memory goes by the batch's heap id.
 */
#include "batch/handle.h"

#include "base/atomic.h"
#include "base/cancel.h"
#include "base/error.h"
#include "base/guard.h"
#include "base/number.h"
#include "os/os.h"
#include "queue/bell.h"
#include "queue/ring.h"
#include "segment/heap.h"
#include "work/call.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define GRACE_NS UINT64_C(1000000000)
#define LOOKS_BEFORE_SLEEP 4096
#define NAP_NS 200000

#define FIRST_BATCHES 64 /* the most that are open in most programs */

static struct sheaf_batch first_batches[FIRST_BATCHES];
static struct handles batch_handles = {
	.size = sizeof(struct sheaf_batch),
	.link = offsetof(struct sheaf_batch, next),
	.first = (unsigned char *)first_batches,
	.first_count = FIRST_BATCHES,
};

int batch_check_in_task(const struct sheaf_batch *batch)
{
	/* One that the owner opened after the fork need not exist here. */
	return handles_hold(&batch_handles, batch) && batch->member ? member_check(batch->member) : member_refuse_task();
}

/* May this member take the slot? Not if it is known to be its own, whatever a wild write says. */
static bool take_slot_if_free(struct member *member, uint32_t i)
{
	struct segment *segment = member->segment;
	uint64_t *mine = &member->openings.slots[i / 64], bit = UINT64_C(1) << i % 64;
	uint32_t opener = load_relaxed(&segment->batches[i].opener);

	if (*mine & bit)
		return false;
	/* An opener that is ourselves, or a member that there is not, comes from a wild write. */
	if (opener && opener != HELD_BY(member->name) && segment_has_member(segment, opener - 1))
		return false;
	/* BATCH1. Acquire: else what the last opener did to the slot could come after what we do to it. */
	if (!cas_acquire(&segment->batches[i].opener, &opener, HELD_BY(member->name)))
		return false;
	*mine |= bit;
	return true;
}

/* Take a free batch slot, under the lock. -ENOSPC with its message. */
static int take_slot(struct member *member, uint32_t *index)
{
	struct segment *segment = member->segment;
	int r, cancel;

	for (*index = 0;; ++*index) {
		if (*index == segment->batch_count)
			return sheaf_fail(-ENOSPC, "%u batches are open: retire one, or raise max_batches",
					  segment->batch_count);
		if (*index == segment->batches_added) {
			cancel = cancel_refuse();
			r = segment_add_batches(segment);
			cancel_allow(cancel);
			if (r)
				return r;
		}
		if (take_slot_if_free(member, *index))
			return 0;
	}
}

/* Under the lock. */
static void leave_slot(struct member *member, struct sheaf_batch *batch)
{
	store_relaxed(&batch->shared->word, BATCH_WORD(BATCH_FREE, 0));
	member->openings.slots[batch->index / 64] &= ~(UINT64_C(1) << batch->index % 64);
	/* BATCH1. Release: the next opener comes after all that we did. */
	store_release(&batch->shared->opener, 0);
}

static void link_batch(struct member *member, struct sheaf_batch *batch)
{
	batch->next = member->openings.batches;
	if (batch->next)
		batch->next->previous = batch;
	member->openings.batches = batch;
}

static void unlink_batch(struct member *member, struct sheaf_batch *batch)
{
	if (batch->next)
		batch->next->previous = batch->previous;
	if (batch->previous)
		batch->previous->next = batch->next;
	else
		member->openings.batches = batch->next;
}

/*
 * Tell the others the shortest limit of a batch's tasks. Under the lock. Seq_cst, pairs with find_tick() in limits.c: we check next how
 * often the supervisor checks limits, so one of us sees the other.
 */
static void tell_shortest(struct sheaf_batch *batch)
{
	if (load_relaxed(&batch->shared->shortest_ns) != batch->shortest_ns)
		store_seq_cst(&batch->shared->shortest_ns, batch->shortest_ns);
}

/* Does no thread of the owner submit anything? Of those that were in the midst of it when this began, that is. */
static bool nobody_submits(struct member *member)
{
	bool busy = false;

	pthread_mutex_lock(&member->openings.lock);
	for (struct sheaf_batch *batch = member->openings.batches; batch && !busy; batch = batch->next) {
		busy = pthread_mutex_trylock(&batch->lock);
		if (!busy)
			pthread_mutex_unlock(&batch->lock);
	}
	pthread_mutex_unlock(&member->openings.lock);
	/* Seq_cst, pairs with wait_for_room() in submit.c: who has filled the slot that we saw has counted itself before. */
	return !busy && !load_seq_cst(&member->probing);
}

void batch_mend(struct member *member)
{
	struct segment *segment = member->segment;
	struct shared_slot *slot;
	uint64_t word;

	if (ring_mend(segment, &segment->ring, &slot, &word) && nobody_submits(member))
		(void)ring_withdraw(slot, word);
	/* Wake workers again if a task is READY: a wild task may have lost them their wake-up. */
	if (ring_has_ready(&segment->ring))
		workers_ring(segment);
	pthread_mutex_lock(&member->openings.lock);
	for (struct sheaf_batch *batch = member->openings.batches; batch; batch = batch->next) {
		tell_shortest(batch);
		if (load_relaxed(&batch->shared->opener) != HELD_BY(member->name))
			store_relaxed(&batch->shared->opener, HELD_BY(member->name));
	}
	pthread_mutex_unlock(&member->openings.lock);
}

void batch_limit(struct sheaf_batch *batch, uint64_t limit_ns)
{
	struct member *member = batch->member;
	uint64_t tick;

	if (!limit_ns)
		return;
	pthread_mutex_lock(&member->openings.lock);
	if (!batch->shortest_ns || limit_ns < batch->shortest_ns) {
		batch->shortest_ns = limit_ns;
		tell_shortest(batch);
	}
	pthread_mutex_unlock(&member->openings.lock);
	tick = load_seq_cst(&member->segment->control->tick_ns);
	/* It wakes by itself often enough for long limits. */
	if (limit_ns / 2 < os_parent_check_ns() && (!tick || tick > limit_ns / 2))
		member->ops->nudge(member);
}

void batch_limit_undo(struct sheaf_batch *batch, uint64_t shortest_ns)
{
	struct member *member = batch->member;

	if (batch->shortest_ns == shortest_ns) /* only this thread's call changes it */
		return;
	pthread_mutex_lock(&member->openings.lock);
	batch->shortest_ns = shortest_ns;
	tell_shortest(batch);
	pthread_mutex_unlock(&member->openings.lock);
}

/* Cleared but for its lock. Under the lock. */
static struct sheaf_batch *take_memory(struct member *member)
{
	struct sheaf_batch *batch = member->openings.spare;

	member->openings.spare = NULL;
	if (!batch && (batch = handles_take(&batch_handles)))
		pthread_mutex_init(&batch->lock, NULL);
	if (batch)
		batch->next = NULL;
	return batch;
}

/* From here on nobody may use its lock. */
static void give_memory(struct sheaf_batch *batch)
{
	pthread_mutex_destroy(&batch->lock);
	handles_keep(&batch_handles, batch);
}

/* Under the lock. */
static void discard(struct member *member, struct sheaf_batch *batch)
{
	memset(batch, 0, offsetof(struct sheaf_batch, lock));
	batch->member = &member_dead;
	if (!member->openings.spare)
		member->openings.spare = batch;
	else
		give_memory(batch);
}

void batch_drop_spare(struct member *member)
{
	if (member->openings.spare)
		give_memory(member->openings.spare);
	member->openings.spare = NULL;
}

/* A task of another batch has run over a slot that was free. */
__attribute__((noinline)) static void repair(const struct segment *segment, struct shared_batch *batch)
{
	sem_init(&batch->bell, 1, 0);
	bells_seal(&batch->bell_seal, &batch->bell_end_seal);
	/* Relaxed, both: published by the ring slots that will name the batch (R1). */
	store_relaxed(&batch->waiter, WAIT_NOTHING);
	for (unsigned i = 0; i * 64 < segment->worker_count; i++)
		store_relaxed(&batch->inside[i], 0);
}

UNGUARDED int batch_open(struct sheaf_batch **out, struct member *member, const sheaf_batch_options *options)
{
	static const sheaf_batch_options defaults = {0};
	struct sheaf_batch *batch;
	uint64_t limit;
	int r = member_open(member);

	if (r)
		return r;
	if (!options)
		options = &defaults;
	pthread_mutex_lock(&member->openings.lock);
	batch = take_memory(member);
	if (!batch) {
		pthread_mutex_unlock(&member->openings.lock);
		return sheaf_fail(-ENOMEM, "no memory for a batch");
	}
	if ((r = take_slot(member, &batch->index))) {
		discard(member, batch);
		pthread_mutex_unlock(&member->openings.lock);
		return r;
	}
	batch->shared = &member->segment->batches[batch->index];
	if (!bells_whole(&batch->shared->bell_seal, &batch->shared->bell_end_seal) || !os_sem_whole(&batch->shared->bell))
		repair(member->segment, batch->shared);
	batch->member = member;
	batch->heap_id = heap_new_batch_id(member->segment);
	batch->ref = BATCH_REF(batch->index, batch->heap_id);
	batch->flags = options->flags | (member->checked ? BATCH_CHECKED : 0);
	batch->entries.stride = entry_stride(options->result_size);
	batch->shared->kind = KIND_CALLS;
	batch->shared->flags = batch->flags;
	batch->max_attempts = options->max_attempts ? options->max_attempts : member->segment->max_attempts;
	batch->shared->max_attempts = batch->max_attempts;
	batch->limit_ns = limit = limit_of(options->task_timeout_ns, member->limit_ns);
	/* As put() in submit.c. */
	if (batch->shared->limit_ns != limit)
		batch->shared->limit_ns = limit;
	batch->shared->heap_id = batch->heap_id;
	batch->result_size = options->result_size;
	batch->shared->out_size = options->result_size;
	/* Relaxed, all: published by the ring slots that name the batch (R1). */
	store_relaxed(&batch->shared->failures, 0);
	store_relaxed(&batch->shared->units, 0);
	store_relaxed(&batch->shared->word, BATCH_WORD(BATCH_OPEN, batch->heap_id));
	link_batch(member, batch);
	pthread_mutex_unlock(&member->openings.lock);
	batch_limit(batch, limit);
	*out = batch;
	return 0;
}

/* Has the workers that still run tasks of the batch killed. */
static void kill_runners(struct sheaf_batch *batch, struct shared_slot *slot, uint64_t bits)
{
	struct word w = word_unpack(bits);
	struct member *member = batch->member;
	unsigned generation;

	if (w.state != WORD_OWNED || w.seat >= member->segment->worker_count || bits != load_relaxed(&slot->word))
		return;
	generation = load_relaxed(&member->segment->seats[w.seat].generation);
	if ((generation & GENERATION_MASK) == w.generation)
		member->ops->kill(member, w.seat, generation);
}

/* Waits until the slot does not name the batch any more; withdraws the task if nobody has claimed it. */
static void clear_slot(struct sheaf_batch *batch, struct shared_slot *slot, uint64_t *grace_end)
{
	for (unsigned look = 0;; look++) {
		/* Acquire, pairs with ring_release() (R2): what the last task wrote comes before the batch is taken apart. */
		uint64_t bits = load_acquire(&slot->word);

		if (word_state(bits) != WORD_READY && word_state(bits) != WORD_OWNED)
			return;
		/* Acquire, pairs with the store in submit.c: who uses the slot by now came after our task (R2 -> A2). */
		if (load_acquire(&slot->batch) != batch->ref)
			return;
		if (word_state(bits) == WORD_READY) {
			if (ring_withdraw(slot, bits))
				return;
			continue;
		}
		if (look < LOOKS_BEFORE_SLEEP) {
			os_relax();
			continue;
		}
		if (member_look(batch->member, false) && batch->member->ops->ended(batch->member))
			return;
		if (!*grace_end) {
			*grace_end = sheaf_now_ns() + GRACE_NS;
		} else if (sheaf_now_ns() > *grace_end) {
			/* A wild task's word: nobody runs it, nobody dies with it, and no repair would come by. */
			if (segment_is_orphan(batch->member->segment, word_unpack(bits)) && ring_release(slot, bits))
				return;
			kill_runners(batch, slot, bits);
		}
		os_sleep_ns(NAP_NS);
	}
}

static void clear_ring(struct sheaf_batch *batch)
{
	struct segment *segment = batch->member->segment;
	uint64_t grace_end = 0;

	if (!batch->sent)
		return;
	if (batch->last_ticket - batch->first_ticket >= segment->ring.size)
		batch->first_ticket = batch->last_ticket - (segment->ring.size - 1);
	for (uint64_t t = batch->first_ticket, left = batch->last_ticket - t + 1; left; t++, left--)
		clear_slot(batch, &segment->ring.slots[t & (segment->ring.size - 1)], &grace_end);
}

static void free_parts(struct sheaf_batch *batch)
{
	while (batch->notes) {
		struct note *next = batch->notes->next;

		free(batch->notes);
		batch->notes = next;
	}
	order_free(&batch->order);
	free(batch->entries.stretches);
	free(batch->calls.open);
	free(batch->calls.ready);
	free(batch->view.taken);
	free(batch->view.failures);
	free(batch->results);
}

void batch_free(struct sheaf_batch *batch, bool abandon)
{
	struct member *member = batch->member;
	int cancel = cancel_refuse();

	if (!abandon) {
		/* Relaxed: workers see it sooner or later; clear_ring() waits for them. */
		store_relaxed(&batch->shared->word, BATCH_WORD(BATCH_CANCELLED, batch->heap_id));
		clear_ring(batch);
		room_ring(member->segment);
		/* Relaxed: counted before the slot was released. */
		if (load_relaxed(&batch->shared->units))
			heap_free_all(member->segment, batch->heap_id);
	}
	free_parts(batch);
	pthread_mutex_lock(&member->openings.lock);
	unlink_batch(member, batch);
	batch->shortest_ns = 0;
	tell_shortest(batch);
	leave_slot(member, batch);
	discard(member, batch);
	pthread_mutex_unlock(&member->openings.lock);
	cancel_allow(cancel);
}

int sheaf_batch_get_progress(sheaf_batch *batch, sheaf_progress *progress)
{
	struct segment *segment;
	int r;

	if (!batch || !progress)
		return sheaf_fail(-EINVAL, "sheaf_batch_get_progress: %s is NULL", batch ? "progress" : "batch");
	if ((r = batch_check(batch)))
		return r;
	segment = batch->member->segment;
	*progress = (sheaf_progress){0};
	pthread_mutex_lock(&batch->lock);
	if (batch->dense) {
		const struct plan *plan = &batch->plan;
		const _Atomic uint64_t *words = segment_at(segment, plan->words);

		progress->total = plan->n;
		/* Relaxed: a statistic. */
		for (uint64_t c = 0; c < plan->chunks; c++)
			if (word_state(load_relaxed(&words[c])) == WORD_DONE)
				progress->done += c + 1 < plan->chunks ? plan->chunk : plan->n - c * plan->chunk;
	} else {
		progress->total = batch->order.count;
		for (uint64_t i = 0; i < batch->order.count; i++)
			progress->done += word_state(load_relaxed(&batch_entry(batch, i)->word)) == WORD_DONE;
	}
	pthread_mutex_unlock(&batch->lock);
	return 0;
}

void sheaf_batch_retire(sheaf_batch *batch)
{
	/* In a forked child the memory belongs to the parent's pool, and one that is dead may be somebody else's by now: leave it alone. */
	if (batch && !batch_check(batch) && !member_check_process(batch->member))
		batch_free(batch, false);
}
