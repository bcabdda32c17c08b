/*
 * model.c - the model of a cluster gives each position out once, says the same for the same seed,
 * and what can be found without it: one node, the least that the network allows, and the bounds.
 */
#include "tools/sim/model.h"

#include "support/check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct model model;
static struct outcome outcome;

static void begin(unsigned nodes, unsigned workers, uint64_t items_each)
{
	model_defaults(&model);
	model.nodes = nodes;
	model.workers = workers;
	model.n = items_each * nodes * workers;
}

static void run(void)
{
	uint64_t work_ns = 0;

	model.seen = calloc(model.n + 1, 1);
	CHECK(model.seen, "no memory");
	CHECK(model_run(&model, &outcome) == 0, "it has failed");
	for (uint64_t p = 0; p < model.n; p++) {
		CHECK_AS(HARM_DUPLICATED, model.seen[p] < 2, "position %llu ran twice", (unsigned long long)p);
		CHECK_AS(HARM_LOST, model.seen[p], "position %llu did not run", (unsigned long long)p);
		work_ns += items_time_ns(&model.items, p);
	}
	CHECK(outcome.done == model.n, "%llu of %llu positions are done", (unsigned long long)outcome.done,
	      (unsigned long long)model.n);
	CHECK(outcome.work_ns == work_ns, "the work is not that of all items");
	CHECK(outcome.wall_ns * model.nodes * model.workers >= work_ns, "workers do more than they can");
	CHECK(outcome.efficiency >= 0 && outcome.efficiency <= 1, "an efficiency of %g", outcome.efficiency);
	free(model.seen);
}

static void check_each_once(void)
{
	static const unsigned nodes[] = {1, 2, 3, 7, 64, 100}, workers[] = {1, 2, 5, 64};
	static const uint64_t items[] = {0, 1, 3, 50};

	for (size_t n = 0; n < sizeof(nodes) / sizeof(nodes[0]); n++)
		for (size_t w = 0; w < sizeof(workers) / sizeof(workers[0]); w++)
			for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++) {
				begin(nodes[n], workers[w], items[i]);
				model.n += i;
				run();
			}
}

/* One worker alone only waits for the end of a batch to be seen. */
static void check_one(void)
{
	begin(1, 1, 100);
	run();
	CHECK(outcome.wall_ns - outcome.work_ns < 2000000, "one worker takes %llu ns for %llu ns of work",
	      (unsigned long long)outcome.wall_ns, (unsigned long long)outcome.work_ns);
	begin(1, 64, 1000);
	run();
	CHECK(outcome.efficiency > 0.99, "one node has an efficiency of %g", outcome.efficiency);
}

static void check_seed(void)
{
	struct outcome first;

	begin(10, 8, 200);
	model.items.slow_percent = 1;
	model.items.slow_times = 20;
	run();
	first = outcome;
	run();
	CHECK(memcmp(&first, &outcome, sizeof(first)) == 0, "the same seed gives something else");
	model.items.seed++;
	run();
	CHECK(first.work_ns != outcome.work_ns, "another seed gives the same items");
	CHECK(outcome.work_ns > UINT64_C(17) * model.n * 600000 && outcome.work_ns < UINT64_C(17) * model.n * 800000,
	      "the items take %llu ns", (unsigned long long)outcome.work_ns);
}

/* Slow items keep chunks in hand, but a rank whose workers are idle asks for one more. */
static void check_slow(void)
{
	begin(10, 64, 840);
	model.items.slow_percent = 1;
	model.items.slow_times = 20;
	run();
	CHECK(outcome.efficiency > 0.93, "with slow items the efficiency is %g", outcome.efficiency);
}

static void check_measured(void)
{
	uint64_t *times = malloc(1000 * sizeof(*times));

	CHECK(times, "no memory");
	begin(2, 2, 250);
	for (uint64_t p = 0; p < 1000; p++)
		times[p] = 1000000;
	model.items.measured = times;
	run();
	CHECK(outcome.work_ns == UINT64_C(1000000000), "items do not take what was measured");
	free(times);
}

/* No more bytes reach the root than its link lets through, and no more claims than it serves. */
static void check_limits(void)
{
	uint64_t least_ns;
	double before;

	begin(20, 8, 500);
	model.result_bytes = 65536;
	model.bandwidth = 1;
	run();
	/* The root's own results stay where they are. */
	least_ns = model.n / 20 * 17 * model.result_bytes;
	CHECK(outcome.wall_ns > least_ns, "%llu ns, at least %llu", (unsigned long long)outcome.wall_ns,
	      (unsigned long long)least_ns);
	begin(100, 8, 100);
	run();
	before = outcome.efficiency;
	CHECK(before > 0.95, "100 nodes have an efficiency of %g", before);
	model.service_ns *= 100;
	run();
	CHECK(outcome.efficiency < before, "a slow root does no harm");
	CHECK(outcome.root_ns >= (outcome.chunks - outcome.chunks / 20) * model.service_ns / 2, "the root has served too fast");
}

static void check_bad(void)
{
	begin(0, 1, 1);
	CHECK(model_run(&model, &outcome) == -EINVAL, "no node");
	begin(1, 0, 1);
	CHECK(model_run(&model, &outcome) == -EINVAL, "no worker");
	begin(1, 1, 1);
	model.bandwidth = 0;
	CHECK(model_run(&model, &outcome) == -EINVAL, "no network");
}

int main(void)
{
	check_each_once();
	check_one();
	check_seed();
	check_slow();
	check_measured();
	check_limits();
	check_bad();
	return 0;
}
