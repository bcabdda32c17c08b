/*
 * member.c - seats a member, checks what it may do, and tells what the state of its pool means for
 * it.
 */
#include "member/member.h"

#include "base/cancel.h"
#include "base/error.h"
#include "member/mishap.h"
#include "os/os.h"

#include <errno.h>
#include <unistd.h>

struct member member_dead = {.forks = MEMBER_DEAD};

static _Thread_local struct member_scope scope;

void member_sit(struct member *member, struct segment *segment, unsigned number, unsigned generation, int32_t pid,
		void *private_memory)
{
	member->segment = segment;
	member->seat = &segment->seats[number];
	member->number = number;
	member->generation = generation;
	member->name = seat_name(number, generation);
	member->claimant = word_claimant(member->name);
	member->pid = pid;
	member->forks = member->made = member->returns = forks_count();
	member->service = NULL;
	member->forks_private = private_memory;
	member->looking = false;
	member->spin_ns = segment->spin_ns;
	member->backoff = (struct backoff){0};
	for (unsigned p = 0; p < PRIORITIES; p++)
		member->tail[p] = 0;
	member->looks = 0;
	member->turns = 0;
	member->priority = SHEAF_NORMAL;
	member->clock_ns = 0;
	member->victim = 0;
	member->handle = NULL;
	member->outer = NULL;
	member->others = 0;
	member->at_once = false;
	for (unsigned i = 0; i < MEMBER_REGIONS; i++)
		member->regions[i].heap_id = 0;
}

struct region *member_region(struct member *member, uint64_t heap_id)
{
	for (unsigned i = 0; i < MEMBER_REGIONS; i++)
		if (member->regions[i].heap_id == heap_id)
			return &member->regions[i];
	/* The rest of the victim's block stays with its batch, unused. */
	return &member->regions[member->victim++ % MEMBER_REGIONS];
}

struct member_scope member_run_tasks_of(const struct segment *segment)
{
	struct member_scope before = scope;

	scope = (struct member_scope){.segment = segment, .refused = segment};
	return before;
}

void member_end_tasks(struct member_scope before)
{
	scope = before;
}

void member_let_use_pool(const struct member *runner)
{
	scope.refused = runner ? NULL : scope.segment;
	scope.runner = runner;
}

bool member_is_inside(const struct segment *segment)
{
	return scope.segment == segment;
}

const struct member *member_runs_now(void)
{
	return scope.runner;
}

int member_refuse_task(void)
{
	return sheaf_fail(-EPERM,
			  "a task cannot use the handles of the pool's owner, nor those of other tasks: it may use what "
			  "sheaf_task_pool() gives it, the batches that it has opened itself, and pools that it has created");
}

/* A task waits, and another one uses its handle in the same worker. */
static int judge_busy(const struct member *member)
{
	if (!pthread_equal(member->thread, pthread_self()))
		return 0;
	return sheaf_fail(-EDEADLK,
			  "the task that has opened this waits, and its worker runs the calling task meanwhile: a task may "
			  "not use, or wait for, the batches of another task");
}

static int fail_inherited(void)
{
	return sheaf_fail(-EPERM, "the handle was inherited over a fork: only the process that created the pool may use it");
}

int member_check_process(const struct member *member)
{
	int r = member_check(member);

	return r || forks_told() || member->pid == getpid() ? r : fail_inherited();
}

int member_judge(const struct member *member)
{
	if (member == &member_dead)
		return sheaf_fail(-EINVAL, "the batch was retired, or its pool destroyed");
	if (handles_in_task && member->made != forks_count())
		return member_refuse_task();
	if (member->forks == MEMBER_DEAD)
		return sheaf_fail(-EINVAL, "the pool was destroyed");
	if (member->made != forks_count())
		return fail_inherited();
	if (member->forks == MEMBER_ENDED)
		return sheaf_fail(-EINVAL, "the task has ended that had this pool from sheaf_task_pool()");
	if (member->forks == MEMBER_BUSY)
		return judge_busy(member);
	return scope.refused == member->segment ? member_refuse_task() : 0;
}

/*
 * Read what the owner asked for. Relaxed: it was written before the state, which every caller has
 * read with acquire.
 */
static uint32_t asked_of(const struct member *member)
{
	return load_relaxed(&member->asked);
}

bool member_possible(const struct member *member, uint32_t state)
{
	uint32_t asked = asked_of(member);

	switch (state) {
	case POOL_OPEN: /* of one that is just being closed, too */
	case POOL_BROKEN:
	case POOL_LOST:
	case POOL_UNPLUGGED:
		return true;
	case POOL_CLOSED:
	case POOL_FINISHED:
		return asked != POOL_OPEN;
	default:
		return asked == POOL_TERMINATED;
	}
}

static int fail_wild(uint32_t state)
{
	return sheaf_fail(
		-ENOTRECOVERABLE,
		"the state of the pool, a word in its shared memory, was written over (it became %#x), most likely by a "
		"task that wrote behind its result: the pool has ended",
		(unsigned)state);
}

/* Do what member_fail() does for all but the owner. What that has asked for they do not know. */
static int fail_of_other(uint32_t state)
{
	if (state <= POOL_FINISHED)
		return 0;
	if (state == POOL_TERMINATED)
		return sheaf_fail(-ECANCELED, "the pool was terminated");
	if (state == POOL_LOST)
		return sheaf_fail(-EOWNERDEAD, "the pool has ended: the process that created it is dead, or no supervisor can "
					       "be started");
	return sheaf_fail(-ENOTRECOVERABLE, "the pool has stopped");
}

int member_fail(struct member *member, uint32_t state)
{
	/* Relaxed, both: a number for a message. */
	uint64_t wild = load_relaxed(&member->wild);

	if (member_is_task(member) || member->attached)
		return fail_of_other(state);
	if (asked_of(member) == POOL_TERMINATED)
		return sheaf_fail(-ECANCELED, "the pool was terminated");
	if (!member_possible(member, state)) {
		store_relaxed(&member->wild, UINT64_C(1) + state);
		return fail_wild(state);
	}
	switch (state) {
	case POOL_BROKEN:
		if (wild)
			return fail_wild((uint32_t)(wild - 1));
		/* Relaxed: by the supervisor, before the state. */
		if (load_relaxed(&member->segment->control->hooks.broke) &&
		    mishap_fail_init(member->segment, "the pool stopped, because no worker could be set up: "))
			return -ENOTRECOVERABLE;
		return sheaf_fail(
			-ENOTRECOVERABLE,
			"the pool stopped: its workers died again and again without ending a single task, or none could be "
			"started");
	case POOL_LOST:
		return sheaf_fail(-EOWNERDEAD, "the pool's supervisor died and cannot be replaced");
	case POOL_UNPLUGGED:
		return sheaf_fail(-EBADF,
				  "this process has closed the pool's file descriptors, as closefrom() does: the pool has "
				  "ended; create pools after that, or keep their descriptors open");
	default:
		return 0;
	}
}

int member_shut(struct member *member)
{
	/*
	 * Acquire, pairs with state_change() in state.c: else what the owner asked for could be
	 * read too early.
	 */
	uint32_t state = load_acquire(&member->segment->control->state);
	int r = member_fail(member, state);

	/* A task of a closed pool still runs, and so does what it submits. */
	if (r || member_is_task(member) || (state != POOL_CLOSED && state != POOL_FINISHED))
		return r;
	return sheaf_fail(-EPIPE, "the pool is closed");
}

void member_kill(struct member *member, uint64_t owned)
{
	struct word w = word_unpack(owned);
	unsigned generation;

	if (w.seat >= member->segment->worker_count)
		return;
	/* Relaxed: the supervisor compares the generation again. */
	generation = load_relaxed(&member->segment->seats[w.seat].generation);
	if ((generation & GENERATION_MASK) == w.generation)
		member->ops->kill(member, w.seat, generation);
}

int member_may_kill(const struct segment *segment, const char *call, const char *what)
{
	if (!segment->threaded || segment->lenient)
		return 0;
	return sheaf_fail(-ENOTSUP, "%s: %s needs a worker that can be killed, and %s: leave it out, or use SHEAF_PROCESSES",
			  call, what,
			  segment->inlined ? "the tasks of this pool run in the thread that waits (SHEAF_INLINE)"
					   : "those of this pool are threads (SHEAF_THREADS)");
}

int member_may_limit(const struct segment *segment, const char *call, const char *option, uint64_t limit_ns)
{
	return limit_of(limit_ns, 0) ? member_may_kill(segment, call, option) : 0;
}

bool member_serve(struct member *member)
{
	return member->ops->serve && member->ops->serve(member, NULL, 0, false);
}

int member_look(struct member *member, bool now)
{
	uint64_t time = sheaf_now_ns();
	int cancel, r;

	/* Relaxed: two threads may check at once. */
	if (!now && time - load_relaxed(&member->looked_ns) < CHECK_EVERY_NS)
		return member_fail(member, load_acquire(&member->segment->control->state));
	store_relaxed(&member->looked_ns, time);
	cancel = cancel_refuse();
	r = member->ops->look(member);
	cancel_allow(cancel);
	return r;
}

int member_interrupt(struct member *member)
{
	/* Relaxed, both: only numbers, which never shrink. */
	unsigned now = load_relaxed(&member->interrupts);
	unsigned told = load_relaxed(&member->told);

	while ((int)(now - told) > 0 && !cas_weak_relaxed(&member->told, &told, now))
		continue;
	return sheaf_fail(-EINTR, member->host_ends ? "interrupted by sheaf_pool_interrupt(), or because "
						      "options.interrupted() of the pool returned true"
						    : "interrupted by sheaf_pool_interrupt()");
}

bool member_ask(const struct member *member)
{
	/* A thread is cancelled in its sleep, and nowhere else. */
	int cancel = cancel_refuse();
	/* The host may use the pool, also where its thread is about to run tasks. */
	struct member_scope before = member_run_tasks_of(NULL);
	bool ends = member->host_ends(member->host);

	member_end_tasks(before);
	cancel_allow(cancel);
	return ends;
}

bool member_ask_now_and_then(const struct member *member, struct asking *asking)
{
	uint64_t now = sheaf_now_ns();

	if (!asking->asked_ns)
		asking->asked_ns = now;
	if (asking->ends || now - asking->asked_ns < CHECK_EVERY_NS)
		return asking->ends;
	asking->asked_ns = now;
	asking->ends = member_ask(member);
	return asking->ends;
}
