/*
 * tested_host.c - a session per host, with or without a terminal.
 */
#define _DEFAULT_SOURCE   /* MAP_ANONYMOUS */
#define _XOPEN_SOURCE 700 /* posix_openpt() */
#include "tested_host.h"

#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "arguments.h"
#include "children.h"
#include "deadline.h"
#include "pool_life.h"
#include "proc.h"
#include "report.h"
#include "session.h"

struct host_progress *progress;

/* ---- the terminal ---- */

static int terminal = -1; /* the side that types */

/* Open a terminal. False: there are none here. */
static bool open_terminal(void)
{
	terminal = posix_openpt(O_RDWR | O_NOCTTY);
	if (terminal < 0)
		return false;
	if (!grantpt(terminal) && !unlockpt(terminal) && ptsname(terminal) && !fcntl(terminal, F_SETFD, FD_CLOEXEC))
		return true;
	close(terminal);
	return false;
}

void terminal_type(char key)
{
	CHECK(write(terminal, &key, 1) == 1, "cannot type");
}

void terminal_hang_up(void)
{
	close(terminal);
	terminal = -1;
}

/*
 * Become the foreground job. A job in the background may ask for that only if it ignores SIGTTOU.
 */
static void become_foreground(int tty)
{
	setpgid(0, 0);
	signal(SIGTTOU, SIG_IGN);
	CHECK(!tcsetpgrp(tty, getpgrp()), "tcsetpgrp");
	signal(SIGTTOU, SIG_DFL);
}

/* Run the host as the foreground job, and continue it whenever it is stopped. */
static int shell(const struct tested_host *host)
{
	/* The first terminal that a session's leader opens is the session's. */
	int tty = open(ptsname(terminal), O_RDWR | O_CLOEXEC), status;
	pid_t job;

	CHECK(tty >= 0, "%s", ptsname(terminal));
	terminal_hang_up(); /* the other side is the test's alone */
	job = fork();
	CHECK(job >= 0, "fork");
	if (job == 0) {
		become_foreground(tty);
		close(tty);
		exit(host->play());
	}
	atomic_store(&progress->job, job);
	while (waitpid(job, &status, WUNTRACED) == job && WIFSTOPPED(status)) {
		sleep_ns(3000000); /* time in which its workers could stop, too */
		atomic_fetch_add(&progress->stops, 1);
		kill(-job, SIGCONT);
	}
	atomic_store(&progress->job_status, status);
	return 0;
}

/* ---- the play ---- */

bool tested_host_runs(pid_t host)
{
	struct proc proc;

	return proc_read(host, &proc) && proc.state != 'Z';
}

bool tested_host_await(pid_t host, _Atomic bool *flag)
{
	uint64_t deadline = hang_deadline();

	while (!atomic_load(flag)) {
		CHECK_AS(HARM_HUNG, sheaf_now_ns() < deadline, "the host does not reach the place where it is disturbed");
		if (!tested_host_runs(host))
			return false;
		sleep_ns(100000);
	}
	return true;
}

static int play(void *context)
{
	const struct tested_host *host = context;
	sigset_t none;

	report_nothing(); /* the test reports what the host fails at */
	if (!session_begin())
		return 1;
	/* The test may have been started with these ignored or blocked. */
	signal(SIGINT, SIG_DFL);
	signal(SIGQUIT, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	signal(SIGCHLD, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	return host->terminal ? shell(host) : host->play();
}

void sweep_names(void)
{
	sheaf_pool_options options = {.workers = 1, .heap_size = 1 << 20};
	sheaf_pool *pool;

	CHECK(sheaf_pool_create(&pool, &options) == 0, "pool");
	sheaf_pool_destroy(pool);
}

static void check_names(const struct tested_host *host, pid_t pid)
{
	if (!segments_of(pid))
		return;
	CHECK_AS(HARM_LEAKED, host->any_time, "%s: a segment is left", host->name);
	sweep_names();
	CHECK_AS(HARM_LEAKED, segments_of(pid) == 0, "%s: the next start left a segment", host->name);
}

static pid_t tester, playing;

/* End the host with a test that fails. */
static void end_play(void)
{
	if (getpid() == tester && playing)
		session_ended(playing, 0);
}

bool tested_host_begin(int argc, char **argv)
{
	static const struct rlimit no_core = {0, 0};

	life_rng.state = seed_argument(argc, argv);
	report_begin("guest", "cases", life_rng.state);
	if (!session_visible()) {
		puts("skipped: no /proc, or no /dev/shm");
		return false;
	}
	setrlimit(RLIMIT_CORE, &no_core); /* hosts abort */
	progress = mmap(NULL, sizeof(*progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(progress != MAP_FAILED, "mmap");
	tester = getpid();
	atexit(end_play);
	return true;
}

void tested_host_play(const struct tested_host *host)
{
	bool hung, failed, left;
	pid_t pid, job;
	int status;

	if (host->terminal && !open_terminal()) {
		printf("%s: skipped, as no terminal can be made here\n", host->name);
		return;
	}
	printf("%s\n", host->name);
	fflush(stdout);
	*progress = (struct host_progress){.ready = false};
	pid = child_start(play, (void *)(uintptr_t)host);
	CHECK(pid > 0, "child");
	playing = pid;
	if (host->disturb)
		host->disturb(pid);
	hung = child_wait(pid, &status, hang_deadline()) != 0;
	job = host->terminal ? atomic_load(&progress->job) : pid;
	if (host->terminal && !hung && status == 0)
		status = atomic_load(&progress->job_status);
	failed = !hung && (host->signal ? !WIFSIGNALED(status) || WTERMSIG(status) != host->signal : status != 0);
	/* After a failure, nothing waits for what the host could not end. */
	left = !session_ended(pid, hung || failed ? 0 : hang_deadline());
	CHECK_AS(HARM_HUNG, !hung, "%s: the host does not end", host->name);
	CHECK(!failed, "%s: status %#x", host->name, (unsigned)status);
	CHECK_AS(HARM_LEAKED, !left, "%s: processes are left", host->name);
	check_names(host, pid);
	check_names(host, job);
	if (terminal >= 0)
		terminal_hang_up();
	playing = 0;
	rng_next(&life_rng); /* the next host has other numbers */
	report_add(1);
}
