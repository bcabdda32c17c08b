/*
 * ctrl_c.c - Ctrl-C ends the wait, not the program: what is done so far is printed, and the pool
 * ends in order.
 *
 * Run: build/docs/examples/ctrl_c [--tasks N] [--workers N], and press Ctrl-C
 */
#include "support/example.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

static sheaf_pool *pool;
static volatile sig_atomic_t stop;

static void on_sigint(int signal)
{
	(void)signal;
	stop = 1;
	sheaf_pool_interrupt(pool);
}

static int work(sheaf_task *task, const void *arg, void *result)
{
	const struct timespec tenth = {.tv_nsec = 100000000};

	(void)arg;
	nanosleep(&tenth, NULL);
	*(uint64_t *)result = sheaf_task_position(task) * 2;
	return 0;
}

static int run(sheaf_batch *batch, unsigned tasks)
{
	sheaf_result result;
	unsigned done = 0;
	int r = 0;

	for (uint64_t i = 0; r == 0 && !stop && i < tasks; i++)
		r = sheaf_submit(batch, i, work, NULL, 0);
	while (r >= 0 && !stop && (r = sheaf_next(batch, &result, SHEAF_FOREVER)) > 0) {
		printf("position %" PRIu64 ": %" PRIu64 "\n", result.position, *(const uint64_t *)result.data);
		fflush(stdout); /* shown at once, also in a pipe */
		done++;
	}
	if (stop) {
		printf("stopped after %u results\n", done);
		r = 0;
	}
	return r < 0 ? r : 0;
}

int main(int argc, char **argv)
{
	unsigned tasks = 1000;
	const struct example_option own[] = {
		{.name = "--tasks", .help = "how many tasks of a tenth of a second", .number = &tasks, .min = 1, .max = 100000},
		{.name = NULL},
	};
	const sheaf_pool_options options = {.workers = example_options(argc, argv, own), .ring_size = 1024};
	const sheaf_batch_options batch_options = {.result_size = sizeof(uint64_t)};
	const struct sigaction action = {.sa_handler = on_sigint};
	sheaf_batch *batch = NULL;
	int r = sheaf_pool_create(&pool, &options);

	if (r == 0)
		r = sheaf_batch_create(&batch, pool, &batch_options);
	if (r == 0) {
		sigaction(SIGINT, &action, NULL);
		r = run(batch, tasks);
		signal(SIGINT, SIG_DFL); /* before the pool goes, which the handler uses */
	}
	r = example_end(r);
	sheaf_batch_retire(batch);
	sheaf_pool_destroy(pool);
	return r;
}
