/*
 * crew.c - the workers of a supervisor.
 *
 * Supervisor and spare are single-threaded, allocate nothing, and descend from a fork of the owner
 * as it was when the pool was created. So they may fork at any time, whatever threads the host has
 * by now, and their children are copies of the owner at creation. A worker's seat is made ready
 * before the fork, because the worker inherits it, and others see hints.
 *
 * Writers           The seat of a worker that does not run: the supervisor. Its pid and generation,
 *                   always: the supervisor. kill: the owner, and the supervisor sets it to 0.
 *                   hooks.started, and hooks.teller once all workers are dead: the supervisor.
 * Edges             Generation: release to segment_is_orphan(), which must not see a successor
 *                   before the repair of the dead one's words. And seq_cst with worker_ring() in
 *                   bell.c, so that a token for everybody reaches the successor, or the successor
 *                   sees why it came.
 * Deaths            Of the supervisor: all its workers die with it, by the kernel's order or by the
 *                   next supervisor's. See spare.c.
 */
#include "pool/crew.h"

#include "base/atomic.h"
#include "batch/open.h"
#include "member/handles.h"
#include "os/os.h"
#include "os/place.h"
#include "pool/demand.h"
#include "pool/lastwords.h"
#include "pool/leaving.h"
#include "pool/place.h"
#include "pool/programs.h"
#include "pool/recover.h"
#include "pool/seat.h"
#include "pool/setup.h"
#include "pool/state.h"
#include "queue/bell.h"
#include "queue/ring.h"
#include "segment/names.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define GRACE_NS (SECOND / 5) /* for idle workers of a pool that is over; the owner waits longer */
#define GRACE_CHECK_NS 10000000
#define FIRST_GRACE_NS 300000

/*
 * Name the process as ps shows it, in 15 letters. By hand, because the first call of snprintf()
 * costs each worker five page faults.
 */
static void name_worker(unsigned worker)
{
	char name[16] = "sheaf-work/", digits[4];
	size_t end = worker < 100 ? sizeof("sheaf-worker/") - 1 : sizeof("sheaf-work/") - 1, count = 0;

	if (worker < 100)
		memcpy(name, "sheaf-worker/", end);
	do
		digits[count++] = (char)('0' + worker % 10);
	while ((worker /= 10));
	while (count)
		name[end++] = digits[--count];
	os_name_process(name);
}

_Noreturn static void worker_main(struct supervisor *s, unsigned worker, unsigned generation, pid_t supervisor)
{
	struct segment *segment = s->segment;
	sigset_t none;

	/*
	 * Before the check of the parent, so that a spare that finds no lock knows that no worker
	 * goes on.
	 */
	os_lock(segment->fd, OS_LOCK_WORKERS + worker);
	if (!os_die_with_parent(supervisor, SIGKILL))
		_exit(1);
	/* The supervisor's signals are a worker's, but for those that it waits for. */
	os_reset_signal(SIGCHLD);
	os_reset_signal(CHECK_SIGNAL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	name_worker(worker);
	handles_enter_tasks();
	batch_enter_tasks(worker);
	segment_adopt(segment);
	demand_enter_worker(segment, supervisor);
	lastwords_prepare(&segment->seats[worker]);
	/* What was possible at the pool's creation, for every worker, no longer is. */
	if (place_take(segment->place, worker, false))
		_exit(1);
	/* Until here a busy worker gives way to it, as to the supervisor. */
	os_restore_slice();
	leaving_run(segment, worker, generation, supervisor);
}

static int spawn_worker(struct supervisor *s, unsigned worker)
{
	struct shared_seat *w = &s->segment->seats[worker];
	/* Relaxed: the first goes on from our predecessor's. */
	unsigned generation = 1 + (s->role.generations[worker] ? s->role.generations[worker] : load_relaxed(&w->generation));
	pid_t me = getpid(), pid;

	seat_prepare(w, generation);
	setup_prepare(s, worker);
	limits_forget(&s->role.limits, worker);
	/*
	 * Release, pairs with segment_has_member(): else a successor could be seen before the
	 * repair. Seq_cst, pairs with worker_ring() in bell.c.
	 */
	store_seq_cst(&w->generation, generation);
	/* What its tasks fork is not of the family. */
	pid = forks_fork(
		(const struct forks_fd *const[]){s->all, &s->role.crew, &s->segment->news[0], &s->segment->news[1], NULL});
	if (!pid)
		worker_main(s, worker, generation, me);
	if (pid < 0)
		return -errno;
	store_relaxed(&w->pid, pid);
	s->role.pids[worker] = pid;
	s->role.generations[worker] = generation;
	s->role.live++;
	fetch_add_relaxed(&s->segment->control->hooks.started, 1); /* a statistic */
	return 0;
}

static pid_t pid_of_worker(const struct supervisor *s, unsigned worker)
{
	return s->role.pids[worker];
}

void crew_restore(struct supervisor *s)
{
	for (unsigned worker = 0; worker < s->segment->worker_count; worker++) {
		struct shared_seat *w = &s->segment->seats[worker];

		if (!s->role.pids[worker])
			continue;
		if (load_relaxed(&w->pid) != s->role.pids[worker])
			store_relaxed(&w->pid, s->role.pids[worker]);
		if (load_relaxed(&w->generation) != s->role.generations[worker])
			store_relaxed(&w->generation, s->role.generations[worker]);
	}
}

int crew_spawn_missing(struct supervisor *s)
{
	s->role.fork_failed = false;
	for (unsigned worker = 0; worker < s->wanted; worker++) {
		bool missing = demand_wants(s, worker) && !pid_of_worker(s, worker) && setup_is_due(s, worker);
		int r = missing ? spawn_worker(s, worker) : 0;

		if (r) {
			s->role.fork_failed = true;
			return r;
		}
	}
	return 0;
}

void crew_kill(struct supervisor *s)
{
	for (unsigned worker = 0; worker < s->segment->crew_count; worker++)
		if (pid_of_worker(s, worker))
			kill(pid_of_worker(s, worker), SIGKILL);
	/* Not for any child: the host's atfork handlers may have forked here, too. */
	for (unsigned worker = 0; worker < s->segment->crew_count; worker++) {
		while (pid_of_worker(s, worker) && waitpid(pid_of_worker(s, worker), NULL, 0) < 0 && errno == EINTR)
			;
		s->role.pids[worker] = 0; /* the number may be somebody else's from now on */
		store_relaxed(&s->segment->seats[worker].pid, 0);
	}
}

/* Reap the workers that have ended by themselves. True: one that is not @busy still lives. */
static bool idle_workers_live(struct supervisor *s, const bool *busy)
{
	bool idle = false;

	for (unsigned worker = 0; worker < s->segment->crew_count; worker++) {
		if (busy[worker] || !pid_of_worker(s, worker))
			continue;
		if (waitpid(pid_of_worker(s, worker), NULL, WNOHANG) == pid_of_worker(s, worker))
			s->role.pids[worker] = 0;
		else
			idle = true;
	}
	return idle;
}

/*
 * Wait a little for the workers with nothing in hand, and for no other. The state says that the
 * pool is over, so they end by themselves once they are rung, and write out what tasks have left in
 * streams. Most end at once, before it is worth a scan of all slots for those that are busy.
 */
void crew_let_idle_end(struct supervisor *s)
{
	static bool busy[SHEAF_MAX_WORKERS];
	uint64_t now = sheaf_now_ns(), deadline = now + GRACE_NS + setup_exit_ns(s), scan = now + FIRST_GRACE_NS, until;
	sigset_t deaths;

	sigemptyset(&deaths);
	sigaddset(&deaths, SIGCHLD);
	memset(busy, 0, s->segment->worker_count * sizeof(busy[0]));
	workers_ring_all(s->segment);
	for (; idle_workers_live(s, busy) && now < deadline; now = sheaf_now_ns()) {
		if (now >= scan) {
			recover_busy(s->segment, busy);
			setup_mark_unset(s, busy);
			scan = UINT64_MAX;
			continue;
		}
		until = scan < now + GRACE_CHECK_NS ? scan : now + GRACE_CHECK_NS;
		os_wait_signal(&deaths, until - now);
	}
}

void crew_kill_one(struct supervisor *s, unsigned worker)
{
	if (worker >= s->segment->crew_count)
		programs_kill(s, worker);
	else
		kill(pid_of_worker(s, worker), SIGKILL);
}

void crew_serve_kills(struct supervisor *s)
{
	for (unsigned worker = 0; worker < s->segment->worker_count; worker++) {
		struct shared_seat *w = &s->segment->seats[worker];
		uint32_t kill_generation = load_relaxed(&w->kill);

		if (kill_generation && pid_of_worker(s, worker) && kill_generation == s->role.generations[worker] + 1)
			crew_kill_one(s, worker);
	}
}

unsigned crew_find(struct supervisor *s, pid_t pid)
{
	unsigned worker = 0;

	while (worker < s->segment->crew_count && pid_of_worker(s, worker) != pid)
		worker++;
	return worker;
}

bool crew_wanted(struct supervisor *s)
{
	return state_of(s->segment) == POOL_OPEN || (state_of(s->segment) == POOL_CLOSED && rings_have_ready(s->segment));
}

void crew_recover_all(struct supervisor *s)
{
	for (unsigned worker = 0; worker < s->segment->crew_count; worker++) {
		struct shared_seat *w = &s->segment->seats[worker];
		struct death death = {
			.seat = worker,
			.generation = load_relaxed(&w->generation),
			.pid = load_relaxed(&w->pid),
			.signal = SIGKILL,
			.exit_code = -1,
			.innocent = true,
			.cursor = load_relaxed(&w->cursor),
		};

		recover(s->segment, &death, &s->role.region);
		s->role.orphans = true;
		store_relaxed(&w->pid, 0);
	}
	/* Relaxed: all that could hold it are dead. */
	store_relaxed(&s->segment->control->hooks.teller, 0);
}
