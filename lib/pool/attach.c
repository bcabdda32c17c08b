/*
 * attach.c - a program joins a pool of another one, and leaves it.
 *
 * The program takes one of the places, which are seats behind those of the workers. So whatever
 * looks for words of a worker finds those of the program, too. docs/explanation/attach.md has the
 * protocol.
 *
 * Writers           The seat of a place whose pid is 0: the process that has the place's lock. Its
 *                   own pid: the same, last. `leaving`: the program, when all that it had is given
 *                   back, and then nothing more. pid, back to 0: the supervisor, see places.c.
 * Edges             ATTACH1  the seat is ready and tells the process -> the pid, which the
 *                            supervisor reads.
 *                   ATTACH2  all that the program did -> leaving, which the supervisor reads.
 *                   ATTACH3  the supervisor's repair -> pid 0, which the next program reads.
 * Deaths            Of the program before ATTACH1: the kernel drops the lock, and the next one
 *                   finds the pid 0. After it: the supervisor repairs, as after ATTACH2.
 */
#include "pool/attach.h"

#include "base/atomic.h"
#include "base/cancel.h"
#include "base/error.h"
#include "batch/open.h"
#include "batch/retire.h"
#include "os/os.h"
#include "pool/attached.h"
#include "pool/create.h"
#include "pool/patience.h"
#include "pool/seat.h"
#include "segment/attach.h"
#include "sheaf_attach.h"
#include "work/check.h"
#include "work/function.h"
#include "work/traced.h"

#include <errno.h>
#include <unistd.h>

/* One thread at a time joins or leaves, because a process has one mapping of a segment. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* ---- the place ---- */

/* Make a free seat ready, with the lock of its place. Relaxed, all: ATTACH1 hands it over. */
static void make_ready(struct shared_seat *seat, unsigned generation)
{
	struct os_process_id self;

	os_process_note(&self);
	seat_prepare(seat, generation);
	store_relaxed(&seat->hook, HOOK_NONE);
	store_relaxed(&seat->start, self.start);
	store_relaxed(&seat->space, self.space);
	/* Seq_cst, as in spawn_worker(). */
	store_seq_cst(&seat->generation, generation);
}

/* Take the place if it is free. */
static bool claim_place(struct sheaf_pool *pool, unsigned number)
{
	struct segment *segment = &pool->segment;
	struct shared_seat *seat = &segment->seats[number];
	unsigned byte = OS_LOCK_PLACES + number - segment->crew_count, generation;

	/* Relaxed: asked again below. */
	if (load_relaxed(&seat->pid) || os_lock(segment->fd, byte))
		return false;
	/* ATTACH3. Acquire: else words of the program before could be seen that are repaired. */
	if (load_acquire(&seat->pid)) {
		os_unlock(segment->fd, byte);
		return false;
	}
	generation = load_relaxed(&seat->generation) + 1;
	make_ready(seat, generation);
	member_sit(&pool->member, segment, number, generation, (int32_t)getpid(), NULL);
	/* ATTACH1. Release: else a reader of the pid could find a seat that is not ready. */
	store_release(&seat->pid, (int32_t)getpid());
	attached_wake(segment, false);
	return true;
}

static int find_place(struct sheaf_pool *pool)
{
	const struct segment *segment = &pool->segment;

	for (unsigned number = segment->crew_count; number < segment->worker_count; number++)
		if (claim_place(pool, number))
			return 0;
	return sheaf_fail(
		-EAGAIN,
		"sheaf_pool_attach: all %u places of the pool %s are taken: let another program leave, or raise places "
		"in its options.sharing",
		segment->worker_count - segment->crew_count, segment->name);
}

/* ---- joining ---- */

static void call_worker(struct segment *segment)
{
	attached_wake(segment, false);
}

static void begin_member(struct sheaf_pool *pool, const sheaf_attach_options *options)
{
	const struct shared_header *header = pool->segment.header;

	patience_choose(&pool->segment, os_usable_cpus(pool->segment.worker_count));
	pool->segment.wake = attached_wake;
	pool->segment.call_worker = header->on_demand ? call_worker : NULL;
	pool->joined = (struct joined){
		.owner = {.pid = header->owner_pid, .start = header->owner_start, .space = header->owner_space},
		.state = options->state};
	pool->member.attached = true;
	pool->member.ops = &attached_ops;
	pool->member.openings = &pool->openings;
	pool->member.limit_ns = pool->segment.limit_ns;
	pool->member.host_ends = options->interrupted;
	pool->member.host = options->interrupted_context;
	pool->member.stocks = true;
	/* For the checks before it has a seat. */
	pool->member.segment = &pool->segment;
}

/* Is the pool open? As of any submission. */
static int check_open(struct sheaf_pool *pool)
{
	int r = attached_look_for(&pool->member);

	return r ? r : member_open(&pool->member);
}

static int join(struct sheaf_pool *pool, const char *name, const sheaf_attach_options *options, own_lists *own)
{
	struct segment *segment = &pool->segment;
	int r = segment_attach(segment, name);

	if (r)
		return r;
	segment->functions = NULL;
	begin_member(pool, options);
	if (!(r = check_open(pool)) && !(r = functions_make(segment, options->functions, options->function_count, own)) &&
	    !(r = find_place(pool))) {
		check_take_numbers(segment);
		traced_take_functions(segment);
		pthread_mutex_init(&pool->openings.lock, NULL);
		/* A thread of this process may be one that runs tasks: see member_judge(). */
		pool->member.forks = MEMBER_THREADS;
		return 0;
	}
	functions_free(segment);
	segment_leave(segment);
	return r;
}

int pool_attach(sheaf_pool **out, const char *name, const sheaf_attach_options *options, own_lists *own)
{
	static const sheaf_attach_options defaults = {0};
	struct sheaf_pool *pool;
	int r, cancel;

	if (!out || !name)
		return sheaf_fail(-EINVAL, "sheaf_pool_attach: %s is NULL", out ? "name" : "pool");
	if (!options)
		options = &defaults;
	if ((r = functions_check("sheaf_pool_attach: options", options->functions, options->function_count)))
		return r;
	pool = pool_take_memory();
	if (!pool)
		return sheaf_fail(-ENOMEM, "sheaf_pool_attach: no memory for a pool");
	cancel = cancel_refuse();
	pthread_mutex_lock(&lock);
	r = join(pool, name, options, own);
	pthread_mutex_unlock(&lock);
	cancel_allow(cancel);
	if (r)
		pool_give_memory(pool);
	else
		*out = pool;
	return r;
}

/* ---- leaving ---- */

void attach_end(struct sheaf_pool *pool)
{
	struct segment *segment = &pool->segment;
	struct shared_seat *seat = pool->member.seat;

	while (pool->openings.batches)
		batch_free(pool->openings.batches, false);
	batch_drop_spare(&pool->member);
	pthread_mutex_lock(&lock);
	/* ATTACH2. Release: from here on this program touches nothing of the seat. */
	store_release(&seat->leaving, LEAVE_ASKED);
	attached_wake(segment, false);
	if (segment_file_ours(segment))
		os_unlock(segment->fd, OS_LOCK_PLACES + pool->member.number - segment->crew_count);
	functions_free(segment);
	segment_leave(segment);
	pthread_mutex_unlock(&lock);
	pthread_mutex_destroy(&pool->openings.lock);
	pool_give_memory(pool);
}

void attach_forget(struct sheaf_pool *pool)
{
	functions_free(&pool->segment);
	os_file_close(pool->segment.fd, &pool->segment.id);
	batch_drop_spare(&pool->member);
	pool_give_memory(pool);
}
