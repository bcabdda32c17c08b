/*
 * resume.c - maps and loops that leave out what a journal has, and note in it what they do.
 *
 * Tasks             One for each position, or range, that is missing: submitted by a feed while
 *                   there is room, so their number does not matter. A task writes its results in
 *                   place.
 * Notes             The caller takes what is done, in the order in which it is known, and collects
 *                   neighbours until there is nothing more to take at once. They make one record.
 *                   So short tasks share a record, and a long one has its own at once.
 * Deaths            Of a worker: its task runs again. A range that was charged for deaths is done
 *                   once more in a second round, position by position. Of the caller: what is in no
 *                   record is done again.
 */
#include "sheaf_resume.h"
#include "sheaf_stream.h"

#include "base/error.h"
#include "base/grow.h"
#include "base/number.h"
#include "pool/holds.h"
#include "pool/named.h"
#include "resume/tasks.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW 1024
#define MOST_COLLECTED 65536 /* positions of a record */
#define MOST_BYTES ((size_t)4 << 20)

struct range {
	uint64_t first, count;
};

/* What a task is told. */
struct piece {
	uint64_t map;   /* a sheaf_task_fn, as pool/named.h has it; or 0 */
	uint64_t range; /* a sheaf_range_fn; or 0 */
	const unsigned char *in;
	size_t in_size;
	unsigned char *out;
	size_t out_size;
	void *context;
	struct range at;
};

/* What the caller knows. */
struct job {
	const char *call;
	sheaf_pool *pool;
	sheaf_journal *journal;
	sheaf_task_fn *map;    /* or NULL */
	sheaf_range_fn *range; /* or NULL */
	struct piece piece;    /* the next one */
	uint64_t n;
	size_t grain;
	enum sheaf_on_full on_full;
	sheaf_map_options run;
	void *context_copy; /* in shared memory; or NULL */
	sheaf_batch *batch;
	/* ---- the round ---- */
	uint64_t from;       /* what is below has been submitted, or was done before */
	struct range *split; /* ranges to do position by position */
	size_t split_count, split_room, split_at;
	bool singly;
	/* ---- what came of it ---- */
	struct range collected; /* done, in no record yet */
	uint64_t unnoted;
	int status; /* of the lowest position that failed */
	uint64_t failed_at;
	char why[256];
};

/* ---- Tasks ---- */

static int run_resumed(sheaf_task *task, const void *arg, void *result)
{
	const struct piece *piece = arg;
	size_t first = (size_t)piece->at.first;

	(void)result;
	if (piece->range)
		return ((sheaf_range_fn *)task_named_function(task, piece->range))(task, first, first + (size_t)piece->at.count,
										   piece->context);
	return ((sheaf_task_fn *)task_named_function(task, piece->map))(
		task, piece->in_size ? piece->in + first * piece->in_size : NULL,
		piece->out_size ? piece->out + first * piece->out_size : NULL);
}

const struct own_function own_resume[] = {
	OWN(run_resumed),
	OWN_END,
};

/* The next missing range of the first round. */
static int feed_missing(void *context, sheaf_item *item)
{
	struct job *job = context;
	struct range *at = &job->piece.at;
	int r = sheaf_journal_missing(job->journal, job->from, job->n, &at->first, &at->count);

	if (r <= 0)
		return r;
	if (at->count > job->grain)
		at->count = job->grain;
	job->from = at->first + at->count;
	*item = (sheaf_item){.position = at->first, .fn = run_resumed, .arg = &job->piece, .arg_size = sizeof(job->piece)};
	return 1;
}

/* The next position of the ranges whose workers died. */
static int feed_single(void *context, sheaf_item *item)
{
	struct job *job = context;
	struct range *left = &job->split[job->split_at];

	if (job->split_at == job->split_count)
		return 0;
	job->piece.at = (struct range){left->first++, 1};
	if (!--left->count)
		job->split_at++;
	*item = (sheaf_item){
		.position = job->piece.at.first, .fn = run_resumed, .arg = &job->piece, .arg_size = sizeof(job->piece)};
	return 1;
}

/* ---- Notes ---- */

/* Append what was collected. An error: the job ends. */
static int note_collected(struct job *job)
{
	const struct range done = job->collected;
	size_t size = job->piece.out_size;
	int r;

	if (!done.count)
		return 0;
	job->collected.count = 0;
	r = sheaf_journal_append(job->journal, done.first, done.count, size ? job->piece.out + done.first * size : NULL,
				 (size_t)done.count * size);
	if (!r || job->on_full == SHEAF_FULL_STOP)
		return r;
	job->unnoted += done.count;
	return 0;
}

static int collect_done(struct job *job, const struct range *at)
{
	struct range *collected = &job->collected;
	bool follows = collected->first + collected->count == at->first;
	uint64_t count = collected->count + at->count;
	int r = 0;

	if (collected->count && (!follows || count > MOST_COLLECTED || count * job->piece.out_size > MOST_BYTES))
		r = note_collected(job);
	if (!collected->count)
		collected->first = at->first;
	collected->count += at->count;
	return r;
}

static int split_later(struct job *job, const struct range *at)
{
	if (job->split_count == job->split_room) {
		size_t room = job->split_room ? job->split_room * 2 : 16;
		struct range *grown = grow_array(job->split, room * sizeof(*grown));

		if (!grown)
			return sheaf_fail(-ENOMEM, "%s: no memory for %zu ranges", job->call, room);
		job->split = grown;
		job->split_room = room;
	}
	job->split[job->split_count++] = *at;
	return 0;
}

/* How long the task at this position was: what is missing there, as when it was submitted. */
static struct range range_of(struct job *job, uint64_t position)
{
	struct range at = {position, 1};
	uint64_t first, count;

	if (!job->singly && sheaf_journal_missing(job->journal, position, job->n, &first, &count) == 1)
		at.count = count < job->grain ? count : job->grain;
	return at;
}

static int take_outcome(struct job *job, const sheaf_result *result)
{
	struct range at = range_of(job, result->position);

	if (!result->status)
		return collect_done(job, &at);
	if (at.count > 1 && (result->status == -ECHILD || result->status == -ETIMEDOUT))
		return split_later(job, &at);
	/* What was cancelled on account of a failure is not that failure. */
	if (!job->status || (job->status == -ECANCELED) > (result->status == -ECANCELED) ||
	    ((job->status == -ECANCELED) == (result->status == -ECANCELED) && at.first < job->failed_at)) {
		job->status = result->status;
		job->failed_at = at.first;
		snprintf(job->why, sizeof(job->why), "%s", result->message);
	}
	return 0;
}

/* ---- Rounds ---- */

/* Take results until all are done. While nothing is done, what was collected is noted. */
static int take_results(struct job *job)
{
	uint64_t deadline = job->run.deadline_ns ? job->run.deadline_ns : SHEAF_FOREVER;
	sheaf_result result;
	int r;

	for (;;) {
		r = sheaf_next_done(job->batch, &result, job->collected.count ? 0 : deadline);
		if (r == -EAGAIN && job->collected.count)
			r = note_collected(job);
		else if (r > 0)
			r = take_outcome(job, &result);
		else
			break;
		if (r < 0)
			break;
	}
	if (r == -ETIMEDOUT)
		r = sheaf_fail(-ETIME, "%s: the deadline passed", job->call);
	return r;
}

static int play_round(struct job *job, sheaf_producer_fn *feed)
{
	const sheaf_map_options *run = &job->run;
	const sheaf_batch_options options = {.max_attempts = run->max_attempts,
					     .task_timeout_ns = run->task_timeout_ns,
					     .on_error = run->on_error,
					     .priority = run->priority,
					     .caller_works = run->caller_works,
					     .context = job->context_copy ? job->context_copy : run->context,
					     .grace_ns = run->grace_ns,
					     .flags = SHEAF_NO_TIMES,
					     .window = WINDOW};
	int r = sheaf_batch_create(&job->batch, job->pool, &options), noted;

	if (r)
		return r;
	if (!(r = sheaf_feed(job->batch, feed, job)))
		r = take_results(job);
	/* What is done is noted, also when the job ends early. */
	noted = note_collected(job);
	sheaf_batch_retire(job->batch);
	return r ? r : noted;
}

/* What the library says of a death names the position, and what a task says does not. */
static int tell_failure(const struct job *job)
{
	if (strncmp(job->why, "position ", 9) == 0)
		return sheaf_fail(job->status, "%s: %s", job->call, job->why);
	return sheaf_fail(job->status, "%s: position %" PRIu64 ": %s", job->call, job->failed_at,
			  *job->why ? job->why : sheaf_strerror(job->status));
}

static int play_rounds(struct job *job)
{
	int r = play_round(job, feed_missing);

	if (!r && job->split_count) {
		job->singly = true;
		r = play_round(job, feed_single);
	}
	if (!r && job->status)
		r = tell_failure(job);
	return r;
}

/* ---- Before the first one ---- */

static int restore_record(void *context, const sheaf_journal_record *record)
{
	struct job *job = context;
	size_t size = job->piece.out_size;

	if (record->first >= job->n || record->count > job->n - record->first || record->size != record->count * size)
		return sheaf_fail(-EINVAL,
				  "%s: the journal has %zu bytes for the %" PRIu64 " positions from %" PRIu64
				  " on, and this job has %" PRIu64
				  " positions of %zu bytes: have n and out_size in its identity",
				  job->call, record->size, record->count, record->first, job->n, size);
	if (record->size)
		memcpy(job->piece.out + record->first * size, record->bytes, record->size);
	return 0;
}

static int copy_context(struct job *job, const void *context, size_t size)
{
	int r;

	if (!size)
		return 0;
	if ((r = sheaf_alloc(job->pool, size, &job->context_copy)))
		return r;
	memcpy(job->context_copy, context, size);
	if (job->range)
		job->piece.context = job->context_copy;
	return 0;
}

static int check_job(struct job *job, const sheaf_resume_options *options, const void *context)
{
	const struct piece *piece = &job->piece;
	size_t bytes;
	int r;

	if (!job->pool || !job->journal || (!job->map && !job->range))
		return sheaf_fail(-EINVAL, "%s: %s is NULL", job->call, !job->pool ? "pool" : !job->journal ? "journal" : "fn");
	if (options && options->on_full != SHEAF_FULL_STOP && options->on_full != SHEAF_FULL_GO_ON)
		return sheaf_fail(-EINVAL, "%s: options.on_full is %d", job->call, (int)options->on_full);
	if (job->run.first || job->run.left || job->run.left_size || job->run.grain)
		return sheaf_fail(-EINVAL, "%s: options.run has first, grain, left or left_size", job->call);
	if (!checked_multiply((size_t)job->n, piece->out_size, &bytes))
		return sheaf_fail(-EOVERFLOW, "%s: %" PRIu64 " results of %zu bytes do not fit in memory", job->call, job->n,
				  piece->out_size);
	if (piece->in_size && (r = pool_holds_array(job->pool, job->call, "in", piece->in, (size_t)job->n, piece->in_size)))
		return r;
	if (piece->out_size && (r = pool_holds_array(job->pool, job->call, "out", piece->out, (size_t)job->n, piece->out_size)))
		return r;
	if ((r = pool_holds_context(job->pool, job->call, "options.run->", context, job->run.context_size)))
		return r;
	if ((r = pool_name_function(job->pool, job->call, (any_fn *)job->map, &job->piece.map)))
		return r;
	return pool_name_function(job->pool, job->call, (any_fn *)job->range, &job->piece.range);
}

static int play_job(struct job *job, const sheaf_resume_options *options, const void *context)
{
	int r;

	if (options && options->run)
		job->run = *options->run;
	job->on_full = options ? options->on_full : SHEAF_FULL_STOP;
	if (job->map)
		context = job->run.context;
	if ((r = check_job(job, options, context)) || (r = sheaf_journal_each(job->journal, restore_record, job)))
		return r;
	if (!(r = copy_context(job, context, job->run.context_size)))
		r = play_rounds(job);
	if (job->context_copy)
		(void)sheaf_free(job->pool, job->context_copy);
	free(job->split);
	if (options && options->unnoted)
		*options->unnoted = job->unnoted;
	return r;
}

int sheaf_resume_map(sheaf_pool *pool, sheaf_journal *journal, sheaf_task_fn *fn, const void *in, size_t in_size, void *out,
		     size_t out_size, size_t n, const sheaf_resume_options *options)
{
	struct job job = {.call = "sheaf_resume_map",
			  .pool = pool,
			  .journal = journal,
			  .map = fn,
			  .piece = {.in = in, .in_size = in_size, .out = out, .out_size = out_size},
			  .n = n,
			  .grain = 1};

	if (options && options->grain > 1)
		return sheaf_fail(-EINVAL, "sheaf_resume_map: options.grain is %zu, and a map has one position in a task",
				  options->grain);
	return play_job(&job, options, NULL);
}

int sheaf_resume_for(sheaf_pool *pool, sheaf_journal *journal, sheaf_range_fn *fn, void *context, void *out, size_t out_size,
		     size_t n, const sheaf_resume_options *options)
{
	struct job job = {.call = "sheaf_resume_for",
			  .pool = pool,
			  .journal = journal,
			  .range = fn,
			  .piece = {.out = out, .out_size = out_size, .context = context},
			  .n = n,
			  .grain = options && options->grain ? options->grain : 1};

	return play_job(&job, options, context);
}
