/*
 * fan.c - the calls that fan out over a cluster.
 *
 * Each has the same steps at all ranks: each rank checks what it can check alone; all agree; the
 * file of results is created and opened; the job runs; what is to be everywhere is broadcast. A
 * rank that has failed in one of the steps says so in the next agreement.
 */
#include "mpi/agree.h"
#include "mpi/checkpoint.h"
#include "mpi/cluster.h"
#include "mpi/file.h"
#include "mpi/place.h"
#include "mpi/rank.h"
#include "sheaf_adapter.h"

#include <errno.h>
#include <string.h>

#define MOST_POSITIONS ((uint64_t)1 << 45)

/* ---- arguments ---- */

static int check_sizes(const struct job *job)
{
	uint64_t n = job->n;

	if (n > MOST_POSITIONS)
		return sheaf_message_set(-EOVERFLOW, "%s: n is %llu, at most 2^45", job->call, (unsigned long long)n);
	if ((job->in_size && n > SIZE_MAX / job->in_size) || (job->out_size && n > SIZE_MAX / job->out_size))
		return sheaf_message_set(-EOVERFLOW, "%s: %llu items of %zu bytes do not fit in any memory", job->call,
					 (unsigned long long)n, job->in_size > job->out_size ? job->in_size : job->out_size);
	return 0;
}

static int check_checkpoint(const struct job *job)
{
	const sheaf_cluster_map_options *o = &job->options;
	const char *name = o->checkpoint ? "checkpoint" : "journal";

	if (!o->checkpoint && !o->journal)
		return 0;
	if (o->checkpoint && o->journal)
		return sheaf_message_set(-EINVAL, "%s: options.checkpoint and options.journal are set: a job has one of them",
					 job->call);
	if (o->checkpoint && !o->checkpoint_name)
		return sheaf_message_set(-EINVAL,
					 "%s: options.checkpoint_name is NULL: name the function, its version and its "
					 "parameters, so that a checkpoint of others is refused",
					 job->call);
	if (job->kind == JOB_COLLECT || o->results == SHEAF_RESULTS_WHERE_MADE)
		return sheaf_message_set(-EINVAL, "%s: options.%s is set, but %s", job->call, name,
					 job->kind == JOB_COLLECT ? "collect has none"
								  : "results stay where they were made, and end with the job");
	if (o->journal && !job->root)
		return sheaf_message_set(-EINVAL, "%s: options.journal is set, but only the root has one", job->call);
	return 0;
}

static int check_choices(const struct job *job)
{
	const sheaf_cluster_map_options *o = &job->options;
	bool file = o->results == SHEAF_RESULTS_IN_FILE;

	if ((unsigned)o->input > SHEAF_INPUT_AT_ROOT)
		return sheaf_message_set(-EINVAL, "%s: options.input is %d: see enum sheaf_cluster_input", job->call,
					 (int)o->input);
	if ((unsigned)o->results > SHEAF_RESULTS_IN_FILE)
		return sheaf_message_set(-EINVAL, "%s: options.results is %d: see enum sheaf_cluster_results", job->call,
					 (int)o->results);
	if (job->kind != JOB_MAP && o->results)
		return sheaf_message_set(-EINVAL, "%s: options.results is set, but only a map has such results", job->call);
	if (file && !o->path)
		return sheaf_message_set(-EINVAL, "%s: options.path is NULL: name the file for the results", job->call);
	if (!file && (o->path || o->dtype))
		return sheaf_message_set(-EINVAL, "%s: options.%s is set: set options.results to SHEAF_RESULTS_IN_FILE, too",
					 job->call, o->path ? "path" : "dtype");
	if (o->context_size && !o->context && job->kind != JOB_FOR)
		return sheaf_message_set(-EINVAL, "%s: options.context is NULL, but has %zu bytes", job->call, o->context_size);
	return 0;
}

static int check_arguments_of(const struct job *job, sheaf_pool *pool)
{
	int r;

	if (job->kind == JOB_FOR ? !job->range : !job->task)
		return sheaf_message_set(-EINVAL, "%s: fn is NULL", job->call);
	if (job->kind == JOB_COLLECT && job->root && !job->each)
		return sheaf_message_set(-EINVAL, "%s: each is NULL at the root", job->call);
	if ((r = check_choices(job)) || (r = check_checkpoint(job)) || (r = check_sizes(job)))
		return r;
	return place_check(job, pool);
}

static int agree_on(const struct job *job, struct wire *wire, int code)
{
	const sheaf_cluster_map_options *o = &job->options;
	const struct argument arguments[] = {
		{"the kind of the call", job->kind},
		{"n", job->n},
		{"in_size", job->in_size},
		{"out_size", job->out_size},
		{"options.input", (uint64_t)o->input},
		{"options.results", (uint64_t)o->results},
		{"options.grain", o->grain},
		{"options.context_size", o->context_size},
		{"options.max_attempts", o->max_attempts},
		{"options.task_timeout_ns", o->task_timeout_ns},
		{"options.path (a hash of it)", agree_text(o->path)},
		{"options.dtype (a hash of it)", agree_text(o->dtype)},
		{"options.window", o->window},
		{"options.checkpoint (a hash of it)", agree_text(o->checkpoint)},
		{"options.checkpoint_name (a hash of it)", agree_text(o->checkpoint_name)},
	};

	return agree(wire, job->call, arguments, sizeof(arguments) / sizeof(arguments[0]), code);
}

/* ---- steps ---- */

/* Have the file of results at all ranks, or at none. @again: it was open before. */
static int open_results(struct job *job, struct wire *wire, bool again)
{
	int r;

	if (job->options.results != SHEAF_RESULTS_IN_FILE)
		return 0;
	if (again)
		return agree(wire, job->call, NULL, 0, file_open(job));
	if ((r = agree(wire, job->call, NULL, 0, job->root ? file_create(job) : 0)))
		return r;
	return agree(wire, job->call, NULL, 0, job->root ? 0 : file_open(job));
}

/* Do what is due when all chunks are done. @code: how that ended, with its message. */
static int complete_job(struct job *job, struct wire *wire, int code)
{
	int r = 0;

	if (code == -EIO)
		return code;
	if (job->options.results == SHEAF_RESULTS_IN_FILE)
		r = agree(wire, job->call, NULL, 0, file_close(job));
	if (!r && job->options.checkpoint)
		r = agree(wire, job->call, NULL, 0, checkpoint_close(job));
	if (job->kind == JOB_MAP && job->out_size && job->options.results == SHEAF_RESULTS_EVERYWHERE)
		r = wire_broadcast(wire, job->out, (size_t)job->n * job->out_size, 0);
	return code ? code : r;
}

/*
 * Where ranks may die: wait for all that live, so that each knows who does. 1: those that have died
 * had kept what they had done, and it is to be done again; 0; -EIO.
 *
 * What the root says is right if nobody dies until all have heard it.
 */
static int look_for_lost(struct wire *wire, struct dispatch *dispatch)
{
	int r, living;

	if (!wire_is_tolerant(wire))
		return 0;
	do {
		uint64_t none = !dispatch || !dispatch_reopen(dispatch), lowest = 1;

		living = wire_living(wire);
		if ((r = wire_lowest(wire, &none, &lowest, 1)) || !lowest)
			return r ? r : 1;
	} while (wire_living(wire) < living);
	return 0;
}

/* Run the job, and again what died with ranks. */
static int run_rounds(sheaf_cluster *cluster, struct job *job, struct dispatch *dispatch)
{
	struct stretches made = {0};
	struct wire *wire = cluster->wire;
	int r, again = 0;

	job->made = job->options.ranges ? &made : NULL;
	do {
		if ((r = open_results(job, wire, again)))
			break;
		r = rank_run(job, wire, cluster->pool, cluster->workers[wire_rank(wire)], dispatch);
		if ((r = complete_job(job, wire, r)) == -EIO)
			break;
		if ((again = look_for_lost(wire, dispatch)) < 0)
			r = again;
		/* Claims of the round before are late ones. */
		job->number = again > 0 ? ++cluster->calls : job->number;
	} while (again > 0);
	if (job->made)
		stretch_give(&made, job->options.ranges, job->options.range_count);
	return r;
}

/* The context of collect is that of a batch, which is not copied: copy it here. */
static int share_context(struct job *job, sheaf_pool *pool, void **copy)
{
	int r;

	if (job->kind != JOB_COLLECT || !job->options.context_size || !job->options.context)
		return 0;
	if (!(r = sheaf_alloc(pool, job->options.context_size, copy))) {
		memcpy(*copy, job->options.context, job->options.context_size);
		job->options.context = *copy;
	}
	return r;
}

static int run_job(sheaf_cluster *cluster, struct job *job, const sheaf_cluster_map_options *options)
{
	struct wire *wire;
	struct dispatch *dispatch = NULL;
	void *copy = NULL;
	int r = cluster_check(cluster, job->call), rank;

	if (r)
		return r;
	wire = cluster->wire;
	rank = wire_rank(wire);
	job->options = options ? *options : (sheaf_cluster_map_options){0};
	job->number = ++cluster->calls;
	job->file = -1;
	job->host = &cluster->host;
	job->root = !rank;
	place_survey(job, rank);
	r = check_arguments_of(job, cluster->pool);
	if (!r)
		r = share_context(job, cluster->pool, &copy);
	if (!r && job->root)
		r = checkpoint_open(job);
	if (!r && job->root)
		r = dispatch_open(&dispatch, job, wire, cluster->workers);
	r = agree_on(job, wire, r);
	if (!r)
		r = run_rounds(cluster, job, dispatch);
	if (job->file >= 0)
		file_close(job);
	dispatch_close(dispatch);
	checkpoint_close(job);
	if (copy)
		sheaf_free(cluster->pool, copy);
	return r;
}

/* ---- calls ---- */

int sheaf_cluster_map(sheaf_cluster *cluster, sheaf_task_fn *fn, const void *in, size_t in_size, void *out, size_t out_size,
		      size_t n, const sheaf_cluster_map_options *options)
{
	struct job job = {
		.kind = JOB_MAP,
		.call = "cluster map",
		.task = fn,
		.in = in,
		.in_size = in_size,
		.out = out,
		.out_size = out_size,
		.n = n,
	};

	return run_job(cluster, &job, options);
}

int sheaf_cluster_for(sheaf_cluster *cluster, sheaf_range_fn *fn, void *context, size_t n,
		      const sheaf_cluster_map_options *options)
{
	struct job job = {.kind = JOB_FOR, .call = "cluster for", .range = fn, .range_context = context, .n = n};

	return run_job(cluster, &job, options);
}

int sheaf_cluster_collect(sheaf_cluster *cluster, sheaf_task_fn *fn, const void *in, size_t in_size, size_t n,
			  sheaf_result_fn *each, void *each_context, const sheaf_cluster_map_options *options)
{
	struct job job = {
		.kind = JOB_COLLECT,
		.call = "cluster collect",
		.task = fn,
		.in = in,
		.in_size = in_size,
		.n = n,
		.each = each,
		.each_context = each_context,
	};

	return run_job(cluster, &job, options);
}

int sheaf_cluster_broadcast(sheaf_cluster *cluster, void *memory, size_t size)
{
	const struct argument arguments[] = {{"the kind of the call", JOB_BROADCAST}, {"size", size}};
	int r = cluster_check(cluster, "cluster broadcast");

	if (r)
		return r;
	cluster->calls++;
	if (size && !memory)
		r = sheaf_message_set(-EINVAL, "cluster broadcast: memory is NULL, but size is %zu", size);
	if ((r = agree(cluster->wire, "cluster broadcast", arguments, 2, r)))
		return r;
	return wire_broadcast(cluster->wire, memory, size, 0);
}
