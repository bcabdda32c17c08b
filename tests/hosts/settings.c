/*
 * settings.c - kind I: limits, privileges, mounts and roles that the host has, before or after it
 * makes a pool.
 *
 * None of them matters, or the creation is refused with a message that names it. What cannot be had
 * on a machine skips its case.
 */
#include "host.h"

#include "sheaf_inspect.h"

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { MARK_GO, MARK_RUNS };

#define NOBODY 65534

static int try_pool(sheaf_pool **pool, size_t heap_size, unsigned flags)
{
	*pool = NULL;
	return sheaf_pool_create(pool, &(sheaf_pool_options){.workers = 2, .heap_size = heap_size, .flags = flags});
}

/* A pool works, also after deaths, or its creation says what is in its way, and leaves nothing. */
static bool works_or_refused(size_t heap_size, unsigned flags, const char *named)
{
	int files = host_open_files();
	sheaf_pool *pool;
	int r = try_pool(&pool, heap_size, flags);

	if (r == 0) {
		host_works(pool);
		host_kill(host_worker(pool, 0));
		host_works(pool);
		host_kill_supervisor(pool);
		host_works(pool);
		sheaf_pool_destroy(pool);
		EXPECT(host_open_files() == files, "got %d open files after a pool, expected %d", host_open_files(), files);
		return true;
	}
	EXPECT(strstr(sheaf_message(), named), "got the message \"%s\" of a refused creation (%d), expected one that names %s",
	       sheaf_message(), r, named);
	EXPECT(host_open_files() == files, "got %d open files after a refused creation, expected %d", host_open_files(), files);
	return false;
}

/* ---- memory ---- */

/* Bytes that /dev/shm has given out. */
static size_t committed(void)
{
	struct statvfs shm;

	if (!host_shm_private())
		SKIP("others that run beside use /dev/shm, too");
	if (statvfs("/dev/shm", &shm))
		SKIP("no /dev/shm here");
	return (size_t)(shm.f_blocks - shm.f_bfree) * shm.f_frsize;
}

static int all_memory_locked(int how)
{
	struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
	size_t before = committed(), after;
	sheaf_pool *pool;
	void *memory;

	setrlimit(RLIMIT_MEMLOCK, &all);
	if (mlockall(how))
		SKIP("memory cannot be locked here (%s)", strerror(errno));
#ifdef HOST_POSIX_LAYER
	if (try_pool(&pool, 512 * MIB, 0)) {
		EXPECT(strstr(sheaf_message(), "ulimit -l"), "got the message \"%s\", expected one that names ulimit -l",
		       sheaf_message());
		return 0;
	}
#else
	NEED(try_pool(&pool, 512 * MIB, 0));
#endif
	after = committed();
	EXPECT(after - before < 64 * MIB, "got %zu MiB committed by a new pool with a heap of 512 MiB, expected less than 64",
	       (after - before) >> 20);
	NEED(sheaf_alloc(pool, 10 * MIB, &memory));
	memset(memory, 1, 10 * MIB);
	host_works(pool);
	host_kill(host_worker(pool, 0));
	host_works(pool);
	host_kill_supervisor(pool);
	host_works(pool);
	after = committed();
	EXPECT(after - before < 96 * MIB, "got %zu MiB committed after 10 were allocated, expected less than 96",
	       (after - before) >> 20);
	NEED(sheaf_free(pool, memory));
	sheaf_pool_destroy(pool);
	return 0;
}

static int memory_locked_now_and_later(void)
{
	return all_memory_locked(MCL_CURRENT | MCL_FUTURE);
}

static int memory_locked_later(void)
{
	return all_memory_locked(MCL_FUTURE);
}

static int memory_locked_after_creation(void)
{
	struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
	size_t before = committed(), after;
	sheaf_pool *pool = NULL;

	setrlimit(RLIMIT_MEMLOCK, &all);
	NEED(try_pool(&pool, 512 * MIB, 0));
	if (mlockall(MCL_CURRENT | MCL_FUTURE)) {
		sheaf_pool_destroy(pool);
		SKIP("memory cannot be locked here (%s)", strerror(errno));
	}
	host_works(pool);
	host_kill_supervisor(pool);
	host_works(pool);
	sheaf_pool_destroy(pool);
	after = committed();
	EXPECT(after <= before, "got %zu MiB more in /dev/shm after the pool, expected none", (after - before) >> 20);
	return 0;
}

/* What a plain user may lock is far less than a heap. */
static int memory_locked_within_a_limit(void)
{
	struct rlimit limit = {64 * MIB, 64 * MIB}, now;

	getrlimit(RLIMIT_MEMLOCK, &now);
	if (limit.rlim_max > now.rlim_max)
		limit.rlim_cur = limit.rlim_max = now.rlim_max;
	host_be_plain();
	if (setrlimit(RLIMIT_MEMLOCK, &limit) || mlockall(MCL_FUTURE))
		SKIP("memory cannot be locked here (%s)", strerror(errno));
	works_or_refused(512 * MIB, 0, "ulimit -l");
	return 0;
}

/* ---- control groups ---- */

#define GROUP_LIMIT (96 * MIB)

/* A container with less memory than /dev/shm has room for. */
static int container_with_little_memory(void)
{
	char limit[40];
	void *blocks[64];
	sheaf_pool *pool;
	int r = 0, n = 0;

	snprintf(limit, sizeof(limit), "%zu", GROUP_LIMIT);
	if (host_cgroup("memory", "memory.limit_in_bytes", "memory.max", limit))
		SKIP("no control group for memory can be made here (%s)", strerror(errno));
	NEED(try_pool(&pool, 1024 * MIB, 0));
	while (n < 64 && !(r = sheaf_alloc(pool, 8 * MIB, &blocks[n]))) {
		memset(blocks[n], 1, 8 * MIB);
		n++;
	}
	EXPECT(r == -ENOSPC, "got %d (%s) after %d times 8 MiB in a container of 96 MiB, expected -ENOSPC", r, sheaf_message(),
	       n);
	EXPECT(n >= 4, "got only %d times 8 MiB in a container of 96 MiB, expected more", n);
	for (int i = 0; i < n; i++)
		NEED(sheaf_free(pool, blocks[i]));
	NEED(sheaf_apply(pool, host_nothing, NULL, 0, NULL, 0, NULL));
	NEED(sheaf_alloc(pool, 8 * MIB, &blocks[0]));
	memset(blocks[0], 1, 8 * MIB);
	host_works(pool);
	r = sheaf_alloc(pool, 512 * MIB, &blocks[1]);
	EXPECT(r == -ENOSPC, "got %d (%s) for 512 MiB in a container of 96 MiB, expected -ENOSPC", r, sheaf_message());
	EXPECT(host_info(pool).deaths == 0 && host_info(pool).supervisors == 1, "got a death, expected none");
	sheaf_pool_destroy(pool);
	return 0;
}

static int arguments_in_a_container_with_little_memory(void)
{
	static char arg[1 << 20];
	char limit[40];
	sheaf_batch *batch;
	sheaf_pool *pool;
	int r = 0;
	uint64_t i;

	snprintf(limit, sizeof(limit), "%zu", GROUP_LIMIT);
	if (host_cgroup("memory", "memory.limit_in_bytes", "memory.max", limit))
		SKIP("no control group for memory can be made here (%s)", strerror(errno));
	NEED(try_pool(&pool, 1024 * MIB, 0));
	batch = host_batch(pool, NULL);
	memset(arg, 1, sizeof(arg));
	for (i = 0; i < 500 && !(r = sheaf_submit(batch, i, host_nothing, arg, sizeof(arg))); i++)
		;
	EXPECT(r == -ENOSPC, "got %d (%s) after %llu arguments of 1 MiB in a container of 96 MiB, expected -ENOSPC", r,
	       sheaf_message(), (unsigned long long)i);
	host_gather(batch, (size_t)i, NULL);
	sheaf_batch_retire(batch);
	host_works(pool);
	sheaf_pool_destroy(pool);
	return 0;
}

static int container_with_few_processes(void)
{
	sheaf_pool *pool = NULL;
	char limit[20];
	int r = 0;

	if (host_cgroup("pids", NULL, NULL, ""))
		SKIP("no control group for processes can be made here (%s)", strerror(errno));
	for (int n = 1; n < 8; n++) {
		snprintf(limit, sizeof(limit), "%d", n);
		if (host_cgroup_write("pids.max", limit))
			SKIP("the number of processes cannot be limited here (%s)", strerror(errno));
		r = try_pool(&pool, 16 * MIB, 0);
		EXPECT(r == 0 || r == -EAGAIN, "got %d (%s) with at most %d processes, expected 0 or -EAGAIN", r,
		       sheaf_message(), n);
		if (!r)
			host_works(pool);
		sheaf_pool_destroy(pool);
	}
	EXPECT(r == 0, "got %d (%s) with room for 6 processes, expected 0", r, sheaf_message());
	host_cgroup_write("pids.max", "max");
	return 0;
}

/* ---- users ---- */

static int inspect_pool(void *name)
{
	sheaf_inspect *inspect;
	sheaf_inspect_pool figures;

	NEED(sheaf_inspect_open(&inspect, name));
	NEED(sheaf_inspect_look(inspect, &figures));
	EXPECT(figures.owner_lives, "got a dead owner told, expected a living one");
	sheaf_inspect_close(inspect);
	return 0;
}

static int leave_with_umask(void *mask)
{
	sheaf_pool *pool;

	umask((mode_t)(uintptr_t)mask);
	pool = host_pool(1);
	host_works(pool);
	umask(022);
	host_write("name", host_info(pool).name, strlen(host_info(pool).name) + 1);
	host_die_with_all();
	return 1;
}

/* Some take the owner's own right to read or write. */
static int umask_of_any_kind(void)
{
	static const mode_t masks[] = {0400, 0200, 0600, 0777};
	char name[100];

	host_be_plain();
	for (size_t i = 0; i < sizeof(masks) / sizeof(masks[0]); i++) {
		sheaf_pool *pool;
		int r;

		umask(masks[i]);
		pool = host_pool(2);
		host_works(pool);
		host_kill_supervisor(pool);
		host_works(pool);
		snprintf(name, sizeof(name), "%s", host_info(pool).name);
		r = host_child(inspect_pool, name, 20);
		EXPECT(r == 0, "got a failed look with umask %03o, expected figures", (unsigned)masks[i]);
		sheaf_pool_destroy(pool);
		umask(022);
		r = host_child(leave_with_umask, (void *)(uintptr_t)masks[i], 20);
		EXPECT(r == 128 + SIGKILL, "got exit code %d of an owner that kills itself, expected SIGKILL", r);
		host_await_all();
		host_read("name", name, sizeof(name));
		EXPECT(host_shm_exists(name) || !host_shm_private(), "got no segment of the killed owner, expected one");
		host_create_and_destroy();
		EXPECT(!host_shm_exists(name), "got the dead owner's %s left with umask %03o, expected it swept", name,
		       (unsigned)masks[i]);
	}
	return 0;
}

/* Servers give root up when they have what they need. */
static int root_given_up_after_creation(void)
{
	char name[100];
	sheaf_pool *pool;
	uint64_t began;
	pid_t pids[64];

	if (geteuid())
		SKIP("needs root");
	pool = host_pool(2);
	snprintf(name, sizeof(name), "%s", host_info(pool).name);
	host_works(pool);
	if (setgroups(0, NULL) || setgid(NOBODY) || setuid(NOBODY))
		SKIP("root may not become a plain user here (%s)", strerror(errno));
	host_works(pool);
	began = sheaf_now_ns();
	sheaf_pool_destroy(pool);
	EXPECT(sheaf_now_ns() - began < 3 * SECOND, "got %.1f s for sheaf_pool_destroy(), expected less than 3",
	       (double)(sheaf_now_ns() - began) / 1e9);
	EXPECT(host_processes(pids, 64) <= 0, "got %d processes after sheaf_pool_destroy(), expected none",
	       host_processes(pids, 64));
	EXPECT(!host_shm_exists(name), "got the name %s left by sheaf_pool_destroy(), expected it removed", name);
	return 0;
}

static int root_given_up_and_workers_die(void)
{
	sheaf_pool *pool;
	pid_t worker;

	if (geteuid())
		SKIP("needs root");
	pool = host_pool(2);
	worker = host_worker(pool, 0);
	/* Another user's order: the plain owner may not send it. */
	pid_t killer = fork();

	if (!killer) {
		host_await(MARK_GO, 1, "the end of root");
		host_kill(worker);
		_exit(0);
	}
	if (setgroups(0, NULL) || setgid(NOBODY) || setuid(NOBODY))
		SKIP("root may not become a plain user here (%s)", strerror(errno));
	host_set(MARK_GO, 1);
	EXPECT(host_join(killer, 20) == 0, "got no death, expected one");
	host_works(pool);
	sheaf_pool_destroy(pool);
	return 0;
}

static int hang(sheaf_task *task, const void *arg, void *result)
{
	(void)task, (void)arg, (void)result;
	host_add(MARK_RUNS, 1);
	for (;;)
		host_nap(1000);
	return 0;
}

static int root_given_up_while_a_task_hangs(void)
{
	sheaf_batch *batch;
	sheaf_pool *pool;
	uint64_t began;

	if (geteuid())
		SKIP("needs root");
	pool = host_pool(2);
	batch = host_batch(pool, NULL);
	NEED(sheaf_submit(batch, 0, hang, NULL, 0));
	host_await(MARK_RUNS, 1, "the task");
	if (setgroups(0, NULL) || setgid(NOBODY) || setuid(NOBODY))
		SKIP("root may not become a plain user here (%s)", strerror(errno));
	began = sheaf_now_ns();
	sheaf_batch_retire(batch);
	host_works(pool);
	batch = host_batch(pool, NULL);
	NEED(sheaf_submit(batch, 0, hang, NULL, 0));
	host_await(MARK_RUNS, 2, "the task");
	sheaf_pool_destroy(pool);
	EXPECT(sheaf_now_ns() - began < 6 * SECOND, "got %.1f s to end two tasks that hang, expected less than 6",
	       (double)(sheaf_now_ns() - began) / 1e9);
	return 0;
}

static int process_that_may_not_be_looked_at(void)
{
	host_be_plain();
	prctl(PR_SET_DUMPABLE, 0);
	works_or_refused(64 * MIB, 0, "/proc");
	works_or_refused(64 * MIB, SHEAF_ANONYMOUS, "/proc");
	return 0;
}

static int host_without_new_privileges(void)
{
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	EXPECT(works_or_refused(64 * MIB, 0, "?"), "got a refusal (%s), expected a pool", sheaf_message());
	return 0;
}

/* ---- roles ---- */

static int zombies_after_deaths(sheaf_pool *pool)
{
	uint64_t deadline;

	for (int i = 0; i < 4; i++) {
		host_kill_supervisor(pool);
		host_works(pool);
		host_kill(host_worker(pool, 0));
		host_works(pool);
	}
	/* The dead of the last moment may still wait for their end. */
	deadline = sheaf_now_ns() + 3 * SECOND;
	while (host_zombies() > 0 && sheaf_now_ns() < deadline) {
		host_works(pool);
		host_nap(5);
	}
	return host_zombies();
}

static int live_as_first_process(void *unused)
{
	sheaf_pool *pool;
	int n;

	(void)unused;
	EXPECT(getpid() == 1, "got process %ld in a new namespace, expected 1", (long)getpid());
	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("proc", "/proc", "proc", 0, NULL))
		SKIP("no /proc can be mounted here (%s)", strerror(errno));
	pool = host_pool(2);
	n = zombies_after_deaths(pool);
	EXPECT(n == 0, "got %d zombies of dead families in process 1, expected 0", n);
	sheaf_pool_destroy(pool);
	EXPECT(host_zombies() == 0, "got %d zombies after sheaf_pool_destroy(), expected 0", host_zombies());
	return 0;
}

static int owner_as_process_1(void)
{
	int r;

	if (unshare(CLONE_NEWPID))
		SKIP("no process namespace can be made here (%s)", strerror(errno));
	r = host_child(live_as_first_process, NULL, 28);
	EXPECT(r == 0 || r == 77, "got exit code %d of process 1, expected 0", r);
	return 0;
}

/* As service managers and some runtimes are. */
static int owner_that_adopts_orphans(void)
{
	sheaf_pool *pool;
	int n;

	NEEDS_LINUX_LAYER("that a process adopts orphans");
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	pool = host_pool(2);
	n = zombies_after_deaths(pool);
	EXPECT(n == 0, "got %d zombies of dead families, expected 0", n);
	sheaf_pool_destroy(pool);
	EXPECT(host_zombies() == 0, "got %d zombies after sheaf_pool_destroy(), expected 0", host_zombies());
	return 0;
}

/* The host's own children must stay for the host to wait for. */
static int owner_that_adopts_orphans_and_has_children(void)
{
	pid_t pids[5];
	sheaf_pool *pool;

	NEEDS_LINUX_LAYER("that a process adopts orphans");
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	for (int i = 0; i < 5; i++)
		if (!(pids[i] = fork()))
			_exit(10 + i);
	pool = host_pool(2);
	for (int i = 0; i < 3; i++) {
		host_kill_supervisor(pool);
		host_works(pool);
	}
	sheaf_pool_destroy(pool);
	for (int i = 0; i < 5; i++) {
		int status = 0;
		pid_t pid = waitpid(pids[i], &status, 0);

		EXPECT(pid == pids[i] && WIFEXITED(status) && WEXITSTATUS(status) == 10 + i,
		       "got %ld and status %#x for a child of the host's own, expected its exit code %d", (long)pid,
		       (unsigned)status, 10 + i);
	}
	return 0;
}

/* ---- limits ---- */

static void limit_and_play(int resource, const char *named, rlim_t limit, size_t heap_size, unsigned flags)
{
	struct rlimit before, after;

	getrlimit(resource, &before);
	after = before;
	after.rlim_cur = limit < before.rlim_max ? limit : before.rlim_max;
	EXPECT(!setrlimit(resource, &after), "got no limit (%s), expected one", strerror(errno));
	works_or_refused(heap_size, flags, named);
	setrlimit(resource, &before);
}

static int limit_of_address_space(void)
{
	limit_and_play(RLIMIT_AS, "ulimit -v", 1024 * MIB, 0, 0);
	limit_and_play(RLIMIT_AS, "ulimit -v", 512 * MIB, 64 * MIB, 0);
	limit_and_play(RLIMIT_AS, "ulimit -v", 64 * MIB, 64 * MIB, 0);
	limit_and_play(RLIMIT_AS, "ulimit -v", 64 * MIB, 64 * MIB, SHEAF_ANONYMOUS);
	return 0;
}

/* The system sends a signal, whose default is death, to a process that makes a longer file. */
static int limit_of_file_size(void)
{
	limit_and_play(RLIMIT_FSIZE, "ulimit -f", 1 * MIB, 64 * MIB, 0);
	limit_and_play(RLIMIT_FSIZE, "ulimit -f", 0, 64 * MIB, 0);
	limit_and_play(RLIMIT_FSIZE, "ulimit -f", 1 * MIB, 64 * MIB, SHEAF_ANONYMOUS);
	limit_and_play(RLIMIT_FSIZE, "ulimit -f", 1 * MIB, 0, 0);
	return 0;
}

static int limit_of_file_size_lowered_later(void)
{
	struct rlimit limit = {4096, RLIM_INFINITY};
	sheaf_pool *pool = host_pool(2);
	void *memory = NULL;
	int r;

	getrlimit(RLIMIT_FSIZE, &limit);
	limit.rlim_cur = 4096;
	setrlimit(RLIMIT_FSIZE, &limit);
	r = sheaf_alloc(pool, 10 * MIB, &memory);
	EXPECT(r == 0 || sheaf_message()[0], "got %d without a message, expected 0 or a reason", r);
	if (!r)
		memset(memory, 1, 10 * MIB);
	NEED(sheaf_apply(pool, host_nothing, NULL, 0, NULL, 0, NULL));
	host_kill_supervisor(pool);
	NEED(sheaf_apply(pool, host_nothing, NULL, 0, NULL, 0, NULL));
	sheaf_pool_destroy(pool);
	return 0;
}

static int limit_of_processes(void)
{
	struct rlimit limit;

	host_be_plain();
	for (rlim_t n = 0; n < 8; n++) {
		getrlimit(RLIMIT_NPROC, &limit);
		limit.rlim_cur = n;
		setrlimit(RLIMIT_NPROC, &limit);
		sheaf_pool *pool = NULL;
		int r = try_pool(&pool, 16 * MIB, 0);

		EXPECT(r == 0 || r == -EAGAIN, "got %d (%s) with at most %d processes, expected 0 or -EAGAIN", r,
		       sheaf_message(), (int)n);
		if (!r)
			host_works(pool);
		else
			EXPECT(sheaf_message()[0], "got no message of a refused creation, expected a reason");
		sheaf_pool_destroy(pool);
	}
	return 0;
}

static int stack_without_a_limit(void)
{
	struct rlimit limit;

	getrlimit(RLIMIT_STACK, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_STACK, &limit);
	EXPECT(works_or_refused(64 * MIB, 0, "?"), "got a refusal (%s), expected a pool", sheaf_message());
	limit.rlim_cur = 256 * 1024;
	setrlimit(RLIMIT_STACK, &limit);
	EXPECT(works_or_refused(64 * MIB, 0, "?"), "got a refusal (%s), expected a pool", sheaf_message());
	return 0;
}

static int limit_of_data(void)
{
	limit_and_play(RLIMIT_DATA, "ulimit -d", 16 * MIB, 64 * MIB, 0);
	limit_and_play(RLIMIT_DATA, "ulimit -d", 16 * MIB, 64 * MIB, SHEAF_ANONYMOUS);
	return 0;
}

/* ---- core files ---- */

/* Does a mapping of at least so many bytes go into core files? As /proc/self/smaps tells. */
static int mappings_to_dump(size_t at_least)
{
	FILE *file = fopen("/proc/self/smaps", "re");
	unsigned long begin = 0, end = 0;
	char line[600];
	int count = 0;

	if (!file)
		return -1;
	while (fgets(line, sizeof(line), file)) {
		unsigned long low, high;
		char permissions[8];

		if (sscanf(line, "%lx-%lx %7s", &low, &high, permissions) == 3) {
			begin = low;
			end = high;
		}
		if (!strncmp(line, "VmFlags:", 8))
			count += end - begin >= at_least && !strstr(line, " dd") && strstr(line, " rd") && strstr(line, " sh");
	}
	fclose(file);
	return count;
}

static int tell_mappings_to_dump(sheaf_task *task, const void *arg, void *result)
{
	int count = mappings_to_dump(100 * MIB);

	(void)task, (void)arg;
	memcpy(result, &count, sizeof(count));
	return 0;
}

/* In the owner and in a worker: only so many large mappings go into core files. */
static void expect_mappings_to_dump(sheaf_pool *pool, int expected)
{
	int here = mappings_to_dump(100 * MIB), there = -1;

	NEED(sheaf_apply(pool, tell_mappings_to_dump, NULL, 0, &there, sizeof(there), NULL));
	EXPECT(here == expected && there == expected,
	       "got %d large mappings of the owner and %d of a worker that go into core files, expected %d of both", here,
	       there, expected);
}

static int core_files_of_a_large_heap(void)
{
	for (unsigned flags = 0; flags <= SHEAF_ANONYMOUS; flags++) {
		int before = mappings_to_dump(100 * MIB);
		sheaf_pool *pool;
		void *memory;

		if (before < 0)
			SKIP("mappings cannot be listed here");
		NEED(try_pool(&pool, 256 * MIB, flags));
		expect_mappings_to_dump(pool, before);
		/* Memory that comes later, and goes again, and later processes. */
		NEED(sheaf_alloc(pool, 128 * MIB, &memory));
		expect_mappings_to_dump(pool, before);
		NEED(sheaf_free(pool, memory));
		host_kill_supervisor(pool);
		host_works(pool);
		expect_mappings_to_dump(pool, before);
		sheaf_pool_destroy(pool);
	}
	return 0;
}

static int abort_in_task(sheaf_task *task, const void *arg, void *result)
{
	(void)task, (void)arg, (void)result;
	if (chdir("cores"))
		return -errno;
	abort();
}

static int core_file_of_a_task(void)
{
	struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
	char pattern[200];
	sheaf_pool *pool;
	struct stat core;
	void *memory;
	int fd;

	fd = open("/proc/sys/kernel/core_pattern", O_RDONLY);
	if (fd < 0)
		SKIP("no /proc here");
	close(fd);
	host_read("/proc/sys/kernel/core_pattern", pattern, sizeof(pattern));
	if (strcmp(pattern, "core\n") || setrlimit(RLIMIT_CORE, &all))
		SKIP("core files are not made in the working directory here");
	EXPECT(!mkdir("cores", 0777) && !chmod("cores", 0777), "got no folder, expected one");
	NEED(try_pool(&pool, 512 * MIB, SHEAF_ANONYMOUS));
	NEED(sheaf_alloc(pool, 128 * MIB, &memory));
	memset(memory, 1, 128 * MIB);
	EXPECT(sheaf_apply(pool, abort_in_task, NULL, 0, NULL, 0, &(sheaf_map_options){.max_attempts = 1}) == -ECHILD,
	       "got no death, expected one");
	sheaf_pool_destroy(pool);
	if (stat("cores/core", &core) && system("mv cores/core* cores/core 2>/dev/null") >= 0 && stat("cores/core", &core))
		SKIP("no core file was made");
	EXPECT((size_t)core.st_blocks * 512 < 64 * MIB, "got a core file of %zu MiB, expected one without the heap",
	       (size_t)core.st_blocks * 512 >> 20);
	return 0;
}

/* ---- mounts ---- */

static int host_without_proc(void)
{
	sheaf_pool *pool;

	host_mount("/proc", "size=4k");
	pool = host_pool(2);
	host_works(pool);
	host_kill(host_worker(pool, 0));
	host_works(pool);
	for (int i = 0; i < 3; i++) {
		host_kill(host_info(pool).supervisor);
		host_works(pool);
	}
	sheaf_pool_destroy(pool);
	return 0;
}

static int shared_memory_that_is_read_only(void)
{
	sheaf_pool *pool = NULL;
	int r;

	host_mount("/dev/shm", "ro");
	r = try_pool(&pool, 64 * MIB, 0);
	EXPECT(r == -EROFS && !pool, "got %d (%s) with a read-only /dev/shm, expected -EROFS", r, sheaf_message());
	EXPECT(strstr(sheaf_message(), "/dev/shm") || strstr(sheaf_message(), "sheaf-"),
	       "got the message \"%s\", expected one that names /dev/shm", sheaf_message());
	r = try_pool(&pool, 64 * MIB, SHEAF_ANONYMOUS);
	EXPECT(r == 0 || sheaf_message()[0], "got %d without a message, expected 0 or a reason", r);
	if (!r)
		host_works(pool);
	sheaf_pool_destroy(pool);
	return 0;
}

static int shared_memory_that_is_too_small(void)
{
	static const char *const sizes[] = {"size=4k", "size=64k", "size=256k", "size=1m", "size=4m", "nr_inodes=1"};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		sheaf_pool *pool = NULL;
		void *memory;
		int r;

		host_mount("/dev/shm", sizes[i]);
		r = try_pool(&pool, 64 * MIB, 0);
		EXPECT(r == 0 || r == -ENOSPC, "got %d (%s) with a /dev/shm of %s, expected 0 or -ENOSPC", r, sheaf_message(),
		       sizes[i]);
		if (r) {
			EXPECT(sheaf_message()[0], "got no message, expected a reason");
			continue;
		}
		r = sheaf_alloc(pool, 32 * MIB, &memory);
		EXPECT(r == -ENOSPC, "got %d (%s) for 32 MiB, expected -ENOSPC", r, sheaf_message());
		NEED(sheaf_apply(pool, host_nothing, NULL, 0, NULL, 0, NULL));
		sheaf_pool_destroy(pool);
	}
	return 0;
}

/* The heap holds no program. */
static int shared_memory_without_exec(void)
{
	sheaf_pool *pool;

	host_mount("/dev/shm", "noswap,size=64m");
	if (mount("none", "/dev/shm", NULL, MS_REMOUNT | MS_NOEXEC | MS_NOSUID | MS_NODEV, NULL))
		SKIP("no such mount here (%s)", strerror(errno));
	pool = host_pool(2);
	host_works(pool);
	sheaf_pool_destroy(pool);
	return 0;
}

static int host_in_a_bare_root(void)
{
	sheaf_pool *pool = NULL;
	int r;

	if (mkdir("root", 0755) || chroot("root") || chdir("/"))
		SKIP("no other root can be had here (%s)", strerror(errno));
	r = try_pool(&pool, 64 * MIB, 0);
	EXPECT(r == -ENOENT || r == -ENOSYS || r == -EACCES,
	       "got %d (%s) without /dev/shm, expected -ENOENT, -EACCES or -ENOSYS", r, sheaf_message());
	EXPECT(sheaf_message()[0], "got no message, expected a reason");
	r = try_pool(&pool, 64 * MIB, SHEAF_ANONYMOUS);
	EXPECT(r == 0 || sheaf_message()[0], "got %d without a message, expected 0 or a reason", r);
	if (!r)
		host_works(pool);
	sheaf_pool_destroy(pool);
	return 0;
}

/* /dev/shm goes away while the pool lives. */
static int shared_memory_mounted_over_later(void)
{
	sheaf_pool *pool = host_pool(2);
	void *memory;

	host_works(pool);
	host_mount("/dev/shm", "size=64m");
	host_works(pool);
	NEED(sheaf_alloc(pool, MIB, &memory));
	memset(memory, 1, MIB);
	host_kill_supervisor(pool);
	host_works(pool);
	sheaf_pool_destroy(pool);
	return 0;
}

/* As daemons do when they have what they need. */
static int root_directory_changed_later(void)
{
	sheaf_pool *pool = host_pool(2);
	void *memory;

	host_works(pool);
	if (mkdir("root", 0755) || chroot("root") || chdir("/")) {
		sheaf_pool_destroy(pool);
		SKIP("no other root can be had here (%s)", strerror(errno));
	}
	host_works(pool);
	NEED(sheaf_alloc(pool, MIB, &memory));
	memset(memory, 1, MIB);
	host_kill(host_info(pool).supervisor);
	host_works(pool);
	/* No name may be left in the old /dev/shm. */
	sheaf_pool_destroy(pool);
	return 0;
}

static int working_directory_that_is_gone(void)
{
	EXPECT(!mkdir("gone", 0755) && !chdir("gone") && !rmdir("../gone"), "got a folder that stays, expected it gone");
	EXPECT(works_or_refused(64 * MIB, 0, "?"), "got a refusal (%s), expected a pool", sheaf_message());
	return 0;
}

static int host_without_environment(void)
{
	clearenv();
	EXPECT(works_or_refused(64 * MIB, 0, "?"), "got a refusal (%s), expected a pool", sheaf_message());
	return 0;
}

HOST_PROGRAM("settings", CASE(memory_locked_now_and_later), CASE(memory_locked_later), CASE(memory_locked_after_creation),
	     CASE(memory_locked_within_a_limit), CASE(container_with_little_memory),
	     CASE(arguments_in_a_container_with_little_memory), CASE(container_with_few_processes), CASE(umask_of_any_kind),
	     CASE(root_given_up_after_creation), CASE(root_given_up_and_workers_die), CASE(root_given_up_while_a_task_hangs),
	     CASE(process_that_may_not_be_looked_at), CASE(host_without_new_privileges), CASE(owner_as_process_1),
	     CASE(owner_that_adopts_orphans), CASE(owner_that_adopts_orphans_and_has_children), CASE(limit_of_address_space),
	     CASE(limit_of_file_size), CASE(limit_of_file_size_lowered_later), LONG_CASE(limit_of_processes, 120),
	     CASE(limit_of_data), CASE(stack_without_a_limit), CASE(core_files_of_a_large_heap), CASE(core_file_of_a_task),
	     CASE(host_without_proc), CASE(shared_memory_that_is_read_only), CASE(shared_memory_that_is_too_small),
	     CASE(shared_memory_without_exec), CASE(shared_memory_mounted_over_later), CASE(host_in_a_bare_root),
	     CASE(root_directory_changed_later), CASE(working_directory_that_is_gone), CASE(host_without_environment))
