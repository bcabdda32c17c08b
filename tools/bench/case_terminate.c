/*
 * case_terminate.c - terminate: the end of a pool whose workers all hang, with 10,000 tasks queued.
 */
#include "measure.h"

#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define HANGING 16 /* workers */
#define NAP_NS 1000000

/* It reacts to no signal that a process can block. */
static int hang(sheaf_task *task, const void *arg, void *result)
{
	_Atomic unsigned *count;
	sigset_t all;

	(void)task;
	(void)result;
	memcpy(&count, arg, sizeof(count));
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	atomic_fetch_add(count, 1);
	while (atomic_load(count))
		pause();
	return 0;
}

static int submit_and_end(const struct bench_job *job, sheaf_pool *pool, uint64_t *ns)
{
	_Atomic unsigned *count;
	sheaf_batch *batch;
	uint64_t start;
	void *memory;
	int r;

	if ((r = bench_alloc(pool, sizeof(*count), &memory)) != 0)
		return r;
	count = memory;
	if ((r = sheaf_batch_create(&batch, pool, NULL)) < 0)
		return bench_sheaf_failed("sheaf_batch_create", r);
	for (uint64_t i = 0; i < job->n && r == 0; i++)
		r = sheaf_submit(batch, i, hang, &count, sizeof(count));
	if (r < 0)
		return bench_sheaf_failed("sheaf_submit", r);
	while (atomic_load(count) < HANGING)
		nanosleep(&(struct timespec){.tv_nsec = NAP_NS}, NULL);
	start = sheaf_now_ns();
	r = sheaf_pool_terminate(pool);
	*ns = sheaf_now_ns() - start;
	return r < 0 ? bench_sheaf_failed("sheaf_pool_terminate", r) : 0;
}

static int measure(const struct bench_job *job, double *ns)
{
	sheaf_pool_options options = {.workers = HANGING, .ring_size = 16384};
	double times[16];
	int r = 0;

	for (unsigned i = 0; i < job->repeats && r == 0; i++) {
		sheaf_pool *pool;
		uint64_t took = 0;

		if ((r = sheaf_pool_create(&pool, &options)) < 0)
			return bench_sheaf_failed("sheaf_pool_create", r);
		r = submit_and_end(job, pool, &took);
		times[i] = (double)took;
		sheaf_pool_destroy(pool);
	}
	if (r == 0)
		*ns = bench_percentile(times, job->repeats, 100);
	return r;
}

const struct bench_case cases_terminate[] = {
	{
		.name = "terminate",
		.unit = "ms",
		.unit_ns = 1e6,
		.what = "end a pool of 16 workers that all hang, while 10,000 tasks are queued; the longest of all times",
		.full = {.n = 10000, .repeats = 9},
		.quick = {.n = 1000, .repeats = 1},
		.contenders = {SHEAF(measure, 0)},
		.bounds = {{.most = 100}},
	},
	{0},
};
