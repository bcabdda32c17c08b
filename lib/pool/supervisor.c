/*
 * supervisor.c - forks the workers, notices deaths, repairs, replaces.
 *
 * It is single-threaded, allocates nothing, and was forked before the host could do more than the host had done: so it may fork at any
 * time, whatever threads the host has, and the host sees one child and no SIGCHLD of workers. It leads a process group of its own, so
 * Ctrl-C does not reach it or the workers, and the owner can kill the whole family at once.
 *
 * A dead worker is recovered before it is reaped (its pid names nobody else until then), and replaced after.
 */
#include "pool/supervisor.h"

#include "os/os.h"
#include "pool/lastwords.h"
#include "pool/recover.h"
#include "pool/worker.h"
#include "queue/doorbell.h"
#include "queue/ring.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECOND UINT64_C(1000000000)
#define FORK_RETRY_NS (20 * 1000000u)
#define FORGIVE_NS (SECOND / 10)
#define SWEEP_AGAIN_NS 1000000
#define SWEEPS 10000
#define LEAST_TICK_NS 1000000
#define NO_WORKER_NS (10 * SECOND) /* so long without being able to start any worker breaks the pool */

static struct {
	const struct supervision *of;
	struct segment *segment;
	struct region region;
	unsigned live;
	bool fork_failed;
	uint64_t last_live_ns;
	uint64_t limits_until_ns; /* how long to go on looking for tasks over their limits when no batch has one any more */
	uint64_t late[SHEAF_MAX_WORKERS]; /* the deadline for which a worker was killed; 0: none */
	/* Who is killed and waited for is never read from the segment: a wild task may have written over it. */
	pid_t pids[SHEAF_MAX_WORKERS];
	uint32_t generations[SHEAF_MAX_WORKERS];
	/* The brake. */
	uint64_t window_ns; /* when the window of fruitless deaths began */
	uint64_t completed; /* sum at the last death */
	unsigned fruitless; /* deaths since then without any task ended or given up */
} self;

static uint32_t pool_state(void)
{
	/* Acquire: nothing is handed over by the state, but what the owner did before it changed it shall not look later. */
	return atomic_load_explicit(&self.segment->control->state, memory_order_acquire);
}

static bool change_state(uint32_t from, uint32_t to)
{
	/* Seq_cst, with ring_has_work() behind it: see finish(). Relaxed: what a change that failed has read is not used. */
	return atomic_compare_exchange_strong_explicit(&self.segment->control->state, &from, to, memory_order_seq_cst,
						       memory_order_relaxed);
}

static void wake_everybody(void)
{
	doorbell_ring_all(self.segment);
	room_ring_all(self.segment);
	gatherer_ring_all(self.segment);
}

/* ---- workers ---- */

_Noreturn static void worker_main(unsigned worker, unsigned generation, pid_t supervisor)
{
	sigset_t none;

	if (!os_die_with_parent(supervisor, SIGKILL))
		_exit(1);
	sigemptyset(&none);
	os_reset_signals(&none);
	lastwords_prepare(&self.segment->workers[worker]);
	worker_run(self.segment, worker, generation, supervisor);
	fflush(stdout);
	_exit(0);
}

static int spawn(unsigned worker)
{
	struct shared_worker *w = &self.segment->workers[worker];
	/* Relaxed, all: the new worker inherits them over the fork; to others they are hints. The first goes on from our predecessor's. */
	unsigned generation = 1 + (self.generations[worker] ? self.generations[worker]
							    : atomic_load_explicit(&w->generation, memory_order_relaxed));
	pid_t me = getpid(), pid;

	sem_init(&w->bell[generation & 1], 1, 0);
	atomic_store_explicit(&w->cursor, CURSOR_NONE, memory_order_relaxed);
	atomic_store_explicit(&w->kill, 0, memory_order_relaxed);
	atomic_store_explicit(&w->looking, 0, memory_order_relaxed);
	atomic_store_explicit(&w->started, 0, memory_order_relaxed);
	atomic_store_explicit(&w->deadline, 0, memory_order_relaxed);
	w->fault = 0;
	w->frame_count = 0;
	self.late[worker] = 0;
	/* Releases to ring_is_orphan(). Seq_cst, pairs with post() in doorbell.c. */
	atomic_store_explicit(&w->generation, generation, memory_order_seq_cst);
	pid = forks_fork(self.of->crew); /* what its tasks fork is not of the family */
	if (!pid)
		worker_main(worker, generation, me);
	if (pid < 0)
		return -errno;
	atomic_store_explicit(&w->pid, pid, memory_order_relaxed);
	self.pids[worker] = pid;
	self.generations[worker] = generation;
	self.live++;
	return 0;
}

static pid_t pid_of(unsigned worker)
{
	return self.pids[worker];
}

/* The words that only we write say again what we wrote. Relaxed, all: to others they are hints. */
static void restore(void)
{
	for (unsigned worker = 0; worker < self.segment->worker_count; worker++) {
		struct shared_worker *w = &self.segment->workers[worker];

		if (!self.pids[worker])
			continue;
		atomic_store_explicit(&w->pid, self.pids[worker], memory_order_relaxed);
		atomic_store_explicit(&w->generation, self.generations[worker], memory_order_relaxed);
	}
}

static int spawn_missing(void)
{
	self.fork_failed = false;
	for (unsigned worker = 0; worker < self.segment->worker_count; worker++) {
		int r = pid_of(worker) ? 0 : spawn(worker);

		if (r) {
			self.fork_failed = true;
			return r;
		}
	}
	return 0;
}

static void kill_workers(void)
{
	for (unsigned worker = 0; worker < self.segment->worker_count; worker++)
		if (pid_of(worker))
			kill(pid_of(worker), SIGKILL);
	/* Not for any child: the host's atfork handlers may have forked here, too. */
	for (unsigned worker = 0; worker < self.segment->worker_count; worker++) {
		while (pid_of(worker) && waitpid(pid_of(worker), NULL, 0) < 0 && errno == EINTR)
			;
		self.pids[worker] = 0; /* the number may be somebody else's from now on */
		atomic_store_explicit(&self.segment->workers[worker].pid, 0, memory_order_relaxed);
	}
}

/* Kills what the owner asked for, unless it is dead and replaced already. */
static void serve_kills(void)
{
	for (unsigned worker = 0; worker < self.segment->worker_count; worker++) {
		struct shared_worker *w = &self.segment->workers[worker];
		uint32_t kill_generation = atomic_load_explicit(&w->kill, memory_order_relaxed);

		if (kill_generation && pid_of(worker) && kill_generation == self.generations[worker] + 1)
			kill(pid_of(worker), SIGKILL);
	}
}

/* ---- time limits ---- */

/*
 * How often to look for tasks over their limits; 0: not at all. A task that starts after one look has at least twice that time, so the
 * next look sees its deadline before it passes. Goes on for a second after the last batch with a limit, so that an owner that opens
 * one after the other need not wake us for each.
 */
static uint64_t limits_tick(uint64_t now)
{
	struct shared_control *control = self.segment->control;
	uint64_t shortest = atomic_load_explicit(&control->shortest_ns, memory_order_seq_cst), before, tick;

	do {
		before = shortest;
		/* Relaxed: only a supervisor writes it. */
		tick = atomic_load_explicit(&control->tick_ns, memory_order_relaxed);
		if (shortest) {
			tick = shortest / 2 > LEAST_TICK_NS ? shortest / 2 : LEAST_TICK_NS;
			self.limits_until_ns = now + SECOND;
		} else if (now >= self.limits_until_ns) {
			tick = 0;
		}
		/* Seq_cst, both: the owner says what limit there is, then looks how often we look. One of us sees the other. */
		atomic_store_explicit(&control->tick_ns, tick, memory_order_seq_cst);
		shortest = atomic_load_explicit(&control->shortest_ns, memory_order_seq_cst);
	} while (shortest != before);
	return tick;
}

/* Kills the workers whose tasks are over their limits. How long it may be until the next look. */
static uint64_t enforce_limits(uint64_t now)
{
	uint64_t tick = limits_tick(now), nap = tick ? tick : UINT64_MAX;

	for (unsigned worker = 0; tick && worker < self.segment->worker_count; worker++) {
		/* Relaxed: if it is not the task in hand any more, that shows when the worker is dead. */
		uint64_t deadline = atomic_load_explicit(&self.segment->workers[worker].deadline, memory_order_relaxed);

		if (!pid_of(worker) || !deadline || self.late[worker])
			continue;
		if (deadline > now) {
			nap = deadline - now < nap ? deadline - now : nap;
		} else {
			self.late[worker] = deadline;
			kill(pid_of(worker), SIGKILL);
		}
	}
	return nap;
}

/* ---- deaths ---- */

/*
 * Workers that die one after the other without ending or giving up a single task would do so for ever. The limit is
 * above what tasks that kill can cause: each worker's may die as often as allowed before the first is given up, which counts as progress.
 * A few deaths per second are never too many.
 */
static void brake(void)
{
	uint64_t completed = atomic_load_explicit(&self.segment->control->given_up, memory_order_relaxed), now = sheaf_now_ns();
	uint64_t forgiven = (now - self.window_ns) / FORGIVE_NS;

	for (unsigned worker = 0; worker < self.segment->worker_count; worker++)
		completed += atomic_load_explicit(&self.segment->workers[worker].completed, memory_order_relaxed);
	if (completed != self.completed || forgiven >= self.fruitless) {
		self.completed = completed;
		self.window_ns = now;
		self.fruitless = 0;
	} else {
		self.window_ns += forgiven * FORGIVE_NS;
		self.fruitless -= (unsigned)forgiven;
	}
	if (++self.fruitless > 64 + SHEAF_MAX_ATTEMPTS * self.segment->worker_count &&
	    (change_state(POOL_OPEN, POOL_BROKEN) || change_state(POOL_CLOSED, POOL_BROKEN)))
		wake_everybody();
}

static void bury(unsigned worker, const siginfo_t *info)
{
	struct shared_worker *w = &self.segment->workers[worker];
	struct death death = {
		.worker = worker,
		.generation = self.generations[worker],
		.pid = info->si_pid,
		.signal = info->si_code == CLD_EXITED ? 0 : info->si_status,
		.exit_code = info->si_code == CLD_EXITED ? info->si_status : -1,
	};
	unsigned settled;

	restore();
	/* Killed by order. The task in hand may be another one than the order meant, so it is not charged unless it is late itself. */
	death.innocent = self.late[worker] || atomic_load_explicit(&w->kill, memory_order_relaxed) == death.generation + 1;
	death.late = self.late[worker] && self.late[worker] == atomic_load_explicit(&w->deadline, memory_order_relaxed);
	death.started_ns = atomic_load_explicit(&w->started, memory_order_relaxed);
	death.ended_ns = sheaf_now_ns();
	lastwords_read(w, &death);
	settled = recover(self.segment, &death, &self.region);

	atomic_store_explicit(&w->pid, 0, memory_order_relaxed);
	self.pids[worker] = 0;
	self.live--;
	/* A worker that leaves a closed pool with empty hands has not died. */
	if (death.innocent || (!settled && pool_state() == POOL_CLOSED && !death.signal && !death.exit_code))
		return;
	atomic_fetch_add_explicit(&self.segment->control->deaths, 1, memory_order_relaxed);
	brake();
}

/* Recovers every worker that has ended, then reaps it. */
static void bury_the_dead(void)
{
	for (;;) {
		siginfo_t info;
		unsigned worker;

		memset(&info, 0, sizeof(info));
		if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) || !info.si_pid)
			return;
		for (worker = 0; worker < self.segment->worker_count; worker++)
			if (pid_of(worker) == info.si_pid)
				break;
		if (worker < self.segment->worker_count)
			bury(worker, &info);
		waitpid(info.si_pid, NULL, 0);
	}
}

/* ---- the end ---- */

_Noreturn static void owner_died(void)
{
	kill_workers();
	/* The threads of a process end one after the other, and its lock goes with the last. */
	for (unsigned i = 0; self.segment->name[0] && i < SWEEPS; i++) {
		if (os_sweep_open(self.segment->fd, self.segment->name) != -EAGAIN)
			break;
		os_sleep_ns(SWEEP_AGAIN_NS);
	}
	_exit(0);
}

/* An owner that calls exec() is gone, too: its memory and its handle are. */
static bool owner_lives(void)
{
	struct pollfd life = {.fd = self.of->life, .events = POLLIN};

	return getppid() == self.of->owner && poll(&life, 1, 0) <= 0;
}

/*
 * A closed pool is finished when no worker is left and the ring is empty. A submitter may have been on its way when the pool was
 * closed: it publishes, then looks at the state; we change the state, then look at the ring. One of us sees the other (all seq_cst).
 */
static bool finish(void)
{
	if (self.live || ring_has_work(self.segment) || !change_state(POOL_CLOSED, POOL_FINISHED))
		return false;
	if (ring_has_work(self.segment)) {
		change_state(POOL_FINISHED, POOL_CLOSED);
		return false;
	}
	wake_everybody();
	return true;
}

/*
 * The pool is over. As long as its segment has a name, somebody has to be here who takes that away when the owner is killed; the owner
 * takes it away when it joins, terminates or destroys the pool.
 */
_Noreturn static void leave(const sigset_t *wake)
{
	struct stat status;

	while (!fstat(self.segment->fd, &status) && status.st_nlink) {
		if (!owner_lives())
			owner_died();
		os_wait_signal(wake, os_parent_check_ns());
	}
	_exit(0);
}

static bool wants_workers(void)
{
	return pool_state() == POOL_OPEN || (pool_state() == POOL_CLOSED && ring_has_ready(self.segment));
}

static void supervise(void)
{
	sigset_t wake;

	sigemptyset(&wake);
	sigaddset(&wake, SIGCHLD);
	sigaddset(&wake, SUPERVISOR_SIGNAL);
	for (;;) {
		uint64_t now, nap;

		if (!owner_lives())
			owner_died();
		bury_the_dead();
		serve_kills();
		if (wants_workers())
			spawn_missing();
		now = sheaf_now_ns();
		if (self.live || !self.fork_failed)
			self.last_live_ns = now;
		else if (now - self.last_live_ns > NO_WORKER_NS &&
			 (change_state(POOL_OPEN, POOL_BROKEN) || change_state(POOL_CLOSED, POOL_BROKEN)))
			wake_everybody();
		if (finish())
			leave(&wake);
		if (pool_state() >= POOL_TERMINATED) {
			kill_workers();
			leave(&wake);
		}
		nap = enforce_limits(now);
		if (nap > os_parent_check_ns())
			nap = os_parent_check_ns();
		os_wait_signal(&wake, self.fork_failed && nap > FORK_RETRY_NS ? FORK_RETRY_NS : nap);
	}
}

/* The workers of an earlier supervisor were killed when it died, which is not their tasks' fault. */
static void recover_all(void)
{
	for (unsigned worker = 0; worker < self.segment->worker_count; worker++) {
		struct shared_worker *w = &self.segment->workers[worker];
		struct death death = {
			.worker = worker,
			.generation = atomic_load_explicit(&w->generation, memory_order_relaxed),
			.pid = atomic_load_explicit(&w->pid, memory_order_relaxed),
			.signal = SIGKILL,
			.exit_code = -1,
			.innocent = true,
		};

		recover(self.segment, &death, &self.region);
		atomic_store_explicit(&w->pid, 0, memory_order_relaxed);
	}
}

static void tell_start(struct shared_control *control, uint32_t how)
{
	/* Release, pairs with the owner's acquire in family.c. */
	atomic_store_explicit(&control->start, how, memory_order_release);
	sem_post(&control->started);
}

_Noreturn void supervisor_main(const struct supervision *supervision)
{
	struct shared_control *control = supervision->segment->control;
	int keep[] = {supervision->segment->fd, supervision->crew->fd, supervision->life};
	sigset_t mine;
	int r;

	self.of = supervision;
	self.segment = supervision->segment;
	setpgid(0, 0); /* first: what comes for the host's group until now is dropped */
	sigemptyset(&mine);
	sigaddset(&mine, SIGCHLD);
	sigaddset(&mine, SUPERVISOR_SIGNAL);
	os_reset_signals(&mine);
	os_drop_output();
	os_die_with_parent(supervision->owner, SUPERVISOR_SIGNAL); /* whether it lives, supervise() asks */
	if (!supervision->keep_fds)
		os_close_files(keep, 3);
	self.last_live_ns = self.window_ns = sheaf_now_ns();
	if (supervision->successor)
		recover_all();
	/* Relaxed: a statistic. */
	atomic_fetch_add_explicit(&control->supervisors, 1, memory_order_relaxed);
	r = wants_workers() ? spawn_missing() : 0;
	if (r && !supervision->successor) {
		kill_workers();
		tell_start(control, (uint32_t)r);
		_exit(1);
	}
	tell_start(control, 1);
	supervise();
	_exit(0);
}
