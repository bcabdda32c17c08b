/*
 * job.h - what the tasks of one reduction or scan know, and how it is cut into leaves.
 */
#ifndef SHEAF_REDUCE_JOB_H
#define SHEAF_REDUCE_JOB_H

#include "sheaf_reduce.h"

/* The user's context follows, if it is copied. */
struct job {
	sheaf_reduction how;                    /* its functions: in the caller's process alone */
	uint64_t identity, fold, combine, scan; /* what they are in others: see pool/named.h */
	size_t n, leaf, stride;
	unsigned char *from, *to; /* partial results, one array after the other */
	size_t count;             /* in from */
};

typedef void identity_fn(void *partial, const void *context);
typedef int fold_fn(sheaf_task *task, size_t begin, size_t end, void *partial, const void *context);
typedef int combine_fn(sheaf_task *task, void *partial, const void *next, const void *context);

/* A job as the process of a task knows it. */
struct work {
	const struct job *job;
	const void *context;
	identity_fn *identity; /* or NULL */
	fold_fn *fold;
	combine_fn *combine;
	sheaf_scan_fn *scan; /* or NULL */
};

static inline size_t job_end(const struct job *job, size_t leaf)
{
	size_t first = leaf * job->leaf;

	return job->n - first > job->leaf ? first + job->leaf : job->n;
}

/*
 * Check the arguments of a call, and describe its job: *@job, to be freed. @scan: or NULL. 0;
 * -EINVAL, -ENOMEM with their messages; as of pool_name_function().
 */
int job_make(const char *call, const sheaf_pool *pool, const sheaf_reduction *how, sheaf_scan_fn *scan, size_t n,
	     const sheaf_map_options *options, struct job **job);

/* Find the functions of a job for a task. */
struct work job_work(sheaf_task *task, const struct job *job);

/* Write the partial result of no position: in a task; in the process of the call. */
void job_identity(const struct work *work, void *partial);
void job_nothing(const struct job *job, void *partial);

/* Take so many arrays of partial results, *@memory, and fold all leaves into the first one. */
int job_fold(sheaf_pool *pool, struct job *job, size_t arrays, sheaf_map_options *options, void **memory);

#endif
