/*
 * machine.c - plays lives of a pool of threads on the memory of memory.c: MACHINE [SEED [LIVES]].
 *
 * In each life, one or two owners do a few things at once with a small pool, while workers may die
 * after any atomic access and are recovered by the supervisor's own code. Each result is checked. A
 * race, a task that is lost and a sleep that nobody ends are seen whenever the memory model allows
 * them, whatever the processor at hand does. The same seed plays the same lives.
 */
#include "pool/create.h"
#include "pool/pool.h"
#include "pool/orphans.h"
#include "pool/recover.h"
#include "pool/worker.h"
#include "races/fibers.h"
#include "segment/heap.h"
#include "sheaf_stream.h"
#include "support/arguments.h"
#include "support/report.h"
#include "support/rng.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MOST_TASKS 6
#define MOST_ITEMS 12 /* of a map: in chunks of one, enough that workers go by hints */
#define OWNERS 2
#define PATIENCE 20000 /* looks of one fiber while others take steps */

struct life {
	uint64_t seed;
	sheaf_pool *pool;
	unsigned deaths;
	bool may_end;    /* an owner may find the pool closed or terminated */
	bool only_once;  /* max_attempts is 1: deaths make positions fail */
	bool only_dense; /* maps and loops alone */
	bool mixed;      /* batches of all priorities */
	bool meets;      /* the owners' tasks wait for each other, and nobody dies */
	bool polled;     /* an owner polls: a pool has one descriptor, so one of them at a time */
};

static struct life life;

/* ---- tasks ---- */

static bool fails(uint64_t number)
{
	return distinct_value(number) % 5 == 0;
}

/* In one of three ways, by the number: a result in its slot, one of its own size, or a text. */
static int call(sheaf_task *task, const void *arg, void *result)
{
	uint64_t number, *words;
	void *memory;
	int r;

	memcpy(&number, arg, sizeof(number));
	if (fails(number))
		return sheaf_task_fail(task, -EDOM, "number %llu", (unsigned long long)number);
	if (!result && (r = sheaf_task_result(task, 2 * sizeof(*words), &memory)))
		return r;
	words = result ? result : memory;
	words[0] = words[1] = distinct_value(number);
	return 0;
}

static int map_item(sheaf_task *task, const void *in, void *out)
{
	uint64_t number = *(const uint64_t *)in;

	if (fails(number))
		return sheaf_task_fail(task, -EDOM, "number %llu", (unsigned long long)number);
	*(uint64_t *)out = distinct_value(number);
	return 0;
}

static int loop_range(sheaf_task *task, size_t begin, size_t end, void *context)
{
	uint64_t *out = *(uint64_t **)context;

	(void)task;
	for (size_t i = begin; i < end; i++)
		out[i] = distinct_value(i);
	return 0;
}

/* ---- what owners do ---- */

static enum sheaf_priority luck_priority(void)
{
	return life.mixed ? (enum sheaf_priority)fibers_luck(3) : SHEAF_NORMAL;
}

/* The pool was closed or terminated meanwhile. */
static bool ended(int r)
{
	return life.may_end && (r == -EPIPE || r == -ECANCELED);
}

struct wanted {
	uint64_t salt;
	bool in_slot;   /* results of calls */
	bool cancelled; /* some or all positions: those that had not started may be -ECANCELED */
	uint64_t taken; /* 1 + a task that was cancelled before it ran; 0: none */
	bool handed[MOST_ITEMS];
};

static void check_result(struct wanted *wanted, const sheaf_result *result)
{
	uint64_t number = result->position + wanted->salt;
	const uint64_t *words = result->data;
	char text[64];

	CHECK_AS(HARM_DUPLICATED, !wanted->handed[result->position], "position %llu twice",
		 (unsigned long long)result->position);
	wanted->handed[result->position] = true;
	snprintf(text, sizeof(text), "number %llu", (unsigned long long)number);
	if (life.only_once && result->status == -ECHILD)
		return;
	/* If its worker had died before, that run is counted. */
	CHECK_AS(HARM_DUPLICATED,
		 wanted->taken != result->position + 1 || (result->status == -ECANCELED && (life.deaths || !result->attempts)),
		 "%s was cancelled before it ran: status %d, attempts %u", text, result->status, result->attempts);
	if (wanted->cancelled && result->status == -ECANCELED)
		return;
	if (fails(number)) {
		CHECK_AS(HARM_LOST, result->status == -EDOM && !strcmp(result->message, text), "%s: status %d", text,
			 result->status);
		return;
	}
	CHECK_AS(HARM_LOST, result->status == 0, "%s: status %d", text, result->status);
	for (size_t i = 0; i < result->size / sizeof(*words); i++)
		CHECK_AS(HARM_LOST, words[i] == distinct_value(number), "%s: a wrong value", text);
}

static int count_failures(const struct wanted *wanted, uint64_t n)
{
	int failures = 0;

	for (uint64_t i = 0; i < n; i++)
		failures += fails(wanted->salt + i);
	return failures;
}

static void check_all(struct wanted *wanted, sheaf_batch *batch, uint64_t n)
{
	const sheaf_result *results;
	size_t count;
	int r = sheaf_gather(batch, &results, &count, SHEAF_FOREVER), failures = 0;

	if (ended(r))
		return;
	CHECK_AS(HARM_LOST, life.only_once || wanted->cancelled ? r >= 0 : r == count_failures(wanted, n), "sheaf_gather: %d",
		 r);
	CHECK_AS(HARM_LOST, count == n, "%zu results of %llu", count, (unsigned long long)n);
	memset(wanted->handed, 0, sizeof(wanted->handed));
	for (size_t i = 0; i < count; i++) {
		check_result(wanted, &results[i]);
		failures += results[i].status != 0;
	}
	CHECK_AS(HARM_LOST, r == failures, "sheaf_gather: %d, and %d positions have failed", r, failures);
}

/* Cancels one position (of a map all from there on), or the whole batch, twice in @in acts. */
static void cancel_some(struct wanted *wanted, sheaf_batch *batch, uint64_t n, uint64_t in)
{
	uint64_t how = fibers_luck(in), position = n ? fibers_luck(n) : 0;
	int r = 0;

	if (how == 0)
		r = sheaf_batch_cancel(batch, 0);
	else if (how == 1 && n)
		r = sheaf_cancel(batch, position, 0);
	wanted->cancelled |= how < 2;
	CHECK(r >= 0, "cancel: %d", r);
	if (r == SHEAF_NEVER_RAN)
		wanted->taken = position + 1;
}

/* Takes n results one by one, in both orders, then all of them; or less. */
static void take_all(struct wanted *wanted, sheaf_batch *batch, uint64_t n)
{
	uint64_t how = fibers_luck(5);
	sheaf_result result;

	if (!how) /* leaves them, done or not */
		return;
	for (uint64_t i = 0; how < 4 && i < n; i++) {
		int r = how & 1 ? sheaf_next(batch, &result, SHEAF_FOREVER) : sheaf_next_done(batch, &result, SHEAF_FOREVER);

		if (ended(r))
			return;
		CHECK_AS(HARM_LOST, r == 1, "result %llu: %d", (unsigned long long)i, r);
		check_result(wanted, &result);
		if (how == 3)
			how = 2;
	}
	check_all(wanted, batch, n);
}

static int submit(sheaf_batch *batch, const struct wanted *wanted, uint64_t position)
{
	unsigned char arg[40] = {0}; /* with a number that is even, too long for the ring's slot */
	uint64_t number = wanted->salt + position;
	int r;

	memcpy(arg, &number, sizeof(number));
	r = sheaf_submit(batch, position, call, arg, number & 1 ? sizeof(number) : sizeof(arg));
	CHECK(r == 0 || ended(r) || (wanted->cancelled && r == -ECANCELED), "sheaf_submit: %d", r);
	return r;
}

static sheaf_batch *open_batch(const sheaf_batch_options *options)
{
	sheaf_batch_options wanted = *options;
	sheaf_batch *batch = NULL;
	int r;

	wanted.priority = luck_priority();
	r = sheaf_batch_create(&batch, life.pool, &wanted);

	CHECK(r == 0 || ended(r), "sheaf_batch_create: %d", r);
	return batch;
}

static enum sheaf_on_error luck_on_error(struct wanted *wanted)
{
	wanted->cancelled = fibers_luck(6) == 0;
	return wanted->cancelled ? SHEAF_CANCEL_REST : SHEAF_GO_ON;
}

static void calls(void)
{
	struct wanted wanted = {.salt = fibers_luck(1000), .in_slot = fibers_luck(2)};
	sheaf_batch_options options = {.result_size = wanted.in_slot ? 16 : 0,
				       .flags = fibers_luck(2) ? SHEAF_NO_TIMES : 0,
				       .on_error = luck_on_error(&wanted),
				       .caller_works = !fibers_luck(3)};
	sheaf_batch *batch = open_batch(&options);
	uint64_t n = 1 + fibers_luck(MOST_TASKS), sent = 0;

	if (!batch)
		return;
	while (sent < n && !submit(batch, &wanted, sent))
		sent++;
	cancel_some(&wanted, batch, sent, 6);
	take_all(&wanted, batch, sent);
	sheaf_batch_retire(batch);
}

/* A window, whose entries and memory are used again and again. */
struct stream {
	struct wanted *wanted;
	uint64_t next, n;
	unsigned char arg[40];
};

static int produce(void *context, sheaf_item *item)
{
	struct stream *stream = context;
	uint64_t number = stream->wanted->salt + stream->next;

	if (stream->next == stream->n)
		return 0;
	memcpy(stream->arg, &number, sizeof(number));
	*item = (sheaf_item){.position = stream->next++,
			     .fn = call,
			     .arg = stream->arg,
			     .arg_size = number & 1 ? sizeof(number) : sizeof(stream->arg)};
	return 1;
}

static void streams(void)
{
	struct wanted wanted = {.salt = fibers_luck(1000), .in_slot = fibers_luck(2)};
	sheaf_batch_options options = {.result_size = wanted.in_slot ? 16 : 0,
				       .window = 1 + fibers_luck(3),
				       .on_error = luck_on_error(&wanted),
				       .caller_works = !fibers_luck(3)};
	struct stream stream = {.wanted = &wanted, .n = fibers_luck(MOST_ITEMS)};
	bool by_position = fibers_luck(2);
	sheaf_batch *batch = open_batch(&options);
	sheaf_result result;
	uint64_t taken = 0;
	int r;

	if (!batch)
		return;
	CHECK((r = sheaf_feed(batch, produce, &stream)) == 0, "sheaf_feed: %d", r);
	while ((r = by_position ? sheaf_next(batch, &result, SHEAF_FOREVER) : sheaf_next_done(batch, &result, SHEAF_FOREVER)) ==
	       1) {
		CHECK_AS(HARM_LOST, !by_position || result.position == taken, "%llu instead of %llu",
			 (unsigned long long)result.position, (unsigned long long)taken);
		check_result(&wanted, &result);
		taken++;
	}
	CHECK_AS(HARM_LOST, life.may_end || (r == 0 && (wanted.cancelled || taken == stream.n)),
		 "the stream ends with %d after %llu", r, (unsigned long long)taken);
	sheaf_batch_retire(batch);
}

/* One submits, downwards, while the other gathers. */
struct pair {
	struct wanted wanted;
	sheaf_batch *batch;
	uint64_t n;
	_Atomic uint64_t sent;
	_Atomic bool over;
};

static void submit_all(void *context)
{
	struct pair *pair = context;

	while (pair->sent < pair->n && !submit(pair->batch, &pair->wanted, pair->n - 1 - pair->sent))
		pair->sent++;
	cancel_some(&pair->wanted, pair->batch, 0, 6);
	pair->over = true;
}

static void pairs(void)
{
	struct pair pair = {.wanted = {.salt = fibers_luck(1000)}};
	sheaf_batch_options options = {.result_size = 16, .on_error = luck_on_error(&pair.wanted)};
	bool by_position = fibers_luck(2);
	uint64_t taken = 0;
	sheaf_result result;
	unsigned submitter;
	int r;

	pair.batch = open_batch(&options);
	if (!pair.batch)
		return;
	pair.n = 1 + fibers_luck(MOST_TASKS);
	submitter = fibers_start(submit_all, &pair);
	while (!pair.over || taken < pair.sent) {
		r = by_position ? sheaf_next(pair.batch, &result, SHEAF_FOREVER)
				: sheaf_next_done(pair.batch, &result, SHEAF_FOREVER);
		if (ended(r))
			break;
		CHECK_AS(HARM_LOST, r >= 0, "next: %d", r);
		if (r) {
			check_result(&pair.wanted, &result);
			taken++;
		}
	}
	fibers_join(submitter);
	sheaf_batch_retire(pair.batch);
}

/* Two batches at once, by sheaf_wait() or as poll() would. */
#define SIDES 2

struct side {
	struct wanted wanted;
	uint64_t n, taken;
};

/* Take what is done of a batch. False: the pool has ended. */
static bool take_done(struct side *side, sheaf_batch *batch)
{
	sheaf_result result;
	int r;

	while ((r = sheaf_next_done(batch, &result, 0)) == 1) {
		check_result(&side->wanted, &result);
		side->taken++;
	}
	CHECK_AS(HARM_LOST, r != 0 || side->taken == side->n, "%llu results of %llu", (unsigned long long)side->taken,
		 (unsigned long long)side->n);
	CHECK(r == 0 || r == -EAGAIN || ended(r), "next_done: %d", r);
	return !ended(r);
}

static bool wait_and_take(struct side *sides, sheaf_batch *const *batches)
{
	int r = sheaf_wait(batches, SIDES, (enum sheaf_which)fibers_luck(SHEAF_ALL_DONE + 1), SHEAF_FOREVER);

	if (ended(r))
		return false;
	CHECK_AS(HARM_LOST, r >= 0 && r <= SIDES, "sheaf_wait: %d", r);
	for (int i = 0; i < SIDES; i++)
		if ((r == i || r == SIDES) && !take_done(&sides[i], batches[i]))
			return false;
	return true;
}

static bool poll_and_take(struct side *sides, sheaf_batch *const *batches)
{
	sheaf_batch *told;
	int r;

	fibers_poll();
	while ((r = sheaf_pool_news(life.pool, &told)) == 1) {
		int i = told != batches[0];

		CHECK(told == batches[i], "news of a batch that is not armed");
		if (!take_done(&sides[i], told))
			return false;
		CHECK(sides[i].taken == sides[i].n || sheaf_batch_arm(told) == 0, "sheaf_batch_arm");
	}
	CHECK(r == 0, "sheaf_pool_news: %d", r);
	return true;
}

static void several(void)
{
	struct side sides[SIDES] = {{.wanted.salt = fibers_luck(1000)}, {.wanted.salt = fibers_luck(1000)}};
	bool polls = !life.polled && fibers_luck(2), goes_on = true;
	sheaf_batch *batches[SIDES] = {NULL};

	life.polled |= polls;
	for (int i = 0; i < SIDES && goes_on; i++) {
		sheaf_batch_options options = {.result_size = 16, .on_error = luck_on_error(&sides[i].wanted)};
		uint64_t n = 1 + fibers_luck(MOST_TASKS);

		goes_on = (batches[i] = open_batch(&options));
		CHECK(!goes_on || !polls || sheaf_batch_arm(batches[i]) == 0, "sheaf_batch_arm");
		while (goes_on && sides[i].n < n && !submit(batches[i], &sides[i].wanted, sides[i].n))
			sides[i].n++;
	}
	while (goes_on && (sides[0].taken < sides[0].n || sides[1].taken < sides[1].n))
		goes_on = polls ? poll_and_take(sides, batches) : wait_and_take(sides, batches);
	for (int i = 0; i < SIDES; i++)
		sheaf_batch_retire(batches[i]);
	life.polled &= !polls;
}

static uint64_t *allocate(size_t n)
{
	void *memory;
	int r = sheaf_alloc_array(life.pool, n, sizeof(uint64_t), &memory);

	CHECK(r == 0, "sheaf_alloc_array: %d", r);
	return memory;
}

/* One cancels, while another one gathers. */
struct canceller {
	struct wanted *wanted;
	sheaf_batch *batch;
	uint64_t n;
};

static void cancel_later(void *context)
{
	struct canceller *canceller = context;

	for (uint64_t steps = fibers_luck(100); steps; steps--)
		fibers_step();
	cancel_some(canceller->wanted, canceller->batch, canceller->n, 2);
	canceller->wanted->taken = 0; /* of several, some may have run */
}

static uint64_t some_items(void)
{
	return 1 + fibers_luck(fibers_luck(3) ? MOST_TASKS : MOST_ITEMS);
}

static void map(void)
{
	struct wanted wanted = {.salt = fibers_luck(1000)};
	sheaf_map_options options = {.grain = fibers_luck(3)};
	sheaf_batch_options works = {.on_error = luck_on_error(&wanted), .caller_works = !fibers_luck(3)};
	sheaf_batch *batch = open_batch(&works);
	uint64_t n = some_items(), *in, *out;
	int r;

	if (!batch)
		return;
	in = allocate(n);
	out = allocate(n);
	for (uint64_t i = 0; i < n; i++)
		in[i] = wanted.salt + i;
	r = sheaf_submit_map(batch, map_item, in, sizeof(*in), out, sizeof(*out), n, &options);
	CHECK(r == 0 || ended(r), "sheaf_submit_map: %d", r);
	if (!r && fibers_luck(4) == 0) {
		struct canceller other = {&wanted, batch, n};
		unsigned canceller;

		wanted.cancelled = true;
		canceller = fibers_start(cancel_later, &other);
		take_all(&wanted, batch, n);
		fibers_join(canceller);
	} else if (!r) {
		take_all(&wanted, batch, n);
	}
	sheaf_batch_retire(batch);
	CHECK(!sheaf_free(life.pool, in) && !sheaf_free(life.pool, out), "sheaf_free");
}

static void loop(void)
{
	sheaf_map_options options = {.grain = fibers_luck(3),
				     .context_size = sizeof(uint64_t *),
				     .caller_works = fibers_luck(2),
				     .priority = luck_priority()};
	uint64_t n = some_items(), *out = allocate(n);
	int r = sheaf_for(life.pool, loop_range, &out, n, &options);

	CHECK(r == 0 || ended(r) || (life.only_once && r == -ECHILD), "sheaf_for: %d", r);
	for (uint64_t i = 0; !r && i < n; i++)
		CHECK_AS(HARM_LOST, out[i] == distinct_value(i), "position %llu", (unsigned long long)i);
	CHECK(!sheaf_free(life.pool, out), "sheaf_free");
}

static void apply(void)
{
	uint64_t number = fibers_luck(1000), result[2] = {0};
	sheaf_map_options options = {.priority = luck_priority()};
	int r = sheaf_apply(life.pool, call, &number, sizeof(number), result, sizeof(result), &options);

	if (ended(r) || (life.only_once && r == -ECHILD))
		return;
	CHECK_AS(HARM_LOST, fails(number) ? r == -EDOM : r == 0 && result[1] == distinct_value(number), "sheaf_apply: %d", r);
}

/* ---- nested work ---- */

/* A task that submits two calls, and one that runs a loop in memory of its own result. */
static int nest_calls(sheaf_task *task, uint64_t number, uint64_t *sum)
{
	sheaf_batch_options options = {.result_size = 2 * sizeof(*sum)};
	const sheaf_result *results;
	sheaf_batch *batch = NULL;
	size_t count;
	int r = sheaf_batch_create(&batch, sheaf_task_pool(task), &options);

	CHECK(r == 0 || ended(r), "a task opens a batch: %d, \"%s\"", r, sheaf_message());
	for (uint64_t i = 0; !r && i < 2; i++) {
		uint64_t inner = number + i;

		r = sheaf_submit(batch, i, call, &inner, sizeof(inner));
		CHECK(r == 0 || ended(r), "a task submits: %d", r);
	}
	if (!r)
		r = sheaf_gather(batch, &results, &count, SHEAF_FOREVER);
	CHECK(r >= 0 || ended(r), "a task gathers: %d, \"%s\"", r, sheaf_message());
	for (size_t i = 0; r >= 0 && i < count; i++) {
		CHECK_AS(HARM_LOST, results[i].status == (fails(number + i) ? -EDOM : 0) || life.only_once,
			 "a nested task: status %d", results[i].status);
		*sum += results[i].status ? 0 : *(const uint64_t *)results[i].data;
	}
	/* Else it is left to the task's end. */
	if (number % 2)
		sheaf_batch_retire(batch);
	return r < 0 ? r : 0;
}

static int nest_loop(sheaf_task *task, uint64_t *sum)
{
	sheaf_map_options options = {.grain = 1, .context_size = sizeof(uint64_t *)};
	uint64_t *out;
	void *memory;
	int r = sheaf_task_result(task, 4 * sizeof(*out), &memory);

	CHECK(r == 0, "sheaf_task_result: %d", r);
	out = memory;
	r = sheaf_for(sheaf_task_pool(task), loop_range, &out, 3, &options);
	CHECK(r == 0 || ended(r) || (life.only_once && r == -ECHILD), "a task's loop: %d, \"%s\"", r, sheaf_message());
	for (uint64_t i = 0; !r && i < 3; i++) {
		CHECK_AS(HARM_LOST, out[i] == distinct_value(i), "position %llu of a nested loop", (unsigned long long)i);
		*sum += out[i];
	}
	out[0] = *sum;
	return r;
}

static int nest(sheaf_task *task, const void *arg, void *result)
{
	uint64_t number = *(const uint64_t *)arg, sum = 0;
	int r = number % 3 == 0 ? nest_loop(task, &sum) : nest_calls(task, number, &sum);

	*(uint64_t *)result = sum;
	return r;
}

static uint64_t nested_sum(uint64_t number)
{
	uint64_t sum = 0;

	for (uint64_t i = 0; i < (number % 3 ? 2 : 3); i++)
		sum += number % 3 == 0 ? distinct_value(i) : fails(number + i) ? 0 : distinct_value(number + i);
	return sum;
}

static void nested(void)
{
	sheaf_batch_options options = {.result_size = sizeof(uint64_t)};
	uint64_t first = fibers_luck(1000), count = 1 + fibers_luck(2);
	sheaf_batch *batch = open_batch(&options);
	sheaf_result result;
	int r = batch ? 0 : -ECANCELED;

	for (uint64_t i = 0; !r && i < count; i++) {
		uint64_t number = first + i;

		r = sheaf_submit(batch, i, nest, &number, sizeof(number));
		CHECK(r == 0 || ended(r), "sheaf_submit: %d", r);
	}
	for (uint64_t i = 0; !r && i < count; i++) {
		r = sheaf_next(batch, &result, SHEAF_FOREVER);
		CHECK_AS(HARM_HUNG, r == 1 || ended(r), "sheaf_next: %d, \"%s\"", r, sheaf_message());
		if (r == 1 && !life.only_once && !(life.may_end && result.status))
			CHECK_AS(HARM_LOST, result.status == 0 && *(const uint64_t *)result.data == nested_sum(first + i),
				 "a task with nested work: status %d, \"%s\"", result.status, result.message);
		r = r == 1 ? 0 : r;
	}
	if (batch)
		sheaf_batch_retire(batch);
}

/* Tasks that wait for each other: as many have to run at once as there are workers for. */
static _Atomic unsigned met;

static int meet(sheaf_task *task, const void *arg, void *result)
{
	unsigned wanted;

	(void)task;
	(void)result;
	memcpy(&wanted, arg, sizeof(wanted));
	met++;
	for (unsigned looks = 0; met < wanted; looks++) {
		CHECK_AS(HARM_HUNG, looks < PATIENCE, "a task waits for another, and nobody runs it");
		fibers_step();
	}
	return 0;
}

static void meet_often(void *context)
{
	uint64_t rounds = *(const uint64_t *)context;

	for (unsigned round = 1; round <= rounds; round++) {
		sheaf_map_options options = {.priority = luck_priority()};
		unsigned wanted = round * OWNERS;

		CHECK(sheaf_apply(life.pool, meet, &wanted, sizeof(wanted), NULL, 0, &options) == 0, "sheaf_apply");
	}
}

static void own(void *context)
{
	static void (*const acts[])(void) = {loop, map, map, calls, calls, pairs, apply, several, nested, nested, streams};
	uint64_t count = 2 + fibers_luck(6), kinds = life.only_dense ? 3 : sizeof(acts) / sizeof(acts[0]);

	(void)context;
	while (count--)
		acts[fibers_luck(kinds)]();
}

/* ---- deaths ---- */

struct heir {
	unsigned worker, generation;
};
static struct heir heirs[FIBERS];

static void inherit(void *context)
{
	struct heir heir = *(struct heir *)context;

	worker_run(&life.pool->segment, heir.worker, heir.generation, 0);
	/* As in threads.c. */
	fetch_sub_release(&life.pool->threads.live, 1);
}

/*
 * Take over what a dead worker had opened, as deaths.c does it, where workers that run tasks of it
 * are killed. Here they end by themselves, or are dead, too.
 */
static void await_runners(struct segment *segment, unsigned dead)
{
	bool ended[FIBERS] = {false};
	unsigned looks = 0;

	for (unsigned worker = dead; worker < segment->worker_count; worker = orphans_runner(segment, ended), looks++) {
		CHECK_AS(HARM_HUNG, looks < PATIENCE, "a task of a dead opener does not end");
		ended[worker] = worker == dead || fibers_is_dead(worker);
		if (ended[worker])
			orphans_disown(segment, seat_name(worker, load_relaxed(&segment->seats[worker].generation)));
		else
			fibers_step();
	}
}

/* Recover as pool/deaths.c and pool/crew.c do. */
static void supervise(void *context)
{
	struct segment *segment = &life.pool->segment;
	struct region region = {0};
	unsigned count = 0;
	int worker;

	(void)context;
	while ((worker = fibers_bury()) >= 0) {
		struct shared_seat *w = &segment->seats[worker];
		struct death death = {
			.seat = (unsigned)worker,
			.generation = load_relaxed(&w->generation),
			.signal = 9,
			.exit_code = -1,
			.innocent = fibers_luck(2),
		};
		struct heir *heir = &heirs[count++];

		await_runners(segment, (unsigned)worker);
		recover(segment, &death, &region);
		orphans_free(segment);
		*heir = (struct heir){(unsigned)worker, death.generation + 1};
		sem_init(&w->bell[heir->generation & 1], 1, 0);
		store_relaxed(&w->cursor, CURSOR_NONE);
		store_relaxed(&w->deadline, 0);
		store_relaxed(&w->limited, 0);
		store_relaxed(&w->awaits, 0);
		store_seq_cst(&w->generation, heir->generation);
		fibers_replace((unsigned)worker, inherit, heir);
	}
}

/* ---- a life ---- */

static void check_empty(void)
{
	sheaf_pool_info info;

	for (unsigned looks = 0; orphans_free(&life.pool->segment); looks++) {
		CHECK_AS(HARM_LEAKED, looks < PATIENCE, "a batch of a dead worker is left");
		fibers_step();
	}

	CHECK(sheaf_pool_get_info(life.pool, &info) == 0, "info");
	CHECK_AS(HARM_LEAKED, info.heap_used == 0, "%zu bytes are left", info.heap_used);
	for (uint32_t i = 0; i < segment_slots(&life.pool->segment); i++) {
		uint64_t word = atomic_load(&life.pool->segment.slots[i].word);

		CHECK_AS(HARM_LEAKED, word_state(word) == WORD_FREE, "slot %u: %#llx", i, (unsigned long long)word);
	}
}

static void close_and_join(void)
{
	CHECK(sheaf_pool_close(life.pool) == 0, "close");
	CHECK_AS(HARM_HUNG, sheaf_pool_join(life.pool, SHEAF_FOREVER) == 0, "join");
}

static void live(void *context)
{
	/* What stands on the public headers is not in here. */
	static own_lists none[] = {0};
	sheaf_pool_options options = {
		.workers = 1 + life.meets + (unsigned)fibers_luck(3 - life.meets),
		.ring_size = (1u + life.meets) << fibers_luck(3),
		.max_attempts = life.only_once ? 1 : SHEAF_MAX_ATTEMPTS,
		.max_batches = 24,
		.heap_size = 2 << 20,
		.backend = SHEAF_THREADS,
		.flags = SHEAF_ANONYMOUS,
	};
	unsigned owners[OWNERS], count = life.meets ? OWNERS : 1 + (unsigned)fibers_luck(OWNERS), supervisor;
	uint64_t rounds = 1 + fibers_luck(4);
	struct segment *segment;
	bool terminates;

	(void)context;
	CHECK(pool_create(&life.pool, &options, none) == 0, "pool");
	segment = &life.pool->segment;
	/* As in a pool of processes: units go from one batch to the next. */
	life.pool->member.stocks = fibers_luck(2);
	memory_watch(segment->base, segment->size);
	if (fibers_luck(4))
		segment->spin_ns = 0;
	fibers_doom(life.deaths);
	supervisor = fibers_start(supervise, NULL);
	terminates = life.may_end && fibers_luck(2);
	for (unsigned i = 0; i < count; i++)
		owners[i] = life.meets ? fibers_start(meet_often, &rounds) : fibers_start(own, NULL);
	if (terminates) {
		/*
		 * Who ends the pool may not know yet that a batch is open: its gatherer looks at
		 * the state after 100 ms.
		 */
		fibers_tolerate(segment->base, segment->size);
		for (uint64_t naps = fibers_luck(200); naps; naps--)
			fibers_step();
		fibers_spare();
		fibers_join(supervisor);
		CHECK(sheaf_pool_terminate(life.pool) == 0, "terminate");
	} else if (life.may_end) {
		close_and_join();
	}
	for (unsigned i = 0; i < count; i++)
		fibers_join(owners[i]);
	if (!life.may_end && fibers_luck(2))
		close_and_join();
	if (!terminates) {
		fibers_spare();
		fibers_join(supervisor);
	}
	check_empty();
	sheaf_pool_destroy(life.pool);
}

int main(int argc, char **argv)
{
	uint64_t seed = seed_argument(argc, argv), lives = amount_argument(argc, argv, 2, 2000);
	pid_t parent = getppid();

	report_begin("races", "cases", seed);
	/* Not on and on for nobody, if the script that waits for it is killed. */
	for (uint64_t i = 0; i < lives && getppid() == parent; i++) {
		uint64_t kind = distinct_value(seed + i);

		life = (struct life){
			.seed = seed + i,
			.deaths = kind % 4,
			.may_end = kind / 4 % 2 == 0,
			.only_once = kind / 16 % 4 == 0,
			.only_dense = kind / 64 % 3 == 0,
			.meets = kind / 192 % 8 == 0,
			.mixed = kind / 1536 % 2 == 0,
		};
		if (life.meets) {
			life.deaths = 0;
			life.may_end = false;
			met = 0;
		}
		fibers_play(life.seed, live, NULL);
		report_add(1);
	}
	report_figure("most_steps", (double)fibers_most_steps());
	report_end();
	return 0;
}
