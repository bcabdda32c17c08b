/*
 * names.c - intruders that use the folder of shared memory, which all users share: leases, hard
 * links, names that they take first.
 *
 * A start is not delayed, the host's forks are not, nothing of others is opened or changed, and the
 * message names the user that has the name.
 */
#include "host.h"

#include "sheaf_inspect.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>

#define SHM "/dev/shm"
#define OTHER 61001u

/* What a lease may delay, the kernel ends after 45 s. */
#define SOON (20 * SECOND)

enum { MARK_READY, MARK_GO, MARK_BROKEN, MARK_FORKS, MARK_LONGEST, MARK_END };

static const char *second_link; /* that an owner makes which is about to die */

/*
 * In the child: a pool of this name whose owner and family are killed at once, so that its name
 * stays.
 */
static int die_with_name(void *name)
{
	sheaf_pool *pool;
	void *memory;

	NEED(host_try_name(name, &pool));
	NEED(sheaf_alloc(pool, 8 * MIB, &memory));
	memset(memory, 1, 8 * MIB);
	host_works(pool);
	if (host_get(MARK_GO))
		EXPECT(!link(host_shm_path(name), host_shm_path(second_link)), "got no second link (%s), expected one",
		       strerror(errno));
	if (host_get(MARK_GO) == 2) {
		host_set(MARK_END, host_info(pool).supervisor);
		kill(getpid(), SIGKILL);
	}
	host_die_with_all();
	return 1;
}

static void leave_dead(const char *name)
{
	int r = host_child(die_with_name, (void *)(uintptr_t)name, 20);

	EXPECT(r == 128 + SIGKILL, "got exit code %d of an owner that kills itself, expected SIGKILL", r);
	host_await_all();
}

static void become_other(void)
{
	EXPECT(!setgroups(0, NULL) && !setgid(OTHER) && !setuid(OTHER), "got no other user (%s), expected one",
	       strerror(errno));
	prctl(PR_SET_DUMPABLE, 1);
}

/* ---- leases ---- */

static void note_break(int signal)
{
	(void)signal;
	host_add(MARK_BROKEN, 1);
}

/*
 * Put a lease on each of some files, and never give it back. The signal says that another process
 * opens one.
 */
static void hold_leases(const char *const *names, size_t n, int kind)
{
	signal(SIGIO, note_break);
	for (size_t i = 0; i < n; i++) {
		int fd = open(host_shm_path(names[i]), (kind == F_WRLCK ? O_RDWR : O_RDONLY) | O_CREAT, 0666);

		EXPECT(fd >= 0, "got no file %s (%s), expected one", names[i], strerror(errno));
		fchmod(fd, 0666);
		if (fcntl(fd, F_SETLEASE, kind))
			SKIP("files here have no leases (%s)", strerror(errno));
	}
	host_add(MARK_READY, 1);
	while (!host_get(MARK_END))
		host_nap(5);
	_exit(0);
}

/* Fork all the time, and note how long the longest fork took. */
static void *fork_on(void *unused)
{
	while (!host_get(MARK_END)) {
		uint64_t began = sheaf_now_ns();
		pid_t pid = fork();
		long took;

		if (!pid)
			_exit(0);
		took = (long)(sheaf_now_ns() - began);
		waitpid(pid, NULL, 0);
		host_add(MARK_FORKS, 1);
		if (took > host_get(MARK_LONGEST))
			host_set(MARK_LONGEST, took);
	}
	return unused;
}

struct lessor {
	bool other;      /* another user has the files */
	bool name_space; /* in a user namespace of its own */
	int kind;
};

static void become_lessor(const struct lessor *lessor)
{
	if (lessor->other)
		become_other();
	if (lessor->name_space && unshare(CLONE_NEWUSER))
		SKIP("no user namespace can be made here (%s)", strerror(errno));
}

static int start_beside_leases(const struct lessor *lessor)
{
	const char *const names[] = {host_own_name("sheaf-"), host_own_name("sheaf-1-"),
				     host_own_name("sheaf-2147483647-0123456789abcde"), host_own_name("intruders-")};
	const size_t n = sizeof(names) / sizeof(names[0]);
	uint64_t began;
	sheaf_inspect *inspect = NULL;
	sheaf_pool *pool;
	pthread_t forker;
	pid_t pid;
	int r;

	if (lessor->other && geteuid())
		SKIP("only root can be another user, too");
	if (!lessor->other)
		host_be_plain();
	pid = fork();
	if (!pid) {
		become_lessor(lessor);
		hold_leases(names, n, lessor->kind);
	}
	host_await(MARK_READY, 1, "the leases");
	host_be_plain();
	EXPECT(!pthread_create(&forker, NULL, fork_on, NULL), "got no thread, expected one");
	host_await(MARK_FORKS, 1, "a fork");
	began = sheaf_now_ns();
	for (int i = 0; i < 3; i++)
		host_create_and_destroy();
	for (size_t i = 0; i < n; i++) {
		r = host_try_name(names[i], &pool);
		EXPECT(r == -EEXIST && (!lessor->other || strstr(sheaf_message(), "user 61001")),
		       "got %d (%s) for the name of a file with a lease, expected -EEXIST and whose it is", r, sheaf_message());
		r = sheaf_inspect_open(&inspect, names[i]);
		EXPECT(r < 0, "got %d for a look at a file with a lease, expected an error", r);
		EXPECT(!lessor->other || r == -EACCES, "got %d (%s) for a look at another user's file, expected -EACCES", r,
		       sheaf_message());
	}
	EXPECT(sheaf_now_ns() - began < SOON, "got %.1f s beside leases, expected less than 20",
	       (double)(sheaf_now_ns() - began) / 1e9);
	host_set(MARK_END, 1);
	pthread_join(forker, NULL);
	EXPECT(host_get(MARK_LONGEST) < (long)SOON, "got a fork of %.1f s beside leases, expected less than 20",
	       (double)host_get(MARK_LONGEST) / 1e9);
	EXPECT(!lessor->other || host_get(MARK_BROKEN) == 0,
	       "got %ld leases of another user's broken, expected none: its files were opened", host_get(MARK_BROKEN));
	EXPECT(host_join(pid, 20) == 0, "got a failed lessor, expected none");
	for (size_t i = 0; i < n; i++) {
		EXPECT(host_size(host_shm_path(names[i])) == 0, "got %s removed or written, expected it kept", names[i]);
		unlink(host_shm_path(names[i]));
	}
	return 0;
}

/* Files of another user stay in the folder, which is sticky: root removes them. */
static int beside_leases(const void *context)
{
	const struct lessor *lessor = context;
	pid_t pid = fork();
	int r;

	if (!pid)
		_exit(start_beside_leases(lessor));
	r = host_join(pid, 25);
	if (!geteuid()) {
		DIR *shm = opendir(SHM);
		char made[40];

		for (const struct dirent *entry; shm && (entry = readdir(shm));) {
			size_t length = strlen(entry->d_name), end;

			end = (size_t)snprintf(made, sizeof(made), "%ld", (long)pid);
			if (length > end && !strcmp(entry->d_name + length - end, made))
				unlinkat(dirfd(shm), entry->d_name, 0);
		}
		if (shm)
			closedir(shm);
	}
	return r;
}

/* ---- second names ---- */

static int end_with_second_link(unsigned flags_of_end)
{
	uint64_t shortest = UINT64_MAX;
	const char *second = host_own_name("intruders-second-");

	/* Where it waits for the supervisor in vain, each takes a second. */
	for (int i = 0; i < 5; i++) {
		sheaf_pool *pool = host_pool(2);
		char name[100];
		struct stat status;
		uint64_t took;

		snprintf(name, sizeof(name), "%s", host_info(pool).name);
		EXPECT(!link(host_shm_path(name), host_shm_path(second)), "got no second link (%s), expected one",
		       strerror(errno));
		host_works(pool);
		took = sheaf_now_ns();
		if (flags_of_end) {
			NEED(sheaf_pool_close(pool));
			NEED(sheaf_pool_join(pool, host_deadline()));
		}
		sheaf_pool_destroy(pool);
		took = sheaf_now_ns() - took;
		shortest = took < shortest ? took : shortest;
		EXPECT(!host_shm_exists(name), "got the name %s left, expected it removed", name);
		EXPECT(!stat(host_shm_path(second), &status) && status.st_size == 0 && status.st_blocks == 0,
		       "got %lld bytes in the second link, expected an empty file", (long long)status.st_size);
		unlink(host_shm_path(second));
	}
	EXPECT(shortest < SECOND * 9 / 10, "got %.2f s for the end of a pool with two links, expected less than 0.9",
	       (double)shortest / 1e9);
	return 0;
}

static int second_link_of_a_pool_that_ends(void)
{
	int r = end_with_second_link(0);

	return r ? r : end_with_second_link(1);
}

/* Memory that the second link of a dead segment still takes. */
static long long blocks_of_link(void)
{
	struct stat status;

	return stat(host_shm_path(second_link), &status) ? -1 : (long long)status.st_blocks * 512;
}

static int second_link_of_a_dead_pool(void)
{
	const char *const names[] = {host_own_name("sheaf-"), host_own_name("intruders-")};
	uint64_t deadline = host_deadline();

	second_link = host_own_name("intruders-link-");
	/* Killed with its family, then alone: so that a start sweeps it, and its supervisor. */
	for (int how = 1; how <= 2; how++) {
		for (int i = 0; i < 2; i++) {
			sheaf_pool *pool;

			host_set(MARK_GO, how);
			leave_dead(names[i]);
			if (how == 2)
				host_await_death((pid_t)host_get(MARK_END));
			/* A name that the user has chosen is swept when it is wanted again. */
			NEED(host_try_name(names[1], &pool));
			host_works(pool);
			sheaf_pool_destroy(pool);
			EXPECT(!host_shm_exists(names[i]), "got the dead pool's name %s left, expected it swept", names[i]);
			/* Where others have the same folder, one of them may be about to cut it. */
			while (blocks_of_link() > 4096 && sheaf_now_ns() < deadline)
				host_nap(1);
			EXPECT(blocks_of_link() >= 0 && blocks_of_link() <= 4096,
			       "got %lld bytes in the second link of a dead pool, expected none but a header's page",
			       blocks_of_link());
			unlink(host_shm_path(second_link));
		}
	}
	return 0;
}

/* The first name is gone: the second one is a name of a dead pool as well. */
static int second_link_that_is_left_over(void)
{
	sheaf_pool *pool;

	second_link = host_own_name("intruders-link-");
	host_set(MARK_GO, 1);
	leave_dead(host_own_name("sheaf-"));
	host_create_and_destroy();
	NEED(host_try_name(second_link, &pool));
	host_works(pool);
	sheaf_pool_destroy(pool);
	EXPECT(!host_shm_exists(second_link), "got the name left, expected it removed");
	return 0;
}

/* ---- names that are taken ---- */

struct squat {
	const char *what; /* that the message has to tell */
	struct stat before;
	char name[100];
};

/* What the symbolic links lead to: a file of the user's, with all rights. */
static const char *make_precious(void)
{
	static char target[1100];

	EXPECT(getcwd(target, 1000), "got no working directory, expected one");
	strcat(target, "/precious");
	host_write("precious", "precious\n", 9);
	chmod("precious", 0666);
	return target;
}

static void check_precious(const struct stat *before)
{
	struct stat after;

	EXPECT(!stat("precious", &after) && after.st_size == 9 && after.st_mode == before->st_mode &&
		       !memcmp(&after.st_ctim, &before->st_ctim, sizeof(after.st_ctim)),
	       "got the file that the links lead to changed, expected it left alone");
}

static void look(const struct squat *squat, struct stat *status)
{
	EXPECT(!lstat(host_shm_path(squat->name), status), "got no %s %s (%s), expected one", squat->what, squat->name,
	       strerror(errno));
}

/* @target: of a symbolic link. */
static struct squat take_name(const char *what, const char *prefix, bool other, const char *target)
{
	struct squat squat = {.what = what};
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const char *path;
	int r = 0, fd;

	snprintf(squat.name, sizeof(squat.name), "%s", host_own_name(prefix));
	path = host_shm_path(squat.name);
	if (!strcmp(what, "shared memory")) {
		host_write(path, "precious\n", 9);
	} else if (!strcmp(what, "a folder")) {
		r = mkdir(path, 0777);
	} else if (!strcmp(what, "a pipe")) {
		r = mkfifo(path, 0666);
	} else if (!strcmp(what, "a symbolic link")) {
		r = symlink(target, path);
	} else if (!strcmp(what, "a socket")) {
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
		r = bind(fd, (struct sockaddr *)&address, sizeof(address));
	} else {
		/*
		 * A terminal of no session yet: to open it would make it the terminal of the host's
		 * session.
		 */
		int terminal = posix_openpt(O_RDWR | O_NOCTTY);
		struct stat status;

		r = terminal < 0 || grantpt(terminal) || unlockpt(terminal) || stat(ptsname(terminal), &status) ||
		    mknod(path, S_IFCHR | 0666, status.st_rdev);
		if (r)
			SKIP("no device can be made here (%s)", strerror(errno));
	}
	EXPECT(!r, "got no %s (%s), expected one", what, strerror(errno));
	if (other)
		EXPECT(!lchown(path, OTHER, OTHER), "got no other owner (%s), expected one", strerror(errno));
	if (strcmp(what, "a symbolic link"))
		chmod(path, strcmp(what, "a folder") ? 0666 : 0777);
	look(&squat, &squat.before);
	return squat;
}

/* Nothing of it has changed, not even when it was read last. */
static void leaves_alone(struct squat *squat)
{
	const struct stat *before = &squat->before;
	struct stat after;
	char user[40];
	sheaf_inspect *inspect = NULL;
	sheaf_pool *pool;
	int r = host_try_name(squat->name, &pool);

	snprintf(user, sizeof(user), " of user %lu", (unsigned long)before->st_uid);
	EXPECT(r == -EEXIST && strstr(sheaf_message(), squat->what) && strstr(sheaf_message(), user),
	       "got %d (%s) for a name that is taken, expected -EEXIST, \"%s\" and \"%s\"", r, sheaf_message(), squat->what,
	       user);
	r = sheaf_inspect_open(&inspect, squat->name);
	EXPECT(r < 0, "got %d for a look at %s, expected an error", r, squat->what);
	host_create_and_destroy();
	look(squat, &after);
	EXPECT(after.st_ino == before->st_ino && after.st_mode == before->st_mode && after.st_uid == before->st_uid &&
		       after.st_size == before->st_size && after.st_nlink == before->st_nlink &&
		       !memcmp(&after.st_mtim, &before->st_mtim, sizeof(after.st_mtim)) &&
		       !memcmp(&after.st_ctim, &before->st_ctim, sizeof(after.st_ctim)),
	       "got %s %s changed, expected it left alone", squat->what, squat->name);
	EXPECT(before->st_uid == geteuid() || !memcmp(&after.st_atim, &before->st_atim, sizeof(after.st_atim)),
	       "got %s %s read, expected it left alone", squat->what, squat->name);
}

struct takers {
	bool other;    /* another user has the names */
	bool as_plain; /* the host is a plain user */
};

static int names_taken(const void *context)
{
	const struct takers *takers = context;
	const char *target = make_precious();
	struct stat precious;
	static const char *const kinds[] = {"shared memory", "a folder", "a pipe", "a symbolic link", "a socket"};
	struct squat squats[10];
	int n = 0, r;
	pid_t pid;

	if (takers->other && geteuid())
		SKIP("only root can be another user, too");
	stat("precious", &precious);
	for (int i = 0; i < 5; i++) {
		char prefix[40];

		snprintf(prefix, sizeof(prefix), "sheaf-%d-", i);
		squats[n++] = take_name(kinds[i], prefix, takers->other, target);
		snprintf(prefix, sizeof(prefix), "intruders-%d-", i);
		squats[n++] = take_name(kinds[i], prefix, takers->other, target);
	}
	pid = fork();
	if (!pid) {
		if (takers->as_plain)
			host_be_plain();
		for (int i = 0; i < n; i++)
			leaves_alone(&squats[i]);
		_exit(0);
	}
	r = host_join(pid, 25);
	EXPECT(r == 0, "got a failed host, expected none");
	check_precious(&precious);
	for (int i = 0; i < n; i++)
		remove(host_shm_path(squats[i].name));
	return 0;
}

static int name_of_a_terminal(void)
{
	struct squat squat;
	int fd;

	if (geteuid())
		SKIP("only root can make devices");
	squat = take_name("a device", "sheaf-5-", false, NULL);
	leaves_alone(&squat);
	fd = open("/dev/tty", O_RDWR | O_NOCTTY);
	EXPECT(fd < 0, "got a terminal that the host did not ask for, expected none");
	unlink(host_shm_path(squat.name));
	return 0;
}

/* ---- names that change hands ---- */

/*
 * Another user gives the name that a host wants, and one that is swept, away and takes it back, as
 * what has most effect when opened.
 */
static void change_hands(const char *name, const char *target)
{
	char beside[120];

	become_other();
	snprintf(beside, sizeof(beside), "%s-beside", host_shm_path(name));
	host_add(MARK_READY, 1);
	for (unsigned i = 0; !host_get(MARK_END); i++) {
		int fd;

		unlink(beside);
		if (i % 3 == 0 && symlink(target, beside))
			continue;
		if (i % 3 == 1 && mkfifo(beside, 0666))
			continue;
		if (i % 3 == 2 && (fd = open(beside, O_RDWR | O_CREAT | O_EXCL, 0666)) >= 0) {
			fchmod(fd, 0666);
			fcntl(fd, F_SETLEASE, F_WRLCK);
		}
		/* Over its own, at once; and away. */
		if (rename(beside, host_shm_path(name)) || i % 2)
			unlink(host_shm_path(name));
		host_nap(0);
	}
	unlink(beside);
	unlink(host_shm_path(name));
	_exit(0);
}

static int names_that_change_hands(void)
{
	const char *name = host_own_name("sheaf-"), *target = make_precious();
	struct stat before;
	sheaf_pool *pool;
	pid_t pid;
	int won = 0, r;

	if (geteuid())
		SKIP("only root can be another user, too");
	stat("precious", &before);
	pid = fork();
	if (!pid)
		change_hands(name, target);
	host_await(MARK_READY, 1, "the other user");
	for (int i = 0; i < 150; i++) {
		r = host_try_name(name, &pool);
		EXPECT(r == 0 || r == -EEXIST, "got %d (%s) for a name that changes hands, expected 0 or -EEXIST", r,
		       sheaf_message());
		if (!r) {
			host_works(pool);
			EXPECT(host_shm_exists(name), "got the pool's name taken, expected it kept");
			sheaf_pool_destroy(pool);
			won++;
		}
	}
	host_set(MARK_END, 1);
	EXPECT(host_join(pid, 20) == 0, "got a failed intruder, expected none");
	check_precious(&before);
	printf("won %d of 150\n", won);
	return 0;
}

HOST_PROGRAM("names",
	     CASE_WITH(leases_of_another_user, beside_leases, (&(const struct lessor){.other = true, .kind = F_WRLCK})),
	     CASE_WITH(leases_of_another_user_to_read, beside_leases, (&(const struct lessor){.other = true, .kind = F_RDLCK})),
	     CASE_WITH(leases_through_a_user_namespace, beside_leases,
		       (&(const struct lessor){.other = true, .name_space = true, .kind = F_WRLCK})),
	     CASE_WITH(leases_of_the_same_user, beside_leases, (&(const struct lessor){.kind = F_WRLCK})),
	     CASE(second_link_of_a_pool_that_ends), CASE(second_link_of_a_dead_pool), CASE(second_link_that_is_left_over),
	     CASE_WITH(names_taken_by_the_same_user, names_taken, (&(const struct takers){.other = false})),
	     CASE_WITH(names_taken_by_another_user, names_taken, (&(const struct takers){.other = true, .as_plain = true})),
	     CASE_WITH(names_taken_from_root, names_taken, (&(const struct takers){.other = true})), CASE(name_of_a_terminal),
	     CASE(names_that_change_hands))
