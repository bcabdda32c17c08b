/*
 * chunks.c - workers claim chunks of a dense batch.
 *
 * Who writes what   A chunk's word: READY -> OWNED -> DONE by workers, what a dead one left by the supervisor. A share's front: the
 *                   worker of that share; its back: raiders. inside: bit w by worker w, cleared for the dead by the supervisor.
 * Invariant         Every chunk is READY, OWNED by a worker that is inside, or DONE; of an OWNED chunk, the positions from its payload
 *                   to the owner's cursor are done.
 * Way               Each share has a contiguous range of chunks, which its worker claims from the front. Then it raids the other ranges
 *                   from their backs. Hints say where claimed chunks lie, so that nobody walks over them; a worker whose invitation
 *                   went through a death looks at every word instead (sweep), because only there a hint may be wrong.
 * Edges             C1 -> C2  READY -> OWNED after a repair: what was done of the chunk and its failure records.
 *                   P2 -> G2  DONE -> gather: hands over the chunk's results. G2 is in dense.c.
 * Deaths            While OWNED: the cursor tells the position in hand. It alone is suspect: done positions are not run again, and it
 *                   is given up after max_attempts. A range function does not tell, so after a death its chunk is WIDE: its positions
 *                   run singly, and the first that dies takes the blame for the death before.
 *                   The invitation stays OWNED until the worker leaves, so a dead worker's chunks always have somebody invited.
 */
#include "work/chunk.h"

#include "base/atomic.h"
#include "base/guard.h"
#include "base/number.h"
#include "queue/bell.h"
#include "queue/ring.h"
#include "segment/heap.h"

#include <errno.h>
#include <string.h>

/* Enough chunks that the last ones are short beside the whole, few enough that claiming them costs nothing. */
#define CHUNKS_PER_WORKER 64

struct cut chunks_cut(uint64_t n, uint64_t grain, unsigned workers)
{
	struct cut cut;
	uint64_t wanted = (uint64_t)workers * CHUNKS_PER_WORKER;

	cut.chunk = grain ? grain : n > wanted ? (n + wanted - 1) / wanted : 1;
	if (cut.chunk > n)
		cut.chunk = n ? n : 1;
	if (n / cut.chunk >= MAX_CHUNKS)
		cut.chunk = (n + MAX_CHUNKS - 1) / MAX_CHUNKS;
	/* The payload of a chunk's word counts its positions. */
	if (cut.chunk > WORD_PAYLOAD_MAX)
		cut.chunk = WORD_PAYLOAD_MAX;
	cut.chunks = n / cut.chunk + (n % cut.chunk != 0);
	cut.shares = cut.chunks < workers ? (uint32_t)cut.chunks : workers;
	cut.bytes = round_up(cut.chunks * sizeof(uint64_t), 64) + cut.shares * sizeof(struct shared_hint);
	return cut;
}

static _Atomic uint64_t *words_of(struct segment *segment, const struct shared_batch *batch)
{
	return segment_at(segment, batch->words);
}

static struct shared_hint *hints_of(struct segment *segment, const struct shared_batch *batch)
{
	return segment_at(segment, batch->hints);
}

static uint64_t range_of(uint64_t chunks, uint32_t shares, uint64_t share)
{
	uint64_t each = chunks / shares, rest = chunks % shares;

	return share * each + (share < rest ? share : rest);
}

static uint64_t range_begin(const struct shared_batch *batch, uint64_t share)
{
	return range_of(batch->chunks, batch->shares, share);
}

void chunks_init(struct segment *segment, const struct plan *plan)
{
	_Atomic uint64_t *words = segment_at(segment, plan->words);
	struct shared_hint *hints = segment_at(segment, plan->hints);

	/* Relaxed: published by the invitations (R1). */
	for (uint64_t c = 0; c < plan->chunks; c++)
		store_relaxed(&words[c], word_pack((struct word){.state = WORD_READY}));
	for (uint32_t s = 0; s < plan->shares && plan->chunks > FEW_CHUNKS; s++) {
		store_relaxed(&hints[s].front, range_of(plan->chunks, plan->shares, s));
		store_relaxed(&hints[s].back, range_of(plan->chunks, plan->shares, s + 1));
	}
}

/* ---- failure records ---- */

static int push_failure(struct segment *segment, uint64_t heap_id, struct shared_batch *batch, struct region *region,
			const struct shared_failure *record, const void *follows)
{
	struct shared_failure *failure;
	uint64_t offset, newest;
	uint64_t frames = record->frame_count * sizeof(uint64_t);
	int r = region_alloc_as(segment, heap_id, batch, region, sizeof(*record) + frames + record->text_size + 1, &offset);

	if (r)
		return r;
	failure = segment_at(segment, offset);
	*failure = *record;
	if (follows)
		memcpy(failure + 1, follows, frames + record->text_size);
	/* Relaxed: the value is only linked to. */
	newest = load_relaxed(&batch->failures);
	do
		failure->next = newest;
	/* Release: the record is written. Read by gatherers after the chunk's own edge (P2 -> G2). */
	while (!cas_weak_release(&batch->failures, &newest, offset));
	return 0;
}

struct chain chain_begin(const struct segment *segment, uint64_t newest)
{
	/* A record with its text's end takes two pieces of 64 bytes. */
	return (struct chain){.at = newest, .mark = newest, .power = 1, .most = heap_reach(segment) / 128};
}

bool chain_next(struct chain *chain, uint64_t next)
{
	if (!chain->most--)
		return false;
	chain->at = next;
	if (next && next == chain->mark)
		return false;
	if (++chain->steps == chain->power) {
		chain->mark = next;
		chain->steps = 0;
		chain->power *= 2;
	}
	return true;
}

/* The positions from @position to @end run again, so what the dead worker told of them counts no more. For the supervisor. */
static bool void_failures(struct segment *segment, struct shared_batch *batch, unsigned worker, uint64_t position, uint64_t end)
{
	/* Acquire, pairs with the push. */
	uint64_t newest = load_acquire(&batch->failures), at;

	for (struct chain chain = chain_begin(segment, newest); (at = chain.at);) {
		struct shared_failure *failure;

		if (at % 64 || at >= segment->size || !heap_contains(segment, segment_at(segment, at), sizeof(*failure)))
			return false;
		failure = segment_at(segment, at);
		/* Relaxed: read by gatherers after the chunk's edge (P2 -> G2). */
		if (failure->worker == worker && failure->position >= position && failure->position < end)
			store_relaxed(&failure->count, 0);
		if (!chain_next(&chain, failure->next))
			return false;
	}
	return true;
}

/* ---- workers ---- */

/*
 * What a run of items goes by, and nothing of it changes meanwhile. In memory that a fork clears: a child that returns from an item finds no
 * other one.
 */
struct items {
	uint64_t end;
	sheaf_task_fn *fn;
	uint64_t in_step, out_step;
	_Atomic uint64_t *cursor;
};

static_assert(sizeof(struct items) <= FORKS_PRIVATE, "it lies there");

struct visit {
	struct member *member;
	struct shared_batch *batch;
	struct shared_seat *seat;
	bool caller;                  /* the opener itself: see share_help() */
	struct shared_batch *callers; /* then the batch in the segment, and `batch` is a copy of its own */
	bool (*over)(const void *context);
	const void *context;
	_Atomic uint64_t *words;
	uint64_t claimant;
	unsigned forks;
	struct items *items;
	struct items own_items; /* of a thread among others */
	uint64_t chunk;         /* in hand, and its word */
	uint64_t bits;
	struct sheaf_task task;
};

/* Field by field: what a task or the text of its failure needs is set when it begins, and not cleared before. */
static void enter(struct visit *v, struct member *member, struct shared_batch *batch, bool caller)
{
	v->member = member;
	v->batch = batch;
	v->seat = member->seat;
	v->caller = caller;
	v->words = words_of(member->segment, batch);
	v->claimant = member->claimant;
	v->forks = member->forks;
	v->items = member->forks_private ? member->forks_private : &v->own_items;
	v->items->cursor = &member->seat->cursor;
	v->task.member = member;
	v->task.batch = batch;
	v->task.of_map = true;
	v->task.data = 0; /* no item has any, and SHEAF_CHECK looks */
	v->task.text_size = 0;
}

/* Tells that @count positions from @position on failed. Without memory for that the whole chunk is marked, at once: we may die. */
__attribute__((noinline)) static void report(struct visit *v, uint64_t position, uint64_t count, int status)
{
	struct member *member = v->member;
	struct shared_failure record = {
		.position = position,
		.count = count,
		.status = status,
		.exit_code = -1,
		.pid = member->pid,
		.attempts = v->task.attempt,
		.worker = member->number,
		.text_size = v->task.text_size,
	};
	uint64_t lost = v->bits | (uint64_t)WORD_LOST << WORD_FLAGS_AT;

	if (!push_failure(member->segment, v->batch->heap_id, v->caller ? v->callers : v->batch,
			  member_region(member, v->batch), &record, v->task.text))
		return;
	/* Relaxed: ours until it is DONE. */
	cas_relaxed(&v->words[v->chunk], &v->bits, lost);
	v->bits = lost;
}

/*
 * Is the time of this run wanted? Where there is a limit, and after a death, so that the last one can tell how long it took: all other
 * items are spared the clock.
 */
static bool timed(const struct shared_batch *batch, unsigned attempt)
{
	return batch->limit_ns || attempt > 1 || batch->max_attempts == 1;
}

/* Sets the position in hand before the task runs, so that a death names it. Relaxed: the process's own order is what a kill cuts. */
static void take_in_hand(struct visit *v, uint64_t position, unsigned attempt)
{
	store_relaxed(&v->seat->cursor, position);
	v->task.position = position;
	v->task.attempt = attempt;
	v->task.text_size = 0;
}

/* run_map() with a reading of the clock, as long as that is wanted. How far it came. */
__attribute__((noinline)) static uint64_t run_map_timed(struct visit *v, uint64_t begin, uint64_t end, unsigned attempt,
							const unsigned char *in, unsigned char *out)
{
	struct shared_batch *batch = v->batch;
	uint64_t p = begin;

	for (; p < end && timed(batch, attempt); p++, attempt = 1) {
		int r;

		take_in_hand(v, p, attempt);
		task_hold(v->seat, sheaf_now_ns(), batch->limit_ns);
		r = ((sheaf_task_fn *)(uintptr_t)batch->function)(&v->task, in ? in + p * batch->in_size : NULL,
								  out ? out + p * batch->out_size : NULL);
		task_returned(v->forks);
		output_look(); /* the next one may be killed */
		task_hold(v->seat, 0, 0);
		if (r)
			report(v, p, 1, task_status(&v->task, r));
	}
	return p;
}

/* Runs positions [begin, end) of a chunk. The first is in its @attempt-th run, those behind in their first. */
static void run_map(struct visit *v, uint64_t begin, uint64_t end, unsigned attempt)
{
	struct shared_batch *batch = v->batch;
	struct items *items = v->items;
	unsigned char *first_in = batch->in ? segment_at(v->member->segment, batch->in) : NULL;
	unsigned char *first_out = batch->out ? segment_at(v->member->segment, batch->out) : NULL;
	uint64_t p = begin;
	uintptr_t in, out; /* numbers, as NULL moves on by 0 like the others */

	if (timed(batch, attempt))
		p = run_map_timed(v, begin, end, attempt, first_in, first_out);
	/* What no item changes is set once, and arrays that are not there have steps of 0: this loop is what a map costs. */
	items->in_step = first_in ? batch->in_size : 0;
	items->out_step = first_out ? batch->out_size : 0;
	items->fn = (sheaf_task_fn *)(uintptr_t)batch->function;
	items->end = end;
	in = (uintptr_t)first_in + p * items->in_step;
	out = (uintptr_t)first_out + p * items->out_step;
	v->task.attempt = 1;
	v->task.text_size = 0;
	for (; p < items->end; p++, in += items->in_step, out += items->out_step) {
		int r;

		/* Relaxed, and before the task runs: as in take_in_hand(). */
		store_relaxed(items->cursor, p);
		v->task.position = p;
		r = items->fn(&v->task, (const void *)in, (void *)out);
		if (r) {
			task_returned(v->forks);
			report(v, p, 1, task_status(&v->task, r));
			v->task.text_size = 0;
		}
	}
	task_returned(v->forks);
}

/* Not inlined: what it keeps in registers, try_chunk() would save for each chunk of a map. */
__attribute__((noinline)) static void run_range(struct visit *v, uint64_t begin, uint64_t end, struct word w)
{
	struct shared_batch *batch = v->batch;
	sheaf_range_fn *fn = (sheaf_range_fn *)(uintptr_t)batch->function;
	void *context = batch->in ? segment_at(v->member->segment, batch->in) : NULL;
	bool singly = w.attempt > 1 || w.flags & WORD_WIDE;
	unsigned attempt = w.attempt;

	for (uint64_t p = begin; p < end; p = singly ? p + 1 : end) {
		uint64_t to = singly ? p + 1 : end;
		bool clocked = timed(batch, attempt);
		int r;

		take_in_hand(v, p, attempt);
		if (clocked)
			task_hold(v->seat, sheaf_now_ns(), batch->limit_ns);
		r = fn(&v->task, p, to, context);
		task_returned(v->forks);
		if (clocked)
			task_hold(v->seat, 0, 0);
		if (r)
			report(v, p, to - p, task_status(&v->task, r));
		attempt = w.flags & WORD_WIDE ? w.attempt : 1;
	}
}

/* May the owner run this READY chunk? Only if nobody has begun it. Not inlined: what it needs, workers would keep in registers. */
__attribute__((noinline)) static bool callers_turn(const struct visit *v, uint64_t bits)
{
	return bits == word_pack((struct word){.state = WORD_READY}) && !v->over(v->context);
}

/* Claims and runs a chunk if it is READY. */
UNGUARDED static void try_chunk(struct visit *v, uint64_t c)
{
	struct shared_batch *batch = v->batch;
	/* Relaxed: only a look; the CAS decides. */
	uint64_t bits = load_relaxed(&v->words[c]), begin, end;
	struct word w;

	if (word_state(bits) != WORD_READY)
		return;
	w = word_unpack(bits);
	if (v->caller && !callers_turn(v, bits))
		return;
	v->bits = word_claim(bits, v->claimant);
	w.attempt++;
	/* C2, pairs with C1. */
	if (!cas_acquire(&v->words[c], &bits, v->bits))
		return;
	v->chunk = c;
	begin = c * batch->chunk;
	end = batch->n - begin < batch->chunk ? batch->n : begin + batch->chunk;
	begin += w.payload;
	if (batch->kind == KIND_MAP)
		run_map(v, begin, end, w.attempt);
	else
		run_range(v, begin, end, w);

	bits = v->bits;
	/* P2, pairs with G2. Seq_cst: we look for a gatherer next. */
	cas_seq_cst(&v->words[c], &bits, word_done(bits));
	gatherer_ring(batch, WAIT_CHUNK(c));
	/* Relaxed: a sign of progress, written by us alone. */
	store_relaxed(&v->seat->completed, load_relaxed(&v->seat->completed) + 1);
}

/* Is there no use in beginning another chunk? */
static bool cancelled(const struct segment *segment, const struct shared_batch *batch)
{
	/* Relaxed, both: a chunk more or less does not matter; whoever cancels waits for our slot. */
	return BATCH_STATE(load_relaxed(&batch->word)) != BATCH_OPEN || load_relaxed(&segment->control->state) > POOL_FINISHED;
}

/* All relaxed: hints. */
static void walk_own_range(struct visit *v, uint64_t share)
{
	struct shared_hint *hint = &hints_of(v->member->segment, v->batch)[share];
	uint64_t end = range_begin(v->batch, share + 1);

	for (uint64_t c = load_relaxed(&hint->front); c < end && !cancelled(v->member->segment, v->batch); c++) {
		if (c >= load_relaxed(&hint->back))
			break;
		store_relaxed(&hint->front, c + 1);
		try_chunk(v, c);
	}
}

static void raid(struct visit *v, uint64_t share)
{
	struct shared_hint *hint = &hints_of(v->member->segment, v->batch)[share];

	while (!cancelled(v->member->segment, v->batch)) {
		uint64_t back = load_relaxed(&hint->back);

		if (back <= load_relaxed(&hint->front))
			break;
		/* A wild task wrote that: there are no such chunks. */
		if (back > v->batch->chunks)
			break;
		/* Whoever moves the hint tries the chunk. */
		if (cas_relaxed(&hint->back, &back, back - 1))
			try_chunk(v, back - 1);
	}
}

static void walk(struct visit *v, uint64_t share)
{
	uint64_t chunks = v->batch->chunks, first = range_begin(v->batch, share);

	for (uint64_t i = 0; chunks <= FEW_CHUNKS && i < chunks && !cancelled(v->member->segment, v->batch); i++)
		try_chunk(v, first + i < chunks ? first + i : first + i - chunks);
	if (chunks <= FEW_CHUNKS)
		return;
	walk_own_range(v, share);
	for (uint64_t i = 1; i < v->batch->shares; i++)
		raid(v, (share + i) % v->batch->shares);
}

/* True if nobody is left inside. */
static bool leave(struct visit *v)
{
	struct shared_batch *batch = v->batch;
	unsigned i = v->member->number / 64;
	uint64_t bit = UINT64_C(1) << v->member->number % 64;

	/* Seq_cst: of two that leave at once, the second sees that nobody is left; and it looks for the gatherer next. */
	if (fetch_and_seq_cst(&batch->inside[i], ~bit) != bit)
		return false;
	for (i = 0; i * 64 < v->member->segment->worker_count; i++)
		if (load_seq_cst(&batch->inside[i]))
			return false;
	return true;
}

UNGUARDED void share_run(struct member *member, struct shared_slot *slot, uint64_t word)
{
	struct segment *segment = member->segment;
	struct shared_batch *batch = &segment->batches[BATCH_INDEX(load_relaxed(&slot->batch))];
	uint64_t share = slot->target;
	bool last = false;
	struct visit v;

	/* Where the words of most batches are: under way while the batch's own lines come. */
	__builtin_prefetch(batch->table, 1);
	enter(&v, member, batch, false);
	/* There is no such share only if a wild task wrote over the slot: its hints would lie in somebody else's words. */
	if (!cancelled(segment, batch) && share < batch->shares) {
		/* Relaxed: of an earlier batch; the supervisor reads it only after our death. */
		store_relaxed(&v.seat->cursor, CURSOR_NONE);
		task_hold(v.seat, 0, 0);
		/* Relaxed: a gatherer that does not see it yet looks at the words; leave() gets the newest value whatever the order. */
		fetch_or_relaxed(&batch->inside[member->number / 64], UINT64_C(1) << member->number % 64);
		if (word_unpack(word).attempt > 1) {
			for (uint64_t c = 0; c < batch->chunks && !cancelled(segment, batch); c++)
				try_chunk(&v, c);
		} else {
			walk(&v, share);
		}
		last = leave(&v);
	}
	member->clock_ns = 0;
	task_give_back(slot, word);
	/* Only now, as in call_run(). */
	if (last)
		gatherer_ring(batch, WAIT_ALL);
	room_ring(segment);
}

void share_help(struct member *owner, struct shared_batch *batch, const struct plan *plan, uint64_t heap_id,
		bool (*over)(const void *context), const void *context)
{
	struct member member;    /* as which this thread runs tasks, in the owner's seat */
	struct shared_batch own; /* what the owner goes by, and calls; all that share_help() comes to is filled in */
	struct visit v;

	member_sit(&member, owner->segment, owner->number, owner->generation, owner->pid, NULL);
	/* Relaxed, both: nobody else sees it. @over tells when the batch is to end, and there is no gatherer to ring but the caller. */
	store_relaxed(&own.word, BATCH_OPEN);
	store_relaxed(&own.waiter, WAIT_NOTHING);
	own.kind = plan->kind;
	own.max_attempts = own.flags = 0; /* the clock is read for nothing */
	own.limit_ns = 0;
	own.shares = plan->shares;
	own.heap_id = heap_id;
	own.function = plan->function;
	own.in = plan->in;
	own.in_size = plan->in_size;
	own.out = plan->out;
	own.out_size = plan->out_size;
	own.n = plan->n;
	own.chunk = plan->chunk;
	own.chunks = plan->chunks;
	own.words = plan->words;
	own.hints = plan->hints;
	own.checked = plan->checked;
	enter(&v, &member, &own, true);
	v.callers = batch;
	v.over = over;
	v.context = context;
	walk(&v, CALLERS_SHARE);
}

/* ---- the supervisor ---- */

/* The word of a chunk after its owner's death, and the positions that have to be given up. */
struct verdict {
	struct word word;
	uint64_t hand;        /* payload: positions below are done */
	uint64_t failed_from; /* payload */
	uint64_t failed_count;
	unsigned attempts;
};

static struct verdict judge(const struct shared_batch *batch, struct word w, uint64_t begin, uint64_t size, uint64_t cursor,
			    const struct death *death)
{
	bool wide = w.flags & WORD_WIDE, singly = batch->kind == KIND_MAP || wide || w.attempt > 1;
	/* A cursor outside of what the owner had to do is of another chunk: it died before it took anything in hand. */
	uint64_t hand = cursor >= begin + w.payload && cursor < begin + size ? cursor - begin : w.payload;
	struct verdict v = {.word = {.state = WORD_READY, .flags = w.flags & WORD_LOST}, .hand = hand};

	v.attempts = hand == w.payload || wide ? w.attempt : 1;
	/* A whole range that was late: each of its positions gets the time for itself. */
	if (death->late && !singly) {
		v.word.attempt = v.attempts - 1;
		v.word.payload = hand;
		v.word.flags |= WORD_WIDE;
		return v;
	}
	if (!death->late && (death->innocent || v.attempts < batch->max_attempts)) {
		v.word.attempt = v.attempts - death->innocent;
		v.word.payload = hand;
		if (death->innocent ? wide : !singly)
			v.word.flags |= WORD_WIDE;
		return v;
	}
	v.failed_from = hand;
	v.failed_count = singly ? 1 : size - hand;
	v.word.payload = hand + v.failed_count;
	if (v.word.payload >= size) {
		v.word.state = WORD_DONE;
		v.word.payload = 0;
		v.word.seat = w.seat;
		v.word.generation = w.generation;
		v.word.attempt = v.attempts;
	} else if (death->late && batch->kind == KIND_FOR) {
		v.word.flags |= WORD_WIDE;
	}
	return v;
}

/* What the supervisor goes by, read once: a wild task may have written over the batch. */
struct shape {
	_Atomic uint64_t *words;
	uint64_t n, chunk, chunks;
};

/* False: no batch has such a shape. */
static bool take_shape(struct segment *segment, const struct shared_batch *batch, struct shape *shape)
{
	uint64_t at = batch->words, bytes;

	*shape = (struct shape){.n = batch->n, .chunk = batch->chunk, .chunks = batch->chunks};
	bytes = shape->chunks * sizeof(uint64_t);
	if (shape->n > MAX_POSITIONS || !shape->chunk || shape->chunk > WORD_PAYLOAD_MAX || shape->chunks > MAX_CHUNKS ||
	    shape->chunks != shape->n / shape->chunk + (shape->n % shape->chunk != 0) || at % 64 || at >= segment->size)
		return false;
	shape->words = segment_at(segment, at);
	return at == segment_offset(segment, batch->table) ? bytes <= BATCH_INLINE
							   : heap_contains(segment, shape->words, bytes);
}

bool share_repair(struct segment *segment, struct shared_slot *slot, uint64_t word, const struct death *death,
		  struct region *region)
{
	struct shared_batch *batch = &segment->batches[BATCH_INDEX(load_relaxed(&slot->batch))];
	struct shape shape;
	bool sound = take_shape(segment, batch, &shape);
	/* Relaxed, all: the dead worker's writes are visible to who waited for its death, and nobody else writes its words. */
	uint64_t cursor = load_relaxed(&segment->seats[death->seat].cursor);

	for (uint64_t c = 0; sound && c < shape.chunks; c++) {
		uint64_t bits = load_relaxed(&shape.words[c]), begin = c * shape.chunk, size;
		struct word w = word_unpack(bits);
		struct verdict v;

		if (w.state != WORD_OWNED || word_name(bits) != seat_name(death->seat, death->generation))
			continue;
		size = shape.n - begin < shape.chunk ? shape.n - begin : shape.chunk;
		sound = w.payload < size;
		if (!sound)
			break;
		v = judge(batch, w, begin, size, cursor, death);
		sound = void_failures(segment, batch, death->seat, begin + v.hand, begin + size);
		if (v.failed_count) {
			struct shared_failure record = {
				.position = begin + v.failed_from,
				.count = v.failed_count,
				.status = death->late ? -ETIMEDOUT : -ECHILD,
				.signal = death->signal,
				.exit_code = death->exit_code,
				.pid = death->pid,
				.attempts = v.attempts,
				.worker = death->seat,
				.frame_count = death->frame_count,
				.started_ns = death->started_ns,
				.finished_ns = death->ended_ns,
				.address = death->address,
				.way = death->way,
			};

			if (push_failure(segment, batch->heap_id, batch, region, &record, death->frames))
				v.word.flags |= WORD_LOST;
			/* Relaxed: a statistic. */
			fetch_add_relaxed(&segment->control->given_up, v.failed_count);
		}
		/* C1, pairs with C2; or P2, pairs with G2. Everybody is rung after the repair, so there is no handshake. */
		cas_release(&shape.words[c], &bits, word_pack(v.word));
	}
	/* Relaxed, for the same reason. */
	fetch_and_relaxed(&batch->inside[death->seat / 64], ~(UINT64_C(1) << death->seat % 64));
	/* One attempt begun: whoever takes the invitation looks at every word. The count itself means nothing here. */
	return (sound ? ring_return(slot, word, 1) : ring_release(slot, word)) && sound;
}

bool share_is_told(struct segment *segment, const struct shared_slot *slot)
{
	/* Relaxed, both: nothing that they hand over is read. */
	struct shared_batch *batch = &segment->batches[BATCH_INDEX(load_relaxed(&slot->batch))];
	struct shape shape;

	if (!take_shape(segment, batch, &shape))
		return false;
	for (uint64_t c = 0; c < shape.chunks; c++)
		if (word_state(load_relaxed(&shape.words[c])) != WORD_DONE)
			return false;
	return true;
}
