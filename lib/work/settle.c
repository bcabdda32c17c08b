/*
 * settle.c - applies the policy of blame.h to one slot of a dead member.
 *
 * Writers           All that names the dead member: the supervisor alone, after the kernel has told
 *                   of the death. So its loads are relaxed: it has waited for the death, and sees
 *                   all that the dead member wrote.
 * Trust             A wild task may have written over the slot or its batch. Each number is read
 *                   once, checked, and then used. A batch is reached only through a slot that the
 *                   dead member owns, because such a slot keeps the batch from being retired.
 * Edges             For an entry that fails, CALL1 is in call.c. For chunks, CHUNK1 and CHUNK2 are
 *                   in chunk.c.
 * Deaths            The supervisor dies in here: until the slot's last CAS the slot names the dead
 *                   member, and the successor settles it again, from the same words. A failure
 *                   record may then be there twice.
 */
#include "work/settle.h"

#include "base/atomic.h"
#include "queue/ring.h"
#include "segment/heap.h"
#include "work/call.h"
#include "work/cancel.h"
#include "work/cut.h"
#include "work/failure.h"

#include <errno.h>
#include <string.h>

/* Find the batch of a slot. NULL: there is no such batch. */
static struct shared_batch *batch_of(const struct segment *segment, const struct shared_slot *slot)
{
	uint32_t index = BATCH_INDEX(load_relaxed(&slot->batch));

	return index < segment_batches(segment) ? &segment->batches[index] : NULL;
}

/* Tell the status of a position that is not run again. @cancelled: that is why. */
static int status_after(const struct death *death, bool cancelled)
{
	return death->late ? -ETIMEDOUT : cancelled ? -ECANCELED : -ECHILD;
}

/* ---- submitted tasks ---- */

/* Store how the dead member ended, in words. Without memory they are lost. */
static void store_text(struct segment *segment, struct shared_batch *batch, const struct shared_slot *slot,
		       struct shared_entry *entry, const char *text, struct region *region)
{
	size_t size = strlen(text);
	uint64_t offset;

	entry->data = 0;
	entry->size = 0;
	if (region_alloc(segment, task_heap_id(batch, slot), batch, region, size + 1, &offset))
		return;
	memcpy(segment_at(segment, offset), text, size);
	entry->data = offset;
	entry->size = size;
}

/* Store the last words that the dead member left. Without memory they are lost. */
static void store_account(struct segment *segment, struct shared_batch *batch, const struct shared_slot *slot,
			  struct shared_entry *entry, const struct death *death, struct region *region)
{
	uint64_t size = death->frame_count * sizeof(*death->frames), offset;
	struct shared_account *account;

	entry->data = 0;
	entry->size = 0;
	if ((!size && !death->way) ||
	    region_alloc(segment, task_heap_id(batch, slot), batch, region, sizeof(*account) + size, &offset))
		return;
	account = segment_at(segment, offset);
	*account = (struct shared_account){.address = death->address, .way = death->way};
	if (size)
		memcpy(account + 1, death->frames, size);
	entry->data = offset;
	entry->size = death->frame_count;
}

/* False: the entry cannot be where the slot says, and the slot is free. */
static bool settle_call(struct segment *segment, struct shared_batch *batch, struct shared_slot *slot, uint64_t word,
			const struct death *death, struct region *region)
{
	uint64_t result_size = batch->out_size;
	struct shared_entry *entry = call_entry_at(segment, batch, load_relaxed(&slot->target), result_size);
	struct suspect suspect = suspect_call(word_unpack(word));
	struct verdict verdict = blame(&suspect, batch->max_attempts, death);
	enum batch_state state = BATCH_STATE(load_relaxed(&batch->word));
	struct word told;
	bool cancelled;

	if (!entry) {
		(void)ring_release(slot, word); /* damaged either way */
		return false;
	}
	told = word_unpack(load_relaxed(&entry->word));
	/* Perhaps it died after it had told of a failure, and before it could cancel the rest. */
	if (told.state == WORD_DONE && entry->status && entry->pid && state == BATCH_OPEN)
		cancel_after_failure(segment, batch);
	if ((state != BATCH_OPEN && state != BATCH_CANCELLED) || told.state != WORD_READY)
		return ring_release(slot, word);
	cancelled = state == BATCH_CANCELLED || told.flags & WORD_CANCELLED;
	if (!verdict.fails && !cancelled) {
		/* The next run finds its result zeroed, as the first did. */
		if (result_size)
			memset(call_result(entry, result_size), 0, result_size);
		return ring_return(slot, word, verdict.attempts);
	}
	entry->status = status_after(death, cancelled);
	entry->pid = death->pid;
	if (death->text)
		store_text(segment, batch, slot, entry, death->text, region);
	else
		store_account(segment, batch, slot, entry, death, region);
	entry->started_ns = death->started_ns;
	entry->finished_ns = death->ended_ns;
	entry->last.cause.signal = death->signal;
	entry->last.cause.exit_code = death->exit_code;
	call_publish(entry, word);
	/* Relaxed: a statistic. */
	fetch_add_relaxed(cancelled ? &segment->control->dropped : &segment->control->given_up, 1);
	if (!cancelled)
		cancel_after_failure(segment, batch);
	return ring_release(slot, word);
}

/* ---- chunks ---- */

/* What the supervisor uses of a dense batch. */
struct shape {
	_Atomic uint64_t *words;
	uint64_t n, chunk, chunks;
};

/* False: no batch has such a shape. */
static bool shape_of(struct segment *segment, const struct shared_batch *batch, struct shape *shape)
{
	uint64_t at = batch->words, bytes;

	*shape = (struct shape){.n = batch->n, .chunk = batch->chunk, .chunks = batch->chunks};
	bytes = shape->chunks * sizeof(uint64_t);
	if (!cut_possible(shape->n, shape->chunk, shape->chunks) || at % 64 || at >= segment->size)
		return false;
	shape->words = segment_at(segment, at);
	return at == segment_offset(segment, batch->table) ? bytes <= BATCH_INLINE
							   : heap_contains(segment, shape->words, bytes);
}

/* Record that the suspect positions failed. False: there is no memory to tell which ones. */
static bool record_death(struct segment *segment, struct shared_batch *batch, uint64_t begin, const struct suspect *suspect,
			 unsigned attempts, const struct death *death, bool cancelled, struct region *region)
{
	struct shared_failure record = {
		.position = begin + suspect->first,
		.count = suspect->count,
		.status = status_after(death, cancelled),
		.signal = death->signal,
		.exit_code = death->exit_code,
		.pid = death->pid,
		.attempts = attempts,
		.worker = death->seat,
		.frame_count = death->frame_count,
		.started_ns = death->started_ns,
		.finished_ns = death->ended_ns,
		.address = death->address,
		.way = death->way,
		.text_size = death->text ? (uint32_t)strlen(death->text) : 0,
	};

	return !failure_push(segment, batch->heap_id, batch, region, &record,
			     death->text ? (const void *)death->text : death->frames);
}

/*
 * Settle one chunk if the dead member owns it. False: its word or its failure records hold what
 * nobody writes.
 */
static bool settle_chunk(struct segment *segment, struct shared_batch *batch, const struct shape *shape, uint64_t c,
			 const struct death *death, struct region *region)
{
	uint64_t bits = load_relaxed(&shape->words[c]), begin = cut_begin(shape->chunk, c);
	uint64_t size = cut_end(shape->n, shape->chunk, c) - begin;
	enum batch_kind kind = batch->kind;
	struct word word = word_unpack(bits), next;
	struct suspect suspect;
	struct verdict verdict;
	bool sound, cancelled, told;

	if (word.state != WORD_OWNED || !death_named(death, bits))
		return true;
	if (word.payload >= size)
		return false;
	suspect = suspect_chunk(word, kind, begin, size, death->cursor);
	verdict = blame(&suspect, batch->max_attempts, death);
	next = blame_chunk(word, kind, size, &suspect, &verdict, death);
	cancelled = position_is_cancelled(batch, begin + suspect.first);
	/* What has failed and does not run again keeps its reason. */
	told = cancelled && suspect.in_hand && failure_told(segment, batch, death->seat, begin + suspect.first);
	sound = told || failure_void(segment, batch, death->seat, begin + suspect.first, begin + size);
	if (cancelled) {
		next = word_unpack(cancel_cut(bits, suspect.first));
		verdict.attempts = suspect.attempt;
	} else if (kind == KIND_MAP && word_pack(next) == CHUNK_FRESH) {
		/* Its end may be cancelled by now: no longer fresh, as in chunk_marked(). */
		next.flags |= WORD_WIDE;
	}
	if ((verdict.fails || (cancelled && suspect.in_hand && !told)) &&
	    !record_death(segment, batch, begin, &suspect, verdict.attempts, death, cancelled, region))
		next.flags |= WORD_LOST;
	/* Relaxed: a statistic. */
	if (verdict.fails && !cancelled)
		fetch_add_relaxed(&segment->control->given_up, suspect.count);
	else if (cancelled && suspect.in_hand)
		fetch_add_relaxed(&segment->control->dropped, 1);
	/* CHUNK1, or CHUNK2: without it the next owner or a gatherer would read what was done of
	 * the chunk too early. Everybody is rung after the repair, so there is no handshake. */
	cas_release(&shape->words[c], &bits, word_pack(next));
	return sound;
}

/*
 * Settle the chunks of the dead member, then return its invitation to the ring. False: damaged;
 * chunks may be lost.
 */
static bool settle_share(struct segment *segment, struct shared_batch *batch, struct shared_slot *slot, uint64_t word,
			 const struct death *death, struct region *region)
{
	struct shape shape;
	bool sound = shape_of(segment, batch, &shape);

	for (uint64_t c = 0; sound && c < shape.chunks; c++)
		sound = settle_chunk(segment, batch, &shape, c, death, region);
	/* Also what a supervisor had found before, that died before this. */
	if (batch->flags & BATCH_CANCELS && failure_any(segment, batch))
		cancel_after_failure(segment, batch);
	/* Relaxed, because ring_return() or ring_release() hands it over. */
	fetch_and_relaxed(&batch->inside[death->seat / 64], ~(UINT64_C(1) << death->seat % 64));
	/* One attempt begun: the worker that claims the invitation tries every chunk. The count
	 * means nothing else here. */
	return (sound ? ring_return(slot, word, 1) : ring_release(slot, word)) && sound;
}

/* ---- slots ---- */

bool settle_slot(struct segment *segment, struct shared_slot *slot, const struct death *death, struct region *region,
		 bool *damaged)
{
	/*
	 * Acquire, pairs with the CAS of a claim (ring.c): else an owner that has claimed the slot
	 * might not be known yet as one that does, and its word be taken for a wild one.
	 */
	uint64_t bits = load_acquire(&slot->word);
	struct shared_batch *batch;
	struct word w = word_unpack(bits);
	bool sound = true;

	if ((w.state != WORD_OWNED && w.state != WORD_FILLING) || !death_named(death, bits)) {
		/* Only a wild task writes such a word, or a state that there is not. */
		*damaged |= w.state > WORD_OWNED || segment_is_orphan(segment, w);
		return false;
	}
	if (w.state == WORD_FILLING) {
		ring_abandon(slot);
	} else if (!(batch = batch_of(segment, slot)) || slot->kind > TASK_SHARE) {
		(void)ring_release(slot, bits); /* damaged either way */
		sound = false;
	} else if (slot->kind == TASK_SHARE) {
		sound = settle_share(segment, batch, slot, bits, death, region);
	} else {
		sound = settle_call(segment, batch, slot, bits, death, region);
	}
	*damaged |= !sound;
	return true;
}

struct shared_slot *settle_slot_at(const struct segment *segment, const struct death *death, uint64_t offset)
{
	uint64_t from = offset - segment_offset(segment, segment->slots);
	struct shared_slot *slot;
	uint64_t bits;

	/* A wild task may have written over it. It may also be of a slot that the member has
	 * released since. */
	if (from % sizeof(*slot) || from / sizeof(*slot) >= segment_slots(segment))
		return NULL;
	slot = &segment->slots[from / sizeof(*slot)];
	bits = load_relaxed(&slot->word);
	return word_state(bits) == WORD_OWNED && death_named(death, bits) ? slot : NULL;
}

void settle_count_inner(struct segment *segment, const struct shared_slot *slot, bool own)
{
	struct shared_batch *batch = batch_of(segment, slot);

	/* Relaxed, both: only a supervisor writes it, and what reads it may read it late. */
	if (batch && own)
		fetch_add_relaxed(&batch->inner_deaths, 2);
	else if (batch)
		fetch_or_relaxed(&batch->inner_deaths, 1);
}

bool settle_is_too_often(const struct segment *segment, const struct shared_slot *slot)
{
	const struct shared_batch *batch = batch_of(segment, slot);

	return batch && load_relaxed(&batch->inner_deaths) / 2 > batch->max_attempts;
}

bool settle_is_orphan(const struct segment *segment, const struct shared_slot *slot)
{
	const struct shared_batch *batch = batch_of(segment, slot);

	/* Relaxed: by the supervisor. */
	return batch && load_relaxed(&batch->opener) == ORPHANED;
}

struct shared_slot *settle_root(const struct segment *segment, struct shared_slot *slot)
{
	/* Bounded, because a wild write may have bent the chain. */
	for (uint32_t i = 0; settle_is_orphan(segment, slot); i++) {
		uint64_t from = load_relaxed(&batch_of(segment, slot)->parent) - segment_offset(segment, segment->slots);

		if (i == segment_slots(segment) || from % sizeof(*slot) || from / sizeof(*slot) >= segment_slots(segment))
			return NULL;
		slot = &segment->slots[from / sizeof(*slot)];
	}
	return slot;
}

static bool is_share_told(struct segment *segment, const struct shared_batch *batch)
{
	struct shape shape;

	if (!shape_of(segment, batch, &shape))
		return false;
	for (uint64_t c = 0; c < shape.chunks; c++)
		if (word_state(load_relaxed(&shape.words[c])) != WORD_DONE)
			return false;
	return true;
}

bool settle_is_told(struct segment *segment, const struct shared_slot *slot)
{
	struct shared_batch *batch = batch_of(segment, slot);
	struct shared_entry *entry;

	if (!batch)
		return true;
	if (slot->kind == TASK_SHARE)
		return is_share_told(segment, batch);
	entry = call_entry_at(segment, batch, load_relaxed(&slot->target), batch->out_size);
	return entry && word_state(load_relaxed(&entry->word)) == WORD_DONE;
}
