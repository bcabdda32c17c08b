/*
 * guest.c - plays hosts.
 */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "guest.h"

#include <ctype.h>
#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "children.h"
#include "leaks.h"
#include "load.h"
#include "proc.h"
#include "session.h"

struct stage *stage;
struct chance guest_chance;

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
	struct load load = {.pool = pool, .chance = {chance_next(&guest_chance)}};

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
	pid_t pid = sheaf_pool_worker_pid(pool, (unsigned)chance_below(&guest_chance, GUEST_WORKERS));
	struct proc proc;

	if (pid > 0 && proc_read(pid, &proc) && proc.parent == guest_look(pool).supervisor)
		kill(pid, SIGKILL);
}

void guest_kill_supervisor(sheaf_pool *pool)
{
	uint64_t supervisors = guest_look(pool).supervisors, deadline = patience();
	pid_t pid = guest_look(pool).supervisor;
	struct proc proc;

	if (pid <= 0 || !proc_read(pid, &proc) || proc.parent != getpid() || kill(pid, SIGKILL))
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
		.files = count_open_files(),
		.mappings = count_segment_mappings(),
		.threads = count_threads(),
		.children = count_children(),
	};

	for (int i = 1; i < 32; i++)
		sigaction(i, NULL, &b.actions[i]);
	pthread_sigmask(SIG_SETMASK, NULL, &b.mask);
	return b;
}

void belongings_check(const struct belongings *before)
{
	struct belongings after = belongings_now();
	uint64_t deadline = patience();

	/* A thread that was joined may be on its way out. */
	while (after.threads > before->threads && sheaf_now_ns() < deadline)
		after.threads = count_threads();
	CHECK(after.files == before->files, "%d open files, %d before", after.files, before->files);
	CHECK(after.mappings == before->mappings, "%d mappings, %d before", after.mappings, before->mappings);
	CHECK(after.threads == before->threads, "%d threads, %d before", after.threads, before->threads);
	CHECK(after.children == before->children, "%d children, %d before", after.children, before->children);
	for (int i = 1; i < 32; i++) {
		CHECK(after.actions[i].sa_handler == before->actions[i].sa_handler, "the action of signal %d changed", i);
		CHECK(sigismember(&after.mask, i) == sigismember(&before->mask, i), "signal %d was masked or unmasked", i);
	}
}

/* ---- the play ---- */

static int play(void *context)
{
	const struct guest *guest = context;

	sigset_t none;

	if (setsid() < 0)
		return 1;
	/* The test may have been started with these ignored or blocked. */
	signal(SIGINT, SIG_DFL);
	signal(SIGCHLD, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	return guest->host();
}

static void run(const struct guest *guest)
{
	int status;
	pid_t pid;

	printf("%s\n", guest->name);
	fflush(stdout);
	atomic_store(&stage->ready, false);
	atomic_store(&stage->over, false);
	pid = child_start(play, (void *)(uintptr_t)guest);
	CHECK(pid > 0, "child");
	if (guest->disturb)
		guest->disturb(pid);
	CHECK(child_wait(pid, &status, patience()) == 0, "%s: the host does not end", guest->name);
	CHECK(session_ended(pid, patience()), "%s: processes are left", guest->name);
	CHECK(segments_of(pid) == 0, "%s: a segment is left", guest->name);
	CHECK(guest->signal ? WIFSIGNALED(status) && WTERMSIG(status) == guest->signal : status == 0, "%s: status %#x",
	      guest->name, (unsigned)status);
}

int guests_play(int argc, char **argv, const struct guest *guests, unsigned count)
{
	uint64_t only;

	guest_chance.state = trial_seed(argc, argv);
	only = trial_amount(argc, argv, 2, count);
	if (!session_visible()) {
		puts("skipped: no /proc, or no /dev/shm");
		return 77;
	}
	stage = mmap(NULL, sizeof(*stage), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(stage != MAP_FAILED, "mmap");
	for (unsigned i = 0; i < count; i++)
		if (only >= count || i == only)
			run(&guests[i]);
	return 0;
}
