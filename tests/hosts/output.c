/*
 * output.c - kind E: what a task has written arrives.
 *
 * It arrives before the task's result is published, or when its worker ends for any reason; and
 * nothing that the owner has begun to write appears twice or elsewhere.
 */
#include "host.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { MARK_RUNS, MARK_GO, MARK_READY, MARK_PID };

/* ---- a pipe that another process reads into a file ---- */

static struct {
	pid_t reader;
	int out, err;
} redirected;

/* From now on standard output goes into a pipe, as under "| tee". */
static void into_pipe(const char *path)
{
	int ends[2];

	fflush(NULL);
	EXPECT(!pipe(ends), "got no pipe (%s), expected one", strerror(errno));
	redirected.reader = fork();
	if (!redirected.reader) {
		int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
		char bytes[65536];
		ssize_t n;

		close(ends[1]);
		while ((n = read(ends[0], bytes, sizeof(bytes))) > 0)
			if (write(fd, bytes, (size_t)n) != n)
				_exit(1);
		_exit(n < 0);
	}
	redirected.out = fcntl(1, F_DUPFD_CLOEXEC, 10);
	redirected.err = fcntl(2, F_DUPFD_CLOEXEC, 10);
	dup2(ends[1], 1);
	close(ends[0]);
	close(ends[1]);
	setvbuf(stdout, NULL, _IOFBF, 4096);
}

static void into_file(const char *path)
{
	EXPECT(freopen(path, "w", stdout), "got no file %s, expected one", path);
}

/* No process of the pool may still hold the pipe's end, so the reader comes to the end. */
static void end_pipe(void)
{
	fflush(stdout);
	dup2(redirected.out, 1);
	dup2(redirected.err, 2);
	EXPECT(host_join(redirected.reader, 10) == 0, "got an error of the pipe's reader, expected none");
}

static void expect_lines(const char *path, long wanted)
{
	char line[100];
	long all = host_lines(path, NULL);

	EXPECT(all == wanted, "got %ld lines, expected %ld", all, wanted);
	for (long i = 0; i < wanted; i++) {
		snprintf(line, sizeof(line), "line %d", (int)i);
		if (i % 37 == 0 || wanted < 100)
			EXPECT(host_lines(path, line) == 1, "got \"%s\" %ld times, expected once", line,
			       host_lines(path, line));
	}
}

/* ---- tasks ---- */

static int say(sheaf_task *task, const void *arg, void *result)
{
	(void)arg, (void)result;
	printf("line %d\n", (int)sheaf_task_position(task));
	return 0;
}

static int say_range(sheaf_task *task, size_t begin, size_t end, void *context)
{
	(void)task, (void)context;
	for (size_t i = begin; i < end; i++)
		printf("line %d\n", (int)i);
	return 0;
}

static int say_and_fail(sheaf_task *task, const void *arg, void *result)
{
	say(task, arg, result);
	return -ERANGE;
}

static int hang(sheaf_task *task, const void *arg, void *result)
{
	(void)task, (void)arg, (void)result;
	host_set(MARK_PID, getpid());
	host_add(MARK_RUNS, 1);
	for (;;)
		host_nap(1000);
	return 0;
}

static int die(sheaf_task *task, const void *arg, void *result)
{
	(void)task, (void)arg, (void)result;
	raise(SIGKILL);
	return 0;
}

static void say_all(sheaf_pool *pool, int n, sheaf_task_fn *fn)
{
	sheaf_batch *batch = host_batch(pool, NULL);
	int failed;

	for (int i = 0; i < n; i++)
		NEED(sheaf_submit(batch, (uint64_t)i, fn, NULL, 0));
	host_gather(batch, (size_t)n, &failed);
	EXPECT(failed == (fn == say_and_fail ? n : 0), "got %d failures (%s), expected another number", failed,
	       sheaf_message());
}

/* ---- many lines ---- */

static int thousand_lines_into_a_pipe(void)
{
	sheaf_pool *pool;

	into_pipe("lines");
	pool = host_pool(2);
	say_all(pool, 1000, say);
	sheaf_pool_destroy(pool);
	end_pipe();
	expect_lines("lines", 1000);
	return 0;
}

static int few_lines_and_an_early_end(void)
{
	into_file("lines");
	for (int i = 0; i < 30; i++) {
		sheaf_pool *pool = host_pool(3);

		NEED(sheaf_apply(pool, say, NULL, 0, NULL, 0, NULL));
		sheaf_pool_destroy(pool);
	}
	EXPECT(host_lines("lines", "line 0") == 30 && host_lines("lines", NULL) == 30, "got %ld of 30 lines, expected all",
	       host_lines("lines", NULL));
	return 0;
}

static int maps_and_loops_that_print(void)
{
	sheaf_pool *pool;

	into_pipe("lines");
	pool = host_pool(2);
	NEED(sheaf_map(pool, say, NULL, 0, NULL, 0, 1000, NULL));
	sheaf_pool_destroy(pool);
	end_pipe();
	expect_lines("lines", 1000);
	into_pipe("lines");
	pool = host_pool(2);
	NEED(sheaf_for(pool, say_range, NULL, 1000, NULL));
	sheaf_pool_destroy(pool);
	end_pipe();
	expect_lines("lines", 1000);
	return 0;
}

static int lines_of_tasks_that_fail(void)
{
	sheaf_pool *pool;

	into_pipe("lines");
	pool = host_pool(2);
	say_all(pool, 100, say_and_fail);
	sheaf_pool_destroy(pool);
	end_pipe();
	expect_lines("lines", 100);
	return 0;
}

static int lines_before_join(void)
{
	sheaf_pool *pool;

	into_file("lines");
	pool = host_pool(2);
	say_all(pool, 200, say);
	NEED(sheaf_pool_close(pool));
	NEED(sheaf_pool_join(pool, host_deadline()));
	expect_lines("lines", 200);
	sheaf_pool_destroy(pool);
	expect_lines("lines", 200);
	return 0;
}

static int lines_before_terminate(void)
{
	sheaf_pool *pool;

	into_pipe("lines");
	pool = host_pool(2);
	say_all(pool, 200, say);
	NEED(sheaf_pool_terminate(pool));
	sheaf_pool_destroy(pool);
	end_pipe();
	expect_lines("lines", 200);
	return 0;
}

/* ---- workers that are killed later ---- */

static int lines_of_a_worker_that_dies_later(void)
{
	sheaf_pool *pool;

	into_pipe("lines");
	pool = host_pool(1);
	say_all(pool, 100, say);
	sheaf_apply(pool, die, NULL, 0, NULL, 0, NULL);
	sheaf_pool_destroy(pool);
	end_pipe();
	expect_lines("lines", 100);
	return 0;
}

static int lines_of_a_worker_that_is_over_its_limit_later(void)
{
	sheaf_map_options limit = {.task_timeout_ns = SECOND / 4};
	sheaf_pool *pool;

	into_pipe("lines");
	pool = host_pool(1);
	say_all(pool, 100, say);
	EXPECT(sheaf_apply(pool, hang, NULL, 0, NULL, 0, &limit) == -ETIMEDOUT, "got %s, expected -ETIMEDOUT", sheaf_message());
	sheaf_pool_destroy(pool);
	end_pipe();
	expect_lines("lines", 100);
	return 0;
}

static int lines_of_workers_whose_supervisor_dies(void)
{
	sheaf_pool *pool;

	into_pipe("lines");
	pool = host_pool(2);
	for (int i = 0; i < 5; i++) {
		say_all(pool, 100, say);
		host_kill_supervisor(pool);
	}
	host_works(pool);
	sheaf_pool_destroy(pool);
	end_pipe();
	EXPECT(host_lines("lines", NULL) == 500 && host_lines("lines", "line 7") == 5, "got %ld of 500 lines, expected all",
	       host_lines("lines", NULL));
	return 0;
}

static int lines_before_a_batch_is_retired(void)
{
	sheaf_pool *pool;
	sheaf_batch *batch;

	into_pipe("lines");
	pool = host_pool(2);
	say_all(pool, 100, say);
	batch = host_batch(pool, NULL);
	NEED(sheaf_submit(batch, 0, hang, NULL, 0));
	NEED(sheaf_submit(batch, 1, hang, NULL, 0));
	host_await(MARK_RUNS, 2, "two tasks that hang");
	sheaf_batch_retire(batch);
	host_works(pool);
	sheaf_pool_destroy(pool);
	end_pipe();
	expect_lines("lines", 100);
	return 0;
}

static int lines_before_destroy_ends_a_task_that_hangs(void)
{
	sheaf_pool *pool;
	sheaf_batch *batch;

	into_pipe("lines");
	pool = host_pool(2);
	say_all(pool, 100, say);
	batch = host_batch(pool, NULL);
	NEED(sheaf_submit(batch, 0, hang, NULL, 0));
	host_await(MARK_RUNS, 1, "a task that hangs");
	sheaf_pool_destroy(pool);
	end_pipe();
	expect_lines("lines", 100);
	return 0;
}

/* ---- other streams ---- */

static FILE *own;

static int say_to_own(sheaf_task *task, const void *arg, void *result)
{
	(void)arg, (void)result;
	fprintf(own, "line %d\n", (int)sheaf_task_position(task));
	return 0;
}

static int file_that_the_owner_has_opened(void)
{
	sheaf_pool *pool;

	NEEDS_LINUX_LAYER("which streams there are");
	own = fopen("own", "a");
	EXPECT(own != NULL, "got no file, expected one");
	pool = host_pool_with(&(sheaf_pool_options){.workers = 2, .heap_size = 16 * MIB, .flags = SHEAF_KEEP_FDS});
	say_all(pool, 100, say_to_own);
	sheaf_pool_destroy(pool);
	expect_lines("own", 100);
	fclose(own);
	expect_lines("own", 100);
	return 0;
}

/* A log of each worker, which no task closes. */
static int say_to_log(sheaf_task *task, const void *arg, void *result)
{
	static FILE *log;

	(void)arg, (void)result;
	if (!log) {
		log = fopen("log", "a");
		if (!log)
			return -errno;
		setvbuf(log, NULL, _IOFBF, 65536);
	}
	fprintf(log, "line %d\n", (int)sheaf_task_position(task));
	return 0;
}

static int files_that_tasks_open_and_never_close(void)
{
	sheaf_pool *pool = host_pool(2);

	say_all(pool, 100, say_to_log);
	sheaf_pool_destroy(pool);
	expect_lines("log", 100);
	return 0;
}

static int say_error(sheaf_task *task, const void *arg, void *result)
{
	(void)arg, (void)result;
	fprintf(stderr, "line %d\n", (int)sheaf_task_position(task));
	return 0;
}

static int standard_error_with_a_buffer(void)
{
	static char buffer[65536];
	sheaf_pool *pool;

	EXPECT(freopen("errors", "w", stderr), "got no file, expected one");
	setvbuf(stderr, buffer, _IOFBF, sizeof(buffer));
	pool = host_pool(2);
	say_all(pool, 100, say_error);
	sheaf_pool_destroy(pool);
	expect_lines("errors", 100);
	return 0;
}

/* ---- the owner's own lines ---- */

static int lines_that_the_owner_has_begun(void)
{
	sheaf_pool *pool;

	into_pipe("lines");
	own = fopen("own", "w");
	EXPECT(own != NULL, "got no file, expected one");
	printf("begun before the pool, ");
	fprintf(own, "begun before the pool, ");
	pool = host_pool_with(&(sheaf_pool_options){.workers = 2, .heap_size = 16 * MIB, .flags = SHEAF_KEEP_FDS});
	printf("ended after it\n");
	fprintf(own, "ended after it\n");
	printf("begun while it lives, ");
	fprintf(own, "begun while it lives, ");
	for (int i = 0; i < 5; i++) {
		host_works(pool);
		host_kill(host_worker(pool, 0));
		host_works(pool);
		host_kill_supervisor(pool);
		host_works(pool);
	}
	say_all(pool, 100, say);
	sheaf_pool_destroy(pool);
	printf("ended when it is gone\n");
	fprintf(own, "ended when it is gone\n");
	fclose(own);
	end_pipe();
	EXPECT(host_lines("lines", NULL) == 102, "got %ld lines, expected 100 of tasks and 2 of the owner",
	       host_lines("lines", NULL));
	EXPECT(host_lines("lines", "begun while it lives, ended when it is gone") == 1,
	       "got another second line, expected the owner's");
	EXPECT(host_lines("own", NULL) == 2 && host_lines("own", "begun before the pool, ended after it") == 1,
	       "got %ld lines in the owner's file, expected its 2", host_lines("own", NULL));
	return 0;
}

static int owner_killed_with_a_full_buffer(void *unused)
{
	sheaf_pool *pool = host_pool(2);

	(void)unused;
	printf("never written\n");
	say_all(pool, 100, say);
	printf("never written\n");
	kill(getpid(), SIGKILL);
	return 1;
}

/* What the owner's buffer held dies with it; what tasks have printed does not. */
static int lines_of_workers_whose_owner_is_killed(void)
{
	into_pipe("lines");
	EXPECT(host_child(owner_killed_with_a_full_buffer, NULL, 20) == 128 + SIGKILL, "got another end, expected SIGKILL");
	end_pipe();
	EXPECT(host_lines("lines", "never written") == 0, "got a line of the killed owner's buffer, expected none");
	expect_lines("lines", 100);
	return 0;
}

/* ---- streams that take nothing ---- */

static int full_device(void)
{
	sheaf_pool *pool;

	EXPECT(freopen("/dev/full", "w", stdout), "got no /dev/full, expected one");
	pool = host_pool(2);
	say_all(pool, 1000, say);
	host_works(pool);
	sheaf_pool_destroy(pool);
	EXPECT(freopen("/dev/null", "w", stdout), "got no /dev/null, expected one");
	return 0;
}

static int print_much(sheaf_task *task, const void *arg, void *result)
{
	(void)task, (void)arg, (void)result;
	host_add(MARK_RUNS, 1);
	for (int i = 0; i < 100000; i++)
		printf("more than a pipe can hold\n");
	return 0;
}

/* The reader of the pipe reads nothing: tasks wait, but the owner may end the pool. */
static int pipe_that_nobody_reads(void)
{
	int ends[2], out = fcntl(1, F_DUPFD_CLOEXEC, 10);
	sheaf_batch *batch;
	uint64_t began;
	sheaf_pool *pool;

	EXPECT(!pipe(ends), "got no pipe, expected one");
	dup2(ends[1], 1);
	close(ends[1]);
	pool = host_pool(2);
	batch = host_batch(pool, NULL);
	for (uint64_t i = 0; i < 4; i++)
		NEED(sheaf_submit(batch, i, print_much, NULL, 0));
	host_await(MARK_RUNS, 2, "two tasks that print");
	began = sheaf_now_ns();
	sheaf_pool_destroy(pool);
	EXPECT(sheaf_now_ns() - began < 8 * SECOND, "got %.1f s for sheaf_pool_destroy(), expected a few at most",
	       (double)(sheaf_now_ns() - began) / 1e9);
	dup2(out, 1);
	close(ends[0]);
	return 0;
}

static int write_to_nobody(sheaf_task *task, const void *arg, void *result)
{
	ssize_t n = write(1, "x", 1);

	(void)task, (void)arg, (void)result;
	return n < 0 ? -errno : 0;
}

static int reader_that_is_gone(bool ignored)
{
	int ends[2], out = fcntl(1, F_DUPFD_CLOEXEC, 10), failed;
	const sheaf_result *results;
	sheaf_batch *batch;
	sheaf_pool *pool;

	if (ignored)
		signal(SIGPIPE, SIG_IGN);
	EXPECT(!pipe(ends), "got no pipe, expected one");
	dup2(ends[1], 1);
	close(ends[0]);
	close(ends[1]);
	pool = host_pool(2);
	batch = host_batch(pool, NULL);
	for (uint64_t i = 0; i < 10; i++)
		NEED(sheaf_submit(batch, i, i % 2 ? say : write_to_nobody, NULL, 0));
	results = host_gather(batch, 10, &failed);
	for (int i = 0; i < 10 && ignored; i++) {
		EXPECT(results[i].attempts == 1, "got attempt %u of a task whose output nobody reads, expected 1",
		       results[i].attempts);
		EXPECT(results[i].status == (i % 2 ? 0 : -EPIPE),
		       "got status %d (%s) of a task whose output nobody reads, expected %d", results[i].status,
		       results[i].message, i % 2 ? 0 : -EPIPE);
	}
	host_works(pool);
	EXPECT(!ignored || host_info(pool).deaths == 0, "got %llu deaths of workers, expected 0",
	       (unsigned long long)host_info(pool).deaths);
	sheaf_pool_destroy(pool);
	dup2(out, 1);
	return 0;
}

static int reader_that_is_gone_and_sigpipe_ignored(void)
{
	return reader_that_is_gone(true);
}

static int reader_that_is_gone_and_sigpipe_as_it_is(void)
{
	return reader_that_is_gone(false);
}

/* ---- standard input ---- */

static int run_cat(sheaf_task *task, const void *arg, void *result)
{
	(void)arg, (void)result;
	/* It ends only at the end of its input. */
	if (system("cat >read-by-a-task"))
		return sheaf_task_fail(task, -EBADMSG, "cat failed");
	if (host_size("read-by-a-task") != 0)
		return sheaf_task_fail(task, -EBADMSG, "a program of a task has read %ld bytes of the owner's input",
				       host_size("read-by-a-task"));
	return 0;
}

static int read_input(sheaf_task *task, const void *arg, void *result)
{
	char byte;

	(void)arg, (void)result;
	if (read(0, &byte, 1) == 1)
		return sheaf_task_fail(task, -EBADMSG, "a task has read a byte of the owner's input");
	return 0;
}

/*
 * The input is the owner's: programs that tasks start find its end at once, and take nothing of it.
 */
static int input_that_the_owner_reads(void)
{
	sheaf_map_options limit = {.task_timeout_ns = 5 * SECOND};
	int ends[2], in = fcntl(0, F_DUPFD_CLOEXEC, 10);
	char text[10] = "";
	sheaf_pool *pool;

	EXPECT(!pipe(ends) && write(ends[1], "precious\n", 9) == 9, "got no pipe, expected one");
	dup2(ends[0], 0);
	close(ends[0]);
	fcntl(ends[1], F_SETFD, FD_CLOEXEC);
	pool = host_pool(2);
	NEED(sheaf_apply(pool, run_cat, NULL, 0, NULL, 0, &limit));
	NEED(sheaf_apply(pool, read_input, NULL, 0, NULL, 0, &limit));
	host_kill_supervisor(pool);
	NEED(sheaf_apply(pool, run_cat, NULL, 0, NULL, 0, &limit));
	sheaf_pool_destroy(pool);
	EXPECT(read(0, text, 9) == 9 && !strcmp(text, "precious\n"), "got \"%s\" of the owner's input, expected all of it",
	       text);
	dup2(in, 0);
	close(ends[1]);
	return 0;
}

HOST_PROGRAM("output", CASE(thousand_lines_into_a_pipe), CASE(few_lines_and_an_early_end), CASE(maps_and_loops_that_print),
	     CASE(lines_of_tasks_that_fail), CASE(lines_before_join), CASE(lines_before_terminate),
	     CASE(lines_of_a_worker_that_dies_later), CASE(lines_of_a_worker_that_is_over_its_limit_later),
	     CASE(lines_of_workers_whose_supervisor_dies), CASE(lines_before_a_batch_is_retired),
	     CASE(lines_before_destroy_ends_a_task_that_hangs), CASE(file_that_the_owner_has_opened),
	     CASE(files_that_tasks_open_and_never_close), CASE(standard_error_with_a_buffer),
	     CASE(lines_that_the_owner_has_begun), CASE(lines_of_workers_whose_owner_is_killed), CASE(full_device),
	     CASE(pipe_that_nobody_reads), CASE(reader_that_is_gone_and_sigpipe_ignored),
	     CASE(reader_that_is_gone_and_sigpipe_as_it_is), CASE(input_that_the_owner_reads))
