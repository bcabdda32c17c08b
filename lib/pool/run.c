/*
 * run.c - the calls that fan out and wait: a batch each, opened, run and retired.
 */
#include "pool/pool.h"

#include "base/error.h"
#include "base/guard.h"
#include "work/share.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int check_attempts(const sheaf_map_options *options)
{
	if (!options || options->max_attempts <= SHEAF_MAX_ATTEMPTS)
		return 0;
	return sheaf_fail(-EINVAL, "options.max_attempts is %u, at most %u", options->max_attempts, SHEAF_MAX_ATTEMPTS);
}

int sheaf_batch_create(sheaf_batch **batch, sheaf_pool *pool, const sheaf_batch_options *options)
{
	int r = pool_check(pool, "sheaf_batch_create");

	if (r)
		return r;
	if (!batch)
		return sheaf_fail(-EINVAL, "sheaf_batch_create: batch is NULL");
	if (options && options->max_attempts > SHEAF_MAX_ATTEMPTS)
		return sheaf_fail(-EINVAL, "options.max_attempts is %u, at most %u", options->max_attempts, SHEAF_MAX_ATTEMPTS);
	if (options && options->flags & ~(unsigned)(SHEAF_NONBLOCK | SHEAF_NO_TIMES))
		return sheaf_fail(-EINVAL, "options.flags is %#x: unknown flags", options->flags);
	if (options && options->result_size > pool->member.segment->heap_size)
		return sheaf_fail(-EINVAL, "options.result_size is %zu, more than the pool's heap of %llu bytes",
				  options->result_size, (unsigned long long)pool->member.segment->heap_size);
	return batch_open(batch, &pool->member, options);
}

/* sheaf_fail() for the lowest position that failed. */
__attribute__((noinline)) static int fail_position(const sheaf_result *result, uint64_t failed)
{
	char which[64] = "", more[64] = "";

	if (!batch_worker_died(result))
		snprintf(which, sizeof(which), "position %llu: ", (unsigned long long)result->position);
	if (failed > 1)
		snprintf(more, sizeof(more), " (%llu other positions failed, too)", (unsigned long long)failed - 1);
	return sheaf_fail(result->status, "%s%s%s", which, result->message, more);
}

/* A task that has called sheaf_task_result() may have left less, or more. */
static void copy_result(void *result, size_t size, const sheaf_result *found)
{
	size_t copied = found->size < size ? found->size : size;

	if (copied)
		memcpy(result, found->data, copied);
	if (size > copied)
		memset((unsigned char *)result + copied, 0, size - copied);
}

/* What apply, map and for have in common: the batch is theirs, and waits until the deadline. */
struct call {
	struct member *member;
	uint64_t deadline_ns;
	unsigned heard;
};

static struct call begin_call(sheaf_batch *batch, const sheaf_map_options *options)
{
	struct call call = {
		.member = batch->member,
		.deadline_ns = options && options->deadline_ns ? options->deadline_ns : SHEAF_FOREVER,
		.heard = member_heard(batch->member),
	};

	batch->of_call = true;
	batch->deadline_ns = call.deadline_ns == SHEAF_FOREVER ? 0 : call.deadline_ns;
	return call;
}

/* The deadline of the call is told apart from a position that was over its limit. */
static int end_call(sheaf_batch *batch, const char *name, int r, bool waited)
{
	if (!waited && r == -ETIMEDOUT)
		r = sheaf_fail(
			-ETIME,
			"%s: options.deadline_ns passed before all positions were done: those that were not are given up",
			name);
	batch_free(batch, false);
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
	};
	bool waited = false;
	sheaf_result found;
	sheaf_batch *batch;
	struct call call;
	int r = check_attempts(options);

	if (r)
		return r;
	if (!result && result_size)
		return sheaf_fail(-EINVAL, "sheaf_apply: result is NULL, but has %zu bytes", result_size);
	if ((r = sheaf_batch_create(&batch, pool, &wanted)))
		return r;
	call = begin_call(batch, options);
	if (!(r = sheaf_submit(batch, 0, fn, arg, arg_size)) && !(r = batch_wait_all(batch, call.deadline_ns, call.heard)) &&
	    (waited = true) && !(r = batch_result(batch, 0, &found))) {
		if (found.status)
			r = fail_position(&found, 1);
		else
			copy_result(result, result_size, &found);
	}
	return end_call(batch, "sheaf_apply", r, waited);
}

static bool is_over(const void *context)
{
	const struct call *call = context;

	return member_interrupted(call->member, call->heard) ||
	       (call->deadline_ns != SHEAF_FOREVER && sheaf_now_ns() >= call->deadline_ns);
}

/* Waits for a dense batch and retires it; takes part in it first if the options ask for that. @r: of its submission. */
UNGUARDED static int finish(sheaf_batch *batch, const char *name, const struct call *call, int r)
{
	bool waited = false;
	sheaf_result first;
	uint64_t failed;

	if (!r && batch->caller_works) {
		const struct segment *before = member_run_tasks_of(batch->member->segment);

		share_help(batch->member, batch->shared, &batch->plan, batch->heap_id, is_over, call);
		member_run_tasks_of(before);
	}
	if (!r && !(r = batch_wait_all(batch, call->deadline_ns, call->heard)) && (waited = true) &&
	    !(r = batch_first_failure(batch, &first, &failed)) && failed)
		r = fail_position(&first, failed);
	return end_call(batch, name, r, waited);
}

UNGUARDED int sheaf_map(sheaf_pool *pool, sheaf_task_fn *fn, const void *in, size_t in_size, void *out, size_t out_size,
			size_t n, const sheaf_map_options *options)
{
	sheaf_batch *batch;
	struct call call;
	int r = sheaf_batch_create(&batch, pool, NULL);

	if (r)
		return r;
	call = begin_call(batch, options);
	batch->caller_works = options && options->caller_works;
	return finish(batch, "sheaf_map", &call, sheaf_submit_map(batch, fn, in, in_size, out, out_size, n, options));
}

UNGUARDED int sheaf_for(sheaf_pool *pool, sheaf_range_fn *fn, void *context, size_t n, const sheaf_map_options *options)
{
	sheaf_batch *batch;
	struct call call;
	int r = sheaf_batch_create(&batch, pool, NULL);

	if (r)
		return r;
	call = begin_call(batch, options);
	batch->caller_works = options && options->caller_works;
	return finish(batch, "sheaf_for", &call, sheaf_submit_for(batch, fn, context, n, options));
}
