/*
 * doorbell.c - one semaphore per sleeper, and a word that says who sleeps.
 *
 * A semaphore token is a hint: a process that dies in sem_post or sem_wait may leave it lost, or its wake-up. So nothing is counted
 * by tokens. A sleeper sets its bit (or stores what it waits for), looks at the words once more, and only then sleeps. A poster
 * that finds the bit clears it, which makes the wake-up its own, and posts. If it dies in between, the supervisor rings for everybody
 * after the death. Surplus tokens are harmless: every sleeper looks at the words when it wakes, whatever woke it.
 *
 * Damage            A semaphore that a task has written over may abort who touches it, so both sides look first: at the seals of its row,
 *                   and at the word by which libc asks the kernel. Where a seal is broken, a poster wakes the sleeper without a token;
 *                   where that word is, it leaves the sleeper alone, as libc would ask once more, by the wrong word: no process sleeps longer
 *                   than a second. A sleeper naps from then on. A write between the look and the touch is not seen.
 * Edges             D1 -> D2  announce, look at the words | publish, look for announcements. All seq_cst: one of the two sees the other.
 *                   Nothing is handed over by these words or by tokens; the task words do that.
 */
#include "queue/doorbell.h"

#include "base/atomic.h"
#include "base/number.h"
#include "os/os.h"
#include "queue/ring.h"

#define DAMAGED_NAP_NS 1000000u

/* Post, or do what can be done if the row was written over. */
static void post_if_whole(sem_t *bell, const _Atomic uint64_t *seal, const _Atomic uint64_t *end_seal)
{
	if (!os_sem_whole(bell))
		return;
	if (bells_whole(seal, end_seal))
		sem_post(bell);
	else
		os_sem_kick(bell);
}

static void sleep_if_whole(sem_t *bell, const _Atomic uint64_t *seal, const _Atomic uint64_t *end_seal, uint64_t deadline_ns)
{
	if (!bells_whole(seal, end_seal) || !os_sem_whole(bell))
		os_sleep_ns(DAMAGED_NAP_NS);
	else if (deadline_ns == SHEAF_FOREVER)
		sem_wait(bell);
	else
		os_sem_wait_until(bell, deadline_ns);
}

void start_ring(struct shared_control *control)
{
	post_if_whole(&control->started, &control->started_seal, &control->started_end_seal);
}

void start_sleep(struct shared_control *control, uint64_t deadline_ns)
{
	sleep_if_whole(&control->started, &control->started_seal, &control->started_end_seal, deadline_ns);
}

void doorbell_announce(struct segment *segment, unsigned worker)
{
	/* D1 */
	fetch_or_seq_cst(&segment->control->sleepers[worker / 64], UINT64_C(1) << worker % 64);
}

bool doorbell_retract(struct segment *segment, unsigned worker)
{
	/* Relaxed: an extra token is harmless. */
	uint64_t bit = UINT64_C(1) << worker % 64;

	return fetch_and_relaxed(&segment->control->sleepers[worker / 64], ~bit) & bit;
}

void doorbell_sleep(struct segment *segment, unsigned worker, unsigned generation, uint64_t deadline_ns)
{
	struct shared_worker *w = &segment->workers[worker];

	sleep_if_whole(&w->bell[generation & 1], &w->bell_seal, &w->bell_end_seal, deadline_ns);
}

/* Not inlined, like claim_one(): most posters find nobody asleep. */
__attribute__((noinline)) static void post(struct segment *segment, unsigned worker)
{
	struct shared_worker *w = &segment->workers[worker];

	/* If the worker is just being replaced, its successor looks at the words before it ever sleeps. Seq_cst, pairs with spawn() in
	 * supervisor.c: either we see the successor, or it sees what we changed before. */
	post_if_whole(&w->bell[load_seq_cst(&w->generation) & 1], &w->bell_seal, &w->bell_end_seal);
}

/* claim_bit() of a set that held @bits. */
__attribute__((noinline)) static int claim_one(_Atomic uint64_t *set, uint64_t bits, unsigned end)
{
	while (bits) {
		unsigned bit = lowest_bit(bits);

		/* Relaxed: decides only who posts. */
		bits = fetch_and_relaxed(set, ~(UINT64_C(1) << bit));
		if (bits & UINT64_C(1) << bit && bit < end)
			return (int)bit;
	}
	return -1;
}

/* Clears one bit of the set and returns its number, or -1 if there is none. From @end on nobody sets bits, but for wild tasks. */
static int claim_bit(_Atomic uint64_t *set, unsigned end)
{
	/* D2 */
	uint64_t bits = load_seq_cst(set);

	return bits ? claim_one(set, bits, end) : -1;
}

bool doorbell_ring(struct segment *segment)
{
	for (unsigned i = 0; i * 64 < segment->worker_count; i++) {
		int bit = claim_bit(&segment->control->sleepers[i], segment->worker_count - i * 64);

		if (bit >= 0) {
			post(segment, i * 64 + (unsigned)bit);
			return true;
		}
	}
	return false;
}

unsigned doorbell_lookers(const struct segment *segment, unsigned most)
{
	unsigned count = 0;
	uint64_t sleepers = 0;

	/* Relaxed, all: hints. */
	for (unsigned i = 0; i * 64 < segment->worker_count; i++)
		sleepers |= load_relaxed(&segment->control->sleepers[i]);
	if (!sleepers)
		return most;
	for (unsigned worker = 0; worker < segment->worker_count && count < most; worker++)
		count += load_relaxed(&segment->workers[worker].looking) != 0;
	return count;
}

void doorbell_ring_all(struct segment *segment)
{
	for (unsigned worker = 0; worker < segment->worker_count; worker++)
		post(segment, worker);
}

/* ---- submitters that wait for room ---- */

int room_announce(struct segment *segment, _Atomic uint64_t *taken)
{
	/* Relaxed: only a look. */
	uint64_t used = load_relaxed(taken);

	while (~used) {
		unsigned slot = lowest_bit(~used);

		/* Acquire, pairs with room_retract(): if the slot's last user took the token that was meant for everybody, we see why it came. */
		if (!cas_weak_acquire(taken, &used, used | UINT64_C(1) << slot))
			continue;
		/* D1 */
		fetch_or_seq_cst(&segment->control->room_waiters, UINT64_C(1) << slot);
		return (int)slot;
	}
	return -1;
}

void room_retract(struct segment *segment, _Atomic uint64_t *taken, int slot)
{
	if (slot < 0)
		return;
	/* Relaxed: see doorbell_retract(). Release, pairs with room_announce(). */
	fetch_and_relaxed(&segment->control->room_waiters, ~(UINT64_C(1) << slot));
	fetch_and_release(taken, ~(UINT64_C(1) << slot));
}

void room_sleep(struct segment *segment, int slot, uint64_t deadline_ns)
{
	if (slot < 0)
		os_sleep_ns(1000000);
	else
		sleep_if_whole(&segment->control->room[slot], &segment->control->room_seal, &segment->control->room_end_seal,
			       deadline_ns);
}

static void room_post(struct segment *segment, unsigned slot)
{
	struct shared_control *control = segment->control;

	post_if_whole(&control->room[slot], &control->room_seal, &control->room_end_seal);
}

void room_ring_one(struct segment *segment)
{
	int slot = claim_bit(&segment->control->room_waiters, ROOM_SLOTS); /* D2 */

	if (slot >= 0)
		room_post(segment, (unsigned)slot);
}

void room_ring(struct segment *segment)
{
	/* Relaxed, a hint like ring_wanting(): whom it misses, a worker wakes by room_ring_one() before it sleeps. */
	if (load_relaxed(&segment->control->room_waiters) && !ring_wanting(segment))
		room_ring_one(segment);
}

void room_ring_all(struct segment *segment)
{
	/* Also those that are not announced: who took their announcement may have died before it posted. */
	for (unsigned slot = 0; slot < ROOM_SLOTS; slot++)
		room_post(segment, slot);
}

/* ---- gatherers ---- */

void gatherer_announce(struct shared_batch *batch, uint64_t what)
{
	/* D1 */
	store_seq_cst(&batch->waiter, what);
}

void gatherer_retract(struct shared_batch *batch)
{
	/* Relaxed: an extra token is harmless. */
	store_relaxed(&batch->waiter, WAIT_NOTHING);
}

void gatherer_sleep(struct shared_batch *batch, uint64_t deadline_ns)
{
	sleep_if_whole(&batch->bell, &batch->bell_seal, &batch->bell_end_seal, deadline_ns);
}

static void claim_and_post(struct shared_batch *batch, uint64_t waiter)
{
	/* Relaxed: decides only who posts. */
	if (cas_relaxed(&batch->waiter, &waiter, WAIT_NOTHING))
		post_if_whole(&batch->bell, &batch->bell_seal, &batch->bell_end_seal);
}

void gatherer_ring(struct shared_batch *batch, uint64_t what)
{
	/* D2 */
	uint64_t waiter = load_seq_cst(&batch->waiter);

	if (waiter != WAIT_NOTHING && (waiter == what || waiter == WAIT_ANY))
		claim_and_post(batch, waiter);
}

void gatherer_ring_always(struct shared_batch *batch)
{
	/* Whether it is announced or not, as in room_ring_all(). Relaxed: a batch that is just being opened has nobody who waits. */
	if ((load_relaxed(&batch->word) & 0xff) != BATCH_FREE)
		post_if_whole(&batch->bell, &batch->bell_seal, &batch->bell_end_seal);
}

void gatherer_ring_all(struct segment *segment)
{
	for (uint32_t i = 0; i < segment_batches(segment); i++)
		gatherer_ring_always(&segment->batches[i]);
}
