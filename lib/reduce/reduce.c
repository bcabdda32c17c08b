/*
 * reduce.c - sheaf_reduce(): a tree over the partial results of the leaves.
 *
 * Deaths            Of a worker: what is combined goes from one array into the other, and never in
 *                   place, so it can be combined again.
 */
#include "reduce/job.h"

#include "base/error.h"
#include "reduce/tasks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TOGETHER 65536 /* bytes of partial results that one task combines alone */

/* Combine pair @i of an array: into the place of the other one. */
static int combine_pair(sheaf_task *task, const struct work *work, size_t i)
{
	const struct job *job = work->job;
	unsigned char *into = job->to + i * job->stride;
	const unsigned char *left = job->from + 2 * i * job->stride;

	memcpy(into, left, job->how.size);
	return 2 * i + 1 < job->count ? work->combine(task, into, left + job->stride, work->context) : 0;
}

static int combine_pairs(sheaf_task *task, size_t begin, size_t end, void *context)
{
	const struct work work = job_work(task, context);

	for (size_t i = begin; i < end; i++) {
		int r = combine_pair(task, &work, i);

		if (r)
			return r;
	}
	return 0;
}

/* All levels at once, for partial results that are small. Within the other array, behind a copy. */
static int combine_all(sheaf_task *task, size_t begin, size_t end, void *context)
{
	const struct job *job = context;
	const struct work work = job_work(task, job);
	unsigned char *partials = job->to;
	size_t step;
	int r;

	(void)begin, (void)end;
	for (size_t i = 0; i < job->count; i++)
		memcpy(partials + i * job->stride, job->from + i * job->stride, job->how.size);
	for (step = 1; step < job->count; step *= 2)
		for (size_t i = 0; i + step < job->count; i += 2 * step)
			if ((r = work.combine(task, partials + i * job->stride, partials + (i + step) * job->stride,
					      work.context)))
				return r;
	return 0;
}

const struct own_function own_reduce[] = {
	OWN(combine_pairs),
	OWN(combine_all),
	OWN_END,
};

/* Combine until one is left, which lies at the beginning of job->from then. */
static int combine(sheaf_pool *pool, struct job *job, const sheaf_map_options *options)
{
	while (job->count > 1) {
		bool together = job->count * job->stride <= TOGETHER;
		size_t pairs = together ? 1 : (job->count + 1) / 2;
		unsigned char *from = job->from;
		int r = sheaf_for(pool, together ? combine_all : combine_pairs, job, pairs, options);

		if (r)
			return r;
		job->from = job->to;
		job->to = from;
		job->count = pairs;
	}
	return 0;
}

static int reduce_in_memory(sheaf_pool *pool, struct job *job, void *result, const sheaf_map_options *options)
{
	sheaf_map_options own = options ? *options : (sheaf_map_options){0};
	void *memory = NULL;
	int r = job_fold(pool, job, 2, &own, &memory);

	if (!r)
		r = combine(pool, job, &own);
	if (!r)
		memcpy(result, job->from, job->how.size);
	(void)sheaf_free(pool, memory);
	return r;
}

int sheaf_reduce(sheaf_pool *pool, const sheaf_reduction *how, size_t n, void *result, const sheaf_map_options *options)
{
	struct job *job;
	int r = job_make("sheaf_reduce", pool, how, NULL, n, options, &job);

	if (r)
		return r;
	if (!result)
		r = sheaf_fail(-EINVAL, "sheaf_reduce: result is NULL");
	else if (n)
		r = reduce_in_memory(pool, job, result, options);
	else
		job_nothing(job, result);
	free(job);
	return r;
}
