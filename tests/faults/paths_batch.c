/*
 * paths_batch.c - tasks of all kinds, and workers that die of them.
 */
#include "paths.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "steps.h"
#include "support/rng.h"

/* ---- tasks ---- */

#define LARGE 3000

static int copy_large(sheaf_task *task, const void *arg, void *result)
{
	void *memory;
	int r = sheaf_task_result(task, LARGE, &memory);

	(void)result;
	if (!r)
		memcpy(memory, arg, LARGE);
	return r;
}

static int refuse(sheaf_task *task, const void *arg, void *result)
{
	(void)arg;
	(void)result;
	return sheaf_task_fail(task, -EDOM, "position %llu refuses", (unsigned long long)sheaf_task_position(task));
}

static int die_once(sheaf_task *task, const void *arg, void *result)
{
	if (sheaf_task_attempt(task) == 1)
		raise(SIGKILL);
	return value_of(task, arg, result);
}

static int die_always(sheaf_task *task, const void *arg, void *result)
{
	(void)task;
	(void)arg;
	(void)result;
	raise(SIGKILL);
	return 0;
}

static int refuse_some(sheaf_task *task, const void *arg, void *result)
{
	if (sheaf_task_position(task) % 10 == 7)
		return refuse(task, arg, result);
	return value_of(task, arg, result);
}

static int die_in_range(sheaf_task *task, size_t begin, size_t end, void *context)
{
	uint64_t *out = *(uint64_t **)context;

	if (sheaf_task_attempt(task) == 1 && begin <= 11 && 11 < end)
		raise(SIGKILL);
	for (size_t i = begin; i < end; i++)
		out[i] = distinct_value(i);
	return 0;
}

static int nothing(sheaf_task *task, size_t begin, size_t end, void *context)
{
	(void)task;
	(void)begin;
	(void)end;
	(void)context;
	return 0;
}

/* ---- submit and gather ---- */

void path_calls_small(void)
{
	sheaf_pool *pool = step_create();
	sheaf_batch *batch = pool ? step_open(pool, sizeof(uint64_t), 0) : NULL;
	struct tasks tasks;

	judge_watch(pool);
	if (batch) {
		step_submit(batch, &tasks, MOST_TASKS, value_of);
		step_gather(batch, &tasks, 5);
		step_retire(batch);
	}
	step_destroy(pool);
}

static int first_of(sheaf_task *task, const void *arg, void *result)
{
	(void)task;
	*(unsigned char *)result = *(const unsigned char *)arg;
	return 0;
}

/* Tasks that need memory for their argument, and now and then for the table of results. */
void path_arguments(void)
{
	static unsigned char arg[LARGE];
	sheaf_pool *pool = step_create();
	sheaf_batch *batch = pool ? step_open(pool, 10000, 0) : NULL;
	const sheaf_result *results;
	unsigned accepted = 0;
	size_t n;
	int r;

	judge_watch(pool);
	for (uint64_t position = 0; batch && position < 60; position++) {
		arg[0] = (unsigned char)position;
		TRY(r, AS_SUBMIT, sheaf_submit(batch, position, first_of, arg, LARGE));
		accepted += r >= 0;
	}
	if (batch) {
		TRY(r, AS_NEXT, sheaf_gather(batch, &results, &n, SHEAF_FOREVER));
		RIGHT(r < 0 || n == accepted, LOST, "sheaf_gather: %zu results of %u", n, accepted);
		for (size_t i = 0; r >= 0 && i < n; i++)
			RIGHT(!results[i].status && *(unsigned char *)results[i].data == results[i].position, LOST,
			      "position %llu is wrong", (unsigned long long)results[i].position);
		step_retire(batch);
	}
	step_destroy(pool);
}

/* The rings of other priorities are committed when they are needed. */
void path_priorities(void)
{
	static const enum sheaf_priority priorities[] = {SHEAF_LOW, SHEAF_HIGH, SHEAF_NORMAL};
	sheaf_pool *pool = step_create();

	judge_watch(pool);

	for (unsigned i = 0; pool && i < 3; i++) {
		sheaf_batch_options options = {.result_size = sizeof(uint64_t), .priority = priorities[i]};
		sheaf_batch *batch = step_open_with(pool, &options);
		struct tasks tasks;

		if (!batch)
			continue;
		step_submit(batch, &tasks, 10, value_of);
		step_gather(batch, &tasks, 10);
		step_retire(batch);
	}
	step_destroy(pool);
}

/* More at once than a pool begins with. */
void path_many_batches(void)
{
	sheaf_pool *pool = step_create();
	sheaf_batch *batches[6] = {NULL};
	struct tasks tasks;

	judge_watch(pool);

	for (unsigned i = 0; pool && i < 6; i++)
		batches[i] = step_open(pool, sizeof(uint64_t), 0);
	for (unsigned i = 0; i < 6; i++) {
		if (!batches[i])
			continue;
		step_submit(batches[i], &tasks, 1, value_of);
		step_gather(batches[i], &tasks, 1);
		step_retire(batches[i]);
	}
	step_destroy(pool);
}

static void check_large(const sheaf_result *result, const unsigned char *arg)
{
	if (result->position == 9) {
		RIGHT(result->status == -EDOM && *result->message, WRONG, "position 9: status %d, message \"%s\"",
		      result->status, result->message);
	} else if (result->status) {
		check_failed(result);
	} else {
		RIGHT(result->size == LARGE && !memcmp(result->data, arg, LARGE), LOST, "position %llu: wrong bytes",
		      (unsigned long long)result->position);
	}
}

void path_calls_large(void)
{
	static unsigned char arg[LARGE];
	sheaf_pool *pool = step_create();
	/* Results so large that the table goes to the heap at once. */
	sheaf_batch *batch = pool ? step_open(pool, 10000, 0) : NULL;
	const sheaf_result *results;
	unsigned accepted = 0;
	size_t n;
	int r;

	for (unsigned i = 0; i < LARGE; i++)
		arg[i] = (unsigned char)distinct_value(i);
	for (uint64_t position = 0; batch && position < 10; position++) {
		sheaf_task_fn *fn = position == 9 ? refuse : copy_large;

		TRY(r, AS_SUBMIT, sheaf_submit(batch, position, fn, arg, LARGE));
		accepted += r >= 0;
	}
	if (batch) {
		TRY(r, AS_NEXT, sheaf_gather(batch, &results, &n, SHEAF_FOREVER));
		RIGHT(r < 0 || n == accepted, LOST, "sheaf_gather: %zu results of %u", n, accepted);
		for (size_t i = 0; r >= 0 && i < n; i++)
			check_large(&results[i], arg);
		step_retire(batch);
	}
	step_destroy(pool);
}

/* ---- fan out and wait ---- */

#define ITEMS 100

static void check_items(const uint64_t *out, const char *call)
{
	for (size_t i = 0; i < ITEMS; i++)
		RIGHT(out[i] == distinct_value(i), LOST, "%s: item %zu is wrong", call, i);
}

static void map_items(sheaf_pool *pool, const uint64_t *in, uint64_t *out)
{
	sheaf_map_options options = {.grain = 7};
	int r;

	TRY(r, AS_RUN, sheaf_map(pool, value_of, in, sizeof(*in), out, sizeof(*out), ITEMS, &options));
	if (r >= 0)
		check_items(out, "sheaf_map");
	r = LIBRARY(sheaf_map(pool, refuse_some, in, sizeof(*in), out, sizeof(*out), ITEMS, &options));
	RIGHT(r < 0, WRONG, "sheaf_map: %d, though positions failed", r);
	if (r != -EDOM)
		judge_first(r, AS_RUN, "sheaf_map");
}

static void stream_map(sheaf_pool *pool, const uint64_t *in, uint64_t *out)
{
	sheaf_batch *batch = step_open(pool, 0, 0);
	sheaf_result result;
	unsigned count = 0;
	int r;

	if (!batch)
		return;
	/* So many chunks that their words go to the heap. */
	TRY(r, AS_SUBMIT,
	    sheaf_submit_map(batch, value_of, in, sizeof(*in), out, sizeof(*out), 1000, &(sheaf_map_options){.grain = 1}));
	while (r >= 0) {
		if (count < 500)
			TRY(r, AS_NEXT, sheaf_next(batch, &result, SHEAF_FOREVER));
		else
			TRY(r, AS_NEXT, sheaf_next_done(batch, &result, SHEAF_FOREVER));
		if (r != 1)
			break;
		count++;
		check_value(&result);
	}
	RIGHT(r < 0 || count == 1000, LOST, "%u results of 1000", count);
	step_retire(batch);
}

/* An array of results that is large enough for huge pages. */
static void gather_many(sheaf_pool *pool)
{
	sheaf_batch *batch = step_open(pool, 0, 0);
	const sheaf_result *results;
	size_t n;
	int r;

	if (!batch)
		return;
	TRY(r, AS_SUBMIT, sheaf_submit_for(batch, nothing, NULL, 50000, NULL));
	if (r >= 0)
		TRY(r, AS_NEXT, sheaf_gather(batch, &results, &n, SHEAF_FOREVER));
	RIGHT(r < 0 || n == 50000, LOST, "sheaf_gather: %zu results", n);
	step_retire(batch);
}

void path_maps(void)
{
	sheaf_pool *pool = step_create();
	uint64_t *in, *out;

	if (!pool)
		return;
	judge_watch(pool);
	in = step_alloc(pool, 1000 * sizeof(*in));
	out = step_alloc(pool, 1000 * sizeof(*out));
	if (in && out) {
		for (uint64_t i = 0; i < 1000; i++)
			in[i] = i;
		map_items(pool, in, out);
		stream_map(pool, in, out);
		gather_many(pool);
	}
	step_free(pool, in);
	step_free(pool, out);
	step_destroy(pool);
}

#define SEVERAL 3

/* Wait in each way, and have the pool's descriptor tell of what is done. */
static void wait_for_several(sheaf_pool *pool, sheaf_batch *const *batches)
{
	sheaf_batch *told;
	unsigned news = 0, told_of = 0;
	int r;

	for (int which = SHEAF_FIRST_DONE; which <= SHEAF_ALL_DONE; which++) {
		int wanted = which == SHEAF_FIRST_DONE ? 0 : SEVERAL;

		TRY(r, AS_NEXT, sheaf_wait(batches, SEVERAL, (enum sheaf_which)which, SHEAF_FOREVER));
		RIGHT(r < 0 || r == wanted || which == SHEAF_FIRST_DONE, WRONG, "sheaf_wait %d: %d", which, r);
	}
	for (unsigned i = 0; i < SEVERAL; i++) {
		sheaf_progress progress;

		RIGHT(sheaf_batch_get_progress(batches[i], &progress) == 0, WRONG, "sheaf_batch_get_progress");
		TRY(r, AS_NEWS, sheaf_batch_arm(batches[i]));
		news += r == 0 && progress.total;
	}
	TRY(r, AS_NEWS, sheaf_pool_fd(pool));
	do {
		TRY(r, AS_NEWS, sheaf_pool_news(pool, &told));
		told_of += r == 1;
	} while (r == 1);
	/* Those without a task may have some, too, after a death. */
	RIGHT(r < 0 || told_of >= news, LOST, "%u of %u armed batches have news", told_of, news);
}

void path_several(void)
{
	static struct tasks tasks[SEVERAL];
	sheaf_pool *pool = step_create();
	sheaf_batch *batches[SEVERAL] = {NULL};
	bool open = pool;

	for (unsigned i = 0; i < SEVERAL && open; i++)
		open = (batches[i] = step_open(pool, 8, 0));
	for (unsigned i = 0; i < SEVERAL && open; i++)
		step_submit(batches[i], &tasks[i], 10, value_of);
	if (open)
		wait_for_several(pool, batches);
	for (unsigned i = 0; i < SEVERAL && batches[i]; i++) {
		if (open)
			step_gather(batches[i], &tasks[i], 5);
		step_retire(batches[i]);
	}
	if (pool)
		step_destroy(pool);
}

void path_apply(void)
{
	static unsigned char arg[LARGE], copied[LARGE];
	sheaf_pool *pool = step_create();
	uint64_t number = 5, value = 0;
	int r;

	if (!pool)
		return;
	judge_watch(pool);
	for (unsigned i = 0; i < LARGE; i++)
		arg[i] = (unsigned char)distinct_value(i);
	TRY(r, AS_RUN, sheaf_apply(pool, value_of, &number, sizeof(number), &value, sizeof(value), NULL));
	RIGHT(r < 0 || value == distinct_value(5), LOST, "sheaf_apply: a wrong value");
	TRY(r, AS_RUN, sheaf_apply(pool, copy_large, arg, LARGE, copied, LARGE, NULL));
	RIGHT(r < 0 || !memcmp(arg, copied, LARGE), LOST, "sheaf_apply: wrong bytes");
	step_destroy(pool);
}

/* ---- deaths ---- */

static void check_death(sheaf_batch *batch)
{
	sheaf_result result;
	int r;

	TRY(r, AS_SUBMIT, sheaf_submit(batch, 7, die_always, NULL, 0));
	if (r < 0)
		return;
	TRY(r, AS_NEXT, sheaf_next(batch, &result, SHEAF_FOREVER));
	if (r < 0)
		return;
	RIGHT(r == 1 && result.status == -ECHILD && result.signal == SIGKILL && result.attempts == 2 && *result.message, WRONG,
	      "the death of position 7: %d, status %d, signal %d, attempts %u", r, result.status, result.signal,
	      result.attempts);
}

void path_worker_dies(void)
{
	sheaf_pool *pool = step_create();
	sheaf_batch *batch = pool ? step_open(pool, sizeof(uint64_t), 0) : NULL;
	struct tasks tasks;

	if (batch) {
		step_submit(batch, &tasks, 3, die_once);
		step_gather(batch, &tasks, 3);
		step_retire(batch);
	}
	batch = pool ? step_open(pool, 0, 2) : NULL;
	if (batch) {
		check_death(batch);
		step_retire(batch);
	}
	step_destroy(pool);
}

void path_worker_dies_in_range(void)
{
	sheaf_pool *pool = step_create();
	uint64_t *out = pool ? step_alloc(pool, ITEMS * sizeof(*out)) : NULL;
	int r;

	if (out) {
		TRY(r, AS_RUN,
		    sheaf_for(pool, die_in_range, &out, ITEMS, &(sheaf_map_options){.grain = 10, .context_size = sizeof(out)}));
		if (r >= 0)
			check_items(out, "sheaf_for");
	}
	if (pool)
		step_free(pool, out);
	step_destroy(pool);
}
