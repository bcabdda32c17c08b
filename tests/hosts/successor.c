/*
 * successor.c - kind C: workers are copies of the owner as it was when it made the pool, whichever
 * process dies later.
 *
 * The owner starts threads, takes locks, changes globals, limits and mappings after that. Then
 * supervisors die, with and without the owner in a call, and tasks go on as if nothing had
 * happened.
 */
#include "host.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

enum { MARK_STOP, MARK_RUNS, MARK_GO, MARK_READY, MARK_FORKS };

static const sheaf_map_options patient = {.task_timeout_ns = 5 * SECOND};

static void kill_and_apply(sheaf_pool *pool, sheaf_task_fn *fn, int rounds)
{
	for (int i = 0; i < rounds; i++) {
		host_kill_supervisor(pool);
		NEED(sheaf_apply(pool, fn, NULL, 0, NULL, 0, &patient));
	}
}

/* ---- locks that threads of the owner hold ---- */

static pthread_mutex_t global_lock = PTHREAD_MUTEX_INITIALIZER;

/* As the lock of an interpreter: held but for an instant now and then. */
static void *hold_global_lock(void *unused)
{
	(void)unused;
	while (!host_get(MARK_STOP)) {
		pthread_mutex_lock(&global_lock);
		host_add(MARK_READY, 1);
		host_nap(2);
		pthread_mutex_unlock(&global_lock);
	}
	return NULL;
}

static int take_global_lock(sheaf_task *task, const void *arg, void *result)
{
	(void)task, (void)arg, (void)result;
	pthread_mutex_lock(&global_lock);
	pthread_mutex_unlock(&global_lock);
	return 0;
}

static int global_lock_held_by_a_thread(void)
{
	sheaf_pool *pool = host_pool(2);
	pthread_t thread;

	EXPECT(!pthread_create(&thread, NULL, hold_global_lock, NULL), "got no thread, expected one");
	host_await(MARK_READY, 1, "the thread");
	kill_and_apply(pool, take_global_lock, 8);
	host_set(MARK_STOP, 1);
	pthread_join(thread, NULL);
	sheaf_pool_destroy(pool);
	return 0;
}

static int global_lock_held_by_the_thread_that_waits(void)
{
	sheaf_pool *pool = host_pool(2);

	for (int i = 0; i < 5; i++) {
		/*
		 * As an interpreter's thread that calls a function of C without giving its lock up.
		 */
		pthread_mutex_lock(&global_lock);
		host_kill_supervisor(pool);
		NEED(sheaf_apply(pool, take_global_lock, NULL, 0, NULL, 0, &patient));
		pthread_mutex_unlock(&global_lock);
	}
	sheaf_pool_destroy(pool);
	return 0;
}

static FILE *shared_file;

static void *use_libc(void *unused)
{
	struct tm tm;
	time_t now = 0;

	(void)unused;
	host_add(MARK_READY, 1);
	while (!host_get(MARK_STOP)) {
		void *memory = malloc(1 + (size_t)now % 300000);

		localtime_r(&now, &tm);
		fprintf(shared_file, "%d\n", tm.tm_year);
#ifdef __GLIBC__ /* locks there; elsewhere no two threads may do it */
		setenv("SHEAF_HOST", "some value", 1);
#endif
		free(memory);
		now += 3601;
	}
	return NULL;
}

static int use_libc_in_task(sheaf_task *task, const void *arg, void *result)
{
	time_t now = time(NULL);
	struct tm tm;
	void *memory = malloc(200000);

	(void)task, (void)arg, (void)result;
	localtime_r(&now, &tm);
	fprintf(shared_file, "task\n");
	setenv("SHEAF_TASK", "some value", 1);
	free(memory);
	return memory ? 0 : -ENOMEM;
}

static int threads_that_hold_locks_of_libc(void)
{
	sheaf_pool *pool;
	pthread_t threads[3];

	shared_file = fopen("/dev/null", "w");
	EXPECT(shared_file != NULL, "got no file, expected one");
	pool = host_pool(2);
	for (int i = 0; i < 3; i++)
		EXPECT(!pthread_create(&threads[i], NULL, use_libc, NULL), "got no thread, expected one");
	host_await(MARK_READY, 3, "the threads");
	kill_and_apply(pool, use_libc_in_task, 25);
	host_set(MARK_STOP, 1);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	sheaf_pool_destroy(pool);
	fclose(shared_file);
	return 0;
}

/* ---- what the owner has changed since ---- */

static int global = 1;
static char *heap_text;

static int look_at_globals(sheaf_task *task, const void *arg, void *result)
{
	char folder[2000], text[100];
	mode_t mask = umask(022);
	struct rlimit core;

	(void)arg, (void)result;
	umask(mask);
	getrlimit(RLIMIT_CORE, &core);
	snprintf(text, sizeof(text), "%s", getenv("SHEAF_HOST") ? getenv("SHEAF_HOST") : "none");
	if (global != 1 || strcmp(heap_text, "at creation") || strcmp(text, "at creation"))
		return sheaf_task_fail(task, -EBADMSG,
				       "got global %d, heap \"%s\", environment \"%s\", expected those of creation", global,
				       heap_text, text);
	if (!getcwd(folder, sizeof(folder)) || access("folder-of-creation", F_OK))
		return sheaf_task_fail(task, -EBADMSG, "got the working directory %s, expected that of creation", folder);
	if (mask != 027 || core.rlim_cur != 4096)
		return sheaf_task_fail(task, -EBADMSG, "got umask %o and core limit %ld, expected those of creation",
				       (unsigned)mask, (long)core.rlim_cur);
	return 0;
}

static int globals_changed_since(void)
{
	struct rlimit core = {4096, RLIM_INFINITY};
	sheaf_pool *pool;

	getrlimit(RLIMIT_CORE, &core);
	core.rlim_cur = 4096;
	EXPECT(!setrlimit(RLIMIT_CORE, &core), "got no limit, expected one");
	heap_text = strdup("at creation");
	setenv("SHEAF_HOST", "at creation", 1);
	host_write("folder-of-creation", "", 0);
	umask(027);
	pool = host_pool(2);
	NEED(sheaf_apply(pool, look_at_globals, NULL, 0, NULL, 0, &patient));
	global = 2;
	strcpy(heap_text, "later");
	setenv("SHEAF_HOST", "later", 1);
	umask(0);
	core.rlim_cur = 0;
	setrlimit(RLIMIT_CORE, &core);
	EXPECT(!chdir("/"), "got no folder, expected one");
	host_kill(host_worker(pool, 0));
	NEED(sheaf_apply(pool, look_at_globals, NULL, 0, NULL, 0, &patient));
	kill_and_apply(pool, look_at_globals, 5);
	sheaf_pool_destroy(pool);
	return 0;
}

/* The stack and CPUs of the process that the task is in. */
struct ground {
	size_t stack, guard;
	cpu_set_t cpus;
	int policy, nice;
	sigset_t mask;
};

static int look_at_ground(sheaf_task *task, const void *arg, void *result)
{
	struct ground *ground = result;
	pthread_attr_t attr;
	void *low;

	(void)task, (void)arg;
	if (pthread_getattr_np(pthread_self(), &attr))
		return -EIO;
	pthread_attr_getstack(&attr, &low, &ground->stack);
	pthread_attr_destroy(&attr);
	sched_getaffinity(0, sizeof(ground->cpus), &ground->cpus);
	ground->policy = sched_getscheduler(0);
	ground->nice = getpriority(PRIO_PROCESS, 0);
	sigprocmask(SIG_SETMASK, NULL, &ground->mask);
	return 0;
}

/* More stack than the other thread has, less than the first one. */
static int use_stack(sheaf_task *task, const void *arg, void *result)
{
	volatile char much[700 * 1024];

	(void)task, (void)arg, (void)result;
	for (size_t i = 0; i < sizeof(much); i += 1024)
		much[i] = 1;
	return much[0] - 1;
}

static sheaf_pool *the_pool;

static void *notice_in_small_thread(void *unused)
{
	struct ground before, after;
	cpu_set_t one;
	sigset_t all;

	(void)unused;
	NEED(sheaf_apply(the_pool, look_at_ground, NULL, 0, &before, sizeof(before), &patient));
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	sched_setaffinity(0, sizeof(one), &one);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
	for (int i = 0; i < 3; i++) {
		host_kill_supervisor(the_pool);
		NEED(sheaf_apply(the_pool, look_at_ground, NULL, 0, &after, sizeof(after), &patient));
		EXPECT(before.stack == after.stack, "got tasks with %zu KiB of stack, expected %zu as at creation",
		       after.stack / 1024, before.stack / 1024);
		EXPECT(CPU_EQUAL(&before.cpus, &after.cpus), "got %d CPUs for tasks, expected %d as at creation",
		       CPU_COUNT(&after.cpus), CPU_COUNT(&before.cpus));
		EXPECT(!memcmp(&before.mask, &after.mask, sizeof(before.mask)),
		       "got another signal mask in tasks, expected the same");
		EXPECT(before.policy == after.policy && before.nice == after.nice,
		       "got another priority of tasks, expected the same");
		NEED(sheaf_apply(the_pool, use_stack, NULL, 0, NULL, 0, &patient));
	}
	return NULL;
}

static int death_noticed_in_a_thread_with_a_small_stack_and_one_cpu(void)
{
	pthread_attr_t attr;
	pthread_t thread;

	the_pool = host_pool(2);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 256 * 1024);
	EXPECT(!pthread_create(&thread, &attr, notice_in_small_thread, NULL), "got no thread, expected one");
	pthread_join(thread, NULL);
	pthread_attr_destroy(&attr);
	host_works(the_pool);
	sheaf_pool_destroy(the_pool);
	return 0;
}

static void *create_in_thread(void *unused)
{
	(void)unused;
	the_pool = host_pool(2);
	return NULL;
}

/* Death signals are bound to threads. */
static int creating_thread_has_ended(void)
{
	pthread_t thread;

	EXPECT(!pthread_create(&thread, NULL, create_in_thread, NULL), "got no thread, expected one");
	pthread_join(thread, NULL);
	for (int i = 0; i < 4; i++) {
		host_works(the_pool);
		host_kill_supervisor(the_pool);
	}
	host_works(the_pool);
	sheaf_pool_destroy(the_pool);
	return 0;
}

/* ---- pages that children do not get ---- */

#define PAGES (64 * (size_t)4096)

static char *owners_pages;

static int read_pages(sheaf_task *task, const void *arg, void *result)
{
	uint64_t position = sheaf_task_position(task);
	char *shared;

	memcpy(&shared, arg, sizeof(shared));
	if (owners_pages[position * 4096] != 5)
		return -EBADMSG;
	shared[position * 4096 + 1] = 6;
	*(uint64_t *)result = (uint64_t)shared[position * 4096];
	return 0;
}

/* As libraries for networks do with memory that a device reads and writes. */
static int pages_that_children_do_not_get(void)
{
	sheaf_batch *batch;
	sheaf_pool *pool;
	void *shared;

	owners_pages = mmap(NULL, PAGES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(owners_pages, 5, PAGES);
	pool = host_pool(2);
	NEED(sheaf_alloc(pool, PAGES, &shared));
	memset(shared, 7, PAGES);
	EXPECT(!madvise(owners_pages, PAGES, MADV_DONTFORK) && !madvise(shared, PAGES, MADV_DONTFORK),
	       "got %s, expected the advice taken", strerror(errno));
	for (int round = 0; round < 3; round++) {
		const sheaf_result *results;

		batch = host_batch(pool, &(sheaf_batch_options){.result_size = 8});
		for (uint64_t i = 0; i < 64; i++)
			NEED(sheaf_submit(batch, i, read_pages, &shared, sizeof(shared)));
		results = host_gather(batch, 64, NULL);
		for (int i = 0; i < 64; i++)
			EXPECT(*(uint64_t *)results[i].data == 7, "got %llu, expected 7",
			       (unsigned long long)*(uint64_t *)results[i].data);
		for (size_t i = 0; i < 64; i++)
			EXPECT(((char *)shared)[i * 4096 + 1] == 6,
			       "got a page that a task has not written, expected all written");
		sheaf_batch_retire(batch);
		host_kill_supervisor(pool);
	}
	sheaf_pool_destroy(pool);
	return 0;
}

/* The owner has unmapped a library that tasks use, as far as tasks can know. */
static int pages_that_the_owner_has_unmapped(void)
{
	sheaf_pool *pool;
	void *shared;

	owners_pages = mmap(NULL, PAGES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(owners_pages, 5, PAGES);
	pool = host_pool(2);
	NEED(sheaf_alloc(pool, PAGES, &shared));
	munmap(owners_pages, PAGES);
	for (int round = 0; round < 3; round++) {
		uint64_t got;

		host_kill_supervisor(pool);
		NEED(sheaf_apply(pool, read_pages, &shared, sizeof(shared), &got, sizeof(got), &patient));
	}
	sheaf_pool_destroy(pool);
	return 0;
}

/* ---- the owner is in no call ---- */

static int report(sheaf_task *task, const void *arg, void *result)
{
	(void)arg, (void)result;
	host_set(MARK_RUNS + 100 + (int)sheaf_task_position(task), 1);
	return 0;
}

static int hold_then_report(sheaf_task *task, const void *arg, void *result)
{
	host_add(MARK_RUNS, 1);
	if (host_get(MARK_RUNS) <= 2)
		for (;;)
			host_nap(1000);
	return report(task, arg, result);
}

/* The owner waits for something else, and never asks. */
static int owner_in_no_call(void)
{
	sheaf_pool *pool = host_pool(2);
	sheaf_batch *batch = host_batch(pool, NULL);
	pid_t supervisor = host_info(pool).supervisor;

	for (uint64_t i = 0; i < 2; i++)
		NEED(sheaf_submit(batch, i, hold_then_report, NULL, 0));
	for (uint64_t i = 2; i < 10; i++)
		NEED(sheaf_submit(batch, i, report, NULL, 0));
	host_await(MARK_RUNS, 2, "two tasks");
	host_kill(supervisor);
	for (int i = 0; i < 10; i++)
		host_await(MARK_RUNS + 100 + i, 1, "a task that ran in a pool that repairs itself");
	host_gather(batch, 10, NULL);
	sheaf_pool_destroy(pool);
	return 0;
}

static int owner_in_no_call_several_times(void)
{
	sheaf_pool *pool = host_pool(2);
	sheaf_batch *batch = host_batch(pool, NULL);

	for (uint64_t i = 0; i < 8; i++) {
		host_kill_supervisor(pool);
		/* Also without any task, the family comes back. */
		host_await_supervisors(pool, 2 + i);
		NEED(sheaf_submit(batch, i, report, NULL, 0));
		host_await(MARK_RUNS + 100 + (int)i, 1, "a task");
	}
	host_gather(batch, 8, NULL);
	EXPECT(host_zombies() == 0, "got %d zombies, expected 0", host_zombies());
	sheaf_pool_destroy(pool);
	return 0;
}

static int stopped_owner(void)
{
	sheaf_pool *pool = host_pool(2);
	sheaf_batch *batch = host_batch(pool, NULL);
	pid_t supervisor = host_info(pool).supervisor, pid, self = getpid();

	for (uint64_t i = 0; i < 2; i++)
		NEED(sheaf_submit(batch, i, hold_then_report, NULL, 0));
	host_await(MARK_RUNS, 2, "two tasks");
	pid = fork();
	if (!pid) {
		kill(self, SIGSTOP);
		kill(supervisor, SIGKILL);
		for (int i = 0; i < 2; i++)
			for (int ms = 0; ms < 15000 && !host_get(MARK_RUNS + 100 + i); ms++)
				host_nap(1);
		host_set(MARK_GO, host_get(MARK_RUNS + 100) + host_get(MARK_RUNS + 101));
		kill(self, SIGCONT);
		_exit(0);
	}
	host_join(pid, 20);
	EXPECT(host_get(MARK_GO) == 2, "got %ld of 2 tasks run while the owner was stopped and its supervisor dead, expected 2",
	       host_get(MARK_GO));
	host_gather(batch, 2, NULL);
	sheaf_pool_destroy(pool);
	return 0;
}

/* ---- handlers of the owner ---- */

static pid_t forking_owner;

/* The family's own forks call it, too. */
static void count_fork(void)
{
	if (getpid() == forking_owner)
		host_add(MARK_FORKS, 1);
}

/* The owner does not fork because of a death, so its handlers, which may take locks, do not run. */
static int owner_with_handlers_for_forks(void)
{
	sheaf_pool *pool;
	long before;

	forking_owner = getpid();
	EXPECT(!pthread_atfork(count_fork, NULL, NULL), "got no handlers, expected some");
	pool = host_pool(2);
	before = host_get(MARK_FORKS);
	for (int i = 0; i < 5; i++) {
		host_kill_supervisor(pool);
		host_works(pool);
	}
	EXPECT(host_get(MARK_FORKS) == before, "got %ld calls of the owner's fork handlers after creation, expected 0",
	       host_get(MARK_FORKS) - before);
	sheaf_pool_destroy(pool);
	return 0;
}

/* ---- processes that die ---- */

static int forty_deaths_in_a_row(void)
{
	sheaf_pool *pool = host_pool(2);

	for (int i = 0; i < 40; i++) {
		host_kill_supervisor(pool);
		NEED(sheaf_apply(pool, host_nothing, NULL, 0, NULL, 0, &patient));
		/* Without death signals a family may work for a moment without its supervisor. */
		host_await_supervisors(pool, (uint64_t)i + 2);
	}
	EXPECT(host_info(pool).supervisors >= 41, "got %llu supervisors, expected 41",
	       (unsigned long long)host_info(pool).supervisors);
	EXPECT(host_info(pool).deaths == 0, "got %llu deaths of workers, expected 0",
	       (unsigned long long)host_info(pool).deaths);
	EXPECT(host_zombies() <= 1, "got %d zombies, expected none", host_zombies());
	sheaf_pool_destroy(pool);
	return 0;
}

/* The other processes of the family, which could take over. */
static int spares_killed(void)
{
	sheaf_pool *pool = host_pool(2);
	pid_t pids[64];
	int n;

	host_works(pool);
	for (int round = 0; round < 6; round++) {
		n = host_others(pool, 2, pids, 64);
		if (n < 0)
			SKIP("processes cannot be listed here");
		for (int i = 0; i < n; i++)
			kill(pids[i], SIGKILL);
		host_works(pool);
		if (round % 2)
			host_kill_supervisor(pool);
		host_works(pool);
	}
	EXPECT(host_zombies() <= 1, "got %d zombies, expected none", host_zombies());
	sheaf_pool_destroy(pool);
	return 0;
}

static int whole_family_killed(void)
{
	sheaf_pool *pool = host_pool(2);
	sheaf_batch *batch;
	pid_t pids[64];

	for (int round = 0; round < 4; round++) {
		int n;

		batch = host_batch(pool, &(sheaf_batch_options){.result_size = 8});
		for (uint64_t i = 0; i < 20; i++)
			NEED(sheaf_submit(batch, i, host_position, NULL, 0));
		n = host_processes(pids, 64);
		if (n < 0)
			SKIP("processes cannot be listed here");
		/* At once, or one after the other from either end. */
		for (int i = 0; i < n && round == 0; i++)
			kill(pids[i], SIGSTOP);
		for (int i = 0; i < n; i++) {
			kill(pids[round == 1 ? n - 1 - i : i], SIGKILL);
			if (round == 2)
				host_nap(1);
		}
		host_gather(batch, 20, NULL);
		sheaf_batch_retire(batch);
		host_works(pool);
	}
	sheaf_pool_destroy(pool);
	return 0;
}

static void *gather_forever(void *batch)
{
	const sheaf_result *results;
	size_t n;
	int r = sheaf_gather(batch, &results, &n, host_deadline());

	host_set(MARK_GO, r == 0 && n == 200 ? 1 : -1);
	return NULL;
}

static int deaths_while_a_thread_gathers(void)
{
	sheaf_pool *pool = host_pool(2);
	sheaf_batch *batch = host_batch(pool, &(sheaf_batch_options){.result_size = 8});
	pthread_t thread;
	int ms = 2;

	for (uint64_t i = 0; i < 200; i++)
		NEED(sheaf_submit(batch, i, host_nap_ms, &ms, sizeof(ms)));
	EXPECT(!pthread_create(&thread, NULL, gather_forever, batch), "got no thread, expected one");
	for (int i = 0; i < 6; i++) {
		pid_t supervisor = host_info(pool).supervisor;

		if (supervisor > 0)
			kill(supervisor, SIGKILL);
		host_nap(20);
	}
	pthread_join(thread, NULL);
	EXPECT(host_get(MARK_GO) == 1, "got an error of sheaf_gather(), expected 200 results");
	sheaf_pool_destroy(pool);
	return 0;
}

/* The files that the owner has opened since are not for its workers. */
static int count_files(sheaf_task *task, const void *arg, void *result)
{
	struct stat status;
	int limit;

	(void)result;
	memcpy(&limit, arg, sizeof(limit));
	for (int fd = 3; fd < 1000; fd++)
		if (!fstat(fd, &status) && S_ISREG(status.st_mode) && status.st_size == 12345)
			return sheaf_task_fail(task, -EBADMSG,
					       "a file that the owner has opened later is descriptor %d of a task", fd);
	return 0;
}

static int files_opened_since(void)
{
	static char bytes[12345];

	host_write("later", bytes, sizeof(bytes));
	for (unsigned flags = 0; flags <= SHEAF_KEEP_FDS; flags += SHEAF_KEEP_FDS) {
		sheaf_pool *pool = host_pool_with(&(sheaf_pool_options){.workers = 2, .heap_size = 16 * MIB, .flags = flags});
		int fd = open("later", O_RDONLY), limit = 0;

		for (int i = 0; i < 3; i++) {
			host_kill_supervisor(pool);
			NEED(sheaf_apply(pool, count_files, &limit, sizeof(limit), NULL, 0, &patient));
		}
		close(fd);
		sheaf_pool_destroy(pool);
	}
	return 0;
}

/* What a task changes ends with its worker. */
static int find_no_marks(sheaf_task *task, const void *arg, void *result)
{
	(void)arg, (void)result;
	if (global != 1 || getenv("SHEAF_TASK"))
		return sheaf_task_fail(task, -EBADMSG,
				       "got what an earlier worker's task has changed, expected a worker as at creation");
	return 0;
}

static int change_marks(sheaf_task *task, const void *arg, void *result)
{
	(void)task, (void)arg, (void)result;
	global = 77;
	setenv("SHEAF_TASK", "changed", 1);
	return 0;
}

static int tasks_that_change_globals(void)
{
	sheaf_pool *pool = host_pool(1);

	for (int i = 0; i < 6; i++) {
		NEED(sheaf_apply(pool, change_marks, NULL, 0, NULL, 0, &patient));
		if (i % 2) {
			host_kill_supervisor(pool);
			host_await_supervisors(pool, (uint64_t)(i / 2 + 2));
		} else {
			host_kill(host_worker(pool, 0));
		}
		NEED(sheaf_apply(pool, find_no_marks, NULL, 0, NULL, 0, &patient));
	}
	sheaf_pool_destroy(pool);
	return 0;
}

HOST_PROGRAM("successor", CASE(global_lock_held_by_a_thread), CASE(global_lock_held_by_the_thread_that_waits),
	     CASE(threads_that_hold_locks_of_libc), CASE(globals_changed_since),
	     CASE(death_noticed_in_a_thread_with_a_small_stack_and_one_cpu), CASE(creating_thread_has_ended),
	     CASE(pages_that_children_do_not_get), CASE(pages_that_the_owner_has_unmapped), CASE(owner_in_no_call),
	     CASE(owner_in_no_call_several_times), CASE(stopped_owner), CASE(owner_with_handlers_for_forks),
	     CASE(forty_deaths_in_a_row), CASE(spares_killed), CASE(whole_family_killed), CASE(deaths_while_a_thread_gathers),
	     CASE(files_opened_since), CASE(tasks_that_change_globals))
