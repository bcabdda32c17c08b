/*
 * hooks.c - the hooks of a worker: init before its first task, exit after its last one.
 *
 * The supervisor watches how long they take, and learns how they end (setup.c). A thread is watched
 * by nobody.
 *
 * Writers           hook, deadline and started: the worker, in its own seat; before the fork the
 *                   supervisor, if there is an init hook. hook_code: the worker. hooks.told: the
 *                   worker that holds hooks.teller, by a CAS.
 * Edges             HOOK1  the supervisor has read a text -> the next worker writes one. Its other
 *                          end is in setup.c.
 * Deaths            In a hook: the seat says in which. Nothing is in hand. After init, before the
 *                   seat says so: as if it had died in it. While it tells why: half a text, with
 *                   the size of the last one or its own.
 */
#include "pool/hooks.h"

#include "base/atomic.h"
#include "os/os.h"
#include "os/output.h"
#include "pool/role.h"
#include "queue/bell.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TURN_NAP_NS 1000000
#define TURNS 1000 /* so long waits a worker to tell why, while others do */

static _Thread_local char text[HOOK_TEXT];

const char *hooks_text(void)
{
	return text;
}

int sheaf_worker_fail(int code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (vsnprintf(text, sizeof(text), format, args) < 0)
		text[0] = '\0';
	va_end(args);
	return code;
}

/* Have the supervisor see what a worker's seat says now. */
static void wake_supervisor(const struct member *worker)
{
	if (worker->supervisor && getppid() == worker->supervisor)
		kill(worker->supervisor, CHECK_SIGNAL);
	else if (!worker->supervisor)
		start_ring(worker->segment->control);
}

/* Say which hook runs. Relaxed, all: the supervisor looks again, or sees it after the death. */
static void say_hook(const struct member *worker, enum hook hook, uint64_t limit_ns)
{
	struct shared_seat *seat = worker->seat;
	uint64_t now = hook ? sheaf_now_ns() : 0;

	store_relaxed(&seat->deadline, 0);
	store_relaxed(&seat->hook, hook);
	store_relaxed(&seat->started, now);
	if (hook && worker->supervisor)
		store_relaxed(&seat->deadline, now + limit_ns);
}

/*
 * Tell why init has failed. Workers that fail at once tell it one after the other, because the
 * supervisor must read each text before the next.
 */
static void tell_why(const struct member *worker, int code)
{
	struct shared_hooks *hooks = &worker->segment->control->hooks;
	uint32_t nobody = 0;

	/* Relaxed, all: the supervisor reads it after the death. */
	store_relaxed(&worker->seat->hook_code, code);
	if (!worker->supervisor || !text[0])
		return;
	/* HOOK1. Acquire: else the text could be overwritten before the supervisor has read it. */
	for (unsigned i = 0; !cas_acquire(&hooks->teller, &nobody, HELD_BY(worker->name)); i++, nobody = 0) {
		if (i == TURNS)
			return;
		os_sleep_ns(TURN_NAP_NS);
	}
	hooks->told_size = (uint32_t)strlen(text);
	memcpy(hooks->told, text, hooks->told_size);
}

/* A child that a hook has forked, and that returns from it, ends here. */
static void end_if_child(const struct member *worker)
{
	if (forks_count() != worker->made)
		_exit(1);
}

bool hooks_set_up(struct member *worker)
{
	const sheaf_worker_options *options = &worker->segment->workers;
	int code;

	text[0] = '\0';
	if (!options->init)
		return true;
	code = options->init(&worker->service->state, worker->number, options->context);
	end_if_child(worker);
	if (worker->supervisor)
		output_flush(false);
	if (code > 0)
		code = sheaf_worker_fail(-EINVAL, "it returned %d: a hook returns 0 or a negative errno", code);
	if (code) {
		tell_why(worker, code);
		return false;
	}
	say_hook(worker, HOOK_NONE, 0);
	/* It may wait for this. */
	wake_supervisor(worker);
	return true;
}

void hooks_clear_up(struct member *worker)
{
	const sheaf_worker_options *options = &worker->segment->workers;

	if (!options->exit)
		return;
	say_hook(worker, HOOK_EXIT, options->exit_timeout_ns);
	/* It has to watch the time. */
	wake_supervisor(worker);
	options->exit(worker->service->state, worker->number, options->context);
	end_if_child(worker);
	if (worker->supervisor)
		output_flush(false);
	say_hook(worker, HOOK_NONE, 0);
}
