/*
 * pool.c - the life of a pool, from the owner's side.
 */
#include "pool/pool.h"

#include "base/atomic.h"
#include "base/cancel.h"
#include "base/error.h"
#include "base/number.h"
#include "member/wait.h"
#include "os/forks.h"
#include "os/os.h"
#include "pool/supervisor.h"
#include "queue/bell.h"
#include "queue/ring.h"
#include "segment/heap.h"
#include "work/check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_RING 1024u
#define DEFAULT_ATTEMPTS 3u
#define DEFAULT_BATCHES 64u
#define SPIN_NS 50000                         /* two or three wake-ups */
#define EAGER_NS 20000                        /* one wake-up: less could not pay */
#define CROWDED_EAGER_NS 1000                 /* where the owner and the workers have less than a CPU each */
#define MOST_SUCCESSORS 64                    /* without any task ended between them */
#define NO_SUCCESSOR_NS UINT64_C(10000000000) /* so long without being able to start one loses the pool */
#define MOST_RESUMED 3

static struct sheaf_pool *pool_of(struct member *member)
{
	return (struct sheaf_pool *)(void *)member;
}

#define FIRST_POOLS 8 /* more than most programs have at once */

static struct sheaf_pool first_pools[FIRST_POOLS];
static struct handles pool_handles = {
	.size = sizeof(struct sheaf_pool),
	.link = offsetof(struct sheaf_pool, next_dead),
	.first = (unsigned char *)first_pools,
	.first_count = FIRST_POOLS,
};

int pool_check(const sheaf_pool *pool, const char *call)
{
	if (!pool)
		return sheaf_fail(-EINVAL, "%s: pool is NULL", call);
	/* As batch_check(). */
	if (handles_in_task && !handles_hold(&pool_handles, pool))
		return member_refuse_task();
	return member_check_process(&pool->member);
}

static struct sheaf_pool *take_memory(void)
{
	struct sheaf_pool *pool = handles_take(&pool_handles);

	if (pool)
		*pool = (struct sheaf_pool){.member.forks = MEMBER_DEAD};
	return pool;
}

static void give_memory(struct sheaf_pool *pool)
{
	check_forget(pool->member.memory);
	*pool = (struct sheaf_pool){.member.forks = MEMBER_DEAD};
	handles_keep(&pool_handles, pool);
}

static uint32_t state_of(const struct sheaf_pool *pool)
{
	/* Acquire: see supervisor.c. */
	return load_acquire(&pool->member.segment->control->state);
}

/* What the owner itself has asked for. Relaxed: a thread that asks at the same time may be first or second. */
static uint32_t asked_of(const struct sheaf_pool *pool)
{
	return load_relaxed(&pool->member.asked);
}

static bool change_state(struct sheaf_pool *pool, uint32_t from, uint32_t to)
{
	/* Seq_cst: who changes it may look at the ring next. Relaxed: what a change that failed has read is not used. */
	return cas_seq_cst(&pool->member.segment->control->state, &from, to);
}

static void wake_everybody(struct segment *segment)
{
	workers_ring_all(segment);
	room_ring_all(segment);
	gatherer_ring_all(segment);
}

/* ---- what member.h asks for ---- */

/* Families that die one after the other without any task being ended or given up would do so for ever. */
static bool fruitless(struct sheaf_pool *pool)
{
	uint64_t completed = 1 + segment_progress(pool->member.segment);

	if (completed != pool->completed)
		pool->successors = 0;
	pool->completed = completed;
	return ++pool->successors > MOST_SUCCESSORS;
}

/* A limit of processes or files may be hit for a moment: later looks try again. False: for too long. */
static bool start_successor(struct sheaf_pool *pool)
{
	uint64_t now = sheaf_now_ns();

	segment_guard(pool->member.segment);
	if (!family_start(&pool->family, pool->member.segment, pool->keep_fds, true)) {
		pool->orphaned_ns = 0;
		return true;
	}
	if (!pool->orphaned_ns)
		pool->orphaned_ns = now;
	return now - pool->orphaned_ns < NO_SUCCESSOR_NS;
}

static void lose(struct sheaf_pool *pool, uint32_t how)
{
	segment_unpublish(pool->member.segment); /* nobody else is there to do it if the owner is killed */
	change_state(pool, POOL_OPEN, how);
	change_state(pool, POOL_CLOSED, how);
	wake_everybody(pool->member.segment);
}

/* What the owner knows better than the segment: a wild task may have written over it. Under the family lock. */
static void mend(struct sheaf_pool *pool)
{
	struct member *member = &pool->member;
	uint32_t state = state_of(pool), asked = asked_of(pool);

	if (asked == POOL_TERMINATED)
		return;
	if (asked == POOL_CLOSED && state == POOL_OPEN && change_state(pool, POOL_OPEN, POOL_CLOSED))
		wake_everybody(member->segment);
	batch_mend(member);
	if (!member_fail(member, state) || state == POOL_BROKEN || state == POOL_LOST || state == POOL_UNPLUGGED)
		return;
	/* Relaxed: the tokens that follow hand it over. Not by a change: whatever it says, this is the end. */
	store_relaxed(&member->segment->control->state, POOL_BROKEN);
	wake_everybody(member->segment);
}

/* A supervisor and a spare that have died at once are replaced; the successor repairs what they left. Under the family lock. */
static void look_at_family(struct sheaf_pool *pool)
{
	struct segment *segment = pool->member.segment;

	if ((!pool->family.group && !pool->orphaned_ns) || state_of(pool) >= POOL_TERMINATED ||
	    asked_of(pool) == POOL_TERMINATED)
		return;
	/* Without it nobody can be asked. A family that the host has only cut off ends by itself, and another one is started. */
	if (segment_fd(segment) < 0) {
		lose(pool, POOL_UNPLUGGED);
		return;
	}
	if (family_lives(&pool->family, segment))
		return;
	if (state_of(pool) == POOL_FINISHED && !ring_has_work(&segment->ring))
		return;
	/* It may have died between declaring the pool finished and looking at the ring. */
	change_state(pool, POOL_FINISHED, POOL_CLOSED);
	if (!family_end(&pool->family, segment, false) || (!pool->orphaned_ns && fruitless(pool)) || !start_successor(pool))
		lose(pool, POOL_LOST);
}

static int look(struct member *member)
{
	struct sheaf_pool *pool = pool_of(member);

	/* Another thread that holds the lock does the same. */
	if (!pthread_mutex_trylock(&pool->family_lock)) {
		mend(pool);
		if (!pool->threaded)
			look_at_family(pool);
		else if (state_of(pool) == POOL_CLOSED)
			threads_finish(&pool->threads, member->segment);
		pthread_mutex_unlock(&pool->family_lock);
	}
	return member_fail(member, state_of(pool));
}

/* The state says that the pool is over, its processes may not have noticed. */
static bool ended(struct member *member)
{
	struct sheaf_pool *pool = pool_of(member);

	if (pool->threaded)
		return false;
	pthread_mutex_lock(&pool->family_lock);
	segment_unpublish(member->segment);
	family_end(&pool->family, member->segment, true);
	pthread_mutex_unlock(&pool->family_lock);
	return true;
}

static void wake_supervisor(struct sheaf_pool *pool)
{
	int cancel = cancel_refuse();

	pthread_mutex_lock(&pool->family_lock);
	family_wake(&pool->family);
	pthread_mutex_unlock(&pool->family_lock);
	cancel_allow(cancel);
}

static void nudge_supervisor(struct member *member)
{
	if (!pool_of(member)->threaded)
		wake_supervisor(pool_of(member));
}

static void kill_worker(struct member *member, unsigned worker, unsigned generation)
{
	if (pool_of(member)->threaded)
		return;
	/* Relaxed: read after the signal, or with the next one. */
	store_relaxed(&member->segment->seats[worker].kill, generation + 1);
	wake_supervisor(pool_of(member));
}

static const struct member_ops owner_ops = {
	.look = look,
	.ended = ended,
	.kill = kill_worker,
	.nudge = nudge_supervisor,
};

/* ---- create ---- */

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
	    (r = check_number("backend", (unsigned)options->backend, SHEAF_THREADS)) ||
	    (r = check_number("flags", options->flags, SHEAF_ANONYMOUS | SHEAF_KEEP_FDS | SHEAF_DUMP_HEAP)))
		return r;
	if (options->heap_size > SIZE_MAX / 4)
		return sheaf_fail(-EINVAL, "options.heap_size is %zu, more than the address space", options->heap_size);
	if (options->name && options->flags & SHEAF_ANONYMOUS)
		return sheaf_fail(-EINVAL, "options.name is \"%.100s\", but the segment is SHEAF_ANONYMOUS", options->name);
	return options->name ? segment_check_name(options->name) : 0;
}

/* For who debugs a program that is built: 1 and 0 for threads and processes, or -EINVAL with its message. */
static int choose_backend(const sheaf_pool_options *options)
{
	const char *text = os_environment("SHEAF_BACKEND");

	if (!text || !*text)
		return options->backend == SHEAF_THREADS;
	if (!strcmp(text, "threads"))
		return 1;
	return !strcmp(text, "processes")
		       ? 0
		       : sheaf_fail(-EINVAL, "SHEAF_BACKEND is \"%.40s\" in the environment: threads or processes", text);
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
	struct segment *segment = pool->member.segment;

	return pool->threaded ? threads_start(&pool->threads, segment)
			      : family_start(&pool->family, segment, pool->keep_fds, false);
}

/* In any state but before start_workers(). Under the family lock, but while nobody else has the pool. */
static void end_workers(struct sheaf_pool *pool)
{
	/* Relaxed: whoever waits gets a token next, which hands it over. */
	store_relaxed(&pool->member.segment->control->state, POOL_TERMINATED);
	if (pool->threaded) {
		workers_ring_all(pool->member.segment);
		threads_join(&pool->threads);
	} else {
		family_end(&pool->family, pool->member.segment, true);
	}
}

static int create(sheaf_pool **out, const sheaf_pool_options *options)
{
	static const sheaf_pool_options defaults = {0};
	struct segment_options wanted;
	struct sheaf_pool *pool;
	unsigned cpus;
	int r, threaded, checked;

	if (!out)
		return sheaf_fail(-EINVAL, "sheaf_pool_create: pool is NULL");
	if (!options)
		options = &defaults;
	if ((r = check_options(options)) || (r = threaded = choose_backend(options)) < 0 || (r = checked = check_wanted()) < 0)
		return r;
	pool = take_memory();
	if (!pool)
		return sheaf_fail(-ENOMEM, "no memory for a pool");
	cpus = os_usable_cpus(options->workers);
	wanted = (struct segment_options){
		.name = options->name,
		.anonymous = options->flags & SHEAF_ANONYMOUS,
		.dump = options->flags & SHEAF_DUMP_HEAP,
		.workers = options->workers           ? options->workers
			   : cpus < SHEAF_MAX_WORKERS ? cpus
						      : SHEAF_MAX_WORKERS,
		.ring_size = power_of_two(options->ring_size ? options->ring_size : DEFAULT_RING),
		.batches = options->max_batches ? options->max_batches : DEFAULT_BATCHES,
		.max_attempts = options->max_attempts ? options->max_attempts : DEFAULT_ATTEMPTS,
		.heap_size = options->heap_size,
	};
	r = segment_create(&pool->segment, &wanted);
	if (r) {
		give_memory(pool);
		return r;
	}
	pool->segment.spin_ns = SPIN_NS;
	pool->segment.eager_ns = wanted.workers < cpus ? EAGER_NS : CROWDED_EAGER_NS;
	member_sit(&pool->member, &pool->segment, segment_owner_seat(&pool->segment), 1, (int32_t)getpid(), NULL);
	pool->member.forks = MEMBER_DEAD; /* until its workers run */
	pool->member.ops = &owner_ops;
	pool->member.limit_ns = limit_of(options->task_timeout_ns, 0);
	pool->keep_fds = options->flags & SHEAF_KEEP_FDS;
	pool->threaded = threaded;
	pool->member.checked = checked;
	if (checked)
		pool->member.memory = check_remember();
	pthread_mutex_init(&pool->member.openings.lock, NULL);
	pthread_mutex_init(&pool->family_lock, NULL);
	r = start_workers(pool);
	if (!r && (r = segment_publish(pool->member.segment)))
		end_workers(pool);
	if (r) {
		segment_destroy(pool->member.segment);
		pthread_mutex_destroy(&pool->member.openings.lock);
		pthread_mutex_destroy(&pool->family_lock);
		give_memory(pool);
		return r;
	}
	pool->member.forks = pool->threaded ? MEMBER_THREADS : pool->member.made;
	*out = pool;
	return 0;
}

int sheaf_pool_create(sheaf_pool **pool, const sheaf_pool_options *options)
{
	int cancel = cancel_refuse(), r = create(pool, options);

	cancel_allow(cancel);
	return r;
}

/* ---- close, join, terminate, destroy ---- */

/* Relaxed: the change of the state that follows hands it over. It only goes on. */
static void ask(struct sheaf_pool *pool, uint32_t wanted)
{
	uint32_t asked = asked_of(pool);

	while (asked < wanted && !cas_weak_relaxed(&pool->member.asked, &asked, wanted))
		continue;
}

int sheaf_pool_close(sheaf_pool *pool)
{
	int r = pool_check(pool, "sheaf_pool_close");

	if (r)
		return r;
	ask(pool, POOL_CLOSED);
	if (change_state(pool, POOL_OPEN, POOL_CLOSED)) {
		workers_ring_all(pool->member.segment);
		room_ring_all(pool->member.segment);
		wake_supervisor(pool);
	}
	return member_fail(&pool->member, state_of(pool));
}

/* Has all of a closed pool ended? */
static bool joined(struct sheaf_pool *pool)
{
	struct segment *segment = pool->member.segment;
	bool over = false;

	pthread_mutex_lock(&pool->family_lock);
	if (pool->threaded) {
		if (state_of(pool) == POOL_FINISHED) {
			over = true;
		} else if (/* relaxed: joining the threads hands over what they did */
			   !load_relaxed(&pool->threads.live) && change_state(pool, POOL_CLOSED, POOL_FINISHED)) {
			over = !ring_has_work(&segment->ring);
			if (over)
				threads_join(&pool->threads);
			else
				change_state(pool, POOL_FINISHED, POOL_CLOSED);
		}
	} else if (state_of(pool) == POOL_FINISHED && ring_has_owned(&segment->ring)) {
		/*
		 * All workers have ended and one has a task: somebody wrote over the state, then the supervisor goes on; or over the ring, then it
		 * insists.
		 */
		if (pool->resumed++ < MOST_RESUMED) {
			change_state(pool, POOL_FINISHED, POOL_CLOSED);
			family_wake(&pool->family);
		} else {
			store_relaxed(&pool->member.wild, 1 + POOL_FINISHED);
			change_state(pool, POOL_FINISHED, POOL_BROKEN);
		}
	} else if (state_of(pool) == POOL_FINISHED && !ring_has_work(&segment->ring)) {
		over = !pool->family.group;
		if (!over) {
			/* The supervisor has stayed for the name's sake, and has nothing else to do. */
			segment_unpublish(segment);
			over = family_end(&pool->family, segment, false);
		}
	}
	pthread_mutex_unlock(&pool->family_lock);
	return over;
}

static bool is_joined(void *context)
{
	int cancel = cancel_refuse();
	bool over = joined(context);

	cancel_allow(cancel);
	return over;
}

int sheaf_pool_join(sheaf_pool *pool, uint64_t deadline_ns)
{
	struct wait wait = {.context = pool, .ready = is_joined, .sleep = true, .longest_ns = CHECK_EVERY_NS};
	int r = pool_check(pool, "sheaf_pool_join");

	if (r)
		return r;
	wait.heard = member_heard(&pool->member);
	if (asked_of(pool) == POOL_OPEN)
		return sheaf_fail(-EBUSY, "sheaf_pool_join: close the pool first");
	r = member_wait(&pool->member, &wait, deadline_ns);
	if (r == -EAGAIN)
		return sheaf_fail(r, "the pool still has work");
	if (r == -ETIMEDOUT)
		return sheaf_fail(r, "the deadline passed before the pool had ended");
	return r == -EINTR ? member_interrupt(&pool->member) : r;
}

int sheaf_pool_terminate(sheaf_pool *pool)
{
	int r = pool_check(pool, "sheaf_pool_terminate"), cancel;

	if (r)
		return r;
	cancel = cancel_refuse();
	ask(pool, POOL_TERMINATED);
	pthread_mutex_lock(&pool->family_lock);
	segment_unpublish(pool->member.segment); /* first: if we are killed now, the supervisor ends the rest */
	end_workers(pool);
	pthread_mutex_unlock(&pool->family_lock);
	wake_everybody(pool->member.segment);
	cancel_allow(cancel);
	return 0;
}

int sheaf_pool_interrupt(sheaf_pool *pool)
{
	/* In a signal handler: no message, no lock, nothing but atomics and sem_post(). */
	if (!pool || (!handles_in_task && pool->member.forks == MEMBER_DEAD))
		return -EINVAL;
	if ((handles_in_task && !handles_hold(&pool_handles, pool)) || pool->member.forks == MEMBER_DEAD ||
	    pool->member.made != forks_count())
		return -EPERM;
	/* Seq_cst, pairs with member_interrupted(): who announces itself after our token sees the number. */
	fetch_add_seq_cst(&pool->member.interrupts, 1);
	gatherer_ring_all(pool->member.segment);
	room_ring_all(pool->member.segment);
	return 0;
}

void sheaf_pool_destroy(sheaf_pool *pool)
{
	int cancel;

	if (!pool)
		return;
	if (pool_check(pool, "sheaf_pool_destroy")) {
		/* What a task has from its owner it still stands on. And nothing is done to what is destroyed. */
		if (handles_in_task || pool->member.forks == MEMBER_DEAD || pool->member.made == forks_count())
			return;
		/* A fork of the owner: segment, workers and batches are the parent's. */
		segment_detach(pool->member.segment);
		batch_drop_spare(&pool->member);
		give_memory(pool);
		return;
	}
	cancel = cancel_refuse();
	sheaf_pool_terminate(pool);
	while (pool->member.openings.batches)
		batch_free(pool->member.openings.batches, true);
	batch_drop_spare(&pool->member);
	segment_destroy(pool->member.segment);
	pthread_mutex_destroy(&pool->member.openings.lock);
	pthread_mutex_destroy(&pool->family_lock);
	give_memory(pool);
	cancel_allow(cancel);
}

/* ---- figures ---- */

int sheaf_pool_get_info(const sheaf_pool *pool, sheaf_pool_info *info)
{
	const struct segment *segment;
	pid_t supervisor;
	bool withdrawn;
	int r = pool_check(pool, "sheaf_pool_get_info");

	if (r)
		return r;
	if (!info)
		return sheaf_fail(-EINVAL, "sheaf_pool_get_info: info is NULL");
	segment = pool->member.segment;
	pthread_mutex_lock(&((struct sheaf_pool *)pool)->family_lock);
	withdrawn = segment_guard(pool->member.segment);
	if (state_of(pool) <= POOL_CLOSED)
		family_await_spare(&((struct sheaf_pool *)pool)->family, segment);
	family_lives(&((struct sheaf_pool *)pool)->family, segment); /* notes who leads */
	supervisor = pool->family.supervisor;
	pthread_mutex_unlock(&((struct sheaf_pool *)pool)->family_lock);
	/* Relaxed: statistics. */
	*info = (sheaf_pool_info){
		.workers = segment->worker_count,
		.supervisor = supervisor,
		.deaths = load_relaxed(&segment->control->deaths),
		.supervisors = load_relaxed(&segment->control->supervisors),
		.heap_size = (size_t)segment->heap_size,
		.heap_used = (size_t)heap_used(segment),
		.name = withdrawn ? "" : segment->name,
	};
	return 0;
}

pid_t sheaf_pool_worker_pid(const sheaf_pool *pool, unsigned worker)
{
	struct sheaf_pool *mine = (struct sheaf_pool *)pool;
	int r = pool_check(pool, "sheaf_pool_worker_pid"), cancel;
	pid_t pid;

	if (r)
		return r;
	if (worker >= pool->member.segment->worker_count)
		return sheaf_fail(-EINVAL, "worker %u of %u", worker, pool->member.segment->worker_count);
	if (pool->threaded)
		return 0;
	/* Relaxed: what a task may have written over is only a hint. */
	pid = load_relaxed(&pool->member.segment->seats[worker].pid);
	cancel = cancel_refuse();
	pthread_mutex_lock(&mine->family_lock);
	pid = family_worker(&mine->family, pool->member.segment, worker, pid);
	pthread_mutex_unlock(&mine->family_lock);
	cancel_allow(cancel);
	return pid;
}

unsigned sheaf_usable_cpus(void)
{
	return os_usable_cpus(0);
}
