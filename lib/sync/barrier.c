/*
 * barrier.c - rounds of threads that wait for each other, and notice who has died.
 *
 * A party is in a seat, whose lock it holds: while it waits, or, if it has joined, until it leaves.
 * `state` has the number of the round and whether the barrier is broken. To end a round, one store
 * changes it. Each seat says for which round its party waits, and gets from who ends the round how
 * that ended for it.
 *
 * Writers           The thread inside of the door. A party alone gives its seat's lock back.
 * Deaths            Of a party: the lock of its seat tells. Each waiting party looks at all seats
 *                   every OS_LOOK_NS, and the last one to arrive does so before it ends the round.
 *                   Of a party that ends a round: before the store of `state` nothing has happened,
 *                   and the next party that ends the round writes all endings anew. See door.h.
 *                   (tests/model/barrier.pml)
 */
#include "sheaf_sync.h"

#include "sync/door.h"
#include "sync/gate.h"
#include "sync/object.h"
#include "sync/thread_id.h"

enum broken { WHOLE, BY_DEATH, BY_CALLER };

struct seat {
	alignas(OBJECT_LINE) pthread_mutex_t life;
	uint64_t arrived;       /* the round that the party waits for and 1; 0: none */
	int32_t ending;         /* of that round, for this party: 0, or an error */
	uint32_t joined;        /* the party keeps the seat between rounds */
	struct thread_id party; /* that has joined */
};

struct sheaf_barrier {
	uint32_t kind;
	uint32_t parties, seats;
	struct gate gate;
	_Atomic uint64_t state; /* round * 4 + enum broken */
	pthread_mutex_t door;
	struct seat seat[];
};

static uint64_t round_of(uint64_t state)
{
	return state / 4;
}

static int error_of(uint64_t state)
{
	switch ((enum broken)(state % 4)) {
	case BY_DEATH:
		return -EOWNERDEAD;
	case BY_CALLER:
		return -ECANCELED;
	default:
		return 0;
	}
}

int sheaf_barrier_create(sheaf_pool *pool, unsigned parties, sheaf_barrier **barrier)
{
	sheaf_barrier *b;
	void *memory;
	/* A slow party of the last round may still be in its seat when others come for the next. */
	unsigned seats = 2 * parties;
	int r;

	if (!barrier || !parties || parties > SHEAF_MAX_PARTIES)
		return sheaf_fail(-EINVAL, "%s: %s, %u parties; 1 to %u are allowed", __func__,
				  barrier ? "the place is there" : "the place is NULL", parties, SHEAF_MAX_PARTIES);
	if ((r = sheaf_alloc(pool, sizeof(*b) + seats * sizeof(struct seat), &memory)))
		return r;
	b = memory;
	b->parties = parties;
	b->seats = seats;
	r = os_robust_init(&b->door);
	for (unsigned i = 0; i < seats && !r; i++)
		r = os_robust_init(&b->seat[i].life);
	if (r) {
		sheaf_free(pool, memory);
		return sheaf_fail(r, "%s: errno %d", __func__, -r);
	}
	b->kind = OBJECT_BARRIER;
	*barrier = b;
	return 0;
}

/* ---- inside of the door ---- */

/* Relaxed, all loads of `state` in here: the door orders them. */
static uint64_t state_inside(const sheaf_barrier *b)
{
	return load_relaxed(&b->state);
}

static bool waits(const sheaf_barrier *b, const struct seat *seat)
{
	return seat->arrived == round_of(state_inside(b)) + 1;
}

/* End the round for all who wait for it, and begin the next one. */
static void close_round(sheaf_barrier *b, int ending, enum broken broken)
{
	for (unsigned i = 0; i < b->seats; i++)
		if (waits(b, &b->seat[i]))
			b->seat[i].ending = ending;
	/* Releases the endings to who waits. */
	store_release(&b->state, (round_of(state_inside(b)) + 1) * 4 + broken);
	gate_tell(&b->gate);
}

/* Take the lock of a seat. If its party has died, clear the seat, and say whether it counted. */
static bool take(sheaf_barrier *b, struct seat *seat, bool *counted)
{
	int r = os_robust_lock(&seat->life, 0);

	if (r == -EOWNERDEAD) {
		*counted = *counted || waits(b, seat) || seat->joined;
		seat->arrived = 0;
		seat->joined = 0;
		r = os_robust_mend(&seat->life);
	}
	return !r;
}

/* Break the barrier if a party has died. */
static void look_for_dead(sheaf_barrier *b)
{
	bool counted = false;

	for (unsigned i = 0; i < b->seats; i++)
		if (take(b, &b->seat[i], &counted))
			os_robust_unlock(&b->seat[i].life);
	if (counted && !error_of(state_inside(b)))
		close_round(b, -EOWNERDEAD, BY_DEATH);
}

static bool sits_here(const struct seat *seat)
{
	return seat->joined && thread_id_is_own(&seat->party);
}

static struct seat *own_seat(sheaf_barrier *b)
{
	for (unsigned i = 0; i < b->seats; i++)
		if (sits_here(&b->seat[i]))
			return &b->seat[i];
	return NULL;
}

/* Take a free seat. NULL: parties of the last round have not left theirs yet. */
static struct seat *free_seat(sheaf_barrier *b)
{
	bool counted = false;

	for (unsigned i = 0; i < b->seats; i++)
		if (take(b, &b->seat[i], &counted))
			return &b->seat[i];
	return NULL;
}

static unsigned count_arrived(const sheaf_barrier *b)
{
	unsigned count = 0;

	for (unsigned i = 0; i < b->seats; i++)
		count += waits(b, &b->seat[i]);
	return count;
}

/* ---- waiting ---- */

static void leave_seat(struct seat *seat)
{
	if (!seat->joined)
		os_robust_unlock(&seat->life);
}

/*
 * Arrive, inside of the door. Returns the order of arrival, or an error: -EBUSY: no seat is free.
 */
static int arrive(sheaf_barrier *b, bool polls, struct seat **mine)
{
	unsigned arrived;
	int r;

	look_for_dead(b);
	if ((r = error_of(state_inside(b))))
		return r;
	arrived = count_arrived(b);
	if (polls && arrived + 1 < b->parties)
		return -EAGAIN;
	*mine = own_seat(b);
	if (!*mine && !(*mine = free_seat(b)))
		return -EBUSY;
	(*mine)->ending = 0;
	(*mine)->arrived = round_of(state_inside(b)) + 1;
	if (arrived + 1 == b->parties)
		close_round(b, 0, WHOLE);
	return (int)arrived;
}

/* Say that the caller's deadline has passed, unless the round has ended. */
static int give_up(sheaf_barrier *b, uint64_t round)
{
	int r = door_enter(&b->door, SHEAF_FOREVER);

	if (r)
		return r;
	if (round_of(state_inside(b)) == round) {
		close_round(b, -ECANCELED, BY_CALLER);
		r = -ETIMEDOUT;
	}
	door_leave(&b->door);
	return r;
}

/* Wait until the round is over. 0; -ETIMEDOUT: it is not, and the barrier is broken now. */
static int await_end(sheaf_barrier *b, uint64_t round, uint64_t deadline_ns)
{
	uint64_t looked = sheaf_now_ns();

	for (;;) {
		uint32_t seen = gate_look(&b->gate);
		uint64_t now;

		/* Acquires the ending from close_round(). */
		if (round_of(load_acquire(&b->state)) != round)
			return 0;
		if (gate_wait(&b->gate, seen, deadline_ns) == -ETIMEDOUT)
			return give_up(b, round);
		now = sheaf_now_ns();
		if (now - looked >= OS_LOOK_NS && !door_enter(&b->door, deadline_ns)) {
			look_for_dead(b);
			door_leave(&b->door);
			looked = now;
		}
	}
}

int sheaf_barrier_wait(sheaf_barrier *barrier, uint64_t deadline_ns)
{
	struct seat *mine = NULL;
	uint64_t round;
	int order, r;

	if (!object_is(barrier, OBJECT_BARRIER))
		return object_refuse(__func__, barrier);
	for (;;) {
		uint32_t seen = gate_look(&barrier->gate);

		if ((r = door_enter(&barrier->door, deadline_ns)))
			return r;
		order = arrive(barrier, !deadline_ns, &mine);
		round = mine ? mine->arrived - 1 : 0;
		door_leave(&barrier->door);
		if (order != -EBUSY)
			break;
		r = gate_wait(&barrier->gate, seen, deadline_ns);
		if (r && r != -EINTR)
			return r;
	}
	if (order == -EOWNERDEAD)
		return sheaf_fail(order, "%s: the barrier is broken: a party has died", __func__);
	if (order < 0)
		return order;
	r = await_end(barrier, round, deadline_ns);
	if (!r)
		r = mine->ending;
	leave_seat(mine);
	return r ? r : order;
}

int sheaf_barrier_join(sheaf_barrier *barrier)
{
	unsigned joined = 0;
	struct seat *seat;
	int r;

	if (!object_is(barrier, OBJECT_BARRIER))
		return object_refuse(__func__, barrier);
	if ((r = door_enter(&barrier->door, SHEAF_FOREVER)))
		return r;
	look_for_dead(barrier);
	for (unsigned i = 0; i < barrier->seats; i++)
		joined += barrier->seat[i].joined;
	if (!own_seat(barrier)) {
		if (joined == barrier->parties || !(seat = free_seat(barrier))) {
			r = sheaf_fail(-EBUSY, "%s: all %u parties have joined", __func__, barrier->parties);
		} else {
			seat->arrived = 0;
			thread_id_set_own(&seat->party);
			seat->joined = 1;
		}
	}
	door_leave(&barrier->door);
	return r;
}

int sheaf_barrier_leave(sheaf_barrier *barrier)
{
	struct seat *seat;
	int r;

	if (!object_is(barrier, OBJECT_BARRIER))
		return object_refuse(__func__, barrier);
	if ((r = door_enter(&barrier->door, SHEAF_FOREVER)))
		return r;
	look_for_dead(barrier);
	if ((seat = own_seat(barrier))) {
		seat->joined = 0;
		os_robust_unlock(&seat->life);
	} else {
		r = sheaf_fail(-EPERM, "%s: the calling thread has not joined", __func__);
	}
	door_leave(&barrier->door);
	return r;
}

/* End the round for who waits, by no party's death. */
static int interfere(sheaf_barrier *b, const char *call, enum broken broken)
{
	int r;

	if (!object_is(b, OBJECT_BARRIER))
		return object_refuse(call, b);
	if ((r = door_enter(&b->door, SHEAF_FOREVER)))
		return r;
	look_for_dead(b);
	if (broken == WHOLE || !error_of(state_inside(b)))
		close_round(b, -ECANCELED, broken);
	door_leave(&b->door);
	return 0;
}

int sheaf_barrier_abort(sheaf_barrier *barrier)
{
	return interfere(barrier, __func__, BY_CALLER);
}

int sheaf_barrier_reset(sheaf_barrier *barrier)
{
	return interfere(barrier, __func__, WHOLE);
}
