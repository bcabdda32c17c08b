/*
 * guest.c - plays hosts.
 */
#define _DEFAULT_SOURCE   /* MAP_ANONYMOUS */
#define _XOPEN_SOURCE 700 /* posix_openpt() */
#include "guest.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "arguments.h"
#include "children.h"
#include "deadline.h"
#include "leaks.h"
#include "load.h"
#include "proc.h"
#include "report.h"
#include "rng.h"
#include "session.h"

struct stage *stage;
struct rng guest_rng;

/* ---- for hosts ---- */

sheaf_pool *guest_create(unsigned flags)
{
	sheaf_pool_options options = {.workers = GUEST_WORKERS,
				      .ring_size = 16,
				      .heap_size = 64 << 20,
				      .max_attempts = SHEAF_MAX_ATTEMPTS,
				      .flags = flags};
	sheaf_pool *pool;
	int r = sheaf_pool_create(&pool, &options);

	CHECK(r == 0, "sheaf_pool_create: %d", r);
	return pool;
}

void guest_work(sheaf_pool *pool, unsigned batches)
{
	struct load load = {.pool = pool, .rng = {rng_next(&guest_rng)}};

	for (unsigned i = 0; i < batches; i++)
		load_run(&load);
}

sheaf_pool_info guest_look(sheaf_pool *pool)
{
	sheaf_pool_info info;
	int r = sheaf_pool_get_info(pool, &info);

	CHECK(r == 0, "sheaf_pool_get_info: %d", r);
	return info;
}

void guest_kill_worker(sheaf_pool *pool)
{
	pid_t pid = sheaf_pool_worker_pid(pool, (unsigned)rng_below(&guest_rng, GUEST_WORKERS));
	struct proc proc;

	if (pid > 0 && proc_read(pid, &proc) && proc.parent == guest_look(pool).supervisor)
		kill(pid, SIGKILL);
}

void guest_kill_supervisor(sheaf_pool *pool)
{
	uint64_t supervisors = guest_look(pool).supervisors, deadline = hang_deadline();
	pid_t pid = guest_look(pool).supervisor;
	struct proc proc;

	if (pid <= 0 || !proc_read(pid, &proc) || kill(pid, SIGKILL))
		return;
	do {
		CHECK(sheaf_now_ns() < deadline, "no successor of the supervisor");
		guest_work(pool, 1);
	} while (guest_look(pool).supervisors == supervisors);
}

void guest_live(unsigned flags)
{
	sheaf_pool *pool = guest_create(flags);

	guest_work(pool, 3);
	guest_kill_worker(pool);
	guest_work(pool, 3);
	guest_kill_supervisor(pool);
	guest_work(pool, 3);
	load_check_empty(pool);
	CHECK(guest_look(pool).supervisors == 2, "%llu supervisors", (unsigned long long)guest_look(pool).supervisors);
	sheaf_pool_destroy(pool);
}

static int count_threads(void)
{
	DIR *folder = opendir("/proc/self/task");
	int count = 0;

	CHECK(folder, "/proc/self/task");
	for (const struct dirent *entry; (entry = readdir(folder));)
		count += isdigit((unsigned char)entry->d_name[0]) != 0;
	closedir(folder);
	return count;
}

struct belongings belongings_now(void)
{
	struct belongings b = {
		.mappings = count_segment_mappings(),
		.threads = count_threads(),
		.children = count_children(),
	};

	for (int fd = 0; fd < BELONGING_FILES; fd++)
		b.files[fd] = (signed char)fcntl(fd, F_GETFD);
	for (int i = 1; i < 32; i++)
		sigaction(i, NULL, &b.actions[i]);
	pthread_sigmask(SIG_SETMASK, NULL, &b.mask);
	return b;
}

static bool no_zombies(const struct sigaction *action)
{
	return action->sa_handler == SIG_IGN || action->sa_flags & SA_NOCLDWAIT;
}

void belongings_check(const struct belongings *before)
{
	struct belongings after = belongings_now();
	uint64_t deadline = hang_deadline();

	/* A thread that was joined may be on its way out, and so may a child that leaves no zombie. All others were waited for. */
	while (after.threads > before->threads && sheaf_now_ns() < deadline)
		after.threads = count_threads();
	while (no_zombies(&after.actions[SIGCHLD]) && after.children > before->children && sheaf_now_ns() < deadline)
		after.children = count_children();
	for (int fd = 0; fd < BELONGING_FILES; fd++)
		CHECK_AS(HARM_LEAKED, after.files[fd] == before->files[fd], "descriptor %d has flags %d, %d before", fd,
			 after.files[fd], before->files[fd]);
	CHECK_AS(HARM_LEAKED, after.mappings == before->mappings, "%d mappings, %d before", after.mappings, before->mappings);
	CHECK_AS(HARM_LEAKED, after.threads == before->threads, "%d threads, %d before", after.threads, before->threads);
	CHECK_AS(HARM_LEAKED, after.children == before->children, "%d children, %d before", after.children, before->children);
	for (int i = 1; i < 32; i++) {
		const struct sigaction *a = &after.actions[i], *b = &before->actions[i];

		CHECK(a->sa_handler == b->sa_handler && a->sa_flags == b->sa_flags, "the action of signal %d changed", i);
		CHECK(sigismember(&after.mask, i) == sigismember(&before->mask, i), "signal %d was masked or unmasked", i);
	}
}

/* ---- the terminal ---- */

static int terminal = -1; /* the side that types */

/* False: there are none here. */
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

void guest_type(char key)
{
	CHECK(write(terminal, &key, 1) == 1, "cannot type");
}

void guest_hang_up(void)
{
	close(terminal);
	terminal = -1;
}

/* Whoever is not the foreground job yet may say so only if it ignores SIGTTOU. */
static void become_foreground(int tty)
{
	setpgid(0, 0);
	signal(SIGTTOU, SIG_IGN);
	CHECK(!tcsetpgrp(tty, getpgrp()), "tcsetpgrp");
	signal(SIGTTOU, SIG_DFL);
}

/* Runs the host as its foreground job, and continues it whenever it is stopped. */
static int shell(const struct guest *guest)
{
	/* The first terminal that a session's leader opens is the session's. */
	int tty = open(ptsname(terminal), O_RDWR | O_CLOEXEC), status;
	pid_t job;

	CHECK(tty >= 0, "%s", ptsname(terminal));
	guest_hang_up(); /* the other side is the test's alone */
	job = fork();
	CHECK(job >= 0, "fork");
	if (job == 0) {
		become_foreground(tty);
		close(tty);
		exit(guest->host());
	}
	atomic_store(&stage->job, job);
	while (waitpid(job, &status, WUNTRACED) == job && WIFSTOPPED(status)) {
		sleep_ns(3000000); /* time in which its workers could stop, too */
		atomic_fetch_add(&stage->stops, 1);
		kill(-job, SIGCONT);
	}
	atomic_store(&stage->job_status, status);
	return 0;
}

/* ---- the play ---- */

bool guest_runs(pid_t host)
{
	struct proc proc;

	return proc_read(host, &proc) && proc.state != 'Z';
}

bool guest_await(pid_t host, _Atomic bool *flag)
{
	uint64_t deadline = hang_deadline();

	while (!atomic_load(flag)) {
		CHECK_AS(HARM_HUNG, sheaf_now_ns() < deadline, "the host does not come to where it is disturbed");
		if (!guest_runs(host))
			return false;
		sleep_ns(100000);
	}
	return true;
}

static int play(void *context)
{
	const struct guest *guest = context;
	sigset_t none;

	report_nothing(); /* what the host fails at, the test tells */
	if (setsid() < 0)
		return 1;
	/* The test may have been started with these ignored or blocked. */
	signal(SIGINT, SIG_DFL);
	signal(SIGQUIT, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	signal(SIGCHLD, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	return guest->terminal ? shell(guest) : guest->host();
}

void guest_sweep(void)
{
	sheaf_pool_options options = {.workers = 1, .heap_size = 1 << 20};
	sheaf_pool *pool;

	CHECK(sheaf_pool_create(&pool, &options) == 0, "pool");
	sheaf_pool_destroy(pool);
}

static void check_names(const struct guest *guest, pid_t pid)
{
	if (!segments_of(pid))
		return;
	CHECK_AS(HARM_LEAKED, guest->any_time, "%s: a segment is left", guest->name);
	guest_sweep();
	CHECK_AS(HARM_LEAKED, segments_of(pid) == 0, "%s: the next start left a segment", guest->name);
}

static pid_t tester, playing;

/* A test that fails ends the host, too. */
static void end_play(void)
{
	if (getpid() == tester && playing)
		session_ended(playing, 0);
}

bool guest_begin(int argc, char **argv)
{
	static const struct rlimit no_core = {0, 0};

	guest_rng.state = seed_argument(argc, argv);
	report_begin("guest", "cases", guest_rng.state);
	if (!session_visible()) {
		puts("skipped: no /proc, or no /dev/shm");
		return false;
	}
	setrlimit(RLIMIT_CORE, &no_core); /* hosts abort */
	stage = mmap(NULL, sizeof(*stage), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(stage != MAP_FAILED, "mmap");
	tester = getpid();
	atexit(end_play);
	return true;
}

void guest_play(const struct guest *guest)
{
	bool hung, failed, left;
	pid_t pid, job;
	int status;

	if (guest->terminal && !open_terminal()) {
		printf("%s: skipped, as no terminal can be made here\n", guest->name);
		return;
	}
	printf("%s\n", guest->name);
	fflush(stdout);
	*stage = (struct stage){.ready = false};
	pid = child_start(play, (void *)(uintptr_t)guest);
	CHECK(pid > 0, "child");
	playing = pid;
	if (guest->disturb)
		guest->disturb(pid);
	hung = child_wait(pid, &status, hang_deadline()) != 0;
	job = guest->terminal ? atomic_load(&stage->job) : pid;
	if (guest->terminal && !hung && status == 0)
		status = atomic_load(&stage->job_status);
	failed = !hung && (guest->signal ? !WIFSIGNALED(status) || WTERMSIG(status) != guest->signal : status != 0);
	/* After a failure, nothing waits for what the host could not end. */
	left = !session_ended(pid, hung || failed ? 0 : hang_deadline());
	CHECK_AS(HARM_HUNG, !hung, "%s: the host does not end", guest->name);
	CHECK(!failed, "%s: status %#x", guest->name, (unsigned)status);
	CHECK_AS(HARM_LEAKED, !left, "%s: processes are left", guest->name);
	check_names(guest, pid);
	check_names(guest, job);
	if (terminal >= 0)
		guest_hang_up();
	playing = 0;
	rng_next(&guest_rng); /* the next host has other numbers */
	report_add(1);
}
