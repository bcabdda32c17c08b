/*
 * crash_latency.c - measures from the kill of a worker that runs a task until another worker can
 * claim that task, and until one runs it.
 *
 * Usage: crash_latency [SEED [KILLS]]. Half of the kills hit a pool that has nothing else to do
 * (idle: the task sleeps). The others hit a pool whose other workers are busy all the time (busy:
 * the task spins). The time begins before kill(). The owner takes the first figure: it sleeps until
 * the supervisor rings, and then sees that the task's word no longer names the dead worker, unless
 * the task was faster. The task takes the second figure when its second run begins. With KILLS
 * given, the report also says whether the first figure is within bounds in the idle pool.
 */
#include "sheaf.h"
#include "pool/pool.h"
#include "queue/bell.h"
#include "support/arguments.h"
#include "support/children.h"
#include "support/deadline.h"
#include "support/leaks.h"
#include "support/random_batches.h"
#include "support/report.h"
#include "support/rng.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILLER_NS 100000 /* a task of the busy ones */
#define FILLERS 200
#define P99_US 5000.0
#define MAX_US 100000.0

/* Shared with the tasks: one victim at a time. */
struct shared_page {
	bool spins;
	_Atomic pid_t pid; /* in its first run */
	_Atomic unsigned worker;
	_Atomic uint64_t again_ns; /* when its second run began */
};

struct series {
	const char *names[3]; /* of median, 99th percentile and maximum in the report */
	double *us;
	size_t n;
};

struct measurement {
	sheaf_pool *pool;
	struct shared_page *page;
	struct rng rng;
	struct series claimable, running;
	_Atomic bool over; /* the busy ones may end */
};

/* ---- tasks ---- */

static int victim(sheaf_task *task, const void *arg, void *result)
{
	struct shared_page *page;

	(void)result;
	memcpy(&page, arg, sizeof(page));
	if (sheaf_task_attempt(task) > 1) {
		atomic_store(&page->again_ns, sheaf_now_ns());
		return 0;
	}
	atomic_store(&page->worker, sheaf_task_worker(task));
	atomic_store(&page->pid, getpid());
	for (;;)
		if (!page->spins)
			pause();
}

static int filler(sheaf_task *task, const void *arg, void *result)
{
	uint64_t until = sheaf_now_ns() + FILLER_NS;

	(void)task;
	(void)arg;
	(void)result;
	while (sheaf_now_ns() < until)
		;
	return 0;
}

/* Keep the other workers busy. */
static void *fill(void *context)
{
	struct measurement *measurement = context;

	while (!atomic_load(&measurement->over)) {
		const sheaf_result *results;
		sheaf_batch *batch;
		size_t n;
		int r = sheaf_batch_create(&batch, measurement->pool, NULL);

		for (uint64_t i = 0; i < FILLERS && !r; i++)
			r = sheaf_submit(batch, i, filler, NULL, 0);
		CHECK(r == 0, "a filler: %d", r);
		r = sheaf_gather(batch, &results, &n, hang_deadline());
		CHECK_AS(HARM_LOST, r == 0 && n == FILLERS, "%d, %zu fillers", r, n);
		sheaf_batch_retire(batch);
	}
	return NULL;
}

/* ---- one kill ---- */

/* The word of the ring slot that the victim's worker owns. */
static const _Atomic uint64_t *word_of(const struct measurement *measurement)
{
	const struct segment *segment = &measurement->pool->segment;
	unsigned worker = atomic_load(&measurement->page->worker);

	for (uint32_t i = 0; i < segment_slots(segment); i++) {
		struct word w = word_unpack(atomic_load(&segment->slots[i].word));

		if (w.state == WORD_OWNED && w.seat == worker)
			return &segment->slots[i].word;
	}
	CHECK_AS(HARM_LOST, false, "no slot names worker %u, which runs a task", worker);
	return NULL;
}

static void strike(struct measurement *measurement, uint64_t number)
{
	struct shared_page *page = measurement->page;
	uint64_t deadline = hang_deadline(), start, claimable, running;
	const _Atomic uint64_t *word;
	sheaf_result result;
	sheaf_batch *batch;
	uint64_t owned;
	pid_t pid;
	int r;

	atomic_store(&page->pid, 0);
	atomic_store(&page->again_ns, 0);
	CHECK(!sheaf_batch_create(&batch, measurement->pool, NULL), "batch");
	CHECK((r = sheaf_submit(batch, number, victim, &page, sizeof(page))) == 0, "sheaf_submit: %d", r);
	while (!(pid = atomic_load(&page->pid))) {
		CHECK_AS(HARM_HUNG, sheaf_now_ns() < deadline, "task %llu does not begin", (unsigned long long)number);
		sleep_ns(20000);
	}
	sleep_ns(rng_below(&measurement->rng, 300000));
	word = word_of(measurement);
	owned = atomic_load(word);
	start = sheaf_now_ns();
	CHECK(!kill(pid, SIGKILL), "kill");
	while (atomic_load(word) == owned) {
		CHECK_AS(HARM_HUNG, sheaf_now_ns() < deadline, "task %llu still belongs to the dead",
			 (unsigned long long)number);
		struct sleeper sleeper = sleeper_of_batch(batch->shared, WAIT_ANY);

		sleeper_sleep(&sleeper, deadline);
	}
	claimable = sheaf_now_ns();
	r = sheaf_next(batch, &result, hang_deadline());
	CHECK_AS(r < 0 ? HARM_HUNG : HARM_LOST, r == 1, "task %llu: %d", (unsigned long long)number, r);
	running = atomic_load(&page->again_ns);
	CHECK_AS(HARM_LOST, result.status == 0 && result.attempts == 2 && running > start, "task %llu: status %d, attempts %u",
		 (unsigned long long)number, result.status, result.attempts);
	sheaf_batch_retire(batch);
	/* What runs was claimable before, though the owner may wake up later. */
	if (claimable > running)
		claimable = running;
	measurement->claimable.us[measurement->claimable.n++] = (double)(claimable - start) / 1e3;
	measurement->running.us[measurement->running.n++] = (double)(running - start) / 1e3;
	report_add(1);
}

/* ---- figures ---- */

static int by_value(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;

	return (a > b) - (a < b);
}

/* Of @part in a hundred of the kills it took no longer. Sorted. */
static double percentile(const struct series *series, size_t part)
{
	return series->us[(series->n * part + 99) / 100 - 1];
}

static void tell(struct series *series)
{
	qsort(series->us, series->n, sizeof(*series->us), by_value);
	report_figure(series->names[0], percentile(series, 50));
	report_figure(series->names[1], percentile(series, 99));
	report_figure(series->names[2], percentile(series, 100));
}

static void run(struct measurement *measurement, bool busy, uint64_t kills)
{
	pthread_t thread;

	measurement->page->spins = busy;
	measurement->claimable.us = calloc(kills, sizeof(double));
	measurement->running.us = calloc(kills, sizeof(double));
	CHECK(measurement->claimable.us && measurement->running.us, "no memory");
	if (busy)
		CHECK(!pthread_create(&thread, NULL, fill, measurement), "thread");
	for (uint64_t i = 0; i < kills; i++)
		strike(measurement, i);
	atomic_store(&measurement->over, true);
	if (busy)
		pthread_join(thread, NULL);
	tell(&measurement->claimable);
	tell(&measurement->running);
}

int main(int argc, char **argv)
{
	uint64_t seed = seed_argument(argc, argv), kills = amount_argument(argc, argv, 2, 60) / 2;
	unsigned cpus = sheaf_usable_cpus();
	sheaf_pool_options options = {.workers = cpus < 2 ? 2 : cpus, .ring_size = 64, .heap_size = 64 << 20};
	struct measurement idle = {
		.rng = {seed},
		.claimable.names = {"idle_claimable_p50_us", "idle_claimable_p99_us", "idle_claimable_max_us"},
		.running.names = {"idle_running_p50_us", "idle_running_p99_us", "idle_running_max_us"}};
	struct measurement busy = {
		.rng = {seed + 1},
		.claimable.names = {"busy_claimable_p50_us", "busy_claimable_p99_us", "busy_claimable_max_us"},
		.running.names = {"busy_running_p50_us", "busy_running_p99_us", "busy_running_max_us"}};
	void *memory;

	report_begin("latency", "kills", seed);
	CHECK(kills > 0, "give at least 2 kills");
	CHECK(sheaf_pool_create(&idle.pool, &options) == 0, "pool");
	CHECK(sheaf_alloc(idle.pool, sizeof(*idle.page), &memory) == 0, "page");
	busy.pool = idle.pool;
	busy.page = idle.page = memory;
	run(&idle, false, kills);
	run(&busy, true, kills);
	if (argc > 2)
		report_figure("idle_within_bounds",
			      percentile(&idle.claimable, 99) < P99_US && percentile(&idle.claimable, 100) < MAX_US);
	CHECK(!sheaf_free(idle.pool, memory), "sheaf_free");
	check_pool_is_empty(idle.pool);
	sheaf_pool_destroy(idle.pool);
	CHECK_AS(HARM_LEAKED, count_children() <= 0, "%d children are left", count_children());
	free(idle.claimable.us);
	free(idle.running.us);
	free(busy.claimable.us);
	free(busy.running.us);
	report_end();
	return 0;
}
