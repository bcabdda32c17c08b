/*
 * hand.c - runs a chunk as a batch of the rank's own pool.
 *
 * A map or a loop is one dense batch, whose tasks are told positions of the whole job. The tasks of
 * collect are submitted one by one, without waiting for room, because the owner of the root must go
 * on serving claims.
 */
#include "mpi/hand.h"

#include "mpi/pack.h"
#include "mpi/place.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void add_failures(struct report *report, uint64_t failed, uint64_t position, int status, const char *text)
{
	if (!failed)
		return;
	if (!report->failed || position < report->position) {
		report->position = position;
		report->status = status;
		snprintf(report->text, sizeof(report->text), "%s", text);
	}
	report->failed += failed;
}

/* Does a code mean that the pool can no longer run anything? */
static bool is_end_of_pool(int code)
{
	static const int codes[] = {EPERM, EINTR, EPIPE, ECANCELED, ENOTRECOVERABLE, EOWNERDEAD, EBADF, EDEADLK};

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (code == -codes[i])
			return true;
	return false;
}

/* ---- to begin ---- */

static int submit_chunk(struct hand *hand, const struct job *job)
{
	const sheaf_map_options options = {
		.grain = job->options.grain,
		.first = hand->chunk.begin,
		.context_size = job->options.context_size,
		.context = job->kind == JOB_MAP ? job->options.context : NULL,
	};
	size_t n = (size_t)(hand->chunk.end - hand->chunk.begin);

	if (job->kind == JOB_COLLECT)
		return 0;
	if (job->kind == JOB_FOR)
		return sheaf_submit_for(hand->batch, job->range, job->range_context, n, &options);
	return sheaf_submit_map(hand->batch, job->task, place_input(job, hand), job->in_size, place_output(job, hand),
				job->out_size, n, &options);
}

/* All positions of the chunk failed alike: it is over at once. */
static int fail_chunk(struct hand *hand, int code)
{
	hand_drop(hand);
	if (is_end_of_pool(code))
		return code;
	add_failures(&hand->report, hand->chunk.end - hand->chunk.begin, hand->chunk.begin, code, sheaf_message());
	return 0;
}

int hand_start(struct hand *hand, const struct job *job, sheaf_pool *pool)
{
	const sheaf_batch_options options = {
		.max_attempts = job->options.max_attempts,
		.task_timeout_ns = job->options.task_timeout_ns,
		.flags = SHEAF_NO_TIMES | (job->kind == JOB_COLLECT ? SHEAF_NONBLOCK : 0),
		.context = job->kind == JOB_COLLECT ? job->options.context : NULL,
	};
	int r;

	hand->state = HAND_RUNNING;
	hand->submitted = 0;
	hand->cancelled = false;
	hand->report.failed = 0;
	hand->bytes = hand->moved = 0;
	place_clear(job, hand);
	if ((r = sheaf_batch_create(&hand->batch, pool, &options))) {
		hand->batch = NULL;
		return fail_chunk(hand, r);
	}
	return (r = submit_chunk(hand, job)) ? fail_chunk(hand, r) : 0;
}

/* Submit positions of collect, as many as there is room for. 1: all are; 0: the ring is full. */
static int submit_more(struct hand *hand, const struct job *job)
{
	const unsigned char *in = place_input(job, hand);
	uint64_t n = hand->chunk.end - hand->chunk.begin;

	for (; hand->submitted < n && !hand->cancelled; hand->submitted++) {
		const void *arg = job->in_size ? in + hand->submitted * job->in_size : NULL;
		int r = sheaf_submit(hand->batch, hand->chunk.begin + hand->submitted, job->task, arg, job->in_size);

		if (r)
			return r == -EAGAIN ? 0 : r;
	}
	return 1;
}

/* ---- to end ---- */

/* Find out which positions of a map or a loop failed. */
static int find_failures(struct hand *hand, uint64_t first)
{
	sheaf_progress progress;
	sheaf_result result;
	int r = sheaf_batch_get_progress(hand->batch, &progress);

	while (!r && progress.failed > hand->report.failed) {
		if ((r = sheaf_next_done(hand->batch, &result, 0)) <= 0)
			return r;
		r = 0;
		if (result.status && result.status != -ECANCELED)
			add_failures(&hand->report, 1, first + result.position, result.status, result.message);
	}
	return r;
}

/* Pack the results of collect. */
static int take_packed(struct hand *hand)
{
	const sheaf_result *results;
	size_t n;
	int r = sheaf_gather(hand->batch, &results, &n, SHEAF_FOREVER);

	if (r < 0)
		return r;
	for (size_t i = 0; r && i < n; i++)
		if (results[i].status && results[i].status != -ECANCELED)
			add_failures(&hand->report, 1, results[i].position, results[i].status, results[i].message);
	return pack_results(results, n, &hand->packed, &hand->bytes);
}

int hand_look(struct hand *hand, const struct job *job)
{
	int r;

	if (!hand->batch)
		return 1;
	if (job->kind == JOB_COLLECT && (r = submit_more(hand, job)) <= 0)
		return !r || is_end_of_pool(r) ? r : (r = fail_chunk(hand, r)) ? r : 1;
	r = sheaf_wait(&hand->batch, 1, SHEAF_ALL_DONE, 0);
	if (r == -EAGAIN)
		return 0;
	if (r >= 0)
		r = job->kind == JOB_COLLECT ? take_packed(hand) : find_failures(hand, hand->chunk.begin);
	if (r < 0)
		return (r = fail_chunk(hand, r)) ? r : 1;
	sheaf_batch_retire(hand->batch);
	hand->batch = NULL;
	if (job->kind == JOB_MAP && job->out_travels)
		hand->bytes = (hand->chunk.end - hand->chunk.begin) * job->out_size;
	return 1;
}

int hand_wait(struct hand *hand, uint64_t deadline_ns)
{
	int r;

	if (!hand->batch)
		return 0;
	r = sheaf_wait(&hand->batch, 1, SHEAF_ALL_DONE, deadline_ns);
	return is_end_of_pool(r) ? r : 0;
}

uint64_t hand_left(const struct hand *hand)
{
	sheaf_progress progress;

	if (!hand->batch || sheaf_batch_get_progress(hand->batch, &progress))
		return 0;
	return hand->chunk.end - hand->chunk.begin - progress.done;
}

void hand_cancel(struct hand *hand)
{
	hand->cancelled = true;
	if (hand->batch)
		sheaf_batch_cancel(hand->batch, 0);
}

void hand_drop(struct hand *hand)
{
	sheaf_batch_retire(hand->batch);
	hand->batch = NULL;
	free(hand->packed);
	hand->packed = NULL;
	hand->bytes = 0;
}

const unsigned char *hand_bytes(const struct hand *hand, const struct job *job)
{
	return job->kind == JOB_COLLECT ? hand->packed : hand->out;
}
