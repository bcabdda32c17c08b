/*
 * setup.c - the supervisor's side of hooks: a worker counts as set up when its init hook has ended
 * well.
 *
 * A worker in a hook has nothing in hand. So if it ends there, only the hook has failed. The time
 * of a hook is a deadline in the seat, as that of a task, and limits.c kills the worker that is
 * late.
 *
 * Writers           hook, started and deadline of a seat before the fork: the supervisor.
 *                   hooks.teller: 0, by the supervisor, once its holder is dead. The rest of hooks
 *                   but what the holder tells: the supervisor.
 * Edges             HOOK1 is in hooks.c.
 * Deaths            Of the supervisor in here: its successor starts workers anew, so what it knew
 *                   of them is void. See crew_recover_all().
 */
#include "pool/setup.h"

#include "base/atomic.h"
#include "member/mishap.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <string.h>

#define MOST_DOUBLINGS 6 /* of FORK_RETRY_NS: the last wait is a second or so */
#define MOST_UNSET 3     /* failures until a pool without any worker may be given up */

static bool has_hooks(const struct supervisor *s)
{
	return s->segment->workers.init || s->segment->workers.exit;
}

void setup_prepare(struct supervisor *s, unsigned worker)
{
	struct shared_seat *seat = &s->segment->seats[worker];
	uint64_t now;

	/* Relaxed, all: the new worker inherits them over the fork. */
	store_relaxed(&seat->hook, HOOK_NONE);
	if (!s->segment->workers.init)
		return;
	now = sheaf_now_ns();
	store_relaxed(&seat->hook, HOOK_INIT);
	store_relaxed(&seat->hook_code, 0);
	store_relaxed(&seat->started, now);
	store_relaxed(&seat->deadline, now + s->segment->workers.init_timeout_ns);
}

bool setup_is_due(const struct supervisor *s, unsigned worker)
{
	return !s->segment->workers.init || !s->role.setups[worker].due_ns || sheaf_now_ns() >= s->role.setups[worker].due_ns;
}

/* Find out whether a worker has ended in a hook, and how. False: it has not. */
static bool find_mishap(const struct supervisor *s, const struct death *death, struct mishap *mishap)
{
	const struct shared_seat *seat = &s->segment->seats[death->seat];
	/* Relaxed, all: of a dead worker. A wild write may have hit them. */
	uint32_t hook = load_relaxed(&seat->hook);
	int32_t code = load_relaxed(&seat->hook_code);

	*mishap = (struct mishap){.worker = death->seat, .exit_code = -1};
	if (load_relaxed(&seat->leaving) == LEAVE_UNSET && !death->signal && !death->exit_code) {
		mishap->hook = HOOK_INIT;
		mishap->code = code < 0 && code > INT32_MIN ? code : -EINVAL;
		return true;
	}
	if ((hook != HOOK_INIT && hook != HOOK_EXIT) || (death->innocent && !death->late))
		return false;
	mishap->hook = (enum hook)hook;
	mishap->code = death->late ? -ETIMEDOUT : -ECHILD;
	mishap->signal = death->signal;
	mishap->exit_code = death->exit_code;
	mishap->way = death->way;
	return true;
}

/* Take what the dead worker has told, if it held the place to tell it. */
static void take_text(struct supervisor *s, const struct death *death, struct mishap *mishap)
{
	struct shared_hooks *hooks = &s->segment->control->hooks;
	uint32_t size = hooks->told_size;

	/* Relaxed: the dead worker's name, or that of one that lives. */
	if (load_relaxed(&hooks->teller) != HELD_BY(seat_name(death->seat, death->generation)))
		return;
	if (mishap->hook == HOOK_INIT && mishap->signal == 0 && mishap->exit_code < 0 && size < HOOK_TEXT)
		memcpy(mishap->text, hooks->told, size);
	/* HOOK1. Release: else the next worker could write before the text is read. */
	store_release(&hooks->teller, 0);
}

bool setup_note_end(struct supervisor *s, const struct death *death)
{
	struct setup *setup = &s->role.setups[death->seat];
	struct mishap mishap;
	bool failed;

	if (!has_hooks(s))
		return false;
	failed = find_mishap(s, death, &mishap);
	take_text(s, death, &mishap);
	if (!failed)
		return false;
	mishap_note(s->segment, &mishap);
	if (mishap.hook == HOOK_INIT) {
		/* At once after the first failure: something else may have killed it. */
		setup->due_ns = setup->failed ? sheaf_now_ns() + (FORK_RETRY_NS << (setup->failed - 1)) : 0;
		setup->failed += setup->failed <= MOST_DOUBLINGS;
		s->role.unset++;
	}
	return true;
}

uint64_t setup_watch(struct supervisor *s, uint64_t now)
{
	const struct sheaf_worker_options *options = &s->segment->workers;
	uint64_t nap = UINT64_MAX, shortest = UINT64_MAX, limit;
	unsigned set_up = 0;

	if (!has_hooks(s))
		return nap;
	for (unsigned worker = 0; worker < s->segment->crew_count; worker++) {
		struct setup *setup = &s->role.setups[worker];
		/* Relaxed: a worker that ends its init wakes us, as one that begins its exit. */
		uint32_t hook = load_relaxed(&s->segment->seats[worker].hook);

		if (!s->role.pids[worker]) {
			if (options->init && setup->due_ns > now && setup->due_ns - now < nap)
				nap = setup->due_ns - now;
			continue;
		}
		limit = hook == HOOK_INIT   ? options->init_timeout_ns
			: hook == HOOK_EXIT ? options->exit_timeout_ns
					    : UINT64_MAX;
		shortest = limit < shortest ? limit : shortest;
		if (hook == HOOK_INIT)
			continue;
		set_up++;
		if (options->init)
			*setup = (struct setup){0};
	}
	s->role.limits.hook_ns = shortest == UINT64_MAX ? 0 : shortest;
	s->role.set_up = set_up;
	if (set_up)
		s->role.unset = 0;
	return nap;
}

bool setup_has_hope(const struct supervisor *s)
{
	if (!s->segment->workers.init)
		return s->role.live || !s->role.fork_failed;
	return s->role.set_up || (!s->role.fork_failed && s->role.unset < MOST_UNSET);
}

void setup_mark_unset(const struct supervisor *s, bool *busy)
{
	for (unsigned worker = 0; s->segment->workers.init && worker < s->segment->crew_count; worker++)
		/* Relaxed: a hint. */
		busy[worker] |= load_relaxed(&s->segment->seats[worker].hook) == HOOK_INIT;
}

uint64_t setup_exit_ns(const struct supervisor *s)
{
	return s->segment->workers.exit ? s->segment->workers.exit_timeout_ns : 0;
}
