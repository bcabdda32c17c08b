/*
 * resume.c - a job that goes on where it was killed: primes are counted in ranges, and each range
 * is noted in a journal when it is done.
 *
 * Kill it at any time, with any signal, or pull the plug, and start it again with any number of
 * workers: it does what is missing, and its output file has the same bytes. With --die N the task
 * of range N kills the program, so that you need not.
 *
 * Run: build/docs/examples/resume [--workers N] [--die N] [--journal FILE] [--out FILE]
 */
#include "support/example.h"

#include <inttypes.h>
#include <sheaf_resume.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

enum { RANGES = 500, WIDTH = 1000, NEVER = 1000000 };

struct plan {
	pid_t program;
	uint64_t die_at;
};

static bool is_prime(uint64_t number)
{
	if (number < 2)
		return false;
	for (uint64_t d = 2; d * d <= number; d++)
		if (number % d == 0)
			return false;
	return true;
}

/* Count the primes of one range. */
static int count_primes(sheaf_task *task, const void *arg, void *result)
{
	const struct plan *plan = sheaf_task_context(task);
	uint64_t range = sheaf_task_position(task), count = 0;

	(void)arg;
	if (range == plan->die_at)
		kill(plan->program, SIGKILL);
	for (uint64_t number = range * WIDTH; number < (range + 1) * WIDTH; number++)
		count += is_prime(number);
	*(uint64_t *)result = count;
	return 0;
}

/* All that the results depend on. If any of it changes, the old journal is refused. */
static int identify(sheaf_identity *job)
{
	const uint64_t ranges = RANGES, width = WIDTH;
	int r;

	if ((r = sheaf_identity_begin(job, "count_primes", 1)) ||
	    (r = sheaf_identity_add(job, "ranges", &ranges, sizeof(ranges))))
		return r;
	return sheaf_identity_add(job, "width", &width, sizeof(width));
}

static int run_job(sheaf_pool *pool, sheaf_journal *journal, const struct plan *plan, const char *file)
{
	const sheaf_map_options run = {.context = plan, .context_size = sizeof(*plan)};
	uint64_t *counts, total = 0;
	sheaf_journal_info before;
	void *memory;
	int r;

	if ((r = sheaf_journal_get_info(journal, &before)) || (r = sheaf_alloc_array(pool, RANGES, sizeof(*counts), &memory)))
		return r;
	counts = memory;
	printf("%" PRIu64 " of %d ranges were done\n", before.found, (int)RANGES);
	fflush(stdout);
	r = sheaf_resume_map(pool, journal, count_primes, NULL, 0, counts, sizeof(*counts), RANGES,
			     &(sheaf_resume_options){.run = &run});
	if (r || (r = sheaf_file_replace(file, counts, RANGES * sizeof(*counts))))
		return r;
	for (size_t i = 0; i < RANGES; i++)
		total += counts[i];
	printf("%" PRIu64 " primes below %d\n", total, RANGES * WIDTH);
	return 0;
}

int main(int argc, char **argv)
{
	const char *path = "primes.journal", *file = "primes.out";
	unsigned die = NEVER;
	const struct example_option own[] = {
		{.name = "--die", .help = "the range whose task kills the program", .number = &die, .min = 0, .max = NEVER},
		{.name = "--journal", .help = "the journal", .text = &path},
		{.name = "--out", .help = "the output", .text = &file},
		{0},
	};
	const sheaf_pool_options options = {.workers = example_options(argc, argv, own), .flags = SHEAF_ANONYMOUS};
	const struct plan plan = {.program = getpid(), .die_at = die};
	sheaf_journal *journal = NULL;
	sheaf_pool *pool = NULL;
	sheaf_identity job;
	int r = identify(&job), closed;

	if (r == 0)
		r = sheaf_journal_open(&journal, path, &job, NULL);
	if (r == 0)
		r = sheaf_pool_create(&pool, &options);
	if (r == 0)
		r = run_job(pool, journal, &plan, file);
	closed = sheaf_journal_close(journal);
	r = example_end(r ? r : closed);
	sheaf_pool_destroy(pool);
	return r;
}
