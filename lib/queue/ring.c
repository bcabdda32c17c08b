/*
 * ring.c - a bag of slots that is filled and emptied in order as long as nothing is in the way.
 *
 * Writers           A slot's word: see word.h. A submitter takes it from FREE to FILLING to READY,
 *                   a worker from READY to OWNED to FREE, and the supervisor changes what a dead
 *                   member left. The rest of a slot: its submitter while it is FILLING, nobody
 *                   after that. tail: submitters. head: workers, and the supervisor, which sets it
 *                   back. Both: the owner, after a wild write; see ring_mend().
 * Lap               The payload of a slot's word. Ticket t belongs to slot t % size in lap t /
 *                   size. The lap tells a task that waits since an earlier lap (the ring is full)
 *                   from one that another submitter has just put there. It also makes two words of
 *                   one slot differ, so that ring_withdraw() takes back what it means.
 * Invariant         Without deaths, every FILLING or READY slot has a ticket in [head, tail) or is
 *                   about to be abandoned. tail moves only from the value that its submitter
 *                   scanned from, and only while that submitter's slot is FILLING. head moves only
 *                   over tickets whose slot was seen neither FILLING nor READY. A death may break
 *                   this; ring_rewind() mends it.
 * Slow tasks        tail and head alike skip an OWNED slot: one slow task costs one slot, not the
 *                   ring. Tail may also pass a task that waits since an earlier lap. Its slot then
 *                   counts by the ticket of the new lap, below tail, so the invariant holds.
 * Edges             RING1  publish -> claim: hands over the filled slot.
 *                   RING2  release -> take: hands back the slot, and all that the task wrote.
 *                   RING3  rewind, hand back -> claim: a worker that sees head set back sees what
 *                          was returned behind it, and does not pass it.
 * Sleeping          A worker announces itself, then checks the words. A submitter stores the word,
 *                   then checks for sleepers. All four accesses are seq_cst, so at least one of the
 *                   two sees the other (Dekker). So are those of head, because a worker that hands
 *                   a task back sets head back before it checks for sleepers.
 * Progress          All calls are lock-free. A submitter that stops while its slot is FILLING
 *                   delays others once the ring has come round to that slot, because the ring then
 *                   seems full.
 * Deaths            Of a submitter: its slot stays FILLING until the supervisor abandons it. Of a
 *                   worker: its slot stays OWNED until the supervisor returns or releases it.
 *                   Neither is counted anywhere else.
 */
#include "queue/ring.h"

#include "base/atomic.h"

#include <errno.h>

/*
 * Nested work leaves tasks for last, one or some at each depth. They stand side by side, and behind
 * them slots are free. Where tasks are claimed in order none is, and the search is for nothing.
 */
#define MOST_PASSED 256

static struct shared_slot *slot_of(const struct ring *ring, uint64_t ticket)
{
	return &ring->slots[ticket & (ring->size - 1)];
}

/*
 * Find the first slot from @tail on that is free: its ticket, or UINT64_MAX if the ring is full.
 * Inlined, because each submit comes by here.
 */
__attribute__((always_inline)) static inline uint64_t find_free(const struct ring *ring, uint64_t tail, uint64_t *bits)
{
	unsigned passed = 0;

	for (uint64_t t = tail; t < tail + ring->size; t++) {
		struct word w;

		/*
		 * RING2. Acquire: else the new arguments could be written while the last task still
		 * reads its own.
		 */
		*bits = load_acquire(&slot_of(ring, t)->word);
		w = word_unpack(*bits);
		if (w.state == WORD_FREE)
			return t;
		/*
		 * Skip slow tasks; tickets of this lap, which another submitter is using right now;
		 * and some that wait since an earlier lap.
		 */
		if (w.state != WORD_OWNED && w.payload != ring_lap(ring, t) &&
		    (w.state != WORD_READY || passed++ == MOST_PASSED))
			break;
	}
	return UINT64_MAX;
}

bool ring_has_room(const struct ring *ring)
{
	uint64_t tail, bits;

	/* Relaxed, as in ring_take(), and full for the same reason. */
	do {
		tail = load_relaxed(&ring->shared->tail);
		if (find_free(ring, tail, &bits) != UINT64_MAX)
			return true;
	} while (load_relaxed(&ring->shared->tail) != tail);
	return false;
}

int ring_take(const struct ring *ring, uint32_t name, struct shared_slot **slot, uint64_t *ticket)
{
	for (;;) {
		/* Relaxed: a slot that seems free and is not costs a CAS that fails. */
		uint64_t tail = load_relaxed(&ring->shared->tail), seen = tail, bits;
		uint64_t t = find_free(ring, tail, &bits);

		if (t == UINT64_MAX) {
			/* Relaxed: the ring is full, unless others moved on meanwhile. */
			if (load_relaxed(&ring->shared->tail) == tail)
				return -EAGAIN;
			continue;
		}
		/* Relaxed: find_free() has acquired this very word (RING2). */
		if (!cas_relaxed(&slot_of(ring, t)->word, &bits, word_filling(name, ring_lap(ring, t))))
			continue;
		/*
		 * Seq_cst: a worker that goes to sleep reads tail after it has announced itself;
		 * see "Sleeping".
		 */
		if (!cas_seq_cst(&ring->shared->tail, &seen, t + 1)) {
			/*
			 * Others moved on, so workers may have passed our ticket already. RING2, on
			 * behalf of the slot's last user: behind a relaxed store the next submitter
			 * would not see what that user wrote.
			 */
			store_release(&slot_of(ring, t)->word, bits);
			continue;
		}
		/* The next submit writes this line, which a worker had last. */
		__builtin_prefetch(slot_of(ring, t + 1), 1);
		*slot = slot_of(ring, t);
		*ticket = t;
		return 0;
	}
}

void ring_abandon(struct shared_slot *slot)
{
	/*
	 * Relaxed: while the slot is FILLING, only its submitter writes it. RING2: hands the slot
	 * back as its last user did.
	 */
	store_release(&slot->word, word_freed(load_relaxed(&slot->word)));
}

/* Claim the first READY slot from head up to @tail. */
static int claim_below(const struct ring *ring, uint64_t claimant, uint64_t tail, struct shared_slot **slot, uint64_t *word)
{
	/*
	 * RING3: else a returned task behind the new head could be read as it was before, and
	 * passed. Seq_cst, pairs with ring_hand_back(): for a worker that has announced its sleep.
	 */
	uint64_t head = load_seq_cst(&ring->shared->head), passed = HEAD_TICKET(head);
	uint64_t ticket = tail > ring->size && passed < tail - ring->size ? tail - ring->size : passed;
	bool clear = true, won = false; /* clear: every ticket so far may be passed */

	passed = ticket;
	for (; ticket < tail && !won; ticket++) {
		struct shared_slot *s = slot_of(ring, ticket);
		/* Seq_cst: for a worker that has announced its sleep; see "Sleeping". */
		uint64_t bits = load_seq_cst(&s->word);

		while (word_state(bits) == WORD_READY && !won) {
			uint64_t owned = word_claim(bits, claimant);

			/*
			 * RING1. Acquire: else the slot's fields could be read as they were before
			 * they were filled. Release: a member that sees our name in the word sees
			 * our generation in the seat; see segment_is_orphan().
			 */
			won = cas_weak_acq_rel(&s->word, &bits, owned);
			if (won) {
				*slot = s;
				*word = owned;
			}
		}
		if (!won && word_state(bits) == WORD_FILLING)
			clear = false;
		if (clear)
			passed = ticket + 1;
	}
	/*
	 * Relaxed, a hint. Fails if another worker moved head, or the supervisor set it back, which
	 * changes its upper bits, too.
	 */
	if (passed > HEAD_TICKET(head))
		cas_relaxed(&ring->shared->head, &head, (head & ~HEAD_TICKET(UINT64_MAX)) | passed);
	return won ? 0 : -EAGAIN;
}

int ring_claim(const struct ring *ring, uint64_t claimant, uint64_t *tail, struct shared_slot **slot, uint64_t *word)
{
	if (!claim_below(ring, claimant, *tail, slot, word))
		return 0;
	/*
	 * Seq_cst, pairs with the CAS on tail in ring_take(): for a worker that has announced its
	 * sleep.
	 */
	*tail = load_seq_cst(&ring->shared->tail);
	return claim_below(ring, claimant, *tail, slot, word);
}

int ring_claim_next(const struct ring *ring, uint64_t claimant, uint64_t *tail, struct shared_slot **slot, uint64_t *word)
{
	uint64_t bits;

	if (!claim_below(ring, claimant, *tail, slot, word))
		return 0;
	/* Relaxed: a hint. */
	bits = load_relaxed(&slot_of(ring, *tail)->word);
	if (bits >> WORD_PAYLOAD_AT == ring_lap(ring, *tail) && word_state(bits) == WORD_READY)
		++*tail; /* its submitter has moved tail past it already */
	else if (bits >> WORD_PAYLOAD_AT == ring_lap(ring, *tail) && word_state(bits) != WORD_OWNED)
		return -EAGAIN;
	else
		/*
		 * Acquire, pairs with the CAS on tail in ring_take(): else a slot below could be
		 * read as it was before it was taken.
		 */
		*tail = load_acquire(&ring->shared->tail);
	return claim_below(ring, claimant, *tail, slot, word);
}

struct ring_span ring_span(const struct ring *ring)
{
	/*
	 * Seq_cst, pairs with the CAS on tail in ring_take(): for a member that has announced its
	 * sleep. Relaxed: a hint, as in claim_below(); what a death returned is found by others.
	 */
	uint64_t tail = load_seq_cst(&ring->shared->tail), first = HEAD_TICKET(load_relaxed(&ring->shared->head));

	if (tail > ring->size && first < tail - ring->size)
		first = tail - ring->size;
	return (struct ring_span){.ticket = first, .count = first < tail ? tail - first : 0};
}

int ring_claim_where(const struct ring *ring, uint64_t claimant, struct ring_span *span, ring_want_fn *want,
		     const void *context, struct shared_slot **slot, uint64_t *word)
{
	for (; span->count; span->count--, span->ticket++) {
		struct shared_slot *s = slot_of(ring, span->ticket);
		uint64_t found;

		/*
		 * RING1: else the slot's fields could be read as they were before they were filled.
		 * Each time, because a CAS that fails acquires nothing. Seq_cst: for a member that
		 * has announced its sleep.
		 */
		while (word_state(found = load_seq_cst(&s->word)) == WORD_READY && want(context, s, found)) {
			/* RING1, as in claim_below(). */
			if (!cas_weak_acq_rel(&s->word, &found, word_claim(found, claimant)))
				continue;
			*slot = s;
			*word = word_claim(found, claimant);
			span->count--;
			span->ticket++;
			return 0;
		}
	}
	return -EAGAIN;
}

bool ring_release(struct shared_slot *slot, uint64_t word)
{
	/*
	 * RING2. Release: else the slot could be filled anew while the task still reads it, and
	 * what the task wrote could be read too early.
	 */
	return cas_release(&slot->word, &word, word_freed(word));
}

bool ring_withdraw(struct shared_slot *slot, uint64_t word)
{
	/*
	 * Acquire, pairs with ring_return(): a task that was claimed and returned meanwhile may
	 * have the same word, and what its run wrote would be missed. The change goes on with the
	 * release of the member that made it READY.
	 */
	return cas_acquire(&slot->word, &word, word_freed(word));
}

enum slot_has ring_clear(struct shared_slot *slot, uint64_t batch, uint64_t *bits)
{
	for (;;) {
		/*
		 * RING2, pairs with ring_release(): else the batch could be freed before what its
		 * last task wrote.
		 */
		*bits = load_acquire(&slot->word);
		if (word_state(*bits) != WORD_READY && word_state(*bits) != WORD_OWNED)
			return SLOT_NOTHING;
		/*
		 * Acquire, pairs with the store in submit.c: a task that has the slot by now came
		 * after the batch's own (RING2). Each time, because the slot may have got another
		 * batch's task meanwhile.
		 */
		if (load_acquire(&slot->batch) != batch)
			return SLOT_NOTHING;
		if (word_state(*bits) == WORD_OWNED)
			return SLOT_OWNED;
		if (ring_withdraw(slot, *bits))
			return SLOT_WITHDRAWN;
	}
}

bool ring_return(struct shared_slot *slot, uint64_t word, unsigned attempts)
{
	struct word w = word_unpack(word);
	struct word ready = {.state = WORD_READY, .flags = w.flags, .attempt = attempts, .payload = w.payload};

	/*
	 * RING1. Release: else the next attempt could begin before it sees what the repair wrote.
	 */
	return cas_release(&slot->word, &word, word_pack(ready));
}

void ring_rewind(const struct ring *ring)
{
	uint64_t tail = load_relaxed(&ring->shared->tail);
	uint64_t head = load_relaxed(&ring->shared->head), wanted;

	/*
	 * Tail moves before a task is published, so it covers every READY slot, whichever member
	 * died. A stale tail only means more to scan.
	 */
	do
		wanted = ((head >> HEAD_BITS) + 1) << HEAD_BITS | (tail > ring->size ? tail - ring->size : 0);
	/*
	 * RING3. Release: else a worker could see the new head before it sees what was returned
	 * behind it. No more, because the caller rings every worker.
	 */
	while (!cas_weak_release(&ring->shared->head, &head, wanted));
}

void ring_hand_back(const struct ring *ring, struct shared_slot *slot, uint64_t word, unsigned attempts)
{
	struct word w = word_unpack(word);
	struct word ready = {.state = WORD_READY, .flags = w.flags, .attempt = attempts, .payload = w.payload};
	uint64_t head = load_relaxed(&ring->shared->head), passed, back, wanted;

	/*
	 * RING1. Seq_cst, as in ring_publish(). If the word was written over, there is nothing to
	 * hand back.
	 */
	if (!cas_seq_cst(&slot->word, &word, word_pack(ready)))
		return;
	/*
	 * To the last ticket of the slot below head. Even if head has not passed the slot yet, a
	 * worker may have: then its CAS fails, because the upper bits change.
	 */
	do {
		passed = HEAD_TICKET(head);
		back = ((passed - 1 - (uint64_t)(slot - ring->slots)) & (ring->size - 1)) + 1;
		wanted = ((head >> HEAD_BITS) + 1) << HEAD_BITS | (passed > back ? passed - back : 0);
	} while (!cas_weak_seq_cst(&ring->shared->head, &head, wanted)); /* RING3, and as above */
}

/* Tell whether workers that scan from head to tail come by the slot. */
static bool ring_leads_to(const struct ring *ring, uint32_t slot)
{
	/* Relaxed, both: hints. */
	uint64_t head = HEAD_TICKET(load_relaxed(&ring->shared->head));
	uint64_t tail = load_relaxed(&ring->shared->tail);
	uint64_t first = tail > ring->size && head < tail - ring->size ? tail - ring->size : head;
	uint64_t ahead = (slot - first) & (ring->size - 1);

	return first <= tail && ahead < tail - first;
}

/* Make head and tail lead to every slot. */
static void lead_to_all(const struct ring *ring)
{
	uint64_t tail = load_relaxed(&ring->shared->tail);
	uint64_t wanted = tail < ring->size ? tail + ring->size : tail & (UINT64_MAX >> 16);

	/*
	 * Relaxed: a lap of tickets more or less is a hint. A submitter that moves tail meanwhile
	 * has moved it on from there.
	 */
	if (wanted != tail)
		cas_relaxed(&ring->shared->tail, &tail, wanted);
	ring_rewind(ring);
}

bool ring_mend(const struct segment *segment, const struct ring *ring, struct shared_slot **slot, uint64_t *word, bool *led)
{
	/*
	 * Relaxed: no submitter comes so far, only a wild write. From there on tickets would soon
	 * begin anew, and the ring seem full.
	 */
	bool hidden = load_relaxed(&ring->shared->tail) >> (HEAD_BITS - 1);
	bool filling = false;

	for (uint32_t i = 0; i < ring->size; i++) {
		struct shared_slot *s = &ring->slots[i];
		/*
		 * Acquire, pairs with crew.c by way of segment_is_orphan(): a word that is orphaned
		 * has been left by the repair.
		 */
		uint64_t found = load_acquire(&s->word);

		switch (word_state(found)) {
		case WORD_FREE:
			break;
		case WORD_FILLING:
			/* A worker's are freed by the supervisor, when it dies. */
			if (segment_is_worker(segment, word_name(found)))
				break;
			*slot = s;
			*word = found;
			filling = true;
			break;
		case WORD_READY:
			hidden |= !ring_leads_to(ring, i);
			break;
		case WORD_OWNED:
			if (!segment_is_orphan(segment, word_unpack(found)))
				break;
			/* fall through */
		default:
			(void)ring_release(s, found);
		}
	}
	/*
	 * A slot that was READY above and that is passed by now may seem hidden. That costs no more
	 * than the ringing: a worker that has read tail before this moves it, and head after that,
	 * finds nothing between them.
	 */
	*led = hidden;
	if (hidden)
		lead_to_all(ring);
	return filling;
}

uint64_t ring_wanting(const struct ring *ring)
{
	/* Relaxed, both: hints. */
	uint64_t head = HEAD_TICKET(load_relaxed(&ring->shared->head));
	uint64_t tail = load_relaxed(&ring->shared->tail);
	uint64_t enough = head + (ring->size - ring->size / 4);

	return tail > enough ? tail - enough : 0;
}

static bool any_slot(const struct shared_slot *slots, uint32_t count, enum word_state a, enum word_state b)
{
	for (uint32_t i = 0; i < count; i++) {
		/*
		 * Seq_cst: a caller that finds nothing may tell others so, which publish and then
		 * check.
		 */
		enum word_state state = word_state(load_seq_cst(&slots[i].word));

		if (state == a || state == b)
			return true;
	}
	return false;
}

unsigned rings_count_ready(const struct segment *segment, unsigned most)
{
	unsigned count = 0;

	for (uint32_t i = 0; i < segment_slots(segment) && count < most; i++)
		count += any_slot(&segment->slots[i], 1, WORD_READY, WORD_READY);
	return count;
}

bool ring_has_ready(const struct ring *ring)
{
	return any_slot(ring->slots, ring->size, WORD_READY, WORD_READY);
}

bool rings_have_ready(const struct segment *segment)
{
	return any_slot(segment->slots, segment_slots(segment), WORD_READY, WORD_READY);
}

bool rings_have_work(const struct segment *segment)
{
	return any_slot(segment->slots, segment_slots(segment), WORD_READY, WORD_FILLING);
}

bool rings_have_owned(const struct segment *segment)
{
	return any_slot(segment->slots, segment_slots(segment), WORD_OWNED, WORD_OWNED);
}
