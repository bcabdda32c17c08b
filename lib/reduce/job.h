/*
 * job.h - what the tasks of one reduction or scan know, and how it is cut into leaves.
 */
#ifndef SHEAF_REDUCE_JOB_H
#define SHEAF_REDUCE_JOB_H

#include "sheaf_reduce.h"

/* The user's context follows, if it is copied. */
struct job {
	sheaf_reduction how;
	size_t n, leaf, stride;
	unsigned char *from, *to; /* partial results, one array after the other */
	size_t count;             /* in from */
	sheaf_scan_fn *scan;      /* of a scan */
};

static inline const void *job_context(const struct job *job)
{
	return job->how.context_size ? (const void *)(job + 1) : job->how.context;
}

static inline size_t job_end(const struct job *job, size_t leaf)
{
	size_t first = leaf * job->leaf;

	return job->n - first > job->leaf ? first + job->leaf : job->n;
}

/*
 * Check the arguments of a call, and describe its job: *@job, to be freed. 0; -EINVAL, -ENOMEM with
 * their messages.
 */
int job_make(const char *call, const sheaf_pool *pool, const sheaf_reduction *how, size_t n, const sheaf_map_options *options,
	     struct job **job);

/* Write the partial result of no position. */
void job_identity(const struct job *job, void *partial);

/* Take so many arrays of partial results, *@memory, and fold all leaves into the first one. */
int job_fold(sheaf_pool *pool, struct job *job, size_t arrays, sheaf_map_options *options, void **memory);

#endif
