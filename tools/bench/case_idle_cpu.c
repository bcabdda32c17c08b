/*
 * case_idle_cpu.c - waiting/idle-cpu: the CPU time that a pool's processes take while there is
 * nothing to do.
 *
 * In each window the supervisor's and the workers' CPU clocks are read 10 ms after the end of a
 * fan-out, and 10 ms later.
 */
#include "measure.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define WINDOW_NS 10000000

struct idle {
	sheaf_pool *pool;
	uint64_t *in, *out; /* one item per worker */
};

static void rest(void)
{
	struct timespec window = {.tv_nsec = WINDOW_NS};

	while (nanosleep(&window, &window) != 0 && errno == EINTR)
		;
}

static int add_clock(pid_t pid, uint64_t *ns)
{
	struct timespec time;
	clockid_t clock;
	int r = clock_getcpuclockid(pid, &clock);

	if (r == 0 && clock_gettime(clock, &time) != 0)
		r = errno;
	if (r != 0)
		return bench_fail("the CPU clock of process %ld: %s", (long)pid, strerror(r));
	*ns += (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
	return 0;
}

/* Of all processes of the pool. */
static int cpu_time(sheaf_pool *pool, uint64_t *ns)
{
	sheaf_pool_info info;
	int r;

	*ns = 0;
	r = sheaf_pool_get_info(pool, &info);
	if (r < 0)
		return bench_sheaf_failed("sheaf_pool_get_info", r);
	r = add_clock(info.supervisor, ns);
	for (unsigned i = 0; r == 0 && i < info.workers; i++)
		r = add_clock(sheaf_pool_worker_pid(pool, i), ns);
	return r;
}

static int run(const struct bench_job *job, void *context, uint64_t *ns)
{
	struct idle *idle = context;
	int r = 0;

	*ns = 0;
	for (size_t i = 0; r == 0 && i < job->n; i++) {
		uint64_t before, after;

		memset(idle->out, 0, job->workers * sizeof(*idle->out));
		r = sheaf_map(idle->pool, bench_task, idle->in, sizeof(*idle->in), idle->out, sizeof(*idle->out), job->workers,
			      NULL);
		if (r < 0)
			return bench_sheaf_failed("sheaf_map", r);
		rest();
		if ((r = cpu_time(idle->pool, &before)) != 0)
			return r;
		rest();
		if ((r = cpu_time(idle->pool, &after)) != 0)
			return r;
		*ns += after - before;
		for (size_t k = 0; r == 0 && k < job->workers; k++)
			r = bench_check(k, idle->in[k], idle->out[k]);
	}
	return r;
}

static int measure(const struct bench_job *job, double *ns)
{
	sheaf_pool_options options = {.workers = job->workers};
	struct idle idle = {0};
	void *memory = NULL;
	int r = sheaf_pool_create(&idle.pool, &options);

	if (r < 0)
		return bench_sheaf_failed("sheaf_pool_create", r);
	r = sheaf_alloc_array(idle.pool, (size_t)2 * job->workers, sizeof(uint64_t), &memory);
	if (r < 0) {
		r = bench_sheaf_failed("sheaf_alloc_array", r);
		goto destroy;
	}
	idle.in = memory;
	idle.out = idle.in + job->workers;
	for (size_t i = 0; i < job->workers; i++)
		idle.in[i] = i;
	r = bench_repeat(job, run, &idle, ns);
destroy:
	sheaf_pool_destroy(idle.pool);
	return r;
}

const struct bench_case cases_idle_cpu[] = {
	{
		.name = "waiting/idle-cpu",
		.unit = "us",
		.unit_ns = 1e3,
		.what = "CPU time of all processes of a pool in 10 ms, after it has been idle for 10 ms",
		.full = {.n = 20, .repeats = 5},
		.quick = {.n = 5, .repeats = 1},
		.contenders = {SHEAF(measure, 0)},
		/* A ten-thousandth of a CPU: the supervisor checks for its owner once a second. */
		.bounds = {{.most = 1}},
	},
	{0},
};
