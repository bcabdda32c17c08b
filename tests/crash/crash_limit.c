/*
 * crash_limit.c - tasks that never end, or end just at their limit.
 *
 * Usage: crash_limit [SEED [ROUNDS [RACES]]]. A task that runs on, in whatever way, must be ended
 * once its limit has passed and not before, without a second attempt, and no other task may suffer.
 * A task that ends at about its limit must be either right or late, never both and never neither.
 * More than one round tries each way to run on in each kind of batch.
 */
#include "sheaf.h"
#include "support/arguments.h"
#include "support/children.h"
#include "support/deadline.h"
#include "support/report.h"
#include "support/rng.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LIMIT_NS UINT64_C(150000000)
#define FAR_NS UINT64_C(1000000000000)
#define RACE_NS UINT64_C(2000000)
#define N 120 /* positions of a batch */

/* ---- ways to run on ---- */

static void be_busy(void)
{
	for (volatile unsigned i = 0;; i++)
		;
}

static void sleep_on(void)
{
	for (;;)
		sleep_ns(UINT64_C(1000000000));
}

static void wait_for_nobody(void)
{
	int ends[2];
	char byte;

	if (!pipe(ends))
		while (read(ends[0], &byte, 1) < 0)
			;
}

static void block_all(void)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	be_busy();
}

static void ignore_all(void)
{
	for (int i = 1; i < 32; i++)
		signal(i, SIG_IGN);
	sleep_on();
}

static void stop(void)
{
	for (;;)
		raise(SIGSTOP);
}

static const struct way {
	const char *name;
	void (*run_on)(void);
} ways[] = {
	{"is busy", be_busy},
	{"sleeps", sleep_on},
	{"waits for nobody", wait_for_nobody},
	{"blocks signals", block_all},
	{"ignores signals", ignore_all},
	{"stops itself", stop},
};
#define WAYS (sizeof(ways) / sizeof(ways[0]))

/* ---- one task among many runs on ---- */

/* Shared with the tasks. */
struct table {
	void (*run_on)(void);
	_Atomic unsigned runs[N];
	bool hangs[N];
	uint64_t values[N];
};

static void visit(struct table *table, uint64_t position)
{
	atomic_fetch_add(&table->runs[position], 1);
	if (table->hangs[position])
		table->run_on();
	table->values[position] = distinct_value(position);
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
	visit(table_of(arg), sheaf_task_position(task));
	return 0;
}

static int item(sheaf_task *task, const void *in, void *out)
{
	(void)out;
	visit(table_of(in), sheaf_task_position(task));
	return 0;
}

static int range(sheaf_task *task, size_t begin, size_t end, void *context)
{
	(void)task;
	for (size_t i = begin; i < end; i++)
		visit(table_of(context), i);
	return 0;
}

enum kind { CALLS, MAP, MAP_BY_1, LOOP, KINDS };
static const char *const kind_names[] = {"submit", "map", "map by 1", "for"};

static struct table **repeat(sheaf_pool *pool, struct table *table, size_t n)
{
	struct table **in;
	void *memory;
	int r = sheaf_alloc_array(pool, n, sizeof(*in), &memory);

	CHECK(r == 0, "sheaf_alloc_array: %d", r);
	in = memory;
	for (size_t i = 0; i < n; i++)
		in[i] = table;
	return in;
}

static int start(sheaf_batch *batch, enum kind kind, struct table *table, struct table **in, size_t n, uint64_t timeout_ns)
{
	sheaf_map_options options = {
		.grain = kind == MAP_BY_1 ? 1 : 40, .context_size = sizeof(table), .task_timeout_ns = timeout_ns};
	sheaf_task_options task_options = {.timeout_ns = timeout_ns};
	int r = 0;

	if (kind == LOOP)
		return sheaf_submit_for(batch, range, &table, n, &options);
	options.context_size = 0;
	if (kind != CALLS)
		return sheaf_submit_map(batch, item, in, sizeof(*in), NULL, 0, n, &options);
	for (uint64_t i = 0; i < n && !r; i++)
		r = sheaf_submit_with(batch, i, call, &table, sizeof(table), &task_options);
	return r;
}

static void check_late(const sheaf_result *result, const char *where)
{
	CHECK(result->status == -ETIMEDOUT && result->signal == SIGKILL && result->exit_code == -1,
	      "%s: status %d, signal %d, exit code %d", where, result->status, result->signal, result->exit_code);
	CHECK(result->started_ns && result->finished_ns - result->started_ns >= LIMIT_NS, "%s: ended after %llu ns", where,
	      (unsigned long long)(result->finished_ns - result->started_ns));
	CHECK(strstr(result->message, "longer than its limit"), "%s: \"%s\"", where, result->message);
	CHECK(result->attempts == 1, "%s: %u attempts", where, result->attempts);
	CHECK(!result->data && !result->backtrace_size, "%s: a late task has a result", where);
}

static void run(sheaf_pool *pool, enum kind kind, const struct way *way, struct rng *rng)
{
	sheaf_batch_options options = {.flags = rng_below(rng, 2) ? SHEAF_NO_TIMES : 0,
				       .task_timeout_ns = kind == CALLS ? LIMIT_NS : 0};
	unsigned late = 0, most = kind == LOOP ? 2 : 1; /* runs: a range is cut after its first */
	const sheaf_result *results;
	struct table *table, **in;
	sheaf_batch *batch;
	char where[96];
	void *memory;
	size_t n;
	int r;

	snprintf(where, sizeof(where), "a task in %s %s", kind_names[kind], way->name);
	CHECK((r = sheaf_alloc(pool, sizeof(*table), &memory)) == 0, "sheaf_alloc: %d", r);
	table = memory;
	table->run_on = way->run_on;
	table->hangs[rng_below(rng, 40)] = table->hangs[rng_below(rng, N)] = true;
	in = repeat(pool, table, N);
	CHECK((r = sheaf_batch_create(&batch, pool, &options)) == 0, "sheaf_batch_create: %d", r);
	r = start(batch, kind, table, in, N, kind == CALLS ? 0 : LIMIT_NS);
	CHECK(r == 0, "%s: %d", where, r);
	r = sheaf_gather(batch, &results, &n, hang_deadline());
	CHECK_AS(r == -ETIMEDOUT ? HARM_HUNG : HARM_LOST, r >= 0 && n == N, "%s: %d, %zu results", where, r, n);
	for (size_t i = 0; i < n; i++) {
		unsigned runs = atomic_load(&table->runs[i]);

		CHECK_AS(HARM_LOST, results[i].position == i, "%s: position %zu", where, i);
		if (table->hangs[i]) {
			check_late(&results[i], where);
			CHECK(runs >= 1 && runs <= most, "%s: position %zu ran %u times", where, i, runs);
			continue;
		}
		/*
		 * A loaded machine may keep a task from running until it is late; but not many of
		 * them.
		 */
		if (results[i].status == -ETIMEDOUT) {
			check_late(&results[i], where);
			CHECK(++late < N / 10, "%s: %u tasks that end are late", where, late);
			continue;
		}
		CHECK(results[i].status == 0, "%s: position %zu: status %d, \"%s\"", where, i, results[i].status,
		      results[i].message);
		CHECK_AS(HARM_LOST, table->values[i] == distinct_value(i), "%s: position %zu is wrong", where, i);
	}
	sheaf_batch_retire(batch);
	CHECK((r = sheaf_free(pool, in)) == 0 && (r = sheaf_free(pool, table)) == 0, "sheaf_free: %d", r);
	report_add(1);
}

static void wait_calls(sheaf_pool *pool, const struct way *way)
{
	sheaf_map_options options = {.task_timeout_ns = LIMIT_NS, .context_size = sizeof(struct table *)};
	struct table *table, **in;
	void *memory;
	int r = sheaf_alloc(pool, sizeof(*table), &memory);

	CHECK(r == 0, "sheaf_alloc: %d", r);
	table = memory;
	table->run_on = way->run_on;
	table->hangs[0] = true;
	in = repeat(pool, table, 1);
	r = sheaf_apply(pool, call, &table, sizeof(table), NULL, 0, &options);
	CHECK(r == -ETIMEDOUT && strstr(sheaf_message(), "longer than its limit"), "sheaf_apply: %d", r);
	r = sheaf_map(pool, item, in, sizeof(*in), NULL, 0, 1, &(sheaf_map_options){.task_timeout_ns = LIMIT_NS});
	CHECK(r == -ETIMEDOUT && strstr(sheaf_message(), "position 0"), "sheaf_map: %d", r);
	r = sheaf_for(pool, range, &table, 1, &options);
	CHECK(r == -ETIMEDOUT && strstr(sheaf_message(), "position 0"), "sheaf_for: %d", r);
	CHECK(atomic_load(&table->runs[0]) >= 3 && atomic_load(&table->runs[0]) <= 4, "%u runs", atomic_load(&table->runs[0]));
	CHECK((r = sheaf_free(pool, in)) == 0 && (r = sheaf_free(pool, table)) == 0, "sheaf_free: %d", r);
	report_add(3);
}

/* ---- whose limit holds: the task's, else the batch's, else the pool's ---- */

static const uint64_t limits[] = {0, LIMIT_NS, FAR_NS, SHEAF_FOREVER};
#define LIMITS (sizeof(limits) / sizeof(limits[0]))
static const enum kind levels_kinds[] = {CALLS, MAP, LOOP};
#define LEVELS_KINDS (sizeof(levels_kinds) / sizeof(levels_kinds[0]))

static bool is_limited(uint64_t of_pool, uint64_t of_batch, uint64_t of_task)
{
	return (of_task ? of_task : of_batch ? of_batch : of_pool) == LIMIT_NS;
}

static void overstay(void)
{
	uint64_t until = sheaf_now_ns() + 2 * LIMIT_NS;

	while (sheaf_now_ns() < until)
		sleep_ns(until - sheaf_now_ns());
}

static void levels(uint64_t of_pool)
{
	sheaf_pool_options options = {.workers = 16, .heap_size = 64 << 20, .task_timeout_ns = of_pool};
	sheaf_batch *batches[LIMITS][LIMITS][LEVELS_KINDS];
	struct table *endless, *lasting, **ins[2];
	sheaf_result result;
	sheaf_pool *pool;
	void *memory[2];
	int r = sheaf_pool_create(&pool, &options);

	CHECK(r == 0, "sheaf_pool_create: %d", r);
	for (unsigned i = 0; i < 2; i++)
		CHECK((r = sheaf_alloc(pool, sizeof(struct table), &memory[i])) == 0, "sheaf_alloc: %d", r);
	lasting = memory[0];
	endless = memory[1];
	lasting->hangs[0] = endless->hangs[0] = true;
	lasting->run_on = overstay;
	endless->run_on = sleep_on;
	ins[0] = repeat(pool, lasting, 1);
	ins[1] = repeat(pool, endless, 1);
	for (unsigned i = 0; i < LIMITS * LIMITS * LEVELS_KINDS; i++) {
		unsigned b = i / LEVELS_KINDS / LIMITS, t = i / LEVELS_KINDS % LIMITS, k = i % LEVELS_KINDS;
		bool limited = is_limited(of_pool, limits[b], limits[t]);
		sheaf_batch_options batch_options = {.task_timeout_ns = limits[b]};

		r = sheaf_batch_create(&batches[b][t][k], pool, &batch_options);
		CHECK(r == 0, "sheaf_batch_create: %d", r);
		r = start(batches[b][t][k], levels_kinds[k], limited ? endless : lasting, ins[limited], 1, limits[t]);
		CHECK(r == 0, "start: %d", r);
	}
	for (unsigned i = 0; i < LIMITS * LIMITS * LEVELS_KINDS; i++) {
		unsigned b = i / LEVELS_KINDS / LIMITS, t = i / LEVELS_KINDS % LIMITS, k = i % LEVELS_KINDS;
		char where[128];

		snprintf(where, sizeof(where), "limits of pool %llx, batch %llx, task %llx in %s", (unsigned long long)of_pool,
			 (unsigned long long)limits[b], (unsigned long long)limits[t], kind_names[levels_kinds[k]]);
		r = sheaf_next(batches[b][t][k], &result, hang_deadline());
		CHECK_AS(r == -ETIMEDOUT ? HARM_HUNG : HARM_LOST, r == 1, "%s: %d", where, r);
		if (is_limited(of_pool, limits[b], limits[t]))
			check_late(&result, where);
		else
			CHECK(result.status == 0, "%s: \"%s\"", where, result.message);
		report_add(1);
	}
	sheaf_pool_destroy(pool);
}

/* ---- tasks that end when their time is over ---- */

/*
 * Take from a half to one and a half of the limit, or a bit more, when the supervisor is about to
 * check.
 */
static int be_just_in_time(sheaf_task *task, const void *arg, void *result)
{
	uint64_t value = distinct_value(sheaf_task_position(task));
	uint64_t until = sheaf_now_ns() +
			 (value % 4 ? RACE_NS + value / 4 % (RACE_NS / 10) : RACE_NS / 2 + value / 4 % RACE_NS);

	(void)arg;
	while (sheaf_now_ns() < until)
		;
	memcpy(result, &value, sizeof(value));
	return 0;
}

static void race(sheaf_pool *pool, bool map, uint64_t count)
{
	sheaf_batch_options options = {.result_size = map ? 0 : 8, .task_timeout_ns = RACE_NS};
	uint64_t late = 0;
	sheaf_pool_info info;
	sheaf_result result;
	sheaf_batch *batch;
	void *out = NULL;
	int r = sheaf_batch_create(&batch, pool, &options);

	CHECK(r == 0, "sheaf_batch_create: %d", r);
	if (map) {
		CHECK((r = sheaf_alloc_array(pool, count, 8, &out)) == 0, "sheaf_alloc_array: %d", r);
		r = sheaf_submit_map(batch, be_just_in_time, NULL, 0, out, 8, count, &(sheaf_map_options){.grain = 5});
	}
	for (uint64_t i = 0; i < count && !map && !r; i++)
		r = sheaf_submit(batch, i, be_just_in_time, NULL, 0);
	CHECK(r == 0, "submit: %d", r);
	for (uint64_t i = 0; i < count; i++) {
		uint64_t value = distinct_value(i);

		r = sheaf_next(batch, &result, hang_deadline());
		CHECK_AS(r == -ETIMEDOUT ? HARM_HUNG : HARM_LOST, r == 1, "sheaf_next: %d", r);
		CHECK_AS(result.position > i ? HARM_LOST : HARM_DUPLICATED, result.position == i,
			 "position %llu instead of %llu", (unsigned long long)result.position, (unsigned long long)i);
		CHECK(result.attempts == 1, "position %llu: %u attempts", (unsigned long long)i, result.attempts);
		if (result.status == 0) {
			CHECK_AS(HARM_LOST, result.size == 8 && !memcmp(result.data, &value, 8), "position %llu is wrong",
				 (unsigned long long)i);
			continue;
		}
		late++;
		CHECK(result.status == -ETIMEDOUT && !result.data, "position %llu: status %d", (unsigned long long)i,
		      result.status);
		CHECK(result.finished_ns - result.started_ns >= RACE_NS, "position %llu was late after %llu ns",
		      (unsigned long long)i, (unsigned long long)(result.finished_ns - result.started_ns));
	}
	CHECK_AS(HARM_DUPLICATED, (r = sheaf_next(batch, &result, 0)) == 0, "more results than tasks: %d", r);
	sheaf_batch_retire(batch);
	CHECK((r = sheaf_free(pool, out)) == 0, "sheaf_free: %d", r);
	/* Some tasks take longer than their limit, and none is ended by anything else. */
	CHECK(late > 0 && late < count, "%llu of %llu are late", (unsigned long long)late, (unsigned long long)count);
	CHECK((r = sheaf_pool_get_info(pool, &info)) == 0 && info.deaths == 0, "%llu deaths", (unsigned long long)info.deaths);
	printf("%s: %llu of %llu were late\n", map ? "map" : "submit", (unsigned long long)late, (unsigned long long)count);
	report_add(count);
}

int main(int argc, char **argv)
{
	uint64_t seed = seed_argument(argc, argv), rounds = amount_argument(argc, argv, 2, 1),
		 races = amount_argument(argc, argv, 3, 200);
	sheaf_pool_options options = {.workers = 3, .ring_size = 32, .heap_size = 64 << 20};
	struct rng rng = {seed};
	sheaf_pool_info info;
	sheaf_pool *pool;
	int r;

	report_begin("poison", "cases", seed);
	CHECK((r = sheaf_pool_create(&pool, &options)) == 0, "sheaf_pool_create: %d", r);
	for (uint64_t round = 0; round < rounds; round++) {
		for (unsigned w = 0; w < WAYS; w++) {
			for (enum kind kind = 0; kind < KINDS; kind++)
				if (rounds > 1 || kind == w % KINDS)
					run(pool, kind, &ways[w], &rng);
			if (rounds > 1 || w == 0)
				wait_calls(pool, &ways[w]);
		}
		levels(0);
		levels(LIMIT_NS);
	}
	race(pool, false, races);
	race(pool, true, races);
	CHECK((r = sheaf_pool_get_info(pool, &info)) == 0, "sheaf_pool_get_info: %d", r);
	CHECK_AS(HARM_LEAKED, info.heap_used == 0, "%zu bytes are left", info.heap_used);
	CHECK(info.supervisors == 1, "%llu supervisors", (unsigned long long)info.supervisors);
	sheaf_pool_destroy(pool);
	report_end();
	return 0;
}
