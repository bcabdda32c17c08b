/*
 * judge.c - is that answer allowed?
 */
#include "judge.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "plan.h"

#include "base/error.h"
#include "support/children.h"

struct outcome outcome;

void verdict_give(enum verdict verdict, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	/* At once: other cases tell, too. */
	fprintf(stderr, "%s (last failure: %d of %s, \"%s\")\n", text, outcome.code, outcome.call ? outcome.call : "no call",
		*sheaf_message() ? sheaf_message() : outcome.message);
	child_end_all();
	_exit((int)verdict);
}

#define MOST_CODES 16

static const int documented[][MOST_CODES] = {
	[AS_CREATE] = {EEXIST, ENOSPC, ENOENT, EACCES, EPERM, EROFS, ENOSYS, EMFILE, ENFILE, ENOMEM, EAGAIN, EIO},
	[AS_END] = {ENOTRECOVERABLE, EOWNERDEAD},
	[AS_ALLOC] = {ENOSPC, ENOMEM},
	[AS_BATCH] = {ENOTRECOVERABLE, EOWNERDEAD, ENOSPC, ENOMEM},
	[AS_SUBMIT] = {ENOTRECOVERABLE, EOWNERDEAD, ENOSPC, ENOMEM},
	[AS_NEXT] = {ENOTRECOVERABLE, EOWNERDEAD, ENOMEM},
	[AS_NEWS] = {EBADF, ENOMEM},
	[AS_RUN] = {ECHILD, ENOTRECOVERABLE, EOWNERDEAD, ENOSPC, ENOMEM},
	/* The errors of opening and reading, and those of sheaf_alloc(). */
	[AS_LOAD] = {EACCES, EIO, EMFILE, ENFILE, ENOENT, ENOMEM, ENOSPC, EOVERFLOW},
	/* The errors of opening and reading. */
	[AS_WATCH] = {EACCES, EIO, EMFILE, ENFILE, ENOENT, ENOMEM, ENOSYS, EOVERFLOW},
	/* The same, and those of writing. */
	[AS_SAVE] = {EACCES, EIO, EMFILE, ENFILE, ENOENT, ENOMEM, ENOSYS, EOVERFLOW, ENOSPC, EROFS, EAGAIN},
	/* Another process may have it open. */
	[AS_JOURNAL] = {EACCES, EIO, EMFILE, ENFILE, ENOENT, ENOMEM, ENOLCK, EOVERFLOW, ENOSPC, EFBIG, EBUSY},
	/* The same of files that are mapped, or both written and read. */
	[AS_FILE] = {EACCES, EIO, EMFILE, ENFILE, ENOENT, ENOMEM, ENOSYS, EOVERFLOW, ENOSPC, EROFS, EAGAIN, ENODEV, EFBIG},
	/* The same, and those of evictions. */
	[AS_CACHE] = {EACCES, EIO, EMFILE, ENFILE, ENOENT, ENOMEM, ENOLCK, EOVERFLOW, ENOSPC, EFBIG, EROFS, EAGAIN, ETIMEDOUT},
	/* Those of a journal, and of a batch. */
	[AS_RESUME] = {EACCES, EIO, EMFILE, ENFILE, ENOENT, ENOMEM, ENOLCK, EOVERFLOW, ENOSPC, EFBIG, EBUSY, ECHILD,
		       ENOTRECOVERABLE, EOWNERDEAD},
	/* Those of reading and writing, and of a batch. */
	[AS_TABLE] = {EACCES, EIO, EMFILE, ENFILE, ENOENT, ENOMEM, ENOSPC, EOVERFLOW, EROFS, EAGAIN, ECHILD, ENOTRECOVERABLE,
		      EOWNERDEAD},
};

bool judge_documented(enum documented as, int code)
{
	for (unsigned i = 0; i < MOST_CODES && documented[as][i]; i++)
		if (code == -documented[as][i])
			return true;
	return false;
}

/* The one fault of this case, if it is at one site. */
static const struct fault *only_fault(void)
{
	return atomic_load(&plan->on) && plan->count == 1 && plan->faults[0].site != ANYWHERE ? &plan->faults[0] : NULL;
}

void judge_interruption(const char *what)
{
	const struct fault *fault = only_fault();

	/* A signal of the host came, or another thread was looking. */
	RIGHT(!fault || (fault->error != EINTR && fault->error != EBUSY), WRONG,
	      "%s fails because of a call that was interrupted", what);
}

int judge_first(int r, enum documented as, const char *call)
{
	if (r >= 0)
		return r;
	RIGHT(judge_documented(as, r), WRONG, "%s: undocumented code %d (%s)", call, r, strerror(-r));
	RIGHT(*sheaf_message(), WRONG, "%s: %d without a message", call, r);
	judge_interruption(call);
	if (!outcome.code) {
		outcome = (struct outcome){.code = r, .call = call};
		snprintf(outcome.message, sizeof(outcome.message), "%s", sheaf_message());
	}
	sheaf_fail(0, "%s", ""); /* the next failure has to bring its own */
	return r;
}

int judge_second(int r, int first, enum documented as, const char *call)
{
	const struct fault *fault = only_fault();

	judge_first(r, as, call);
	RIGHT(r >= 0 || !fault || fault->lasting, WRONG, "%s: fails with %d, and a second time with %d", call, first, r);
	return r;
}

/* ---- the heap ---- */

static sheaf_pool *watched;

void judge_watch(sheaf_pool *pool)
{
	watched = pool;
}

size_t judge_heap(void)
{
	sheaf_pool_info info;

	/* Without faults: it is not the path's call. */
	return watched && !sheaf_pool_get_info(watched, &info) ? info.heap_used : 0;
}

void judge_heap_unchanged(size_t before, const char *call)
{
	size_t now = judge_heap();

	RIGHT(now == before, LEAKED, "%s: fails, and %zu bytes of the heap are in use, %zu before", call, now, before);
}
