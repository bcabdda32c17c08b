/*
 * descriptors.c - kind G: the number of a descriptor says nothing about what it is now.
 *
 * Hosts close descriptors that are not theirs and get the numbers for their own files. Whatever the
 * library does then, the host's files stay as long, as full and as open as they were.
 */
#include "host.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define FILES 12

enum { MARK_GO };

static struct {
	int fd;
	struct stat status;
} files[FILES];

static void close_from(int low)
{
	for (int fd = low; fd < 4096; fd++)
		close(fd);
}

static void open_file(int i)
{
	char path[32];

	snprintf(path, sizeof(path), "data%d", i);
	files[i].fd = open(path, O_RDWR | O_CREAT, 0644);
	EXPECT(files[i].fd >= 0 && write(files[i].fd, "precious\n", 9) == 9, "got no file %s, expected one", path);
	fstat(files[i].fd, &files[i].status);
}

/* The host's files take the numbers that have become free. */
static void open_files(void)
{
	for (int i = 0; i < FILES; i++)
		open_file(i);
}

static void files_kept(const char *after)
{
	for (int i = 0; i < FILES; i++) {
		struct stat now;
		char path[32], text[32];

		if (files[i].fd < 0)
			continue;
		snprintf(path, sizeof(path), "data%d", i);
		EXPECT(!fstat(files[i].fd, &now), "got the host's descriptor %d closed after %s, expected it open", files[i].fd,
		       after);
		EXPECT(now.st_ino == files[i].status.st_ino && now.st_dev == files[i].status.st_dev,
		       "got another file behind the host's descriptor %d after %s, expected its own", files[i].fd, after);
		EXPECT(now.st_size == 9, "got the host's file of %ld bytes after %s, expected 9", (long)now.st_size, after);
		host_read(path, text, sizeof(text));
		EXPECT(!strcmp(text, "precious\n"), "got other bytes in the host's file after %s, expected its own", after);
		EXPECT(lseek(files[i].fd, 0, SEEK_CUR) == 9, "got the host's file position moved after %s, expected 9", after);
	}
}

/* A call that may fail, but not hang and not without a reason. */
static void clear(int r, const char *call)
{
	EXPECT(r >= 0 || sheaf_message()[0], "got %d without a message from %s, expected success or a reason", r, call);
}

static int range(sheaf_task *task, size_t begin, size_t end, void *context)
{
	(void)task, (void)begin, (void)end, (void)context;
	return 0;
}

/* Everything that may use a descriptor of the pool. */
static void use(sheaf_pool *pool)
{
	sheaf_map_options patient = {.task_timeout_ns = 5 * SECOND};
	const sheaf_result *results;
	sheaf_batch *batch = NULL, *told;
	void *memory = NULL;
	size_t n;
	int r;

	clear(sheaf_apply(pool, host_nothing, NULL, 0, NULL, 0, &patient), "sheaf_apply()");
	files_kept("sheaf_apply()");
	clear(r = sheaf_alloc(pool, 3 * MIB, &memory), "sheaf_alloc()");
	files_kept("sheaf_alloc()");
	if (!r) {
		memset(memory, 1, 3 * MIB);
		clear(sheaf_free(pool, memory), "sheaf_free()");
		files_kept("sheaf_free()");
	}
	clear(r = sheaf_batch_create(&batch, pool, &(sheaf_batch_options){.result_size = 100000}), "sheaf_batch_create()");
	if (!r) {
		for (uint64_t i = 0; i < 20; i++)
			clear(sheaf_submit(batch, i, host_nothing, NULL, 0), "sheaf_submit()");
		clear(sheaf_batch_arm(batch), "sheaf_batch_arm()");
		clear(sheaf_pool_fd(pool), "sheaf_pool_fd()");
		clear(sheaf_pool_news(pool, &told), "sheaf_pool_news()");
		clear(sheaf_gather(batch, &results, &n, sheaf_now_ns() + 20 * SECOND), "sheaf_gather()");
		sheaf_batch_retire(batch);
	}
	files_kept("a batch");
	clear(sheaf_for(pool, range, NULL, 1000, &patient), "sheaf_for()");
	files_kept("sheaf_for()");
}

static int all_descriptors_closed_before_destroy(void)
{
	for (unsigned round = 0; round < 4; round++) {
		static const unsigned flags[] = {0, SHEAF_ANONYMOUS, SHEAF_KEEP_FDS, SHEAF_ANONYMOUS | SHEAF_KEEP_FDS};
		sheaf_pool *pool = host_pool_with(
			&(sheaf_pool_options){.workers = 2, .heap_size = 16 * MIB, .flags = flags[round]});

		host_works(pool);
		close_from(3);
		open_files();
		sheaf_pool_destroy(pool);
		files_kept("sheaf_pool_destroy()");
		close_from(3);
	}
	return 0;
}

static int all_descriptors_closed_before_use(void)
{
	sheaf_pool *pool = host_pool(2);

	close_from(3);
	open_files();
	use(pool);
	sheaf_pool_destroy(pool);
	files_kept("sheaf_pool_destroy()");
	return 0;
}

static int all_descriptors_closed_and_none_opened(void)
{
	sheaf_pool *pool = host_pool(2);

	for (int i = 0; i < FILES; i++)
		files[i].fd = -1;
	close_from(3);
	use(pool);
	sheaf_pool_destroy(pool);
	return 0;
}

/*
 * The pool opens what it needs again, also the descriptor for poll(). Where no process can tell
 * what another one maps, the family may have taken the name first, as of an owner that called
 * exec().
 */
static int all_descriptors_closed_and_polled(void)
{
	sheaf_pool *pool = host_pool(2);
	sheaf_batch *batch, *told;
	struct pollfd news = {.events = POLLIN};
	uint64_t deadline = sheaf_now_ns() + 60 * SECOND;
	int r;

	close_from(3);
	open_files();
	/* Until the family has noticed, and another one runs. */
	do {
		r = sheaf_apply(pool, host_nothing, NULL, 0, NULL, 0, NULL);
#ifdef HOST_POSIX_LAYER
		if (r == -EBADF) {
			sheaf_pool_destroy(pool);
			files_kept("sheaf_pool_destroy()");
			return 0;
		}
#endif
		EXPECT(!r, "got \"%s\", expected a pool that goes on", sheaf_message());
	} while ((news.fd = sheaf_pool_fd(pool)) == -EBADF && sheaf_now_ns() < deadline);
	EXPECT(news.fd > 2, "got %d (%s), expected a descriptor", news.fd, sheaf_message());
	EXPECT(!sheaf_batch_create(&batch, pool, NULL) && !sheaf_batch_arm(batch), "got \"%s\", expected an armed batch",
	       sheaf_message());
	EXPECT(!sheaf_submit(batch, 0, host_nothing, NULL, 0), "got \"%s\", expected a task", sheaf_message());
	/* The new family may have made it readable, too. */
	do
		EXPECT(poll(&news, 1, 60000) == 1 && news.revents == POLLIN, "got no news, expected some");
	while (!(r = sheaf_pool_news(pool, &told)));
	EXPECT(r == 1 && told == batch, "got %d (%s), expected the batch with a result", r, sheaf_message());
	sheaf_pool_destroy(pool);
	files_kept("sheaf_pool_destroy()");
	return 0;
}

static int all_descriptors_closed_before_the_supervisor_dies(void)
{
	sheaf_pool *pool = host_pool(2);

	close_from(3);
	open_files();
	host_kill_supervisor(pool);
	use(pool);
	sheaf_pool_destroy(pool);
	files_kept("sheaf_pool_destroy()");
	return 0;
}

static int all_descriptors_closed_before_close_and_join(void)
{
	sheaf_pool *pool = host_pool(2);

	close_from(3);
	open_files();
	clear(sheaf_pool_close(pool), "sheaf_pool_close()");
	clear(sheaf_pool_join(pool, sheaf_now_ns() + 20 * SECOND), "sheaf_pool_join()");
	files_kept("sheaf_pool_join()");
	sheaf_pool_destroy(pool);
	files_kept("sheaf_pool_destroy()");
	return 0;
}

/* A name in /dev/shm is not forgotten only because the descriptor is gone. */
static int all_descriptors_closed_and_the_name_goes(void)
{
	sheaf_pool *pool = host_pool(2);
	char name[100];

	snprintf(name, sizeof(name), "%s", host_info(pool).name);
	close_from(3);
	open_files();
	sheaf_pool_destroy(pool);
	EXPECT(!host_shm_exists(name), "got the name left by sheaf_pool_destroy(), expected it removed");
	files_kept("sheaf_pool_destroy()");
	return 0;
}

/*
 * One after the other, a file of the host's takes the place of each descriptor that the pool has
 * opened.
 */
static int files_put_in_the_place_of_each_descriptor(void)
{
	for (int skip = 0; skip < 6; skip++) {
		bool before[64];
		sheaf_pool *pool;
		int found = 0;

		for (int fd = 0; fd < 64; fd++)
			before[fd] = fcntl(fd, F_GETFD) >= 0;
		pool = host_pool(2);
		for (int i = 0; i < FILES; i++)
			files[i].fd = -1;
		for (int fd = 3; fd < 64; fd++)
			if (!before[fd] && fcntl(fd, F_GETFD) >= 0 && found++ == skip) {
				open_file(0);
				dup2(files[0].fd, fd);
				close(files[0].fd);
				files[0].fd = fd;
			}
		use(pool);
		host_kill_supervisor(pool);
		use(pool);
		sheaf_pool_destroy(pool);
		files_kept("sheaf_pool_destroy()");
		close_from(3);
		if (skip >= found)
			break;
	}
	return 0;
}

/* What the library writes into a pipe of its own must not land in a socket of the host's. */
static int sockets_in_the_place_of_the_descriptors(void)
{
	sheaf_pool *pool = host_pool(2);
	int pairs[6][2];
	char byte;

	for (int i = 0; i < FILES; i++)
		files[i].fd = -1;
	close_from(3);
	for (int i = 0; i < 6; i++) {
		EXPECT(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pairs[i]), "got no sockets, expected some");
		EXPECT(write(pairs[i][0], "x", 1) == 1, "got no byte into the socket, expected one");
	}
	use(pool);
	host_kill_supervisor(pool);
	use(pool);
	sheaf_pool_destroy(pool);
	for (int i = 0; i < 6; i++) {
		ssize_t n = read(pairs[i][1], &byte, 1);

		EXPECT(n == 1, "got %zd from the host's socket %d, expected the byte that the host wrote", n, i);
		EXPECT(read(pairs[i][1], &byte, 1) < 0 && errno == EAGAIN,
		       "got more in the host's socket %d, or its end, expected no more", i);
		EXPECT(read(pairs[i][0], &byte, 1) < 0 && errno == EAGAIN,
		       "got something in the host's socket %d, or its end, expected nothing", i);
	}
	return 0;
}

/* ---- standard files ---- */

static int standard_files_closed(void)
{
	sheaf_pool *pool;
	int out = dup(1);

	for (int i = 0; i < FILES; i++)
		files[i].fd = -1;
	close(0);
	close(1);
	close(2);
	pool = host_pool(2);
	/* The host's files get the numbers 0, 1 and 2, if the library has not taken them. */
	open_files();
	use(pool);
	host_kill_supervisor(pool);
	use(pool);
	sheaf_pool_destroy(pool);
	files_kept("sheaf_pool_destroy()");
	dup2(out, 1);
	dup2(out, 2);
	return 0;
}

static int print_much(sheaf_task *task, const void *arg, void *result)
{
	(void)task, (void)arg, (void)result;
	for (int i = 0; i < 2000; i++) {
		printf("This is what a task prints, and it has to go where the host's standard output was.\n");
		fprintf(stderr, "The same for standard error.\n");
	}
	fflush(stdout);
	return 0;
}

/* The number 1 must not be that of a segment, a pipe or a lock of the library's in a worker. */
static int standard_files_closed_and_tasks_print(void)
{
	sheaf_pool *pool;
	int out = dup(1);

	close(0);
	close(1);
	close(2);
	pool = host_pool(2);
	for (int i = 0; i < 5; i++) {
		NEED(sheaf_apply(pool, print_much, NULL, 0, NULL, 0, NULL));
		host_works(pool);
	}
	host_kill_supervisor(pool);
	NEED(sheaf_apply(pool, print_much, NULL, 0, NULL, 0, NULL));
	host_works(pool);
	sheaf_pool_destroy(pool);
	dup2(out, 1);
	dup2(out, 2);
	return 0;
}

/* ---- limits ---- */

static int limit_of_descriptors_reached(void)
{
	struct rlimit all, limit;
	sheaf_pool *pool;
	pid_t pids[4];
	int r, used, created = 0;

	getrlimit(RLIMIT_NOFILE, &all);
	used = host_open_files();
	for (int spare = 0; spare < 20; spare++) {
		limit = (struct rlimit){(rlim_t)(used + spare), all.rlim_max};
		EXPECT(!setrlimit(RLIMIT_NOFILE, &limit), "got no limit of %d descriptors, expected one", used + spare);
		pool = NULL;
		r = sheaf_pool_create(&pool, &(sheaf_pool_options){.workers = 2, .heap_size = 16 * MIB});
		EXPECT(r == 0 || r == -EMFILE, "got %d (%s) with %d free descriptors, expected 0 or -EMFILE", r,
		       sheaf_message(), spare);
		if (!r) {
			created++;
			host_works(pool);
			host_kill_supervisor(pool);
			host_works(pool);
		}
		sheaf_pool_destroy(pool);
		EXPECT(host_open_files() == used, "got %d open files, expected %d", host_open_files(), used);
		EXPECT(host_processes(pids, 4) <= 0,
		       "got a process left after a creation that gave %d with %d free descriptors, expected none", r, spare);
	}
	EXPECT(created > 5, "got %d pools with up to 19 free descriptors, expected most", created);
	setrlimit(RLIMIT_NOFILE, &all);
	return 0;
}

static int limit_of_descriptors_lowered_later(void)
{
	sheaf_pool *pool = host_pool(2);
	struct rlimit limit;

	for (int i = 0; i < FILES; i++)
		files[i].fd = -1;
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = 3;
	setrlimit(RLIMIT_NOFILE, &limit);
	use(pool);
	host_works(pool);
	host_kill_supervisor(pool);
	host_works(pool);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	sheaf_pool_destroy(pool);
	return 0;
}

/* select() and its bitmaps end at 1024. */
static int more_than_a_thousand_open_files(void)
{
	struct rlimit limit;
	sheaf_pool *pool;
	int last = 0;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max < 3000 ? limit.rlim_max : 3000;
	if (limit.rlim_cur < 1500 || setrlimit(RLIMIT_NOFILE, &limit))
		SKIP("no 1500 descriptors may be open here");
	while (last < 1200)
		EXPECT((last = open("/dev/null", O_RDONLY)) >= 0, "got no descriptor, expected 1200");
	for (unsigned flags = 0; flags < 4; flags++) {
		pool = host_pool_with(&(sheaf_pool_options){.workers = 2, .heap_size = 16 * MIB, .flags = flags});
		host_works(pool);
		host_kill(host_worker(pool, 0));
		host_works(pool);
		host_kill_supervisor(pool);
		host_works(pool);
		sheaf_pool_destroy(pool);
	}
	close_from(3);
	return 0;
}

/* ---- programs that the host starts ---- */

static int programs_that_inherit_no_descriptor(void)
{
	sheaf_pool *pool = host_pool(2);
	char text[32];

	EXPECT(!system("ls -l /proc/self/fd >&2; ls /proc/self/fd | wc -l >count"),
	       "got an error of the command, expected none");
	host_read("count", text, sizeof(text));
	/* 0, 1, 2 and the folder itself. */
	if (atoi(text) == 0)
		SKIP("no /proc here");
	EXPECT(atoi(text) <= 4, "got %d descriptors in a program of the host's, expected 4", atoi(text));
	host_works(pool);
	sheaf_pool_destroy(pool);
	return 0;
}

/* ---- tasks ---- */

static int close_all(sheaf_task *task, const void *arg, void *result)
{
	(void)task, (void)arg, (void)result;
	close_from(3);
	for (int i = 0; i < 12; i++)
		if (open("/dev/null", O_RDWR) < 0)
			return -errno;
	return 0;
}

/* A task may do the same to its process. */
static int tasks_that_close_all_descriptors(void)
{
	sheaf_pool *pool = host_pool(2);
	sheaf_batch *batch = host_batch(pool, NULL);

	for (uint64_t i = 0; i < 20; i++)
		NEED(sheaf_submit(batch, i, close_all, NULL, 0));
	host_gather(batch, 20, NULL);
	host_works(pool);
	EXPECT(host_info(pool).deaths == 0, "got a death of a worker, expected none");
	host_kill(host_worker(pool, 1));
	host_works(pool);
	host_kill_supervisor(pool);
	host_works(pool);
	sheaf_pool_destroy(pool);
	return 0;
}

HOST_PROGRAM("descriptors", CASE(all_descriptors_closed_before_destroy), CASE(all_descriptors_closed_before_use),
	     CASE(all_descriptors_closed_and_none_opened), CASE(all_descriptors_closed_and_polled),
	     CASE(all_descriptors_closed_before_the_supervisor_dies), CASE(all_descriptors_closed_before_close_and_join),
	     CASE(all_descriptors_closed_and_the_name_goes), CASE(files_put_in_the_place_of_each_descriptor),
	     CASE(sockets_in_the_place_of_the_descriptors), CASE(standard_files_closed),
	     CASE(standard_files_closed_and_tasks_print), CASE(limit_of_descriptors_reached),
	     CASE(limit_of_descriptors_lowered_later), CASE(more_than_a_thousand_open_files),
	     CASE(programs_that_inherit_no_descriptor), CASE(tasks_that_close_all_descriptors))
