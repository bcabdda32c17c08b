/*
 * crash_poison.c - tasks that end their worker in every way a process can end: always, in their
 * first run only, or by chance.
 *
 * Usage: crash_poison [SEED [ROUNDS]]. No task may run more often than max_attempts says. A
 * position whose runs all ended so must fail and say how, and every other position must be right.
 * Then come tasks that kill other workers or their supervisor, and workers that die outside of any
 * task. These must stop the pool with -ENOTRECOVERABLE rather than have it hang. More than one
 * round also tries what takes long.
 */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "sheaf.h"
#include "support/arguments.h"
#include "support/children.h"
#include "support/deadline.h"
#include "support/proc.h"
#include "support/report.h"
#include "support/rng.h"
#include "support/session.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ASAN 1
#endif
#endif
#ifndef ASAN
#define ASAN 0
#endif

#define WORKERS 3
#define N 300 /* positions of a batch */

/* ---- ways to die ---- */

static void touch_nothing(void)
{
	volatile char *page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	*page = 1;
}

static void touch_end_of_file(void)
{
	FILE *file = tmpfile();
	volatile char *page = file ? mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(file), 0) : MAP_FAILED;

	if (page != MAP_FAILED)
		*page = 1;
}

/* Where the processor has no trap for these two, a signal must do. */
__attribute__((no_sanitize("undefined"))) static void divide_by_zero(void)
{
#if defined(__x86_64__) || defined(__i386__)
	volatile int zero = 0, one = 1;

	one = one / zero;
#endif
	raise(SIGFPE);
}

static void run_nonsense(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_trap();
#else
	raise(SIGILL);
#endif
}

static unsigned recurse(volatile unsigned *depth)
{
	volatile unsigned deeper[256] = {*depth + 1};

	return *depth == UINT32_MAX ? 0 : recurse(deeper) + deeper[0];
}

static void overflow_stack(void)
{
	struct rlimit limit;
	volatile unsigned depth = 0;

	getrlimit(RLIMIT_STACK, &limit);
	limit.rlim_cur = 1 << 20;
	setrlimit(RLIMIT_STACK, &limit);
	recurse(&depth);
}

static void *fault_in_thread(void *context)
{
	touch_nothing();
	return context;
}

static void fault_elsewhere(void)
{
	pthread_t thread;

	if (!pthread_create(&thread, NULL, fault_in_thread, NULL))
		pthread_join(thread, NULL);
}

static void exit_0(void)
{
	exit(0);
}

static void exit_3(void)
{
	exit(3);
}

static void exit_at_once(void)
{
	_exit(4);
}

static void end_thread(void)
{
	if (ASAN) /* which cannot live without the first thread */
		_exit(0);
	pthread_exit(NULL);
}

static void become_another(void)
{
	execlp("sh", "sh", "-c", "exit 7", (char *)NULL);
}

static void be_killed(void)
{
	raise(SIGKILL);
}

static void be_terminated(void)
{
	raise(SIGTERM);
}

static const struct way {
	const char *name;
	void (*die)(void);
	int signal;
	int exit_code;
	bool told;        /* a fault of which the worker tells where it was */
	const char *text; /* of the message, if it is not that of the signal or the exit code */
} ways[] = {
	{"a wild pointer", touch_nothing, SIGSEGV, -1, true, NULL},
	{"the end of a file", touch_end_of_file, SIGBUS, -1, true, NULL},
	{"a division by zero", divide_by_zero, SIGFPE, -1, true, NULL},
	{"an illegal instruction", run_nonsense, SIGILL, -1, true, NULL},
	{"abort()", abort, SIGABRT, -1, true, NULL},
	{"a stack overflow", overflow_stack, SIGSEGV, -1, true, NULL},
	{"a thread's wild pointer", fault_elsewhere, SIGSEGV, -1, true, NULL},
	{"exit(0)", exit_0, 0, 0, false, NULL},
	{"exit(3)", exit_3, 0, 3, false, NULL},
	{"_exit(4)", exit_at_once, 0, 4, false, NULL},
	{"pthread_exit()", end_thread, 0, 0, false, ASAN ? NULL : "ended its thread (pthread_exit"},
	{"exec()", become_another, 0, 7, false, NULL},
	{"SIGKILL", be_killed, SIGKILL, -1, false, NULL},
	{"SIGTERM", be_terminated, SIGTERM, -1, false, NULL},
};
#define WAYS (sizeof(ways) / sizeof(ways[0]))

/* ---- tasks ---- */

enum when { ALWAYS, FIRST_RUN, BY_CHANCE, WHENS };
static const char *const when_names[] = {"always", "first", "by chance"};

/* Shared with the tasks. */
struct table {
	const struct way *way;
	enum when when;
	uint64_t salt;
	_Atomic unsigned runs[N];
	_Atomic unsigned begin[N]; /* of the range that it ran in last, plus 1 */
	bool poisoned[N];
	uint64_t values[N];
};

/* Does the task at @index die of its @run-th run? */
static bool dies(const struct table *table, size_t index, unsigned run)
{
	if (!table->poisoned[index])
		return false;
	return table->when == ALWAYS || (table->when == FIRST_RUN && run == 1) ||
	       (table->when == BY_CHANCE && distinct_value(table->salt + index * 64 + run) % 2);
}

static void visit(struct table *table, size_t index, size_t begin)
{
	unsigned run = atomic_fetch_add(&table->runs[index], 1) + 1;

	atomic_store(&table->begin[index], (unsigned)begin + 1);
	if (dies(table, index, run))
		table->way->die();
	table->values[index] = distinct_value(index);
}

struct order {
	struct table *table;
	size_t index;
};

static int call(sheaf_task *task, const void *arg, void *result)
{
	struct order order;
	uint64_t value;

	(void)task;
	memcpy(&order, arg, sizeof(order));
	value = distinct_value(order.index);
	visit(order.table, order.index, order.index);
	memcpy(result, &value, sizeof(value));
	return 0;
}

static int item(sheaf_task *task, const void *in, void *out)
{
	size_t position = (size_t)sheaf_task_position(task);
	struct table *table;

	(void)in;
	(void)out;
	memcpy(&table, sheaf_task_context(task), sizeof(table));
	visit(table, position, position);
	return 0;
}

static int range(sheaf_task *task, size_t begin, size_t end, void *context)
{
	struct table *table;

	(void)task;
	memcpy(&table, context, sizeof(table));
	for (size_t i = begin; i < end; i++)
		visit(table, i, begin);
	return 0;
}

/* ---- the same poison in a map, a loop and submitted tasks ---- */

enum kind { CALLS, SPARSE_CALLS, MAP, MAP_BY_1, LOOP, LOOP_BY_1, KINDS };
static const char *const kind_names[] = {"submit", "submit with gaps", "map", "map by 1", "for", "for by 1"};

static uint64_t position_of(enum kind kind, size_t index)
{
	return kind == SPARSE_CALLS ? (uint64_t)index * index * index * UINT64_C(400000000000) + index : index;
}

static void start(sheaf_batch *batch, enum kind kind, struct table *table, unsigned max_attempts)
{
	bool by_1 = kind == MAP_BY_1 || kind == LOOP_BY_1;
	sheaf_map_options options = {.grain = by_1 ? 1 : 40, .max_attempts = max_attempts, .context_size = sizeof(table)};
	int r = 0;

	if (kind == CALLS || kind == SPARSE_CALLS) {
		for (size_t i = 0; i < N && !r; i++) {
			struct order order = {table, i};

			r = sheaf_submit(batch, position_of(kind, i), call, &order, sizeof(order));
		}
	} else if (kind == LOOP || kind == LOOP_BY_1) {
		r = sheaf_submit_for(batch, range, &table, N, &options);
	} else {
		options.context = &table;
		r = sheaf_submit_map(batch, item, NULL, 0, NULL, 0, N, &options);
	}
	CHECK(r == 0, "%s: %d", kind_names[kind], r);
}

struct trial {
	enum kind kind;
	unsigned max_attempts;
	const struct table *table;
	const char *name;
};

/* Faults tell where they were on systems that can find out: on all of them, or on none. */
static int addresses = -1;

static void check_death(const struct trial *t, const sheaf_result *result)
{
	const struct way *way = t->table->way;
	char text[64];

	CHECK(result->status == -ECHILD && result->signal == way->signal && result->exit_code == way->exit_code,
	      "%s: status %d, signal %d, exit code %d", t->name, result->status, result->signal, result->exit_code);
	if (way->text)
		snprintf(text, sizeof(text), "%s", way->text);
	else if (way->signal)
		snprintf(text, sizeof(text), "was killed by signal %d", way->signal);
	else
		snprintf(text, sizeof(text), "called exit(%d)", way->exit_code);
	CHECK(strstr(result->message, text), "%s: \"%s\"", t->name, result->message);
	snprintf(text, sizeof(text), "position %llu: worker %d (pid %ld)", (unsigned long long)result->position, result->worker,
		 (long)result->pid);
	CHECK(strstr(result->message, text), "%s: \"%s\"", t->name, result->message);
	CHECK(result->worker >= 0 && result->worker < WORKERS && result->pid > 0, "%s: worker %d, pid %ld", t->name,
	      result->worker, (long)result->pid);
	CHECK(result->started_ns && result->started_ns <= result->finished_ns, "%s: from %llu to %llu", t->name,
	      (unsigned long long)result->started_ns, (unsigned long long)result->finished_ns);
	CHECK(!result->data && !result->size, "%s: a dead task has %zu bytes of result", t->name, result->size);
	if (addresses < 0 && way->told)
		addresses = result->backtrace_size > 0;
	CHECK((result->backtrace_size > 0) == (way->told && addresses), "%s: %u addresses", t->name, result->backtrace_size);
}

/*
 * Must the task at @index fail? Not for loops: there, the first position that dies takes the blame
 * for the death before.
 */
static bool must_fail(const struct trial *t, size_t index)
{
	for (unsigned run = 1; run <= t->max_attempts; run++)
		if (!dies(t->table, index, run))
			return false;
	return true;
}

/* With one attempt, all of a range fails with the position that dies in it. */
static bool range_died(const struct table *table, size_t index)
{
	unsigned begin = atomic_load(&table->begin[index]);

	for (size_t i = 0; i < N; i++)
		if (dies(table, i, 1) && (atomic_load(&table->begin[i]) == begin || (!begin && i < index)))
			return true;
	return false;
}

static void check(const struct trial *t, const sheaf_result *result, size_t index)
{
	bool loop = t->kind == LOOP || t->kind == LOOP_BY_1, failed = result->status != 0;
	unsigned runs = atomic_load(&t->table->runs[index]);

	CHECK_AS(HARM_LOST, result->position == position_of(t->kind, index), "%s: %llu at %zu", t->name,
		 (unsigned long long)result->position, index);
	/* A loop runs positions again that lie before the one that dies. */
	CHECK(loop || runs <= t->max_attempts, "%s: position %zu ran %u times", t->name, index, runs);
	if (!loop)
		CHECK(failed == must_fail(t, index), "%s: position %zu: status %d, \"%s\"", t->name, index, result->status,
		      result->message);
	else if (t->max_attempts == 1)
		CHECK(failed == range_died(t->table, index), "%s: position %zu: status %d", t->name, index, result->status);
	else
		CHECK(failed == dies(t->table, index, runs), "%s: position %zu: status %d after %u runs", t->name, index,
		      result->status, runs);
	if (failed) {
		check_death(t, result);
		CHECK(result->attempts == t->max_attempts, "%s: position %zu says %u attempts", t->name, index,
		      result->attempts);
		CHECK(loop || runs == t->max_attempts, "%s: position %zu ran %u times", t->name, index, runs);
		CHECK(t->table->when != ALWAYS || runs <= t->max_attempts, "%s: position %zu ran %u times", t->name, index,
		      runs);
		return;
	}
	CHECK_AS(HARM_LOST, t->table->values[index] == distinct_value(index), "%s: position %zu is wrong", t->name, index);
	CHECK(result->signal == 0 && result->exit_code == -1 && !result->message[0] && !result->backtrace_size,
	      "%s: position %zu: \"%s\"", t->name, index, result->message);
	if (t->kind <= SPARSE_CALLS)
		CHECK_AS(HARM_LOST, result->size == 8 && !memcmp(result->data, &t->table->values[index], 8),
			 "%s: position %zu has another result", t->name, index);
	if (t->kind <= SPARSE_CALLS || t->kind == MAP_BY_1)
		CHECK(result->attempts == runs, "%s: position %zu ran %u times, says %u", t->name, index, runs,
		      result->attempts);
}

/* @poisoned: how many positions, N for all; the first ones at the ends of chunks. */
static void feed(sheaf_pool *pool, enum kind kind, const struct way *way, enum when when, unsigned max_attempts,
		 unsigned poisoned, struct rng *rng)
{
	static const size_t ends[] = {0, N - 1, 39, 40};
	sheaf_batch_options options = {.result_size = kind <= SPARSE_CALLS ? sizeof(uint64_t) : 0,
				       .max_attempts = max_attempts};
	const sheaf_result *results;
	struct table *table;
	struct trial trial;
	sheaf_batch *batch;
	int r, failed = 0;
	char name[128];
	void *memory;
	size_t n;

	CHECK((r = sheaf_alloc(pool, sizeof(*table), &memory)) == 0, "sheaf_alloc: %d", r);
	table = memory;
	table->way = way;
	table->when = when;
	table->salt = rng_next(rng);
	for (unsigned i = 0; i < poisoned; i++)
		table->poisoned[poisoned == N ? i : i < 4 ? ends[i] : rng_below(rng, N)] = true;
	snprintf(name, sizeof(name), "%s, %s, in %s, max_attempts %u", way->name, when_names[when], kind_names[kind],
		 max_attempts);
	trial = (struct trial){.kind = kind, .max_attempts = max_attempts, .table = table, .name = name};
	options.priority = (enum sheaf_priority)rng_below(rng, 3);
	CHECK((r = sheaf_batch_create(&batch, pool, &options)) == 0, "sheaf_batch_create: %d", r);
	start(batch, kind, table, max_attempts);
	r = sheaf_gather(batch, &results, &n, hang_deadline());
	CHECK_AS(r == -ETIMEDOUT ? HARM_HUNG : HARM_LOST, r >= 0 && n == N, "%s: %d, %zu results", name, r, n);
	for (size_t i = 0; i < n; i++) {
		check(&trial, &results[i], i);
		failed += results[i].status != 0;
	}
	CHECK(r == failed, "%s: %d failed, not %d", name, failed, r);
	sheaf_batch_retire(batch);
	CHECK((r = sheaf_free(pool, table)) == 0, "sheaf_free: %d", r);
	report_add(1);
}

static void feed_all(sheaf_pool *pool, struct rng *rng, bool thorough)
{
	static const unsigned attempts[] = {1, 2, 3, SHEAF_MAX_ATTEMPTS};

	for (size_t w = 0; w < WAYS; w++) {
		for (enum kind kind = 0; kind < KINDS; kind++) {
			/* Each way in each kind; of the rest some, or all. */
			for (unsigned i = 0; i < 4 * WHENS; i++) {
				unsigned max_attempts = attempts[i % 4];
				enum when when = (enum when)(i / 4);

				if (!thorough && i != rng_below(rng, 4 * WHENS) && i != (w + kind) % 3)
					continue;
				feed(pool, kind, &ways[w], when, max_attempts, max_attempts > 3 ? 2 : 6, rng);
			}
		}
	}
	/*
	 * Nothing but poison: each position that is given up is progress, which no brake may stop.
	 */
	for (enum kind kind = 0; kind < KINDS; kind++)
		feed(pool, kind, &ways[WAYS - 2], ALWAYS, thorough ? 10 : 2, N, rng);
}

/* ---- the calls that wait ---- */

static void wait_calls(sheaf_pool *pool)
{
	sheaf_map_options options = {.max_attempts = 2, .context_size = sizeof(struct table *)};
	struct table *table;
	uint64_t value = 0;
	void *memory;
	int r = sheaf_alloc(pool, sizeof(*table), &memory);

	CHECK(r == 0, "sheaf_alloc: %d", r);
	table = memory;
	options.context = &table;
	table->poisoned[0] = table->poisoned[7] = true;
	for (size_t w = 0; w < WAYS; w++) {
		struct order order = {table, 0};
		char cause[64];

		table->way = &ways[w];
		memset((void *)table->runs, 0, sizeof(table->runs));
		if (ways[w].text)
			snprintf(cause, sizeof(cause), "%s", ways[w].text);
		else if (ways[w].signal)
			snprintf(cause, sizeof(cause), "signal %d", ways[w].signal);
		else
			snprintf(cause, sizeof(cause), "exit(%d)", ways[w].exit_code);
		r = sheaf_apply(pool, call, &order, sizeof(order), &value, sizeof(value), NULL);
		CHECK(r == -ECHILD && strstr(sheaf_message(), cause), "sheaf_apply: %d", r);
		CHECK(atomic_load(&table->runs[0]) == 3, "sheaf_apply ran %u times", atomic_load(&table->runs[0]));
		r = sheaf_for(pool, range, &table, N, &(sheaf_map_options){.context_size = sizeof(table)});
		CHECK(r == -ECHILD && strstr(sheaf_message(), cause) && strstr(sheaf_message(), "position 0") &&
			      strstr(sheaf_message(), "1 other"),
		      "sheaf_for: %d", r);
		CHECK(atomic_load(&table->runs[7]) == 3, "position 7 ran %u times", atomic_load(&table->runs[7]));
		r = sheaf_map(pool, item, NULL, 0, NULL, 0, N, &options);
		CHECK(r == -ECHILD && strstr(sheaf_message(), cause) && strstr(sheaf_message(), "position 0"), "sheaf_map: %d",
		      r);
		CHECK(atomic_load(&table->runs[7]) == 5, "position 7 ran %u times", atomic_load(&table->runs[7]));
		report_add(3);
	}
	CHECK((r = sheaf_free(pool, table)) == 0, "sheaf_free: %d", r);
}

/* ---- tasks that kill others ---- */

struct hunt {
	_Atomic unsigned shots; /* that are left */
	_Atomic unsigned hits;
	_Atomic uintptr_t first, last; /* the workers' stacks, at the first shot and the last one */
	bool supervisor;
};

/*
 * Return the supervisor, or 0 if it has just died: then the parent is a process that must not be
 * killed.
 */
static pid_t living_supervisor(void)
{
	pid_t parent = getppid();

	return getpgid(parent) == getpgrp() ? parent : 0;
}

/* Kill the worker's supervisor, or a sibling. */
static int shoot(sheaf_task *task, const void *arg, void *result)
{
	uint64_t value = distinct_value(sheaf_task_position(task));
	struct hunt *hunt;
	unsigned shots;
	uintptr_t none = 0;

	memcpy(&hunt, arg, sizeof(hunt));
	shots = atomic_load(&hunt->shots);
	if (shots) {
		atomic_compare_exchange_strong(&hunt->first, &none, (uintptr_t)&none);
		atomic_store(&hunt->last, (uintptr_t)&none);
	}
	while (shots && !atomic_compare_exchange_weak(&hunt->shots, &shots, shots - 1))
		;
	if (shots && hunt->supervisor) {
		pid_t pid = living_supervisor();

		if (pid)
			kill(pid, SIGKILL);
		for (;;) /* it takes its workers along */
			pause();
	} else if (shots) {
		pid_t pids[2 * WORKERS];
		unsigned count = living_children(living_supervisor(), pids, 2 * WORKERS);

		for (unsigned i = 0; i < count && i < 2 * WORKERS; i++)
			if (pids[i] != getpid() && kill(pids[i], SIGKILL) == 0) {
				atomic_fetch_add(&hunt->hits, 1);
				break;
			}
	}
	memcpy(result, &value, sizeof(value));
	return 0;
}

/* Each task must be done, whichever process was killed while it ran. */
static void hunts(sheaf_pool *pool, unsigned shots, bool supervisor)
{
	sheaf_batch_options options = {.result_size = sizeof(uint64_t), .max_attempts = SHEAF_MAX_ATTEMPTS};
	const sheaf_result *results;
	unsigned reruns = 0;
	struct hunt *hunt;
	sheaf_batch *batch;
	void *memory;
	size_t n;
	int r;

	CHECK((r = sheaf_alloc(pool, sizeof(*hunt), &memory)) == 0, "sheaf_alloc: %d", r);
	hunt = memory;
	hunt->supervisor = supervisor;
	atomic_store(&hunt->shots, shots);
	CHECK((r = sheaf_batch_create(&batch, pool, &options)) == 0, "sheaf_batch_create: %d", r);
	for (uint64_t i = 0; i < N; i++)
		CHECK((r = sheaf_submit(batch, i, shoot, &hunt, sizeof(hunt))) == 0, "sheaf_submit: %d", r);
	r = sheaf_gather(batch, &results, &n, hang_deadline());
	CHECK_AS(r == -ETIMEDOUT ? HARM_HUNG : HARM_LOST, r == 0 && n == N, "%d, %zu results", r, n);
	for (size_t i = 0; i < n; i++) {
		uint64_t value = distinct_value(i);

		CHECK_AS(HARM_LOST, results[i].size == 8 && !memcmp(results[i].data, &value, 8), "position %zu is wrong", i);
		reruns += results[i].attempts - 1;
	}
	/* The death of a supervisor is charged to no task, that of a worker to one at most. */
	CHECK(reruns <= atomic_load(&hunt->hits), "%u attempts were charged for %u kills", reruns, atomic_load(&hunt->hits));
	sheaf_batch_retire(batch);
	CHECK((r = sheaf_free(pool, hunt)) == 0, "sheaf_free: %d", r);
	report_add(1);
}

/* Submit ten tasks, which are done, and then one that kills each supervisor of its pool. */
static sheaf_batch *submit_hopeless(sheaf_pool *pool, struct hunt **made)
{
	unsigned done = 0;
	struct hunt *hunt;
	sheaf_result result;
	sheaf_batch *batch;
	void *memory;
	int r;

	CHECK((r = sheaf_alloc(pool, sizeof(*hunt), &memory)) == 0, "sheaf_alloc: %d", r);
	hunt = *made = memory;
	hunt->supervisor = true;
	CHECK((r = sheaf_batch_create(&batch, pool, &(sheaf_batch_options){.result_size = 8})) == 0, "sheaf_batch_create: %d",
	      r);
	for (uint64_t i = 0; i < 10; i++) /* without a shot left, until the last one is in */
		CHECK((r = sheaf_submit(batch, i, shoot, &hunt, sizeof(hunt))) == 0, "sheaf_submit: %d", r);
	while (done < 10 && (r = sheaf_next_done(batch, &result, hang_deadline())) == 1)
		done++;
	CHECK_AS(HARM_LOST, done == 10, "%u of 10 are done: %d", done, r);
	atomic_store(&hunt->shots, UINT32_MAX);
	CHECK((r = sheaf_submit(batch, 10, shoot, &hunt, sizeof(hunt))) == 0, "sheaf_submit: %d", r);
	return batch;
}

/*
 * A task that kills each supervisor leaves none that could go on. All other tasks are done, and the
 * gatherer is told. No supervisor, and so no worker, starts with less stack than the one before.
 */
static void hopeless(void)
{
	sheaf_pool_options options = {.workers = 1, .ring_size = 32, .heap_size = 1 << 20};
	uintptr_t first, last;
	sheaf_pool_info info;
	struct hunt *hunt;
	sheaf_result result;
	sheaf_batch *batch;
	sheaf_pool *pool;
	int r;

	CHECK((r = sheaf_pool_create(&pool, &options)) == 0, "sheaf_pool_create: %d", r);
	batch = submit_hopeless(pool, &hunt);
	r = sheaf_next_done(batch, &result, hang_deadline());
	CHECK_AS(r == -ETIMEDOUT ? HARM_HUNG : HARM_OTHER, r == -EOWNERDEAD, "sheaf_next_done: %d", r);
	CHECK((r = sheaf_pool_get_info(pool, &info)) == 0, "sheaf_pool_get_info: %d", r);
	/* The owner counts the families that it starts, and each family its supervisors. */
	CHECK(info.supervisors > 64 && info.supervisors <= 2 * 66, "%llu supervisors", (unsigned long long)info.supervisors);
	first = atomic_load(&hunt->first), last = atomic_load(&hunt->last);
	CHECK(last + 4096 > first && last < first + 4096, "the stack moved from %#zx to %#zx", (size_t)first, (size_t)last);
	sheaf_pool_destroy(pool);
	report_add(1);
}

/*
 * The same when the owner is killed at a random instant after it has replaced a family: the one
 * that lives ends, and takes the name of the segment away.
 */
static void orphans(uint64_t delay_ns)
{
	sheaf_pool_options options = {.workers = 1, .ring_size = 32, .heap_size = 1 << 20};
	uint64_t deadline = hang_deadline();
	sheaf_pool_info info;
	struct hunt *hunt;
	sheaf_result result;
	sheaf_batch *batch;
	sheaf_pool *pool;
	int ready[2], r;
	char byte;
	pid_t owner;

	CHECK(pipe(ready) == 0, "pipe: %d", errno);
	owner = fork();
	CHECK(owner >= 0, "fork: %d", errno);
	if (!owner) {
		CHECK((r = sheaf_pool_create(&pool, &options)) == 0, "sheaf_pool_create: %d", r);
		batch = submit_hopeless(pool, &hunt);
		do
			r = sheaf_next_done(batch, &result, sheaf_now_ns() + 1000);
		while (r == -ETIMEDOUT && !sheaf_pool_get_info(pool, &info) && info.supervisors < 2);
		(void)!write(ready[1], "", 1);
		for (;;)
			(void)sheaf_next_done(batch, &result, hang_deadline());
	}
	close(ready[1]);
	CHECK(read(ready[0], &byte, 1) == 1, "the owner made no pool");
	close(ready[0]);
	sleep_ns(delay_ns);
	kill(owner, SIGKILL);
	waitpid(owner, NULL, 0);
	while (segments_of(owner) > 0) {
		CHECK_AS(HARM_LEAKED, sheaf_now_ns() < deadline, "the pool of a dead owner has a name");
		sleep_ns(1000000);
	}
	report_add(1);
}

/* Stop this process, which is no death, and go on when another process continues it. */
static int stop_myself(sheaf_task *task, const void *arg, void *result)
{
	_Atomic pid_t *stopped;

	(void)task;
	(void)result;
	memcpy(&stopped, arg, sizeof(stopped));
	atomic_store(stopped, getpid());
	raise(SIGSTOP);
	return 0;
}

static void stops(sheaf_pool *pool)
{
	uint64_t deadline = hang_deadline();
	_Atomic pid_t *stopped;
	sheaf_result result;
	sheaf_batch *batch;
	struct proc proc;
	void *memory;
	int r;

	CHECK((r = sheaf_alloc(pool, sizeof(*stopped), &memory)) == 0, "sheaf_alloc: %d", r);
	stopped = memory;
	CHECK((r = sheaf_batch_create(&batch, pool, NULL)) == 0, "sheaf_batch_create: %d", r);
	CHECK((r = sheaf_submit(batch, 0, stop_myself, &stopped, sizeof(stopped))) == 0, "sheaf_submit: %d", r);
	while (!atomic_load(stopped) || !proc_read(atomic_load(stopped), &proc) || proc.state != 'T') {
		CHECK_AS(HARM_HUNG, sheaf_now_ns() < deadline, "the task does not stop");
		sleep_ns(1000000);
	}
	/* The others go on meanwhile. */
	hunts(pool, 0, false);
	CHECK((r = sheaf_next(batch, &result, sheaf_now_ns() + 1000000)) == -ETIMEDOUT, "sheaf_next: %d", r);
	kill(atomic_load(stopped), SIGCONT);
	r = sheaf_next(batch, &result, hang_deadline());
	CHECK_AS(r == -ETIMEDOUT ? HARM_HUNG : HARM_LOST, r == 1 && result.status == 0 && result.attempts == 1,
		 "sheaf_next: %d, status %d, %u attempts", r, result.status, result.attempts);
	sheaf_batch_retire(batch);
	CHECK((r = sheaf_free(pool, memory)) == 0, "sheaf_free: %d", r);
	report_add(1);
}

/* ---- the brake ---- */

struct killer {
	sheaf_pool *pool;
	_Atomic int *spared; /* a worker that is left alone, plus 1 */
	_Atomic bool over;
	pthread_t thread;
};

/* Kill each other worker as soon as it is seen. */
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

/* Run until it is killed. */
static int hold(sheaf_task *task, const void *arg, void *result)
{
	_Atomic int *spared;

	(void)result;
	memcpy(&spared, arg, sizeof(spared));
	atomic_store(spared, (int)sheaf_task_worker(task) + 1);
	while (atomic_load(spared))
		sleep_ns(UINT64_C(1000000000));
	return 0;
}

/*
 * One worker is busy for ever, the other dies whenever it starts. A waiting owner must learn that
 * this leads nowhere.
 */
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
	r = sheaf_next(batch, &result, hang_deadline());
	CHECK(r == -ENOTRECOVERABLE && strstr(sheaf_message(), "died"), "sheaf_next: %d", r);
	CHECK((r = sheaf_next_done(batch, &result, 0)) == -ENOTRECOVERABLE, "sheaf_next_done: %d", r);
	CHECK((r = sheaf_submit(batch, 6, hold, &killer.spared, sizeof(killer.spared))) == -ENOTRECOVERABLE, "sheaf_submit: %d",
	      r);
	CHECK((r = sheaf_batch_create(&other, killer.pool, NULL)) == -ENOTRECOVERABLE, "sheaf_batch_create: %d", r);
	CHECK((r = sheaf_pool_close(killer.pool)) == -ENOTRECOVERABLE, "sheaf_pool_close: %d", r);
	CHECK((r = sheaf_pool_join(killer.pool, hang_deadline())) == -ENOTRECOVERABLE, "sheaf_pool_join: %d", r);
	atomic_store(&killer.over, true);
	pthread_join(killer.thread, NULL);
	CHECK((r = sheaf_pool_get_info(killer.pool, &info)) == 0, "sheaf_pool_get_info: %d", r);
	sheaf_batch_retire(batch);
	sheaf_pool_destroy(killer.pool);
	printf("the brake stopped a pool after %llu deaths\n", (unsigned long long)info.deaths);
	report_add(1);
}

static void play(struct rng *rng, bool thorough)
{
	sheaf_pool_options options = {.workers = WORKERS, .ring_size = 32, .heap_size = 64 << 20};
	sheaf_pool_info info;
	sheaf_pool *pool;
	int r = sheaf_pool_create(&pool, &options);

	CHECK(r == 0, "sheaf_pool_create: %d", r);
	feed_all(pool, rng, thorough);
	wait_calls(pool);
	hunts(pool, 20, false);
	stops(pool);
	CHECK((r = sheaf_pool_get_info(pool, &info)) == 0 && info.supervisors == 1, "%llu supervisors",
	      (unsigned long long)info.supervisors);
	hunts(pool, thorough ? 20 : 3, true);
	CHECK((r = sheaf_pool_get_info(pool, &info)) == 0, "sheaf_pool_get_info: %d", r);
	CHECK_AS(HARM_LEAKED, info.heap_used == 0, "%zu bytes are left", info.heap_used);
	CHECK(info.supervisors > 1 && info.supervisors <= (thorough ? 21 : 4), "%llu supervisors",
	      (unsigned long long)info.supervisors);
	sheaf_pool_destroy(pool);
	printf("%llu deaths\n", (unsigned long long)info.deaths);
	brake();
	hopeless();
	for (unsigned i = 0; i < 5; i++)
		orphans(rng_below(rng, 20000000));
}

int main(int argc, char **argv)
{
	static const struct rlimit no_core = {0, 0};
	uint64_t seed = seed_argument(argc, argv), rounds = amount_argument(argc, argv, 2, 1);
	struct rng rng = {seed};

	if (!session_visible()) {
		puts("skipped: no /proc");
		return 77;
	}
	report_begin("poison", "cases", seed);
	setrlimit(RLIMIT_CORE, &no_core);
	for (uint64_t round = 0; round < rounds; round++)
		play(&rng, rounds > 1);
	report_figure("addresses", addresses > 0);
	report_end();
	return 0;
}
