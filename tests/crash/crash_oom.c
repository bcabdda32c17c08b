/*
 * crash_oom.c - tasks that take more memory than they are allowed, so that the kernel kills them.
 *
 * Usage: crash_oom [SEED [ROUNDS]]. The tasks enter a memory cgroup of their own, below that of
 * this program, and fill it. Each must be run max_attempts times, fail with the signal, and leave
 * all others alone. Skipped where no such cgroup may be made.
 */
#include "sheaf.h"
#include "support/arguments.h"
#include "support/children.h"
#include "support/deadline.h"
#include "support/memory_cgroup.h"
#include "support/report.h"
#include "support/rng.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIMIT (24 << 20)
#define N 60
#define ATTEMPTS 3

/* ---- the cgroup ---- */

static pid_t maker;

static void leave_nothing(void)
{
	if (getpid() == maker)
		memory_cgroup_remove();
}

/* ---- tasks ---- */

struct table {
	_Atomic unsigned runs[N];
	_Atomic unsigned outside; /* runs that could not enter the group */
	bool greedy[N];
	uint64_t values[N];
};

/* Fill memory until there is none. */
static int take_all(struct table *table)
{
	if (!memory_cgroup_enter()) {
		atomic_fetch_add(&table->outside, 1);
		return -EPERM;
	}
	for (size_t taken = 0; taken < (size_t)16 * LIMIT; taken += 1 << 20) {
		volatile char *memory = malloc(1 << 20);

		for (size_t i = 0; memory && i < 1 << 20; i += 4096)
			memory[i] = 1;
	}
	return -ENODATA;
}

static int visit(struct table *table, uint64_t position)
{
	atomic_fetch_add(&table->runs[position], 1);
	if (table->greedy[position])
		return take_all(table);
	table->values[position] = distinct_value(position);
	return 0;
}

static struct table *table_of(const void *arg)
{
	struct table *table;

	memcpy(&table, arg, sizeof(table));
	return table;
}

static int call(sheaf_task *task, const void *arg, void *result)
{
	(void)result;
	return visit(table_of(arg), sheaf_task_position(task));
}

static int range(sheaf_task *task, size_t begin, size_t end, void *context)
{
	int r = 0;

	(void)task;
	for (size_t i = begin; i < end && !r; i++)
		r = visit(table_of(context), i);
	return r;
}

static void run(sheaf_pool *pool, bool loop, struct rng *rng)
{
	sheaf_batch_options options = {.max_attempts = ATTEMPTS};
	struct table *table;
	const sheaf_result *results;
	sheaf_batch *batch;
	void *memory;
	size_t n;
	int r;

	CHECK((r = sheaf_alloc(pool, sizeof(*table), &memory)) == 0, "sheaf_alloc: %d", r);
	table = memory;
	table->greedy[rng_below(rng, N)] = table->greedy[rng_below(rng, N)] = true;
	CHECK((r = sheaf_batch_create(&batch, pool, &options)) == 0, "sheaf_batch_create: %d", r);
	if (loop)
		r = sheaf_submit_for(batch, range, &table, N, &(sheaf_map_options){.grain = 20, .context_size = sizeof(table)});
	for (uint64_t i = 0; i < N && !loop && !r; i++)
		r = sheaf_submit(batch, i, call, &table, sizeof(table));
	CHECK(r == 0, "submit: %d", r);
	r = sheaf_gather(batch, &results, &n, hang_deadline());
	CHECK_AS(r == -ETIMEDOUT ? HARM_HUNG : HARM_LOST, r >= 0 && n == N, "sheaf_gather: %d, %zu results", r, n);
	CHECK(atomic_load(&table->outside) == 0, "%u tasks could not enter the cgroup", atomic_load(&table->outside));
	for (size_t i = 0; i < n; i++) {
		unsigned runs = atomic_load(&table->runs[i]);

		if (table->greedy[i]) {
			CHECK(results[i].status == -ECHILD && results[i].signal == SIGKILL,
			      "position %zu: status %d, signal %d", i, results[i].status, results[i].signal);
			CHECK(runs == ATTEMPTS && results[i].attempts == ATTEMPTS, "position %zu ran %u times, says %u", i,
			      runs, results[i].attempts);
			CHECK(strstr(results[i].message, "was killed by signal 9"), "\"%s\"", results[i].message);
			continue;
		}
		CHECK_AS(HARM_LOST, results[i].status == 0 && table->values[i] == distinct_value(i),
			 "position %zu: status %d, \"%s\"", i, results[i].status, results[i].message);
	}
	sheaf_batch_retire(batch);
	CHECK((r = sheaf_free(pool, table)) == 0, "sheaf_free: %d", r);
	report_add(1);
}

int main(int argc, char **argv)
{
	uint64_t seed = seed_argument(argc, argv), rounds = amount_argument(argc, argv, 2, 2);
	sheaf_pool_options options = {.workers = 3, .ring_size = 32, .heap_size = 16 << 20};
	struct rng rng = {seed};
	sheaf_pool *pool;
	int r;

	if (!memory_cgroup_make(LIMIT)) {
		printf("skipped: no memory cgroup may be made here\n");
		return 77;
	}
	maker = getpid();
	atexit(leave_nothing);
	report_begin("poison", "cases", seed);
	CHECK((r = sheaf_pool_create(&pool, &options)) == 0, "sheaf_pool_create: %d", r);
	for (uint64_t round = 0; round < rounds; round++) {
		run(pool, false, &rng);
		run(pool, true, &rng);
	}
	sheaf_pool_destroy(pool);
	report_end();
	return 0;
}
