/*
 * mistakes.c - kind K: common mistakes of a program in C.
 *
 * Each gets an error that names it; nothing hangs, and what the mistake has not touched is right.
 */
#include "host.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

enum { MARK_RUNS, MARK_GO };

#define N 20

/* ---- calls of tasks ---- */

struct handles {
	sheaf_pool *pool;
	sheaf_batch *batch;
	void *memory;
};

static int range(sheaf_task *task, size_t begin, size_t end, void *context)
{
	(void)task, (void)begin, (void)end, (void)context;
	return 0;
}

#define REFUSED(call)                                                                                                          \
	do {                                                                                                                   \
		int refused_code = (int)(call);                                                                                \
		if (refused_code != -EPERM)                                                                                    \
			return sheaf_task_fail(task, -EBADMSG, "got %d (%s) from %s in a task, expected -EPERM", refused_code, \
					       sheaf_message(), #call);                                                        \
	} while (0)

static int submit_in_task(sheaf_task *task, const void *arg, void *result)
{
	const struct handles *handles = arg;

	(void)result;
	REFUSED(sheaf_submit(handles->batch, 1000 + sheaf_task_position(task), host_nothing, NULL, 0));
	return 0;
}

static int call_in_task(sheaf_task *task, const void *arg, void *result)
{
	const struct handles *handles = arg;
	sheaf_pool *pool = handles->pool;
	const sheaf_result *results;
	sheaf_batch *other = NULL;
	sheaf_progress progress;
	sheaf_pool_info info;
	sheaf_result one;
	void *memory;
	size_t n;

	(void)result;
	REFUSED(sheaf_submit_with(handles->batch, 1000, host_nothing, NULL, 0, NULL));
	REFUSED(sheaf_submit_map(handles->batch, host_nothing, NULL, 0, NULL, 0, 10, NULL));
	REFUSED(sheaf_submit_for(handles->batch, range, NULL, 10, NULL));
	REFUSED(sheaf_next(handles->batch, &one, 0));
	REFUSED(sheaf_next_done(handles->batch, &one, 0));
	REFUSED(sheaf_gather(handles->batch, &results, &n, 0));
	REFUSED(sheaf_wait(&handles->batch, 1, SHEAF_FIRST_DONE, 0));
	REFUSED(sheaf_batch_arm(handles->batch));
	REFUSED(sheaf_pool_fd(pool));
	REFUSED(sheaf_pool_news(pool, &other));
	REFUSED(sheaf_batch_get_progress(handles->batch, &progress));
	REFUSED(sheaf_batch_create(&other, pool, NULL));
	REFUSED(sheaf_apply(pool, host_nothing, NULL, 0, NULL, 0, NULL));
	REFUSED(sheaf_map(pool, host_nothing, NULL, 0, NULL, 0, 10, NULL));
	REFUSED(sheaf_for(pool, range, NULL, 10, NULL));
	REFUSED(sheaf_alloc(pool, 100, &memory));
	REFUSED(sheaf_alloc_array(pool, 10, 10, &memory));
	REFUSED(sheaf_free(pool, handles->memory));
	REFUSED(sheaf_pool_get_info(pool, &info));
	REFUSED(sheaf_pool_worker_pid(pool, 0));
	REFUSED(sheaf_pool_close(pool));
	REFUSED(sheaf_pool_join(pool, 0));
	REFUSED(sheaf_pool_terminate(pool));
	sheaf_batch_retire(handles->batch);
	sheaf_pool_destroy(pool);
	return 0;
}

/*
 * The handle is an address in the owner's own memory, which a worker, made before it, need not
 * have.
 */
static int play_calls(sheaf_task_fn *fn, enum sheaf_backend backend)
{
	struct handles handles;
	sheaf_batch *batch;

	handles.pool = host_pool_with(&(sheaf_pool_options){.workers = 2, .heap_size = 64 * MIB, .backend = backend});
	handles.batch = host_batch(handles.pool, NULL);
	NEED(sheaf_alloc(handles.pool, 100, &handles.memory));
	batch = host_batch(handles.pool, &(sheaf_batch_options){.task_timeout_ns = backend == SHEAF_THREADS ? 0 : 5 * SECOND});
	for (uint64_t i = 0; i < N; i++)
		NEED(sheaf_submit(batch, i, fn, &handles, sizeof(handles)));
	host_gather(batch, N, NULL);
	NEED(sheaf_submit(handles.batch, 0, host_nothing, NULL, 0));
	host_gather(handles.batch, 1, NULL);
	EXPECT(host_info(handles.pool).deaths == 0, "got %llu deaths, expected none",
	       (unsigned long long)host_info(handles.pool).deaths);
	host_works(handles.pool);
	sheaf_pool_destroy(handles.pool);
	return 0;
}

static int tasks_that_submit(void)
{
	return play_calls(submit_in_task, SHEAF_PROCESSES);
}

static int tasks_that_call_everything(void)
{
	return play_calls(call_in_task, SHEAF_PROCESSES);
}

static int tasks_that_submit_in_threads_of_the_owner(void)
{
	return play_calls(submit_in_task, SHEAF_THREADS);
}

static int tasks_that_call_everything_in_threads_of_the_owner(void)
{
	return play_calls(call_in_task, SHEAF_THREADS);
}

/* A loop inside a task, which would wait for workers that wait for it. */
static int nest(sheaf_task *task, const void *arg, void *result)
{
	const struct handles *handles = arg;

	(void)result;
	REFUSED(sheaf_for(handles->pool, range, NULL, 100, NULL));
	REFUSED(sheaf_map(handles->pool, host_nothing, NULL, 0, NULL, 0, 100, NULL));
	REFUSED(sheaf_apply(handles->pool, host_nothing, NULL, 0, NULL, 0, NULL));
	return 0;
}

static int loops_in_tasks_of_threads(void)
{
	return play_calls(nest, SHEAF_THREADS);
}

static int loops_in_tasks_of_processes(void)
{
	return play_calls(nest, SHEAF_PROCESSES);
}

static sheaf_pool *the_pool;

static int nest_for(sheaf_task *task, size_t begin, size_t end, void *context)
{
	struct handles handles = {.pool = the_pool};

	(void)begin, (void)end, (void)context;
	return nest(task, &handles, NULL);
}

static int loops_in_loops(void)
{
	for (int backend = SHEAF_PROCESSES; backend <= SHEAF_THREADS; backend++) {
		the_pool = host_pool_with(
			&(sheaf_pool_options){.workers = 2, .heap_size = 16 * MIB, .backend = (enum sheaf_backend)backend});
		/* Workers are made before the pool's handle is known to them. */
		if (backend == SHEAF_THREADS) {
			NEED(sheaf_for(the_pool, nest_for, NULL, 1000, NULL));
			NEED(sheaf_for(the_pool, nest_for, NULL, 1000, &(sheaf_map_options){.caller_works = true}));
		}
		host_works(the_pool);
		sheaf_pool_destroy(the_pool);
	}
	return 0;
}

static void *call_in_thread(void *context)
{
	struct handles *handles = context;
	int r = sheaf_apply(handles->pool, host_nothing, NULL, 0, NULL, 0, NULL);

	return (void *)(intptr_t)r;
}

static int call_in_thread_of_task(sheaf_task *task, const void *arg, void *result)
{
	struct handles handles;
	pthread_t thread;
	void *r;

	(void)result;
	memcpy(&handles, arg, sizeof(handles));
	if (pthread_create(&thread, NULL, call_in_thread, &handles))
		return -EAGAIN;
	pthread_join(thread, &r);
	return (intptr_t)r == -EPERM
		       ? 0
		       : sheaf_task_fail(task, -EBADMSG, "got %d in a thread of a task, expected -EPERM", (int)(intptr_t)r);
}

static int threads_of_tasks_that_call(void)
{
	return play_calls(call_in_thread_of_task, SHEAF_PROCESSES);
}

/* ---- results and arguments that are overrun ---- */

static int overrun(sheaf_task *task, const void *arg, void *result)
{
	int bytes;

	memcpy(&bytes, arg, sizeof(bytes));
	if (sheaf_task_position(task) != 3)
		return host_position(task, NULL, result);
	/* The compiler need not know. */
	char *volatile at = result;

	if (bytes < 0)
		memset(at + bytes, 0x5a, (size_t)-bytes);
	else
		memset(at, 0x5a, (size_t)bytes);
	return 0;
}

/* The batch ends, well or with an error that says so; and the pool's owner lives. */
static void play_overrun(int bytes)
{
	sheaf_pool *pool = host_pool(2);
	sheaf_batch *batch = host_batch(pool, &(sheaf_batch_options){.result_size = 8, .task_timeout_ns = 5 * SECOND});
	const sheaf_result *results;
	size_t n;
	int r = 0;

	for (uint64_t i = 0; i < N && r >= 0; i++)
		r = sheaf_submit(batch, i, overrun, &bytes, sizeof(bytes));
	if (r >= 0)
		r = sheaf_gather(batch, &results, &n, sheaf_now_ns() + 15 * SECOND);
	EXPECT(r != -ETIMEDOUT, "got a batch that hangs after a task wrote %d bytes into a result of 8, expected an error",
	       bytes);
	EXPECT(r >= 0 || sheaf_message()[0], "got %d without a message after an overrun of %d bytes, expected a reason", r,
	       bytes);
	sheaf_batch_retire(batch);
	sheaf_pool_destroy(pool);
}

static int results_that_are_overrun(void)
{
	static const int sizes[] = {16, 64, 100, 256, 1000, 4096};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		play_overrun(sizes[i]);
	return 0;
}

/* As far as the next batches of the pool. */
static int results_that_are_overrun_by_far(void)
{
	static const int sizes[] = {16384, 65536, 200000};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		play_overrun(sizes[i]);
	return 0;
}

static int results_that_are_underrun(void)
{
	static const int sizes[] = {-8, -64, -1000, -4096};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		play_overrun(sizes[i]);
	return 0;
}

static int overrun_argument(sheaf_task *task, const void *arg, void *result)
{
	char *volatile at = (char *)(uintptr_t)arg;

	(void)result;
	if (sheaf_task_position(task) == 3)
		memset(at, 0x5a, 3000);
	return 0;
}

static int arguments_that_are_overrun(void)
{
	char arg[100] = "";
	sheaf_pool *pool = host_pool(2);
	sheaf_batch *batch = host_batch(pool, &(sheaf_batch_options){.task_timeout_ns = 5 * SECOND});
	const sheaf_result *results;
	size_t n;
	int r = 0;

	for (uint64_t i = 0; i < N && r >= 0; i++)
		r = sheaf_submit(batch, i, overrun_argument, arg, sizeof(arg));
	if (r >= 0)
		r = sheaf_gather(batch, &results, &n, sheaf_now_ns() + 15 * SECOND);
	EXPECT(r != -ETIMEDOUT, "got a batch that hangs after a task wrote behind its argument, expected an error");
	sheaf_pool_destroy(pool);
	return 0;
}

/* ---- faults that tell what they hit ---- */

static int write_to_result(sheaf_task *task, const void *arg, void *result)
{
	(void)task, (void)arg;
	/* With result_size forgotten it is NULL. */
	*(volatile long *)result = 1;
	return 0;
}

static const char *message_of_fault(sheaf_pool *pool, sheaf_task_fn *fn, const void *arg, size_t arg_size)
{
	static char message[1200];
	sheaf_batch *batch = host_batch(pool, &(sheaf_batch_options){.max_attempts = 1});
	const sheaf_result *results;
	int failed;

	NEED(sheaf_submit(batch, 3, fn, arg, arg_size));
	results = host_gather(batch, 1, &failed);
	EXPECT(failed == 1 && results[0].status == -ECHILD, "got status %d, expected -ECHILD", results[0].status);
	EXPECT(results[0].signal == SIGSEGV || results[0].signal == SIGBUS, "got signal %d, expected SIGSEGV",
	       results[0].signal);
	snprintf(message, sizeof(message), "%s", results[0].message);
	sheaf_batch_retire(batch);
	return message;
}

static int result_size_forgotten(void)
{
	sheaf_pool *pool = host_pool(2);
	const char *message = message_of_fault(pool, write_to_result, NULL, 0);

	EXPECT(strstr(message, "NULL"), "got the message \"%s\" of a write to NULL, expected one that names it", message);
	sheaf_pool_destroy(pool);
	return 0;
}

static int write_to_address(sheaf_task *task, const void *arg, void *result)
{
	char *address;

	(void)task, (void)result;
	memcpy(&address, arg, sizeof(address));
	*(volatile char *)address = 1;
	return 0;
}

/* The argument has an address of the owner's own memory, made after the workers. */
static int argument_with_an_address_of_the_owner(void)
{
	sheaf_pool *pool = host_pool(2);
	char *late = mmap(NULL, 16 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
	     *address = late + 5 * 4096 + 24;
	char number[40];
	const char *message;

	*address = 1;
	message = message_of_fault(pool, write_to_address, &address, sizeof(address));
	snprintf(number, sizeof(number), "%lx", (unsigned long)(uintptr_t)address);
	EXPECT(strstr(message, number), "got the message \"%s\" of a write to 0x%s, expected one that names the address",
	       message, number);
	munmap(late, 16 * 4096);
	sheaf_pool_destroy(pool);
	return 0;
}

static int array_that_was_freed(void)
{
	sheaf_pool *pool = host_pool(2);
	char number[40];
	const char *message;
	void *memory;

	NEED(sheaf_alloc(pool, 4 * MIB, &memory));
	NEED(sheaf_free(pool, memory));
	/* Freed memory of the heap may be written to or not; a fault tells its address. */
	sheaf_batch *batch = host_batch(pool, &(sheaf_batch_options){.max_attempts = 1, .task_timeout_ns = 5 * SECOND});
	const sheaf_result *results;
	int failed;

	NEED(sheaf_submit(batch, 0, write_to_address, &memory, sizeof(memory)));
	results = host_gather(batch, 1, &failed);
	message = results[0].message;
	snprintf(number, sizeof(number), "%lx", (unsigned long)(uintptr_t)memory);
	EXPECT(!failed || strstr(message, number), "got the message \"%s\", expected one that names the address 0x%s", message,
	       number);
	host_works(pool);
	sheaf_pool_destroy(pool);
	return 0;
}

static int recurse(int depth)
{
	volatile char frame[4000];

	frame[0] = (char)depth;
	return depth > 100000000 ? 0 : recurse(depth + 1) + frame[0];
}

static int recurse_for_ever(sheaf_task *task, const void *arg, void *result)
{
	(void)task, (void)arg, (void)result;
	return recurse(0) ? 0 : 1;
}

/* The stack is full: the message comes all the same, and says so or tells the address. */
static int recursion_without_an_end(void)
{
	sheaf_pool *pool = host_pool(2);
	const char *message = message_of_fault(pool, recurse_for_ever, NULL, 0);

	EXPECT(strstr(message, "stack") || strstr(message, "0x"),
	       "got the message \"%s\" of a stack overflow, expected one that tells", message);
	host_works(pool);
	sheaf_pool_destroy(pool);
	return 0;
}

static int write_behind_item(sheaf_task *task, const void *arg, void *result)
{
	(void)arg;
	/* The last item's array ends, and what follows is no memory of the pool. */
	if (sheaf_task_position(task) == 8191)
		for (size_t i = 0; i < 256 * MIB; i += 4096)
			((volatile char *)result)[i] = 1;
	return 0;
}

static int map_that_runs_over_its_array(void)
{
	sheaf_pool *pool = host_pool(2);
	sheaf_batch *batch = host_batch(pool, &(sheaf_batch_options){.max_attempts = 1});
	const sheaf_result *results;
	int failed;
	void *out;

	NEED(sheaf_alloc(pool, 65536, &out));
	NEED(sheaf_submit_map(batch, write_behind_item, NULL, 0, out, 8, 8192, NULL));
	results = host_gather(batch, 8192, &failed);
	EXPECT(failed >= 1 && results[8191].status == -ECHILD, "got status %d, expected -ECHILD", results[8191].status);
	EXPECT(strstr(results[8191].message, "0x"), "got the message \"%s\", expected one that tells an address",
	       results[8191].message);
	sheaf_pool_destroy(pool);
	return 0;
}

/* ---- handles that are dead ---- */

static int retire_after_destroy(void *unused)
{
	sheaf_pool *pool = host_pool(2);
	sheaf_batch *batches[3];

	(void)unused;
	for (int i = 0; i < 3; i++) {
		batches[i] = host_batch(pool, NULL);
		for (uint64_t k = 0; k < 10; k++)
			NEED(sheaf_submit(batches[i], k, host_nothing, NULL, 0));
	}
	host_gather(batches[1], 10, NULL);
	sheaf_pool_destroy(pool);
	for (int i = 0; i < 3; i++)
		sheaf_batch_retire(batches[i]);
	pool = host_pool(2);
	host_works(pool);
	sheaf_pool_destroy(pool);
	return 0;
}

static int batches_retired_after_their_pool(void)
{
	int r = host_child(retire_after_destroy, NULL, 20);

	EXPECT(r == 0, "got exit code %d of a host that retires a batch after its pool, expected 0", r);
	return 0;
}

static int use_after_retire(void *unused)
{
	sheaf_pool *pool = host_pool(2);
	sheaf_batch *batch = host_batch(pool, NULL);
	const sheaf_result *results;
	size_t n;
	int r;

	(void)unused;
	NEED(sheaf_submit(batch, 0, host_nothing, NULL, 0));
	host_gather(batch, 1, NULL);
	sheaf_batch_retire(batch);
	r = sheaf_submit(batch, 1, host_nothing, NULL, 0);
	EXPECT(r < 0, "got %d from sheaf_submit() to a retired batch, expected an error", r);
	r = sheaf_gather(batch, &results, &n, 0);
	EXPECT(r < 0, "got %d from sheaf_gather() of a retired batch, expected an error", r);
	sheaf_batch_retire(batch);
	host_works(pool);
	sheaf_pool_destroy(pool);
	return 0;
}

static int batches_used_after_they_were_retired(void)
{
	int r = host_child(use_after_retire, NULL, 20);

	EXPECT(r == 0, "got exit code %d of a host that uses a retired batch, expected 0", r);
	return 0;
}

static int nothing_at_all(void)
{
	sheaf_result result;
	size_t n;
	const sheaf_result *results;
	void *memory;

	EXPECT(sheaf_pool_create(NULL, NULL) == -EINVAL, "got another code, expected -EINVAL");
	EXPECT(sheaf_submit(NULL, 0, host_nothing, NULL, 0) == -EINVAL, "got another code, expected -EINVAL");
	EXPECT(sheaf_gather(NULL, &results, &n, 0) == -EINVAL, "got another code, expected -EINVAL");
	EXPECT(sheaf_next(NULL, &result, 0) == -EINVAL, "got another code, expected -EINVAL");
	EXPECT(sheaf_alloc(NULL, 1, &memory) == -EINVAL, "got another code, expected -EINVAL");
	EXPECT(sheaf_apply(NULL, host_nothing, NULL, 0, NULL, 0, NULL) == -EINVAL, "got another code, expected -EINVAL");
	sheaf_batch_retire(NULL);
	sheaf_pool_destroy(NULL);
	sheaf_pool *pool = host_pool(1);
	sheaf_batch *batch = host_batch(pool, NULL);

	EXPECT(sheaf_submit(batch, 0, NULL, NULL, 0) == -EINVAL, "got another code for no function, expected -EINVAL");
	EXPECT(sheaf_submit(batch, 0, host_nothing, NULL, 8) == -EINVAL,
	       "got another code for no argument of 8 bytes, expected -EINVAL");
	EXPECT(sheaf_gather(batch, NULL, &n, 0) == -EINVAL, "got another code for no results, expected -EINVAL");
	EXPECT(sheaf_pool_join(pool, 0) == -EBUSY, "got another code for a pool that is not closed, expected -EBUSY");
	host_works(pool);
	sheaf_pool_destroy(pool);
	return 0;
}

/* ---- the environment ---- */

static int overrun_a_little(sheaf_task *task, const void *arg, void *result)
{
	char *volatile at = result;

	(void)arg;
	if (sheaf_task_position(task) == 3)
		memset(at, 0x5a, 16);
	else
		return host_position(task, NULL, result);
	return 0;
}

static int overrun_argument_a_little(sheaf_task *task, const void *arg, void *result)
{
	char *volatile at = (char *)(uintptr_t)arg;

	(void)result;
	if (sheaf_task_position(task) == 3)
		memset(at, 0x5a, 108);
	return 0;
}

static void checked(sheaf_task_fn *fn, size_t arg_size, size_t result_size, const char *named)
{
	static char arg[100];
	sheaf_pool *pool = host_pool(2);
	sheaf_batch *batch = host_batch(
		pool, &(sheaf_batch_options){.result_size = result_size, .max_attempts = 2, .task_timeout_ns = 5 * SECOND});
	const sheaf_result *results;
	int failed;

	for (uint64_t i = 0; i < N; i++)
		NEED(sheaf_submit(batch, i, fn, arg, arg_size));
	results = host_gather(batch, N, &failed);
	EXPECT(failed == 1 && results[3].status,
	       "got %d failures with SHEAF_CHECK=1 (%s), expected one of the task that wrote too far", failed, sheaf_message());
	EXPECT(strstr(results[3].message, named), "got the message \"%s\" with SHEAF_CHECK=1, expected one that names the %s",
	       results[3].message, named);
	for (uint64_t i = 0; i < N && result_size; i++)
		EXPECT(i == 3 || *(uint64_t *)results[i].data == i,
		       "got a wrong result beside a task that wrote too far, expected it right");
	host_works(pool);
	sheaf_pool_destroy(pool);
}

static int check_mode_and_a_result_that_is_overrun(void)
{
	setenv("SHEAF_CHECK", "1", 1);
	checked(overrun_a_little, 0, 8, "result");
	return 0;
}

static int check_mode_and_an_argument_that_is_overrun(void)
{
	setenv("SHEAF_CHECK", "1", 1);
	checked(overrun_argument_a_little, 100, 0, "argument");
	return 0;
}

/* All that is right is right in check mode, too. */
static int check_mode_without_a_mistake(void)
{
	sheaf_batch *batch;
	sheaf_pool *pool;
	void *in, *out;
	uint64_t sum = 0;

	setenv("SHEAF_CHECK", "1", 1);
	pool = host_pool(2);
	host_works(pool);
	batch = host_batch(pool, &(sheaf_batch_options){.result_size = 8});
	for (uint64_t i = 0; i < 100; i++)
		NEED(sheaf_submit(batch, i, host_position, &i, sizeof(i)));
	const sheaf_result *results = host_gather(batch, 100, NULL);

	for (uint64_t i = 0; i < 100; i++)
		sum += *(uint64_t *)results[i].data;
	EXPECT(sum == 4950, "got the sum %llu, expected 4950", (unsigned long long)sum);
	NEED(sheaf_alloc_array(pool, 1000, 8, &in));
	NEED(sheaf_alloc_array(pool, 1000, 8, &out));
	NEED(sheaf_map(pool, host_position, in, 8, out, 8, 1000, NULL));
	NEED(sheaf_for(pool, range, NULL, 1000, NULL));
	host_kill_supervisor(pool);
	host_works(pool);
	sheaf_pool_destroy(pool);
	return 0;
}

static int same_process(sheaf_task *task, const void *arg, void *result)
{
	pid_t owner;

	(void)task, (void)result;
	memcpy(&owner, arg, sizeof(owner));
	return owner == getpid() ? 0 : -EBADMSG;
}

static int backend_of_the_environment(void)
{
	pid_t owner = getpid(), pids[4];
	sheaf_pool *pool;

	setenv("SHEAF_BACKEND", "threads", 1);
	pool = host_pool(2);
	NEED(sheaf_apply(pool, same_process, &owner, sizeof(owner), NULL, 0, NULL));
	EXPECT(host_processes(pids, 4) <= 0, "got a process of a pool of threads, expected none");
	host_works(pool);
	sheaf_pool_destroy(pool);
	unsetenv("SHEAF_BACKEND");
	pool = host_pool(2);
	EXPECT(sheaf_apply(pool, same_process, &owner, sizeof(owner), NULL, 0, NULL) == -EBADMSG,
	       "got a task in the owner's process, expected another");
	sheaf_pool_destroy(pool);
	return 0;
}

HOST_PROGRAM("mistakes", CASE(tasks_that_submit), CASE(tasks_that_call_everything),
	     CASE(tasks_that_submit_in_threads_of_the_owner), CASE(tasks_that_call_everything_in_threads_of_the_owner),
	     CASE(loops_in_tasks_of_threads), CASE(loops_in_tasks_of_processes), CASE(loops_in_loops),
	     CASE(threads_of_tasks_that_call), LONG_CASE(results_that_are_overrun, 100),
	     LONG_CASE(results_that_are_overrun_by_far, 60), LONG_CASE(results_that_are_underrun, 80),
	     CASE(arguments_that_are_overrun), CASE(result_size_forgotten), CASE(argument_with_an_address_of_the_owner),
	     CASE(array_that_was_freed), CASE(recursion_without_an_end), CASE(map_that_runs_over_its_array),
	     CASE(batches_retired_after_their_pool), CASE(batches_used_after_they_were_retired), CASE(nothing_at_all),
	     CASE(check_mode_and_a_result_that_is_overrun), CASE(check_mode_and_an_argument_that_is_overrun),
	     CASE(check_mode_without_a_mistake), CASE(backend_of_the_environment))
