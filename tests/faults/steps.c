/*
 * steps.c - pools, memory, and batches of tasks that compute a value of their position.
 */
#include "steps.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "paths.h"
#include "support/rng.h"

/* ---- pools ---- */

const char *paths_segment_name(long pid, unsigned which)
{
	static char name[2][64];

	/* The start-up sweep of other cases takes names that begin with "sheaf-". */
	snprintf(name[which], sizeof(name[which]), which ? "/sheaf-%ld-stale" : "/sheaf_faults-%ld", pid);
	return name[which];
}

const char *my_name(void)
{
	return paths_segment_name((long)getpid(), 0);
}

sheaf_pool *step_create_with(sheaf_pool_options options)
{
	sheaf_pool *const untouched = (sheaf_pool *)(void *)&outcome;
	sheaf_pool *pool = untouched;
	sheaf_pool_info info;
	int r;

	options.workers = 2;
	options.ring_size = 8;
	TRY(r, AS_CREATE, sheaf_pool_create(&pool, &options));
	if (r < 0) {
		RIGHT(pool == untouched, WRONG, "sheaf_pool_create: fails and changes the handle");
		return NULL;
	}
	RIGHT(LIBRARY(sheaf_pool_get_info(pool, &info)) == 0 && info.workers == 2, WRONG, "sheaf_pool_get_info");
	return pool;
}

sheaf_pool *step_create(void)
{
	return step_create_with((sheaf_pool_options){.name = my_name(), .heap_size = HEAP});
}

void step_destroy(sheaf_pool *pool)
{
	judge_watch(NULL);
	if (pool)
		LIBRARY_VOID(sheaf_pool_destroy(pool));
}

void *step_alloc(sheaf_pool *pool, size_t size)
{
	void *const untouched = &outcome;
	void *memory = untouched;
	const unsigned char *bytes;
	int r;

	TRY(r, AS_ALLOC, sheaf_alloc(pool, size, &memory));
	if (r < 0) {
		RIGHT(memory == untouched, WRONG, "sheaf_alloc: fails and changes the pointer");
		return NULL;
	}
	bytes = memory;
	for (size_t i = 0; i < size; i++)
		RIGHT(!bytes[i], WRONG, "sheaf_alloc: byte %zu of %zu is not zero", i, size);
	return memory;
}

void step_free(sheaf_pool *pool, void *memory)
{
	int r = memory ? LIBRARY(sheaf_free(pool, memory)) : 0;

	RIGHT(r == 0, WRONG, "sheaf_free: %d", r);
}

/* ---- batches ---- */

int value_of(sheaf_task *task, const void *arg, void *result)
{
	(void)task;
	*(uint64_t *)result = distinct_value(*(const uint64_t *)arg);
	return 0;
}

/* Positions that rise, then those between the first of them. */
static uint64_t position_of(unsigned i)
{
	return i < RISING ? 2 * i : 2 * (i - RISING) + 1;
}

sheaf_batch *step_open(sheaf_pool *pool, size_t result_size, unsigned attempts)
{
	sheaf_batch_options options = {.result_size = result_size, .max_attempts = attempts};

	return step_open_with(pool, &options);
}

sheaf_batch *step_open_with(sheaf_pool *pool, const sheaf_batch_options *options)
{
	sheaf_batch *batch = NULL;
	int r;

	TRY(r, AS_BATCH, sheaf_batch_create(&batch, pool, options));
	return r < 0 ? NULL : batch;
}

void step_retire(sheaf_batch *batch)
{
	LIBRARY_VOID(sheaf_batch_retire(batch));
}

/* A position that failed, though its task did not: a worker had no memory. */
void check_failed(const sheaf_result *result)
{
	RIGHT(result->status == -ENOMEM || result->status == -ENOSPC, WRONG, "position %llu: status %d",
	      (unsigned long long)result->position, result->status);
	RIGHT(*result->message, WRONG, "position %llu: no message", (unsigned long long)result->position);
	RIGHT(atomic_load(&plan->on), LOST, "position %llu: %s", (unsigned long long)result->position, result->message);
	judge_interruption("a position");
	outcome = (struct outcome){.code = result->status, .call = "a task"};
}

void check_value(const sheaf_result *result)
{
	uint64_t value;

	if (result->status) {
		check_failed(result);
		return;
	}
	RIGHT(result->size == sizeof(value), LOST, "position %llu: %zu bytes", (unsigned long long)result->position,
	      result->size);
	memcpy(&value, result->data, sizeof(value));
	RIGHT(value == distinct_value(result->position), LOST, "position %llu: a wrong value",
	      (unsigned long long)result->position);
}

static void see(struct tasks *tasks, const sheaf_result *result)
{
	unsigned i = 0;

	while (i < tasks->count && position_of(i) != result->position)
		i++;
	RIGHT(i < tasks->count && tasks->accepted[i], WRONG, "position %llu was not submitted",
	      (unsigned long long)result->position);
	RIGHT(!tasks->seen[i], WRONG, "position %llu came twice", (unsigned long long)result->position);
	tasks->seen[i] = true;
	check_value(result);
}

void step_submit(sheaf_batch *batch, struct tasks *tasks, unsigned count, sheaf_task_fn *fn)
{
	*tasks = (struct tasks){.count = count};
	for (unsigned i = 0; i < count; i++) {
		uint64_t position = position_of(i);
		int r;

		TRY(r, AS_SUBMIT, sheaf_submit(batch, position, fn, &position, sizeof(position)));
		tasks->accepted[i] = r >= 0;
	}
}

/* The first @ordered results by position, the others as they come; then all at once. */
void step_gather(sheaf_batch *batch, struct tasks *tasks, unsigned ordered)
{
	const sheaf_result *results = NULL;
	uint64_t last = 0;
	size_t n = 0, accepted = 0;
	unsigned taken = 0;
	int r;

	do {
		sheaf_result result;

		if (taken < ordered)
			TRY(r, AS_NEXT, sheaf_next(batch, &result, SHEAF_FOREVER));
		else
			TRY(r, AS_NEXT, sheaf_next_done(batch, &result, SHEAF_FOREVER));
		if (r != 1)
			break;
		RIGHT(taken >= ordered || !taken || result.position > last, WRONG, "sheaf_next: %llu after %llu",
		      (unsigned long long)result.position, (unsigned long long)last);
		last = result.position;
		taken++;
		see(tasks, &result);
	} while (true);
	for (unsigned i = 0; i < tasks->count; i++) {
		accepted += tasks->accepted[i];
		RIGHT(r < 0 || tasks->seen[i] == tasks->accepted[i], LOST, "position %llu did not come",
		      (unsigned long long)position_of(i));
	}
	TRY(r, AS_NEXT, sheaf_gather(batch, &results, &n, SHEAF_FOREVER));
	if (r < 0)
		return;
	RIGHT(n == accepted, LOST, "sheaf_gather: %zu results of %zu", n, accepted);
	for (size_t i = 0; i < n; i++) {
		RIGHT(!i || results[i - 1].position < results[i].position, WRONG, "sheaf_gather: not sorted");
		check_value(&results[i]);
	}
}
