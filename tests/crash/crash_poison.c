/*
 * crash_poison.c - tasks that end their worker each time they run, in every way a process can end.
 *
 * Each must run exactly max_attempts times, its position must fail and say how its worker ended, and every other position must be
 * right. Workers that die outside of any task, again and again, must stop the pool with -ECHILD rather than have it hang.
 */
#include "sheaf.h"
#include "support/children.h"
#include "support/proc.h"
#include "support/trial.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define N 300 /* positions of a batch */

enum poison { SEGFAULT, ABORT, EXIT_0, EXIT_3, QUICK_EXIT, KILLED, POISONS };

static const struct {
	const char *name;
	int signal;
	int exit_code;
	const char *text; /* in the message */
} poisons[POISONS] = {
	[SEGFAULT] = {"SIGSEGV", SIGSEGV, -1, "was killed by signal 11"},
	[ABORT] = {"abort", SIGABRT, -1, "was killed by signal 6"},
	[EXIT_0] = {"exit(0)", 0, 0, "called exit(0)"},
	[EXIT_3] = {"exit(3)", 0, 3, "called exit(3)"},
	[QUICK_EXIT] = {"_exit(4)", 0, 4, "called exit(4)"},
	[KILLED] = {"SIGKILL", SIGKILL, -1, "was killed by signal 9"},
};

/* Shared with the tasks. */
struct table {
	enum poison poison;
	unsigned deaths; /* a position dies this often and then lives; 0: always */
	_Atomic unsigned runs[N];
	bool poisoned[N];
	uint64_t values[N];
};

static void die(enum poison poison)
{
	switch (poison) {
	case SEGFAULT:
		raise(SIGSEGV);
		break;
	case ABORT:
		abort();
	case EXIT_0:
		exit(0);
	case EXIT_3:
		exit(3);
	case QUICK_EXIT:
		_exit(4);
	default:
		raise(SIGKILL);
	}
}

static void visit(struct table *table, uint64_t position)
{
	unsigned runs = atomic_fetch_add(&table->runs[position], 1) + 1;

	if (table->poisoned[position] && (!table->deaths || runs <= table->deaths))
		die(table->poison);
	table->values[position] = trial_value(position);
}

static struct table *table_of(const void *arg)
{
	struct table *table;

	memcpy(&table, arg, sizeof(table));
	return table;
}

static int call(sheaf_task *task, const void *arg, void *result)
{
	uint64_t value = trial_value(sheaf_task_position(task));

	visit(table_of(arg), sheaf_task_position(task));
	memcpy(result, &value, sizeof(value));
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

/* ---- the same poison in a map, a loop and submitted tasks ---- */

enum kind { CALLS, MAP, MAP_GRAIN_1, LOOP, KINDS };
static const char *const kind_names[] = {"submit", "map", "map by 1", "for"};

/* What a map reads, to be freed after, or NULL. */
static void *start(sheaf_pool *pool, sheaf_batch *batch, enum kind kind, struct table *table, unsigned max_attempts)
{
	sheaf_map_options options = {
		.grain = kind == MAP_GRAIN_1 ? 1 : 40, .max_attempts = max_attempts, .context_size = sizeof(table)};
	struct table **in = NULL;
	void *memory = NULL;
	int r = 0;

	if (kind == CALLS) {
		for (uint64_t i = 0; i < N && !r; i++)
			r = sheaf_submit(batch, i, call, &table, sizeof(table));
	} else if (kind == LOOP) {
		r = sheaf_submit_for(batch, range, &table, N, &options);
	} else {
		r = sheaf_alloc_array(pool, N, sizeof(*in), &memory);
		in = memory;
		for (unsigned i = 0; i < N && !r; i++)
			in[i] = table;
		if (!r)
			r = sheaf_submit_map(batch, item, in, sizeof(*in), NULL, 0, N, &options);
	}
	CHECK(r == 0, "%s: %d", kind_names[kind], r);
	return memory;
}

static void check(const sheaf_result *result, const struct table *table, unsigned max_attempts, const char *where)
{
	uint64_t p = result->position;
	unsigned runs = atomic_load(&table->runs[p]);

	if (!table->poisoned[p] || table->deaths) {
		CHECK(result->status == 0, "%s: position %llu: status %d, \"%s\"", where, (unsigned long long)p, result->status,
		      result->message);
		CHECK(table->values[p] == trial_value(p), "%s: position %llu is wrong", where, (unsigned long long)p);
		if (result->data && result->size)
			CHECK(!memcmp(result->data, &table->values[p], sizeof(uint64_t)), "%s: position %llu", where,
			      (unsigned long long)p);
		return;
	}
	CHECK(result->status == -ECHILD && result->signal == poisons[table->poison].signal &&
		      result->exit_code == poisons[table->poison].exit_code,
	      "%s: position %llu: status %d, signal %d, exit code %d", where, (unsigned long long)p, result->status,
	      result->signal, result->exit_code);
	CHECK(strstr(result->message, poisons[table->poison].text), "%s: \"%s\"", where, result->message);
	CHECK(runs == max_attempts && result->attempts == max_attempts, "%s: position %llu ran %u times, says %u, limit %u",
	      where, (unsigned long long)p, runs, result->attempts, max_attempts);
}

static void feed(sheaf_pool *pool, enum kind kind, enum poison poison, unsigned max_attempts, unsigned deaths,
		 struct chance *chance)
{
	sheaf_batch_options options = {.result_size = kind == CALLS ? sizeof(uint64_t) : 0, .max_attempts = max_attempts};
	const sheaf_result *results;
	struct table *table;
	sheaf_batch *batch;
	unsigned poisoned = 0;
	char where[96];
	void *memory, *in;
	size_t n;
	int r = sheaf_alloc(pool, sizeof(*table), &memory);

	snprintf(where, sizeof(where), "%s in %s, max_attempts %u, dies %u times", poisons[poison].name, kind_names[kind],
		 max_attempts, deaths);
	CHECK(r == 0, "sheaf_alloc: %d", r);
	table = memory;
	table->poison = poison;
	table->deaths = deaths;
	/* The ends of chunks, neighbours, and some more. */
	table->poisoned[0] = table->poisoned[N - 1] = table->poisoned[39] = table->poisoned[40] = true;
	table->poisoned[chance_below(chance, N)] = table->poisoned[chance_below(chance, N)] = true;
	for (unsigned i = 0; i < N; i++)
		poisoned += table->poisoned[i];
	CHECK((r = sheaf_batch_create(&batch, pool, &options)) == 0, "sheaf_batch_create: %d", r);
	in = start(pool, batch, kind, table, max_attempts);
	r = sheaf_gather(batch, &results, &n, patience());
	CHECK(r == (deaths ? 0 : (int)poisoned) && n == N, "%s: %d of %u failed, %zu results", where, r, poisoned, n);
	for (size_t i = 0; i < n; i++) {
		CHECK(results[i].position == i, "%s: position %zu", where, i);
		check(&results[i], table, max_attempts, where);
	}
	sheaf_batch_retire(batch);
	CHECK((r = sheaf_free(pool, table)) == 0 && (r = sheaf_free(pool, in)) == 0, "sheaf_free: %d", r);
}

/* ---- the calls that wait ---- */

static void wait_calls(sheaf_pool *pool)
{
	uint64_t value = 0;
	struct table *table;
	void *memory;
	int r = sheaf_alloc(pool, sizeof(*table), &memory);

	CHECK(r == 0, "sheaf_alloc: %d", r);
	table = memory;
	table->poison = SEGFAULT;
	table->poisoned[0] = table->poisoned[7] = true;
	r = sheaf_apply(pool, call, &table, sizeof(table), &value, sizeof(value), NULL);
	CHECK(r == -ECHILD && strstr(sheaf_message(), "signal 11"), "sheaf_apply: %d", r);
	r = sheaf_for(pool, range, &table, N, &(sheaf_map_options){.context_size = sizeof(table)});
	CHECK(r == -ECHILD && strstr(sheaf_message(), "position 0") && strstr(sheaf_message(), "1 other"), "sheaf_for: %d", r);
	CHECK(atomic_load(&table->runs[7]) == 3, "position 7 ran %u times", atomic_load(&table->runs[7]));
	CHECK((r = sheaf_free(pool, table)) == 0, "sheaf_free: %d", r);
}

/* ---- the brake ---- */

struct killer {
	sheaf_pool *pool;
	_Atomic int *spared; /* a worker that is left alone, plus 1 */
	_Atomic bool over;
	pthread_t thread;
};

/* Kills each other worker as soon as it is seen. */
static void *kill_on_sight(void *context)
{
	struct killer *killer = context;
	sheaf_pool_info info;

	while (!atomic_load(&killer->over) && sheaf_pool_get_info(killer->pool, &info) == 0) {
		int spared = atomic_load(killer->spared);

		for (unsigned i = 0; i < info.workers; i++) {
			pid_t pid = spared && spared != (int)i + 1 ? sheaf_pool_worker_pid(killer->pool, i) : 0;
			struct proc proc;

			if (pid > 0 && proc_read(pid, &proc) && proc.parent == info.supervisor)
				kill(pid, SIGKILL);
		}
	}
	return NULL;
}

/* Runs until it is killed. */
static int hold(sheaf_task *task, const void *arg, void *result)
{
	_Atomic int *spared;

	(void)result;
	memcpy(&spared, arg, sizeof(spared));
	atomic_store(spared, (int)sheaf_task_worker(task) + 1);
	while (atomic_load(spared))
		trial_nap(UINT64_C(1000000000));
	return 0;
}

/* One worker is busy for ever, the other dies whenever it starts: who waits must learn that this leads nowhere. */
static void brake(void)
{
	sheaf_pool_options options = {.workers = 2, .ring_size = 4, .heap_size = 1 << 20};
	struct killer killer = {.over = false};
	sheaf_pool_info info;
	sheaf_result result;
	sheaf_batch *batch, *other;
	void *memory;
	int r;

	CHECK((r = sheaf_pool_create(&killer.pool, &options)) == 0, "sheaf_pool_create: %d", r);
	CHECK((r = sheaf_alloc(killer.pool, sizeof(*killer.spared), &memory)) == 0, "sheaf_alloc: %d", r);
	killer.spared = memory;
	CHECK((r = sheaf_batch_create(&batch, killer.pool, NULL)) == 0, "sheaf_batch_create: %d", r);
	CHECK((r = sheaf_submit(batch, 5, hold, &killer.spared, sizeof(killer.spared))) == 0, "sheaf_submit: %d", r);
	CHECK(!pthread_create(&killer.thread, NULL, kill_on_sight, &killer), "thread");
	r = sheaf_next(batch, &result, patience());
	CHECK(r == -ECHILD && strstr(sheaf_message(), "died"), "sheaf_next: %d", r);
	CHECK((r = sheaf_next_done(batch, &result, 0)) == -ECHILD, "sheaf_next_done: %d", r);
	CHECK((r = sheaf_submit(batch, 6, hold, &killer.spared, sizeof(killer.spared))) == -ECHILD, "sheaf_submit: %d", r);
	CHECK((r = sheaf_batch_create(&other, killer.pool, NULL)) == -ECHILD, "sheaf_batch_create: %d", r);
	CHECK((r = sheaf_pool_close(killer.pool)) == -ECHILD, "sheaf_pool_close: %d", r);
	CHECK((r = sheaf_pool_join(killer.pool, patience())) == -ECHILD, "sheaf_pool_join: %d", r);
	atomic_store(&killer.over, true);
	pthread_join(killer.thread, NULL);
	CHECK((r = sheaf_pool_get_info(killer.pool, &info)) == 0, "sheaf_pool_get_info: %d", r);
	sheaf_batch_retire(batch);
	sheaf_pool_destroy(killer.pool);
	printf("the brake stopped a pool after %llu deaths\n", (unsigned long long)info.deaths);
}

int main(int argc, char **argv)
{
	struct chance chance = {trial_seed(argc, argv)};
	sheaf_pool_options options = {.workers = 3, .ring_size = 32, .heap_size = 64 << 20};
	unsigned batches = 0;
	sheaf_pool_info info;
	sheaf_pool *pool;

	CHECK(sheaf_pool_create(&pool, &options) == 0, "pool");
	for (enum poison poison = 0; poison < POISONS; poison++) {
		for (enum kind kind = 0; kind < KINDS; kind++) {
			/* With one attempt, a range that dies fails as a whole. */
			for (unsigned max_attempts = kind == LOOP ? 2 : 1; max_attempts <= 4; max_attempts++, batches++)
				feed(pool, kind, poison, max_attempts, 0, &chance);
			feed(pool, kind, poison, 4, 1 + (unsigned)chance_below(&chance, 2), &chance);
			batches++;
		}
	}
	wait_calls(pool);
	CHECK(sheaf_pool_get_info(pool, &info) == 0 && info.supervisors == 1 && info.heap_used == 0, "%zu bytes are left",
	      info.heap_used);
	sheaf_pool_destroy(pool);
	printf("%u batches, %llu deaths\n", batches, (unsigned long long)info.deaths);
	fflush(stdout);
	brake();
	return 0;
}
