/*
 * rights.c - intruders that have fewer rights than a program, and want them by way of its pool.
 *
 * A victim is a program with a pool. It tells of that by a pipe, as it may be another file that was
 * executed. The intruder is a process of the plain user. It has started the victim or shares a user
 * with it, and tries what would let it write to the pool's memory: the segment's name, the
 * descriptors and mappings that /proc shows, the memory of each process, and ptrace().
 */
#include "host.h"

#include "sheaf_inspect.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#define SHM "/dev/shm"
#define PLAIN 65534u
#define OTHER 61001u
#define GROUP 61002u
#define ROOM 16

/* ---- the victim ---- */

struct victim {
	pid_t pid;
	int out, stop;      /* what it tells; closed, to have it end */
	pid_t family[ROOM]; /* the owner first */
	int count;
	char name[100];    /* of its first pool; "" if it has none */
	int wish;          /* what creating a pool with a name gave */
	char message[600]; /* of that */
};

/* Not with EXPECT(): after an exec() there is no stage. */
static int be_victim(int out, int stop)
{
	sheaf_pool_options options = {.workers = 2, .heap_size = 16 * MIB};
	sheaf_pool *pool = NULL, *named = NULL;
	sheaf_pool_info info;
	char name[60], byte;
	int r;

	signal(SIGPIPE, SIG_IGN);
	if ((r = sheaf_pool_create(&pool, &options)) || (r = sheaf_apply(pool, host_nothing, NULL, 0, NULL, 0, NULL)) ||
	    (r = sheaf_pool_get_info(pool, &info))) {
		dprintf(out, "error %d %s\n", r, sheaf_message());
		return 1;
	}
	dprintf(out, "pool %s %ld %ld %ld %ld\n", *info.name ? info.name : "-", (long)getpid(), (long)info.supervisor,
		(long)sheaf_pool_worker_pid(pool, 0), (long)sheaf_pool_worker_pid(pool, 1));
	snprintf(name, sizeof(name), "/intruders-%ld", (long)getpid());
	options.name = name;
	r = sheaf_pool_create(&named, &options);
	dprintf(out, "wish %d %s\n", r, r ? sheaf_message() : "-");
	sheaf_pool_destroy(named);
	while (read(stop, &byte, 1) > 0)
		;
	r = sheaf_apply(pool, host_nothing, NULL, 0, NULL, 0, NULL);
	sheaf_pool_destroy(pool);
	return r < 0;
}

/* What makes a process a victim, before it becomes one by be_victim() or exec(). */
typedef void become_fn(void);

static void read_victim(struct victim *victim)
{
	FILE *out = fdopen(dup(victim->out), "re");
	char line[1000] = "";
	long pids[4];

	EXPECT(out && fgets(line, sizeof(line), out) &&
		       sscanf(line, "pool %99s %ld %ld %ld %ld", victim->name, &pids[0], &pids[1], &pids[2], &pids[3]) == 5,
	       "got \"%s\" from the victim, expected a pool", line);
	if (!strcmp(victim->name, "-"))
		victim->name[0] = 0;
	for (int i = 0; i < 4; i++)
		victim->family[victim->count++] = (pid_t)pids[i];
	EXPECT(fgets(line, sizeof(line), out) && sscanf(line, "wish %d %599[^\n]", &victim->wish, victim->message) == 2,
	       "got \"%s\" from the victim, expected what became of a name", line);
	fclose(out);
}

/* How a program that is executed is told to be a victim. */
static const char *victims_word = "--victim";

/* @program: to be executed, or NULL. */
static struct victim start_victim(become_fn *become, const char *program, char *const *environment)
{
	struct victim victim = {0};
	int out[2], stop[2];

	EXPECT(!pipe(out) && !pipe(stop), "got no pipe (%s), expected two", strerror(errno));
	victim.pid = fork();
	if (!victim.pid) {
		close(out[0]);
		close(stop[1]);
		if (become)
			become();
		if (program) {
			char ends[2][20];
			char *const words[] = {(char *)(uintptr_t)program, (char *)(uintptr_t)victims_word, ends[0], ends[1],
					       NULL};

			snprintf(ends[0], sizeof(ends[0]), "%d", out[1]);
			snprintf(ends[1], sizeof(ends[1]), "%d", stop[0]);
			execve(program, words, environment ? environment : words + 4);
			dprintf(out[1], "error %d cannot execute %s\n", errno, program);
			_exit(1);
		}
		_exit(be_victim(out[1], stop[0]));
	}
	close(out[1]);
	close(stop[0]);
	victim.out = out[0];
	victim.stop = stop[1];
	read_victim(&victim);
	return victim;
}

static void end_victim(struct victim *victim)
{
	int r;

	close(victim->stop);
	r = host_join(victim->pid, 20);
	close(victim->out);
	EXPECT(r == 0, "got exit code %d of the victim, expected 0", r);
}

/* ---- the intruder ---- */

/* What the intruder has got at, for the verdict; NULL: nothing. */
static const char *got(const char *format, ...) __attribute__((__format__(__printf__, 1, 2)));
static const char *got(const char *format, ...)
{
	static char text[400];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return text;
}

static bool opens(const char *path, int way)
{
	int fd = open(path, way | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/*
 * Whatever opens in a folder is memory of the victim's, or a way to it. @prefix: other names are
 * left alone; NULL: none are.
 */
static const char *open_in(const char *folder, const char *const *prefixes)
{
	DIR *names = opendir(folder);
	const char *found = NULL;

	for (const struct dirent *entry; names && !found && (entry = readdir(names));) {
		bool wanted = !prefixes && entry->d_name[0] != '.';
		char path[400];

		for (int i = 0; prefixes && prefixes[i]; i++)
			wanted |= !strncmp(entry->d_name, prefixes[i], strlen(prefixes[i]));
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		if (wanted && opens(path, O_RDWR))
			found = got("%s opened for writing", path);
		else if (wanted && prefixes && opens(path, O_RDONLY))
			found = got("%s opened", path);
	}
	if (names)
		closedir(names);
	return found;
}

static const char *reach_into(pid_t pid)
{
	static char here_byte;
	struct iovec here = {&here_byte, 1}, there = {&here_byte, 1};
	const char *found;
	char path[100];

	snprintf(path, sizeof(path), "/proc/%ld/fd", (long)pid);
	if ((found = open_in(path, NULL)))
		return found;
	snprintf(path, sizeof(path), "/proc/%ld/map_files", (long)pid);
	if ((found = open_in(path, NULL)))
		return found;
	snprintf(path, sizeof(path), "/proc/%ld/mem", (long)pid);
	if (opens(path, O_RDWR))
		return got("%s opened for writing", path);
	if (process_vm_writev(pid, &here, 1, &there, 1, 0) == 1)
		return got("memory of process %ld written", (long)pid);
	if (!ptrace(PTRACE_SEIZE, pid, NULL, NULL))
		return got("process %ld traced", (long)pid);
	return NULL;
}

static const char *get_at(const struct victim *victim)
{
	char made[60];
	/* Of others that run beside, nothing is touched: the names of pools tell the pid. */
	const char *const names[] = {made, "intruders-", NULL};
	const char *found;

	snprintf(made, sizeof(made), "sheaf-%ld-", (long)victim->family[0]);
	found = open_in(SHM, names);
	for (int i = 0; !found && i < victim->count; i++)
		found = reach_into(victim->family[i]);
	return found;
}

static int intrude(void *context)
{
	const char *found;

	EXPECT(geteuid() != 0, "got root as the intruder, expected a plain user");
	found = get_at(context);
	EXPECT(!found, "got %s by an intruder, expected it to be kept out", found);
	return 0;
}

static int intrude_as_plain(void *context)
{
	host_be_plain();
	return intrude(context);
}

/*
 * Check that the victim's pool has no name and may not have one, and that no intruder reaches it.
 * @why: what the refusal must say.
 */
static void hold_out(struct victim *victim, const char *why)
{
	EXPECT(!victim->name[0], "got the name %s for a pool of a process with more rights, expected none", victim->name);
	EXPECT(victim->wish == -EPERM && strstr(victim->message, why),
	       "got %d (%s) for a name that would give rights away, expected -EPERM and \"%s\"", victim->wish, victim->message,
	       why);
	EXPECT(host_child(intrude_as_plain, victim, 20) == 0, "got a failed intruder, expected one that is kept out");
	end_victim(victim);
}

/* ---- programs whose file gives them rights ---- */

static void need_root(void)
{
	if (geteuid())
		SKIP("only root can make such programs and processes");
}

/* This program once more, with a file of its own. */
static const char *copy_program(uid_t uid, gid_t gid, mode_t mode)
{
	static const char name[] = "./victim";
	static char bytes[65536];
	int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), to = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	ssize_t n;

	EXPECT(from >= 0 && to >= 0, "got no copy of this program (%s), expected one", strerror(errno));
	while ((n = read(from, bytes, sizeof(bytes))) > 0)
		EXPECT(write(to, bytes, (size_t)n) == n, "got no copy of this program (%s), expected one", strerror(errno));
	close(from);
	EXPECT(!fchown(to, uid, gid) && !fchmod(to, mode), "got no rights for a program (%s), expected them", strerror(errno));
	close(to);
	return name;
}

#ifdef HOST_POSIX_LAYER
/* It has no memory that never had a name, so such a program gets no pool at all. */
static void refused_by_posix(become_fn *become, const char *program, const char *why)
{
	int out[2], stop[2], status;
	char line[1000] = "";
	pid_t pid;

	EXPECT(!pipe(out) && !pipe(stop), "got no pipe (%s), expected two", strerror(errno));
	pid = fork();
	if (!pid) {
		char ends[2][20];

		become();
		snprintf(ends[0], sizeof(ends[0]), "%d", out[1]);
		snprintf(ends[1], sizeof(ends[1]), "%d", stop[0]);
		if (program)
			execl(program, program, "--victim", ends[0], ends[1], NULL);
		_exit(be_victim(out[1], stop[0]));
	}
	close(stop[1]);
	status = host_join(pid, 20);
	EXPECT(read(out[0], line, sizeof(line) - 1) > 0 && status == 1 && strstr(line, "error -1 ") && strstr(line, why),
	       "got \"%s\" from the victim, expected -EPERM and \"%s\"", line, why);
}
#define HOLD_OUT(become, program, why) refused_by_posix(become, program, why)
#else
#define HOLD_OUT(become, program, why)                                      \
	do {                                                                \
		struct victim victim = start_victim(become, program, NULL); \
		hold_out(&victim, why);                                     \
	} while (0)
#endif

/* Skip where a program gets no rights by its file: a file system may give none. */
static void need_rights(const char *program)
{
	pid_t pid = fork();
	int r;

	if (!pid) {
		host_be_plain();
		execl(program, program, "--has-rights", NULL);
		_exit(1);
	}
	r = host_join(pid, 20);
	if (r)
		SKIP("programs here get no rights by their files");
}

/* The caller shares the user, and wants the group. */
static int set_group_id_program(void)
{
	const char *program;

	need_root();
	program = copy_program(0, GROUP, 02755);
	need_rights(program);
	HOLD_OUT(host_be_plain, program, "set-group-ID");
	return 0;
}

static int set_user_id_program(void)
{
	const char *program;

	need_root();
	program = copy_program(OTHER, PLAIN, 04755);
	need_rights(program);
	HOLD_OUT(host_be_plain, program, "set-user-ID");
	return 0;
}

static int program_with_file_capabilities(void)
{
	/* cap_net_raw, effective and permitted: struct vfs_cap_data, version 2 */
	static const unsigned char capability[20] = {1, 0, 0, 2, 0, 1 << 5};
	const char *program;

	need_root();
	program = copy_program(0, 0, 0755);
	if (setxattr(program, "security.capability", capability, sizeof(capability), 0))
		SKIP("files have no capabilities here (%s)", strerror(errno));
	need_rights(program);
	HOLD_OUT(host_be_plain, program, "file capabilities");
	return 0;
}

/* The caller chooses the environment, and must not choose by it what the program does. */
static int environment_of_a_set_group_id_program(void)
{
	char *environment[] = {"SHEAF_BACKEND=threads", "SHEAF_CHECK=nonsense", NULL};
	const char *program;
	struct victim victim;

	NEEDS_LINUX_LAYER("how to have a pool there");
	need_root();
	program = copy_program(0, GROUP, 02755);
	need_rights(program);
	victim = start_victim(host_be_plain, program, environment);
	EXPECT(victim.family[1] > 0, "got threads because the caller's environment says so, expected processes");
	hold_out(&victim, "set-group-ID");
	return 0;
}

/* ---- processes with rights of their own ---- */

static const struct own_rights {
	gid_t gids[3]; /* real, effective, saved */
	uid_t uids[3];
	bool keeps_capabilities;
	const char *why;        /* what the refusal of a name has to tell */
	const char *linux_only; /* what the POSIX layer has no means to know; or NULL */
} seteuid_daemon = {.gids = {0, PLAIN, 0}, .uids = {0, PLAIN, 0}, .why = "user ids that differ"},
  setegid_daemon = {.gids = {GROUP, PLAIN, GROUP}, .uids = {PLAIN, PLAIN, PLAIN}, .why = "group ids that differ"},
  saved_root_daemon = {.gids = {PLAIN, PLAIN, PLAIN},
		       .uids = {PLAIN, PLAIN, 0},
		       .why = "user ids that differ",
		       .linux_only = "a saved user id"},
  capable_service = {.gids = {PLAIN, PLAIN, PLAIN},
		     .uids = {PLAIN, PLAIN, PLAIN},
		     .keeps_capabilities = true,
		     .why = "capabilities",
		     .linux_only = "capabilities"};

static const struct own_rights *own_rights; /* of the case that is played */

static void take_own_rights(void)
{
	const gid_t *gids = own_rights->gids;
	const uid_t *uids = own_rights->uids;

	EXPECT(!prctl(PR_SET_KEEPCAPS, own_rights->keeps_capabilities) && !setgroups(0, NULL) &&
		       !setresgid(gids[0], gids[1], gids[2]) && !setresuid(uids[0], uids[1], uids[2]),
	       "got no other user (%s), expected one", strerror(errno));
	prctl(PR_SET_DUMPABLE, 1);
}

static int process_with_own_rights(const void *context)
{
	own_rights = context;
	if (own_rights->linux_only)
		NEEDS_LINUX_LAYER(own_rights->linux_only);
	need_root();
	HOLD_OUT(take_own_rights, NULL, own_rights->why);
	return 0;
}

static void make_files_as_plain(void)
{
	setfsuid(PLAIN);
	prctl(PR_SET_DUMPABLE, 1);
}

static int file_server_under_setfsuid(void)
{
	need_root();
	HOLD_OUT(make_files_as_plain, NULL, "setfsuid");
	return 0;
}

static void hide(void)
{
	prctl(PR_SET_DUMPABLE, 0);
}

/* Started by the plain user, not by root. */
static int process_that_is_not_dumpable(void)
{
	NEEDS_LINUX_LAYER("whether a process is dumpable");
	victims_word = "--victim-that-hides";
	HOLD_OUT(host_be_plain, copy_program(geteuid(), getegid(), 0755), "dumpable");
	return 0;
}

static int root_that_is_not_dumpable(void)
{
	NEEDS_LINUX_LAYER("whether a process is dumpable");
	need_root();
	HOLD_OUT(hide, NULL, "dumpable");
	return 0;
}

static void give_root_up(void)
{
	EXPECT(!setgroups(0, NULL) && !setgid(PLAIN) && !setuid(PLAIN), "got no other user (%s), expected one",
	       strerror(errno));
}

/* It counts as a plain user's, and chooses to have no name if it holds more. */
static int service_that_was_root(void)
{
	sheaf_pool *pool;

	need_root();
	give_root_up();
	pool = host_pool(2);
	EXPECT(host_shm_exists(host_info(pool).name), "got no name for a plain user's pool, expected one");
	sheaf_pool_destroy(pool);
	pool = host_pool_with(&(sheaf_pool_options){.workers = 2, .heap_size = 16 * MIB, .flags = SHEAF_ANONYMOUS});
	EXPECT(!*host_info(pool).name, "got the name %s for an anonymous pool, expected none", host_info(pool).name);
	sheaf_pool_destroy(pool);
	return 0;
}

/* ---- rights that come later ---- */

static sheaf_pool *named_pool(char *name, size_t room)
{
	sheaf_pool *pool;

	/* So does the harness, where it plays a plain user. */
	if (geteuid() && !getauxval(AT_UID))
		SKIP("this process has given root up, which lets it keep its names");
	pool = host_pool(2);
	snprintf(name, room, "%s", host_info(pool).name);
	EXPECT(host_shm_exists(name), "got no name for an ordinary program's pool, expected one");
	return pool;
}

static int name_withdrawn_when_figures_are_told(void)
{
	char name[100];
	sheaf_pool *pool;

	NEEDS_LINUX_LAYER("whether a process is dumpable");
	pool = named_pool(name, sizeof(name));
	prctl(PR_SET_DUMPABLE, 0);
	EXPECT(!*host_info(pool).name, "got the name %s told, expected none", host_info(pool).name);
	EXPECT(!host_shm_exists(name), "got the name %s left, expected it withdrawn", name);
	host_works(pool);
	host_kill_supervisor(pool);
	host_works(pool);
	sheaf_pool_destroy(pool);
	return 0;
}

/* Supervisor and spare at once: the owner starts another family. */
static int name_withdrawn_when_a_family_starts(void)
{
	pid_t family[8];
	char name[100];
	sheaf_pool *pool;
	int n;

	NEEDS_LINUX_LAYER("whether a process is dumpable");
	pool = named_pool(name, sizeof(name));
	n = host_processes(family, 8);
	if (n < 0)
		SKIP("processes cannot be listed here");
	prctl(PR_SET_DUMPABLE, 0);
	for (int i = 0; i < n; i++)
		kill(family[i], SIGSTOP);
	for (int i = 0; i < n; i++)
		kill(family[i], SIGKILL);
	host_works(pool);
	EXPECT(!host_shm_exists(name), "got the name %s left, expected it withdrawn", name);
	sheaf_pool_destroy(pool);
	return 0;
}

static int name_withdrawn_when_a_file_is_opened_anew(void)
{
	char name[100];
	sheaf_pool *pool;
	int r;

	NEEDS_LINUX_LAYER("whether a process is dumpable");
	pool = named_pool(name, sizeof(name));
	prctl(PR_SET_DUMPABLE, 0);
	for (int fd = 3; fd < 100; fd++)
		close(fd);
	r = sheaf_apply(pool, host_nothing, NULL, 0, NULL, 0, NULL);
	EXPECT(r == 0 || r == -EBADF, "got %d (%s) without descriptors and name, expected 0 or -EBADF", r, sheaf_message());
	sheaf_pool_destroy(pool);
	EXPECT(!host_shm_exists(name), "got the name %s left, expected it withdrawn", name);
	return 0;
}

static int name_withdrawn_when_a_pool_is_inspected(void)
{
	sheaf_inspect *inspect;
	char name[100];
	sheaf_pool *pool;

	NEEDS_LINUX_LAYER("whether a process is dumpable");
	pool = named_pool(name, sizeof(name));
	prctl(PR_SET_DUMPABLE, 0);
	NEED(sheaf_inspect_open(&inspect, name));
	EXPECT(!host_shm_exists(name), "got the name %s left, expected it withdrawn", name);
	sheaf_inspect_close(inspect);
	sheaf_pool_destroy(pool);
	return 0;
}

/*
 * A file that root has made stays root's: its name lets no other user in, and root may watch the
 * pool.
 */
static int name_kept_when_root_is_given_up(void)
{
	char name[100];
	sheaf_pool *pool;

	need_root();
	pool = host_pool(2);
	snprintf(name, sizeof(name), "%s", host_info(pool).name);
	give_root_up();
	EXPECT(!strcmp(host_info(pool).name, name) && host_shm_exists(name),
	       "got the name of root's file withdrawn, expected it kept");
	host_works(pool);
	sheaf_pool_destroy(pool);
	return 0;
}

/* ---- ordinary programs ---- */

static int be_other(void *context)
{
	EXPECT(!setgroups(0, NULL) && !setgid(OTHER) && !setuid(OTHER), "got no other user (%s), expected one",
	       strerror(errno));
	prctl(PR_SET_DUMPABLE, 1);
	return intrude(context);
}

static int inspect_as_other(void *name)
{
	sheaf_inspect *inspect;
	sheaf_pool *pool = NULL;
	int r;

	EXPECT(!setgroups(0, NULL) && !setgid(OTHER) && !setuid(OTHER), "got no other user (%s), expected one",
	       strerror(errno));
	prctl(PR_SET_DUMPABLE, 1);
	r = sheaf_inspect_open(&inspect, name);
	EXPECT(r == -EACCES && strstr(sheaf_message(), "belongs to user 65534"),
	       "got %d (%s) for a look at another user's pool, expected -EACCES", r, sheaf_message());
	r = sheaf_pool_create(&pool, &(sheaf_pool_options){.workers = 1, .heap_size = 16 * MIB, .name = name});
	EXPECT(r == -EEXIST && strstr(sheaf_message(), "user 65534"),
	       "got %d (%s) for another user's name, expected -EEXIST and whose it is", r, sheaf_message());
	return 0;
}

static int another_user_and_an_ordinary_pool(void)
{
	struct victim victim;

	need_root();
	victim = start_victim(host_be_plain, NULL, NULL);
	EXPECT(victim.name[0] && victim.wish == 0, "got %d (%s) and the name \"%s\" in an ordinary program, expected names",
	       victim.wish, victim.message, victim.name);
	EXPECT(host_child(be_other, &victim, 20) == 0, "got a failed intruder, expected one that is kept out");
	EXPECT(host_child(inspect_as_other, victim.name, 20) == 0, "got a failed look, expected one that is refused");
	for (int i = 0; i < victim.count; i++)
		EXPECT(!host_dead(victim.family[i]), "got process %ld dead, expected it to live", (long)victim.family[i]);
	end_victim(&victim);
	return 0;
}

static int get_at_everything(void *context)
{
	struct victim *victim = context;
	const char *found;

	host_be_plain();
	found = get_at(victim);
	EXPECT(found && strstr(found, SHM), "got %s by a process of the same user, expected the segment by its name",
	       found ? found : "nothing");
	for (int i = 0; i < victim->count; i++) {
		found = reach_into(victim->family[i]);
		EXPECT(found, "got nothing by a process of the same user, expected descriptors or memory of process %ld",
		       (long)victim->family[i]);
	}
	return 0;
}

/* What the intruders of this program try works where it may. */
static int same_user_and_an_ordinary_pool(void)
{
	struct victim victim = start_victim(host_be_plain, NULL, NULL);

	EXPECT(host_child(get_at_everything, &victim, 20) == 0,
	       "got a failed process of the same user, expected it to get at the pool");
	end_victim(&victim);
	return 0;
}

static int ordinary_program_and_its_files_mode(void)
{
	static const mode_t masks[] = {0, 022, 0400, 0277, 0777};

	for (size_t i = 0; i < sizeof(masks) / sizeof(masks[0]); i++) {
		sheaf_pool *pool;
		struct stat status;
		char path[300];

		umask(masks[i]);
		pool = host_pool(1);
		umask(022);
		snprintf(path, sizeof(path), SHM "%s", host_info(pool).name);
		EXPECT(*host_info(pool).name && !stat(path, &status), "got no name with umask %03o, expected one",
		       (unsigned)masks[i]);
		EXPECT((status.st_mode & 07777) == 0600 && status.st_uid == geteuid(),
		       "got mode %04o and user %lu with umask %03o, expected 0600 and %lu", (unsigned)status.st_mode & 07777,
		       (unsigned long)status.st_uid, (unsigned)masks[i], (unsigned long)geteuid());
		sheaf_pool_destroy(pool);
	}
	return 0;
}

static const struct host_case host_cases[] = {
	CASE(set_group_id_program),
	CASE(set_user_id_program),
	CASE(program_with_file_capabilities),
	CASE(environment_of_a_set_group_id_program),
	CASE_WITH(daemon_under_seteuid, process_with_own_rights, &seteuid_daemon),
	CASE_WITH(daemon_under_setegid, process_with_own_rights, &setegid_daemon),
	CASE_WITH(daemon_that_can_become_root_again, process_with_own_rights, &saved_root_daemon),
	CASE(file_server_under_setfsuid),
	CASE_WITH(plain_service_with_capabilities, process_with_own_rights, &capable_service),
	CASE(process_that_is_not_dumpable),
	CASE(root_that_is_not_dumpable),
	CASE(service_that_was_root),
	CASE(name_withdrawn_when_figures_are_told),
	CASE(name_withdrawn_when_a_family_starts),
	CASE(name_withdrawn_when_a_file_is_opened_anew),
	CASE(name_withdrawn_when_a_pool_is_inspected),
	CASE(name_kept_when_root_is_given_up),
	CASE(same_user_and_an_ordinary_pool),
	CASE(another_user_and_an_ordinary_pool),
	CASE(ordinary_program_and_its_files_mode),
};

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "--victim"))
		return be_victim(atoi(argv[2]), atoi(argv[3]));
	if (argc == 4 && !strcmp(argv[1], "--victim-that-hides")) {
		hide();
		return be_victim(atoi(argv[2]), atoi(argv[3]));
	}
	if (argc == 2 && !strcmp(argv[1], "--has-rights"))
		return !getauxval(AT_SECURE);
	return host_main(argc, argv, "rights", host_cases, sizeof(host_cases) / sizeof(host_cases[0]));
}
