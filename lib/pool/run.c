/*
 * run.c - the calls that fan out and wait. Each opens a batch, runs it and retires it.
 */
#include "pool/pool.h"

#include "base/error.h"
#include "base/guard.h"
#include "batch/dense.h"
#include "batch/gather.h"
#include "batch/message.h"
#include "batch/create.h"
#include "batch/open.h"
#include "batch/retire.h"
#include "batch/view_calls.h"
#include "batch/view_dense.h"
#include "work/cancel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int sheaf_batch_create(sheaf_batch **batch, sheaf_pool *pool, const sheaf_batch_options *options)
{
	int r = pool_check(pool, "sheaf_batch_create");

	return r ? r : batch_create(batch, &pool->member, options);
}

/* ---- what a task left ---- */

static void begin_left(const sheaf_map_options *options)
{
	if (options && options->left)
		*options->left = NULL;
	if (options && options->left_size)
		*options->left_size = 0;
}

/* Give the caller a copy of its own. 0; -ENOMEM: there is none. */
static int copy_left(const sheaf_map_options *options, const sheaf_result *found)
{
	void *copy = malloc(found->size ? found->size : 1);

	if (!copy)
		return sheaf_fail(-ENOMEM, "no memory for a copy of %zu bytes that a task left", found->size);
	if (found->size)
		memcpy(copy, found->data, found->size);
	*options->left = copy;
	if (options->left_size)
		*options->left_size = found->size;
	return 0;
}

/*
 * Copy a result. A task that has called sheaf_task_result() may have left less than wanted, or
 * more. What does not fit is cut, unless the options say where its size or all of it is to go.
 */
static int copy_result(void *result, size_t size, const sheaf_result *found, const sheaf_map_options *options)
{
	size_t copied = found->size < size ? found->size : size;

	if (found->size > size && options && options->left)
		return copy_left(options, found);
	if (options && options->left_size)
		*options->left_size = found->size;
	if (found->size > size && options && options->left_size)
		return sheaf_fail(-EMSGSIZE,
				  "sheaf_apply: the result has %zu bytes, and result_size is %zu: raise it, or have the result "
				  "copied by options.left",
				  found->size, size);
	if (copied)
		memcpy(result, found->data, copied);
	if (size > copied)
		memset((unsigned char *)result + copied, 0, size - copied);
	return 0;
}

/*
 * Fail because of a position, of which the caller may want what it left. Without memory for that
 * its status says enough.
 */
static int fail_with_left(const sheaf_map_options *options, const sheaf_result *first, uint64_t failed)
{
	if (options && options->left && first->data)
		(void)copy_left(options, first);
	return message_fail_position(first, failed);
}

/* ---- apply, map and for ---- */

/* What apply, map and for have in common: a batch of their own, and how long they wait for it. */
struct call {
	const char *name;
	struct sheaf_batch *batch;
	const sheaf_map_options *options; /* or NULL */
	uint64_t deadline_ns;
	unsigned heard;
	struct asking asking;
};

/* The thread of the call was cancelled. */
static void give_call_up(struct sheaf_batch *batch)
{
	batch_free(batch, false);
}

static int begin_call(struct call *call, const char *name, sheaf_pool *pool, const sheaf_batch_options *batch_options,
		      const sheaf_map_options *options)
{
	int r = pool_check(pool, name);

	if (!r && options)
		r = member_may_limit(pool->member.segment, name, "options.task_timeout_ns", options->task_timeout_ns);
	if (r || (r = batch_create(&call->batch, &pool->member, batch_options)))
		return r;
	call->name = name;
	call->options = options;
	call->asking = (struct asking){0};
	call->deadline_ns = options && options->deadline_ns ? options->deadline_ns : SHEAF_FOREVER;
	call->heard = member_heard(call->batch->member);
	batch_serve_call(call->batch, call->deadline_ns, options && options->caller_works, give_call_up);
	return 0;
}

/* Retire the batch. @waited: a deadline that passed is not the call's but a position's. */
static int end_call(const struct call *call, int r, bool waited)
{
	if (!waited && r == -ETIMEDOUT)
		r = sheaf_fail(
			-ETIME,
			"%s: options.deadline_ns passed before all positions were done: those that were not are given up",
			call->name);
	batch_free(call->batch, false);
	return r;
}

UNGUARDED int sheaf_apply(sheaf_pool *pool, sheaf_task_fn *fn, const void *arg, size_t arg_size, void *result,
			  size_t result_size, const sheaf_map_options *options)
{
	sheaf_batch_options wanted = {
		.result_size = result_size,
		.max_attempts = options ? options->max_attempts : 0,
		.task_timeout_ns = options ? options->task_timeout_ns : 0,
		.flags = SHEAF_NO_TIMES,
		.priority = options ? options->priority : SHEAF_NORMAL,
		.context = options ? options->context : NULL,
		.grace_ns = options ? options->grace_ns : 0,
	};
	bool waited = false;
	sheaf_result found;
	struct call call;
	int r;

	begin_left(options);
	if (!fn)
		return sheaf_fail(-EINVAL, "sheaf_apply: fn is NULL");
	if (options && options->context && options->context_size)
		return sheaf_fail(-EINVAL,
				  "sheaf_apply: options.context_size is %zu, but only a map or a loop copies a "
				  "context: put the bytes into the argument",
				  options->context_size);
	if (!result && result_size)
		return sheaf_fail(-EINVAL, "sheaf_apply: result is NULL, but has %zu bytes", result_size);
	if ((r = begin_call(&call, "sheaf_apply", pool, &wanted, options)))
		return r;
	if (!(r = sheaf_submit(call.batch, 0, fn, arg, arg_size)) &&
	    !(r = batch_wait_all(call.batch, call.deadline_ns, call.heard)) && (waited = true) &&
	    !(r = calls_result(call.batch, 0, &found))) {
		if (found.status)
			r = fail_with_left(options, &found, 1);
		else
			r = copy_result(result, result_size, &found, options);
	}
	return end_call(&call, r, waited);
}

static bool is_call_over(void *context)
{
	struct call *call = context;

	return batch_is_cancelled(call->batch->shared) || member_interrupted(call->batch->member, call->heard) ||
	       (call->deadline_ns != SHEAF_FOREVER && sheaf_now_ns() >= call->deadline_ns) ||
	       member_ask_host(call->batch->member, &call->asking);
}

/* Wait until all is done. If the host has ended the wait, only see whether it is. */
static int wait_for_call_end(const struct call *call)
{
	int r = batch_wait_all(call->batch, call->asking.ends ? 0 : call->deadline_ns, call->heard);

	return r == -EAGAIN && call->asking.ends ? member_interrupt(call->batch->member) : r;
}

/* Wait for a dense batch, and take part in it if the caller works. @r: of its submission. */
UNGUARDED static int finish_call(struct call *call, int r)
{
	bool waited = false;
	sheaf_result first;
	uint64_t failed;

	if (!r)
		dense_help(call->batch, is_call_over, call);
	if (!r && !(r = wait_for_call_end(call)) && (waited = true) &&
	    !(r = dense_first_failure(call->batch, &first, &failed)) && failed)
		r = fail_with_left(call->options, &first, failed);
	return end_call(call, r, waited);
}

/* What a map or a loop asks of the batch that serves it. */
static sheaf_batch_options batch_options_of(const sheaf_map_options *options)
{
	return options ? (sheaf_batch_options){.on_error = options->on_error,
					       .priority = options->priority,
					       .grace_ns = options->grace_ns}
		       : (sheaf_batch_options){0};
}

UNGUARDED int sheaf_map(sheaf_pool *pool, sheaf_task_fn *fn, const void *in, size_t in_size, void *out, size_t out_size,
			size_t n, const sheaf_map_options *options)
{
	const sheaf_batch_options wanted = batch_options_of(options);
	struct call call;
	int r;

	begin_left(options);
	r = begin_call(&call, "sheaf_map", pool, &wanted, options);
	return r ? r : finish_call(&call, sheaf_submit_map(call.batch, fn, in, in_size, out, out_size, n, options));
}

UNGUARDED int sheaf_for(sheaf_pool *pool, sheaf_range_fn *fn, void *context, size_t n, const sheaf_map_options *options)
{
	const sheaf_batch_options wanted = batch_options_of(options);
	struct call call;
	int r;

	begin_left(options);
	r = begin_call(&call, "sheaf_for", pool, &wanted, options);
	return r ? r : finish_call(&call, sheaf_submit_for(call.batch, fn, context, n, options));
}
