/*
 * step.c - stepping with ptrace.
 *
 * If no stop comes, /proc tells whether the process sleeps in a system call. SIGKILL reaches it
 * there, too.
 */
#define _DEFAULT_SOURCE /* ptrace() */
#include "step.h"
#include "breakpoint.h"
#include "check.h"
#include "children.h"
#include "deadline.h"
#include "proc.h"
#include "sheaf.h"

#include <errno.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>

#define MOST_STEPS 1000000
#define LOOK_NS 1000000

/* What the last poll of a traced process found. */
enum look { RUNS, STOPPED, GONE };

/* Signals that processes of a pool wait for. A stop in front of one must not keep it from them. */
static struct held {
	pid_t pid;
	int signal;
} held[8];

static void hold(pid_t pid, int signal)
{
	unsigned i = 0;

	if (signal != SIGCHLD && signal != SIGUSR1)
		return;
	while (held[i].pid && held[i].pid != pid)
		CHECK(++i < sizeof(held) / sizeof(held[0]), "too many processes with a signal before them");
	held[i] = (struct held){pid, signal};
}

static bool holds(pid_t pid)
{
	for (unsigned i = 0; i < sizeof(held) / sizeof(held[0]); i++)
		if (held[i].pid == pid)
			return true;
	return false;
}

/* Return the signal to go on with, or 0. */
static int held_signal(pid_t pid)
{
	for (unsigned i = 0; i < sizeof(held) / sizeof(held[0]); i++)
		if (held[i].pid == pid) {
			int signal = held[i].signal;

			held[i] = (struct held){0};
			return signal;
		}
	return 0;
}

static enum look look_at(pid_t pid, int *status)
{
	pid_t found = waitpid(pid, status, WNOHANG | __WALL);

	CHECK(found >= 0, "waitpid: errno %d", errno);
	if (found && WIFSTOPPED(*status) && !(*status >> 16))
		hold(pid, WSTOPSIG(*status));
	else if (found)
		(void)held_signal(pid);
	return !found ? RUNS : WIFSTOPPED(*status) ? STOPPED : GONE;
}

static bool sleeps(pid_t pid)
{
	struct proc proc;

	return proc_read(pid, &proc) && proc.state == 'S';
}

/* Sleep until a traced process has stopped or ended, but not for long. False: none has. */
static bool wait_for_news(void)
{
	static sigset_t news;
	static bool blocked;

	/* A blocked signal is kept until we wait, also if it came before. */
	if (!blocked) {
		sigemptyset(&news);
		sigaddset(&news, SIGCHLD);
		pthread_sigmask(SIG_BLOCK, &news, NULL);
		blocked = true;
	}
	return sigtimedwait(&news, NULL, &(struct timespec){.tv_nsec = LOOK_NS}) == SIGCHLD;
}

static enum outcome wait_for_status(pid_t pid, int *status)
{
	static const enum outcome outcomes[] = {[STOPPED] = STEPPED, [GONE] = ENDED};
	uint64_t deadline = hang_deadline();
	/*
	 * Polls in a row. One is not enough, because a lock of the kernel may have it sleep for a
	 * moment.
	 */
	unsigned asleep = 0;
	enum look look;

	while (!(look = look_at(pid, status))) {
		if (wait_for_news()) {
			asleep = 0;
			continue;
		}
		asleep = sleeps(pid) ? asleep + 1 : 0;
		if (asleep == 2 && !(look = look_at(pid, status)))
			return BLOCKED;
		if (look)
			break;
		CHECK(sheaf_now_ns() < deadline, "process %ld neither stops nor sleeps", (long)pid);
	}
	return outcomes[look];
}

enum outcome wait_for_stop(pid_t pid)
{
	int status;

	return wait_for_status(pid, &status);
}

/*
 * Return the outcome of a request to a stopped process, which may be killed while it stands still.
 */
static enum outcome outcome_of(long answer, const char *request, pid_t pid)
{
	if (!answer)
		return STEPPED;
	CHECK(errno == ESRCH && wait_for_stop(pid) == ENDED, "%s of process %ld: errno %d", request, (long)pid, errno);
	return ENDED;
}

static enum outcome resume(pid_t pid, bool single)
{
	return outcome_of(ptrace(single ? PTRACE_SINGLESTEP : PTRACE_CONT, pid, NULL, (void *)(long)held_signal(pid)),
			  single ? "PTRACE_SINGLESTEP" : "PTRACE_CONT", pid);
}

static enum outcome interrupt(pid_t pid)
{
	enum outcome outcome = outcome_of(ptrace(PTRACE_INTERRUPT, pid, NULL, NULL), "PTRACE_INTERRUPT", pid);

	if (outcome == STEPPED)
		outcome = wait_for_stop(pid);
	CHECK(outcome != BLOCKED, "process %ld does not stop", (long)pid);
	return outcome;
}

bool seize(pid_t pid)
{
	if (ptrace(PTRACE_SEIZE, pid, NULL, (void *)PTRACE_O_EXITKILL)) {
		CHECK(errno == EPERM || errno == ENOSYS, "PTRACE_SEIZE: errno %d", errno);
		return false;
	}
	CHECK(interrupt(pid) == STEPPED, "process %ld has ended", (long)pid);
	return true;
}

static void set_options(pid_t pid, long options)
{
	CHECK(ptrace(PTRACE_SETOPTIONS, pid, NULL, (void *)options) == 0, "PTRACE_SETOPTIONS: errno %d", errno);
}

pid_t run_to_fork(pid_t pid)
{
	uint64_t deadline = hang_deadline();
	unsigned long child;
	int status = 0;

	set_options(pid, PTRACE_O_EXITKILL | PTRACE_O_TRACEFORK);
	CHECK(resume(pid, false) == STEPPED, "process %ld has ended", (long)pid);
	while (status >> 8 != (SIGTRAP | PTRACE_EVENT_FORK << 8)) {
		enum outcome outcome = wait_for_status(pid, &status);

		CHECK(outcome != ENDED && sheaf_now_ns() < deadline, "process %ld does not fork", (long)pid);
		/* Signals on the way are not kept from it. */
		if (outcome == STEPPED && status >> 8 != (SIGTRAP | PTRACE_EVENT_FORK << 8))
			CHECK(ptrace(PTRACE_CONT, pid, NULL, (void *)(long)(status >> 16 ? 0 : WSTOPSIG(status))) == 0,
			      "PTRACE_CONT: errno %d", errno);
	}
	CHECK(ptrace(PTRACE_GETEVENTMSG, pid, NULL, &child) == 0, "PTRACE_GETEVENTMSG: errno %d", errno);
	CHECK(wait_for_stop((pid_t)child) == STEPPED, "process %lu does not stop", child);
	set_options(pid, PTRACE_O_EXITKILL);
	set_options((pid_t)child, PTRACE_O_EXITKILL);
	return (pid_t)child;
}

void resume_traced(pid_t pid)
{
	CHECK(ptrace(PTRACE_CONT, pid, NULL, (void *)(long)held_signal(pid)) == 0 || errno == ESRCH, "PTRACE_CONT: errno %d",
	      errno);
}

enum outcome run_on(pid_t pid)
{
	enum outcome outcome;

	do {
		outcome = resume(pid, false);
		if (outcome == STEPPED)
			outcome = wait_for_stop(pid);
	} while (outcome == STEPPED && holds(pid));
	return outcome;
}

enum outcome run_to_address(pid_t pid, uint64_t address)
{
	enum outcome outcome;

	if (!breakpoint_set(pid, address)) {
		for (outcome = STEPPED; outcome == STEPPED && instruction_address(pid) != address;)
			step(pid, 1, &outcome);
		return outcome;
	}
	outcome = run_on(pid);
	/* It may sleep on the way. */
	for (uint64_t deadline = hang_deadline(); outcome == BLOCKED && sheaf_now_ns() < deadline;)
		outcome = wait_for_stop(pid);
	if (outcome == STEPPED)
		breakpoint_clear(pid);
	return outcome;
}

uint64_t step(pid_t pid, uint64_t most, enum outcome *outcome)
{
	uint64_t steps = 0;

	*outcome = STEPPED;
	while (steps < most && *outcome == STEPPED) {
		*outcome = resume(pid, true);
		if (*outcome != STEPPED)
			break;
		wait_for_news();
		*outcome = wait_for_stop(pid);
		steps += *outcome != STEPPED || !holds(pid);
	}
	return steps;
}

/* Take the process to the next point: over one instruction, or over some that do not count. */
static enum outcome advance(pid_t pid)
{
	uint64_t behind = address_to_skip_to(pid);
	enum outcome outcome;

	if (behind)
		return run_to_address(pid, behind);
	step(pid, 1, &outcome);
	return outcome;
}

enum outcome step_and_record(pid_t pid, struct trace *trace, void (*seen)(void *context, uint64_t point), void *context)
{
	enum outcome outcome = STEPPED;

	for (;;) {
		trace_add(trace, outcome == STEPPED ? pid : 0);
		if (seen)
			seen(context, trace->length - 1);
		if (outcome != STEPPED)
			break;
		CHECK(trace->length < MOST_STEPS, "process %ld goes on and on", (long)pid);
		outcome = advance(pid);
	}
	trace_close(trace);
	return outcome;
}

/* Let a process that stands at the leg's first point run to its last one, as step_to() does. */
static bool run_leg(pid_t pid, const struct trace *trace, const struct leg *leg, enum outcome *outcome)
{
	for (uint64_t times = 0; times < leg->times; times++) {
		*outcome = run_on(pid);
		if (*outcome != STEPPED)
			return false;
		if (!trace_is_at(trace, leg->to, pid))
			break;
	}
	breakpoint_clear(pid);
	return trace_is_at(trace, leg->to, pid);
}

static void step_from(pid_t pid, uint64_t *at, uint64_t point, enum outcome *outcome)
{
	for (; *at < point && *outcome == STEPPED; ++*at)
		*outcome = advance(pid);
}

bool step_to(pid_t pid, const struct trace *trace, uint64_t point, enum outcome *outcome)
{
	struct leg legs[2];
	unsigned count = trace_legs(trace, point, legs);
	uint64_t at = 0;

	*outcome = STEPPED;
	for (unsigned i = 0; i < count; i++) {
		step_from(pid, &at, legs[i].from, outcome);
		if (*outcome != STEPPED)
			return false;
		if (!breakpoint_set(pid, trace->at[legs[i].to]))
			break;
		if (!run_leg(pid, trace, &legs[i], outcome))
			return false;
		at = legs[i].to;
	}
	step_from(pid, &at, point, outcome);
	return at == point;
}

void kill_traced(pid_t pid, bool ours)
{
	siginfo_t info;

	CHECK(kill(pid, SIGKILL) == 0, "kill: errno %d", errno);
	/* Another process's child goes to its parent once its tracer has seen the end. */
	CHECK(waitid(P_PID, (id_t)pid, &info, WEXITED | __WALL | (ours ? WNOWAIT : 0)) == 0, "waitid: errno %d", errno);
	(void)held_signal(pid);
}

void detach(pid_t pid, enum outcome outcome)
{
	if (outcome == ENDED)
		return;
	/*
	 * It may be awake again, and stops all the same. The end of the step that it slept in may
	 * be a second stop, a SIGTRAP, which would kill it once it is no longer traced.
	 */
	if (outcome == BLOCKED) {
		outcome = interrupt(pid);
		if (outcome == STEPPED)
			outcome = run_on(pid);
		if (outcome == BLOCKED)
			outcome = interrupt(pid);
	}
	if (outcome == ENDED)
		return;
	breakpoint_clear(pid);
	outcome_of(ptrace(PTRACE_DETACH, pid, NULL, (void *)(long)held_signal(pid)), "PTRACE_DETACH", pid);
}
