/*
 * random_batches.c - maps, loops and submitted tasks whose results are known beforehand.
 */
#define _GNU_SOURCE /* SEEK_DATA */
#include "random_batches.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "children.h"
#include "deadline.h"
#include "nested_batches.h"
#include "random_files.h"
#include "random_reductions.h"
#include "rng.h"
#include "sheaf_workers.h"
#include "pool/pool.h"

#define LEAVE_ONE_IN 128 /* tasks: their worker leaves */
#define FAIL_ONE_IN 64   /* tasks that fail by their return value, as the check knows */
#define MOST_CALLS 400
#define MOST_ITEMS 3000
#define CANCEL_ONE_IN 8 /* batches */

/* ---- tasks ---- */

/*
 * Work for a while, so that kills hit tasks. Half of the tasks sleep, because those that die need
 * the CPU, too.
 */
static void work(uint64_t number)
{
	uint64_t ns = distinct_value(~number) % 40000, until = sheaf_now_ns() + ns;

	if (ns % 2)
		sleep_ns(ns);
	while (sheaf_now_ns() < until)
		;
}

static bool fails(uint64_t number)
{
	return distinct_value(number) % FAIL_ONE_IN == 0;
}

/*
 * Some tasks have their worker leave, if it is one. And each finds the state of its own worker, if
 * workers are set up.
 */
static void use_worker(sheaf_task *task, uint64_t number)
{
	const pid_t *state = sheaf_task_state(task);

	CHECK(!state || *state == getpid(), "the state of a task is that of process %ld", (long)*state);
	if (distinct_value(number + 2) % LEAVE_ONE_IN == 0)
		(void)sheaf_task_leave(task);
}

static size_t words_of(uint64_t number)
{
	return distinct_value(number + 1) % 16 ? number % 9 : number % 20000;
}

/* Fail as the number says, and leave it. */
static int fail_with(sheaf_task *task, uint64_t number)
{
	void *memory;
	int r = sheaf_task_result(task, sizeof(number), &memory);

	if (r)
		return r;
	memcpy(memory, &number, sizeof(number));
	return sheaf_task_fail(task, -EDOM, "number %llu", (unsigned long long)number);
}

static int call(sheaf_task *task, const void *arg, void *result)
{
	uint64_t number, *words;
	void *memory;
	int r;

	(void)result;
	memcpy(&number, arg, sizeof(number));
	number += sheaf_task_position(task);
	use_worker(task, number);
	work(number);
	if (fails(number))
		return fail_with(task, number);
	if ((r = sheaf_task_result(task, words_of(number) * sizeof(*words), &memory)))
		return r;
	words = memory;
	for (size_t i = 0; i < words_of(number); i++)
		words[i] = distinct_value(number + i);
	return 0;
}

static int item(sheaf_task *task, const void *in, void *out)
{
	uint64_t number;

	memcpy(&number, in, sizeof(number));
	use_worker(task, number);
	if (distinct_value(number) % 8 == 1)
		work(number);
	if (fails(number))
		return fail_with(task, number);
	number = distinct_value(number);
	memcpy(out, &number, sizeof(number));
	return 0;
}

struct loop {
	uint64_t *out;
	uint64_t salt;
};

static int range(sheaf_task *task, size_t begin, size_t end, void *context)
{
	struct loop loop;

	(void)task;
	memcpy(&loop, context, sizeof(loop));
	for (size_t i = begin; i < end; i++) {
		if (i % 16 == 0)
			work(loop.salt + i);
		loop.out[i] = distinct_value(loop.salt + i);
	}
	return 0;
}

int random_batch_init(void **state, unsigned worker, void *context)
{
	static pid_t mine;

	(void)worker;
	(void)context;
	mine = getpid();
	*state = &mine;
	return 0;
}

void random_batch_exit(void *state, unsigned worker, void *context)
{
	(void)worker;
	(void)context;
	CHECK(*(const pid_t *)state == getpid(), "the exit hook has the state of another process");
}

/* ---- batches ---- */

static enum sheaf_priority some_priority(struct random_batches *batches)
{
	static const enum sheaf_priority priorities[] = {SHEAF_NORMAL, SHEAF_NORMAL, SHEAF_HIGH, SHEAF_LOW};

	return priorities[rng_below(&batches->rng, 4)];
}

/* Return the harm that a call has found which waits for results and returned @r. */
static enum harm harm_of(int r)
{
	return r == -ETIMEDOUT ? HARM_HUNG : HARM_LOST;
}

/*
 * Cancel one position now and then (of a map all from there on), or the whole batch. Return whether
 * positions may have been cancelled.
 */
static bool cancel_some(struct random_batches *batches, sheaf_batch *batch, uint64_t n)
{
	unsigned flags = rng_below(&batches->rng, 2) ? SHEAF_KILL : 0;
	int r;

	if (rng_below(&batches->rng, CANCEL_ONE_IN))
		return false;
	if (rng_below(&batches->rng, 2))
		sleep_ns(rng_below(&batches->rng, 500000));
	r = rng_below(&batches->rng, 2) ? sheaf_cancel(batch, rng_below(&batches->rng, n), flags)
					: sheaf_batch_cancel(batch, flags);
	CHECK_AS(harm_of(r), r >= 0, "cancelling: %d, \"%s\"", r, sheaf_message());
	return true;
}

static void check_position(uint64_t position, uint64_t wanted)
{
	CHECK_AS(position < wanted ? HARM_DUPLICATED : HARM_LOST, position == wanted, "position %llu instead of %llu",
		 (unsigned long long)position, (unsigned long long)wanted);
}

static void check_status(const sheaf_result *result)
{
	CHECK_AS(HARM_LOST, result->status == 0, "position %llu: status %d, signal %d, attempts %u, \"%s\"",
		 (unsigned long long)result->position, result->status, result->signal, result->attempts, result->message);
}

static void check_failure(const sheaf_result *result, uint64_t number)
{
	char text[64];

	snprintf(text, sizeof(text), "number %llu", (unsigned long long)number);
	CHECK_AS(HARM_LOST, result->status == -EDOM && !strcmp(result->message, text), "position %llu: status %d, \"%s\"",
		 (unsigned long long)result->position, result->status, result->message);
	CHECK_AS(HARM_LOST, result->size == sizeof(number) && !memcmp(result->data, &number, sizeof(number)),
		 "position %llu: what it left is wrong", (unsigned long long)result->position);
}

static void check_call(struct random_batches *batches, const sheaf_result *result, uint64_t salt, bool *seen, uint64_t n,
		       bool cancelled)
{
	uint64_t number = result->position + salt;
	const uint64_t *words = result->data;

	CHECK(result->position < n, "position %llu", (unsigned long long)result->position);
	CHECK_AS(HARM_DUPLICATED, !seen[result->position], "position %llu came before", (unsigned long long)result->position);
	seen[result->position] = true;
	batches->results++;
	batches->reruns += result->attempts > 1;
	if (cancelled && result->status == -ECANCELED)
		return;
	if (fails(number)) {
		check_failure(result, number);
		return;
	}
	check_status(result);
	CHECK_AS(HARM_LOST, result->size == words_of(number) * sizeof(*words), "position %llu: size %zu",
		 (unsigned long long)result->position, result->size);
	for (size_t i = 0; i < words_of(number); i++)
		CHECK_AS(HARM_LOST, words[i] == distinct_value(number + i), "position %llu: word %zu is wrong",
			 (unsigned long long)result->position, i);
}

static void calls(struct random_batches *batches)
{
	uint64_t n = 1 + rng_below(&batches->rng, MOST_CALLS), salt = rng_next(&batches->rng) >> 8;
	uint64_t how = rng_below(&batches->rng, 3);
	bool *seen = calloc(n, sizeof(*seen));
	const sheaf_result *results;
	sheaf_result result;
	sheaf_batch *batch;
	bool cancelled;
	size_t count;
	sheaf_batch_options options = {.priority = some_priority(batches), .caller_works = !rng_below(&batches->rng, 4)};
	int r = sheaf_batch_create(&batch, batches->pool, &options);

	CHECK(r == 0 && seen, "sheaf_batch_create: %d", r);
	for (uint64_t i = 0; i < n; i++) {
		uint64_t position = how == 1 ? i : n - 1 - i;

		r = sheaf_submit(batch, position, call, &salt, sizeof(salt));
		CHECK(r == 0, "sheaf_submit: %d", r);
	}
	cancelled = cancel_some(batches, batch, n);
	if (how == 2) {
		r = sheaf_gather(batch, &results, &count, hang_deadline());
		CHECK_AS(harm_of(r), r >= 0, "sheaf_gather: %d", r);
		CHECK_AS(count > n ? HARM_DUPLICATED : HARM_LOST, count == n, "%zu results of %llu", count,
			 (unsigned long long)n);
	}
	for (uint64_t i = 0; i < n; i++) {
		if (how < 2) {
			r = how ? sheaf_next(batch, &result, hang_deadline())
				: sheaf_next_done(batch, &result, hang_deadline());
			CHECK_AS(harm_of(r), r == 1, "result %llu of %llu: %d", (unsigned long long)i, (unsigned long long)n,
				 r);
		} else {
			result = results[i];
		}
		if (how)
			check_position(result.position, i);
		check_call(batches, &result, salt, seen, n, cancelled);
	}
	CHECK_AS(HARM_DUPLICATED, how == 2 || sheaf_next(batch, &result, 0) == 0, "more results than tasks");
	sheaf_batch_retire(batch);
	free(seen);
}

/* ---- streams ---- */

/* What a producer gives so far. */
struct source {
	uint64_t next, n, salt;
};

static int produce_call(void *context, sheaf_item *item)
{
	struct source *source = context;

	if (source->next == source->n)
		return 0;
	item->position = source->next++;
	item->fn = call;
	item->arg = &source->salt;
	item->arg_size = sizeof(source->salt);
	return 1;
}

static uint64_t digest_of(uint64_t number)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < words_of(number); i++)
		sum += distinct_value(number + i);
	return sum;
}

/* Add up the words that the first stage has left. */
static int digest(sheaf_task *task, const void *arg, void *result)
{
	size_t n = sheaf_task_arg_size(task) / sizeof(uint64_t);
	uint64_t sum = 0, word;

	for (size_t i = 0; i < n; i++) {
		memcpy(&word, (const char *)arg + i * sizeof(word), sizeof(word));
		sum += word;
	}
	memcpy(result, &sum, sizeof(sum));
	return 0;
}

static void check_digest(struct random_batches *batches, const sheaf_result *result, uint64_t salt, bool *seen)
{
	uint64_t number = result->position + salt, sum;

	CHECK_AS(HARM_DUPLICATED, !seen[result->position], "position %llu came before", (unsigned long long)result->position);
	seen[result->position] = true;
	batches->results++;
	batches->reruns += result->attempts > 1;
	if (fails(number)) {
		char text[64];

		snprintf(text, sizeof(text), "number %llu", (unsigned long long)number);
		CHECK_AS(HARM_LOST, result->status == -EDOM && !strcmp(result->message, text),
			 "position %llu: status %d, \"%s\"", (unsigned long long)result->position, result->status,
			 result->message);
		return;
	}
	check_status(result);
	memcpy(&sum, result->data, sizeof(sum));
	CHECK_AS(HARM_LOST, sum == digest_of(number), "position %llu: the sum is wrong", (unsigned long long)result->position);
}

/* Open a batch with a window of some size. */
static sheaf_batch *open_window(struct random_batches *batches, size_t result_size)
{
	sheaf_batch_options options = {
		.priority = some_priority(batches), .caller_works = !rng_below(&batches->rng, 4), .result_size = result_size};
	sheaf_batch *batch;
	int r;

	if (rng_below(&batches->rng, 3))
		options.window = 1 + rng_below(&batches->rng, rng_below(&batches->rng, 2) ? 5 : 200);
	else
		options.window_bytes = 1000 + rng_below(&batches->rng, 500000);
	r = sheaf_batch_create(&batch, batches->pool, &options);
	CHECK(r == 0, "sheaf_batch_create: %d", r);
	return batch;
}

/* One stage, or two that are chained. */
static void stream(struct random_batches *batches)
{
	struct source source = {.n = rng_below(&batches->rng, 3 * MOST_CALLS), .salt = rng_next(&batches->rng) >> 8};
	bool chained = rng_below(&batches->rng, 2), ordered = rng_below(&batches->rng, 2);
	bool *seen = calloc(source.n + 1, sizeof(*seen));
	sheaf_batch *first = open_window(batches, 0), *last = first;
	sheaf_result result;
	int r = sheaf_feed(first, produce_call, &source);

	CHECK(r == 0 && seen, "sheaf_feed: %d", r);
	if (chained) {
		last = open_window(batches, sizeof(uint64_t));
		CHECK((r = sheaf_chain(last, first, digest)) == 0, "sheaf_chain: %d", r);
	}
	for (uint64_t i = 0; i < source.n; i++) {
		r = ordered ? sheaf_next(last, &result, hang_deadline()) : sheaf_next_done(last, &result, hang_deadline());
		CHECK_AS(harm_of(r), r == 1, "result %llu of %llu: %d, \"%s\"", (unsigned long long)i,
			 (unsigned long long)source.n, r, sheaf_message());
		if (ordered)
			check_position(result.position, i);
		if (chained)
			check_digest(batches, &result, source.salt, seen);
		else
			check_call(batches, &result, source.salt, seen, source.n, false);
		if (!rng_below(&batches->rng, 2000)) /* and what is left is dropped */
			goto leave;
	}
	CHECK_AS(HARM_DUPLICATED, sheaf_next(last, &result, hang_deadline()) == 0, "more results than tasks");
leave:
	if (chained)
		sheaf_batch_retire(last);
	sheaf_batch_retire(first);
	free(seen);
}

static uint64_t *allocate(struct random_batches *batches, size_t n)
{
	void *memory;
	int r = sheaf_alloc_array(batches->pool, n, sizeof(uint64_t), &memory);
	uint64_t *words = memory;

	CHECK(r == 0, "sheaf_alloc_array: %d", r);
	for (size_t i = 0; i < n; i++)
		CHECK(words[i] == 0, "memory is not zeroed");
	return words;
}

static void release(struct random_batches *batches, void *memory)
{
	int r = sheaf_free(batches->pool, memory);

	CHECK(r == 0, "sheaf_free: %d", r);
}

/* *@cancels: its first failure cancels the rest. */
static sheaf_batch *open_dense(struct random_batches *batches, bool *cancels)
{
	sheaf_batch_options options = {.priority = some_priority(batches), .caller_works = !rng_below(&batches->rng, 4)};
	sheaf_batch *batch;
	int r;

	*cancels = !rng_below(&batches->rng, CANCEL_ONE_IN);
	if (*cancels)
		options.on_error = SHEAF_CANCEL_REST;
	r = sheaf_batch_create(&batch, batches->pool, &options);

	CHECK(r == 0, "sheaf_batch_create: %d", r);
	return batch;
}

static void map(struct random_batches *batches)
{
	size_t n = 1 + rng_below(&batches->rng, MOST_ITEMS), count = 0;
	uint64_t *in = allocate(batches, n), *out = allocate(batches, n), salt = rng_next(&batches->rng) >> 8;
	sheaf_map_options options = {.grain = rng_below(&batches->rng, 2)};
	bool stream = rng_below(&batches->rng, 3) == 0;
	const sheaf_result *results;
	bool cancelled;
	sheaf_batch *batch = open_dense(batches, &cancelled);
	sheaf_result result;
	int r;

	for (size_t i = 0; i < n; i++)
		in[i] = salt + i;
	r = sheaf_submit_map(batch, item, in, sizeof(*in), out, sizeof(*out), n, &options);
	CHECK(r == 0, "sheaf_submit_map: %d", r);
	cancelled |= cancel_some(batches, batch, n);
	if (!stream) {
		r = sheaf_gather(batch, &results, &count, hang_deadline());
		CHECK_AS(harm_of(r), r >= 0, "sheaf_gather: %d", r);
		CHECK_AS(count > n ? HARM_DUPLICATED : HARM_LOST, count == n, "%zu results of %zu", count, n);
	}
	for (size_t i = 0; i < n; i++) {
		if (stream)
			CHECK_AS(harm_of(r), (r = sheaf_next(batch, &result, hang_deadline())) == 1, "position %zu: %d", i, r);
		else
			result = results[i];
		check_position(result.position, i);
		batches->results++;
		batches->reruns += result.attempts > 1;
		if (cancelled && result.status == -ECANCELED)
			continue;
		if (fails(in[i])) {
			check_failure(&result, in[i]);
			continue;
		}
		check_status(&result);
		CHECK_AS(HARM_LOST, result.data == &out[i] && out[i] == distinct_value(in[i]), "position %zu is wrong", i);
	}
	sheaf_batch_retire(batch);
	release(batches, in);
	release(batches, out);
}

static void loop(struct random_batches *batches)
{
	size_t n = 1 + rng_below(&batches->rng, MOST_ITEMS), count;
	struct loop context = {.out = allocate(batches, n), .salt = rng_next(&batches->rng)};
	sheaf_map_options options = {.grain = rng_below(&batches->rng, 2), .context_size = sizeof(context)};
	const sheaf_result *results;
	bool cancelled;
	sheaf_batch *batch = open_dense(batches, &cancelled);
	int r = sheaf_submit_for(batch, range, &context, n, &options);

	CHECK(r == 0, "sheaf_submit_for: %d", r);
	cancelled |= cancel_some(batches, batch, n);
	r = sheaf_gather(batch, &results, &count, hang_deadline());
	CHECK_AS(harm_of(r), cancelled ? r >= 0 : r == 0, "sheaf_gather: %d", r);
	CHECK_AS(count > n ? HARM_DUPLICATED : HARM_LOST, count == n, "%zu results of %zu", count, n);
	for (size_t i = 0; i < n; i++) {
		check_position(results[i].position, i);
		batches->results++;
		if (cancelled && results[i].status == -ECANCELED)
			continue;
		check_status(&results[i]);
		CHECK_AS(HARM_LOST, context.out[i] == distinct_value(context.salt + i), "position %zu is wrong", i);
	}
	sheaf_batch_retire(batch);
	release(batches, context.out);
}

/* Retire a batch while it runs: that waits for what is not done, or drops it. */
static void leave(struct random_batches *batches)
{
	uint64_t n = 1 + rng_below(&batches->rng, MOST_CALLS), salt = rng_next(&batches->rng) >> 8;
	sheaf_batch_options options = {.priority = some_priority(batches)};
	sheaf_batch *batch;
	int r = sheaf_batch_create(&batch, batches->pool, &options);

	CHECK(r == 0, "sheaf_batch_create: %d", r);
	for (uint64_t i = 0; i < n; i++)
		CHECK((r = sheaf_submit(batch, i, call, &salt, sizeof(salt))) == 0, "sheaf_submit: %d", r);
	sheaf_batch_retire(batch);
}

void random_batch_run(struct random_batches *batches)
{
	static void (*const kinds[])(struct random_batches *) = {
		calls,          calls, map, stream, map, loop, stream, loop, leave, nested_batch_run, random_reduction_run,
		random_file_run};

	kinds[rng_below(&batches->rng, sizeof(kinds) / sizeof(kinds[0]))](batches);
}

/*
 * Return where the file of the segment has memory, from @offset on. -1: nowhere, or the system does
 * not tell.
 */
static off_t memory_from(const struct segment *segment, uint64_t offset)
{
#ifdef SEEK_DATA
	return lseek(segment->fd, (off_t)offset, SEEK_DATA);
#else
	(void)segment;
	(void)offset;
	return -1;
#endif
}

/* Tell whether a unit has memory that no stock has. The supervisor may give it back meanwhile. */
static bool has_leaked(const struct segment *segment, uint64_t unit)
{
	off_t at = (off_t)(segment->heap + unit * UNIT), found;
	uint64_t deadline = hang_deadline(), word;

	do {
		word = atomic_load(&segment->heap_map[unit]);
		found = memory_from(segment, (uint64_t)at);
		/* The tables of mapped files stay. */
		if (word == UNIT_STOCKED || word >> 62 == UNIT_OF_FILE >> 62 || found < 0 || found >= at + (off_t)UNIT)
			return false;
		/* What was given back since is gone. */
	} while (word != atomic_load(&segment->heap_map[unit]) || (word == UNIT_LEAVING && sheaf_now_ns() < deadline));
	return true;
}

/*
 * Check that the heap has no memory but for the stocks. A block of our own shows first whether the
 * system layer gives memory back at all.
 */
static void check_memory(sheaf_pool *pool)
{
	const struct segment *segment = &pool->segment;
	sheaf_pool_info info;
	void *memory;
	off_t own, left;
	int r = sheaf_alloc(pool, 1, &memory);

	/* There is too little shared memory for any heap. */
	if (r == -ENOSPC)
		return;
	CHECK(r == 0, "sheaf_alloc: %d", r);
	r = sheaf_free(pool, memory);
	CHECK(r == 0, "sheaf_free: %d", r);
	own = (off_t)segment_offset(segment, memory);
	if (memory_from(segment, (uint64_t)own) == own)
		return;
	for (left = (off_t)segment->heap; (left = memory_from(segment, (uint64_t)left)) >= 0;) {
		uint64_t unit = ((uint64_t)left - segment->heap) / UNIT;

		CHECK_AS(HARM_LEAKED, !has_leaked(segment, unit),
			 "the system still holds memory for unit %llu of the empty heap", (unsigned long long)unit);
		left = (off_t)(segment->heap + (unit + 1) * UNIT);
	}
	r = sheaf_pool_get_info(pool, &info);
	CHECK(r == 0, "sheaf_pool_get_info: %d", r);
	CHECK_AS(HARM_LEAKED, info.heap_stocked <= (size_t)STOCK_UNITS * UNIT * segment->seat_count, "%zu bytes are in stocks",
		 info.heap_stocked);
}

void check_pool_is_empty(sheaf_pool *pool)
{
	const struct segment *segment = &pool->segment;
	uint64_t deadline = hang_deadline();
	sheaf_pool_info info;
	int r = sheaf_pool_get_info(pool, &info);

	CHECK(r == 0, "sheaf_pool_get_info: %d", r);
	CHECK_AS(HARM_LEAKED, info.heap_used == 0, "%zu bytes of the heap are left", info.heap_used);
	for (uint32_t i = 0; i < segment_batches(segment); i++)
		CHECK_AS(HARM_LEAKED, BATCH_STATE(atomic_load(&segment->batches[i].word)) == BATCH_FREE, "batch %u is left", i);
	for (uint32_t i = 0; i < segment_slots(segment); i++) {
		/* Invitations to a map that is done may still be on their way back. */
		while (word_state(atomic_load(&segment->slots[i].word)) != WORD_FREE) {
			CHECK_AS(HARM_LEAKED, sheaf_now_ns() < deadline, "slot %u holds the word %#llx", i,
				 (unsigned long long)atomic_load(&segment->slots[i].word));
			sleep_ns(1000000);
		}
	}
	check_memory(pool);
}

void random_batch_run_calls(struct random_batches *batches)
{
	if (rng_below(&batches->rng, 2))
		calls(batches);
	else
		stream(batches);
}

static int nothing(sheaf_task *task, const void *arg, void *result)
{
	(void)task, (void)arg, (void)result;
	return 0;
}

uint64_t random_batch_apply_ns(sheaf_pool *pool)
{
	uint64_t began = sheaf_now_ns();
	int r = sheaf_apply(pool, nothing, NULL, 0, NULL, 0, NULL);

	CHECK_AS(HARM_LOST, r == 0, "a task that does nothing: %d, %s", r, sheaf_message());
	return sheaf_now_ns() - began;
}

const sheaf_function random_batch_functions[RANDOM_BATCH_FUNCTIONS] = {
	{.name = "call", .task = call},
	{.name = "digest", .task = digest},
	{.name = "item", .task = item},
	{.name = "range", .range = range},
	{.name = "node", .task = nested_batch_node},
	{.name = "fill range", .range = nested_batch_range},
	{.name = "fill item", .task = nested_batch_item},
	{.name = "nothing", .task = nothing},
};
