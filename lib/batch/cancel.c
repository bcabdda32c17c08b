/*
 * cancel.c - sheaf_cancel() and sheaf_batch_cancel(): tell what is cancelled, and have workers
 * killed that run it.
 *
 * Writers           The batch's word, `stop` of a dense batch, WORD_CANCELLED in entries: the
 *                   opener. What nobody has begun is ended by withdraw.c.
 * Deaths            Of the opener: its batches end with it. Of a worker that runs a cancelled
 *                   position: settle.c ends the position.
 */
#include "base/error.h"
#include "batch/open.h"
#include "batch/window.h"
#include "batch/withdraw.h"
#include "member/wait.h"
#include "queue/bell.h"
#include "work/cut.h"

#include <errno.h>

#define NAP_NS 200000

/* ---- one submitted task ---- */

/* The opener ends one task, and waits for that if a worker runs it. */
struct ending {
	struct sheaf_batch *batch;
	struct shared_entry *entry;
	struct search all; /* slots where the task may be */
	bool never_ran;
	uint64_t owned; /* the word of a slot or a chunk whose worker runs it; 0: no worker does */
	bool killed;    /* one was told to die */
};

static bool is_told(const struct shared_entry *entry)
{
	/* CALL1. Acquire: else the caller could read what was in the entry before. */
	return word_state(load_acquire(&entry->word)) == WORD_DONE;
}

/* End the task if nobody has claimed it. True: it is done. Under the batch's lock. */
static bool end_task(struct ending *ending)
{
	struct sheaf_batch *batch = ending->batch;
	uint64_t target = segment_offset(batch->segment, ending->entry), bits;
	struct search search = ending->all;
	struct shared_slot *slot;

	ending->owned = 0;
	while (!is_told(ending->entry) && withdraw_next(batch, &search, &slot, &bits)) {
		/* Relaxed: handed over by the word. */
		if (load_relaxed(&slot->target) != target)
			continue;
		if (word_state(bits) == WORD_OWNED)
			ending->owned = bits;
		else
			ending->never_ran = withdraw_task(batch, slot, bits);
	}
	return is_told(ending->entry);
}

/* Does the owner run it? Nobody can kill that. */
static bool is_owners(const struct ending *ending)
{
	return ending->owned && word_unpack(ending->owned).seat >= ending->batch->segment->worker_count;
}

static bool end_task_later(void *context)
{
	struct ending *ending = context;
	bool done;

	pthread_mutex_lock(&ending->batch->lock);
	done = end_task(ending) || is_owners(ending);
	pthread_mutex_unlock(&ending->batch->lock);
	return done;
}

static int kill_again(void *context, bool late)
{
	struct ending *ending = context;

	(void)late;
	if (ending->owned) {
		ending->killed = true;
		member_kill(ending->batch->member, ending->owned);
	}
	return 0;
}

/* Wait until the worker has died or the position is done. */
static int wait_for_end(struct ending *ending, bool (*ended)(void *context))
{
	struct wait wait = {
		.context = ending,
		.ready = ended,
		.doubt = kill_again,
		.sleeper = {.nap_ns = NAP_NS},
		.sleep = true,
		.deaf = true,
	};

	return member_wait(ending->batch->member, &wait, SHEAF_FOREVER);
}

/*
 * Say that the task must not run again. If a death returns it to the ring, the worker that claims
 * it reads this.
 */
static void flag_entry(struct shared_entry *entry)
{
	uint64_t bits = load_relaxed(&entry->word);

	/* Relaxed: it is the flag that counts, and a run that has begun before is let finish. */
	while (word_state(bits) == WORD_READY)
		if (cas_weak_relaxed(&entry->word, &bits, bits | (uint64_t)WORD_CANCELLED << WORD_FLAGS_AT))
			return;
}

/* Under the batch's lock. As sheaf_cancel(). */
static int cancel_task(struct sheaf_batch *batch, uint64_t index, unsigned flags)
{
	struct ending ending = {.batch = batch, .entry = batch_entry(batch, index), .all = withdraw_begin(batch)};
	int r;

	if (is_told(ending.entry))
		return SHEAF_WAS_DONE;
	if (!end_task(&ending))
		flag_entry(ending.entry);
	if (ending.never_ran)
		return SHEAF_NEVER_RAN;
	if (is_told(ending.entry))
		return SHEAF_WAS_DONE;
	if (!(flags & SHEAF_KILL) || batch->segment->threaded)
		return SHEAF_RUNS_ON;
	/* Meanwhile the entry must not become that of another task. */
	if (batch->window)
		batch->window->places[index].watched++;
	pthread_mutex_unlock(&batch->lock);
	r = wait_for_end(&ending, end_task_later);
	pthread_mutex_lock(&batch->lock);
	if (batch->window)
		batch->window->places[index].watched--;
	if (r)
		return r;
	if (!is_told(ending.entry))
		return SHEAF_RUNS_ON;
	return ending.entry->status == -ECANCELED ? SHEAF_WAS_KILLED : SHEAF_WAS_DONE;
}

/* ---- positions of a dense batch ---- */

/*
 * If a fresh chunk of a map has positions that were cancelled and others, take that sign from it,
 * because a worker that claims a fresh one does not check for it. WORD_WIDE changes nothing for a
 * map.
 */
static uint64_t chunk_marked(const struct sheaf_batch *batch, uint64_t ready)
{
	return batch->plan.kind == KIND_MAP && ready == CHUNK_FRESH ? ready | (uint64_t)WORD_WIDE << WORD_FLAGS_AT : ready;
}

struct chunk_ending {
	struct ending ending; /* the first */
	uint64_t chunk;
	uint64_t claim; /* the word that it had; 0: not seen yet */
};

/* Is the batch what the worker has in hand, so that its cursor tells of it? A hint. */
static bool is_in_hand(const struct sheaf_batch *batch, unsigned seat)
{
	const struct segment *segment = batch->segment;
	/* Relaxed, both: the worker may go on meanwhile, and then knows what is cancelled. */
	uint64_t from = load_relaxed(&segment->seats[seat].hand) - segment_offset(segment, segment->slots);
	uint64_t i = from / sizeof(struct shared_slot);

	return i < segment_slots(segment) && load_relaxed(&segment->slots[i].batch) == batch->ref;
}

/* Is there no worker to kill, and none to wait for? If there is one, note its word. */
static bool end_chunk(void *context)
{
	struct chunk_ending *one = context;
	struct sheaf_batch *batch = one->ending.batch;
	_Atomic uint64_t *word = batch_chunk(batch, one->chunk);
	uint64_t bits = load_acquire(word), cursor;
	struct word w;

	one->ending.owned = 0;
	/*
	 * What stays READY is marked, or written again as it is. CHUNK1. Release: else the worker
	 * that claims it next could read an older `stop`, and begin what is told never to have run.
	 */
	for (; word_state(bits) == WORD_READY; bits = load_acquire(word)) {
		uint64_t ready = bits;

		if (withdraw_chunk(batch, one->chunk, bits) || cas_release(word, &ready, chunk_marked(batch, bits)))
			return true;
	}
	w = word_unpack(bits);
	if (w.state != WORD_OWNED || w.seat >= batch->segment->worker_count)
		return true;
	/* A worker that has claimed it since then knows what is cancelled. */
	if (one->claim && one->claim != bits)
		return true;
	one->claim = bits;
	/*
	 * Do not wait for an item of a map that was not cancelled: it may never end, and the worker
	 * stops behind it. A loop does not tell where it is, nor does an item that waits for its
	 * own work. Relaxed: what the worker runs later, it has checked.
	 */
	cursor = load_relaxed(&batch->segment->seats[w.seat].cursor);
	if (batch->shared->kind != KIND_FOR && is_in_hand(batch, w.seat) && cursor / batch->plan.chunk == one->chunk &&
	    !position_is_cancelled(batch->shared, cursor))
		return true;
	one->ending.owned = bits;
	return false;
}

/* End the cancelled positions of a chunk that is not DONE. As sheaf_cancel(). */
static int cancel_in_chunk(struct sheaf_batch *batch, uint64_t c, bool kill)
{
	struct chunk_ending one = {.ending.batch = batch, .chunk = c};
	uint64_t bits;
	int r;

	if (end_chunk(&one)) {
		/* Relaxed: only the state counts. */
		bits = load_relaxed(batch_chunk(batch, c));
		if (word_state(bits) == WORD_OWNED)
			return SHEAF_RUNS_ON; /* by the opener, or claimed since then */
		return word_state(bits) == WORD_READY || word_is_cut(bits) ? SHEAF_NEVER_RAN : SHEAF_WAS_DONE;
	}
	if (!kill)
		return SHEAF_RUNS_ON;
	pthread_mutex_unlock(&batch->lock);
	r = wait_for_end(&one.ending, end_chunk);
	pthread_mutex_lock(&batch->lock);
	if (r)
		return r;
	/* Acquire: as above. */
	bits = load_acquire(batch_chunk(batch, c));
	if (word_state(bits) == WORD_DONE && !word_is_cut(bits))
		return SHEAF_RUNS_ON; /* it was quicker */
	return one.ending.killed ? SHEAF_WAS_KILLED : SHEAF_NEVER_RAN;
}

/* As sheaf_cancel(), from @position on. Under the batch's lock, given up while it waits. */
static int cancel_positions(struct sheaf_batch *batch, uint64_t position, unsigned flags)
{
	const struct plan *plan = &batch->plan;
	bool kill = flags & SHEAF_KILL && !batch->segment->threaded;
	int found = SHEAF_WAS_DONE;

	/* Seq_cst, pairs with withdraw_chunk(): for a gatherer that has announced its sleep. */
	if (position < load_relaxed(&batch->shared->stop))
		store_seq_cst(&batch->shared->stop, position);
	gatherer_ring_always(batch->segment, batch->shared);
	for (uint64_t c = position / plan->chunk; c < plan->chunks; c++) {
		int r;

		/* Relaxed: only the state counts. */
		if (word_state(load_relaxed(batch_chunk(batch, c))) == WORD_DONE)
			continue;
		if ((r = cancel_in_chunk(batch, c, kill)) < 0)
			return r;
		if (r > found)
			found = r;
	}
	return found;
}

/* ---- the calls ---- */

static int check_flags(const char *call, unsigned flags)
{
	return flags & ~(unsigned)SHEAF_KILL ? sheaf_fail(-EINVAL, "%s: flags is %#x: unknown flags", call, flags) : 0;
}

static int cancel_one(struct sheaf_batch *batch, uint64_t position, unsigned flags)
{
	uint64_t index;

	if (batch_is_dense(batch)) {
		if (position < batch->plan.n)
			return cancel_positions(batch, position, flags);
	} else if (batch->window ? window_find(batch->window, position, &index) : order_find(&batch->order, position, &index)) {
		return cancel_task(batch, index, flags);
	}
	return sheaf_fail(-ENOENT, "sheaf_cancel: the batch has no position %llu", (unsigned long long)position);
}

int sheaf_cancel(sheaf_batch *batch, uint64_t position, unsigned flags)
{
	int r;

	if (!batch)
		return sheaf_fail(-EINVAL, "sheaf_cancel: batch is NULL");
	if ((r = check_flags("sheaf_cancel", flags)) || (r = batch_check(batch)) ||
	    (r = flags ? member_may_kill(batch->segment, "sheaf_cancel", "SHEAF_KILL") : 0))
		return r;
	pthread_mutex_lock(&batch->lock);
	r = cancel_one(batch, position, flags);
	pthread_mutex_unlock(&batch->lock);
	return r;
}

/* Have the workers killed that run tasks of the batch. What they run is not run again. */
static void kill_all(struct sheaf_batch *batch)
{
	struct search search = withdraw_begin(batch);
	struct shared_slot *slot;
	uint64_t bits;

	while (!batch_is_dense(batch) && withdraw_next(batch, &search, &slot, &bits))
		if (word_state(bits) == WORD_OWNED)
			member_kill(batch->member, bits);
	for (uint64_t c = 0; batch_is_dense(batch) && c < batch->plan.chunks; c++) {
		/* Relaxed: the supervisor compares the generation again. */
		bits = load_relaxed(batch_chunk(batch, c));
		if (word_state(bits) == WORD_OWNED)
			member_kill(batch->member, bits);
	}
}

int sheaf_batch_cancel(sheaf_batch *batch, unsigned flags)
{
	int r;

	if (!batch)
		return sheaf_fail(-EINVAL, "sheaf_batch_cancel: batch is NULL");
	if ((r = check_flags("sheaf_batch_cancel", flags)) || (r = batch_check(batch)) ||
	    (r = flags ? member_may_kill(batch->segment, "sheaf_batch_cancel", "SHEAF_KILL") : 0))
		return r;
	pthread_mutex_lock(&batch->lock);
	batch->cancelled = true;
	cancel_batch(batch->segment, batch->shared, batch->heap_id);
	room_ring_all(batch->segment); /* for its own submitters */
	if (flags & SHEAF_KILL)
		kill_all(batch);
	pthread_mutex_unlock(&batch->lock);
	return 0;
}
