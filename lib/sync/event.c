/*
 * event.c - a flag to wait for.
 *
 * `state` has the flag in bit 0, and counts in the other bits how often it was set, so that a
 * waiter goes on even if the flag is cleared before it looks.
 *
 * Writers           Everybody.
 * Deaths            Each change is one store. See gate.h for a death behind it.
 */
#include "sheaf_sync.h"

#include "sync/gate.h"
#include "sync/object.h"

#define SET 1u

struct event {
	uint32_t kind;
	struct gate gate;
	_Atomic uint64_t state;
};

_Static_assert(sizeof(struct event) <= sizeof(sheaf_event), "an event needs more memory");

int sheaf_event_init(sheaf_pool *pool, sheaf_event *event)
{
	struct event *e = (struct event *)event;
	int r = object_check_place(pool, __func__, event, sizeof(*event));

	if (r)
		return r;
	store_relaxed(&e->gate.word, 0);
	store_relaxed(&e->state, 0);
	e->kind = OBJECT_EVENT;
	return 0;
}

int sheaf_event_set(sheaf_event *event)
{
	struct event *e = (struct event *)event;
	uint64_t state;

	if (!object_is(e, OBJECT_EVENT))
		return object_refuse(__func__, event);
	state = load_relaxed(&e->state);
	/* Releases to the loads of is_set and wait, also if the flag was set before. */
	while (!cas_weak_release(&e->state, &state, state & SET ? state : state + 2 + SET))
		;
	if (!(state & SET))
		gate_tell(&e->gate);
	return 0;
}

int sheaf_event_clear(sheaf_event *event)
{
	struct event *e = (struct event *)event;

	if (!object_is(e, OBJECT_EVENT))
		return object_refuse(__func__, event);
	/* Relaxed: it hands over nothing. */
	fetch_and_relaxed(&e->state, ~(uint64_t)SET);
	return 0;
}

int sheaf_event_is_set(const sheaf_event *event)
{
	const struct event *e = (const struct event *)event;

	if (!object_is(e, OBJECT_EVENT))
		return object_refuse(__func__, event);
	/* Acquires from sheaf_event_set(). */
	return load_acquire(&e->state) & SET;
}

int sheaf_event_wait(sheaf_event *event, uint64_t deadline_ns)
{
	struct event *e = (struct event *)event;
	uint64_t first;

	if (!object_is(e, OBJECT_EVENT))
		return object_refuse(__func__, event);
	first = load_relaxed(&e->state);
	for (;;) {
		uint32_t seen = gate_look(&e->gate);
		/* Acquires from sheaf_event_set(). */
		uint64_t state = load_acquire(&e->state);
		int r;

		if (state & SET || state >> 1 != first >> 1)
			return 0;
		if ((r = gate_wait(&e->gate, seen, deadline_ns)))
			return r;
	}
}
