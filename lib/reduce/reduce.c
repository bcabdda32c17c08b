/*
 * reduce.c - sheaf_reduce(): leaves by a loop over shared memory, then a tree over them.
 *
 * Deaths            Of a worker: its leaves are folded again from their identities. What is
 *                   combined goes from one array into the other, and never in place, so it can be
 *                   combined again.
 */
#include "sheaf_reduce.h"

#include "base/error.h"
#include "base/number.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TOGETHER 65536 /* bytes of partial results that one task combines alone */

/* What the tasks of one reduction know. The user's context follows, if it is copied. */
struct job {
	sheaf_reduction how;
	size_t n, leaf, stride;
	unsigned char *from, *to; /* partial results, one array after the other */
	size_t count;             /* in from */
};

static const void *context_of(const struct job *job)
{
	return job->how.context_size ? (const void *)(job + 1) : job->how.context;
}

static void write_identity(const struct job *job, void *partial)
{
	if (job->how.identity)
		job->how.identity(partial, context_of(job));
	else
		memset(partial, 0, job->how.size);
}

static int fold_leaves(sheaf_task *task, size_t begin, size_t end, void *context)
{
	const struct job *job = context;

	for (size_t i = begin; i < end; i++) {
		void *partial = job->from + i * job->stride;
		size_t first = i * job->leaf, last = job->n - first > job->leaf ? first + job->leaf : job->n;
		int r;

		write_identity(job, partial);
		if ((r = job->how.fold(task, first, last, partial, context_of(job))))
			return r;
	}
	return 0;
}

/* Combine pair @i of an array: into the place of the other one. */
static int combine_pair(sheaf_task *task, const struct job *job, size_t i)
{
	unsigned char *into = job->to + i * job->stride;
	const unsigned char *left = job->from + 2 * i * job->stride;

	memcpy(into, left, job->how.size);
	return 2 * i + 1 < job->count ? job->how.combine(task, into, left + job->stride, context_of(job)) : 0;
}

static int combine_pairs(sheaf_task *task, size_t begin, size_t end, void *context)
{
	for (size_t i = begin; i < end; i++) {
		int r = combine_pair(task, context, i);

		if (r)
			return r;
	}
	return 0;
}

/* All levels at once, for partial results that are small. Within the other array, behind a copy. */
static int combine_all(sheaf_task *task, size_t begin, size_t end, void *context)
{
	const struct job *job = context;
	unsigned char *partials = job->to;
	size_t step;
	int r;

	(void)begin, (void)end;
	for (size_t i = 0; i < job->count; i++)
		memcpy(partials + i * job->stride, job->from + i * job->stride, job->how.size);
	for (step = 1; step < job->count; step *= 2)
		for (size_t i = 0; i + step < job->count; i += 2 * step)
			if ((r = job->how.combine(task, partials + i * job->stride, partials + (i + step) * job->stride,
						  context_of(job))))
				return r;
	return 0;
}

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
	void *memory;
	int r = sheaf_alloc_array(pool, 2 * job->count, job->stride, &memory);

	if (r)
		return r;
	job->from = memory;
	job->to = job->from + job->count * job->stride;
	own.context = NULL;
	own.context_size = sizeof(*job) + job->how.context_size;
	r = sheaf_for(pool, fold_leaves, job, job->count, &own);
	own.grain = 0;
	if (!r)
		r = combine(pool, job, &own);
	if (!r)
		memcpy(result, job->from, job->how.size);
	(void)sheaf_free(pool, memory);
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

int sheaf_reduce(sheaf_pool *pool, const sheaf_reduction *how, size_t n, void *result, const sheaf_map_options *options)
{
	struct job *job;
	int r;

	if (!pool || !how || !result)
		return sheaf_fail(-EINVAL, "sheaf_reduce: %s is NULL", !pool ? "pool" : !how ? "how" : "result");
	if (!how->fold || !how->combine)
		return sheaf_fail(-EINVAL, "sheaf_reduce: how->%s is NULL", how->fold ? "combine" : "fold");
	if (!how->size || how->size > SIZE_MAX / 4 / SHEAF_LEAVES)
		return sheaf_fail(-EINVAL, "sheaf_reduce: how->size is %zu", how->size);
	if (how->context_size && !how->context)
		return sheaf_fail(-EINVAL, "sheaf_reduce: how->context is NULL, and context_size %zu", how->context_size);
	if (options && (options->context || options->context_size))
		return sheaf_fail(-EINVAL, "sheaf_reduce: options.context is set, but a reduction has its context in how");
	job = how->context_size < SIZE_MAX - sizeof(*job) ? malloc(sizeof(*job) + how->context_size) : NULL;
	if (!job)
		return sheaf_fail(-ENOMEM, "sheaf_reduce: no memory for a context of %zu bytes", how->context_size);
	*job = (struct job){.how = *how, .n = n};
	if (how->context_size)
		memcpy(job + 1, how->context, how->context_size);
	cut(job);
	if (n) {
		r = reduce_in_memory(pool, job, result, options);
	} else {
		write_identity(job, result);
		r = 0;
	}
	free(job);
	return r;
}
