/*
 * leaving.c - kind D: a task leaves its function by a way that is not a return.
 *
 * The stack ends at the task. Each such way ends the process of that worker only, and runs nothing
 * of the owner's: no handler of atexit(), no destructor, no cleanup, none of its frames, no text
 * that it has buffered. The position says what happened.
 */
#include "host.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { MARK_FOREIGN, MARK_RUNS, MARK_OWN };

static pid_t owner;

/* Whatever of the owner's runs in another process calls this. */
static void belongs_to_owner(void)
{
	if (getpid() != owner)
		host_add(MARK_FOREIGN, 1);
	else
		host_add(MARK_OWN, 1);
}

static void __attribute__((destructor)) destructor_of_the_program(void)
{
	if (owner)
		belongs_to_owner();
}

#ifdef HAVE_ON_EXIT
static void on_exit_of_the_owner(int status, void *unused)
{
	(void)status, (void)unused;
	belongs_to_owner();
}

#endif

static void destroy_key(void *unused)
{
	(void)unused;
	belongs_to_owner();
}

static void clean_up(void *unused)
{
	(void)unused;
	belongs_to_owner();
}

/* ---- the ways out ---- */

static jmp_buf owners_jump;
static sigjmp_buf owners_signal_jump;

static void *exit_in_thread(void *unused)
{
	(void)unused;
	exit(5);
}

enum way {
	WAY_EXIT,
	WAY_QUICK_EXIT,
	WAY_UNDERSCORE_EXIT,
	WAY_ABORT,
	WAY_THREAD_EXIT,
	WAY_CANCEL_ITSELF,
	WAY_LONGJMP,
	WAY_SIGLONGJMP,
	WAY_EXIT_IN_THREAD,
	WAY_EXEC,
	WAY_TERM,
	WAYS
};
static const char *const way_names[WAYS] = {
	"exit()",       "quick_exit()",       "_exit()", "abort()", "pthread_exit()", "pthread_cancel()", "longjmp()",
	"siglongjmp()", "exit() in a thread", "exec()",  "SIGTERM"};

static _Noreturn void leave(enum way way)
{
	pthread_t thread;

	printf("a task leaves by way %d\n", (int)way);
	switch (way) {
	case WAY_EXIT:
		exit(3);
	case WAY_QUICK_EXIT:
#ifdef HAVE_QUICK_EXIT
		quick_exit(4);
#else
		_exit(4);
#endif
	case WAY_UNDERSCORE_EXIT:
		_exit(6);
	case WAY_ABORT:
		abort();
	case WAY_THREAD_EXIT:
		pthread_exit(NULL);
	case WAY_CANCEL_ITSELF:
		pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
		pthread_cancel(pthread_self());
		break;
	case WAY_LONGJMP:
		longjmp(owners_jump, 1);
	case WAY_SIGLONGJMP:
		siglongjmp(owners_signal_jump, 1);
	case WAY_EXIT_IN_THREAD:
		if (!pthread_create(&thread, NULL, exit_in_thread, NULL))
			pthread_join(thread, NULL);
		break;
	case WAY_EXEC:
		execl("/bin/false", "false", (char *)NULL);
		break;
	case WAY_TERM:
		raise(SIGTERM);
		break;
	case WAYS:
		break;
	}
	for (;;)
		host_nap(1000);
}

/*
 * Most ways are taken in some run and position only, so that the same batch shows what happens to
 * the others.
 */
static int leave_task(sheaf_task *task, const void *arg, void *result)
{
	int way;

	(void)task, (void)result;
	memcpy(&way, arg, sizeof(way));
	leave((enum way)way);
	return 0;
}

static int leave_at_seven(sheaf_task *task, const void *arg, void *result)
{
	int way;

	memcpy(&way, arg, sizeof(way));
	if (sheaf_task_position(task) == 7)
		leave((enum way)way);
	return host_position(task, NULL, result);
}

static int leave_range_at_seven(sheaf_task *task, size_t begin, size_t end, void *context)
{
	(void)task;
	if (begin <= 7 && 7 < end)
		leave((enum way) * (int *)context);
	return 0;
}

/* ---- the owner ---- */

static void no_foreign_runs(enum way way)
{
	EXPECT(getpid() == owner, "got the owner's code in a worker that left by %s, expected none", way_names[way]);
	EXPECT(host_get(MARK_FOREIGN) == 0,
	       "got %ld handlers or destructors of the owner run in workers that left by %s, expected none",
	       host_get(MARK_FOREIGN), way_names[way]);
}

static void one_death(int r, enum way way, const char *call)
{
	EXPECT(r == -ECHILD, "got %d (%s) from %s of a task that leaves by %s, expected -ECHILD", r, sheaf_message(), call,
	       way_names[way]);
	no_foreign_runs(way);
}

static void play(sheaf_pool *pool, enum way way)
{
	sheaf_map_options once = {.max_attempts = 2, .task_timeout_ns = 10 * SECOND, .grain = 4}, copied = once;
	sheaf_batch *batch = host_batch(
		pool, &(sheaf_batch_options){.result_size = 8, .max_attempts = 2, .task_timeout_ns = 10 * SECOND});
	const sheaf_result *results;
	int failed, number = (int)way;
	void *out, *in;

	copied.context_size = sizeof(number);
	one_death(sheaf_apply(pool, leave_task, &number, sizeof(number), NULL, 0, &once), way, "sheaf_apply()");
	one_death(sheaf_for(pool, leave_range_at_seven, &number, 16, &copied), way, "sheaf_for()");
	NEED(sheaf_alloc(pool, 16 * 8, &out));
	NEED(sheaf_alloc(pool, 16 * sizeof(number), &in));
	for (int i = 0; i < 16; i++)
		((int *)in)[i] = number;
	one_death(sheaf_map(pool, leave_at_seven, in, sizeof(number), out, 8, 16, &once), way, "sheaf_map()");
	for (uint64_t i = 0; i < 16; i++)
		EXPECT(i == 7 || ((uint64_t *)out)[i] == i, "got %llu at position %llu, expected the same",
		       (unsigned long long)((uint64_t *)out)[i], (unsigned long long)i);
	for (uint64_t i = 0; i < 16; i++)
		NEED(sheaf_submit(batch, i, leave_at_seven, &number, sizeof(number)));
	results = host_gather(batch, 16, &failed);
	EXPECT(failed == 1 && results[7].status == -ECHILD,
	       "got %d failed positions, the seventh with %d, expected it alone with -ECHILD", failed, results[7].status);
	EXPECT(results[7].attempts == 2, "got %u runs of a task that leaves by %s, expected 2", results[7].attempts,
	       way_names[way]);
	EXPECT(results[7].message[0], "got no message of a task that leaves by %s, expected one", way_names[way]);
	if (way == WAY_EXIT)
		EXPECT(results[7].exit_code == 3, "got exit code %d, expected 3 of exit(3)", results[7].exit_code);
	if (way == WAY_UNDERSCORE_EXIT)
		EXPECT(results[7].exit_code == 6, "got exit code %d, expected 6 of _exit(6)", results[7].exit_code);
	if (way == WAY_ABORT)
		EXPECT(results[7].signal == SIGABRT, "got signal %d, expected SIGABRT", results[7].signal);
	if (way == WAY_TERM)
		EXPECT(results[7].signal == SIGTERM, "got signal %d, expected SIGTERM", results[7].signal);
	for (uint64_t i = 0; i < 16; i++)
		EXPECT(i == 7 || *(uint64_t *)results[i].data == i, "got a wrong result beside a task that leaves by %s",
		       way_names[way]);
	NEED(sheaf_free(pool, in));
	NEED(sheaf_free(pool, out));
	sheaf_batch_retire(batch);
	no_foreign_runs(way);
	host_works(pool);
}

static int occurs(const char *path, const char *words)
{
	static char text[1 << 20];
	int count = 0;

	host_read(path, text, sizeof(text));
	for (const char *at = text; (at = strstr(at, words)); at += strlen(words))
		count++;
	return count;
}

/*
 * All that may run at an exit belongs to the owner, which has begun a line. Then its tasks leave by
 * these ways.
 */
static int owner_of_much(enum way first, enum way last)
{
	static pthread_key_t key;
	static volatile int seen;
	sheaf_pool *pool;
	FILE *own;

	owner = getpid();
	EXPECT(!atexit(belongs_to_owner), "got no handler, expected one");
#ifdef HAVE_ON_EXIT
	on_exit(on_exit_of_the_owner, NULL);
#endif
#ifdef HAVE_QUICK_EXIT
	at_quick_exit(belongs_to_owner);
#endif
	pthread_key_create(&key, destroy_key);
	pthread_setspecific(key, &key);
	own = fopen("own", "w");
	EXPECT(own && freopen("out", "w", stdout), "got no files, expected two");
	fprintf(own, "buffered before\n");
	printf("begun before, ");
	pthread_cleanup_push(clean_up, NULL);
	seen = setjmp(owners_jump);
	if (seen)
		belongs_to_owner();
	seen = sigsetjmp(owners_signal_jump, 1);
	if (seen)
		belongs_to_owner();
	EXPECT(getpid() == owner, "got the owner's frames in a worker, expected them left alone");
	pool = host_pool_with(&(sheaf_pool_options){.workers = 2, .heap_size = 16 * MIB, .flags = SHEAF_KEEP_FDS});
	fprintf(own, "buffered later\n");
	printf("ended later\n");
	for (enum way way = first; way <= last; way++)
		play(pool, way);
	host_kill_supervisor(pool);
	play(pool, first);
	sheaf_pool_destroy(pool);
	pthread_cleanup_pop(0);
	fclose(own);
	fflush(stdout);
	EXPECT(host_lines("own", "buffered before") == 1 && host_lines("own", "buffered later") == 1 &&
		       host_lines("own", NULL) == 2,
	       "got %ld lines in the owner's file, expected its 2", host_lines("own", NULL));
	/* Lines of tasks may have come between. */
	EXPECT(occurs("out", "begun before, ") == 1 && occurs("out", "ended later\n") == 1,
	       "got the owner's words %d and %d times in its output, expected each once", occurs("out", "begun before, "),
	       occurs("out", "ended later\n"));
	return 0;
}

static int tasks_that_exit(void)
{
	return owner_of_much(WAY_EXIT, WAY_ABORT);
}

static int tasks_that_end_their_thread(void)
{
	return owner_of_much(WAY_THREAD_EXIT, WAY_CANCEL_ITSELF);
}

static int tasks_that_jump_into_the_owner(void)
{
	/* Nothing notices setcontext(). */
	return owner_of_much(WAY_LONGJMP, WAY_SIGLONGJMP);
}

static int tasks_that_exit_in_a_thread_or_become_a_program(void)
{
	return owner_of_much(WAY_EXIT_IN_THREAD, WAY_TERM);
}

/* ---- forks that return ---- */

#ifndef HOST_POSIX_LAYER
static pid_t by_clone(void)
{
	return (pid_t)syscall(SYS_clone, (unsigned long)SIGCHLD, NULL, NULL, NULL, 0UL);
}
#endif

/* Both processes return from the task. */
static int fork_and_return(sheaf_task *task, const void *arg, void *result)
{
	uint64_t position = sheaf_task_position(task);
	pid_t pid;

	(void)arg;
	host_add(MARK_RUNS, 1);
#ifdef HOST_POSIX_LAYER
	/* It has no means to know the others. */
	pid = fork();
#elif defined(HAVE__FORK)
	pid = position % 3 == 0 ? fork() : position % 3 == 1 ? _Fork() : by_clone();
#else
	pid = position % 3 == 0 ? fork() : by_clone();
#endif
	if (pid < 0)
		return -errno;
	if (pid == 0) {
		position = UINT64_MAX;
		memcpy(result, &position, sizeof(position));
		return -EBADMSG;
	}
	waitpid(pid, NULL, 0);
	memcpy(result, &position, sizeof(position));
	return 0;
}

static int fork_range_and_return(sheaf_task *task, size_t begin, size_t end, void *context)
{
	int r;

	(void)context;
	for (size_t i = begin; i < end; i++) {
		uint64_t unused;

		if ((r = fork_and_return(task, NULL, &unused)))
			return r;
	}
	return 0;
}

static int children_of_tasks_that_return(void)
{
	sheaf_pool *pool = host_pool(2);
	sheaf_batch *batch = host_batch(pool, &(sheaf_batch_options){.result_size = 8, .task_timeout_ns = 10 * SECOND});
	const sheaf_result *results;
	void *out;

	owner = getpid();
	for (uint64_t i = 0; i < 30; i++)
		NEED(sheaf_submit(batch, i, fork_and_return, NULL, 0));
	results = host_gather(batch, 30, NULL);
	for (uint64_t i = 0; i < 30; i++)
		EXPECT(*(uint64_t *)results[i].data == i, "got %llu at position %llu, expected the parent's result",
		       (unsigned long long)*(uint64_t *)results[i].data, (unsigned long long)i);
	EXPECT(host_get(MARK_RUNS) == 30, "got %ld runs of 30 tasks, expected 30", host_get(MARK_RUNS));
	NEED(sheaf_alloc(pool, 30 * 8, &out));
	NEED(sheaf_map(pool, fork_and_return, NULL, 0, out, 8, 30, &(sheaf_map_options){.task_timeout_ns = 10 * SECOND}));
	for (uint64_t i = 0; i < 30; i++)
		EXPECT(((uint64_t *)out)[i] == i, "got %llu at position %llu of a map, expected the parent's result",
		       (unsigned long long)((uint64_t *)out)[i], (unsigned long long)i);
	EXPECT(host_get(MARK_RUNS) == 60, "got %ld runs of 60 tasks and items, expected 60", host_get(MARK_RUNS));
	NEED(sheaf_for(pool, fork_range_and_return, NULL, 30, &(sheaf_map_options){.task_timeout_ns = 10 * SECOND}));
	EXPECT(host_get(MARK_RUNS) == 90, "got %ld runs of 90 tasks and items, expected 90", host_get(MARK_RUNS));
	EXPECT(host_info(pool).deaths == 0, "got %llu deaths of workers, expected 0",
	       (unsigned long long)host_info(pool).deaths);
	host_works(pool);
	sheaf_pool_destroy(pool);
	return 0;
}

/* Does not wait for the child, which returns when it likes. */
static int fork_and_return_at_once(sheaf_task *task, const void *arg, void *result)
{
	pid_t pid = fork();

	(void)arg;
	if (pid == 0)
		host_nap(20);
	return pid < 0 ? -errno : host_position(task, NULL, result);
}

static int children_of_tasks_that_return_later(void)
{
	sheaf_pool *pool = host_pool(2);
	sheaf_batch *batch = host_batch(pool, &(sheaf_batch_options){.result_size = 8, .task_timeout_ns = 10 * SECOND});
	const sheaf_result *results;

	for (uint64_t i = 0; i < 100; i++)
		NEED(sheaf_submit(batch, i, fork_and_return_at_once, NULL, 0));
	results = host_gather(batch, 100, NULL);
	for (uint64_t i = 0; i < 100; i++)
		EXPECT(*(uint64_t *)results[i].data == i, "got a wrong result at position %llu", (unsigned long long)i);
	host_nap(50);
	host_works(pool);
	EXPECT(host_info(pool).deaths == 0, "got %llu deaths of workers, expected 0",
	       (unsigned long long)host_info(pool).deaths);
	sheaf_pool_destroy(pool);
	return 0;
}

/* ---- a task that leaves a thread behind ---- */

static void *outlive(void *unused)
{
	(void)unused;
	for (;;)
		host_nap(5);
	return NULL;
}

static int leave_thread(sheaf_task *task, const void *arg, void *result)
{
	pthread_t thread;

	(void)task, (void)arg, (void)result;
	return pthread_create(&thread, NULL, outlive, NULL) ? -EAGAIN : 0;
}

static int threads_that_outlive_their_tasks(void)
{
	sheaf_pool *pool = host_pool(2);
	sheaf_batch *batch = host_batch(pool, NULL);

	for (uint64_t i = 0; i < 20; i++)
		NEED(sheaf_submit(batch, i, leave_thread, NULL, 0));
	host_gather(batch, 20, NULL);
	host_works(pool);
	NEED(sheaf_pool_close(pool));
	NEED(sheaf_pool_join(pool, sheaf_now_ns() + 10 * SECOND));
	sheaf_pool_destroy(pool);
	return 0;
}

/* ---- handlers that the owner has installed ---- */

static void fault_of_the_owner(int number)
{
	belongs_to_owner();
	signal(number, SIG_DFL);
	raise(number);
}

static int fault(sheaf_task *task, const void *arg, void *result)
{
	(void)task, (void)arg, (void)result;
	raise(SIGSEGV);
	return 0;
}

static int owner_with_a_handler_for_faults(void)
{
	sheaf_pool *pool;
	int r;

	owner = getpid();
	signal(SIGSEGV, fault_of_the_owner);
	signal(SIGABRT, fault_of_the_owner);
	signal(SIGTERM, fault_of_the_owner);
	pool = host_pool(2);
	r = sheaf_apply(pool, fault, NULL, 0, NULL, 0, NULL);
	EXPECT(r == -ECHILD, "got %d (%s), expected -ECHILD", r, sheaf_message());
	play(pool, WAY_ABORT);
	play(pool, WAY_TERM);
	sheaf_pool_destroy(pool);
	return 0;
}

HOST_PROGRAM("leaving", CASE(tasks_that_exit), CASE(tasks_that_end_their_thread), CASE(tasks_that_jump_into_the_owner),
	     CASE(tasks_that_exit_in_a_thread_or_become_a_program), CASE(children_of_tasks_that_return),
	     CASE(children_of_tasks_that_return_later), CASE(threads_that_outlive_their_tasks),
	     CASE(owner_with_a_handler_for_faults))
