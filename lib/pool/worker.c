/*
 * worker.c - a worker's life: wait until the pool is over, or until it has to leave, and run tasks
 * meanwhile.
 *
 * Writers           leaving: the worker, in its own seat, once it has left the loop for good.
 * Deaths            Before that store, of a worker that is about to leave: as of any worker with
 *                   nothing in hand. Whom it would have woken, the supervisor wakes. After it: the
 *                   same, and how the process ended tells whether it has left. See deaths.c.
 */
#include "pool/worker.h"

#include "base/error.h"
#include "batch/open.h"
#include "member/wait.h"
#include "os/os.h"
#include "os/output.h"
#include "pool/hooks.h"
#include "pool/state.h"
#include "queue/ring.h"
#include "trace/trail.h"
#include "work/step.h"

#include <errno.h>
#include <unistd.h>

#define PAUSES_PER_CHECK 4   /* because each check takes a line from the submitters */
#define MOST_SPIN_NS 2000000 /* a pool that has been idle for so long uses no CPU */
#define CLOSED_NAP_NS 1000000
#define MEMORY_LOOK_NS 5000000 /* sheaf_workers.h says 200 times a second */

struct life {
	struct member member;
	struct service service;
	struct openings openings;  /* of its tasks */
	pid_t parent;              /* 0: it is a thread */
	const struct visit *visit; /* of a program that has joined; else NULL */
	bool late;                 /* a visit has ended by its deadline */
	uint64_t idle_since_ns;    /* when it began to sleep for want of a task; 0: it has not */
	struct trail_mark sleep;   /* of a pool that is traced */
};

/* Has the worker gained so much memory that it has to leave? Asked now and then. */
static bool has_grown(struct member *worker)
{
	struct service *service = worker->service;
	uint64_t now = sheaf_now_ns(), size;

	if (now - service->looked_ns < MEMORY_LOOK_NS)
		return false;
	service->looked_ns = now;
	return !os_own_memory(&size) && size > service->first_memory &&
	       size - service->first_memory > worker->segment->workers.recycle_memory;
}

/* Has the pool been made smaller, and is this one of the workers that are not wanted? */
static bool is_surplus(const struct member *worker)
{
	return worker->number >= segment_wanted(worker->segment);
}

/* Tell why the worker has to leave; LEAVE_NOT: it may stay. */
static enum leave_reason reason_to_leave(struct member *worker)
{
	const struct sheaf_worker_options *options = &worker->segment->workers;
	/* Relaxed: its own. */
	uint64_t served = load_relaxed(&worker->seat->completed) - worker->service->first_completed;

	if (is_surplus(worker))
		return LEAVE_SURPLUS;
	if (options->recycle_tasks && served >= options->recycle_tasks)
		return LEAVE_TASKS;
	return options->recycle_memory && has_grown(worker) ? LEAVE_MEMORY : LEAVE_NOT;
}

static bool may_claim(struct member *worker)
{
	/* Relaxed, both: written by threads of the worker's own tasks, or by itself. */
	uint32_t leave = load_relaxed(&worker->service->leave);

	if (!leave && (leave = reason_to_leave(worker)))
		store_relaxed(&worker->service->leave, leave);
	/* Relaxed: all workers are rung when the pool is resumed. */
	return !leave && !load_relaxed(&worker->segment->control->paused);
}

static bool is_visit_over(struct life *life);

/*
 * Is there nothing left to do for this worker? In a closed pool it still runs what was submitted,
 * and what tasks that run may submit.
 */
static bool is_life_over(void *context)
{
	struct life *life = context;
	const struct segment *segment = life->member.segment;
	/* A member that changes the state gives everybody a token afterwards, asleep or not.
	 * Seq_cst, pairs with worker_ring() in bell.c: a successor to whose predecessor the token
	 * went sees the change. */
	uint32_t state = load_seq_cst(&segment->control->state);

	/* Relaxed: see may_claim(). */
	if (load_relaxed(&life->service.leave) || (life->visit && is_visit_over(life)))
		return true;
	/* Workers of a terminated pool are killed, but for threads. */
	if (state > POOL_FINISHED || state == POOL_OPEN)
		return state > POOL_FINISHED;
	/* Relaxed: set before the first task that one of these tasks has submitted was READY. */
	return !rings_have_ready(segment) && !(load_relaxed(&segment->control->nested) && rings_have_owned(segment));
}

/*
 * Wait in a closed pool, where something still seems to be READY. It may have been claimed or
 * withdrawn by now, and this worker be the last one: nobody would ring for that.
 */
static bool nap_for_task(struct life *life)
{
	while (!is_life_over(life)) {
		/* As before a sleep, so that it looks into every slot. */
		if (work_step(&life->member, true))
			return true;
		os_sleep_ns(CLOSED_NAP_NS);
	}
	return false;
}

/* End a round of tasks. @ran: there was one. True: there is one after all. */
static bool end_round(struct life *life, bool ran, bool announced)
{
	life->member.clock_ns = 0;
	/*
	 * Never asleep in a closed pool: the token that told of its end may be the predecessor's,
	 * and nobody rings when the last task ends. Seq_cst, as in is_life_over().
	 */
	if (!ran && announced && load_seq_cst(&life->member.segment->control->state) != POOL_OPEN)
		return nap_for_task(life);
	return ran;
}

static bool run_tasks(void *context, bool announced)
{
	struct life *life = context;
	bool ran = work_step(&life->member, announced);

	if (ran) {
		while (work_step(&life->member, false))
			continue;
		life->idle_since_ns = 0;
	}
	return end_round(life, ran, announced);
}

/* Spin for a while, because a task that comes soon costs much less than a sleep. */
static bool spin_for_task(void *context)
{
	struct life *life = context;
	struct member *member = &life->member;
	const struct segment *segment = member->segment;

	/* Relaxed: a worker that does not see it yet has a token. See is_life_over(). */
	if (load_relaxed(&segment->control->state) != POOL_OPEN)
		return nap_for_task(life);
	if (!segment->spin_ns)
		return false;
	backoff_begin(&member->backoff, PAUSES_PER_CHECK);
	work_spins(member, true);
	while (backoff_wait(&member->backoff, segment->idle_eager_ns, member->spin_ns) && !is_life_over(life))
		if (work_step(member, false)) {
			life->idle_since_ns = 0;
			return true;
		}
	work_spins(member, false);
	return false;
}

/* Has that worker to leave if it finds no task for a while? */
static bool leaves_when_idle(const struct segment *segment, unsigned worker)
{
	return segment->workers.idle_ns && worker >= segment->workers.min_workers;
}

/* Before a sleep, because others may wait for what tasks have printed. */
static int write_out(void *context, bool late)
{
	struct life *life = context;

	(void)late;
	if (life->parent)
		output_flush(false);
	if (!life->idle_since_ns && leaves_when_idle(life->member.segment, life->member.number))
		life->idle_since_ns = sheaf_now_ns();
	return 0;
}

/* Leave if it has had no task for so long, and none waits. */
static void leave_if_idle(struct life *life)
{
	const struct segment *segment = life->member.segment;

	if (life->idle_since_ns && sheaf_now_ns() - life->idle_since_ns >= segment->workers.idle_ns &&
	    state_of(segment) == POOL_OPEN && !rings_have_ready(segment))
		/* Relaxed: its own. */
		store_relaxed(&life->service.leave, LEAVE_IDLE);
}

static const struct trail_entry sleeping = {.kind = RECORD_WAIT};

/* Nothing is READY: no other member would wake a submitter. */
static void go_to_sleep(void *context)
{
	struct life *life = context;
	struct segment *segment = life->member.segment;

	room_ring_one(segment);
	if (segment->trace_records)
		trail_begin(segment, life->member.number, &sleeping, &life->sleep);
}

static void learn_from_sleep(void *context)
{
	struct life *life = context;
	struct member *member = &life->member;
	bool brief;

	if (member->segment->trace_records)
		trail_end(member->segment, member->number, &sleeping, &life->sleep, 0);
	/* A process that no signal tells of its parent's death asks for itself. */
	if (life->parent && getppid() != life->parent)
		_exit(1);
	/* If the sleep was shorter than a spin would have been, spin longer next time. */
	leave_if_idle(life);
	brief = member->backoff.since_ns && sheaf_now_ns() - member->backoff.since_ns < MOST_SPIN_NS;
	member->spin_ns = brief ? MOST_SPIN_NS : member->segment->spin_ns;
}

void worker_forget(struct member *worker)
{
	struct member *handle = worker->handle, *next;

	for (; handle; handle = next) {
		next = handle->handle;
		handle->forget(handle);
	}
	batch_drop_spare(worker);
	pthread_mutex_destroy(&worker->openings->lock);
}

/* Note what the worker is measured by, later. */
static void begin_service(struct life *life)
{
	struct service *service = &life->service;

	service->first_completed = load_relaxed(&life->member.seat->completed);
	if (life->member.segment->workers.recycle_memory && os_own_memory(&service->first_memory))
		service->first_memory = UINT64_MAX;
}

/*
 * Serve until there is nothing left to do, or the worker has to leave. Then submitters may have
 * rung this worker, or nobody because it was awake. So all that sleep look for what it has not
 * claimed.
 */
static void serve_until_over(struct life *life, const struct wait *wait)
{
	begin_service(life);
	member_wait(&life->member, wait, SHEAF_FOREVER);
	if (load_relaxed(&life->service.leave))
		while (workers_ring_asleep(life->member.segment))
			continue;
	hooks_clear_up(&life->member);
}

enum leave_reason worker_run(struct segment *segment, unsigned worker, unsigned generation, pid_t parent)
{
	uint32_t reason;
	struct life life = {.parent = parent, .service.may_claim = may_claim, .openings.lock = PTHREAD_MUTEX_INITIALIZER};
	struct wait wait = {
		.context = &life,
		.ready = is_life_over,
		.help = run_tasks,
		.spin = spin_for_task,
		.doubt = write_out,
		.idle = go_to_sleep,
		.woken = learn_from_sleep,
		.sleeper = sleeper_of_worker(segment, worker, generation),
		.longest_ns = parent ? os_parent_check_ns() : 0,
		.deaf = true,
	};

	if (leaves_when_idle(segment, worker) && segment->workers.idle_ns < wait.longest_ns)
		wait.longest_ns = segment->workers.idle_ns;
	member_sit(&life.member, segment, worker, generation, (int32_t)getpid(), parent ? forks_private : NULL);
	life.member.openings = &life.openings;
	life.member.service = &life.service;
	life.member.supervisor = parent;
	if (hooks_set_up(&life.member))
		serve_until_over(&life, &wait);
	else
		store_relaxed(&life.service.leave, LEAVE_UNSET);
	/* Relaxed, all: nothing more of this worker follows that others could miss. */
	reason = load_relaxed(&life.service.leave);
	store_relaxed(&life.member.seat->leaving, reason);
	/* Of a process of its own all of this goes with the process. */
	if (!parent)
		worker_forget(&life.member);
	return (enum leave_reason)reason;
}

/* ---- a visitor ---- */

static bool may_visitor_claim(struct member *worker)
{
	/* Relaxed, both: as in may_claim(). */
	return !load_relaxed(&worker->service->leave) && !load_relaxed(&worker->segment->control->paused);
}

/* Has the visit to end, for another reason than that nothing is left to do? */
static bool is_visit_over(struct life *life)
{
	const struct visit *visit = life->visit;
	uint64_t deadline_ns = visit->deadline_ns;

	if (visit->over(visit->context))
		return true;
	life->late = deadline_ns && deadline_ns != SHEAF_FOREVER && sheaf_now_ns() >= deadline_ns;
	return life->late;
}

/* Run tasks, as run_tasks() does, and ask after each one whether the visit is over. */
static bool run_visiting(void *context, bool announced)
{
	struct life *life = context;
	bool ran = work_step(&life->member, announced);

	while (ran && !is_life_over(life) && work_step(&life->member, false))
		continue;
	return end_round(life, ran, announced);
}

/* Ask whether the pool still has an owner. */
static int doubt_visit(void *context, bool late)
{
	const struct visit *visit = ((struct life *)context)->visit;

	return late ? visit->look(visit->context) : 0;
}

static void end_cancelled(void *context)
{
	struct life *life = context;

	worker_forget(&life->member);
	life->visit->cancelled(life->visit->context);
}

int worker_visit(struct segment *segment, unsigned seat, unsigned generation, const struct visit *visit)
{
	struct life life = {.visit = visit, .service.may_claim = may_visitor_claim, .openings.lock = PTHREAD_MUTEX_INITIALIZER};
	struct wait wait = {
		.context = &life,
		.ready = is_life_over,
		.help = run_visiting,
		.spin = spin_for_task,
		.doubt = doubt_visit,
		.idle = go_to_sleep,
		.woken = learn_from_sleep,
		.cancelled = end_cancelled,
		.sleeper = sleeper_of_worker(segment, seat, generation),
		.longest_ns = CHECK_EVERY_NS,
		.deaf = true,
	};
	int r;

	member_sit(&life.member, segment, seat, generation, (int32_t)getpid(), NULL);
	life.member.openings = &life.openings;
	life.service.state = visit->state;
	life.member.service = &life.service;
	r = member_wait(&life.member, &wait, visit->deadline_ns);
	/* As in serve_until_over(): submitters may have rung this one, or nobody. */
	while (workers_ring_asleep(segment))
		continue;
	worker_forget(&life.member);
	if (!r && life.late)
		return sheaf_fail(-ETIMEDOUT, "sheaf_pool_work: the deadline passed");
	/* Relaxed: its own. */
	return r ? r : load_relaxed(&life.service.leave) ? 1 : 0;
}
