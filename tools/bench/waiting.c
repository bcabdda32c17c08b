/*
 * waiting.c - takes a pool through one of four regimes, each of which is hard on some way to wait.
 *
 * hot    one fan-out after the other: a worker that sleeps loses
 * gaps   1 ms of rest before each: a worker that sleeps at once has to be woken
 * twice  twice as many workers as CPUs: spinning keeps those with work off the CPUs
 * hogs   two foreign processes that never rest: a worker that yields to them gets its CPU back late
 *
 * A fan-out has one item per worker. Its mean time counts and not its median: a CPU lost to another
 * process is rare and long.
 */
#include "waiting.h"
#include "helpers.h"
#include "measure.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define GAP_NS 1000000
#define HOGS 2

struct regime {
	const char *name;
	unsigned times_workers;
	long gap_ns;
	unsigned hogs;
};

struct passage {
	struct waiting_pool *pool;
	const struct regime *regime;
};

static const struct regime regimes[] = {
	{.name = "waiting/hot", .times_workers = 1},
	{.name = "waiting/gaps", .times_workers = 1, .gap_ns = GAP_NS},
	{.name = "waiting/twice", .times_workers = 2},
	{.name = "waiting/hogs", .times_workers = 1, .hogs = HOGS},
};

/* Work for nothing. Check now and then for the parent, which may have been killed. */
static void hog(void *context, unsigned index)
{
	const pid_t *parent = context;
	uint64_t x = index, result;

	while (getppid() == *parent)
		for (unsigned i = 0; i < 50; i++, x = result)
			bench_long_task(NULL, &x, &result);
}

static int run(const struct bench_job *job, void *context, uint64_t *ns)
{
	struct passage *passage = context;
	struct waiting_pool *pool = passage->pool;
	int r = 0;

	*ns = 0;
	for (size_t i = 0; r == 0 && i < job->n; i++) {
		struct timespec gap = {.tv_nsec = passage->regime->gap_ns};
		uint64_t start;

		memset(pool->out, 0, pool->workers * sizeof(*pool->out));
		while (gap.tv_nsec && nanosleep(&gap, &gap) != 0 && errno == EINTR)
			;
		start = sheaf_now_ns();
		r = pool->fan_out(pool);
		*ns += sheaf_now_ns() - start;
		for (size_t k = 0; r == 0 && k < pool->workers; k++)
			r = bench_check(k, pool->in[k], pool->out[k]);
	}
	return r;
}

int waiting_measure(const struct bench_job *job, struct waiting_pool *pool, double *ns)
{
	const struct regime *regime = regimes;
	struct passage passage = {.pool = pool};
	pid_t self = getpid();
	struct helpers hogs;
	int r;

	while (strcmp(regime->name, job->name) != 0)
		regime++;
	passage.regime = regime;
	pool->workers = regime->times_workers * job->workers;
	if ((r = pool->open(pool, pool->workers)))
		return r;
	for (unsigned i = 0; i < pool->workers; i++)
		pool->in[i] = i;
	if ((r = helpers_start(&hogs, regime->hogs, hog, &self)) == 0) {
		r = bench_repeat(job, run, &passage, ns);
		helpers_end(&hogs);
	}
	pool->close(pool);
	return r;
}
