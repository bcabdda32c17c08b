/*
 * test_input.c - what sheaf_array_load() opens, whatever it is, and how long it waits for it.
 */
#define _GNU_SOURCE /* F_SETLEASE, posix_openpt() */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pools.h"
#include "sheaf_data.h"
#include "support/deadline.h"

#define SECOND UINT64_C(1000000000)

static char folder[200], path[256];
static sheaf_array array;
static pid_t creator;

/* Also when a test fails. */
static void remove_files(void)
{
	if (getpid() != creator)
		return;
	unlink(path);
	rmdir(folder);
}

static void set_up(void)
{
	const char *place = getenv("TMPDIR");

	begin();
	snprintf(folder, sizeof(folder), "%s/sheaf-input-XXXXXX", place ? place : "/tmp");
	cr_assert_not_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/input", folder);
	creator = getpid();
	atexit(remove_files);
	start(&(sheaf_pool_options){.workers = 1, .heap_size = 16 << 20});
}

static void tear_down(void)
{
	sheaf_array_free(&array, pool);
	remove_files();
	end();
}

TestSuite(input, .init = set_up, .fini = tear_down);

/* A skipped test does not get to its end. */
static void leave_out(const char *reason)
{
	remove_files();
	skip(reason);
}

static int load_until(uint64_t deadline_ns)
{
	return sheaf_array_load(&array, pool, path, &(sheaf_load_options){.deadline_ns = deadline_ns});
}

static void expect_message(int code, int wanted, const char *text)
{
	char message[512];

	snprintf(message, sizeof(message), "%s: %s", path, text);
	cr_assert_eq(code, wanted, "%d instead of %d: %s", code, wanted, sheaf_message());
	cr_assert_str_eq(sheaf_message(), message);
	cr_assert_null(array.data);
}

static void make_fifo(void)
{
	cr_assert_eq(mkfifo(path, 0600), 0);
}

/* ---- FIFOs ---- */

Test(input, does_not_wait_for_ever_for_a_writer)
{
	make_fifo();
	expect_message(sheaf_array_load(&array, pool, path, NULL), -ENXIO,
		       "nobody has opened this pipe for writing within 5 seconds: start its writer first, or set "
		       "options.deadline_ns");
}

Test(input, waits_for_a_writer_until_the_deadline)
{
	make_fifo();
	expect_message(load_until(1), -ETIME, "the deadline passed after 0 bytes, with no end of the input");
	expect_message(load_until(sheaf_now_ns() + SECOND / 5), -ETIME,
		       "the deadline passed after 0 bytes, with no end of the input");
}

Test(input, waits_for_a_writer_that_is_silent_until_the_deadline)
{
	int writer;

	make_fifo();
	writer = open(path, O_RDWR);
	cr_assert_eq(write(writer, "1,2\n3", 5), 5);
	expect_message(load_until(sheaf_now_ns() + SECOND / 5), -ETIME,
		       "the deadline passed after 5 bytes, with no end of the input");
	close(writer);
}

struct writer {
	pthread_t thread;
	uint64_t pause_ns;
};

/* Open the FIFO, which waits for its reader, and write bit by bit. */
static void *write_slowly(void *context)
{
	const struct writer *writer = context;
	int fd = open(path, O_WRONLY);
	uint64_t until = sheaf_now_ns() + writer->pause_ns;

	while (sheaf_now_ns() < until)
		sleep_ns(until - sheaf_now_ns());
	if (write(fd, "1,2\n3", 5) == 5) {
		sleep_ns(SECOND / 10);
		(void)!write(fd, ",4\n", 3);
	}
	close(fd);
	return NULL;
}

static void read_from(struct writer *writer)
{
	make_fifo();
	cr_assert_eq(pthread_create(&writer->thread, NULL, write_slowly, writer), 0);
	cr_assert_eq(sheaf_array_load(&array, pool, path, NULL), 0, "%s", sheaf_message());
	pthread_join(writer->thread, NULL);
	cr_assert_eq(array.shape[0], 2);
	cr_assert_eq(array.shape[1], 2);
	cr_assert_eq(((const double *)array.data)[3], 4);
}

Test(input, reads_a_writer_to_its_end)
{
	read_from(&(struct writer){0});
}

/* A FIFO without a writer is given up soon, but not one with a writer. */
Test(input, has_patience_with_a_writer_that_is_there)
{
	read_from(&(struct writer){.pause_ns = 11 * SECOND / 2});
}

static void *open_and_close(void *context)
{
	(void)context;
	close(open(path, O_WRONLY));
	return NULL;
}

Test(input, takes_a_writer_that_writes_nothing_for_an_empty_file)
{
	pthread_t thread;

	make_fifo();
	cr_assert_eq(pthread_create(&thread, NULL, open_and_close, NULL), 0);
	cr_assert_eq(sheaf_array_load(&array, pool, path, NULL), 0, "%s", sheaf_message());
	cr_assert_eq(array.shape[0], 0);
	pthread_join(thread, NULL);
}

Test(input, reads_standard_input)
{
	int ends[2], input = dup(STDIN_FILENO);

	if (access("/dev/stdin", F_OK) != 0)
		leave_out("no /dev/stdin here");
	cr_assert_eq(pipe(ends), 0);
	cr_assert_eq(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
	cr_assert_eq(write(ends[1], "1,2\n", 4), 4);
	close(ends[1]);
	cr_assert_eq(sheaf_array_load(&array, pool, "/dev/stdin", NULL), 0, "%s", sheaf_message());
	cr_assert_eq(array.shape[1], 2);
	if (input >= 0) {
		dup2(input, STDIN_FILENO);
		close(input);
	} else {
		close(STDIN_FILENO);
	}
	close(ends[0]);
}

/* ---- Other ends ---- */

static void *interrupt(void *context)
{
	sheaf_pool_interrupt(context);
	return NULL;
}

static void *terminate(void *context)
{
	sheaf_pool_terminate(context);
	return NULL;
}

/* Whether it comes before the wait or while it lasts makes no difference. */
static int load_while(void *(*fn)(void *))
{
	pthread_t thread;
	int r;

	cr_assert_eq(pthread_create(&thread, NULL, fn, pool), 0);
	r = load_until(SHEAF_FOREVER);
	pthread_join(thread, NULL);
	return r;
}

Test(input, ends_by_an_interruption)
{
	make_fifo();
	cr_assert_eq(load_while(interrupt), -EINTR);
	cr_assert_null(array.data);
	/* It was told once. */
	expect_message(load_until(1), -ETIME, "the deadline passed after 0 bytes, with no end of the input");
}

Test(input, ends_with_its_pool)
{
	make_fifo();
	cr_assert_eq(load_while(terminate), -ECANCELED);
	cr_assert_null(array.data);
}

/* The address sanitizer takes the frames of a thread that was cancelled for damaged ones. */
#if !defined(__SANITIZE_ADDRESS__)
static void *load_in_thread(void *context)
{
	(void)context;
	load_until(sheaf_now_ns() + SECOND / 5);
	pthread_testcancel();
	return NULL;
}

/* No descriptor and no memory stays behind: tear_down() counts them. */
Test(input, is_not_cancelled_half_way)
{
	void *returned;
	pthread_t thread;

	make_fifo();
	cr_assert_eq(pthread_create(&thread, NULL, load_in_thread, NULL), 0);
	pthread_cancel(thread);
	pthread_join(thread, &returned);
	cr_assert_eq(returned, PTHREAD_CANCELED);
}
#endif

/* ---- Files whose opening blocks ---- */

#ifdef F_SETLEASE
struct lease {
	int fd;
	int ready[2];
	bool give_up;
};

static int hold_lease(void *context)
{
	struct lease *lease = context;
	sigset_t told;
	int signal;

	sigemptyset(&told);
	sigaddset(&told, SIGIO);
	sigprocmask(SIG_BLOCK, &told, NULL);
	if (fcntl(lease->fd, F_SETLEASE, F_WRLCK) || write(lease->ready[1], "", 1) != 1)
		return 77;
	/* The kernel asks for it. */
	while (sigwait(&told, &signal) || !lease->give_up)
		;
	return fcntl(lease->fd, F_SETLEASE, F_UNLCK) != 0;
}

static bool start_lease(struct lease *lease, pid_t *child)
{
	char byte;

	lease->fd = open(path, O_RDWR | O_CREAT, 0600);
	cr_assert(lease->fd >= 0 && write(lease->fd, "1,2\n", 4) == 4 && pipe(lease->ready) == 0);
	*child = child_start(hold_lease, lease);
	cr_assert_gt(*child, 0);
	/* Only the child has the file open, as the lease asks for. */
	close(lease->fd);
	close(lease->ready[1]);
	if (read(lease->ready[0], &byte, 1) == 1)
		return true;
	child_end(*child);
	close(lease->ready[0]);
	return false;
}
#endif

Test(input, is_not_held_up_by_a_lease)
{
#ifdef F_SETLEASE
	struct lease lease = {.give_up = false};
	pid_t child;

	if (!start_lease(&lease, &child))
		leave_out("no leases here");
	expect_message(load_until(sheaf_now_ns() + SECOND / 5), -ETIME,
		       "the deadline passed after 0 bytes, with no end of the input");
	child_end(child);
	close(lease.ready[0]);
	cr_assert_eq(sheaf_array_load(&array, pool, path, NULL), 0, "%s", sheaf_message());
#else
	leave_out("no leases here");
#endif
}

Test(input, waits_for_a_lease_that_is_given_up)
{
#ifdef F_SETLEASE
	struct lease lease = {.give_up = true};
	pid_t child;

	if (!start_lease(&lease, &child))
		leave_out("no leases here");
	cr_assert_eq(sheaf_array_load(&array, pool, path, NULL), 0, "%s", sheaf_message());
	cr_assert_eq(array.shape[1], 2);
	child_end(child);
	close(lease.ready[0]);
#else
	leave_out("no leases here");
#endif
}

/* ---- Terminals ---- */

struct terminal {
	char name[64];
};

/* A program without a terminal loads from one. Its pool is its own. */
static int load_from_terminal(void *context)
{
	const struct terminal *terminal = context;
	sheaf_array loaded = {0};
	sheaf_pool *own;
	int r, tty;

	if (setsid() < 0 ||
	    sheaf_pool_create(&own, &(sheaf_pool_options){.workers = 1, .heap_size = 16 << 20, .flags = SHEAF_ANONYMOUS}))
		return 1;
	r = sheaf_array_load(&loaded, own, terminal->name, NULL);
	tty = open("/dev/tty", O_RDWR | O_NOCTTY);
	sheaf_pool_destroy(own);
	return r ? 2 : loaded.shape[0] != 1 || loaded.shape[1] != 2 ? 3 : tty >= 0 ? 4 : 0;
}

Test(input, makes_no_terminal_the_controlling_one)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY), status;
	struct terminal terminal;
	const char *name;
	pid_t child;

	if (master < 0 || grantpt(master) || unlockpt(master) || !(name = ptsname(master)))
		leave_out("no terminals here");
	snprintf(terminal.name, sizeof(terminal.name), "%s", name);
	/* A line, and the end of the file as a terminal has it. */
	cr_assert_eq(write(master, "1,2\n\x04", 5), 5);
	child = child_start(load_from_terminal, &terminal);
	cr_assert_gt(child, 0);
	cr_assert_eq(child_wait(child, &status, hang_deadline()), 0);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%d", status);
	close(master);
}
