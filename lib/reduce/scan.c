/*
 * scan.c - sheaf_scan(): what lies before each leaf, and then the leaves once more.
 *
 * Deaths            Of a worker: what it did is done again, from arrays that nobody writes to
 *                   meanwhile.
 */
#include "reduce/job.h"

#include "base/error.h"
#include "reduce/tasks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Combine from the first leaf to the last: job->to gets what lies before each, and the total. */
static int combine_before(sheaf_task *task, size_t begin, size_t end, void *context)
{
	const struct job *job = context;
	const struct work work = job_work(task, job);

	(void)begin, (void)end;
	job_identity(&work, job->to);
	for (size_t i = 0; i < job->count; i++) {
		unsigned char *before = job->to + i * job->stride, *next = before + job->stride;
		int r;

		memcpy(next, before, job->how.size);
		if ((r = work.combine(task, next, job->from + i * job->stride, work.context)))
			return r;
	}
	return 0;
}

static int scan_leaves(sheaf_task *task, size_t begin, size_t end, void *context)
{
	const struct job *job = context;
	const struct work work = job_work(task, job);

	for (size_t i = begin; i < end; i++) {
		int r = work.scan(task, i * job->leaf, job_end(job, i), job->to + i * job->stride, work.context);

		if (r)
			return r;
	}
	return 0;
}

const struct own_function own_scan[] = {
	OWN(combine_before),
	OWN(scan_leaves),
	OWN_END,
};

static int scan_in_memory(sheaf_pool *pool, struct job *job, void *total, const sheaf_map_options *options)
{
	sheaf_map_options own = options ? *options : (sheaf_map_options){0};
	void *memory = NULL;
	size_t grain = own.grain;
	/* One more: the total. */
	int r = job_fold(pool, job, 3, &own, &memory);

	if (!r)
		r = sheaf_for(pool, combine_before, job, 1, &own);
	own.grain = grain;
	if (!r)
		r = sheaf_for(pool, scan_leaves, job, job->count, &own);
	if (!r && total)
		memcpy(total, job->to + job->count * job->stride, job->how.size);
	(void)sheaf_free(pool, memory);
	return r;
}

int sheaf_scan(sheaf_pool *pool, const sheaf_reduction *how, sheaf_scan_fn *scan, size_t n, void *total,
	       const sheaf_map_options *options)
{
	struct job *job;
	int r = job_make("sheaf_scan", pool, how, scan, n, options, &job);

	if (r)
		return r;
	if (!scan)
		r = sheaf_fail(-EINVAL, "sheaf_scan: scan is NULL");
	else if (n)
		r = scan_in_memory(pool, job, total, options);
	else if (total)
		job_nothing(job, total);
	free(job);
	return r;
}
