/*
 * ring.c - a bag of slots that is filled and emptied in order as long as nothing is in the way.
 *
 * Who writes what   A slot's word: see layout.h; FREE -> FILLING -> READY by a submitter, READY -> OWNED -> FREE by a worker, and
 *                   what a dead process left by the supervisor. The rest of a slot: its submitter while FILLING, nobody after.
 *                   tail: submitters. head: workers, and the supervisor, who sets it back. Both: the owner, after a wild task (ring_mend()).
 * Lap               The payload of a slot's word. Ticket t belongs to slot t % size in lap t / size. It tells a task that waits since an
 *                   earlier lap (the ring is full) from one that another submitter has just put there, and makes words of one slot
 *                   differ, so that ring_withdraw() takes back what it means.
 * Invariant         Without deaths, every FILLING or READY slot has a ticket in [head, tail) or is about to be abandoned. tail moves
 *                   only from the value that its submitter scanned from, and only while that submitter's slot is FILLING; head moves
 *                   only over tickets whose slot was seen neither FILLING nor READY. A death may break it; ring_rewind() mends it.
 * Slow tasks        An OWNED slot is skipped by tail and head alike: one slow task costs one slot, not the ring.
 * Edges             R1 -> A1  publish -> claim: hands over the filled slot.
 *                   R2 -> A2  release -> take: hands back the slot, and all that the task wrote.
 * Sleeping          A worker announces itself, then looks at the words; a submitter stores the word, then looks for sleepers. All four
 *                   accesses are seq_cst, so at least one of them sees the other (Dekker).
 * Progress          All calls are lock-free. A submitter that stops while FILLING delays others once the ring has come round to its
 *                   slot: it then looks full.
 */
#include "queue/ring.h"

#include "base/atomic.h"

#include <errno.h>

static unsigned lap_shift(const struct segment *segment)
{
	return (unsigned)__builtin_ctz(segment->ring_size);
}

static uint64_t lap_of(const struct segment *segment, uint64_t ticket)
{
	return (ticket >> lap_shift(segment)) & WORD_PAYLOAD_MAX;
}

static struct shared_slot *slot_of(const struct segment *segment, uint64_t ticket)
{
	return &segment->ring[ticket & (segment->ring_size - 1)];
}

/* The first slot from @tail on that is free: its ticket, or UINT64_MAX if the ring is full. Inlined, as each submit comes by. */
__attribute__((always_inline)) static inline uint64_t find_free(const struct segment *segment, uint64_t tail, uint64_t *bits)
{
	for (uint64_t t = tail; t < tail + segment->ring_size; t++) {
		struct word w;

		/* A2, pairs with R2 in ring_release(): the last task is done with the slot. */
		*bits = load_acquire(&slot_of(segment, t)->word);
		w = word_unpack(*bits);
		if (w.state == WORD_FREE)
			return t;
		/* Skip slow tasks, and tickets that another submitter is using right now: they are of this lap. */
		if (w.state != WORD_OWNED && w.payload != lap_of(segment, t))
			break;
	}
	return UINT64_MAX;
}

bool ring_has_room(const struct segment *segment)
{
	uint64_t tail, bits;

	/* Relaxed, as in ring_take(), and full for the same reason. */
	do {
		tail = load_relaxed(&segment->control->tail);
		if (find_free(segment, tail, &bits) != UINT64_MAX)
			return true;
	} while (load_relaxed(&segment->control->tail) != tail);
	return false;
}

int ring_take(struct segment *segment, struct ring_owner me, struct shared_slot **slot, uint64_t *ticket)
{
	struct shared_control *control = segment->control;

	for (;;) {
		/* Relaxed: a slot that looks free and is not costs a CAS that fails. */
		uint64_t tail = load_relaxed(&control->tail), seen = tail, bits;
		uint64_t t = find_free(segment, tail, &bits);
		struct word filling = {.state = WORD_FILLING, .worker = me.worker, .generation = me.generation};

		if (t == UINT64_MAX) {
			/* Relaxed: full, unless others moved on while we looked. */
			if (load_relaxed(&control->tail) == tail)
				return -EAGAIN;
			continue;
		}
		filling.payload = lap_of(segment, t);
		/* Relaxed: find_free() has acquired the very word (A2). */
		if (!cas_relaxed(&slot_of(segment, t)->word, &bits, word_pack(filling)))
			continue;
		/* Seq_cst: a worker that goes to sleep reads tail after it has announced itself. */
		if (!cas_seq_cst(&control->tail, &seen, t + 1)) {
			/* Others moved on: workers may have passed our ticket already. R2 on behalf of the slot's last user, whom
			 * the next one would not see behind a relaxed store. */
			store_release(&slot_of(segment, t)->word, bits);
			continue;
		}
		/* The next submit will write this line, which a worker had last. */
		__builtin_prefetch(slot_of(segment, t + 1), 1);
		*slot = slot_of(segment, t);
		*ticket = t;
		return 0;
	}
}

void ring_publish(struct segment *segment, struct shared_slot *slot, uint64_t ticket)
{
	/* R1, pairs with A1. Seq_cst: the caller looks for sleepers next. */
	store_seq_cst(&slot->word, word_pack((struct word){.state = WORD_READY, .payload = lap_of(segment, ticket)}));
}

void ring_abandon(struct shared_slot *slot)
{
	/* Relaxed: while it is FILLING only we write it. R2, pairs with A2: hands the slot back as its last user did. */
	store_release(&slot->word, word_freed(load_relaxed(&slot->word)));
}

/* Looks at the tickets from the head up to @tail. */
static int claim_below(struct segment *segment, struct ring_owner me, uint64_t tail, struct shared_slot **slot, uint64_t *word)
{
	struct shared_control *control = segment->control;
	/* Acquire, pairs with ring_rewind(): who sees head set back sees what was given back behind it, and does not pass it. */
	uint64_t head = load_acquire(&control->head), passed = HEAD_TICKET(head);
	uint64_t ticket = tail > segment->ring_size && passed < tail - segment->ring_size ? tail - segment->ring_size : passed;
	uint64_t claimant = word_claimant(me.worker, me.generation);
	bool clear = true, won = false; /* clear: every ticket so far may be passed */

	passed = ticket;
	for (; ticket < tail && !won; ticket++) {
		struct shared_slot *s = slot_of(segment, ticket);
		/* Seq_cst for a worker about to sleep; see "Sleeping". */
		uint64_t bits = load_seq_cst(&s->word);

		while (word_state(bits) == WORD_READY && !won) {
			uint64_t owned = word_claim(bits, claimant);

			/* A1, pairs with R1: the slot's other fields are readable. Releases, too: who sees our name in the word sees that
			 * we are there, see ring_is_orphan(). */
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
	/* Relaxed, a hint: fails if another worker moved it, or the supervisor set it back, which changes the upper bits too. */
	if (passed > HEAD_TICKET(head))
		cas_relaxed(&control->head, &head, (head & ~HEAD_TICKET(UINT64_MAX)) | passed);
	return won ? 0 : -EAGAIN;
}

int ring_claim(struct segment *segment, struct ring_owner me, uint64_t *tail, struct shared_slot **slot, uint64_t *word)
{
	if (!claim_below(segment, me, *tail, slot, word))
		return 0;
	/* Seq_cst, pairs with the CAS on tail in ring_take() for a worker about to sleep. */
	*tail = load_seq_cst(&segment->control->tail);
	return claim_below(segment, me, *tail, slot, word);
}

int ring_claim_next(struct segment *segment, struct ring_owner me, uint64_t *tail, struct shared_slot **slot, uint64_t *word)
{
	uint64_t bits;

	if (!claim_below(segment, me, *tail, slot, word))
		return 0;
	/* Relaxed: only a look. */
	bits = load_relaxed(&slot_of(segment, *tail)->word);
	if (bits >> WORD_PAYLOAD_AT == lap_of(segment, *tail) && word_state(bits) == WORD_READY)
		++*tail; /* its submitter has moved tail past it before */
	else if (bits >> WORD_PAYLOAD_AT == lap_of(segment, *tail) && word_state(bits) != WORD_OWNED)
		return -EAGAIN;
	else
		/* Acquire, pairs with the CAS on tail in ring_take(): below it we see no slot as it was before it was taken. */
		*tail = load_acquire(&segment->control->tail);
	return claim_below(segment, me, *tail, slot, word);
}

bool ring_release(struct shared_slot *slot, uint64_t word)
{
	/* R2, pairs with A2. */
	return cas_release(&slot->word, &word, word_freed(word));
}

bool ring_withdraw(struct shared_slot *slot, uint64_t word)
{
	/* Acquire, pairs with ring_return(): a task that was claimed and given back meanwhile may have the same word. The change goes on with
	 * the release of who made it READY. */
	return cas_acquire(&slot->word, &word, word_freed(word));
}

bool ring_return(struct shared_slot *slot, uint64_t word, unsigned attempts)
{
	struct word w = word_unpack(word);

	/* Release, pairs with A1: what the repair wrote comes before the next attempt. */
	return cas_release(&slot->word, &word,
			   word_pack((struct word){.state = WORD_READY, .attempt = attempts, .payload = w.payload}));
}

bool ring_is_orphan(const struct segment *segment, struct word w)
{
	/* Acquire, pairs with spawn() in supervisor.c: who sees a successor sees what was done to the words of the one before. */
	return w.state == WORD_OWNED && (w.worker >= segment->worker_count ||
					 w.generation != (load_acquire(&segment->workers[w.worker].generation) & 0xffff));
}

void ring_rewind(struct segment *segment)
{
	struct shared_control *control = segment->control;
	uint64_t tail = load_relaxed(&control->tail);
	uint64_t head = load_relaxed(&control->head), wanted;

	/* Tail moves before a task is published, so it covers every READY slot whoever died. A stale tail only means more to look at. */
	do
		wanted = ((head >> HEAD_BITS) + 1) << HEAD_BITS | (tail > segment->ring_size ? tail - segment->ring_size : 0);
	/* Release, pairs with claim_below(). */
	while (!cas_weak_release(&control->head, &head, wanted));
}

/* Do workers that go from head to tail come by the slot? */
static bool leads_to(const struct segment *segment, uint32_t slot)
{
	/* Relaxed, both: hints. */
	uint64_t head = HEAD_TICKET(load_relaxed(&segment->control->head));
	uint64_t tail = load_relaxed(&segment->control->tail);
	uint64_t first = tail > segment->ring_size && head < tail - segment->ring_size ? tail - segment->ring_size : head;
	uint64_t ahead = (slot - first) & (segment->ring_size - 1);

	return first <= tail && ahead < tail - first;
}

/* Have head and tail lead to every slot. */
static void straighten(struct segment *segment)
{
	uint64_t tail = load_relaxed(&segment->control->tail);
	uint64_t wanted = tail < segment->ring_size ? tail + segment->ring_size : tail & (UINT64_MAX >> 16);

	/* Relaxed: the tickets of a lap more or less are a hint; a submitter that moves tail meanwhile has moved it on from there. */
	if (wanted != tail)
		cas_relaxed(&segment->control->tail, &tail, wanted);
	ring_rewind(segment);
}

bool ring_mend(struct segment *segment, struct shared_slot **slot, uint64_t *word)
{
	/* Relaxed: no submitter comes so far, but a wild task; from there on tickets would soon begin anew, and the ring seem full. */
	bool hidden = load_relaxed(&segment->control->tail) >> (HEAD_BITS - 1);
	bool filling = false;

	for (uint32_t i = 0; i < segment->ring_size; i++) {
		struct shared_slot *s = &segment->ring[i];
		/* Acquire, pairs with spawn() by way of ring_is_orphan(): a word that is orphaned was not settled. */
		uint64_t found = load_acquire(&s->word);

		switch (word_state(found)) {
		case WORD_FREE:
			break;
		case WORD_FILLING:
			*slot = s;
			*word = found;
			filling = true;
			break;
		case WORD_READY:
			hidden |= !leads_to(segment, i);
			break;
		case WORD_OWNED:
			if (!ring_is_orphan(segment, word_unpack(found)))
				break;
			/* fall through */
		default:
			(void)ring_release(s, found);
		}
	}
	if (hidden)
		straighten(segment);
	return filling;
}

uint64_t ring_wanting(const struct segment *segment)
{
	/* Relaxed, both: hints. */
	uint64_t head = HEAD_TICKET(load_relaxed(&segment->control->head));
	uint64_t tail = load_relaxed(&segment->control->tail);
	uint64_t enough = head + (segment->ring_size - segment->ring_size / 4);

	return tail > enough ? tail - enough : 0;
}

static bool any_slot(const struct segment *segment, enum word_state a, enum word_state b)
{
	for (uint32_t i = 0; i < segment->ring_size; i++) {
		/* Seq_cst: who finds nothing may tell others so, who publish and then look. */
		enum word_state state = word_state(load_seq_cst(&segment->ring[i].word));

		if (state == a || state == b)
			return true;
	}
	return false;
}

bool ring_has_ready(const struct segment *segment)
{
	return any_slot(segment, WORD_READY, WORD_READY);
}

bool ring_has_work(const struct segment *segment)
{
	return any_slot(segment, WORD_READY, WORD_FILLING);
}

bool ring_has_owned(const struct segment *segment)
{
	return any_slot(segment, WORD_OWNED, WORD_OWNED);
}
