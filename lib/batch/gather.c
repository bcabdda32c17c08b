/*
 * gather.c - waits for results and hands them out: by position, by completion, or all at once.
 *
 * One thread gathers at a time. What the verbs do depends on the kind of the batch, so its view
 * does it.
 */
#include "batch/gather.h"

#include "base/error.h"
#include "base/guard.h"
#include "batch/help.h"
#include "batch/message.h"
#include "os/os.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

__attribute__((noinline)) int gather_refuse(const struct sheaf_batch *batch, const char *call)
{
	if (help_is_awaited(batch))
		return sheaf_fail(-EDEADLK,
				  "%s: this thread waits for the batch already, and runs the calling task meanwhile: a task "
				  "may not wait for its own position, nor for what its caller waits for",
				  call);
	return sheaf_fail(-EBUSY, "%s: another thread is gathering from this batch", call);
}

UNGUARDED int batch_wait_all(struct sheaf_batch *batch, uint64_t deadline_ns, unsigned heard)
{
	int r = gather_begin(batch, "wait");

	return r ? r : gather_end(batch, batch->view->wait_all(batch, deadline_ns, heard));
}

UNGUARDED int sheaf_next(sheaf_batch *batch, sheaf_result *result, uint64_t deadline_ns)
{
	int r;

	if (!batch || !result)
		return sheaf_fail(-EINVAL, "sheaf_next: %s is NULL", batch ? "result" : "batch");
	r = gather_begin(batch, "sheaf_next");
	return r ? r : gather_end(batch, batch->view->next(batch, result, deadline_ns));
}

UNGUARDED int sheaf_next_done(sheaf_batch *batch, sheaf_result *result, uint64_t deadline_ns)
{
	int r;

	if (!batch || !result)
		return sheaf_fail(-EINVAL, "sheaf_next_done: %s is NULL", batch ? "result" : "batch");
	r = gather_begin(batch, "sheaf_next_done");
	return r ? r : gather_end(batch, batch->view->next_done(batch, result, deadline_ns));
}

/*
 * Fill the batch's own array with all results, which are done. Add to *@failed those that
 * failed. *@first: the lowest of these, but one that was cancelled only if all were.
 */
static int collect(struct sheaf_batch *batch, const uint64_t *items, size_t n, int *failed, size_t *first)
{
	sheaf_result *results = n > SIZE_MAX / sizeof(*results) ? NULL : os_large_alloc((n ? n : 1) * sizeof(*results));
	int r;

	if (!results)
		return sheaf_fail(-ENOMEM, "no memory for an array of %zu results: sheaf_next() needs none", n);
	for (size_t i = 0; i < n; i++) {
		if ((r = batch->view->result(batch, items ? items[i] : i, &results[i]))) {
			free(results);
			return r;
		}
		if (!results[i].status)
			continue;
		/* Why others were cancelled says more than that they were. */
		if (!*failed || (results[*first].status == -ECANCELED && results[i].status != -ECANCELED))
			*first = i;
		if (*failed < INT_MAX)
			++*failed;
	}
	free(batch->results);
	batch->results = results;
	return 0;
}

static int gather_all(struct sheaf_batch *batch, const sheaf_result **results, size_t *n, uint64_t deadline_ns)
{
	bool none = batch_is_undecided(batch);
	uint64_t *items;
	size_t count, first = 0;
	int failed = 0, r;

	if (batch->window)
		return sheaf_fail(-EINVAL, "sheaf_gather: the batch has a window, so it never has all results at once: use "
					   "sheaf_next(), sheaf_next_done() or sheaf_each()");
	if (!none && (r = batch->view->wait_all(batch, deadline_ns, member_heard(batch->member))))
		return r;
	count = none ? 0 : (size_t)batch->view->count(batch);
	if ((r = batch->view->sort(batch, &items)))
		return r;
	r = collect(batch, items, count, &failed, &first);
	free(items);
	if (r)
		return r;
	*results = batch->results;
	*n = count;
	if (failed)
		(void)message_fail_position(&batch->results[first], (uint64_t)failed);
	return failed;
}

int sheaf_gather(sheaf_batch *batch, const sheaf_result **results, size_t *n, uint64_t deadline_ns)
{
	int r;

	if (!batch || !results || !n)
		return sheaf_fail(-EINVAL, "sheaf_gather: %s is NULL", !batch ? "batch" : !results ? "results" : "n");
	r = gather_begin(batch, "sheaf_gather");
	return r ? r : gather_end(batch, gather_all(batch, results, n, deadline_ns));
}

int sheaf_batch_get_progress(sheaf_batch *batch, sheaf_progress *progress)
{
	int r;

	if (!batch || !progress)
		return sheaf_fail(-EINVAL, "sheaf_batch_get_progress: %s is NULL", batch ? "progress" : "batch");
	if ((r = batch_check(batch)))
		return r;
	/* Else a program that asks until all is done would ask for ever. */
	(void)member_serve(batch->member);
	pthread_mutex_lock(&batch->lock);
	*progress = (sheaf_progress){.total = batch->view->count(batch)};
	progress->done = batch->view->count_done(batch, &progress->failed);
	pthread_mutex_unlock(&batch->lock);
	return 0;
}
