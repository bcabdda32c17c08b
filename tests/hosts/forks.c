/*
 * forks.c - kind H: a process that no handler announced.
 *
 * _Fork(), clone() and vfork() call no handler. Their children hold copies of all handles; each
 * call of theirs is refused or harmless, and neither their life nor their death changes anything
 * for the pool.
 */
#include "host.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>

extern char **environ;

enum { MARK_READY, MARK_GO, MARK_STOP, MARK_PID, MARK_SUPERVISOR, MARK_RUNS };

/* ---- the ways to make a child ---- */

static pid_t by_clone(void)
{
#if defined(__s390__) || defined(__CRIS__)
	return (pid_t)syscall(SYS_clone, NULL, (unsigned long)SIGCHLD, NULL, NULL, 0UL);
#else
	return (pid_t)syscall(SYS_clone, (unsigned long)SIGCHLD, NULL, NULL, NULL, 0UL);
#endif
}

#ifdef HAVE__FORK
static pid_t by_unannounced_fork(void)
{
	return _Fork();
}
#else
#define by_unannounced_fork by_clone
#endif

typedef pid_t way(void);
static way *const ways[] = {fork, by_unannounced_fork, by_clone};
#define WAYS (sizeof(ways) / sizeof(ways[0]))

/*
 * The ways whose children can tell that they are some. Where memory cannot be wiped in children,
 * only what destroys asks the system.
 */
#ifdef HOST_POSIX_LAYER
#define KNOWN_WAYS 1
#else
#define KNOWN_WAYS WAYS
#endif

/* ---- every call of a child ---- */

static sheaf_pool *pool;
static sheaf_batch *batch, *map;
static void *memory;

static int range(sheaf_task *task, size_t begin, size_t end, void *context)
{
	(void)task, (void)begin, (void)end, (void)context;
	return 0;
}

static void make_pool(void)
{
	pool = host_pool(2);
	batch = host_batch(pool, &(sheaf_batch_options){.result_size = 8});
	map = host_batch(pool, NULL);
	NEED(sheaf_alloc(pool, MIB, &memory));
	memset(memory, 7, MIB);
	for (uint64_t i = 0; i < 10; i++)
		NEED(sheaf_submit(batch, i, host_position, NULL, 0));
}

#define REFUSED(call)                                                                                              \
	do {                                                                                                       \
		int refused_code = (int)(call);                                                                    \
		EXPECT(refused_code == -EPERM, "got %d from %s in a child, expected -EPERM", refused_code, #call); \
	} while (0)

static void call_everything(void)
{
	sheaf_pool_info info;
	sheaf_progress progress;
	sheaf_result result;
	const sheaf_result *results;
	sheaf_batch *other = NULL;
	void *got = NULL;
	size_t n;

	REFUSED(sheaf_submit(batch, 1000, host_position, NULL, 0));
	REFUSED(sheaf_submit_with(batch, 1001, host_position, NULL, 0, NULL));
	REFUSED(sheaf_submit_map(map, host_nothing, NULL, 0, NULL, 0, 10, NULL));
	REFUSED(sheaf_submit_for(map, range, NULL, 10, NULL));
	REFUSED(sheaf_next(batch, &result, 0));
	REFUSED(sheaf_next_done(batch, &result, 0));
	REFUSED(sheaf_gather(batch, &results, &n, sheaf_now_ns() + SECOND));
	REFUSED(sheaf_wait(&batch, 1, SHEAF_FIRST_DONE, 0));
	REFUSED(sheaf_batch_arm(batch));
	REFUSED(sheaf_pool_fd(pool));
	REFUSED(sheaf_pool_news(pool, &other));
	REFUSED(sheaf_batch_get_progress(batch, &progress));
	REFUSED(sheaf_batch_create(&other, pool, NULL));
	REFUSED(sheaf_apply(pool, host_nothing, NULL, 0, NULL, 0, NULL));
	REFUSED(sheaf_map(pool, host_nothing, NULL, 0, NULL, 0, 10, NULL));
	REFUSED(sheaf_for(pool, range, NULL, 10, NULL));
	REFUSED(sheaf_alloc(pool, 100, &got));
	REFUSED(sheaf_alloc_array(pool, 10, 10, &got));
	REFUSED(sheaf_free(pool, memory));
	REFUSED(sheaf_pool_get_info(pool, &info));
	REFUSED(sheaf_pool_worker_pid(pool, 0));
	REFUSED(sheaf_pool_close(pool));
	REFUSED(sheaf_pool_join(pool, 0));
	REFUSED(sheaf_pool_terminate(pool));
	EXPECT(sheaf_message()[0], "got no message in a child, expected a reason");
}

static void destroy_everything(void)
{
	sheaf_batch_retire(batch);
	sheaf_batch_retire(map);
	sheaf_pool_destroy(pool);
}

/* The owner's side: nothing has changed. */
static void nothing_changed(void)
{
	const sheaf_result *results = host_gather(batch, 10, NULL);

	for (uint64_t i = 0; i < 10; i++)
		EXPECT(*(uint64_t *)results[i].data == i, "got %llu at position %llu, expected the same",
		       (unsigned long long)*(uint64_t *)results[i].data, (unsigned long long)i);
	for (size_t i = 0; i < MIB; i++)
		EXPECT(((char *)memory)[i] == 7, "got a byte of the owner's allocation changed, expected none");
	NEED(sheaf_submit_map(map, host_nothing, NULL, 0, NULL, 0, 10, NULL));
	host_gather(map, 10, NULL);
	EXPECT(host_shm_exists(host_info(pool).name), "got the pool's name removed, expected it kept");
	EXPECT(host_info(pool).deaths == 0 && host_info(pool).supervisors == 1,
	       "got %llu deaths and %llu supervisors, expected 0 and 1", (unsigned long long)host_info(pool).deaths,
	       (unsigned long long)host_info(pool).supervisors);
	host_works(pool);
	sheaf_pool_destroy(pool);
}

static int play_child(way *make, void (*does)(void), bool grandchild)
{
	pid_t pid;
	int r;

	make_pool();
	pid = make();
	EXPECT(pid >= 0, "got no child (%s), expected one", strerror(errno));
	if (!pid) {
		if (grandchild && (pid = make()))
			_exit(host_join(pid, 20));
		does();
		_exit(0);
	}
	EXPECT((r = host_join(pid, 25)) == 0, "got exit code %d of a child, expected 0", r);
	nothing_changed();
	return 0;
}

static void call_and_destroy(void)
{
	call_everything();
	destroy_everything();
}

static int children_that_call_everything(void)
{
	for (size_t i = 0; i < KNOWN_WAYS; i++)
		play_child(ways[i], call_everything, false);
	return 0;
}

static int children_that_destroy_everything(void)
{
	for (size_t i = 0; i < WAYS; i++)
		play_child(ways[i], destroy_everything, false);
	return 0;
}

static int grandchildren_that_call_and_destroy(void)
{
	for (size_t i = 0; i < KNOWN_WAYS; i++)
		play_child(ways[i], call_and_destroy, true);
	return 0;
}

static void make_own_pool(void)
{
	sheaf_pool *own = host_pool(2);

	host_works(own);
	call_everything();
	host_works(own);
	destroy_everything();
	host_works(own);
	host_kill_supervisor(own);
	host_works(own);
	sheaf_pool_destroy(own);
}

static int children_with_a_pool_of_their_own(void)
{
	for (size_t i = 0; i < KNOWN_WAYS; i++)
		play_child(ways[i], make_own_pool, false);
	return 0;
}

static void exit_normally(void)
{
	exit(0);
}

static int children_that_exit_normally(void)
{
	for (size_t i = 0; i < WAYS; i++)
		play_child(ways[i], exit_normally, false);
	return 0;
}

/* Whose pid tells nothing: owner and child are process 1, each of its own namespace. */
static void *unused_context;

static int owner_as_first_process(void *context)
{
	pid_t pid;
	int r;

	(void)context;
	make_pool();
	pid = (pid_t)syscall(SYS_clone, (unsigned long)(SIGCHLD | CLONE_NEWPID), NULL, NULL, NULL, 0UL);
	EXPECT(pid >= 0, "got no child (%s), expected one", strerror(errno));
	if (!pid) {
		EXPECT(getpid() == 1, "got process %ld in a new namespace, expected 1", (long)getpid());
		call_and_destroy();
		_exit(0);
	}
	EXPECT((r = host_join(pid, 25)) == 0, "got exit code %d of a child, expected 0", r);
	nothing_changed();
	return 0;
}

static int child_with_the_same_process_number(void)
{
	int r;

	NEEDS_LINUX_LAYER("a child that no handler announced");
	if (unshare(CLONE_NEWPID))
		SKIP("no process namespace can be made here (%s)", strerror(errno));
	r = host_child(owner_as_first_process, unused_context, 28);
	EXPECT(r == 0, "got exit code %d of the first process of a namespace, expected 0", r);
	return 0;
}

/* ---- children that become programs ---- */

static int programs_started_by_every_means(void)
{
	char *arguments[] = {(char[]){"true"}, NULL};
	pid_t pid;

	make_pool();
	for (int i = 0; i < 10; i++) {
		EXPECT(!posix_spawn(&pid, "/bin/true", NULL, NULL, arguments, environ) && host_join(pid, 20) == 0,
		       "got no program, expected one");
		EXPECT(system("true") == 0, "got no program, expected one");
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
		pid = vfork();
#pragma GCC diagnostic pop
		if (!pid) {
			execv("/bin/true", arguments);
			_exit(127);
		}
		EXPECT(host_join(pid, 20) == 0, "got no program, expected one");
		pid = by_unannounced_fork();
		if (!pid) {
			execv("/bin/true", arguments);
			_exit(127);
		}
		EXPECT(host_join(pid, 20) == 0, "got no program, expected one");
		host_works(pool);
	}
	nothing_changed();
	return 0;
}

/* ---- children that outlive others ---- */

static _Noreturn void wait_for_go(void)
{
	host_add(MARK_READY, 1);
	host_await(MARK_GO, 1, "the end of the case");
	_exit(0);
}

/* They hold all that they have inherited while the owner's pool lives and dies. */
static int children_that_outlive_the_pool(void)
{
	pid_t pids[WAYS];

	make_pool();
	for (size_t i = 0; i < WAYS; i++)
		if (!(pids[i] = ways[i]()))
			wait_for_go();
	host_await(MARK_READY, (long)WAYS, "the children");
	host_kill_supervisor(pool);
	host_works(pool);
	host_kill_supervisor(pool);
	host_works(pool);
	host_gather(batch, 10, NULL);
	sheaf_pool_destroy(pool);
	host_set(MARK_GO, 1);
	for (size_t i = 0; i < WAYS; i++)
		EXPECT(host_join(pids[i], 20) == 0, "got a failed child, expected none");
	return 0;
}

static int die_before_children(void *exec)
{
	make_pool();
	host_set(MARK_SUPERVISOR, host_info(pool).supervisor);
	for (size_t i = 0; i < (exec ? KNOWN_WAYS : WAYS); i++)
		if (!ways[i]())
			wait_for_go();
	host_await(MARK_READY, exec ? (long)KNOWN_WAYS : (long)WAYS, "the children");
	if (exec)
		execl("/bin/sleep", "sleep", "100", (char *)NULL);
	else
		kill(getpid(), SIGKILL);
	return 1;
}

static void await_end_of_family(const char *name)
{
	uint64_t deadline = sheaf_now_ns() + 10 * SECOND;
	pid_t pids[64];

	/* The three children, and the program that the owner has become. */
	while (host_processes(pids, 64) > (int)WAYS + 1 || !host_dead((pid_t)host_get(MARK_SUPERVISOR))) {
		EXPECT(sheaf_now_ns() < deadline, "got the pool's processes alive 10 s after %s, expected their end", name);
		host_nap(1);
	}
}

/*
 * The pool's processes must not take such a child's copies of their pipes for a sign of the owner's
 * life.
 */
static int children_that_outlive_a_killed_owner(void)
{
	int r = host_child(die_before_children, NULL, 20);

	EXPECT(r == 128 + SIGKILL, "got exit code %d of the owner, expected SIGKILL", r);
	await_end_of_family("the owner's death");
	host_set(MARK_GO, 1);
	return 0;
}

static int children_that_outlive_an_owner_that_becomes_a_program(void)
{
	char yes[] = "yes";
	pid_t pid = fork();

	if (!pid)
		_exit(die_before_children(yes));
	host_await(MARK_READY, (long)KNOWN_WAYS, "the children");
	await_end_of_family("the owner's exec()");
	host_set(MARK_GO, 1);
	kill(pid, SIGKILL);
	host_join(pid, 20);
	return 0;
}

/* ---- children of tasks ---- */

static int leave_child(sheaf_task *task, const void *arg, void *result)
{
	pid_t pid = ways[sheaf_task_position(task) % KNOWN_WAYS]();

	(void)arg, (void)result;
	if (!pid)
		wait_for_go();
	return pid < 0 ? -errno : 0;
}

/*
 * A successor must not wait until children of tasks, which hold the pipes of their workers, have
 * ended.
 */
static int children_of_tasks_that_outlive_their_workers(void)
{
	pool = host_pool(2);
	batch = host_batch(pool, NULL);
	for (uint64_t i = 0; i < 3; i++)
		NEED(sheaf_submit(batch, i, leave_child, NULL, 0));
	host_gather(batch, 3, NULL);
	host_await(MARK_READY, 3, "the children");
	host_kill(host_worker(pool, 0));
	host_works(pool);
	for (int i = 0; i < 3; i++) {
		host_kill_supervisor(pool);
		host_works(pool);
	}
	sheaf_pool_destroy(pool);
	host_set(MARK_GO, 1);
	return 0;
}

static int call_in_child(sheaf_task *task, const void *arg, void *result)
{
	pid_t pid = ways[sheaf_task_position(task) % WAYS]();

	(void)arg, (void)result;
	if (!pid) {
		call_everything();
		destroy_everything();
		_exit(0);
	}
	return host_join(pid, 20) ? -EBADMSG : 0;
}

static int children_of_tasks_that_call_everything(void)
{
	sheaf_batch *own;

	make_pool();
	/*
	 * Workers are copies of the owner as it was: a pool that is made now has them know the
	 * first one's handles.
	 */
	sheaf_pool *second = host_pool(2);

	own = host_batch(second, NULL);
	for (uint64_t i = 0; i < 6; i++)
		NEED(sheaf_submit(own, i, call_in_child, NULL, 0));
	host_gather(own, 6, NULL);
	sheaf_pool_destroy(second);
	nothing_changed();
	return 0;
}

/* ---- threads ---- */

static void *keep_busy(void *unused)
{
	(void)unused;
	while (!host_get(MARK_STOP))
		host_works(pool);
	return NULL;
}

static int children_made_while_threads_use_the_pool(void)
{
	pthread_t threads[2];

	make_pool();
	for (int i = 0; i < 2; i++)
		EXPECT(!pthread_create(&threads[i], NULL, keep_busy, NULL), "got no thread, expected one");
	for (int i = 0; i < 60; i++) {
		pid_t pid = ways[i % KNOWN_WAYS]();

		if (!pid) {
			call_everything();
			if (i % 2)
				destroy_everything();
			_exit(0);
		}
		EXPECT(host_join(pid, 20) == 0, "got a failed child, expected none");
	}
	host_set(MARK_STOP, 1);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	nothing_changed();
	return 0;
}

HOST_PROGRAM("forks", CASE(children_that_call_everything), CASE(children_that_destroy_everything),
	     CASE(grandchildren_that_call_and_destroy), CASE(children_with_a_pool_of_their_own),
	     CASE(children_that_exit_normally), CASE(child_with_the_same_process_number), CASE(programs_started_by_every_means),
	     CASE(children_that_outlive_the_pool), LONG_CASE(children_that_outlive_a_killed_owner, 45),
	     LONG_CASE(children_that_outlive_an_owner_that_becomes_a_program, 45),
	     CASE(children_of_tasks_that_outlive_their_workers), CASE(children_of_tasks_that_call_everything),
	     CASE(children_made_while_threads_use_the_pool))
