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

int workers_check(const sheaf_worker_options *options, enum sheaf_backend backend, bool chosen)
{
	int r;

	if (!options)
		return 0;
	if ((r = check_time("init_timeout_ns", options->init_timeout_ns)) ||
	    (r = check_time("exit_timeout_ns", options->exit_timeout_ns)))
		return r;
	return chosen || backend == SHEAF_PROCESSES ? check_recycling(options, backend) : 0;
}

sheaf_worker_options workers_complete(const sheaf_worker_options *options, enum sheaf_backend backend)
{
	sheaf_worker_options complete = options ? *options : (sheaf_worker_options){0};

	if (backend != SHEAF_PROCESSES)
		complete.recycle_memory = 0;
	if (backend == SHEAF_INLINE)
		complete.recycle_tasks = 0;
	if (!complete.init_timeout_ns)
		complete.init_timeout_ns = INIT_NS;
	if (!complete.exit_timeout_ns)
		complete.exit_timeout_ns = EXIT_NS;
	return complete;
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
		.started = load_relaxed(&hooks->started),
		.left = load_relaxed(&hooks->left),
		.init_failures = load_relaxed(&hooks->mishaps[HOOK_INIT].count),
		.exit_failures = load_relaxed(&hooks->mishaps[HOOK_EXIT].count),
	};
	return 0;
}
