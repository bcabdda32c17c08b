/*
 * family.c - the supervisor and its workers, seen from the owner.
 *
 * Who is dead is told by the kernel alone. The supervisor is the owner's child, so its end is certain, and its pid (which is also the
 * number of the process group of the whole family) names nobody else until it is reaped. The workers are not the owner's children; but
 * all of the family hold the write end of a pipe, and nobody else does, so its end of file says that the last of them is dead.
 *
 * "Nobody else" needs care, as the host may fork at any time: such children close the write end (os/forks.h).
 *
 * A second pipe goes the other way: the owner alone holds its write end, so its end of file says that the owner has died or has become
 * another program.
 */
#include "pool/family.h"

#include "base/error.h"
#include "os/forks.h"
#include "os/os.h"
#include "pool/supervisor.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define START_LOOK_NS 1000000          /* a supervisor that dies before it rings is noticed */
#define START_NS UINT64_C(30000000000) /* a supervisor that has not started by then is stopped, or the machine is lost */
#define PATIENCE_NS UINT64_C(1000000000)
#define KILL_AGAIN_NS 20000000
#define END_NS UINT64_C(10000000000) /* a killed process that lives longer hangs in the kernel */

/* ---- start ---- */

static void forget(struct family *family)
{
	close(family->crew);
	forks_close(&family->life);
	*family = (struct family){.crew = -1};
}

static int fork_supervisor(struct family *family, struct supervision *supervision)
{
	struct forks_fd crew;
	sigset_t before;
	int r = forks_pipe(&crew, &family->crew);
	pid_t pid;

	if (r)
		return r;
	r = forks_pipe(&family->life, &supervision->life);
	if (r) {
		forks_close(&crew);
		close(family->crew);
		return r;
	}
	supervision->crew = &crew;
	/* No signal of the host may run its handler in the child. */
	os_block_all_signals(&before);
	pid = forks_fork(&crew);
	if (!pid)
		supervisor_main(supervision);
	r = pid < 0 ? -errno : 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	forks_close(&crew);
	close(supervision->life);
	if (r) {
		forget(family);
		return r;
	}
	setpgid(pid, pid); /* as the supervisor does: whoever is first */
	family->supervisor = pid;
	return 0;
}

int family_start(struct family *family, struct segment *segment, bool keep_fds, bool successor)
{
	struct supervision supervision = {
		.segment = segment,
		.owner = getpid(),
		.keep_fds = keep_fds,
		.successor = successor,
	};
	uint64_t deadline;
	int32_t start;
	int r;

	/* What the host has printed and not written would be written by each worker, too. */
	fflush(stdout);
	fflush(stderr);
	/* Relaxed: no process of the family lives. */
	atomic_store_explicit(&segment->control->start, 0, memory_order_relaxed);
	r = fork_supervisor(family, &supervision);
	if (r)
		return sheaf_fail(r, "cannot start the pool's supervisor: %s (see ulimit -u and -n)", strerror(-r));
	deadline = sheaf_now_ns() + START_NS;
	/* Acquire, pairs with tell_start() in supervisor.c. */
	while (!(start = (int32_t)atomic_load_explicit(&segment->control->start, memory_order_acquire)) &&
	       family_lives(family) && sheaf_now_ns() < deadline)
		os_sem_wait_until(&segment->control->started, sheaf_now_ns() + START_LOOK_NS);
	if (start == 1 || (!start && successor)) /* a successor that died at once is the next look's business */
		return 0;
	family_end(family, false);
	r = start ? start : -EAGAIN;
	return sheaf_fail(r, "cannot start %u workers: %s (see ulimit -u)", segment->worker_count,
			  start ? strerror(-r) : "the supervisor died or hangs");
}

/* ---- end ---- */

bool family_lives(const struct family *family)
{
	siginfo_t info;

	return family->supervisor && !os_child_ended(family->supervisor, &info);
}

bool family_gone(const struct family *family, uint64_t deadline_ns)
{
	for (;;) {
		struct pollfd crew = {.fd = family->crew, .events = POLLIN};
		uint64_t now = sheaf_now_ns();
		uint64_t left = deadline_ns > now ? (deadline_ns - now) / 1000000 + 1 : 0;

		int r = poll(&crew, 1, left > 1000 ? 1000 : (int)left);

		if (r > 0 && crew.revents)
			return true;
		if (!left && (r >= 0 || errno != EINTR))
			return false;
	}
}

static void reap(struct family *family, int flags)
{
	while (waitpid(family->supervisor, NULL, flags) < 0 && errno == EINTR)
		;
	forget(family);
}

bool family_end(struct family *family, bool asked)
{
	uint64_t deadline = sheaf_now_ns() + END_NS;
	bool gone;

	if (!family->supervisor)
		return true;
	if (asked && family_lives(family)) {
		kill(family->supervisor, SUPERVISOR_SIGNAL);
		family_gone(family, sheaf_now_ns() + PATIENCE_NS);
	}
	/*
	 * While the supervisor is not reaped, its number is the group's and nobody else's. If a host that waits for any child has
	 * reaped it, the group still exists as long as a worker lives, and the pipe tells whether one does. Once at least: who was stopped
	 * for a while has no time left.
	 */
	gone = family_gone(family, 0);
	while (!gone) {
		kill(family->supervisor, SIGKILL); /* first: it must not start others */
		kill(-family->supervisor, SIGKILL);
		gone = family_gone(family, sheaf_now_ns() + KILL_AGAIN_NS);
		if (sheaf_now_ns() >= deadline)
			break;
	}
	reap(family, gone ? 0 : WNOHANG);
	return gone;
}
