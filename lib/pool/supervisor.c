/*
 * supervisor.c - the small process between owner and workers: what it does, round by round.
 *
 * It forks the workers (crew.c), notices deaths and repairs what they leave (deaths.c), enforces
 * time limits (limits.c), gives unused memory back (stocktake.c), keeps a spare (spare.c), and ends
 * with its owner or its pool (ending.c).
 * The host sees one child and no SIGCHLD of workers. The family is a process group of its own, so
 * Ctrl-C does not reach it, and the owner can kill all of it at once.
 *
 * Writers           control->start: the first supervisor, once. control->supervisors: each one.
 *                   hooks.broke: the one that gives the pool up. The rest: see the files above.
 * Deaths            Of the supervisor at any instruction: its workers die, and its spare repairs
 *                   what they left, from the words alone.
 */
#include "pool/supervisor.h"

#include "base/atomic.h"
#include "os/os.h"
#include "os/output.h"
#include "os/place.h"
#include "pool/crew.h"
#include "pool/deaths.h"
#include "pool/demand.h"
#include "pool/ending.h"
#include "pool/places.h"
#include "pool/programs.h"
#include "pool/setup.h"
#include "pool/spare.h"
#include "pool/state.h"
#include "pool/stocktake.h"
#include "queue/bell.h"
#include "queue/ring.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

/* So long without being able to start any worker breaks the pool. */
#define NO_WORKER_NS (10 * SECOND)
#define FIRST_SPARE_NS 1000000 /* a pool that lives for no longer is spared its cost */

static void tell_start(struct shared_control *control, uint32_t how)
{
	/*
	 * Release, pairs with family_start(): else the owner could read the workers' pids before
	 * they are stored.
	 */
	store_release(&control->start, how);
	start_ring(control);
}

/* Give up a pool in which no worker has been able to run tasks for a while. */
static void brake_without_workers(struct supervisor *s, uint64_t now)
{
	if (setup_has_hope(s)) {
		s->role.last_live_ns = now;
		return;
	}
	if (now - s->role.last_live_ns <= NO_WORKER_NS)
		return;
	/* Relaxed: the state hands it over. */
	store_relaxed(&s->segment->control->hooks.broke, !s->role.fork_failed);
	if (state_end(s->segment, POOL_BROKEN))
		state_wake_everybody(s->segment);
}

_Noreturn static void end_start(struct supervisor *s, int how)
{
	spare_kill(s);
	crew_kill(s);
	tell_start(s->segment->control, (uint32_t)how);
	_exit(1);
}

/*
 * Tell the owner when all first workers are set up, or when one of them could not be. Their deaths
 * are repaired by now.
 */
static void follow_start(struct supervisor *s, uint64_t now)
{
	if (s->role.unset || s->role.live < demand_count(s))
		end_start(s, -ECHILD);
	if (s->role.set_up < s->role.live)
		return;
	s->role.starting = false;
	s->role.spare_due_ns = now + FIRST_SPARE_NS;
	tell_start(s->segment->control, 1);
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Sleep until something happens, or the time is over. */
static void sleep_for(struct supervisor *s, uint64_t nap)
{
	int fds[OS_MOST_NEWS] = {s->life->fd};

	nap = programs_nap(s, least(nap, os_parent_check_ns()));
	if (s->role.fork_failed)
		nap = least(nap, FORK_RETRY_NS);
	if (s->role.has_crew && !s->role.spare)
		nap = spare_nap(s, sheaf_now_ns(), nap);
	limits_sleep(&s->role.limits, nap);
	if (os_wait_news(fds, programs_watch(s, fds, 1), nap))
		ending_read_wishes(s);
}

/* Do the work of a supervisor. Returns in a spare, when that has taken over. */
static void supervise(struct supervisor *s)
{
	for (;;) {
		uint64_t now, nap, orphans, setup;

		ending_follow_owner(s);
		deaths_repair(s);
		places_look(s); /* before what the dead have left is freed */
		orphans = deaths_free_orphans(s);
		deaths_watch_stops(s);
		crew_restore(s);
		crew_serve_kills(s);
		/*
		 * Only a supervisor says so, and not while workers live, so a task has written it.
		 * If the pool is open, the owner sees that it is not closed.
		 */
		if (state_of(s->segment) == POOL_FINISHED && (s->role.live || rings_have_work(s->segment)))
			state_change(s->segment, POOL_FINISHED, POOL_CLOSED);
		now = sheaf_now_ns();
		setup = setup_watch(s, now);
		if (s->role.starting)
			follow_start(s, now);
		demand_look(s);
		if (crew_wanted(s))
			crew_spawn_missing(s);
		brake_without_workers(s, now);
		if (ending_finish(s) || state_of(s->segment) == POOL_FINISHED) {
			stocktake_end(s);
			ending_leave(s, POOL_FINISHED);
		}
		if (state_of(s->segment) >= POOL_TERMINATED) {
			if (s->role.spare)
				/* It ends while the workers do; ending_leave(s) waits for it. */
				kill(s->role.spare, SIGKILL);
			crew_let_idle_end(s);
			crew_kill(s);
			ending_leave(s, POOL_BROKEN);
		}
		nap = stocktake(s, now, limits_enforce(&s->role.limits, s->role.pids));
		programs_kill_late(s);
		if (spare_spawn(s))
			return;
		sleep_for(s, least(least(nap, orphans), setup));
		limits_wake(&s->role.limits, s->role.pids);
	}
}

/* Prepare the signals of a child of the owner. A spare has them from its supervisor. */
static void begin_signals(void)
{
	sigset_t mine;

	sigemptyset(&mine);
	sigaddset(&mine, SIGCHLD);
	sigaddset(&mine, CHECK_SIGNAL);
	os_reset_signals(&mine);
	os_notice_signal(SIGCHLD);
	os_notice_signal(CHECK_SIGNAL);
}

/*
 * Go to work: the process has the supervisor's lock, and no worker lives. @successor: there were
 * workers. 0, or why no worker can be started.
 */
static int begin_work(struct supervisor *s, bool successor)
{
	s->role.last_live_ns = s->role.window_ns = sheaf_now_ns();
	if (successor) {
		crew_recover_all(s);
		stocktake_end(s);
		/*
		 * The last one may have died after it declared the pool finished, before it checked
		 * the ring.
		 */
		if (rings_have_work(s->segment))
			state_change(s->segment, POOL_FINISHED, POOL_CLOSED);
	}
	demand_begin(s, successor);
	/* Relaxed: a statistic. */
	fetch_add_relaxed(&s->segment->control->supervisors, 1);
	return crew_wanted(s) ? crew_spawn_missing(s) : 0;
}

/*
 * Go to work as the successor of a supervisor that died. A pool whose supervisors die one after the
 * other without any task being ended or given up is given up. They would do so for ever.
 */
static void lead(struct supervisor *s)
{
	ending_follow_owner(s); /* before there are workers, whose tasks may kill this process */
	if (s->successors > MOST_SUCCESSORS && state_end(s->segment, POOL_LOST))
		state_wake_everybody(s->segment);
	(void)begin_work(s, true); /* supervise() tries again */
}

/*
 * Begin as the first supervisor of a family. False in a spare, which has taken over before there
 * was a worker.
 */
static bool open_family(struct supervisor *s, const struct supervision *supervision)
{
	int r = os_lock(s->segment->fd, OS_LOCK_SUPERVISOR);
	bool led = !r;

	if (led) {
		spare_prepare(s);
		/* What has killed a family may kill this process as soon as there are workers. */
		if (supervision->successor && spare_first(s))
			return false;
		r = begin_work(s, supervision->successor);
		s->role.starting = s->segment->workers.init && !supervision->successor;
		s->role.spare_due_ns = s->role.starting ? UINT64_MAX : sheaf_now_ns() + FIRST_SPARE_NS;
	}
	/* Without the lock it may repair nothing. The owner's next check starts another. */
	if (r && (!supervision->successor || !led))
		end_start(s, r);
	if (!s->role.starting)
		tell_start(s->segment->control, 1);
	return true;
}

_Noreturn void supervisor_main(const struct supervision *supervision)
{
	static struct supervisor it; /* one process, one role */
	struct supervisor *s = &it;
	/* Else the host has closed the owner's, and others may have their numbers. */
	bool news = news_open(supervision->segment);
	int keep[] = {supervision->segment->fd, supervision->all->fd, supervision->life->fd, supervision->segment->news[0].fd,
		      supervision->segment->news[1].fd};

	memset(s, 0, offsetof(struct supervisor, role));
	s->segment = supervision->segment;
	s->owner = supervision->owner;
	s->child = true;
	s->all = supervision->all;
	s->life = supervision->life;
	setpgid(0, 0); /* first: what comes for the host's group until now is dropped */
	begin_signals();
	role_begin(s, "sheaf-super");
	/* Each death waits for this process, and all CPUs may have busy workers. */
	os_shorten_slice();
	os_die_with_parent(s->owner, CHECK_SIGNAL); /* whether it lives, supervise(s) asks */
	if (!supervision->keep_fds) {
		os_close_files(keep, news ? 5 : 3);
		os_close_input();
	}
	output_drop(!supervision->keep_fds);
	if (!open_family(s, supervision))
		lead(s);
	for (;;) {
		supervise(s);
		lead(s);
	}
}
