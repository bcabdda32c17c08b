/*
 * stress_pool.c - several threads use two pools at once: everything the public header offers,
 * values checked.
 *
 * The thread backend runs the code of the process backend on one mapping, where the thread
 * sanitizer can see it. With 0 as third argument (STRESS_POOL SEED ROUNDS BACKEND) the workers are
 * processes.
 */
#include "sheaf_stream.h"
#include "support/arguments.h"
#include "support/check.h"
#include "support/children.h"
#include "support/deadline.h"
#include "support/rng.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POOLS 2
#define OWNERS 3 /* threads per pool */
#define FAIL_ONE_IN 50

struct owner {
	sheaf_pool *pool;
	unsigned number;
	uint64_t seed;
	uint64_t rounds;
	uint64_t results;
	pthread_t thread;
};

/* ---- what the tasks do ---- */

/* Positions of a salt that fail, and say why. */
static bool fails(uint64_t number)
{
	return distinct_value(number) % FAIL_ONE_IN == 0;
}

static size_t words_of(uint64_t number)
{
	return distinct_value(~number) % 8 ? number % 5 : number % 3000;
}

struct arg {
	uint64_t salt;
	unsigned char tail[56]; /* long enough not to fit the ring's slot */
};

/* The value of position + salt, as many times as it takes. */
static int call(sheaf_task *task, const void *bytes, void *result)
{
	const struct arg *arg = bytes;
	uint64_t number = sheaf_task_position(task) + arg->salt, *words;
	void *memory;
	int r;

	if (fails(number))
		return sheaf_task_fail(task, -EDOM, "number %llu", (unsigned long long)number);
	for (size_t i = 0; i < sizeof(arg->tail); i++)
		if (arg->tail[i] != (unsigned char)(arg->salt + i))
			return -EBADMSG;
	if (result) {
		memcpy(result, &number, sizeof(number));
		return 0;
	}
	if ((r = sheaf_task_result(task, words_of(number) * sizeof(*words), &memory)))
		return r;
	words = memory;
	for (size_t i = 0; i < words_of(number); i++)
		words[i] = distinct_value(number + i);
	return 0;
}

static int map_item(sheaf_task *task, const void *in, void *out)
{
	uint64_t number;

	memcpy(&number, in, sizeof(number));
	if (fails(number))
		return sheaf_task_fail(task, -EDOM, "number %llu", (unsigned long long)number);
	number = distinct_value(number);
	memcpy(out, &number, sizeof(number));
	return 0;
}

struct loop {
	uint64_t *counts;
	uint64_t salt;
};

static int loop_range(sheaf_task *task, size_t begin, size_t end, void *context)
{
	struct loop loop;

	(void)task;
	memcpy(&loop, context, sizeof(loop));
	for (size_t i = begin; i < end; i++)
		loop.counts[i] += distinct_value(loop.salt + i);
	return 0;
}

/* ---- what the owners do ---- */

static void check_call(struct owner *owner, const sheaf_result *result, uint64_t salt, bool fixed)
{
	uint64_t number = result->position + salt;
	const uint64_t *words = result->data;
	char text[64];

	owner->results++;
	snprintf(text, sizeof(text), "number %llu", (unsigned long long)number);
	if (fails(number)) {
		CHECK(result->status == -EDOM && !strcmp(result->message, text) && !result->data, "%s: status %d, \"%s\"", text,
		      result->status, result->message);
		return;
	}
	CHECK(result->status == 0 && result->attempts == 1, "%s: status %d, \"%s\"", text, result->status, result->message);
	if (fixed) {
		CHECK(result->size == sizeof(number) && words[0] == number, "%s: size %zu", text, result->size);
		return;
	}
	CHECK(result->size == words_of(number) * sizeof(*words), "%s: size %zu", text, result->size);
	for (size_t i = 0; i < words_of(number); i++)
		CHECK(words[i] == distinct_value(number + i), "%s: word %zu", text, i);
}

static struct arg make_arg(uint64_t salt)
{
	struct arg arg = {.salt = salt};

	for (size_t i = 0; i < sizeof(arg.tail); i++)
		arg.tail[i] = (unsigned char)(salt + i);
	return arg;
}

static enum sheaf_priority some_priority(struct rng *rng)
{
	return (enum sheaf_priority)rng_below(rng, 3);
}

static void submit_and_gather(struct owner *owner, struct rng *rng)
{
	bool fixed = rng_below(rng, 2);
	sheaf_batch_options options = {.priority = some_priority(rng),
				       .result_size = fixed ? sizeof(uint64_t) : 0,
				       .flags = rng_below(rng, 2) ? SHEAF_NO_TIMES : 0};
	uint64_t n = rng_below(rng, 600), how = rng_below(rng, 4);
	struct arg arg = make_arg(rng_next(rng) >> 8);
	const sheaf_result *results;
	sheaf_result result;
	sheaf_progress progress;
	sheaf_batch *batch;
	size_t count, failed = 0;
	int r;

	CHECK(sheaf_batch_create(&batch, owner->pool, &options) == 0, "batch");
	for (uint64_t i = 0; i < n; i++) {
		r = sheaf_submit(batch, n - 1 - i, call, &arg, sizeof(arg));
		CHECK(r == 0, "sheaf_submit: %d", r);
		failed += fails(i + arg.salt);
	}
	CHECK(sheaf_batch_get_progress(batch, &progress) == 0 && progress.total == n && progress.done <= n, "progress");
	if (how == 0) { /* leave it all, done or not */
		sheaf_batch_retire(batch);
		return;
	}
	for (uint64_t i = 0; how < 3 && i < n; i++) {
		r = how == 1 ? sheaf_next(batch, &result, hang_deadline()) : sheaf_next_done(batch, &result, hang_deadline());
		CHECK(r == 1 && (how == 2 || result.position == i), "result %llu: %d", (unsigned long long)i, r);
		check_call(owner, &result, arg.salt, fixed);
	}
	CHECK(how == 3 || sheaf_next(batch, &result, 0) == 0, "more results than tasks");
	r = sheaf_gather(batch, &results, &count, hang_deadline());
	CHECK(r == (int)failed && count == n, "sheaf_gather: %d, %zu results", r, count);
	for (size_t i = 0; i < count; i++) {
		CHECK(results[i].position == i, "result %zu has position %llu", i, (unsigned long long)results[i].position);
		check_call(owner, &results[i], arg.salt, fixed);
	}
	sheaf_batch_retire(batch);
}

static void *allocate(sheaf_pool *pool, size_t n)
{
	void *memory;
	int r = sheaf_alloc_array(pool, n, sizeof(uint64_t), &memory);

	CHECK(r == 0, "sheaf_alloc_array: %d", r);
	return memory;
}

static void map(struct owner *owner, struct rng *rng)
{
	size_t n = rng_below(rng, 3000), failed = 0, count;
	uint64_t *in = allocate(owner->pool, n), *out = allocate(owner->pool, n), salt = rng_next(rng) >> 8;
	sheaf_map_options options = {.grain = rng_below(rng, 2)};
	const sheaf_result *results;
	sheaf_batch *batch;
	int r;

	for (size_t i = 0; i < n; i++) {
		in[i] = salt + i;
		failed += fails(in[i]);
	}
	CHECK(sheaf_batch_create(&batch, owner->pool, &(sheaf_batch_options){.priority = some_priority(rng)}) == 0, "batch");
	r = sheaf_submit_map(batch, map_item, in, sizeof(*in), out, sizeof(*out), n, &options);
	CHECK(r == 0, "sheaf_submit_map: %d", r);
	if (rng_below(rng, 8)) {
		r = sheaf_gather(batch, &results, &count, hang_deadline());
		CHECK(r == (int)failed && count == n, "sheaf_gather: %d of %zu, %zu results", r, failed, count);
		for (size_t i = 0; i < n; i++)
			CHECK(results[i].position == i && results[i].status == (fails(in[i]) ? -EDOM : 0) &&
				      (fails(in[i]) || (results[i].data == &out[i] && out[i] == distinct_value(in[i]))),
			      "position %zu: status %d", i, results[i].status);
		owner->results += n;
	}
	sheaf_batch_retire(batch);
	CHECK(sheaf_free(owner->pool, in) == 0 && sheaf_free(owner->pool, out) == 0, "sheaf_free");
}

/* A map whose results are taken as they come, in both orders. */
static void stream_map(struct owner *owner, struct rng *rng)
{
	size_t n = 1 + rng_below(rng, 500);
	uint64_t *in = allocate(owner->pool, n), *out = allocate(owner->pool, n), salt = rng_next(rng) >> 8;
	sheaf_map_options options = {.grain = 1 + rng_below(rng, 9)};
	bool *seen = calloc(n, sizeof(*seen));
	sheaf_result result;
	sheaf_batch *batch;
	int r;

	CHECK(seen, "no memory");
	for (size_t i = 0; i < n; i++)
		in[i] = salt + i;
	CHECK(sheaf_batch_create(&batch, owner->pool, &(sheaf_batch_options){.priority = some_priority(rng)}) == 0, "batch");
	r = sheaf_submit_map(batch, map_item, in, sizeof(*in), out, sizeof(*out), n, &options);
	CHECK(r == 0, "sheaf_submit_map: %d", r);
	for (size_t i = 0; i < n; i++) {
		r = rng_below(rng, 2) ? sheaf_next(batch, &result, hang_deadline())
				      : sheaf_next_done(batch, &result, hang_deadline());
		CHECK(r == 1 && result.position < n && !seen[result.position], "result %zu: %d, position %llu", i, r,
		      (unsigned long long)result.position);
		seen[result.position] = true;
		CHECK(result.status == (fails(in[result.position]) ? -EDOM : 0), "status %d", result.status);
		CHECK(result.status || out[result.position] == distinct_value(in[result.position]), "position %llu",
		      (unsigned long long)result.position);
		owner->results++;
	}
	CHECK(sheaf_next_done(batch, &result, 0) == 0, "more results than positions");
	sheaf_batch_retire(batch);
	CHECK(sheaf_free(owner->pool, in) == 0 && sheaf_free(owner->pool, out) == 0, "sheaf_free");
	free(seen);
}

static void loop(struct owner *owner, struct rng *rng)
{
	size_t n = rng_below(rng, 5000);
	struct loop context = {.counts = allocate(owner->pool, n), .salt = rng_next(rng)};
	sheaf_map_options options = {
		.grain = rng_below(rng, 2), .context_size = sizeof(context), .priority = some_priority(rng)};
	int r = sheaf_for(owner->pool, loop_range, &context, n, &options);

	CHECK(r == 0, "sheaf_for: %d", r);
	for (size_t i = 0; i < n; i++)
		CHECK(context.counts[i] == distinct_value(context.salt + i), "position %zu ran not once", i);
	owner->results += n;
	CHECK(sheaf_free(owner->pool, context.counts) == 0, "sheaf_free");
}

static void apply(struct owner *owner, struct rng *rng)
{
	struct arg arg = make_arg(rng_next(rng) >> 8);
	uint64_t number = 0;
	int r = sheaf_apply(owner->pool, call, &arg, sizeof(arg), &number, sizeof(number), NULL);

	CHECK(fails(arg.salt) ? r == -EDOM : r == 0 && number == arg.salt, "sheaf_apply: %d", r);
	owner->results++;
}

/*
 * A batch that does not wait for room: what it could not submit, it submits later. Results are
 * polled for.
 */
static void poll_calls(struct owner *owner, struct rng *rng)
{
	sheaf_batch_options options = {.result_size = sizeof(uint64_t), .flags = SHEAF_NONBLOCK};
	uint64_t n = 1 + rng_below(rng, 100), sent = 0, taken = 0;
	struct arg arg = make_arg(rng_next(rng) >> 8);
	sheaf_result result;
	sheaf_batch *batch;
	int r;

	CHECK(sheaf_batch_create(&batch, owner->pool, &options) == 0, "batch");
	while (taken < n) {
		if (sent < n) {
			r = sheaf_submit(batch, sent, call, &arg, sizeof(arg));
			CHECK(r == 0 || r == -EAGAIN, "sheaf_submit: %d", r);
			sent += !r;
		}
		r = sheaf_next(batch, &result, 0);
		CHECK(r == 1 || r == -EAGAIN || (r == 0 && taken == sent), "sheaf_next: %d", r);
		if (r == 1) {
			CHECK(result.position == taken++, "position %llu", (unsigned long long)result.position);
			check_call(owner, &result, arg.salt, true);
		} else {
			sched_yield();
		}
	}
	sheaf_batch_retire(batch);
}

static void whole_map(struct owner *owner, struct rng *rng)
{
	size_t n = rng_below(rng, 2000), failed = 0;
	uint64_t *in = allocate(owner->pool, n), *out = allocate(owner->pool, n), salt = rng_next(rng) >> 8;
	int r;

	for (size_t i = 0; i < n; i++) {
		in[i] = salt + i;
		failed += fails(in[i]);
	}
	r = sheaf_map(owner->pool, map_item, in, sizeof(*in), out, sizeof(*out), n, NULL);
	CHECK(r == (failed ? -EDOM : 0), "sheaf_map: %d, %zu should fail", r, failed);
	for (size_t i = 0; i < n; i++)
		CHECK(fails(in[i]) || out[i] == distinct_value(in[i]), "position %zu", i);
	owner->results += n;
	CHECK(sheaf_free(owner->pool, in) == 0 && sheaf_free(owner->pool, out) == 0, "sheaf_free");
}

/* A thread submits to a windowed batch while this one gathers, or a feed does, in two stages. */
struct stream {
	sheaf_batch *batch;
	uint64_t n, next;
	struct arg arg;
};

static void *submit_stream(void *context)
{
	struct stream *stream = context;
	int r;

	for (uint64_t i = 0; i < stream->n; i++) {
		r = sheaf_submit(stream->batch, i, call, &stream->arg, sizeof(stream->arg));
		CHECK(r == 0, "sheaf_submit: %d, \"%s\"", r, sheaf_message());
	}
	CHECK((r = sheaf_batch_finish(stream->batch)) == 0, "sheaf_batch_finish: %d", r);
	return NULL;
}

static int produce(void *context, sheaf_item *item)
{
	struct stream *stream = context;

	if (stream->next == stream->n)
		return 0;
	*item = (sheaf_item){.position = stream->next++, .fn = call, .arg = &stream->arg, .arg_size = sizeof(stream->arg)};
	return 1;
}

static void windowed(struct owner *owner, struct rng *rng)
{
	sheaf_batch_options options = {.window = 1 + rng_below(rng, 50), .priority = some_priority(rng)};
	struct stream stream = {.n = rng_below(rng, 600), .arg = make_arg(rng_next(rng) >> 8)};
	bool thread = rng_below(rng, 2);
	sheaf_window_info info;
	sheaf_result result;
	pthread_t id;
	int r;

	CHECK(sheaf_batch_create(&stream.batch, owner->pool, &options) == 0, "batch");
	if (thread)
		CHECK(!pthread_create(&id, NULL, submit_stream, &stream), "thread");
	else
		CHECK((r = sheaf_feed(stream.batch, produce, &stream)) == 0, "sheaf_feed: %d", r);
	for (uint64_t i = 0; i < stream.n; i++) {
		r = sheaf_next(stream.batch, &result, hang_deadline());
		CHECK(r == 1 && result.position == i, "result %llu: %d, \"%s\"", (unsigned long long)i, r, sheaf_message());
		check_call(owner, &result, stream.arg.salt, false);
		CHECK(sheaf_batch_get_window(stream.batch, &info) == 0 && info.held <= options.window, "window");
	}
	CHECK(sheaf_next(stream.batch, &result, hang_deadline()) == 0, "more results than tasks");
	if (thread)
		pthread_join(id, NULL);
	sheaf_batch_retire(stream.batch);
}

static void look(struct owner *owner, struct rng *rng)
{
	sheaf_pool_info info;

	CHECK(sheaf_pool_get_info(owner->pool, &info) == 0 && info.heap_used <= info.heap_size && info.deaths == 0, "info");
	CHECK(sheaf_pool_worker_pid(owner->pool, (unsigned)rng_below(rng, info.workers)) >= 0, "a worker's pid");
}

static void *run(void *context)
{
	static void (*const acts[])(struct owner *, struct rng *) = {
		submit_and_gather, map, stream_map, whole_map, loop, apply, poll_calls, look, windowed};
	struct owner *owner = context;
	struct rng rng = {owner->seed + owner->number};

	for (uint64_t round = 0; round < owner->rounds; round++)
		acts[rng_below(&rng, sizeof(acts) / sizeof(acts[0]))](owner, &rng);
	return NULL;
}

/* Closed with work still in it; what was accepted is gathered after the end. */
static void close_and_join(sheaf_pool *pool)
{
	struct owner owner = {.pool = pool};
	struct arg arg = make_arg(7);
	sheaf_result result;
	sheaf_batch *batch;
	int r;

	CHECK(sheaf_batch_create(&batch, pool, NULL) == 0, "batch");
	for (uint64_t i = 0; i < 100; i++)
		CHECK((r = sheaf_submit(batch, i, call, &arg, sizeof(arg))) == 0, "sheaf_submit: %d", r);
	CHECK(sheaf_pool_close(pool) == 0, "close");
	r = sheaf_pool_join(pool, hang_deadline());
	CHECK(r == 0, "sheaf_pool_join: %d", r);
	for (uint64_t i = 0; i < 100; i++) {
		CHECK((r = sheaf_next(batch, &result, 0)) == 1 && result.position == i, "sheaf_next: %d", r);
		check_call(&owner, &result, arg.salt, false);
	}
	sheaf_batch_retire(batch);
}

/* Terminated with work in it, while another thread waits for that. */
static void *wait_for_the_end(void *context)
{
	const sheaf_result *results;
	size_t n;
	int r = sheaf_gather(context, &results, &n, hang_deadline());

	CHECK(r == -ECANCELED || (r >= 0 && n == 100), "sheaf_gather: %d", r);
	return NULL;
}

static void terminate(sheaf_pool *pool)
{
	struct arg arg = make_arg(11);
	sheaf_result result;
	sheaf_batch *batch;
	pthread_t waiter;
	int r;

	CHECK(sheaf_batch_create(&batch, pool, NULL) == 0, "batch");
	for (uint64_t i = 0; i < 100; i++)
		CHECK((r = sheaf_submit(batch, i, call, &arg, sizeof(arg))) == 0, "sheaf_submit: %d", r);
	CHECK(!pthread_create(&waiter, NULL, wait_for_the_end, batch), "thread");
	CHECK((r = sheaf_pool_terminate(pool)) == 0, "sheaf_pool_terminate: %d", r);
	pthread_join(waiter, NULL);
	CHECK((r = sheaf_submit(batch, 100, call, &arg, sizeof(arg))) == -ECANCELED, "sheaf_submit: %d", r);
	r = sheaf_next_done(batch, &result, hang_deadline());
	CHECK(r >= 0 || r == -ECANCELED, "sheaf_next_done: %d", r);
	sheaf_batch_retire(batch);
}

int main(int argc, char **argv)
{
	uint64_t seed = seed_argument(argc, argv), rounds = amount_argument(argc, argv, 2, SCALED_AMOUNT(1500)), results = 0;
	enum sheaf_backend backend = amount_argument(argc, argv, 3, SHEAF_THREADS) ? SHEAF_THREADS : SHEAF_PROCESSES;
	const sheaf_pool_options options[POOLS] = {
		{.workers = 3, .ring_size = 4, .heap_size = 256 << 20, .backend = backend},
		{.workers = 2, .ring_size = 64, .heap_size = 256 << 20, .backend = backend, .flags = SHEAF_ANONYMOUS},
	};
	struct owner owners[POOLS][OWNERS];
	sheaf_pool *pools[POOLS];
	sheaf_pool_info info;

	for (unsigned p = 0; p < POOLS; p++) {
		CHECK(sheaf_pool_create(&pools[p], &options[p]) == 0, "pool");
		for (unsigned i = 0; i < OWNERS; i++) {
			owners[p][i] = (struct owner){
				.pool = pools[p], .number = p * OWNERS + i, .seed = seed, .rounds = rounds};
			CHECK(!pthread_create(&owners[p][i].thread, NULL, run, &owners[p][i]), "thread");
		}
	}
	for (unsigned p = 0; p < POOLS; p++) {
		for (unsigned i = 0; i < OWNERS; i++) {
			pthread_join(owners[p][i].thread, NULL);
			results += owners[p][i].results;
		}
		CHECK(sheaf_pool_get_info(pools[p], &info) == 0 && info.heap_used == 0, "%zu bytes are left", info.heap_used);
		(p ? terminate : close_and_join)(pools[p]);
		sheaf_pool_destroy(pools[p]);
	}
	printf("%llu results\n", (unsigned long long)results);
	return 0;
}
