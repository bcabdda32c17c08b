/*
 * job.c - leaves: how positions are cut, and folded by a loop over shared memory.
 *
 * Deaths            Of a worker: its leaves are folded again from their identities.
 */
#include "reduce/job.h"

#include "base/error.h"
#include "base/number.h"
#include "pool/holds.h"
#include "pool/named.h"
#include "reduce/tasks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const void *context_of(const struct job *job)
{
	return job->how.context_size ? (const void *)(job + 1) : job->how.context;
}

struct work job_work(sheaf_task *task, const struct job *job)
{
	return (struct work){.job = job,
			     .context = context_of(job),
			     .identity = (identity_fn *)task_named_function(task, job->identity),
			     .fold = (fold_fn *)task_named_function(task, job->fold),
			     .combine = (combine_fn *)task_named_function(task, job->combine),
			     .scan = (sheaf_scan_fn *)task_named_function(task, job->scan)};
}

void job_nothing(const struct job *job, void *partial)
{
	if (job->how.identity)
		job->how.identity(partial, context_of(job));
	else
		memset(partial, 0, job->how.size);
}

void job_identity(const struct work *work, void *partial)
{
	if (work->identity)
		work->identity(partial, work->context);
	else
		memset(partial, 0, work->job->how.size);
}

static int fold_leaves(sheaf_task *task, size_t begin, size_t end, void *context)
{
	const struct job *job = context;
	const struct work work = job_work(task, job);

	for (size_t i = begin; i < end; i++) {
		void *partial = job->from + i * job->stride;
		int r;

		job_identity(&work, partial);
		if ((r = work.fold(task, i * job->leaf, job_end(job, i), partial, work.context)))
			return r;
	}
	return 0;
}

const struct own_function own_job[] = {
	OWN(fold_leaves),
	OWN_END,
};

int job_fold(sheaf_pool *pool, struct job *job, size_t arrays, sheaf_map_options *options, void **memory)
{
	int r = sheaf_alloc_array(pool, arrays * job->count, job->stride, memory);

	if (r)
		return r;
	job->from = *memory;
	job->to = job->from + job->count * job->stride;
	options->context = NULL;
	options->context_size = sizeof(*job) + job->how.context_size;
	r = sheaf_for(pool, fold_leaves, job, job->count, options);
	options->grain = 0;
	return r;
}

/* Cut [0, n) into leaves, as the header says. */
static void cut(struct job *job)
{
	size_t most = job->how.leaves ? job->how.leaves : SHEAF_LEAVES;

	job->leaf = 1;
	while (job->n / job->leaf + (job->n % job->leaf != 0) > most)
		job->leaf *= 2;
	job->count = job->n / job->leaf + (job->n % job->leaf != 0);
	job->stride = round_up(job->how.size, 64);
}

/* Note what the functions of a job are in other processes. */
static int name_job(const char *call, const sheaf_pool *pool, struct job *job, sheaf_scan_fn *scan)
{
	const sheaf_reduction *how = &job->how;
	int r;

	if ((r = pool_name_function(pool, call, (any_fn *)how->identity, &job->identity)) ||
	    (r = pool_name_function(pool, call, (any_fn *)how->fold, &job->fold)) ||
	    (r = pool_name_function(pool, call, (any_fn *)how->combine, &job->combine)))
		return r;
	return pool_name_function(pool, call, (any_fn *)scan, &job->scan);
}

int job_make(const char *call, const sheaf_pool *pool, const sheaf_reduction *how, sheaf_scan_fn *scan, size_t n,
	     const sheaf_map_options *options, struct job **made)
{
	struct job *job;
	int r;

	if (!pool || !how)
		return sheaf_fail(-EINVAL, "%s: %s is NULL", call, pool ? "how" : "pool");
	if (!how->fold || !how->combine)
		return sheaf_fail(-EINVAL, "%s: how->%s is NULL", call, how->fold ? "combine" : "fold");
	if (!how->size || how->size > SIZE_MAX / 4 / SHEAF_LEAVES)
		return sheaf_fail(-EINVAL, "%s: how->size is %zu", call, how->size);
	if ((r = pool_holds_context(pool, call, "how->", how->context, how->context_size)))
		return r;
	if (options && (options->context || options->context_size))
		return sheaf_fail(-EINVAL, "%s: options.context is set, but a reduction has its context in how", call);
	job = how->context_size < SIZE_MAX - sizeof(*job) ? malloc(sizeof(*job) + how->context_size) : NULL;
	if (!job)
		return sheaf_fail(-ENOMEM, "%s: no memory for a context of %zu bytes", call, how->context_size);
	*job = (struct job){.how = *how, .n = n};
	if (how->context_size)
		memcpy(job + 1, how->context, how->context_size);
	cut(job);
	if ((r = name_job(call, pool, job, scan)))
		free(job);
	else
		*made = job;
	return r;
}
