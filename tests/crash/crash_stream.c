/*
 * crash_stream.c - a stream of many tasks whose workers are killed each 50 ms: every result is
 * checked, in order, and memory stays as it was.
 *
 * Usage: crash_stream [SEED [TASKS [FILE]]]. Results have 0 to 4,000 bytes. FILE: where samples of
 * the memory go, for tests/plot.py. None of them may grow (samples.h).
 */
#include "sheaf_stream.h"
#include "support/arguments.h"
#include "support/children.h"
#include "support/deadline.h"
#include "support/report.h"
#include "support/rng.h"
#include "support/samples.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WORKERS 2
#define WINDOW 1000
#define LARGEST 4001
#define KILL_EVERY_NS 50000000
#define SAMPLES 400
#define MIB 1048576.0

enum { OWN, SHARED, HEAP, FIGURES };

/* Kills come at random. */
static const struct figure figures[FIGURES] = {{"own: owner", "MiB", 4}, {"shared: owner", "MiB", 4}, {"heap", "MiB", 4}};

struct source {
	uint64_t next, n, seed;
	uint64_t argument;
};

static struct {
	sheaf_pool *pool;
	_Atomic bool over;
	_Atomic uint64_t kills;
	struct rng rng;
} self;

static size_t size_of(uint64_t number)
{
	return distinct_value(number) % LARGEST;
}

static int fill(sheaf_task *task, const void *arg, void *result)
{
	uint64_t number;
	void *memory;
	int r;

	(void)result;
	memcpy(&number, arg, sizeof(number));
	if ((r = sheaf_task_result(task, size_of(number), &memory)))
		return r;
	memset(memory, (int)(number & 0xff), size_of(number));
	return 0;
}

static int produce(void *context, sheaf_item *item)
{
	struct source *source = context;

	if (source->next == source->n)
		return 0;
	source->argument = source->seed + source->next++;
	item->fn = fill;
	item->arg = &source->argument;
	item->arg_size = sizeof(source->argument);
	return 1;
}

static void *kill_workers(void *context)
{
	(void)context;
	while (!atomic_load(&self.over)) {
		pid_t pid = sheaf_pool_worker_pid(self.pool, (unsigned)rng_below(&self.rng, WORKERS));

		if (pid > 0 && !kill(pid, SIGKILL))
			atomic_fetch_add(&self.kills, 1);
		sleep_ns(KILL_EVERY_NS);
	}
	return NULL;
}

static void take_sample(struct samples *samples, uint64_t tasks)
{
	sheaf_pool_info info;
	double mib[FIGURES];

	CHECK(sheaf_pool_get_info(self.pool, &info) == 0, "info");
	mib[OWN] = status_mib(getpid(), "RssAnon:");
	mib[SHARED] = status_mib(getpid(), "RssShmem:");
	mib[HEAP] = (double)(info.heap_used + info.heap_stocked) / MIB;
	samples_add(samples, (double)tasks / 1e6, mib);
}

static void check_result(const sheaf_result *result, uint64_t position, uint64_t seed)
{
	const unsigned char *bytes = result->data;
	unsigned differ = 0;

	CHECK_AS(result->position < position ? HARM_DUPLICATED : HARM_LOST, result->position == position,
		 "%llu instead of %llu", (unsigned long long)result->position, (unsigned long long)position);
	CHECK_AS(HARM_LOST, !result->status && result->size == size_of(seed + position), "position %llu: %d, %zu bytes, %s",
		 (unsigned long long)position, result->status, result->size, result->message);
	for (size_t i = 0; i < result->size; i++)
		differ |= bytes[i] ^ (unsigned)((seed + position) & 0xff);
	CHECK_AS(HARM_LOST, !differ, "position %llu is wrong", (unsigned long long)position);
}

int main(int argc, char **argv)
{
	static struct samples samples;
	uint64_t seed = seed_argument(argc, argv), n = amount_argument(argc, argv, 2, SCALED_AMOUNT(200000));
	struct source source = {.n = n, .seed = seed};
	uint64_t began = sheaf_now_ns(), seconds_ns;
	sheaf_batch *batch;
	sheaf_result result;
	pthread_t thread;
	int r;

	samples_begin(&samples, "million tasks", figures, FIGURES, argc > 3 ? argv[3] : NULL);
	report_begin("stream", "cases", seed);
	self.rng.state = seed;
	CHECK(!sheaf_pool_create(&self.pool, &(sheaf_pool_options){.workers = WORKERS, .max_attempts = SHEAF_MAX_ATTEMPTS}),
	      "pool");
	CHECK(!sheaf_batch_create(&batch, self.pool, &(sheaf_batch_options){.window = WINDOW, .flags = SHEAF_NO_TIMES}),
	      "batch");
	CHECK(!sheaf_feed(batch, produce, &source), "feed");
	CHECK(!pthread_create(&thread, NULL, kill_workers, NULL), "thread");
	for (uint64_t i = 0; i < n; i++) {
		r = sheaf_next(batch, &result, hang_deadline());
		CHECK_AS(r == -ETIMEDOUT ? HARM_HUNG : HARM_LOST, r == 1, "sheaf_next: %d, \"%s\"", r, sheaf_message());
		check_result(&result, i, seed);
		if (i % (n / SAMPLES + 1) == 0)
			take_sample(&samples, i);
	}
	CHECK_AS(HARM_DUPLICATED, sheaf_next(batch, &result, hang_deadline()) == 0, "more results than tasks");
	seconds_ns = sheaf_now_ns() - began;
	atomic_store(&self.over, true);
	pthread_join(thread, NULL);
	sheaf_batch_retire(batch);
	sheaf_pool_destroy(self.pool);
	report_add(n);
	samples_end(&samples);
	report_figure("owner_mib", samples_high(&samples, OWN));
	report_figure("heap_mib", samples_high(&samples, HEAP));
	report_figure("kills", (double)atomic_load(&self.kills));
	report_figure("ns_per_task", (double)seconds_ns / (double)n);
	report_end();
	return 0;
}
