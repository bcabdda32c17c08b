/*
 * mishap.c - what became of a hook that failed, in words.
 *
 * Writers           control->hooks.mishaps and its text: the supervisor, or with threads the thread
 *                   whose hook failed, under the lock of all threads.
 * Deaths            Of the supervisor in here: what it was about to tell is lost, or half of it.
 *                   Its successor begins with workers that are all set up anew.
 * Trust             A wild write may have hit what is read, so sizes are checked, and the text is
 *                   made printable by sheaf_fail().
 */
#include "member/mishap.h"

#include "base/atomic.h"
#include "base/error.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

void mishap_note(struct segment *segment, const struct mishap *mishap)
{
	struct shared_hooks *hooks = &segment->control->hooks;
	struct shared_mishap *shared = &hooks->mishaps[mishap->hook];

	shared->worker = mishap->worker;
	shared->code = mishap->code;
	shared->signal = mishap->signal;
	shared->exit_code = mishap->exit_code;
	shared->way = mishap->way;
	shared->text_size = 0;
	if (mishap->hook == HOOK_INIT) {
		shared->text_size = (uint32_t)strnlen(mishap->text, HOOK_TEXT - 1);
		memcpy(hooks->text, mishap->text, shared->text_size);
	}
	/* Relaxed: what follows hands it over, `start` or the state of the pool. */
	fetch_add_relaxed(&shared->count, 1);
}

/* False: none of that kind has failed. */
static bool load_mishap(const struct segment *segment, enum hook hook, struct mishap *mishap)
{
	const struct shared_hooks *hooks = &segment->control->hooks;
	const struct shared_mishap *shared = &hooks->mishaps[hook];
	uint32_t size = shared->text_size;

	/* Relaxed, as above. */
	if (!load_relaxed(&shared->count))
		return false;
	*mishap = (struct mishap){
		.hook = hook,
		.worker = shared->worker,
		.code = shared->code < 0 ? shared->code : -ECHILD,
		.signal = shared->signal,
		.exit_code = shared->exit_code,
		.way = shared->way,
	};
	memcpy(mishap->text, hooks->text, hook == HOOK_INIT && size < HOOK_TEXT ? size : 0);
	return true;
}

static void tell_end(const struct segment *segment, const struct mishap *mishap, char *text, size_t size)
{
	bool init = mishap->hook == HOOK_INIT;
	uint64_t limit_ns = init ? segment->workers.init_timeout_ns : segment->workers.exit_timeout_ns;

	if (mishap->code == -ETIMEDOUT && mishap->signal)
		snprintf(text, size, "took longer than %.3g s: let it do less, or raise worker_options->%s_timeout_ns",
			 (double)limit_ns / 1e9, init ? "init" : "exit");
	else if (mishap->signal)
		snprintf(text, size, "was killed by signal %d (%s)", mishap->signal, strsignal(mishap->signal));
	else if (mishap->way == WAY_THREAD_EXIT)
		snprintf(text, size, "ended its thread (pthread_exit() or pthread_cancel())");
	else if (mishap->way == WAY_JUMP)
		snprintf(text, size, "was left by longjmp()");
	else if (mishap->way & WAY_UNTOLD)
		snprintf(text, size, "called %s()", mishap->way & WAY_QUICK_EXIT ? "quick_exit" : "exit");
	else if (mishap->exit_code >= 0)
		snprintf(text, size, "called %s(%d)", mishap->way == WAY_QUICK_EXIT ? "quick_exit" : "exit", mishap->exit_code);
	else
		snprintf(text, size, "failed: %s", mishap->text[0] ? mishap->text : sheaf_strerror(mishap->code));
}

int mishap_fail_init(const struct segment *segment, const char *before)
{
	struct mishap mishap;
	char how[HOOK_TEXT + 64];

	if (!load_mishap(segment, HOOK_INIT, &mishap))
		return 0;
	tell_end(segment, &mishap, how, sizeof(how));
	return sheaf_fail(mishap.code, "%sworker %u: its init hook %s", before, mishap.worker, how);
}

int mishap_fail_exit(const struct segment *segment)
{
	struct mishap mishap;
	char how[HOOK_TEXT + 64], more[64] = "";
	/* Relaxed: handed over by the state of the pool, which is finished. */
	uint64_t count = load_relaxed(&segment->control->hooks.mishaps[HOOK_EXIT].count);

	if (!load_mishap(segment, HOOK_EXIT, &mishap))
		return 0;
	tell_end(segment, &mishap, how, sizeof(how));
	if (count > 1)
		snprintf(more, sizeof(more), ", and so did %llu more", (unsigned long long)count - 1);
	return sheaf_fail(-ECHILD, "the pool has ended, with all results, but worker %u: its exit hook %s%s", mishap.worker,
			  how, more);
}
