/*
 * supervisor.c - forks the workers, notices deaths, repairs, replaces; and the spare that takes over when it dies.
 *
 * Both are single-threaded, allocate nothing, and descend from a fork of the owner as it was when the pool was created. So they may fork at
 * any time, whatever threads the host has by now, and their children are copies of the owner at creation, whoever dies. The host sees
 * one child and no SIGCHLD of workers. The family is a process group of its own, so Ctrl-C does not reach it, and the owner can kill all of
 * it at once.
 *
 * A dead worker is recovered before it is reaped (its pid names nobody else until then), and replaced after.
 *
 * Roles             Every process of the family begins its role by clearing `self`: what its parent knew in another role, also as the owner
 *                   of a pool around this one, is not its own.
 * Who leads         The process that holds the supervisor's lock (os.h). Each spare first takes one of two spares' locks. When it takes over, it
 *                   waits until the next spare holds the other one, takes the supervisor's lock, and only then drops its own.
 *                   The first spare is forked a millisecond after the workers; sheaf_pool_get_info() waits for it.
 * Edges             S1  the spare has its lock: the supervisor may die. S2  the spare learns that the supervisor is dead, from the kernel.
 *                   S3  all of the dead supervisor's workers are dead, which the end of their pipe says. S4  the next spare has its lock.
 *                   S5  the spare has the supervisor's lock: only now are words repaired.
 */
#include "pool/supervisor.h"

#include "base/atomic.h"
#include "member/handles.h"
#include "os/os.h"
#include "os/output.h"
#include "pool/lastwords.h"
#include "pool/leaving.h"
#include "pool/limits.h"
#include "pool/recover.h"
#include "queue/bell.h"
#include "queue/ring.h"
#include "segment/sweep.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECOND UINT64_C(1000000000)
#define FORK_RETRY_NS ((uint64_t)20 * 1000000)
#define FORGIVE_NS (SECOND / 10)
#define SWEEP_AGAIN_NS 1000000
#define SWEEPS 10000
#define GRACE_NS (SECOND / 5) /* for idle workers of a pool that is over; the owner waits longer */
#define GRACE_LOOK_NS 10000000
#define FIRST_GRACE_NS 300000
#define NO_WORKER_NS (10 * SECOND) /* so long without being able to start any worker breaks the pool */
#define MOST_SUCCESSORS 64         /* without any task ended between them */
#define LOCK_AGAIN_NS 1000000
#define LOCK_TRIES 1000
#define CREW_LOOK_MS 1
#define FIRST_SPARE_NS 1000000 /* a pool that lives for no longer is spared its cost */
#define SPARE_LOOK_NS 20000
#define SPARE_LOOKS 50000
#define SPARE_YIELDS 1000
#define KILL_CREW_NS 20000000 /* the kernel kills workers faster than that, if it does */
#define UNLOCKED_NS SECOND    /* so long without a lock of any worker: children of tasks hold the pipe, or it cannot be had */

/* A notice, to a supervisor that its owner's thread died and to a spare that its supervisor died: look. */
#define LOOK_SIGNAL SIGUSR1

/* What a spare inherits from its supervisor, and a successor goes on with. */
static struct {
	struct segment *segment;
	pid_t owner;
	bool child; /* of the owner */
	struct forks_fd *all, *life;
	struct forks_fd crew_end; /* read end of the pipe that the supervisor holds, with its workers */
	unsigned side;            /* which of the two locks the spare has */
	uint64_t completed;       /* tasks that had ended when this supervisor began */
	unsigned successors;      /* since the last one under which a task ended */
} line;

/* What belongs to a role; see "Roles". */
static struct self {
	struct region region;
	struct forks_fd crew; /* write end of the pipe that the supervisor and its workers hold, and no others */
	bool has_crew;
	pid_t spare;           /* 0: there is none */
	uint64_t spare_due_ns; /* not to be forked before */
	unsigned live;
	bool fork_failed;
	uint64_t last_live_ns;
	/* The brake. */
	uint64_t window_ns; /* when the window of fruitless deaths began */
	uint64_t completed; /* sum at the last death */
	unsigned fruitless; /* deaths since then without any task ended or given up */
	struct limits limits;
	/* The pids to kill and to wait for come from here, never from the segment: a wild task may have written over it. */
	pid_t pids[SHEAF_MAX_WORKERS];
	uint32_t generations[SHEAF_MAX_WORKERS];
} self;

static uint32_t pool_state(void)
{
	/* Acquire: nothing is handed over by the state, but what the owner did before it changed it shall not look later. */
	return load_acquire(&line.segment->control->state);
}

static bool change_state(uint32_t from, uint32_t to)
{
	/* Seq_cst, with ring_has_work() behind it: see finish(). Relaxed: what a change that failed has read is not used. */
	return cas_seq_cst(&line.segment->control->state, &from, to);
}

static void wake_everybody(void)
{
	workers_ring_all(line.segment);
	room_ring_all(line.segment);
	gatherer_ring_all(line.segment);
}

/* ---- workers ---- */

/* As ps shows it, in 15 letters. By hand: the first call of snprintf() costs each worker five page faults. */
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

_Noreturn static void worker_main(unsigned worker, unsigned generation, pid_t supervisor)
{
	struct segment *segment = line.segment;
	sigset_t none;

	/* Before the look at the parent: a spare that finds no lock knows that no worker goes on. */
	os_lock(segment->fd, OS_LOCK_WORKERS + worker);
	if (!os_die_with_parent(supervisor, SIGKILL))
		_exit(1);
	/* The supervisor's signals are a worker's, but for those that it waits for. */
	os_reset_signal(SIGCHLD);
	os_reset_signal(LOOK_SIGNAL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	name_worker(worker);
	handles_enter_tasks();
	segment_adopt(segment);
	lastwords_prepare(&segment->seats[worker]);
	leaving_run(segment, worker, generation, supervisor);
}

static int spawn(unsigned worker)
{
	struct shared_seat *w = &line.segment->seats[worker];
	/* Relaxed, all: the new worker inherits them over the fork; to others they are hints. The first goes on from our predecessor's. */
	unsigned generation = 1 + (self.generations[worker] ? self.generations[worker] : load_relaxed(&w->generation));
	pid_t me = getpid(), pid;

	sem_init(&w->bell[generation & 1], 1, 0);
	if (!bells_whole(&w->bell_seal, &w->bell_end_seal)) {
		/* By now only the late posters of a predecessor can touch the other one. */
		sem_init(&w->bell[~generation & 1], 1, 0);
		bells_seal(&w->bell_seal, &w->bell_end_seal);
	}
	store_relaxed(&w->cursor, CURSOR_NONE);
	store_relaxed(&w->kill, 0);
	store_relaxed(&w->looking, 0);
	store_relaxed(&w->started, 0);
	store_relaxed(&w->deadline, 0);
	w->fault = 0;
	w->frame_count = 0;
	w->way = 0;
	limits_forget(&self.limits, worker);
	/* Releases to segment_is_orphan(). Seq_cst, pairs with post() in bell.c. */
	store_seq_cst(&w->generation, generation);
	/* What its tasks fork is not of the family. */
	pid = forks_fork((const struct forks_fd *const[]){line.all, &self.crew, NULL});
	if (!pid)
		worker_main(worker, generation, me);
	if (pid < 0)
		return -errno;
	store_relaxed(&w->pid, pid);
	self.pids[worker] = pid;
	self.generations[worker] = generation;
	self.live++;
	return 0;
}

static pid_t pid_of(unsigned worker)
{
	return self.pids[worker];
}

/* The words that only we write say again what we wrote; lines that say it already are left alone. Relaxed, all: to others they are hints. */
static void restore(void)
{
	for (unsigned worker = 0; worker < line.segment->worker_count; worker++) {
		struct shared_seat *w = &line.segment->seats[worker];

		if (!self.pids[worker])
			continue;
		if (load_relaxed(&w->pid) != self.pids[worker])
			store_relaxed(&w->pid, self.pids[worker]);
		if (load_relaxed(&w->generation) != self.generations[worker])
			store_relaxed(&w->generation, self.generations[worker]);
	}
}

static int spawn_missing(void)
{
	self.fork_failed = false;
	for (unsigned worker = 0; worker < line.segment->worker_count; worker++) {
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
	for (unsigned worker = 0; worker < line.segment->worker_count; worker++)
		if (pid_of(worker))
			kill(pid_of(worker), SIGKILL);
	/* Not for any child: the host's atfork handlers may have forked here, too. */
	for (unsigned worker = 0; worker < line.segment->worker_count; worker++) {
		while (pid_of(worker) && waitpid(pid_of(worker), NULL, 0) < 0 && errno == EINTR)
			;
		self.pids[worker] = 0; /* the number may be somebody else's from now on */
		store_relaxed(&line.segment->seats[worker].pid, 0);
	}
}

/* Reap the workers that have ended by themselves. Does one that is not @busy still live? */
static bool idle_live(const bool *busy)
{
	bool idle = false;

	for (unsigned worker = 0; worker < line.segment->worker_count; worker++) {
		if (busy[worker] || !pid_of(worker))
			continue;
		if (waitpid(pid_of(worker), NULL, WNOHANG) == pid_of(worker))
			self.pids[worker] = 0;
		else
			idle = true;
	}
	return idle;
}

/*
 * The state says that the pool is over: workers with nothing in hand end by themselves once they are rung, and write out what tasks have
 * left in streams. Wait a little for those, and for no other. Most end at once, before it is worth a look at all slots who is busy.
 */
static void let_idle_end(void)
{
	static bool busy[SHEAF_MAX_WORKERS];
	uint64_t now = sheaf_now_ns(), deadline = now + GRACE_NS, look = now + FIRST_GRACE_NS, until;
	sigset_t deaths;

	sigemptyset(&deaths);
	sigaddset(&deaths, SIGCHLD);
	memset(busy, 0, line.segment->worker_count * sizeof(busy[0]));
	workers_ring_all(line.segment);
	for (; idle_live(busy) && now < deadline; now = sheaf_now_ns()) {
		if (now >= look) {
			recover_busy(line.segment, busy);
			look = UINT64_MAX;
			continue;
		}
		until = look < now + GRACE_LOOK_NS ? look : now + GRACE_LOOK_NS;
		os_wait_signal(&deaths, until - now);
	}
}

/* Kills what the owner asked for, unless it is dead and replaced already. */
static void serve_kills(void)
{
	for (unsigned worker = 0; worker < line.segment->worker_count; worker++) {
		struct shared_seat *w = &line.segment->seats[worker];
		uint32_t kill_generation = load_relaxed(&w->kill);

		if (kill_generation && pid_of(worker) && kill_generation == self.generations[worker] + 1)
			kill(pid_of(worker), SIGKILL);
	}
}

/* ---- deaths ---- */

/*
 * Workers that die one after the other without ending or giving up a single task would do so for ever. The limit is
 * above what tasks that kill can cause: each worker's may die as often as allowed before the first is given up, which counts as progress.
 * A few deaths per second are never too many.
 */
static void brake(void)
{
	uint64_t completed = segment_progress(line.segment), now = sheaf_now_ns();
	uint64_t forgiven = (now - self.window_ns) / FORGIVE_NS;

	if (completed != self.completed || forgiven >= self.fruitless) {
		self.completed = completed;
		self.window_ns = now;
		self.fruitless = 0;
	} else {
		self.window_ns += forgiven * FORGIVE_NS;
		self.fruitless -= (unsigned)forgiven;
	}
	if (++self.fruitless > 64 + SHEAF_MAX_ATTEMPTS * line.segment->worker_count &&
	    (change_state(POOL_OPEN, POOL_BROKEN) || change_state(POOL_CLOSED, POOL_BROKEN)))
		wake_everybody();
}

static void bury(unsigned worker, const siginfo_t *info)
{
	struct shared_seat *w = &line.segment->seats[worker];
	struct death death = {
		.seat = worker,
		.generation = self.generations[worker],
		.pid = info->si_pid,
		.signal = info->si_code == CLD_EXITED ? 0 : info->si_status,
		.exit_code = info->si_code == CLD_EXITED ? info->si_status : -1,
	};
	uint64_t late = self.limits.workers[worker].late;
	unsigned settled;

	restore();
	/* Killed by order. The task in hand may be another one than the order meant, so it is not charged unless it is late itself. */
	death.innocent = late || load_relaxed(&w->kill) == death.generation + 1;
	death.late = late && late == load_relaxed(&w->deadline);
	death.started_ns = load_relaxed(&w->started);
	death.ended_ns = sheaf_now_ns();
	lastwords_read(w, &death);
	settled = recover(line.segment, &death, &self.region);

	store_relaxed(&w->pid, 0);
	self.pids[worker] = 0;
	self.live--;
	/* A worker that leaves a closed pool with empty hands has not died. */
	if (death.innocent || (!settled && pool_state() == POOL_CLOSED && !death.signal && !death.exit_code))
		return;
	fetch_add_relaxed(&line.segment->control->deaths, 1);
	brake();
}

/* The next child that has news of the kind, or 0. */
static pid_t next_news(siginfo_t *info, int kind)
{
	int r;

	do {
		memset(info, 0, sizeof(*info));
		r = waitid(P_ALL, 0, info, kind | WNOHANG);
	} while (r && errno == EINTR);
	return r ? 0 : info->si_pid;
}

static unsigned worker_of(pid_t pid)
{
	unsigned worker = 0;

	while (worker < line.segment->worker_count && pid_of(worker) != pid)
		worker++;
	return worker;
}

/* Recover every worker that has ended, then reap it. */
static void bury_the_dead(void)
{
	siginfo_t info;

	while (next_news(&info, WEXITED | WNOWAIT)) {
		unsigned worker = worker_of(info.si_pid);

		if (worker < line.segment->worker_count)
			bury(worker, &info);
		if (info.si_pid == self.spare)
			self.spare = 0;
		waitpid(info.si_pid, NULL, 0);
	}
}

/* Note which workers somebody has stopped, or made go on: time in which they cannot run counts for no limit. */
static void watch_stops(void)
{
	siginfo_t info;

	while (next_news(&info, WSTOPPED | WCONTINUED)) {
		unsigned worker = worker_of(info.si_pid);

		if (worker < line.segment->worker_count)
			limits_stopped(&self.limits, worker, info.si_code == CLD_STOPPED);
	}
}

/* ---- the end ---- */

static void kill_spare(void)
{
	if (!self.spare)
		return;
	kill(self.spare, SIGKILL);
	while (waitpid(self.spare, NULL, 0) < 0 && errno == EINTR)
		;
	self.spare = 0;
}

_Noreturn static void owner_died(void)
{
	kill_spare();
	kill_workers();
	/* The threads of a process end one after the other, and its lock goes with the last. */
	for (unsigned i = 0; line.segment->name[0] && i < SWEEPS; i++) {
		if (sweep_open(line.segment->fd, line.segment->name, OS_LOCK_OWNER, 1) != -EAGAIN)
			break;
		os_sleep_ns(SWEEP_AGAIN_NS);
	}
	_exit(0);
}

enum owner {
	OWNER_LIVES,
	OWNER_UNPLUGGED, /* it has closed its end of the pipe, as closefrom() does */
	OWNER_GONE,
};

/*
 * An owner that calls exec() is gone, too: its memory and its handle are. Then its end of the pipe is closed, unless a child of it holds
 * that, which no handler knew of; and its lock is free, which any close() of the host may bring about. Whether the process still maps
 * the segment tells a living owner from another program, where the system shows it. A free pid says that it is dead.
 */
static enum owner look_at_owner(void)
{
	struct pollfd life = {.fd = line.life->fd};
	bool ended = poll(&life, 1, 0) > 0;
	pid_t holder;
	int mapped;

	if (line.child ? getppid() != line.owner : kill(line.owner, 0) && errno == ESRCH)
		return OWNER_GONE;
	if (!ended && os_locked(line.segment->fd, OS_LOCK_OWNER, 1, &holder) != 0)
		return OWNER_LIVES;
	mapped = os_maps_file(line.owner, &line.segment->id);
	if (ended)
		return mapped == 1 ? OWNER_UNPLUGGED : OWNER_GONE;
	return mapped == 0 ? OWNER_GONE : OWNER_LIVES;
}

/* End with the owner; or if it cannot be heard any longer, so that its next call starts another family. */
static void follow_owner(void)
{
	enum owner owner = look_at_owner();

	if (owner == OWNER_GONE)
		owner_died();
	if (owner == OWNER_LIVES)
		return;
	kill_spare();
	kill_workers();
	_exit(0);
}

/* Take the bytes that woke us. */
static void read_wishes(void)
{
	char bytes[64];

	if (read(line.life->fd, bytes, sizeof(bytes)) < 0)
		return; /* of no use to anybody */
}

/*
 * A closed pool is finished when no worker is left and the ring is empty. A submitter may have been on its way when the pool was
 * closed: it publishes, then looks at the state; we change the state, then look at the ring. One of us sees the other (all seq_cst).
 */
static bool finish(void)
{
	if (self.live || ring_has_work(&line.segment->ring) || !change_state(POOL_CLOSED, POOL_FINISHED))
		return false;
	if (ring_has_work(&line.segment->ring)) {
		change_state(POOL_FINISHED, POOL_CLOSED);
		return false;
	}
	wake_everybody();
	return true;
}

/* Has the file that name? It may have others, which are nobody's business here. */
static bool has_name(void)
{
	const char *name = line.segment->name;

	return name[0] && os_shm_is(name, line.segment->fd, &line.segment->id);
}

/* The pool is over, as @state, and a word that says otherwise was written by a wild task. The owner may still terminate it. */
static void insist(uint32_t state)
{
	uint32_t now = pool_state();

	/* Relaxed: there is nobody left who could do something by it, but for the owner, which looks again and again. */
	if (now < state && now < POOL_TERMINATED)
		store_relaxed(&line.segment->control->state, state);
}

/*
 * The pool is over. As long as its segment has a name, somebody has to be here who takes that away when the owner is killed; the owner
 * takes it away when it joins, terminates or destroys the pool, or asks us to if it has become a user that may not.
 */
_Noreturn static void leave(uint32_t state)
{
	kill_spare();
	while (has_name()) {
		follow_owner();
		insist(state);
		if (pool_state() == POOL_TERMINATED && !os_shm_unlink(line.segment->name, line.segment->fd, &line.segment->id))
			break;
		if (os_wait_news(line.life->fd, os_parent_check_ns()))
			read_wishes();
	}
	_exit(0);
}

static bool wants_workers(void)
{
	return pool_state() == POOL_OPEN || (pool_state() == POOL_CLOSED && ring_has_ready(&line.segment->ring));
}

_Noreturn static void spare_main(pid_t supervisor);

/* A pool without a spare works, too. */
static void spawn_spare(void)
{
	pid_t me = getpid(), pid;
	uint64_t now = sheaf_now_ns();

	if (self.spare || !self.has_crew || now < self.spare_due_ns)
		return;
	self.spare_due_ns = now + FORK_RETRY_NS;
	pid = forks_fork((const struct forks_fd *const[]){line.all, line.life, &line.crew_end, NULL});
	if (!pid)
		spare_main(me);
	if (pid > 0)
		self.spare = pid;
}

/* Wait until the spare that was forked just now has its lock, but not for long: it may have been killed. */
static void await_spare(void)
{
	pid_t holder;

	/* It comes soon, as it was forked before the workers: to sleep for it would take longer. */
	for (unsigned i = 0; self.spare && i < SPARE_LOOKS; i++) {
		if (os_locked(line.segment->fd, OS_LOCK_SPARE + line.side, 1, &holder) != 0)
			return;
		if (i < SPARE_YIELDS)
			sched_yield();
		else
			os_sleep_ns(SPARE_LOOK_NS);
	}
}

/* Without its pipe there will be no spare. */
static void open_crew(void)
{
	self.has_crew = !forks_pipe(&self.crew, &line.crew_end);
}

static uint64_t until_spare(uint64_t now, uint64_t nap)
{
	uint64_t left = self.spare_due_ns > now ? self.spare_due_ns - now : 0;

	return left < nap ? left : nap;
}

_Noreturn static void supervise(void)
{
	for (;;) {
		uint64_t now, nap;

		follow_owner();
		bury_the_dead();
		watch_stops();
		restore();
		serve_kills();
		/* Nobody but us says so, and not while workers live: a task has written it. If the pool is open, the owner sees that it is not closed. */
		if (pool_state() == POOL_FINISHED && (self.live || ring_has_work(&line.segment->ring)))
			change_state(POOL_FINISHED, POOL_CLOSED);
		if (wants_workers())
			spawn_missing();
		now = sheaf_now_ns();
		if (self.live || !self.fork_failed)
			self.last_live_ns = now;
		else if (now - self.last_live_ns > NO_WORKER_NS &&
			 (change_state(POOL_OPEN, POOL_BROKEN) || change_state(POOL_CLOSED, POOL_BROKEN)))
			wake_everybody();
		if (finish() || pool_state() == POOL_FINISHED)
			leave(POOL_FINISHED);
		if (pool_state() >= POOL_TERMINATED) {
			if (self.spare)
				kill(self.spare, SIGKILL); /* it ends while the workers do; leave() waits for it */
			let_idle_end();
			kill_workers();
			leave(POOL_BROKEN);
		}
		nap = limits_enforce(&self.limits, self.pids);
		spawn_spare();
		if (nap > os_parent_check_ns())
			nap = os_parent_check_ns();
		if (self.fork_failed && nap > FORK_RETRY_NS)
			nap = FORK_RETRY_NS;
		if (self.has_crew && !self.spare)
			nap = until_spare(now, nap);
		limits_sleep(&self.limits, nap);
		if (os_wait_news(line.life->fd, nap))
			read_wishes();
		limits_wake(&self.limits, self.pids);
	}
}

/* The workers of an earlier supervisor were killed when it died, which is not their tasks' fault. */
static void recover_all(void)
{
	for (unsigned worker = 0; worker < line.segment->worker_count; worker++) {
		struct shared_seat *w = &line.segment->seats[worker];
		struct death death = {
			.seat = worker,
			.generation = load_relaxed(&w->generation),
			.pid = load_relaxed(&w->pid),
			.signal = SIGKILL,
			.exit_code = -1,
			.innocent = true,
		};

		recover(line.segment, &death, &self.region);
		store_relaxed(&w->pid, 0);
	}
}

/* ---- a role begins ---- */

static void begin_role(const char *name)
{
	unsigned count = line.segment->worker_count;

	/* What it has of workers, as far as there are any: memory that is left alone costs no fork a page. */
	memset(&self, 0, offsetof(struct self, limits));
	limits_begin(&self.limits, line.segment);
	memset(self.pids, 0, count * sizeof(self.pids[0]));
	memset(self.generations, 0, count * sizeof(self.generations[0]));
	os_name_process(name);
}

/* Of a child of the owner; a spare has them from its supervisor. */
static void begin_signals(void)
{
	sigset_t mine;

	sigemptyset(&mine);
	sigaddset(&mine, SIGCHLD);
	sigaddset(&mine, LOOK_SIGNAL);
	os_reset_signals(&mine);
	os_notice_signal(SIGCHLD);
	os_notice_signal(LOOK_SIGNAL);
}

static void tell_start(struct shared_control *control, uint32_t how)
{
	/* Release, pairs with the owner's acquire in family.c. */
	store_release(&control->start, how);
	start_ring(control);
}

/* Go to work: the process has the supervisor's lock, and no worker lives. @successor: there were workers. 0, or why no worker can be started. */
static int begin_work(bool successor)
{
	self.last_live_ns = self.window_ns = sheaf_now_ns();
	if (successor) {
		recover_all();
		/* The last one may have died between declaring the pool finished and looking at the ring. */
		if (ring_has_work(&line.segment->ring))
			change_state(POOL_FINISHED, POOL_CLOSED);
	}
	line.completed = segment_progress(line.segment);
	/* Relaxed: a statistic. */
	fetch_add_relaxed(&line.segment->control->supervisors, 1);
	return wants_workers() ? spawn_missing() : 0;
}

_Noreturn void supervisor_main(const struct supervision *supervision)
{
	struct shared_control *control = supervision->segment->control;
	int keep[] = {supervision->segment->fd, supervision->all->fd, supervision->life->fd};
	bool led;
	int r;

	memset(&line, 0, sizeof(line));
	line.segment = supervision->segment;
	line.owner = supervision->owner;
	line.child = true;
	line.all = supervision->all;
	line.life = supervision->life;
	setpgid(0, 0); /* first: what comes for the host's group until now is dropped */
	begin_signals();
	begin_role("sheaf-super");
	os_die_with_parent(line.owner, LOOK_SIGNAL); /* whether it lives, supervise() asks */
	if (!supervision->keep_fds) {
		os_close_files(keep, 3);
		os_close_input();
	}
	output_drop(!supervision->keep_fds);
	r = os_lock(line.segment->fd, OS_LOCK_SUPERVISOR);
	led = !r;
	if (led) {
		open_crew();
		r = begin_work(supervision->successor);
		self.spare_due_ns = sheaf_now_ns() + FIRST_SPARE_NS;
	}
	/* Without the lock it may repair nothing: the owner's next look starts another. */
	if (r && (!supervision->successor || !led)) {
		kill_spare();
		kill_workers();
		tell_start(control, (uint32_t)r);
		_exit(1);
	}
	tell_start(control, 1);
	supervise();
}

/* ---- the spare ---- */

/* Supervisors that die one after the other without any task being ended or given up would do so for ever. */
static void brake_successors(void)
{
	line.successors = segment_progress(line.segment) == line.completed ? line.successors + 1 : 0;
	if (line.successors > MOST_SUCCESSORS && (change_state(POOL_OPEN, POOL_LOST) || change_state(POOL_CLOSED, POOL_LOST)))
		wake_everybody();
}

/* Wait until the dead supervisor's workers are dead; kill those that the kernel has left. The kernel tells their pids with their locks. */
static void await_crew(void)
{
	struct pollfd crew = {.fd = line.crew_end.fd, .events = POLLIN};
	uint64_t kill_ns = sheaf_now_ns() + KILL_CREW_NS, unlocked_ns = 0;

	while (poll(&crew, 1, CREW_LOOK_MS) <= 0) {
		uint64_t now = sheaf_now_ns();
		bool locked = false;

		for (unsigned worker = 0; now >= kill_ns && worker < line.segment->worker_count; worker++) {
			locked |= os_kill_holder(line.segment->fd, OS_LOCK_WORKERS + worker);
		}
		if (now < kill_ns)
			continue;
		kill_ns = now + KILL_CREW_NS;
		if (locked)
			unlocked_ns = 0;
		else if (!unlocked_ns)
			unlocked_ns = now;
		else if (now - unlocked_ns >= UNLOCKED_NS && os_ends_orphans())
			break;
	}
	forks_close(&line.crew_end); /* the next one takes its place */
}

_Noreturn static void take_over(void)
{
	unsigned mine = OS_LOCK_SPARE + line.side;

	begin_role("sheaf-super");
	await_crew(); /* S3 */
	line.side = !line.side;
	open_crew();
	spawn_spare();
	await_spare(); /* S4 */
	/* The owner forks another family only when it finds neither lock. */
	for (unsigned i = 0; os_lock(line.segment->fd, OS_LOCK_SUPERVISOR); i++) {
		if (i == LOCK_TRIES)
			_exit(1);
		os_sleep_ns(LOCK_AGAIN_NS);
	}
	/* S5 */
	os_unlock(line.segment->fd, mine);
	brake_successors();
	(void)begin_work(true); /* supervise() tries again */
	supervise();
}

_Noreturn static void spare_main(pid_t supervisor)
{
	sigset_t look;

	begin_role("sheaf-spare");
	line.child = false;
	if (os_lock(line.segment->fd, OS_LOCK_SPARE + line.side)) /* S1 */
		_exit(1);
	sigemptyset(&look);
	sigaddset(&look, LOOK_SIGNAL);
	if (os_die_with_parent(supervisor, LOOK_SIGNAL))
		while (getppid() == supervisor) /* S2 */
			os_wait_signal(&look, os_parent_check_ns());
	take_over();
}
