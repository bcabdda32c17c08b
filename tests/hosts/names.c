/*
 * names.c - kind F: nothing is removed or taken over because of its name alone.
 *
 * What carries a name like that of a segment need not be one: files of the user, segments of other
 * versions, segments whose owner lives. It goes only if it is a segment of this library and its
 * owner is proven dead.
 */
#include "host.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define SHM "/dev/shm"

enum { MARK_SUPERVISOR, MARK_READY, MARK_GO, MARK_WINNERS, MARK_LOSERS };

/*
 * In the child: a pool of this name whose owner and family are killed at once, so that its name
 * stays.
 */
static int die_with_name(void *name)
{
	sheaf_pool *pool;

	NEED(host_try_name(name, &pool));
	host_works(pool);
	host_die_with_all();
	return 1;
}

/* Others that run beside sweep what a case leaves, where they have the same folder. */
static void need_unswept(const char *name)
{
	if (!host_shm_private() && !host_shm_exists(name))
		SKIP("another process of this user has swept %s", name);
}

/* Leave a segment whose owner is dead under this name. */
static void leave_dead(const char *name)
{
	int r = host_child(die_with_name, (void *)(uintptr_t)name, 20);

	EXPECT(r == 128 + SIGKILL, "got exit code %d of an owner that kills itself, expected SIGKILL", r);
	need_unswept(name);
	EXPECT(host_shm_exists(name), "got no segment %s of the killed owner, expected one", name);
	host_await_all();
}

/* ---- what is not a segment ---- */

static void keeps_file(const char *name, const void *bytes, size_t size)
{
	static char after[1 << 20];
	sheaf_pool *pool = NULL;
	size_t n;
	int r;

	host_write(host_shm_path(name), bytes, size);
	r = host_try_name(name, &pool);
	EXPECT(r == -EEXIST && !pool,
	       "got %d (%s) for the name of another program's shared memory of %zu bytes, expected -EEXIST", r, sheaf_message(),
	       size);
	EXPECT(strstr(sheaf_message(), name + 1), "got the message \"%s\", expected one that names %s", sheaf_message(), name);
	EXPECT(host_shm_exists(name), "got the other program's shared memory of %zu bytes removed, expected it kept", size);
	n = host_read(host_shm_path(name), after, sizeof(after));
	EXPECT(n == size && !memcmp(after, bytes, size),
	       "got other bytes in the other program's shared memory, expected the same");
	unlink(host_shm_path(name));
}

static int name_of_another_programs_memory(void)
{
	static char bytes[500000];

	keeps_file(host_own_name("frames-"), "other's\n", 8);
	keeps_file(host_own_name("frames-"), "", 0);
	keeps_file(host_own_name("frames-"), bytes, sizeof(bytes));
	memset(bytes, 0xa5, sizeof(bytes));
	keeps_file(host_own_name("frames-"), bytes, sizeof(bytes));
	keeps_file(host_own_name("sheaf-"), bytes, 104);
	keeps_file(host_own_name("sheaf-"), bytes, 4096);
	return 0;
}

static int users_files_beside_the_segments(void)
{
	static char zeros[200000];
	const char *names[] = {"sheaf-notes",    "sheaf-",
			       "sheaf",          "sheaf-1",
			       "sheaf-1-1",      "sheaf-2147483647-0",
			       "sheaf--1-7",     "sheaf-99999999-deadbeef",
			       "sheaf-data.npy", "sheaf-99999999-0123456789abcdef"};
	const size_t sizes[] = {0, 9, 4096, sizeof(zeros)};
	size_t n = sizeof(names) / sizeof(names[0]);
	char name[100];

	for (size_t round = 0; round < sizeof(sizes) / sizeof(sizes[0]); round++) {
#ifdef HOST_POSIX_LAYER
		/*
		 * The last one is like the names that pools make up. Empty, it is what one leaves
		 * that is killed before its first write.
		 */
		if (!sizes[round])
			n--;
#endif
		for (size_t i = 0; i < n; i++) {
			snprintf(name, sizeof(name), "/%s", names[i]);
			host_write(host_shm_path(name), zeros, sizes[round]);
		}
		host_create_and_destroy();
		host_create_and_destroy();
		for (size_t i = 0; i < n; i++) {
			snprintf(name, sizeof(name), "/%s", names[i]);
			EXPECT(host_size(host_shm_path(name)) == (long)sizes[round],
			       "got size %ld of the user's file %s, expected %zu", host_size(host_shm_path(name)), name,
			       sizes[round]);
			unlink(host_shm_path(name));
		}
		n = sizeof(names) / sizeof(names[0]);
	}
	return 0;
}

/* ---- segments of the living ---- */

static int name_of_a_living_pool(void)
{
	const char *name = host_own_name("living-");
	sheaf_pool *first, *second = NULL;
	int r;

	NEED(host_try_name(name, &first));
	for (int i = 0; i < 3; i++) {
		r = host_try_name(name, &second);
		EXPECT(r == -EEXIST && !second, "got %d (%s) for the name of a pool of the same process, expected -EEXIST", r,
		       sheaf_message());
	}
	host_works(first);
	EXPECT(host_shm_exists(name), "got the living pool's name removed, expected it kept");
	sheaf_pool_destroy(first);
	NEED(host_try_name(name, &second));
	host_works(second);
	sheaf_pool_destroy(second);
	return 0;
}

static int try_taken_name(void *name)
{
	sheaf_pool *pool = NULL;
	int r;

	host_create_and_destroy();
	r = host_try_name(name, &pool);
	EXPECT(r == -EEXIST, "got %d (%s) for the name of a living pool of another process, expected -EEXIST", r,
	       sheaf_message());
	return 0;
}

/* Any close() of the file drops all POSIX locks that the process has on it. */
static int own_segment_opened_and_closed(void)
{
	sheaf_pool *pool = host_pool(2);
	char name[100];
	int fd;

	snprintf(name, sizeof(name), "%s", host_info(pool).name);
	for (int i = 0; i < 3; i++) {
		fd = i == 1 ? shm_open(name, O_RDONLY, 0) : open(host_shm_path(name), O_RDONLY);
		EXPECT(fd >= 0, "got no segment %s (%s), expected one", name, strerror(errno));
		close(fd);
		EXPECT(host_child(try_taken_name, name, 20) == 0, "got a failed child, expected none");
		EXPECT(host_shm_exists(name), "got the living pool's name removed by another process, expected it kept");
		host_works(pool);
	}
	sheaf_pool_destroy(pool);
	EXPECT(!host_shm_exists(name), "got the name left by sheaf_pool_destroy(), expected it removed");
	return 0;
}

static int segments_that_a_backup_reads(void)
{
	sheaf_pool *pool = host_pool(2);
	char name[100], command[300];

	snprintf(name, sizeof(name), "%s", host_info(pool).name);
	snprintf(command, sizeof(command), "head -c 4096 " SHM "%s >/dev/null && { ls -l " SHM " >/dev/null 2>&1 || true; }",
		 name);
	EXPECT(system(command) == 0, "got an error of the command, expected none");
	EXPECT(host_child(try_taken_name, name, 20) == 0, "got a failed child, expected none");
	EXPECT(host_shm_exists(name), "got the living pool's name removed, expected it kept");
	host_works(pool);
	sheaf_pool_destroy(pool);
	return 0;
}

/* The locks of a process are not those of its children, and end with it, not with them. */
static int living_pool_of_a_host_that_forks(void)
{
	sheaf_pool *pool = host_pool(2);
	char name[100];
	pid_t pid;

	snprintf(name, sizeof(name), "%s", host_info(pool).name);
	for (int i = 0; i < 3; i++) {
		pid = fork();
		if (!pid) {
			int fd = open(host_shm_path(name), O_RDWR);

			close(fd);
			_exit(0);
		}
		EXPECT(host_join(pid, 20) == 0, "got a failed child, expected none");
		EXPECT(host_child(try_taken_name, name, 20) == 0, "got a failed child, expected none");
	}
	EXPECT(host_shm_exists(name), "got the living pool's name removed, expected it kept");
	host_works(pool);
	sheaf_pool_destroy(pool);
	return 0;
}

static int stopped_host(void *name)
{
	sheaf_pool *pool;

	NEED(host_try_name(name, &pool));
	host_set(MARK_SUPERVISOR, host_info(pool).supervisor);
	host_set(MARK_READY, 1);
	host_await(MARK_GO, 1, "the end of the case");
	host_works(pool);
	sheaf_pool_destroy(pool);
	return 0;
}

/* A host that is stopped, or whose supervisor has just died, lives. */
static int living_pool_of_a_stopped_host(void)
{
	const char *name = host_own_name("stopped-");
	sheaf_pool *pool = NULL;
	pid_t pid = fork();
	int r;

	if (!pid)
		_exit(stopped_host((void *)(uintptr_t)name));
	host_await(MARK_READY, 1, "the other host's pool");
	kill(pid, SIGSTOP);
	kill((pid_t)host_get(MARK_SUPERVISOR), SIGKILL);
	r = host_try_name(name, &pool);
	kill(pid, SIGCONT);
	EXPECT(r == -EEXIST && !pool, "got %d (%s) for the name of a stopped host's pool, expected -EEXIST", r,
	       sheaf_message());
	EXPECT(host_shm_exists(name), "got the stopped host's name removed, expected it kept");
	host_set(MARK_GO, 1);
	EXPECT((r = host_join(pid, 25)) == 0, "got exit code %d of the stopped host, expected 0", r);
	return 0;
}

/* ---- segments of the dead ---- */

static int name_of_a_dead_pool(void)
{
	const char *name = host_own_name("dead-");
	sheaf_pool *pool;

	for (int i = 0; i < 3; i++) {
		leave_dead(name);
		NEED(host_try_name(name, &pool));
		host_works(pool);
		sheaf_pool_destroy(pool);
		EXPECT(!host_shm_exists(name), "got the name left by sheaf_pool_destroy(), expected it removed");
	}
	return 0;
}

static int names_of_dead_pools_are_swept(void)
{
	const char *name = host_own_name("sheaf-");

	leave_dead(name);
	host_create_and_destroy();
	EXPECT(!host_shm_exists(name), "got the dead owner's %s after the next pool, expected it swept", name);
	return 0;
}

/* Change some bytes of the segment's file. */
static void scribble(const char *name, off_t offset, const void *bytes, size_t size)
{
	int fd = open(host_shm_path(name), O_WRONLY);

	if (fd < 0)
		need_unswept(name);
	EXPECT(fd >= 0 && pwrite(fd, bytes, size, offset) == (ssize_t)size,
	       "got %s from the segment, expected %zu bytes written", strerror(errno), size);
	close(fd);
}

/* magic, version: docs/explanation/segment.md */
static int dead_segment_of_another_version(void)
{
	const char *name = host_own_name("sheaf-");
	uint32_t version = 4000000000u;
	sheaf_pool *pool = NULL;
	int r;

	leave_dead(name);
	scribble(name, 8, &version, sizeof(version));
	host_create_and_destroy();
	EXPECT(host_shm_exists(name), "got a segment of another version swept, expected it kept");
	r = host_try_name(name, &pool);
	EXPECT(r == -EEXIST && !pool, "got %d (%s) for the name of a segment of another version, expected -EEXIST", r,
	       sheaf_message());
	EXPECT(host_shm_exists(name), "got a segment of another version replaced, expected it kept");
	unlink(host_shm_path(name));
	return 0;
}

static int dead_segment_without_its_magic(void)
{
	const char *name = host_own_name("sheaf-");
	sheaf_pool *pool = NULL;
	int r;

	leave_dead(name);
	scribble(name, 0, "not one.", 8);
	host_create_and_destroy();
	EXPECT(host_shm_exists(name), "got a file that is no segment swept, expected it kept");
	r = host_try_name(name, &pool);
	EXPECT(r == -EEXIST && !pool, "got %d (%s) for a name that is no segment's, expected -EEXIST", r, sheaf_message());
	unlink(host_shm_path(name));
	return 0;
}

/* ---- a name that changes hands while the pool lives ---- */

static int name_that_another_program_took(void)
{
	sheaf_pool *pool = host_pool(2);
	char name[100], after[100];

	snprintf(name, sizeof(name), "%s", host_info(pool).name);
	unlink(host_shm_path(name));
	host_works(pool);
	host_write(host_shm_path(name), "precious\n", 9);
	host_works(pool);
	sheaf_pool_destroy(pool);
	EXPECT(host_shm_exists(name), "got another program's file removed by sheaf_pool_destroy(), expected it kept");
	host_read(host_shm_path(name), after, sizeof(after));
	EXPECT(!strcmp(after, "precious\n"), "got \"%s\" in another program's file, expected what it wrote", after);
	unlink(host_shm_path(name));
	return 0;
}

static int die_after_the_name_was_taken(void *path)
{
	sheaf_pool *pool = host_pool(2);
	char name[100];

	snprintf(name, sizeof(name), "%s", host_info(pool).name);
	unlink(host_shm_path(name));
	host_write(host_shm_path(name), "precious\n", 9);
	host_write(path, name, strlen(name));
	host_set(MARK_SUPERVISOR, host_info(pool).supervisor);
	kill(getpid(), SIGKILL);
	return 1;
}

/* The supervisor takes the name away when the owner has died: not if it is another's by then. */
static int name_that_another_program_took_before_the_owner_died(void)
{
	char file[] = "name", name[100];

	host_child(die_after_the_name_was_taken, file, 20);
	host_await_death((pid_t)host_get(MARK_SUPERVISOR));
	host_read(file, name, sizeof(name));
	host_create_and_destroy();
	EXPECT(host_size(host_shm_path(name)) == 9,
	       "got another program's file of %ld bytes after the owner's death, expected 9", host_size(host_shm_path(name)));
	unlink(host_shm_path(name));
	return 0;
}

static int hold_name(void *name)
{
	sheaf_pool *pool;

	NEED(host_try_name(name, &pool));
	host_set(MARK_READY, 1);
	host_await(MARK_GO, 1, "the first pool's end");
	EXPECT(host_shm_exists(name), "got the second pool's name removed with the first pool, expected it kept");
	host_works(pool);
	sheaf_pool_destroy(pool);
	EXPECT(!host_shm_exists(name), "got the name left by sheaf_pool_destroy(), expected it removed");
	return 0;
}

static int name_that_another_pool_took(void)
{
	const char *name = host_own_name("twice-");
	sheaf_pool *pool;
	pid_t pid;

	NEED(host_try_name(name, &pool));
	unlink(host_shm_path(name));
	pid = fork();
	if (!pid)
		_exit(hold_name((void *)(uintptr_t)name));
	host_await(MARK_READY, 1, "the second pool");
	host_works(pool);
	sheaf_pool_destroy(pool);
	host_set(MARK_GO, 1);
	EXPECT(host_join(pid, 20) == 0, "got a failed host, expected none");
	return 0;
}

/* ---- two at once ---- */

static int race_for_name(void *name)
{
	sheaf_pool *pool = NULL;
	int r;

	host_add(MARK_READY, 1);
	host_await(MARK_GO, 1, "the start");
	r = host_try_name(name, &pool);
	EXPECT(r == 0 || r == -EEXIST, "got %d (%s) in a race for a name, expected 0 or -EEXIST", r, sheaf_message());
	host_add(r ? MARK_LOSERS : MARK_WINNERS, 1);
	while (host_get(MARK_WINNERS) + host_get(MARK_LOSERS) < 4)
		host_nap(1);
	if (!r)
		host_works(pool);
	sheaf_pool_destroy(pool);
	return 0;
}

static int races_for_one_name(void)
{
	const char *name = host_own_name("race-");

	for (int round = 0; round < 10; round++) {
		pid_t pids[4];

		for (int mark = MARK_READY; mark <= MARK_LOSERS; mark++)
			host_set(mark, 0);
		if (round % 2)
			leave_dead(name);
		for (int i = 0; i < 4; i++)
			if (!(pids[i] = fork()))
				_exit(race_for_name((void *)(uintptr_t)name));
		host_await(MARK_READY, 4, "four hosts");
		host_set(MARK_GO, 1);
		for (int i = 0; i < 4; i++)
			EXPECT(host_join(pids[i], 25) == 0, "got a failed host, expected none");
		EXPECT(host_get(MARK_WINNERS) == 1, "got %ld of 4 hosts with the same name, expected 1",
		       host_get(MARK_WINNERS));
	}
	EXPECT(!host_shm_exists(name), "got the name left after the races, expected it removed");
	return 0;
}

/* ---- other users ---- */

static int come_as_plain_user(void *name)
{
	sheaf_pool *pool = NULL;
	int r;

	host_be_plain();
	host_create_and_destroy();
	r = host_try_name(name, &pool);
	EXPECT(r == -EEXIST || r == -EACCES, "got %d (%s) for the name of another user's segment, expected -EEXIST or -EACCES",
	       r, sheaf_message());
	return 0;
}

static int segments_of_another_user(void)
{
	const char *name = host_own_name("sheaf-");

	if (geteuid())
		SKIP("needs root");
	leave_dead(name);
	EXPECT(host_child(come_as_plain_user, (void *)(uintptr_t)name, 20) == 0, "got a failed child, expected none");
	EXPECT(host_shm_exists(name), "got another user's segment removed, expected it kept");
	unlink(host_shm_path(name));
	return 0;
}

HOST_PROGRAM("names", CASE(name_of_another_programs_memory), CASE(users_files_beside_the_segments), CASE(name_of_a_living_pool),
	     CASE(own_segment_opened_and_closed), CASE(segments_that_a_backup_reads), CASE(living_pool_of_a_host_that_forks),
	     CASE(living_pool_of_a_stopped_host), CASE(name_of_a_dead_pool), CASE(names_of_dead_pools_are_swept),
	     CASE(dead_segment_of_another_version), CASE(dead_segment_without_its_magic), CASE(name_that_another_program_took),
	     CASE(name_that_another_program_took_before_the_owner_died), CASE(name_that_another_pool_took),
	     CASE(races_for_one_name), CASE(segments_of_another_user))
