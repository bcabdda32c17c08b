/*
 * workers.c - the options for workers, and how often workers have come and gone.
 */
#include "pool/workers.h"

#include "base/atomic.h"
#include "base/error.h"
#include "os/os.h"
#include "pool/pool.h"

#include <errno.h>

#define SECOND UINT64_C(1000000000)
#define INIT_NS (60 * SECOND)
#define EXIT_NS (5 * SECOND)
#define LONGEST_NS (86400 * SECOND)

static int check_time(const char *name, uint64_t ns)
{
	if (ns <= LONGEST_NS)
		return 0;
	return sheaf_fail(-EINVAL, "worker_options->%s is %llu ns, at most %llu, a day: no call may wait for ever", name,
			  (unsigned long long)ns, (unsigned long long)LONGEST_NS);
}

static int refuse_option(const char *name, const char *why)
{
	return sheaf_fail(-ENOTSUP, "worker_options->%s: %s", name, why);
}

/* Check what the backend cannot do. */
static int check_recycling(const sheaf_worker_options *options, enum sheaf_backend backend)
{
	uint64_t memory;

	if (backend == SHEAF_INLINE && (options->recycle_tasks || options->recycle_memory))
		return refuse_option(options->recycle_tasks ? "recycle_tasks" : "recycle_memory",
				     "with SHEAF_INLINE there are no workers, so none can leave");
	if (!options->recycle_memory)
		return 0;
	if (backend == SHEAF_THREADS)
		return refuse_option("recycle_memory",
				     "threads have their memory in common, so none of them could give it back by "
				     "leaving (SHEAF_THREADS)");
	return os_own_memory(&memory)
		       ? refuse_option("recycle_memory", "this system does not tell how much memory a process has (Linux "
							 "tells it in /proc/self/statm)")
		       : 0;
}

/* Check how many workers there may be. @workers: of the pool's options. */
static int check_demand(const sheaf_worker_options *options, unsigned workers)
{
	if (options->max_workers > SHEAF_MAX_WORKERS)
		return sheaf_fail(-EINVAL, "worker_options->max_workers is %u, at most %u", options->max_workers,
				  SHEAF_MAX_WORKERS);
	if (options->max_workers && workers > options->max_workers)
		return sheaf_fail(-EINVAL, "options.workers is %u, more than worker_options->max_workers, %u", workers,
				  options->max_workers);
	if (!options->on_demand && (options->min_workers || options->idle_ns))
		return sheaf_fail(-EINVAL, "worker_options->%s is set without on_demand: all workers are always there",
				  options->min_workers ? "min_workers" : "idle_ns");
	if (workers && options->min_workers > workers)
		return sheaf_fail(-EINVAL, "worker_options->min_workers is %u, more than options.workers, %u",
				  options->min_workers, workers);
	return check_time("idle_ns", options->idle_ns);
}

/* Check what the backend cannot do. */
static int check_elastic(const sheaf_worker_options *options, enum sheaf_backend backend)
{
	if (backend != SHEAF_PROCESSES && options->on_demand)
		return refuse_option("on_demand", backend == SHEAF_THREADS
							  ? "a thread that sleeps costs nothing (SHEAF_THREADS)"
							  : "with SHEAF_INLINE there are no workers");
	return backend == SHEAF_INLINE && options->max_workers
		       ? refuse_option("max_workers", "with SHEAF_INLINE there are no workers")
		       : 0;
}

int workers_check(const sheaf_worker_options *options, unsigned workers, enum sheaf_backend backend, bool chosen)
{
	int r;

	if (!options)
		return 0;
	if ((r = check_time("init_timeout_ns", options->init_timeout_ns)) ||
	    (r = check_time("exit_timeout_ns", options->exit_timeout_ns)) || (r = check_demand(options, workers)))
		return r;
	if (!chosen && backend != SHEAF_PROCESSES)
		return 0;
	r = check_elastic(options, backend);
	return r ? r : check_recycling(options, backend);
}

sheaf_worker_options workers_complete(const sheaf_worker_options *options, enum sheaf_backend backend)
{
	sheaf_worker_options complete = options ? *options : (sheaf_worker_options){0};

	if (backend == SHEAF_INLINE)
		complete.recycle_tasks = 0;
	if (backend != SHEAF_PROCESSES) {
		complete.recycle_memory = 0;
		complete.on_demand = false;
		complete.min_workers = 0;
		complete.idle_ns = 0;
	}
	if (!complete.init_timeout_ns)
		complete.init_timeout_ns = INIT_NS;
	if (!complete.exit_timeout_ns)
		complete.exit_timeout_ns = EXIT_NS;
	return complete;
}

static unsigned count_alive(const sheaf_pool *pool)
{
	unsigned alive = 0;

	if (pool->inlined)
		return 1;
	/* Relaxed, both: hints. */
	if (pool->threaded)
		return load_relaxed(&pool->threads.live);
	for (unsigned worker = 0; worker < pool->segment.crew_count; worker++)
		alive += load_relaxed(&pool->segment.seats[worker].pid) != 0;
	return alive;
}

int sheaf_pool_get_workers(const sheaf_pool *pool, sheaf_workers_info *info)
{
	const struct shared_hooks *hooks;
	int r = pool_check_owner(pool, "sheaf_pool_get_workers");

	if (r)
		return r;
	if (!info)
		return sheaf_fail(-EINVAL, "sheaf_pool_get_workers: info is NULL");
	hooks = &pool->segment.control->hooks;
	/* Relaxed, all: statistics. */
	*info = (sheaf_workers_info){
		.wanted = segment_wanted(&pool->segment),
		.alive = count_alive(pool),
		.started = load_relaxed(&hooks->started),
		.left = load_relaxed(&hooks->left),
		.init_failures = load_relaxed(&hooks->mishaps[HOOK_INIT].count),
		.exit_failures = load_relaxed(&hooks->mishaps[HOOK_EXIT].count),
	};
	return 0;
}
