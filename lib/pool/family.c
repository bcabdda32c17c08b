/*
 * family.c - the supervisor, its spare and its workers, seen from the owner.
 *
 * The kernel alone tells which process is dead. Only the first supervisor is the owner's child.
 * Later ones were spares, children of their predecessors. So the owner goes by what every process
 * of the family holds and nobody else does:
 *
 *   a pipe    All hold its write end. Its end of file says that the last of them is dead.
 *   locks     One byte of the segment's file each (os.h). The kernel says which living process
 *             leads.
 *
 * The host may fork at any time. Such children close the pipes (os/forks.h) and do not inherit
 * locks. A child that no handler announces keeps the pipes until it ends. Then the locks tell that
 * the family is gone.
 *
 * Another pipe goes the other way. The owner alone holds its write end, so its end of file says
 * that the owner has died or has become another program. A byte in it wakes the supervisor.
 *
 * All of the family are in one process group, whose number is the pid of the first supervisor. The
 * number names nobody else while that process is not reaped, or any of them lives. But a host may
 * reap the child behind the owner's back, by a wait for any child or by ignoring SIGCHLD. Once the
 * others are dead, too, the system gives the number to another process, which may be a child of the
 * host's.
 *
 * So nothing is done by the number alone. A descriptor of the child (os_pidfd_open()) names that
 * process, and its group, for ever. If there is none, or the host has closed it, two things are
 * asked. The child must be the process that was noted when it started, or at least lead that group.
 * And the group is the family's if the child is not reaped, if the owner itself has reaped it, or
 * if one of the group has a lock. What cannot be proven gets no signal and is not reaped. Then the
 * end of the pipe, and the locks, tell when the family is dead.
 *
 * Writers           control->start: 0 by the owner, before the fork; then the first supervisor.
 *                   control->state: the owner, to end a family that it has been told to end.
 * Deaths            Of the owner: nothing needs repair, because the family ends itself when its
 *                   pipe ends. Of a supervisor before it has stored `start`: the owner notices it
 *                   within a millisecond, and ends the family.
 */
#include "pool/family.h"

#include "base/atomic.h"
#include "base/error.h"
#include "member/mishap.h"
#include "os/enclose.h"
#include "os/forks.h"
#include "os/os.h"
#include "pool/supervisor.h"
#include "queue/bell.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define START_CHECK_NS 1000000         /* to notice a supervisor that dies before it rings */
#define LONG_CHECK_NS 20000000         /* the same, while init hooks run */
#define START_NS UINT64_C(30000000000) /* a supervisor that has not started by then is stopped */
#define ASKED_NS UINT64_C(1000000000)
#define ASK_AGAIN_NS 100000000
/*
 * If nobody has had a lock for so long, and the pipe is open, then other children of the host hold
 * it.
 */
#define UNLOCKED_NS UINT64_C(200000000)
#define KILL_AGAIN_NS 20000000
#define CHECK_MS 20
#define END_NS UINT64_C(10000000000) /* a killed process that lives longer hangs in the kernel */
#define REAP_NS UINT64_C(100000000)
#define SPARE_NS UINT64_C(1000000000)
#define SPARE_NAP_NS 100000
#define REAP_NAP_NS 200000
#define REAP_YIELDS 200

/* ---- start ---- */

static void forget_family(struct family *family)
{
	forks_close(&family->process);
	forks_close(&family->all);
	forks_close(&family->life);
	forks_close(&family->wake);
	*family = (struct family){0};
}

/* Make the pipes of a family. @crew: the write end that all of it will hold. 0, or -errno. */
static int open_pipes(struct family *family, struct forks_fd *crew)
{
	int r = forks_pipe(crew, &family->all);

	if (r)
		return r;
	if ((r = forks_pipe(&family->life, &family->wake))) {
		forks_close(crew);
		forks_close(&family->all);
		return r;
	}
	/* Without waiting, so that a supervisor that is stopped does not stop the owner. */
	fcntl(family->life.fd, F_SETFL, O_WRONLY | O_NONBLOCK);
	return 0;
}

static int fork_supervisor(struct family *family, struct supervision *supervision)
{
	struct forks_fd crew;
	struct forks_fd *news = supervision->segment->news;
	const struct forks_fd *kept[] = {&crew, &family->wake, &news[0], &news[1], NULL};
	sigset_t before;
	int r = open_pipes(family, &crew);
	pid_t pid;

	if (r)
		return r;
	supervision->all = &crew;
	supervision->life = &family->wake;
	/* Blocked, so that no handler of the host runs in the child. */
	os_block_all_signals(&before);
	forks_hold();
	enclose_learn();
	forks_release();
	pid = forks_fork(kept);
	if (!pid)
		supervisor_main(supervision);
	r = pid < 0 ? -errno : 0;
	/* At once, while no other process can have its pid. */
	if (pid > 0 && forks_pidfd(&family->process, pid))
		os_process_note_other(pid, &family->child_id);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	forks_close(&crew);
	if (r) {
		forget_family(family);
		return r;
	}
	setpgid(pid, pid); /* the supervisor does so, too: one of the two is first */
	family->group = pid;
	family->child = true;
	family->supervisor = pid;
	return 0;
}

/*
 * Tell whether there is a descriptor of the child that can be believed. A host that closes
 * descriptors closes the pipe, too, and another file under its number is told apart more surely.
 */
static bool has_descriptor(const struct family *family)
{
	return forks_fd_open(&family->process) && forks_fd_open(&family->all);
}

/* Tell whether the process with the child's number is the child, dead or alive. */
static bool is_child(const struct family *family)
{
	int same = os_process_is(&family->child_id);

	return same < 0 ? getpgid(family->group) == family->group : same;
}

/* Reap a process that has ended. As waitpid(). */
static pid_t reap_one(pid_t pid)
{
	pid_t reaped;

	do
		reaped = waitpid(pid, NULL, WNOHANG);
	while (reaped < 0 && errno == EINTR);
	return reaped;
}

/*
 * Ask whether the first supervisor has ended, and then reap it if @reap. 1; 0: it lives; -ECHILD:
 * somebody else has reaped it.
 */
static int child_ended(const struct family *family, bool reap)
{
	siginfo_t info;
	int r = has_descriptor(family) ? os_pidfd_ended(family->process.fd, reap) : -ENOSYS;

	if (r != -ENOSYS)
		return r;
	if (!is_child(family))
		return -ECHILD;
	r = os_child_ended(family->group, &info);
	/* A process that is still there was not reaped, whatever the call says. */
	if (r < 0 && os_process_is(&family->child_id) == 1)
		r = os_process_lives(&family->child_id) != 1;
	if (r < 0)
		return -ECHILD;
	return r == 1 && reap && reap_one(family->group) != family->group ? -ECHILD : r;
}

static bool child_lives(const struct family *family)
{
	return family->child && child_ended(family, false) == 0;
}

/*
 * Turn a code of the system into one that sheaf_pool_create() documents. Its message tells the
 * former.
 */
static int documented_start(int code)
{
	return code == -ENOMEM || code == -EMFILE || code == -ENFILE ? code : -EAGAIN;
}

int family_start(struct family *family, struct segment *segment, bool keep_fds, bool successor)
{
	struct supervision supervision = {
		.segment = segment,
		.owner = getpid(),
		.keep_fds = keep_fds,
		.successor = successor,
	};
	const struct sheaf_worker_options *workers = &segment->workers;
	uint64_t deadline, check = workers->init ? LONG_CHECK_NS : START_CHECK_NS;
	int32_t start;
	int r;

	/* Each worker would else write, too, what the host has printed and not written. */
	fflush(stdout);
	fflush(stderr);
	/* Relaxed: no process of the family lives that could read it. */
	store_relaxed(&segment->control->start, 0);
	r = fork_supervisor(family, &supervision);
	if (r)
		return sheaf_fail(documented_start(r), "cannot start the pool's supervisor: %s (see ulimit -u and -n)",
				  strerror(-r));
	/* Twice: time in which nothing ran may count for no hook. */
	deadline = sheaf_now_ns() + START_NS + (workers->init ? 2 * workers->init_timeout_ns : 0);
	/*
	 * Acquire, pairs with tell_start() in supervisor.c: else the workers' pids could be read
	 * before they are stored.
	 */
	while (!(start = (int32_t)load_acquire(&segment->control->start)) && child_lives(family) && sheaf_now_ns() < deadline)
		start_sleep(segment->control, sheaf_now_ns() + check);
	/* A successor that died at once is noticed by the owner's next check. */
	if (start == 1 || (!start && successor))
		return 0;
	family_end(family, segment, false);
	if (start < 0 && (r = mishap_fail_init(segment, "no pool was created: ")))
		return r;
	if (start > 0 || start < -4095) /* by a wild write */
		start = 0;
	return sheaf_fail(documented_start(start), "cannot start %u workers: %s (see ulimit -u)", segment_wanted(segment),
			  start ? strerror(-start) : "the supervisor died or hangs");
}

/* ---- which processes live ---- */

/*
 * Tell whether the group's number is the family's, so that it may be signalled and waited for. See
 * the top.
 */
static bool group_is_ours(const struct family *family, const struct segment *segment)
{
	unsigned count = OS_LOCK_WORKERS - OS_LOCK_SUPERVISOR + segment->crew_count;
	pid_t holder = 0;
	int r;

	if (family->reaped || (family->child && child_ended(family, false) >= 0))
		return true;
	r = has_descriptor(family) ? os_pidfd_signal(family->process.fd, 0, true) : -ENOSYS;
	if (r != -ENOSYS)
		return !r || r == -EPERM;
	return segment_file_ours(segment) && os_locked(segment->fd, OS_LOCK_SUPERVISOR, count, &holder) == 1 && holder > 0 &&
	       getpgid(holder) == family->group;
}

/*
 * Reap the first supervisor if it has ended. Where orphans come to this process, reap the family's,
 * too. True: one of them has not ended yet, and is still to be reaped.
 */
static bool reap_ended(struct family *family, const struct segment *segment)
{
	pid_t pid = -1;
	int r;

	if (!family->group)
		return false;
	if (os_adopts_orphans() && group_is_ours(family, segment))
		while ((pid = reap_one(-family->group)) > 0)
			family->reaped |= pid == family->group;
	if (family->child) {
		r = child_ended(family, true);
		family->reaped |= r == 1;
		family->child = r == 0;
	}
	return family->child || !pid;
}

bool family_lives(struct family *family, const struct segment *segment)
{
	pid_t holder = 0;
	int led;

	if (!family->group)
		return false;
	reap_ended(family, segment);
	if (!segment_file_ours(segment))
		return family->child;
	/*
	 * In one question, because between two a spare may take the supervisor's lock and give its
	 * own back.
	 */
	led = os_locked(segment->fd, OS_LOCK_SUPERVISOR, 1 + OS_LOCK_SPARES, &holder);
	if (led == 1 && os_locked(segment->fd, OS_LOCK_SUPERVISOR, 1, &holder) == 1 && holder && holder != family->supervisor) {
		family->supervisor = holder;
		os_process_note_other(holder, &family->later_id);
	}
	/* A first supervisor that has just been forked has no lock yet. */
	return led == 1 || family->child;
}

/* Tell whether the process holds a lock of another process than that worker. */
static bool is_other(const struct segment *segment, unsigned worker, pid_t pid)
{
	pid_t holder = 0;

	for (unsigned byte = OS_LOCK_SUPERVISOR; byte < OS_LOCK_WORKERS + segment->crew_count; byte++)
		if (byte != OS_LOCK_WORKERS + worker && os_locked(segment->fd, byte, 1, &holder) == 1 && holder == pid)
			return true;
	return false;
}

pid_t family_worker(struct family *family, const struct segment *segment, unsigned worker, pid_t told)
{
	bool plugged = segment_file_ours(segment);
	pid_t holder = 0;

	if (plugged && os_locked(segment->fd, OS_LOCK_WORKERS + worker, 1, &holder) == 1 && holder)
		return holder;
	if (told <= 0 || !family->group || told == family->group || told == family->supervisor ||
	    !group_is_ours(family, segment) || getpgid(told) != family->group)
		return 0;
	return plugged && is_other(segment, worker, told) ? 0 : told;
}

void family_await_spare(struct family *family, const struct segment *segment)
{
	uint64_t deadline = sheaf_now_ns() + SPARE_NS;
	pid_t holder;

	while (!family->spare_seen && family_lives(family, segment) && segment_file_ours(segment)) {
		family->spare_seen = os_locked(segment->fd, OS_LOCK_SPARE, OS_LOCK_SPARES, &holder) != 0 ||
				     sheaf_now_ns() >= deadline;
		if (!family->spare_seen)
			os_sleep_ns(SPARE_NAP_NS);
	}
}

void family_wake(const struct family *family)
{
	/* If the pipe is full, its bytes wake the supervisor, too. */
	while (family->group && forks_fd_open(&family->life) && write(family->life.fd, "", 1) < 0 && errno == EINTR)
		;
}

/* Tell for how long no process of the family has had a lock. 0: one has, or that cannot be told. */
static uint64_t unlocked_for(struct family *family, const struct segment *segment)
{
	unsigned count = OS_LOCK_WORKERS - OS_LOCK_SUPERVISOR + segment->crew_count;
	uint64_t now = sheaf_now_ns();
	pid_t holder;

	if (!segment_file_ours(segment) || os_locked(segment->fd, OS_LOCK_SUPERVISOR, count, &holder))
		family->unlocked_ns = 0;
	else if (!family->unlocked_ns)
		family->unlocked_ns = now;
	return family->unlocked_ns ? now - family->unlocked_ns + 1 : 0;
}

/*
 * Tell whether the family looks dead. If the host has closed the pipe and the segment's file, the
 * kernel still knows the first process, and a later supervisor by its pid.
 */
static bool looks_gone(struct family *family, const struct segment *segment)
{
	uint64_t unlocked_ns = unlocked_for(family, segment);

	if (forks_fd_open(&family->all))
		return unlocked_ns > UNLOCKED_NS;
	if (child_lives(family))
		return false;
	return unlocked_ns ||
	       (!segment_file_ours(segment) && (family->supervisor == family->group || !os_process_lives(&family->later_id)));
}

bool family_gone(struct family *family, const struct segment *segment, uint64_t deadline_ns)
{
	for (;;) {
		struct pollfd all = {.fd = forks_fd_open(&family->all) ? family->all.fd : -1, .events = POLLIN};
		uint64_t now = sheaf_now_ns(), left = deadline_ns > now ? (deadline_ns - now) / 1000000 + 1 : 0;
		int r = poll(&all, 1, left > CHECK_MS ? CHECK_MS : (int)left);

		if ((r > 0 && all.revents) || looks_gone(family, segment))
			return true;
		if (!left && (r >= 0 || errno != EINTR))
			return false;
	}
}

/* ---- end ---- */

/* Tell whether a later supervisor, which is not this process's child, still runs. */
static bool successor_runs(const struct family *family)
{
	return family->supervisor && family->supervisor != family->group && os_process_lives(&family->later_id) == 1;
}

/*
 * Reap the last ones, which may still be on their way out when their ends of the pipe are closed.
 */
static void reap_all(struct family *family, const struct segment *segment)
{
	uint64_t deadline = sheaf_now_ns() + REAP_NS;

	/* Not a long wait, because they have closed their ends. */
	for (unsigned i = 0; reap_ended(family, segment) || successor_runs(family); i++) {
		if (i < REAP_YIELDS)
			sched_yield();
		else if (sheaf_now_ns() < deadline)
			os_sleep_ns(REAP_NAP_NS);
		else
			break;
	}
	reap_ended(family, segment);
}

/* Kill all of the family. 0; -ESRCH: there is none, as far as can be proven; -EPERM. */
static int kill_family(const struct family *family, const struct segment *segment)
{
	int r = has_descriptor(family) ? os_pidfd_signal(family->process.fd, SIGKILL, true) : -ENOSYS;

	if (r != -ENOSYS)
		return r;
	if (!group_is_ours(family, segment))
		return -ESRCH;
	return kill(-family->group, SIGKILL) ? -errno : 0;
}

/*
 * Order the family to end, and wait, but not for long. The order is repeated, because a wild write
 * may undo it.
 */
static void ask_to_end(struct family *family, const struct segment *segment)
{
	uint64_t deadline = sheaf_now_ns() + ASKED_NS + (segment->workers.exit ? segment->workers.exit_timeout_ns : 0);

	do {
		/*
		 * Relaxed: the byte in the pipe hands it over, and nothing else depends on the
		 * state.
		 */
		if (load_relaxed(&segment->control->state) < POOL_TERMINATED)
			store_relaxed(&segment->control->state, POOL_TERMINATED);
		family_wake(family);
	} while (!family_gone(family, segment, sheaf_now_ns() + ASK_AGAIN_NS) && sheaf_now_ns() < deadline);
}

bool family_end(struct family *family, const struct segment *segment, bool asked)
{
	uint64_t deadline = sheaf_now_ns() + END_NS;
	bool gone;

	if (!family->group)
		return true;
	if (asked && family_lives(family, segment))
		ask_to_end(family, segment);
	/* Once at least, because a process that was stopped for a while has no time left. */
	gone = family_gone(family, segment, 0);
	while (!gone) {
		/*
		 * An owner that has become another user must not kill it: then it ends as if the
		 * owner had died.
		 */
		if (kill_family(family, segment) == -EPERM)
			forks_close(&family->life);
		gone = family_gone(family, segment, sheaf_now_ns() + KILL_AGAIN_NS);
		if (sheaf_now_ns() >= deadline)
			break;
	}
	reap_all(family, segment);
	forget_family(family);
	return gone;
}
