/*
 * children.c - child processes for tests.
 *
 * The table below holds exactly the children that were started and not reaped: their pids cannot
 * belong to other processes, so that signals by pid are safe. Waiting polls every millisecond.
 * SIGCHLD stays untouched, because the library must do without it, too.
 */
#include "children.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include "deadline.h"
#include "proc.h"
#include "sheaf.h"

#define MAX_CHILDREN 4096

static pid_t children[MAX_CHILDREN];
static unsigned count;
/*
 * Whose children they are. Forked processes inherit the table, and workers whose task calls exit()
 * run the exit handler, too.
 */
static pid_t owner;

bool become_user(unsigned user)
{
	if (setgid((gid_t)user) || setuid((uid_t)user))
		return false;
#ifdef __linux__
	/* As after an exec(): the kernel protects what root has left. */
	prctl(PR_SET_DUMPABLE, 1);
#endif
	return true;
}

static void die_with(pid_t parent)
{
#ifdef __linux__
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		_exit(125);
#endif
	/* The parent may have died before the line above. */
	if (getppid() != parent)
		_exit(125);
}

/* The child's place in the table, or count. */
static unsigned find(pid_t pid)
{
	unsigned i = 0;

	while (i < count && children[i] != pid)
		i++;
	return i;
}

/* Reap the i-th child if it has ended. */
static bool reap(unsigned i, int *status, int flags)
{
	pid_t pid;

	do
		pid = waitpid(children[i], status, flags);
	while (pid < 0 && errno == EINTR);
	if (pid == 0)
		return false;
	/* An error means that the code under test reaped a child that is not its own. */
	if (pid < 0) {
		fprintf(stderr, "children: child %ld was reaped by somebody else\n", (long)children[i]);
		abort();
	}
	children[i] = children[--count];
	return true;
}

pid_t child_start(child_fn *fn, void *context)
{
	pid_t parent = getpid();
	pid_t pid;

	if (owner != parent) {
		/*
		 * The first child of the program, or of a child, which inherited the exit handler.
		 */
		if (owner == 0 && atexit(child_end_all) != 0)
			return -ENOMEM;
		owner = parent;
		count = 0;
	}
	if (count == MAX_CHILDREN)
		return -EAGAIN;
	/* Or the child would print again what is buffered now. */
	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0) {
		int code;

		die_with(parent);
		code = fn(context);
		child_end_all();
		fflush(NULL);
		_exit(code);
	}
	children[count++] = pid;
	return pid;
}

int child_signal(pid_t pid, int signal)
{
	if (find(pid) == count)
		return -ESRCH;
	return kill(pid, signal) < 0 ? -errno : 0;
}

int child_wait(pid_t pid, int *status, uint64_t deadline_ns)
{
	unsigned i = find(pid);

	if (i == count)
		return -ESRCH;
	while (!reap(i, status, WNOHANG)) {
		if (sheaf_now_ns() >= deadline_ns)
			return -ETIMEDOUT;
		sleep_ns(1000000);
	}
	return 0;
}

void child_end(pid_t pid)
{
	unsigned i = find(pid);
	int status;

	if (i == count)
		return;
	kill(pid, SIGKILL);
	reap(i, &status, 0);
}

void child_end_all(void)
{
	while (owner == getpid() && count > 0)
		child_end(children[count - 1]);
}

bool process_ended(pid_t pid, uint64_t deadline_ns)
{
	for (;;) {
		struct proc proc;

		if (kill(pid, 0) < 0 && errno == ESRCH)
			return true;
		if (proc_read(pid, &proc) && proc.state == 'Z')
			return true;
		if (sheaf_now_ns() >= deadline_ns)
			return false;
		sleep_ns(1000000);
	}
}
