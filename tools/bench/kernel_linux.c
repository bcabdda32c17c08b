/*
 * kernel_linux.c - counts system calls by ptrace(), and times a death notice by a pidfd.
 *
 * The counted process marks its begins and ends by calls of close() that no program makes. How long
 * its calls take means nothing: each of them stops twice.
 */
#define _DEFAULT_SOURCE /* ptrace(), syscall() */
#include "kernel.h"
#include "measure.h"

#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* No file descriptors. */
#define MARK_BEGIN (-1001)
#define MARK_END (-1002)

#define MOST_COUNTS 100

/* Long enough that a child which begins a sleep is asleep. */
#define ASLEEP_NS 500000

struct count {
	bool counting;
	unsigned calls, waits;
	double counts[MOST_COUNTS];
	size_t n;
};

void kernel_begin(void)
{
	close(MARK_BEGIN);
}

void kernel_end(void)
{
	close(MARK_END);
}

/* Notes the call that @pid is about to make. */
static int note_call(pid_t pid, struct count *count)
{
	struct __ptrace_syscall_info info;
	int operation;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, (void *)sizeof(info), &info) < 0)
		return bench_skip("PTRACE_GET_SYSCALL_INFO: %s", strerror(errno));
	if (info.op != PTRACE_SYSCALL_INFO_ENTRY)
		return 0;
	if (info.entry.nr == SYS_close && (int)info.entry.args[0] == MARK_BEGIN) {
		count->counting = true;
		count->calls = count->waits = 0;
	} else if (info.entry.nr == SYS_close && (int)info.entry.args[0] == MARK_END) {
		count->counting = false;
		if (count->n < MOST_COUNTS)
			count->counts[count->n++] = count->calls - (count->waits > 0);
	} else if (count->counting) {
		operation = (int)info.entry.args[1] & FUTEX_CMD_MASK;
		count->calls++;
		count->waits += info.entry.nr == SYS_futex && (operation == FUTEX_WAIT || operation == FUTEX_WAIT_BITSET);
	}
	return 0;
}

static int follow(pid_t pid, struct count *count)
{
	int status, signal = 0, r;

	for (;;) {
		if (waitpid(pid, &status, 0) != pid)
			return bench_fail("waitpid: %s", strerror(errno));
		if (WIFEXITED(status) || WIFSIGNALED(status))
			return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : bench_fail("the counted process failed");
		if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
			if ((r = note_call(pid, count)) != 0)
				return r;
			signal = 0;
		} else {
			signal = WSTOPSIG(status);
		}
		if (ptrace(PTRACE_SYSCALL, pid, NULL, (void *)(intptr_t)signal) != 0)
			return bench_fail("ptrace: %s", strerror(errno));
	}
}

int kernel_count_calls(const struct bench_job *job, kernel_counted_fn *counted, double *calls)
{
	struct count count = {0};
	int status, r;
	pid_t pid = fork();

	if (pid == 0) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
			_exit(errno);
		raise(SIGSTOP);
		if (counted(job) != 0) {
			fprintf(stderr, "%s\n", bench_reason());
			_exit(1);
		}
		_exit(0);
	}
	if (pid < 0)
		return bench_fail("fork: %s", strerror(errno));
	if (waitpid(pid, &status, 0) != pid)
		return bench_fail("waitpid: %s", strerror(errno));
	if (!WIFSTOPPED(status))
		return bench_skip("ptrace cannot be used here");
	/* EXITKILL: it does not outlive this process. */
	if (ptrace(PTRACE_SETOPTIONS, pid, NULL, (void *)(PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL)) != 0 ||
	    ptrace(PTRACE_SYSCALL, pid, NULL, NULL) != 0)
		r = bench_skip("ptrace: %s", strerror(errno));
	else
		r = follow(pid, &count);
	if (r != 0) {
		kill(pid, SIGKILL);
		return r;
	}
	if (count.n == 0)
		return bench_fail("the counted process made no call of what was to be counted");

	*calls = bench_median(count.counts, count.n);
	return 0;
}

int kernel_one_cpu(void)
{
	unsigned long set[1024 / (8 * sizeof(unsigned long))];
	long size = syscall(SYS_sched_getaffinity, 0, sizeof(set), set);
	size_t i = 0;

	if (size < 0)
		return bench_skip("sched_getaffinity: %s", strerror(errno));
	while (i < (size_t)size / sizeof(*set) - 1 && !set[i])
		i++;
	for (size_t k = 0; k < (size_t)size / sizeof(*set); k++)
		set[k] = k == i ? set[k] & -set[k] : 0;
	return syscall(SYS_sched_setaffinity, 0, (size_t)size, set) < 0 ? bench_skip("sched_setaffinity: %s", strerror(errno))
									: 0;
}

int kernel_death_notice(uint64_t *ns)
{
	struct timespec asleep = {.tv_nsec = ASLEEP_NS};
	struct pollfd notice = {.events = POLLIN};
	pid_t pid = fork();
	uint64_t start;
	int r = 0;

	if (pid == 0)
		for (;;)
			pause();
	if (pid < 0)
		return bench_fail("fork: %s", strerror(errno));
	notice.fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (notice.fd < 0)
		r = bench_skip("pidfd_open: %s", strerror(errno));
	nanosleep(&asleep, NULL);
	start = sheaf_now_ns();
	kill(pid, SIGKILL);
	while (r == 0 && poll(&notice, 1, -1) != 1)
		if (errno != EINTR)
			r = bench_fail("poll: %s", strerror(errno));
	*ns = sheaf_now_ns() - start;
	waitpid(pid, NULL, 0);
	if (notice.fd >= 0)
		close(notice.fd);
	return r;
}
