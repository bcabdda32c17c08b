/*
 * test_leave.c - a task that leaves its function by another way than a return: the worker ends
 * there, nothing of the owner's runs in it, and the position says what happened. What tasks print
 * arrives. Faults tell their address.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "pools.h"
#include "support/deadline.h"

/* Each test plays a host: a process of its own, whose streams and handlers it may change. */
TestSuite(leave, .init = begin, .fini = end);

static pid_t host;
static _Atomic int *strangers; /* shared: what ran of the owner's in another process */

static void count_stranger(void)
{
	if (getpid() != host)
		atomic_fetch_add(strangers, 1);
}

static int start_host(unsigned workers, unsigned attempts)
{
	sheaf_pool_options options = {.workers = workers, .max_attempts = attempts, .heap_size = 16 << 20};
	void *memory;

	host = getpid();
	child_check(!sheaf_pool_create(&pool, &options));
	child_check(!sheaf_alloc(pool, sizeof(*strangers), &memory));
	strangers = memory;
	return 0;
}

/* ---- ways ---- */

enum way { BY_EXIT, BY_QUICK_EXIT, BY_THREAD_EXIT, BY_CANCEL, BY_JUMP, BY_SIGNAL_JUMP, BY_EXIT_IN_CHILD, WAYS };

static jmp_buf outside;
static sigjmp_buf signal_outside;

static const struct {
	const char *text;
	int exit_code;
} ways[WAYS] = {
	[BY_EXIT] = {"called exit(3)", 3},
	[BY_QUICK_EXIT] = {"called quick_exit(4)", 4},
	[BY_THREAD_EXIT] = {"ended its thread (pthread_exit", 0},
	[BY_CANCEL] = {"ended its thread (pthread_exit", 0},
	[BY_JUMP] = {"jumped out of the task by longjmp()", 1},
	[BY_SIGNAL_JUMP] = {"jumped out of the task by longjmp()", 1},
	[BY_EXIT_IN_CHILD] = {"", -1},
};

static int wait_child(pid_t pid, int wanted)
{
	int status;

	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == wanted ? 0 : -EIO;
}

static int leave(enum way way)
{
	pid_t pid;

	switch (way) {
	case BY_EXIT:
		exit(3);
	case BY_QUICK_EXIT:
		quick_exit(4);
	case BY_THREAD_EXIT:
		pthread_exit(NULL);
	case BY_CANCEL:
		pthread_cancel(pthread_self());
		pthread_testcancel();
		return 0;
	case BY_JUMP:
		longjmp(outside, 1);
	case BY_SIGNAL_JUMP:
		siglongjmp(signal_outside, 1);
	default:
		pid = fork();
		if (!pid)
			exit(9);
		return wait_child(pid, 9);
	}
}

static int leave_task(sheaf_task *task, const void *arg, void *result)
{
	(void)task;
	(void)result;
	return leave(*(const enum way *)arg);
}

static int leave_item(sheaf_task *task, const void *arg, void *result)
{
	int r = sheaf_task_position(task) == 7 ? leave(*(const enum way *)arg) : 0;

	++*(int *)result;
	return r;
}

static int leave_range(sheaf_task *task, size_t begin, size_t end, void *context)
{
	(void)task;
	return begin <= 7 && 7 < end ? leave(*(const enum way *)context) : 0;
}

static int check_way(enum way way, int r)
{
	if (ways[way].exit_code < 0) {
		child_check(r == 0);
		return 0;
	}
	child_check(r == -ECHILD);
	if (strstr(sheaf_message(), ways[way].text))
		return 0;
	fprintf(stderr, "\"%s\" lacks \"%s\"\n", sheaf_message(), ways[way].text);
	return 1;
}

/* The jumps lead here from a worker, if they are not stopped. */
static int try_ways(void)
{
	void *in, *out;

	child_check(!sheaf_alloc_array(pool, 20, sizeof(enum way), &in) && !sheaf_alloc_array(pool, 20, sizeof(int), &out));
	for (enum way way = 0; way < WAYS; way++) {
		sheaf_map_options options = {.grain = 10};

#ifndef __GLIBC__
		/* It tells no handler the code of an exit, and no function of a jump. */
		if (way == BY_JUMP || way == BY_SIGNAL_JUMP || way == BY_QUICK_EXIT || way == BY_EXIT ||
		    way == BY_EXIT_IN_CHILD)
			continue;
#endif
		if (check_way(way, sheaf_apply(pool, leave_task, &way, sizeof(way), NULL, 0, NULL)))
			return 1;
		for (int i = 0; i < 20; i++)
			((enum way *)in)[i] = way;
		memset(out, 0, 20 * sizeof(int));
		if (check_way(way, sheaf_map(pool, leave_item, in, sizeof(enum way), out, sizeof(int), 20, &options)))
			return 1;
		for (int i = 0; i < 20; i++)
			child_check(i == 7 || ((int *)out)[i] == 1);
		if (check_way(way, sheaf_for(pool, leave_range, in, 20, &options)))
			return 1;
		child_check(atomic_load(strangers) == 0);
	}
	return 0;
}

static int host_with_handlers(void *context)
{
	int r;

	(void)context;
	atexit(count_stranger);
	at_quick_exit(count_stranger);
	if (setjmp(outside) || sigsetjmp(signal_outside, 1)) {
		count_stranger();
		_exit(9);
	}
	if (start_host(2, 2) || try_ways())
		return 1;
	r = atomic_load(strangers);
	sheaf_pool_destroy(pool);
	pool = NULL;
	return r;
}

static void *thread_of_host(void *context)
{
	return host_with_handlers(context) ? &host : NULL;
}

static int host_in_a_thread(void *context)
{
	pthread_t thread;
	void *r;

	child_check(!pthread_create(&thread, NULL, thread_of_host, context));
	child_check(!pthread_join(thread, &r));
	return r ? 1 : 0;
}

Test(leave, ends_the_worker_and_runs_nothing_of_the_owners)
{
	in_child(host_with_handlers, NULL);
}

Test(leave, ends_a_worker_of_a_pool_that_a_thread_made)
{
	in_child(host_in_a_thread, NULL);
}

static int jump_inside(sheaf_task *task, const void *arg, void *result)
{
	volatile int jumps = 0;
	sigjmp_buf here;

	(void)task;
	(void)arg;
	if (sigsetjmp(here, 1) < 5) {
		jumps++;
		siglongjmp(here, jumps);
	}
	*(int *)result = jumps;
	return 0;
}

Test(leave, is_not_what_a_jump_inside_a_task_does)
{
	int jumps = 0;

	start_workers(1);
	expect_done(sheaf_apply(pool, jump_inside, NULL, 0, &jumps, sizeof(jumps), NULL));
	cr_assert_eq(jumps, 5);
}

/* ---- forks that return ---- */

struct counts {
	_Atomic int runs[100];
	_Atomic int refused;
};

static int fork_and_return(sheaf_task *task, const void *arg, void *result)
{
	struct counts *counts = *(struct counts *const *)arg;
	uint64_t position = sheaf_task_position(task);
	void *memory;
	pid_t pid;

	(void)result;
	atomic_fetch_add(&counts->runs[position], 1);
	if (position % 10 != 3)
		return 0;
	pid = fork();
	if (pid)
		return wait_child(pid, 1);
	if (sheaf_task_result(task, 8, &memory) < 0)
		atomic_fetch_add(&counts->refused, 1);
	return -EIO; /* which is told to no caller */
}

static int fork_in_range(sheaf_task *task, size_t begin, size_t end, void *context)
{
	(void)context;
	for (size_t i = begin; i < end; i++) {
		pid_t pid = fork();

		if (!pid)
			return sheaf_task_fail(task, -EIO, "a child");
		if (wait_child(pid, 1))
			return -ECHILD;
	}
	return 0;
}

Test(leave, of_a_forked_child_that_returns_is_told_to_nobody)
{
	struct counts *counts;
	sheaf_batch *batch;
	const sheaf_result *results;
	struct counts **in;
	void *memory;
	size_t n;

	start_workers(2);
	expect_done(sheaf_alloc(pool, sizeof(*counts), &memory));
	counts = memory;
	expect_done(sheaf_alloc_array(pool, 100, sizeof(*in), &memory));
	in = memory;
	batch = new_batch(&(sheaf_batch_options){.result_size = 8});
	for (uint64_t p = 0; p < 100; p++) {
		in[p] = counts;
		expect_done(sheaf_submit(batch, p, fork_and_return, &counts, sizeof(counts)));
	}
	cr_assert_eq(sheaf_gather(batch, &results, &n, hang_deadline()), 0, "%s", results[3].message);
	cr_assert_eq(atomic_load(&counts->refused), 10);
	for (int p = 0; p < 100; p++)
		cr_assert_eq(atomic_exchange(&counts->runs[p], 0), 1);
	for (size_t grain = 1; grain <= 100; grain *= 10) {
		expect_done(
			sheaf_map(pool, fork_and_return, in, sizeof(*in), NULL, 0, 100, &(sheaf_map_options){.grain = grain}));
		for (int p = 0; p < 100; p++)
			cr_assert_eq(atomic_exchange(&counts->runs[p], 0), 1, "item %d with grain %zu", p, grain);
	}
	expect_done(sheaf_map(pool, fork_and_return, in, sizeof(*in), NULL, 0, 100,
			      &(sheaf_map_options){.grain = 10, .task_timeout_ns = UINT64_C(100000000000)}));
	expect_done(sheaf_for(pool, fork_in_range, NULL, 50, &(sheaf_map_options){.grain = 10}));
	expect_pool_works(1000);
}

/* ---- what tasks print ---- */

static char folder[200], out_path[220], own_path[220];
static FILE *own;

static int open_folder(void)
{
	const char *base = getenv("TMPDIR");

	snprintf(folder, sizeof(folder), "%.150s/sheaf-leave-XXXXXX", base ? base : "/tmp");
	child_check(mkdtemp(folder));
	snprintf(out_path, sizeof(out_path), "%s/out", folder);
	snprintf(own_path, sizeof(own_path), "%s/own", folder);
	child_check(freopen(out_path, "w", stdout));
	return 0;
}

static int close_folder(void)
{
	unlink(out_path);
	unlink(own_path);
	return rmdir(folder);
}

/*
 * How often the lines "line 0" to "line n - 1" are in the file: 0 if each is there once, else a
 * number that tells what is wrong.
 */
static int wrong_lines(const char *path, int n)
{
	FILE *file = fopen(path, "r");
	int seen[2000] = {0}, number, wrong = 0;
	char line[100];

	if (!file)
		return n;
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "line %d\n", &number) == 1 && number >= 0 && number < n)
			seen[number]++;
		else
			wrong++;
	}
	fclose(file);
	for (int i = 0; i < n; i++)
		wrong += abs(seen[i] - 1);
	if (wrong)
		fprintf(stderr, "%d of %d lines are wrong\n", wrong, n);
	return wrong;
}

static int print_line(sheaf_task *task, const void *arg, void *result)
{
	(void)arg;
	(void)result;
	printf("line %d\n", (int)sheaf_task_position(task));
	return 0;
}

static int print_error_line(sheaf_task *task, const void *arg, void *result)
{
	(void)arg;
	(void)result;
	fprintf(stderr, "line %d\n", (int)sheaf_task_position(task));
	return 0;
}

/* All lines fit one buffer: a full one is written when it is full, in the midst of a line. */
#define OWN_LINES 300
static char own_buffer[4096];

static int print_own_line(sheaf_task *task, const void *arg, void *result)
{
	(void)arg;
	(void)result;
	if (!own) {
		own = fopen(own_path, "a");
		if (!own || setvbuf(own, own_buffer, _IOFBF, sizeof(own_buffer)))
			return -errno;
	}
	fprintf(own, "line %d\n", (int)sheaf_task_position(task));
	return 0;
}

static int print_and_die(sheaf_task *task, const void *arg, void *result)
{
	(void)arg;
	(void)result;
	if (sheaf_task_position(task) % 100 == 99)
		kill(getpid(), SIGKILL);
	return print_line(task, NULL, NULL);
}

static int print_and_fault(sheaf_task *task, const void *arg, void *result)
{
	print_line(task, arg, result);
	if (sheaf_task_position(task) % 100 == 99)
		raise(SIGSEGV);
	return 0;
}

static int print_and_exit(sheaf_task *task, const void *arg, void *result)
{
	print_line(task, arg, result);
	if (sheaf_task_position(task) % 100 == 99)
		exit(1);
	return 0;
}

static int fan_out(sheaf_task_fn *fn, int n)
{
	const sheaf_result *results;
	sheaf_batch *batch;
	size_t count;

	child_check(!sheaf_batch_create(&batch, pool, NULL));
	for (int i = 0; i < n; i++)
		child_check(!sheaf_submit(batch, (uint64_t)i, fn, NULL, 0));
	child_check(sheaf_gather(batch, &results, &count, SHEAF_FOREVER) >= 0);
	return 0;
}

static int end_host(void)
{
	sheaf_pool_destroy(pool);
	pool = NULL;
	fflush(stdout);
	return 0;
}

static int printing_host(void *context)
{
	(void)context;
	if (open_folder() || start_host(3, 1) || fan_out(print_line, 1000) || end_host())
		return 1;
	child_check(!wrong_lines(out_path, 1000));
	return close_folder();
}

Test(leave, prints_all_lines_of_a_pool_that_is_destroyed_at_once)
{
	in_child(printing_host, NULL);
}

static int stderr_host(void *context)
{
	static char buffer[1 << 16];
	int saved = dup(2);

	(void)context;
	if (open_folder())
		return 1;
	child_check(freopen(own_path, "w", stderr) && !setvbuf(stderr, buffer, _IOFBF, sizeof(buffer)));
	if (start_host(3, 1) || fan_out(print_error_line, 1000) || end_host())
		return 1;
	fflush(stderr);
	setvbuf(stderr, NULL, _IONBF, 0);
	dup2(saved, 2);
	child_check(!wrong_lines(own_path, 1000));
	return close_folder();
}

Test(leave, prints_all_lines_of_a_stderr_with_a_buffer)
{
	in_child(stderr_host, NULL);
}

static int own_stream_host(void *context)
{
	bool *closes = context;

	if (open_folder() || start_host(3, 1) || fan_out(print_own_line, OWN_LINES))
		return 1;
	if (*closes)
		child_check(!sheaf_pool_close(pool) && !sheaf_pool_join(pool, SHEAF_FOREVER));
	if (end_host())
		return 1;
	child_check(!wrong_lines(own_path, OWN_LINES));
	return close_folder();
}

Test(leave, prints_all_lines_of_a_stream_that_tasks_leave_open)
{
	for (int closes = 0; closes < 2; closes++) {
		bool closes_first = closes;

		in_child(own_stream_host, &closes_first);
	}
}

/*
 * Position 99 and its like leave no line, unless they print it first and die by a fault or by
 * exit().
 */
static int dying_host(void *context)
{
	sheaf_task_fn *fn = *(sheaf_task_fn **)context;
	char line[16];
	FILE *file;

	if (open_folder() || start_host(2, 1) || fan_out(fn, 1000) || end_host())
		return 1;
	if (fn == print_and_die) {
		file = fopen(out_path, "a");
		for (int i = 99; i < 1000; i += 100) {
			snprintf(line, sizeof(line), "line %d\n", i);
			fputs(line, file);
		}
		fclose(file);
	}
	child_check(!wrong_lines(out_path, 1000));
	return close_folder();
}

Test(leave, prints_the_lines_of_tasks_that_returned_before_another_killed_the_worker)
{
	sheaf_task_fn *fns[] = {
		print_and_die,
		print_and_exit,
#if defined(OS_LAYER_LINUX) && defined(__GLIBC__) /* which says what its streams hold */
		print_and_fault,
#endif
	};

	(void)print_and_fault;
	for (unsigned i = 0; i < sizeof(fns) / sizeof(fns[0]); i++)
		in_child(dying_host, &fns[i]);
}

/*
 * The owner's own lines: in stdout and in a stream of its own, both not written when the pool is
 * created.
 */
static int host_with_pending_output(void *context)
{
	const bool *keep = context;
	sheaf_pool_options options = {.workers = 3, .heap_size = 16 << 20, .flags = *keep ? SHEAF_KEEP_FDS : 0};
	FILE *file;
	enum way way = BY_EXIT;

	host = getpid();
	if (open_folder())
		return 1;
	child_check((file = fopen(own_path, "w")));
	fputs("line 0\n", file);
	fputs("line 999\n", stdout);
	child_check(!sheaf_pool_create(&pool, &options));
	if (fan_out(print_line, 999))
		return 1;
	child_check(sheaf_apply(pool, leave_task, &way, sizeof(way), NULL, 0, NULL) == -ECHILD);
	child_check(!sheaf_pool_close(pool) && !sheaf_pool_join(pool, SHEAF_FOREVER));
	fclose(file);
	if (end_host())
		return 1;
	child_check(!wrong_lines(out_path, 1000) && !wrong_lines(own_path, 1));
	return close_folder();
}

Test(leave, prints_no_line_of_the_owners_twice)
{
	for (int keep = 0; keep < 2; keep++) {
		bool keeps = keep;

#ifndef OS_LAYER_LINUX
		if (keeps)
			continue;
#endif
		in_child(host_with_pending_output, &keeps);
	}
}

/* ---- stdin and SIGPIPE ---- */

static int read_input(sheaf_task *task, const void *arg, void *result)
{
	char byte;

	(void)task;
	(void)arg;
	(void)result;
	return read(0, &byte, 1) == 0 && getchar() == EOF ? 0 : -EIO;
}

static int host_with_input(void *context)
{
	int ends[2];

	(void)context;
	child_check(!pipe(ends) && dup2(ends[0], 0) == 0 && write(ends[1], "abc\n", 4) == 4);
	child_check(getchar() == 'a');
	if (start_host(1, 1))
		return 1;
	child_check(!sheaf_apply(pool, read_input, NULL, 0, NULL, 0, NULL));
	child_check(getchar() == 'b');
	return end_host();
}

Test(leave, leaves_the_owners_input_alone)
{
	in_child(host_with_input, NULL);
}

static int write_to_nobody(sheaf_task *task, const void *arg, void *result)
{
	int ends[2], r = 0;

	(void)task;
	(void)arg;
	(void)result;
	if (pipe(ends))
		return -errno;
	close(ends[0]);
	r = write(ends[1], "x", 1) == 1 ? 0 : -errno;
	close(ends[1]);
	return r;
}

static int host_that_ignores_sigpipe(void *context)
{
	(void)context;
	signal(SIGPIPE, SIG_IGN);
	if (start_host(1, 1))
		return 1;
	child_check(sheaf_apply(pool, write_to_nobody, NULL, 0, NULL, 0, NULL) == -EPIPE);
	return end_host();
}

Test(leave, by_a_broken_pipe_only_where_the_owner_would)
{
	in_child(host_that_ignores_sigpipe, NULL);
	signal(SIGPIPE, SIG_DFL);
	start_workers(1);
	expect_failure(sheaf_apply(pool, write_to_nobody, NULL, 0, NULL, 0, NULL), -ECHILD,
		       "was killed by signal 13 (Broken pipe)");
}

/* ---- faults tell their address ---- */

#if defined(__SANITIZE_ADDRESS__)
#define FAULTS_ARE_FINDINGS true
#else
#define FAULTS_ARE_FINDINGS false
#endif

static int touch(sheaf_task *task, const void *arg, void *result)
{
	(void)task;
	(void)result;
	**(char *volatile *)arg = 1;
	return 0;
}

static int touch_result(sheaf_task *task, const void *arg, void *result)
{
	(void)task;
	(void)arg;
	*(volatile int *)result = 1;
	return 0;
}

static int touch_item(sheaf_task *task, const void *arg, void *result)
{
	(void)arg;
	if (sheaf_task_position(task) == 3)
		*(volatile int *)result = 1;
	return 0;
}

static int fill_stack(volatile char *up)
{
	volatile char frame[4096];

	frame[0] = *up;
	return up[0] == 1 ? 0 : fill_stack(frame) + frame[0];
}

static int recurse(sheaf_task *task, const void *arg, void *result)
{
	char up = 0;

	(void)task;
	(void)arg;
	(void)result;
	return fill_stack(&up) ? -EIO : 0;
}

/* Where a task that writes there fails, and what its message says. */
static void expect_place(void *address, const char *text)
{
	sheaf_batch *batch = new_batch(&(sheaf_batch_options){.result_size = 8, .max_attempts = 1});
	sheaf_result result;

	expect_done(sheaf_submit(batch, 3, touch, &address, sizeof(address)));
	cr_assert_eq(sheaf_next(batch, &result, hang_deadline()), 1);
	cr_assert_eq(result.fault_address, address, "%s", result.message);
	cr_assert_not_null(strstr(result.message, text), "\"%s\" lacks \"%s\"", result.message, text);
	sheaf_batch_retire(batch);
}

Test(leave, by_a_fault_tells_the_address_and_what_lies_there)
{
	static const char constant[] = "constant";
	void *heap, *later;

	(void)recurse;
	if (FAULTS_ARE_FINDINGS)
		skip("the sanitizer has these faults");
	start_workers(2);
	expect_failure(sheaf_apply(pool, touch_result, NULL, 0, NULL, 0, NULL), -ECHILD,
		       "was killed by signal 11 (Segmentation fault) at address 0x0 (NULL: the batch has no result_size");
	expect_failure(sheaf_map(pool, touch_item, NULL, 0, NULL, 0, 10, NULL), -ECHILD,
		       "at address 0x0 (NULL: the map has no out array)");
#ifdef OS_LAYER_LINUX
	expect_failure(sheaf_apply(pool, recurse, NULL, 0, NULL, 0, NULL), -ECHILD, "(the task's stack is full)");
#endif
	expect_place((void *)(uintptr_t)constant, "memory that may not be used so");
	expect_done(sheaf_alloc(pool, 1, &heap));
	heap = (void *)((uintptr_t)heap & ~(((uintptr_t)2 << 20) - 1)); /* where the heap begins */
	expect_place((char *)heap - 8, "in a guard page, 8 bytes in front of the heap");
	later = malloc(64 << 20);
	cr_assert_not_null(later);
	expect_place((char *)later + (32 << 20), "memory that the owner has only since the pool was created");
	free(later);
	expect_place((void *)(uintptr_t)0x12345678000, "(not mapped)");
}
