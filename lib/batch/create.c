/*
 * create.c - sheaf_batch_create(): checks the options of a batch, and opens it.
 */
#include "batch/create.h"

#include "base/error.h"
#include "batch/open.h"
#include "batch/view_window.h"
#include "batch/window.h"
#include "work/check_pointers.h"

#include <errno.h>

int batch_check_attempts(unsigned max_attempts, const char *call)
{
	if (max_attempts <= SHEAF_MAX_ATTEMPTS)
		return 0;
	return sheaf_fail(-EINVAL, "%s%smax_attempts is %u, at most %u", call ? call : "options", call ? ": " : ".",
			  max_attempts, SHEAF_MAX_ATTEMPTS);
}

/* Nobody but the caller knows of the batch yet. */
static int open_windowed(struct sheaf_batch **out, struct member *member, const sheaf_batch_options *options)
{
	struct sheaf_batch *batch;
	int r = batch_open(&batch, member, options);

	if (r)
		return r;
	if ((r = window_open(batch, options))) {
		batch_close(batch);
		return r;
	}
	batch->view = &view_window;
	*out = batch;
	return 0;
}

int batch_create(struct sheaf_batch **batch, struct member *member, const sheaf_batch_options *options)
{
	int r;

	if (!batch)
		return sheaf_fail(-EINVAL, "sheaf_batch_create: batch is NULL");
	if (options && (r = batch_check_attempts(options->max_attempts, NULL)))
		return r;
	if (options && options->flags & ~(unsigned)(SHEAF_NONBLOCK | SHEAF_NO_TIMES))
		return sheaf_fail(-EINVAL, "options.flags is %#x: unknown flags", options->flags);
	if (options && (unsigned)options->on_error > SHEAF_CANCEL_REST)
		return sheaf_fail(-EINVAL, "options.on_error is %d: neither SHEAF_GO_ON nor SHEAF_CANCEL_REST",
				  (int)options->on_error);
	if (options && (unsigned)options->priority >= PRIORITIES)
		return sheaf_fail(-EINVAL, "options.priority is %d: none of SHEAF_NORMAL, SHEAF_HIGH and SHEAF_LOW",
				  (int)options->priority);
	if (options &&
	    (r = member_may_limit(member->segment, "sheaf_batch_create", "options.task_timeout_ns", options->task_timeout_ns)))
		return r;
	if (options && options->result_size > member->segment->heap_size)
		return sheaf_fail(-EINVAL,
				  "options.result_size is %zu, more than the pool's heap of %llu bytes, so it can never fit: "
				  "raise options.heap_size",
				  options->result_size, (unsigned long long)member->segment->heap_size);
	if (options && member->checked && options->context &&
	    (r = check_pointers(member->memory, member->segment, "sheaf_batch_create", "options.context", &options->context,
				sizeof(options->context))))
		return r;
	if (!options || (!options->window && !options->window_bytes))
		return batch_open(batch, member, options);
	return open_windowed(batch, member, options);
}
