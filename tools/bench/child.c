/*
 * child.c - forks a measurement, waits for it, and reads its answer.
 *
 * The child's stdout is a pipe, and its answer one line there: "ok NANOSECONDS", "skip REASON" or
 * "fail REASON". The line fits in the pipe, so the parent waits for the end of the child alone and
 * reads afterwards; a grandchild that keeps the pipe open cannot delay it. Signals are blocked
 * everywhere except in sigsuspend(): none is lost between a check and the wait.
 */
#include "child.h"
#include "measure.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const int stops[] = {SIGINT, SIGTERM, SIGHUP};
static struct sigaction actions_before[sizeof(stops) / sizeof(*stops)];
static volatile sig_atomic_t stopped_by, stops_noted;
static sigset_t before;

static void note(int signal)
{
	if (signal == SIGCHLD)
		return;
	stopped_by = signal;
	stops_noted++;
}

void child_prepare(void)
{
	struct sigaction action = {.sa_handler = note};
	sigset_t ours;

	sigemptyset(&action.sa_mask);
	sigemptyset(&ours);
	sigaddset(&ours, SIGCHLD);
	sigaction(SIGCHLD, &action, NULL);
	for (size_t i = 0; i < sizeof(stops) / sizeof(*stops); i++) {
		/* What the caller ignores, as nohup does, stays ignored. */
		sigaction(stops[i], NULL, &actions_before[i]);
		if (actions_before[i].sa_handler == SIG_IGN)
			continue;
		sigaction(stops[i], &action, NULL);
		sigaddset(&ours, stops[i]);
	}
	sigprocmask(SIG_BLOCK, &ours, &before);
	/* The wait must be able to see them, whatever mask we were started with. */
	sigdelset(&before, SIGCHLD);
}

int child_signal(void)
{
	return stopped_by;
}

void child_die(void)
{
	struct sigaction action = {.sa_handler = SIG_DFL};
	sigset_t set;

	sigemptyset(&action.sa_mask);
	sigaction(stopped_by, &action, NULL);
	sigemptyset(&set);
	sigaddset(&set, stopped_by);
	raise(stopped_by);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

void child_answer(bench_measure_fn *measure, const struct bench_job *job)
{
	double ns = 0;
	int r = measure(job, &ns);

	if (r == 0)
		printf("ok %.17g\n", ns);
	else
		printf("%s %s\n", r > 0 ? "skip" : "fail", bench_reason());
	fflush(stdout);
}

static _Noreturn void be_child(const struct bench_job *job, int pipe_end)
{
	struct sigaction action = {.sa_handler = SIG_DFL};

	/*
	 * A group of its own: a Ctrl-C reaches the parent alone, which then ends this one in order.
	 */
	setpgid(0, 0);
	sigemptyset(&action.sa_mask);
	sigaction(SIGCHLD, &action, NULL);
	for (size_t i = 0; i < sizeof(stops) / sizeof(*stops); i++)
		sigaction(stops[i], &actions_before[i], NULL);
	sigprocmask(SIG_SETMASK, &before, NULL);
	alarm(CHILD_LONGEST_S);
	if (dup2(pipe_end, STDOUT_FILENO) < 0)
		_exit(1);
	close(pipe_end);
	child_answer(job->contender->measure, job);
	/* Not _exit(): libomp takes its name out of /dev/shm only on the way out. */
	exit(0);
}

static void refuse(struct child_answer *answer, const char *what)
{
	answer->kind = CHILD_FAILED;
	snprintf(answer->reason, sizeof(answer->reason), "%s: %s", what, strerror(errno));
}

static void read_answer(int pipe_end, int status, struct child_answer *answer)
{
	char line[sizeof(answer->reason)];
	ssize_t size = read(pipe_end, line, sizeof(line) - 1);
	char *end;

	line[size > 0 ? size : 0] = '\0';
	line[strcspn(line, "\n")] = '\0';
	answer->kind = CHILD_FAILED;
	if (WIFSIGNALED(status)) {
		snprintf(answer->reason, sizeof(answer->reason), "ended by signal %d (%s)%s", WTERMSIG(status),
			 strsignal(WTERMSIG(status)), WTERMSIG(status) == SIGALRM ? ": it took too long" : "");
	} else if (strncmp(line, "ok ", 3) == 0) {
		answer->ns = strtod(line + 3, &end);
		if (end != line + 3 && *end == '\0' && answer->ns >= 0 && answer->ns < 1e18)
			answer->kind = CHILD_OK;
		else
			snprintf(answer->reason, sizeof(answer->reason), "no number in its answer \"%.500s\"", line);
	} else if (strncmp(line, "skip ", 5) == 0 || strncmp(line, "fail ", 5) == 0) {
		answer->kind = line[0] == 's' ? CHILD_SKIPPED : CHILD_FAILED;
		snprintf(answer->reason, sizeof(answer->reason), "%s", line + 5);
	} else {
		snprintf(answer->reason, sizeof(answer->reason), "ended with code %d and without an answer",
			 WEXITSTATUS(status));
	}
}

/* Until @pid has ended: it stays a zombie, so that its number and its group's stay taken. */
static int await(pid_t pid, bool whole_group)
{
	siginfo_t info = {0};
	int obeyed = 0;

	for (;;) {
		if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0)
			return -errno;
		if (info.si_pid == pid)
			return 0;
		if (stops_noted > obeyed) {
			/* Peers are asked once: a pool of Python has semaphores to take back. */
			kill(whole_group ? -pid : pid, whole_group && obeyed == 0 ? SIGTERM : SIGKILL);
			obeyed = stops_noted;
		}
		sigsuspend(&before);
	}
}

/* A process with libomp has a name in /dev/shm, which stays if it was killed. */
static void forget_libomp(pid_t pid)
{
	char name[64];

	snprintf(name, sizeof(name), "/__KMP_REGISTERED_LIB_%ld_%ld", (long)pid, (long)getuid());
	shm_unlink(name);
}

void child_run(const struct bench_job *job, bool whole_group, struct child_answer *answer)
{
	int ends[2], status = 0;
	pid_t pid;

	if (pipe(ends) != 0) {
		refuse(answer, "pipe");
		return;
	}
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		close(ends[0]);
		be_child(job, ends[1]);
	}
	close(ends[1]);
	if (pid < 0) {
		refuse(answer, "fork");
		goto close;
	}
	/* both sides do it, so that it holds in any order; after an exec it fails harmlessly */
	setpgid(pid, pid);
	if (await(pid, whole_group) != 0) {
		refuse(answer, "waitid");
		goto close;
	}
	/*
	 * A measurement that failed midway may have left helpers behind; Python's, which takes back
	 * names, needs a moment.
	 */
	if (whole_group && stopped_by)
		nanosleep(&(struct timespec){.tv_nsec = 500000000}, NULL);
	if (whole_group)
		kill(-pid, SIGKILL);
	waitpid(pid, &status, 0);
	if (whole_group && WIFSIGNALED(status))
		forget_libomp(pid);
	if (stopped_by)
		answer->kind = CHILD_STOPPED;
	else
		read_answer(ends[0], status, answer);
close:
	close(ends[0]);
}
