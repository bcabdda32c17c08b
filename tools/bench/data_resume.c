/*
 * data_resume.c - maps whose positions are noted in a journal: data/resume, data/resume-short. What
 * a checkpoint costs is what they take beyond the same map without one.
 */
#include "measure.h"

#include <sheaf_resume.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NOTED = 0, SYNCED = 1, PLAIN = 2 };

struct resume_test {
	sheaf_pool *pool;
	uint64_t *in, *out;
	char path[256];
	sheaf_task_fn *task;
};

static int run_noted(const struct bench_job *job, struct resume_test *test)
{
	const sheaf_journal_options options = {.sync_ns = job->way == SYNCED ? 1 : 0};
	sheaf_journal *journal = NULL;
	sheaf_identity identity;
	int r, closed;

	r = sheaf_identity_begin(&identity, job->name, 1);
	if (r == 0)
		r = sheaf_journal_open(&journal, test->path, &identity, &options);
	if (r == 0)
		r = sheaf_resume_map(test->pool, journal, test->task, test->in, sizeof(*test->in), test->out,
				     sizeof(*test->out), job->n, NULL);
	closed = sheaf_journal_close(journal);
	return r ? r : closed;
}

/* From the opening of a new journal to its last sync. */
static int run_job(const struct bench_job *job, void *context, uint64_t *ns)
{
	struct resume_test *test = context;
	uint64_t start;
	int r;

	unlink(test->path);
	memset(test->out, 0, job->n * sizeof(*test->out));
	start = sheaf_now_ns();
	if (job->way == PLAIN)
		r = sheaf_map(test->pool, test->task, test->in, sizeof(*test->in), test->out, sizeof(*test->out), job->n, NULL);
	else
		r = run_noted(job, test);
	*ns = sheaf_now_ns() - start;
	unlink(test->path);
	if (r < 0)
		return bench_sheaf_failed("sheaf_resume_map", r);
	for (size_t i = 0; i < job->n; i++)
		if (test->out[i] != bench_expected(test->in[i]))
			return bench_fail("position %zu has a wrong result", i);
	return 0;
}

static int measure_resume(const struct bench_job *job, double *ns)
{
	const char *folder = getenv("TMPDIR");
	struct resume_test test = {.task = strcmp(job->name, "data/resume-short") == 0 ? bench_task : bench_long_task};
	void *memory;
	int r = sheaf_pool_create(&test.pool, &(sheaf_pool_options){.workers = job->workers});

	if (r < 0)
		return bench_sheaf_failed("sheaf_pool_create", r);
	snprintf(test.path, sizeof(test.path), "%.200s/sheaf-bench-%ld.journal", folder ? folder : "/tmp", (long)getpid());
	r = bench_alloc(test.pool, 2 * job->n * sizeof(uint64_t), &memory);
	if (r == 0) {
		test.in = memory;
		test.out = test.in + job->n;
		for (size_t i = 0; i < job->n; i++)
			test.in[i] = 7 * i;
		r = bench_repeat(job, run_job, &test, ns);
	}
	sheaf_pool_destroy(test.pool);
	return r;
}

const struct bench_case cases_data_resume[] = {
	{
		.name = "data/resume",
		.unit = "us/position",
		.unit_ns = 1000,
		.full = {.n = 20000, .repeats = 3},
		.quick = {.n = 500, .repeats = 1},
		.what = "a map of tasks of 20 us whose positions are noted in a journal as they end",
		.contenders = {SHEAF(measure_resume, NOTED), VARIANT("without a journal", measure_resume, PLAIN)},
		.bounds = {{.most = 1.3, .of = {"without a journal"}}},
	},
	{
		.name = "data/resume-short",
		.unit = "ns/position",
		.unit_ns = 1,
		.full = {.n = 200000, .repeats = 3},
		.quick = {.n = 1000, .repeats = 1},
		.what = "the same of tasks that do next to nothing: what a note costs",
		.contenders = {SHEAF(measure_resume, NOTED), VARIANT("without a journal", measure_resume, PLAIN)},
	},
	{
		.name = "data/resume-synced",
		.unit = "us/position",
		.unit_ns = 1000,
		.full = {.n = 2000, .repeats = 1},
		.quick = {.n = 100, .repeats = 1},
		.what = "as data/resume, but that each record is on the disk before the next one",
		.contenders = {SHEAF(measure_resume, SYNCED), VARIANT("synced each second", measure_resume, NOTED)},
	},
	{0},
};
