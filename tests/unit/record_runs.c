/*
 * record_runs.c - records how far a pool is over time, for test_bar.c: FOLDER/NAME.csv, a line for
 * each tenth of a second or so, with milliseconds and the tasks done, and in the first line the
 * number of all tasks.
 *
 * Usage: record_runs FOLDER. Runs of some seconds each: equal tasks; heavy ones among light ones
 * (Pareto, index 1.3); tasks that take longer and longer; tasks that take four times as long from
 * the middle on; equal tasks of a pool that is paused for a fifth of the time; few long tasks.
 */
#define _DEFAULT_SOURCE /* usleep() */
#include "sheaf_workers.h"
#include "support/check.h"
#include "support/rng.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct run {
	const char *name;
	unsigned tasks;
	/* Of the task at this part of the run; the mean is about 1. */
	double (*cost)(double at, struct rng *rng);
	bool pauses;
};

static double unit(struct rng *rng)
{
	return (double)(rng_next(rng) >> 11) * 0x1p-53;
}

static double equal(double at, struct rng *rng)
{
	(void)at, (void)rng;
	return 1;
}

static double heavy(double at, struct rng *rng)
{
	(void)at;
	return 0.23 * pow(1 - unit(rng), -1 / 1.3);
}

static double rising(double at, struct rng *rng)
{
	(void)rng;
	return 2 * at;
}

static double slow_half(double at, struct rng *rng)
{
	(void)rng;
	return at < 0.5 ? 0.4 : 1.6;
}

static const struct run runs[] = {
	{"equal", 1000, equal, false},         {"heavy", 1000, heavy, false}, {"rising", 1000, rising, false},
	{"slow_half", 1000, slow_half, false}, {"paused", 1000, equal, true}, {"few", 24, heavy, false},
};

static int work(sheaf_task *task, const void *arg, void *result)
{
	double seconds;

	(void)task, (void)result;
	memcpy(&seconds, arg, sizeof(seconds));
	usleep((useconds_t)(seconds * 1e6));
	return 0;
}

static void record(const struct run *run, const char *folder)
{
	sheaf_pool_options options = {.workers = 4, .ring_size = 2048};
	struct rng rng = {2026};
	sheaf_progress progress = {0};
	char path[512];
	sheaf_batch *batch;
	sheaf_pool *pool;
	uint64_t began;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s.csv", folder, run->name);
	file = fopen(path, "w");
	CHECK(file, "cannot write %s", path);
	CHECK(!sheaf_pool_create(&pool, &options) && !sheaf_batch_create(&batch, pool, NULL), "%s", sheaf_message());
	for (unsigned i = 0; i < run->tasks; i++) {
		/* About 6 seconds of 4 workers. */
		double seconds = 24.0 / run->tasks * run->cost((double)i / run->tasks, &rng);

		CHECK(!sheaf_submit(batch, i, work, &seconds, sizeof(seconds)), "%s", sheaf_message());
	}
	began = sheaf_now_ns();
	fprintf(file, "%u\n", run->tasks);
	for (unsigned sample = 0; progress.done < run->tasks; sample++) {
		CHECK(!sheaf_batch_get_progress(batch, &progress), "%s", sheaf_message());
		fprintf(file, "%llu,%llu\n", (unsigned long long)(sheaf_now_ns() - began) / 1000000,
			(unsigned long long)progress.done);
		if (run->pauses && (sample == 20 || sample == 32))
			CHECK(!(sample == 20 ? sheaf_pool_pause(pool) : sheaf_pool_resume(pool)), "%s", sheaf_message());
		usleep(100000);
	}
	sheaf_pool_destroy(pool);
	fclose(file);
}

int main(int argc, char **argv)
{
	CHECK(argc == 2, "usage: record_runs FOLDER");
	for (unsigned i = 0; i < sizeof(runs) / sizeof(runs[0]); i++)
		record(&runs[i], argv[1]);
	return 0;
}
