/*
 * bell.c - a semaphore for each sleeper, and a word that says which members sleep.
 *
 * A semaphore token is a hint, because a process that dies in sem_post() or sem_wait() may leave a
 * token or a wake-up lost. So nothing is counted by tokens. A sleeper sets its bit (or stores what
 * it waits for), checks the words once more, and only then sleeps. The poster that finds the bit
 * clears it, which makes the wake-up its own, and posts. Surplus tokens are harmless, because every
 * sleeper checks the words when it wakes, whatever woke it.
 *
 * Writers           A bit or a waiter word: set by its sleeper, cleared by the sleeper or by the
 *                   poster that rings it. A room's holder: the member that takes the room by a CAS,
 *                   and the supervisor once that member is dead.
 * Edges             BELL1  announce, check the words | publish, check for announcements. All four
 *                          are seq_cst, so at least one of the two members sees what the other did
 *                          (Dekker). Task words hand over the data. These words and tokens
 *                          hand over nothing.
 *                   BELL2  leave a room -> take it: if the room's last user took the token that was
 *                          meant for everybody, the next one sees why that came.
 * Deaths            Of a poster between clearing the bit and posting: the supervisor rings
 *                   everybody after each death. Of a sleeper: its bit costs one wake-up at most,
 *                   and the supervisor clears it and frees its room.
 * Damage            A semaphore that a wild write has hit may abort the process that touches it. So
 *                   both sides check first the seals of its row and the word by which libc asks the
 *                   kernel. Where a seal is broken, a poster wakes the sleeper without a token.
 *                   Where that word is wrong, it leaves the sleeper alone, because libc would ask
 *                   again by the wrong word. That sleeper wakes by itself, because no process
 *                   sleeps longer than a second. A sleeper naps from then on. A write between the
 *                   check and the touch goes unseen.
 */
#include "queue/bell.h"

#include "base/atomic.h"
#include "base/number.h"
#include "os/os.h"
#include "queue/ring.h"

#include <errno.h>

#define NAP_NS 1000000u

/* Post, or do what can be done if the row was written over. */
static void bell_post(struct bell bell)
{
	if (!os_sem_whole(bell.semaphore))
		return;
	if (bells_whole(bell.seal, bell.end_seal))
		sem_post(bell.semaphore);
	else
		os_sem_kick(bell.semaphore);
}

/* True: a signal handler has run meanwhile. */
static bool bell_wait(struct bell bell, uint64_t deadline_ns)
{
	if (!bells_whole(bell.seal, bell.end_seal) || !os_sem_whole(bell.semaphore))
		return os_sleep_ns(NAP_NS);
	if (deadline_ns == SHEAF_FOREVER)
		return sem_wait(bell.semaphore) && errno == EINTR;
	return os_sem_wait_until(bell.semaphore, deadline_ns) == -EINTR;
}

static struct bell bell_of_seat(struct shared_seat *seat, unsigned generation)
{
	return (struct bell){&seat->bell[generation & 1], &seat->bell_seal, &seat->bell_end_seal};
}

static struct bell bell_of_room(struct shared_control *control, unsigned room)
{
	return (struct bell){&control->room[room], &control->room_seal, &control->room_end_seal};
}

static struct bell bell_of_batch(struct shared_batch *batch)
{
	return (struct bell){&batch->bell, &batch->bell_seal, &batch->bell_end_seal};
}

static struct bell bell_of_start(struct shared_control *control)
{
	return (struct bell){&control->started, &control->started_seal, &control->started_end_seal};
}

void start_ring(struct shared_control *control)
{
	bell_post(bell_of_start(control));
}

void start_sleep(struct shared_control *control, uint64_t deadline_ns)
{
	(void)bell_wait(bell_of_start(control), deadline_ns);
}

/* ---- one that sleeps ---- */

struct sleeper sleeper_of_worker(struct segment *segment, unsigned seat, unsigned generation)
{
	return (struct sleeper){
		.bell = bell_of_seat(&segment->seats[seat], generation),
		.announced = &segment->control->sleepers[seat / 64],
		.as = UINT64_C(1) << seat % 64,
	};
}

struct sleeper sleeper_of_room(struct segment *segment, int room)
{
	if (room < 0)
		return (struct sleeper){0};
	return (struct sleeper){
		.bell = bell_of_room(segment->control, (unsigned)room),
		.announced = &segment->control->room_waiters,
		.as = UINT64_C(1) << room,
	};
}

struct sleeper sleeper_of_batch(struct shared_batch *batch, uint64_t what)
{
	return (struct sleeper){.bell = bell_of_batch(batch), .announced = &batch->waiter, .as = what, .alone = true};
}

void sleeper_redirect(struct segment *segment, unsigned seat, uint32_t awaits)
{
	/*
	 * Seq_cst, pairs with worker_ring(): what a token that went the other way was meant to tell
	 * is seen by a check that follows.
	 */
	store_seq_cst(&segment->seats[seat].awaits, awaits);
}

struct sleeper sleeper_of_several(struct segment *segment, int room, _Atomic uint64_t *const *waiters, size_t count)
{
	if (room < 0)
		return (struct sleeper){0};
	return (struct sleeper){
		.bell = bell_of_room(segment->control, (unsigned)room),
		.announced = waiters[0],
		.as = WAIT_ANY_AT(PLACE_ROOM(room)),
		.alone = true,
		.also = waiters + 1,
		.also_count = count - 1,
	};
}

void sleeper_announce(const struct sleeper *sleeper)
{
	/*
	 * BELL1. Seq_cst, all: else the words that are checked next could be read too early,
	 * before a poster can see the announcement.
	 */
	if (sleeper->alone)
		store_seq_cst(sleeper->announced, sleeper->as);
	else if (sleeper->announced)
		fetch_or_seq_cst(sleeper->announced, sleeper->as);
	for (size_t i = 0; i < sleeper->also_count; i++)
		store_seq_cst(sleeper->also[i], sleeper->as);
}

bool sleeper_retract(const struct sleeper *sleeper)
{
	/* Relaxed, all: an extra token is harmless. */
	for (size_t i = 0; i < sleeper->also_count; i++)
		store_relaxed(sleeper->also[i], WAIT_NOTHING);
	if (sleeper->alone)
		store_relaxed(sleeper->announced, WAIT_NOTHING);
	else if (sleeper->announced)
		return fetch_and_relaxed(sleeper->announced, ~sleeper->as) & sleeper->as;
	return true;
}

bool sleeper_sleep(const struct sleeper *sleeper, uint64_t deadline_ns)
{
	if (sleeper->announced)
		return bell_wait(sleeper->bell, deadline_ns);
	return os_sleep_ns(sleeper->nap_ns ? sleeper->nap_ns : NAP_NS);
}

/* ---- workers ---- */

/* Ring where a worker waits for results. False: there is no such place, as a wild write has it. */
static bool ring_elsewhere(struct segment *segment, uint32_t awaits)
{
	if (awaits < AWAITS_BATCH(0))
		bell_post(bell_of_room(segment->control, awaits - AWAITS_ROOM(0)));
	else if (awaits - AWAITS_BATCH(0) < segment_batches(segment))
		bell_post(bell_of_batch(&segment->batches[awaits - AWAITS_BATCH(0)]));
	else
		return false;
	return true;
}

/*
 * Wake all threads of the owner that sleep in calls, because the first one of them becomes the
 * worker. Relaxed, all: each has announced where it sleeps before it has announced itself as the
 * worker, and that announcement, or the lock in inlined.c, hands it over.
 */
static void ring_callers(struct segment *segment)
{
	uint64_t rooms = load_relaxed(&segment->control->room_waiters);

	for (uint32_t i = 0; i < segment_batches(segment); i++) {
		uint64_t waiter = load_relaxed(&segment->batches[i].waiter);

		if (waiter != WAIT_NOTHING && WAIT_PLACE(waiter) != PLACE_NEWS)
			gatherer_wake(segment, &segment->batches[i], waiter, waiter);
	}
	for (; rooms; rooms &= rooms - 1)
		bell_post(bell_of_room(segment->control, lowest_bit(rooms)));
}

/* Not inlined, because most posters find nobody asleep. */
__attribute__((noinline)) void worker_ring(struct segment *segment, unsigned number)
{
	struct shared_seat *seat = &segment->seats[number];
	/*
	 * Seq_cst, pairs with sleeper_redirect(): the worker says which bell it listens to before
	 * it announces itself.
	 */
	uint32_t awaits = load_seq_cst(&seat->awaits);

	if (segment->inlined) {
		ring_callers(segment);
		return;
	}
	if (awaits && ring_elsewhere(segment, awaits))
		return;
	/*
	 * If the worker is just being replaced, its successor checks the words before it ever
	 * sleeps. Seq_cst, pairs with spawn_worker() in crew.c: either we see the successor, or it
	 * sees what we changed before.
	 */
	bell_post(bell_of_seat(seat, load_seq_cst(&seat->generation)));
}

/*
 * Clear one bit of the set, of those in @bits, and return its number, or -1 if none is left. From
 * @end on only a wild write sets bits. Not inlined, because most posters find nobody asleep.
 */
__attribute__((noinline)) static int claim_one(_Atomic uint64_t *set, uint64_t bits, unsigned end)
{
	for (; bits; bits &= bits - 1) {
		unsigned bit = lowest_bit(bits);

		/* Relaxed: it only decides which member posts. */
		if (fetch_and_relaxed(set, ~(UINT64_C(1) << bit)) & UINT64_C(1) << bit && bit < end)
			return (int)bit;
	}
	return -1;
}

/* Ring one of the workers @bits of a word. False: others were quicker. */
static bool ring_one_of(struct segment *segment, unsigned word, uint64_t bits)
{
	int bit = claim_one(&segment->control->sleepers[word], bits, segment->worker_count - word * 64);

	if (bit >= 0)
		worker_ring(segment, word * 64 + (unsigned)bit);
	return bit >= 0;
}

bool workers_ring_asleep(struct segment *segment)
{
	for (unsigned i = 0; i * 64 < segment->worker_count; i++) {
		/*
		 * BELL1. And pairs with demand.c: with the announcement of a vacant seat it is seen
		 * that the seat is vacant, and with that of a worker that it is not.
		 */
		uint64_t sleepers = load_seq_cst(&segment->control->sleepers[i]);
		/* Relaxed: as just said. */
		if (ring_one_of(segment, i, sleepers & ~load_relaxed(&segment->control->vacant[i])))
			return true;
	}
	return false;
}

/*
 * Wake a worker, or have one started where none is asleep and none looks for a task. One that looks
 * rings for what it leaves, or dies, and then the supervisor looks. Not inlined, because most
 * posters find nobody asleep.
 */
__attribute__((noinline)) static bool ring_or_call(struct segment *segment)
{
	if (workers_ring_asleep(segment))
		return true;
	for (unsigned worker = 0; worker < segment->worker_count; worker++)
		/* Seq_cst, pairs with call_for_rest() in step.c. */
		if (load_seq_cst(&segment->seats[worker].looking))
			return false;
	for (unsigned i = 0; i * 64 < segment->worker_count; i++) {
		/* Relaxed, both: a poster that misses a seat here came before its announcement. */
		uint64_t bits = load_relaxed(&segment->control->sleepers[i]) & load_relaxed(&segment->control->vacant[i]);

		if (claim_one(&segment->control->sleepers[i], bits, segment->worker_count - i * 64) >= 0) {
			segment->call_worker(segment);
			return true;
		}
	}
	return false;
}

bool workers_ring(struct segment *segment)
{
	for (unsigned i = 0; i * 64 < segment->worker_count; i++) {
		/* BELL1 */
		uint64_t bits = load_seq_cst(&segment->control->sleepers[i]);

		if (!bits)
			continue;
		if (segment->call_worker)
			return ring_or_call(segment);
		if (ring_one_of(segment, i, bits))
			return true;
	}
	return false;
}

unsigned workers_looking(const struct segment *segment, unsigned most)
{
	unsigned count = 0;
	uint64_t sleepers = 0;

	/* Relaxed, all: hints. */
	for (unsigned i = 0; i * 64 < segment->worker_count; i++)
		sleepers |= load_relaxed(&segment->control->sleepers[i]);
	if (!sleepers)
		return most;
	for (unsigned worker = 0; worker < segment->worker_count && count < most; worker++)
		count += load_relaxed(&segment->seats[worker].looking) != 0;
	return count;
}

void workers_ring_all(struct segment *segment)
{
	for (unsigned worker = 0; worker < segment->worker_count; worker++)
		worker_ring(segment, worker);
}

/* ---- submitters that wait for room ---- */

int room_take(struct segment *segment, uint32_t name, enum sheaf_priority priority)
{
	for (int room = 0; room < ROOM_SLOTS; room++) {
		/* Relaxed: only a hint. */
		uint32_t holder = load_relaxed(&segment->control->room_holder[room]);

		/*
		 * BELL2. Acquire: else the state of the pool could be read as it was before the
		 * last user's token came.
		 */
		if (holder || !cas_acquire(&segment->control->room_holder[room], &holder, HELD_BY(name)))
			continue;
		/* Relaxed: the announcement hands it over. */
		store_relaxed(&segment->control->room_priority[room], priority);
		return room;
	}
	return -1;
}

void room_leave(struct segment *segment, int room)
{
	/*
	 * BELL2. Release: else the next user could read the pool's state as it was before this
	 * one's token came.
	 */
	if (room >= 0)
		store_release(&segment->control->room_holder[room], 0);
}

void room_evict(struct segment *segment, uint32_t name)
{
	for (unsigned room = 0; room < ROOM_SLOTS; room++) {
		uint32_t holder = HELD_BY(name);

		/*
		 * Relaxed, both: everybody is rung after a death, and its surplus tokens are
		 * harmless.
		 */
		if (load_relaxed(&segment->control->room_holder[room]) == holder)
			fetch_and_relaxed(&segment->control->room_waiters, ~(UINT64_C(1) << room));
		cas_relaxed(&segment->control->room_holder[room], &holder, 0);
	}
}

/* Find those of the rooms, one bit each, whose submitters wait for that ring. */
static uint64_t rooms_of(const struct shared_control *control, uint64_t rooms, uint32_t priority)
{
	uint64_t found = 0;

	/* Relaxed: handed over by the announcement, or a hint. */
	for (; rooms; rooms &= rooms - 1)
		if (load_relaxed(&control->room_priority[lowest_bit(rooms)]) % PRIORITIES == priority)
			found |= rooms & -rooms;
	return found;
}

static void ring_room_of(struct segment *segment, uint64_t rooms, uint32_t priority)
{
	int room = claim_one(&segment->control->room_waiters, rooms_of(segment->control, rooms, priority), ROOM_SLOTS);

	if (room >= 0)
		bell_post(bell_of_room(segment->control, (unsigned)room));
}

void room_ring_one(struct segment *segment)
{
	uint64_t rooms = load_seq_cst(&segment->control->room_waiters); /* BELL1 */

	for (uint32_t p = 0; rooms && p < PRIORITIES; p++)
		ring_room_of(segment, rooms, p);
}

/* Not inlined, because most releases find nobody waiting. */
__attribute__((noinline)) static void ring_rooms(struct segment *segment, uint64_t rooms)
{
	/* Relaxed: a hint, too. */
	uint32_t count = heeds_rings(load_relaxed(&segment->control->heed)) ? PRIORITIES : 1;

	for (uint32_t p = 0; p < count; p++)
		if (!ring_wanting(&segment->rings[p]))
			ring_room_of(segment, rooms, p);
}

void room_ring(struct segment *segment)
{
	/*
	 * Relaxed, a hint like ring_wanting(). A submitter that it misses is woken by
	 * room_ring_one(), before a worker sleeps.
	 */
	uint64_t rooms = load_relaxed(&segment->control->room_waiters);

	if (rooms)
		ring_rooms(segment, rooms);
}

void room_ring_all(struct segment *segment)
{
	/*
	 * Also those that are not announced, because the poster that took their announcement may
	 * have died before it posted.
	 */
	for (unsigned room = 0; room < ROOM_SLOTS; room++)
		bell_post(bell_of_room(segment->control, room));
}

/* ---- gatherers ---- */

/* Ring where the gatherer sleeps that had announced this. */
static void ring_waiter(const struct segment *segment, struct shared_batch *batch, uint64_t waiter)
{
	uint64_t place = WAIT_PLACE(waiter);

	if (place == PLACE_NEWS)
		news_ring(segment);
	else if (place >= PLACE_ROOM(0) && place < PLACE_ROOM(ROOM_SLOTS))
		bell_post(bell_of_room(segment->control, (unsigned)(place - PLACE_ROOM(0))));
	else /* a wild write sets other places */
		bell_post(bell_of_batch(batch));
}

/* Relaxed, in both: it only decides which member posts. */
__attribute__((noinline)) void gatherer_wake(const struct segment *segment, struct shared_batch *batch, uint64_t waiter,
					     uint64_t what)
{
	uint64_t found = waiter;

	if ((waiter == what || WAIT_IS_ANY(waiter)) && cas_relaxed(&batch->waiter, &found, WAIT_NOTHING))
		ring_waiter(segment, batch, waiter);
}

/* Post whether it is announced or not, as in room_ring_all(). */
static void post_gatherer(struct shared_batch *batch)
{
	/* Relaxed: nobody waits for a batch that is just being opened. */
	if (BATCH_STATE(load_relaxed(&batch->word)) != BATCH_FREE)
		bell_post(bell_of_batch(batch));
}

void gatherer_ring_always(const struct segment *segment, struct shared_batch *batch)
{
	/* BELL1 */
	uint64_t waiter = load_seq_cst(&batch->waiter), found = waiter;

	post_gatherer(batch);
	if (WAIT_PLACE(waiter) && cas_relaxed(&batch->waiter, &found, WAIT_NOTHING))
		ring_waiter(segment, batch, waiter);
}

void gatherer_ring_all(struct segment *segment)
{
	for (uint32_t i = 0; i < segment_batches(segment); i++)
		post_gatherer(&segment->batches[i]);
	/*
	 * Also for batches that are not announced, because a poster may have died before it wrote.
	 * Release, pairs with sheaf_batch_arm(): one that arms a batch after this sees what was
	 * done before.
	 */
	fetch_add_release(&segment->control->alarms, 1);
	news_ring(segment);
}
