/*
 * create.c - creates a pool, from the owner's options.
 *
 * Until the segment has its name, nobody else knows of the pool. A death in here is the owner's. It
 * ends the processes that run by then, and the kernel frees the segment.
 */
#include "pool/create.h"

#include "base/atomic.h"
#include "base/cancel.h"
#include "base/error.h"
#include "os/forks.h"
#include "os/os.h"
#include "pool/news.h"
#include "pool/patience.h"
#include "pool/sharing.h"
#include "pool/tend.h"
#include "pool/tracing.h"
#include "pool/wanted.h"
#include "pool/workers.h"
#include "segment/create.h"
#include "segment/file.h"
#include "work/check.h"
#include "work/check_pointers.h"
#include "work/function.h"
#include "work/traced.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_RING 1024u
#define DEFAULT_ATTEMPTS 3u
#define DEFAULT_BATCHES 4096u /* reserved: memory is committed for those that were open at once */
static int check_number(const char *name, unsigned value, unsigned most)
{
	return value <= most ? 0 : sheaf_fail(-EINVAL, "options.%s is %u, at most %u", name, value, most);
}

static int check_options(const sheaf_pool_options *options)
{
	int r;

	if ((r = check_number("workers", options->workers, SHEAF_MAX_WORKERS)) ||
	    (r = check_number("ring_size", options->ring_size, LARGEST_RING)) ||
	    (r = check_number("max_attempts", options->max_attempts, SHEAF_MAX_ATTEMPTS)) ||
	    (r = check_number("max_batches", options->max_batches, LARGEST_BATCHES)) ||
	    (r = check_number("backend", (unsigned)options->backend, SHEAF_INLINE)) ||
	    (r = check_number("flags", options->flags, SHEAF_ANONYMOUS | SHEAF_KEEP_FDS | SHEAF_DUMP_HEAP | SHEAF_TELL_DEATHS)))
		return r;
	if (options->heap_size > SIZE_MAX / 4)
		return sheaf_fail(-EINVAL, "options.heap_size is %zu, more than the address space", options->heap_size);
	if (options->name && options->flags & SHEAF_ANONYMOUS)
		return sheaf_fail(-EINVAL, "options.name is \"%.100s\", but the segment is SHEAF_ANONYMOUS", options->name);
	return options->name ? segment_check_name(options->name) : 0;
}

/*
 * Choose the backend: enum sheaf_backend. The environment decides first, for a user that debugs a
 * program without building it anew. Or -EINVAL with its message.
 */
static int choose_backend(const sheaf_pool_options *options)
{
	static const char *const names[] = {
		[SHEAF_PROCESSES] = "processes", [SHEAF_THREADS] = "threads", [SHEAF_INLINE] = "inline"};
	const char *text = os_environment("SHEAF_BACKEND");

	if (!text || !*text)
		return (int)options->backend;
	for (int i = SHEAF_PROCESSES; i <= SHEAF_INLINE; i++)
		if (!strcmp(text, names[i]))
			return i;
	return sheaf_fail(-EINVAL, "SHEAF_BACKEND is \"%.40s\" in the environment: processes, threads or inline", text);
}

/*
 * Check what the backend of the options cannot do. Not for one that the environment has chosen,
 * because the program does not know of it.
 */
static int check_backend(const sheaf_pool_options *options)
{
	const struct segment asked = {.threaded = options->backend != SHEAF_PROCESSES,
				      .inlined = options->backend == SHEAF_INLINE};

	if (options->backend == SHEAF_INLINE && options->workers)
		return sheaf_fail(
			-EINVAL,
			"options.workers is %u: must be 0 with SHEAF_INLINE, where the thread that waits runs the tasks",
			options->workers);
	return member_may_limit(&asked, "sheaf_pool_create", "options.task_timeout_ns", options->task_timeout_ns);
}

static uint32_t power_of_two(uint32_t size)
{
	uint32_t power = 1;

	while (power < size)
		power *= 2;
	return power;
}

static int start_workers(struct sheaf_pool *pool)
{
	struct segment *segment = &pool->segment;
	int r = news_begin(segment);

	if (r)
		return sheaf_fail(r == -EMFILE || r == -ENFILE ? r : -EAGAIN,
				  "cannot make a pipe for the pool: %s (see ulimit -n)", strerror(-r));
	if (segment->inlined)
		r = inlined_begin(&pool->inlined, segment, &pool->member);
	else
		r = pool->threaded ? threads_start(&pool->threads, segment)
				   : family_start(&pool->family, segment, pool->keep_fds, false);
	if (r)
		news_end(segment);
	return r;
}

/* Plan where workers run, and find out whether they can. */
static int place_workers(struct sheaf_pool *pool, const struct sheaf_worker_options *options)
{
	int r = place_plan(&pool->place, options, &pool->segment);

	pool->segment.place = pool->place;
	return r || !pool->place || pool->threaded ? r : place_rehearse(pool->place);
}

/* Tell with how many workers the pool begins, and how many it may have. */
static unsigned first_workers(const sheaf_pool_options *options, unsigned cpus)
{
	unsigned most = options->worker_options && options->worker_options->max_workers ? options->worker_options->max_workers
											: SHEAF_MAX_WORKERS;

	return options->workers ? options->workers : cpus < most ? cpus : most;
}

static unsigned most_workers(const sheaf_pool_options *options, unsigned cpus)
{
	unsigned most = options->worker_options ? options->worker_options->max_workers : 0;

	return most ? most : first_workers(options, cpus);
}

/* Fill in what the options leave to the library. */
static struct segment_options complete(const sheaf_pool_options *options, unsigned cpus)
{
	return (struct segment_options){
		.name = options->name,
		.anonymous = options->flags & SHEAF_ANONYMOUS,
		.dump = options->flags & SHEAF_DUMP_HEAP,
		.workers = most_workers(options, cpus),
		.ring_size = power_of_two(options->ring_size ? options->ring_size : DEFAULT_RING),
		.batches = options->max_batches ? options->max_batches : DEFAULT_BATCHES,
		.max_attempts = options->max_attempts ? options->max_attempts : DEFAULT_ATTEMPTS,
		.heap_size = options->heap_size,
		.seed = options->seed,
	};
}

/* Say how many workers there are, and how they serve. */
static void choose_workers(struct sheaf_pool *pool, const sheaf_pool_options *options, int backend, unsigned cpus)
{
	struct segment *segment = &pool->segment;

	wanted_begin(pool, backend == SHEAF_INLINE ? 1 : first_workers(options, cpus));
	segment->workers = workers_complete(options->worker_options, (enum sheaf_backend)backend);
	if (segment->workers.recycle_tasks || segment->workers.recycle_memory)
		segment_heed(segment, HEED_SEAT);
	segment->call_worker = segment->workers.on_demand ? tend_call_worker : NULL;
}

/* Say how the processes of the pool behave, and seat the owner. */
static void seat_owner(struct sheaf_pool *pool, const sheaf_pool_options *options, int backend, unsigned cpus)
{
	patience_choose(&pool->segment, cpus);
	if (backend == SHEAF_INLINE)
		pool->segment.spin_ns = 0;
	member_sit(&pool->member, &pool->segment, segment_owner_seat(&pool->segment), 1, (int32_t)getpid(), NULL);
	pool->member.forks = MEMBER_DEAD; /* until its workers run */
	pool->member.ops = backend == SHEAF_INLINE ? &tend_inlined_ops : &tend_ops;
	pool->member.openings = &pool->openings;
	pool->member.limit_ns = pool->segment.limit_ns = limit_of(options->task_timeout_ns, 0);
	pool->member.host_ends = options->interrupted;
	pool->member.host = options->interrupted_context;
	pool->keep_fds = options->flags & SHEAF_KEEP_FDS;
	pool->tells_deaths = options->flags & SHEAF_TELL_DEATHS;
	pool->threaded = pool->segment.threaded = backend != SHEAF_PROCESSES;
	pool->segment.inlined = backend == SHEAF_INLINE;
	pool->segment.lenient = backend != (int)options->backend;
	pool->member.stocks = !pool->threaded;
}

/* Note what functions mean here, in a pool that others may join, or that is traced. */
static int name_functions(struct segment *segment, const struct segment_options *wanted)
{
	int r;

	if (!wanted->function_count && !wanted->trace_records)
		return 0;
	if ((r = functions_make(segment, wanted->functions, wanted->function_count, wanted->own)))
		return r;
	check_take_numbers(segment);
	traced_take_functions(segment);
	return 0;
}

/* Create the segment, and what this process knows of it besides. */
static int make_segment(struct segment *segment, const struct segment_options *wanted, char *trace_file)
{
	int r = segment_create(segment, wanted);

	if (!r && (r = name_functions(segment, wanted)))
		segment_destroy(segment);
	if (r)
		free(trace_file);
	else
		segment->trace_file = trace_file;
	return r;
}

/* Take down a pool that could not be started. */
static void undo(struct sheaf_pool *pool)
{
	inlined_end(pool->inlined);
	place_forget(pool->place);
	free(pool->segment.trace_file);
	functions_free(&pool->segment);
	segment_destroy(&pool->segment);
	pthread_mutex_destroy(&pool->openings.lock);
	pthread_mutex_destroy(&pool->family_lock);
	pool_give_memory(pool);
}

static int create_pool(sheaf_pool **out, const sheaf_pool_options *options, own_lists *own)
{
	static const sheaf_pool_options defaults = {0};
	struct segment_options wanted;
	struct sheaf_pool *pool;
	char *trace_file;
	unsigned cpus;
	int r, backend, checked;

	if (!out)
		return sheaf_fail(-EINVAL, "sheaf_pool_create: pool is NULL");
	if (!options)
		options = &defaults;
	if ((r = check_options(options)) || (r = backend = choose_backend(options)) < 0 ||
	    (backend == (int)options->backend && (r = check_backend(options))) ||
	    (r = sharing_check(options, backend == (int)options->backend)) ||
	    (r = workers_check(options->worker_options, options->workers, (enum sheaf_backend)backend,
			       backend == (int)options->backend)) ||
	    (r = checked = check_wanted()) < 0)
		return r;
	pool = pool_take_memory();
	if (!pool)
		return sheaf_fail(-ENOMEM, "no memory for a pool");
	cpus = os_usable_cpus(options->workers);
	wanted = complete(options, cpus);
	wanted.own = own;
	if (backend == SHEAF_INLINE)
		wanted.workers = 1; /* the seat of the one that waits */
	sharing_plan(&wanted, options, (enum sheaf_backend)backend);
	r = tracing_choose(options->tracing, &wanted, &trace_file);
	if (!r)
		r = make_segment(&pool->segment, &wanted, trace_file);
	if (r) {
		pool_give_memory(pool);
		return r;
	}
	choose_workers(pool, options, backend, cpus);
	seat_owner(pool, options, backend, cpus);
	pool->member.checked = pool->segment.checked = checked;
	if (checked)
		pool->member.memory = check_remember();
	pthread_mutex_init(&pool->openings.lock, NULL);
	pthread_mutex_init(&pool->family_lock, NULL);
	r = place_workers(pool, options->worker_options);
	if (!r)
		r = start_workers(pool);
	if (!r && (r = segment_publish(&pool->segment))) {
		tend_end_workers(pool);
		news_end(&pool->segment);
	}
	if (r) {
		undo(pool);
		return r;
	}
	pool->member.forks = pool->threaded ? MEMBER_THREADS : pool->member.made;
	*out = pool;
	return 0;
}

int pool_create(sheaf_pool **pool, const sheaf_pool_options *options, own_lists *own)
{
	int cancel = cancel_refuse(), r = create_pool(pool, options, own);

	cancel_allow(cancel);
	return r;
}
