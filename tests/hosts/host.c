/*
 * host.c - plays the cases of one program, several at a time.
 *
 * Each case has a referee, a process that becomes the reaper of all that the host leaves behind
 * (PR_SET_CHILD_SUBREAPER): nothing that the host has started can end unseen or live on unseen,
 * whatever became of its parents. Verdicts are told in memory that all of them share.
 */
#define _GNU_SOURCE
#include "host.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "support/proc.h"
#include "support/session.h"

#define SHM "/dev/shm"
#define PLAIN_USER 65534

/* What takes longer hangs. Machines may be loaded. */
#define LONGEST 20u /* seconds */
/* Until the last process of a pool whose owner was killed has ended. */
#define LINGER 15u /* seconds */

enum harm { FINE, WRONG, HUNG, LEAKED, SKIPPED };

/* One case that is played. */
struct played_case {
	long marks[HOST_MARKS];
	int told; /* the first verdict's code; 0: none yet */
	int ready;
	char text[1024];
	char cgroup[300];
	pid_t host;
	enum harm harm;
	double seconds;
};

static struct played_case *this_case;
static bool plain;         /* --plain: hosts run as a plain user */
static FILE *log_file;     /* what the host prints */
static char folder[300];   /* its working directory */
static bool private_names; /* its /dev/shm is its own */

/* ---- verdicts and marks ---- */

static void tell(int code, const char *format, va_list args) __attribute__((__format__(__printf__, 2, 0)));
static void tell(int code, const char *format, va_list args)
{
	int none = 0;

	if (!__atomic_compare_exchange_n(&this_case->told, &none, code, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return;
	vsnprintf(this_case->text, sizeof(this_case->text), format, args);
	for (char *c = this_case->text; *c; c++)
		if (*c == '\n')
			*c = ' ';
	__atomic_store_n(&this_case->ready, 1, __ATOMIC_RELEASE);
}

static void say(int code, const char *format, ...) __attribute__((__format__(__printf__, 2, 3)));
static void say(int code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	tell(code, format, args);
	va_end(args);
}

void host_verdict(int code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	tell(code, format, args);
	va_end(args);
	_exit(code);
}

long host_get(int mark)
{
	return __atomic_load_n(&this_case->marks[mark], __ATOMIC_SEQ_CST);
}

void host_set(int mark, long value)
{
	__atomic_store_n(&this_case->marks[mark], value, __ATOMIC_SEQ_CST);
}

long host_add(int mark, long value)
{
	return __atomic_add_fetch(&this_case->marks[mark], value, __ATOMIC_SEQ_CST);
}

void host_await(int mark, long value, const char *what)
{
	uint64_t deadline = host_deadline();

	while (host_get(mark) < value) {
		EXPECT(sheaf_now_ns() < deadline, "got %ld of %ld in %u s, expected %s", host_get(mark), value, LONGEST, what);
		host_nap(1);
	}
}

uint64_t host_deadline(void)
{
	return sheaf_now_ns() + LONGEST * SECOND;
}

/* ---- pools ---- */

sheaf_pool *host_pool_with(const sheaf_pool_options *options)
{
	sheaf_pool *pool = NULL;

	NEED(sheaf_pool_create(&pool, options));
	return pool;
}

sheaf_pool *host_pool(unsigned workers)
{
	return host_pool_with(&(sheaf_pool_options){.workers = workers, .heap_size = 64 * MIB});
}

int host_try_name(const char *name, sheaf_pool **pool)
{
	*pool = NULL;
	return sheaf_pool_create(pool, &(sheaf_pool_options){.workers = 1, .heap_size = 16 * MIB, .name = name});
}

void host_create_and_destroy(void)
{
	sheaf_pool *pool = host_pool(1);

	host_works(pool);
	sheaf_pool_destroy(pool);
}

sheaf_batch *host_batch(sheaf_pool *pool, const sheaf_batch_options *options)
{
	sheaf_batch *batch = NULL;

	NEED(sheaf_batch_create(&batch, pool, options));
	return batch;
}

sheaf_pool_info host_info(const sheaf_pool *pool)
{
	sheaf_pool_info info;

	NEED(sheaf_pool_get_info(pool, &info));
	return info;
}

int host_nothing(sheaf_task *task, const void *arg, void *result)
{
	(void)task, (void)arg, (void)result;
	return 0;
}

int host_nap_ms(sheaf_task *task, const void *arg, void *result)
{
	int ms;

	(void)task, (void)result;
	memcpy(&ms, arg, sizeof(ms));
	host_nap((unsigned)ms);
	return 0;
}

int host_position(sheaf_task *task, const void *arg, void *result)
{
	uint64_t position = sheaf_task_position(task);

	(void)arg;
	memcpy(result, &position, sizeof(position));
	return 0;
}

void host_works(sheaf_pool *pool)
{
	void *out;
	uint64_t *values;

	NEED(sheaf_apply(pool, host_nothing, NULL, 0, NULL, 0, NULL));
	NEED(sheaf_alloc_array(pool, 100, sizeof(uint64_t), &out));
	NEED(sheaf_map(pool, host_position, NULL, 0, out, sizeof(uint64_t), 100, NULL));
	values = out;
	for (uint64_t i = 0; i < 100; i++)
		EXPECT(values[i] == i, "got %llu at position %llu of a map, expected its number", (unsigned long long)values[i],
		       (unsigned long long)i);
	NEED(sheaf_free(pool, out));
}

const sheaf_result *host_gather(sheaf_batch *batch, size_t n, int *failed)
{
	const sheaf_result *results = NULL;
	size_t count = 0;
	int r = sheaf_gather(batch, &results, &count, host_deadline());

	EXPECT(r >= 0, "got %d (%s) from sheaf_gather(), expected results", r, sheaf_message());
	EXPECT(count == n, "got %zu results, expected %zu", count, n);
	if (failed)
		*failed = r;
	for (size_t i = 0; r && !failed && i < count; i++)
		EXPECT(!results[i].status, "got %d failed positions, the first with %d (%s), expected none", r,
		       results[i].status, results[i].message);
	return results;
}

/* ---- processes ---- */

void host_nap(unsigned ms)
{
	struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

	while (nanosleep(&time, &time) && errno == EINTR)
		;
}

bool host_dead(pid_t pid)
{
	siginfo_t info = {0};
	struct proc proc;

	if (kill(pid, 0))
		return errno == ESRCH;
	if (!waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) && info.si_pid == pid)
		return true;
	return proc_read(pid, &proc) && (proc.state == 'Z' || proc.state == 'X');
}

void host_await_death(pid_t pid)
{
	uint64_t deadline = host_deadline();

	while (!host_dead(pid)) {
		EXPECT(sheaf_now_ns() < deadline, "got process %ld still alive after %u s, expected its end", (long)pid,
		       LONGEST);
		host_nap(1);
	}
}

void host_kill(pid_t pid)
{
	EXPECT(pid > 0, "got process %ld to kill, expected one of a pool", (long)pid);
	kill(pid, SIGKILL);
	host_await_death(pid);
}

void host_kill_supervisor(sheaf_pool *pool)
{
	host_kill(host_info(pool).supervisor);
}

pid_t host_worker(sheaf_pool *pool, unsigned worker)
{
	uint64_t deadline = host_deadline();
	pid_t pid;

	/* 0 while it is replaced. */
	while ((pid = sheaf_pool_worker_pid(pool, worker)) <= 0) {
		EXPECT(sheaf_now_ns() < deadline, "got no worker %u for %u s, expected one", worker, LONGEST);
		host_nap(1);
	}
	return pid;
}

void host_await_supervisors(sheaf_pool *pool, uint64_t count)
{
	uint64_t deadline = host_deadline();
	sheaf_pool_info info;

	while ((info = host_info(pool)).supervisors < count || info.supervisor <= 0 || host_dead(info.supervisor)) {
		EXPECT(sheaf_now_ns() < deadline, "got supervisor %llu, expected number %llu within %u s",
		       (unsigned long long)info.supervisors, (unsigned long long)count, LONGEST);
		host_nap(1);
	}
}

int host_processes(pid_t *pids, int room)
{
	pid_t all[512];
	int count = 0;
	unsigned n;

	if (!session_visible())
		return -1;
	n = session_processes(getsid(0), all, 512);
	for (unsigned i = 0; i < n && i < 512; i++)
		if (all[i] != getpid() && all[i] != this_case->host && count < room)
			pids[count++] = all[i];
	return count;
}

int host_others(sheaf_pool *pool, unsigned workers, pid_t *pids, int room)
{
	pid_t supervisor = host_info(pool).supervisor;
	int count = host_processes(pids, room), kept = 0;

	for (int i = 0; i < count; i++) {
		bool known = pids[i] == supervisor;

		for (unsigned w = 0; w < workers; w++)
			known |= pids[i] == sheaf_pool_worker_pid(pool, w);
		if (!known)
			pids[kept++] = pids[i];
	}
	return count < 0 ? -1 : kept;
}

#define DEAD_MARK (HOST_MARKS - 100) /* their number, then each */

void host_die_with_all(void)
{
	pid_t pids[99];
	int n = 0, before;

	/* Some may be born meanwhile, but not by those that are stopped. */
	do {
		before = n;
		n = host_processes(pids, 99);
		if (n < 0)
			SKIP("processes cannot be listed here");
		for (int i = 0; i < n; i++)
			kill(pids[i], SIGSTOP);
		host_nap(1);
	} while (n != before);
	host_set(DEAD_MARK, n);
	for (int i = 0; i < n; i++)
		host_set(DEAD_MARK + 1 + i, pids[i]);
	for (int i = 0; i < n; i++)
		kill(pids[i], SIGKILL);
	kill(getpid(), SIGKILL);
}

void host_await_all(void)
{
	for (int i = 0; i < host_get(DEAD_MARK); i++)
		host_await_death((pid_t)host_get(DEAD_MARK + 1 + i));
}

int host_zombies(void)
{
	DIR *proc = opendir("/proc");
	int count = 0;

	if (!proc)
		return 0;
	for (const struct dirent *entry; (entry = readdir(proc));) {
		struct proc one;

		count += atoi(entry->d_name) > 0 && proc_read(atoi(entry->d_name), &one) && one.parent == getpid() &&
			 one.state == 'Z';
	}
	closedir(proc);
	return count;
}

int host_join(pid_t pid, unsigned seconds)
{
	uint64_t deadline = sheaf_now_ns() + seconds * SECOND;
	int status;

	while (waitpid(pid, &status, WNOHANG) != pid) {
		if (sheaf_now_ns() >= deadline) {
			kill(pid, SIGKILL);
			host_verdict(1, "got no end of a child in %u s, expected one", seconds);
		}
		host_nap(1);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int host_child(int (*play)(void *context), void *context, unsigned seconds)
{
	pid_t pid = fork();

	EXPECT(pid >= 0, "got no child (%s), expected one", strerror(errno));
	if (!pid)
		_exit(play(context));
	return host_join(pid, seconds);
}

void host_be_plain(void)
{
	if (geteuid())
		return;
	if (setgroups(0, NULL) || setgid(PLAIN_USER) || setuid(PLAIN_USER))
		SKIP("root may not become a plain user here (%s)", strerror(errno));
	/* As after an exec: /proc/self belongs to the new user. */
	prctl(PR_SET_DUMPABLE, 1);
}

/* ---- mounts and control groups ---- */

static bool own_mounts(void)
{
	return !unshare(CLONE_NEWNS) && !mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL);
}

void host_mount(const char *path, const char *options)
{
	if (!own_mounts() || mount("sheaf-host", path, "tmpfs", 0, options))
		SKIP("%s cannot be mounted over here (%s)", path, strerror(errno));
}

const char *host_cgroup_folder(void)
{
	return this_case->cgroup;
}

int host_cgroup_write(const char *file, const char *value)
{
	char path[400];
	int fd, r;

	snprintf(path, sizeof(path), "%s/%s", this_case->cgroup, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	r = write(fd, value, strlen(value)) == (ssize_t)strlen(value) ? 0 : -1;
	close(fd);
	return r;
}

/*
 * The folder of the caller's own group of a controller ("": of v2), below which a new one can be
 * made.
 */
static bool own_group(const char *controller, char *path, size_t room)
{
	FILE *file = fopen("/proc/self/cgroup", "re");
	char line[512], *names, *group;
	bool found = false;

	while (file && !found && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = 0;
		names = strchr(line, ':');
		group = names ? strchr(names + 1, ':') : NULL;
		if (!group)
			continue;
		*group++ = 0;
		names++;
		if (strcmp(names, controller))
			continue;
		if (*controller)
			snprintf(path, room, "/sys/fs/cgroup/%s%s", controller, group);
		else
			snprintf(path, room, "/sys/fs/cgroup%s", group);
		found = access(path, W_OK) == 0;
	}
	if (file)
		fclose(file);
	return found;
}

int host_cgroup(const char *controller, const char *file_v1, const char *file_v2, const char *value)
{
	char parent[200];
	const char *file = file_v1;

	if (!own_group(controller, parent, sizeof(parent))) {
		char control[300];
		int fd;

		if (!own_group("", parent, sizeof(parent)))
			return -1;
		file = file_v2;
		/* Allowed in a group without processes, and in the first one. */
		snprintf(control, sizeof(control), "%s/cgroup.subtree_control", parent);
		fd = open(control, O_WRONLY | O_CLOEXEC);
		if (fd >= 0 && dprintf(fd, "+%s", controller) < 0)
			errno = 0;
		if (fd >= 0)
			close(fd);
	}
	snprintf(this_case->cgroup, sizeof(this_case->cgroup), "%s/sheaf-host-%ld", parent, (long)getpid());
	if (mkdir(this_case->cgroup, 0755)) {
		this_case->cgroup[0] = 0;
		return -1;
	}
	if ((file && host_cgroup_write(file, value)) || host_cgroup_write("cgroup.procs", "0"))
		return -1;
	return 0;
}

/* ---- files ---- */

void host_write(const char *path, const void *bytes, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	EXPECT(fd >= 0 && write(fd, bytes, size) == (ssize_t)size, "got no file %s (%s), expected one", path, strerror(errno));
	close(fd);
}

long host_size(const char *path)
{
	struct stat status;

	return lstat(path, &status) ? -1 : (long)status.st_size;
}

size_t host_read(const char *path, char *bytes, size_t room)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t size = 0;
	ssize_t n;

	EXPECT(fd >= 0, "got no file %s (%s), expected one", path, strerror(errno));
	while (size < room - 1 && (n = read(fd, bytes + size, room - 1 - size)) > 0)
		size += (size_t)n;
	bytes[size] = 0;
	close(fd);
	return size;
}

long host_lines(const char *path, const char *line)
{
	FILE *file = fopen(path, "re");
	char text[1024];
	long count = 0;

	EXPECT(file != NULL, "got no file %s (%s), expected one", path, strerror(errno));
	while (fgets(text, sizeof(text), file)) {
		text[strcspn(text, "\n")] = 0;
		count += !line || !strcmp(text, line);
	}
	fclose(file);
	return count;
}

const char *host_shm_path(const char *name)
{
	static char paths[8][300];
	static unsigned next;
	char *path = paths[next++ % 8];

	snprintf(path, sizeof(paths[0]), SHM "%s", name);
	return path;
}

const char *host_own_name(const char *prefix)
{
	static char names[16][100];
	static unsigned next;
	char *name = names[next++ % 16];

	snprintf(name, sizeof(names[0]), "/%s%ld", prefix, (long)getpid());
	return name;
}

bool host_shm_exists(const char *name)
{
	char path[300];

	snprintf(path, sizeof(path), SHM "%s", name);
	return access(path, F_OK) == 0;
}

bool host_shm_private(void)
{
	return private_names;
}

int host_open_files(void)
{
	int count = 0;

	for (int fd = 0; fd < 4096; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

/* ---- the referee ---- */

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
	(void)status, (void)type, (void)walk;
	remove(path);
	return 0;
}

/* In the host: what it is like before the case begins. */
static int host_process(const struct host_case *one)
{
	siginfo_t child = {0};
	int r;

	session_begin();
	this_case->host = getpid();
	if (chdir(folder))
		host_verdict(1, "got no folder %s (%s), expected one", folder, strerror(errno));
	dup2(open("/dev/null", O_RDONLY | O_CLOEXEC), 0);
	dup2(fileno(log_file), 1);
	dup2(fileno(log_file), 2);
	fclose(log_file);
	for (int fd = 3; fd < 4096; fd++)
		close(fd);
	umask(022);
	if (plain)
		host_be_plain();
	r = one->play ? one->play() : one->play_with(one->context);
	fflush(NULL);
	if (!r && !one->stays && !waitid(P_ALL, 0, &child, WEXITED | WNOHANG | WNOWAIT))
		host_verdict(1, "got a child left at the host's end%s, expected none", child.si_pid ? ", a zombie" : "");
	if (r)
		say(r, "got %d from the case, expected 0", r);
	return r;
}

/* Reap all that the host leaves until the deadline. False: a process lived on, and was killed. */
static bool reap_all(unsigned seconds, const char **who)
{
	static char names[200];
	uint64_t deadline = sheaf_now_ns() + seconds * SECOND;
	pid_t pids[64];
	unsigned count;

	*who = names;
	names[0] = 0;
	for (;;) {
		pid_t pid = waitpid(-1, NULL, WNOHANG);

		if (pid < 0)
			return true;
		if (pid > 0)
			continue;
		if (sheaf_now_ns() >= deadline)
			break;
		host_nap(1);
	}
	for (int round = 0; round < 1000; round++) {
		count = living_children(getpid(), pids, 64);
		for (unsigned i = 0; i < count && i < 64; i++) {
			char path[64], comm[32] = "?";
			FILE *file;

			snprintf(path, sizeof(path), "/proc/%ld/comm", (long)pids[i]);
			file = fopen(path, "re");
			if (file && fgets(comm, sizeof(comm), file))
				comm[strcspn(comm, "\n")] = 0;
			if (file)
				fclose(file);
			if (round == 0 && strlen(names) < 100)
				snprintf(names + strlen(names), sizeof(names) - strlen(names), " %s", comm);
			kill(pids[i], SIGKILL);
		}
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		if (waitpid(-1, NULL, WNOHANG) < 0)
			break;
		host_nap(1);
	}
	return false;
}

/* A name that is left in /dev/shm, or NULL. */
static const char *name_left(void)
{
	static char name[300];
	DIR *shm;

	if (!private_names)
		return segments_of(this_case->host) ? "of the host" : NULL;
	shm = opendir(SHM);
	name[0] = 0;
	for (const struct dirent *entry; shm && (entry = readdir(shm));)
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			snprintf(name, sizeof(name), "%s", entry->d_name);
	if (shm)
		closedir(shm);
	return name[0] ? name : NULL;
}

static enum harm judge(const struct host_case *one)
{
	unsigned limit = one->seconds ? one->seconds : 30;
	uint64_t deadline = sheaf_now_ns() + limit * SECOND;
	const char *left;
	enum harm harm;
	int status = 0;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid < 0) {
		say(1, "got no process (%s), expected one", strerror(errno));
		return WRONG;
	}
	if (!pid)
		_exit(host_process(one));
	/* Orphans are reaped meanwhile, as process 1 of a machine does. */
	for (;;) {
		int how;
		pid_t one_ended = waitpid(-1, &how, WNOHANG);

		if (one_ended == pid) {
			status = how;
			break;
		}
		if (one_ended > 0)
			continue;
		if (sheaf_now_ns() >= deadline) {
			say(1, "got no end in %u s, expected one", limit);
			kill(pid, SIGKILL);
			reap_all(0, &left);
			return HUNG;
		}
		host_nap(1);
	}
	if (WIFSIGNALED(status))
		say(1, "got the host's death by signal %d, expected none", WTERMSIG(status));
	harm = this_case->told == 77 ? SKIPPED : this_case->told ? WRONG : FINE;
	if (!reap_all(LINGER, &left)) {
		say(1, "got processes (%s) that live on after the host's end, expected none", left);
		return harm == FINE ? LEAKED : harm;
	}
	if (harm == FINE && (left = name_left())) {
		say(1, "got a name left in " SHM " (%s), expected none", left);
		return LEAKED;
	}
	return harm;
}

static void referee(const struct host_case *one)
{
	const char *temporary = getenv("TMPDIR");
	uint64_t began = sheaf_now_ns();

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	private_names = own_mounts() && !mount("sheaf-host", SHM, "tmpfs", 0, "mode=1777,size=4g");
	snprintf(folder, sizeof(folder), "%s/sheaf-host-XXXXXX", temporary ? temporary : "/tmp");
	log_file = tmpfile();
	if (!log_file || !mkdtemp(folder) || chmod(folder, 0777)) {
		say(1, "got no folder %s (%s), expected one", folder, strerror(errno));
		this_case->harm = WRONG;
		return;
	}
	this_case->harm = judge(one);
	this_case->seconds = (double)(sheaf_now_ns() - began) / 1e9;
	nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	for (unsigned i = 0; this_case->cgroup[0] && rmdir(this_case->cgroup) && errno == EBUSY && i < 1000; i++)
		host_nap(1);
	if (this_case->harm != FINE && this_case->harm != SKIPPED) {
		char text[2000];
		size_t size;

		fseek(log_file, 0, SEEK_END);
		fseek(log_file, ftell(log_file) > 1500 ? -1500 : -ftell(log_file), SEEK_END);
		size = fread(text, 1, sizeof(text) - 1, log_file);
		text[size] = 0;
		for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
			printf("        | %s\n", line);
		fflush(stdout);
	}
}

/* ---- the program ---- */

static bool wanted(const char *name, int argc, char **argv)
{
	bool all = true;

	for (int i = 1; i < argc; i++) {
		if (argv[i][0] == '-')
			continue;
		all = false;
		if (!strcmp(argv[i], name))
			return true;
	}
	return all;
}

static void print_case(const struct host_case *one, const struct played_case *played)
{
	static const char *const words[] = {"PASS", "FAIL", "FAIL", "FAIL", "SKIP"};

	printf("%s %s%s%s (%.1f s)\n", words[played->harm], one->name, played->harm == FINE ? "" : ": ",
	       played->harm == FINE ? "" : played->text, played->seconds);
	fflush(stdout);
}

/* Wait for the end of one case. Process 1 of a namespace may get other children, too. */
static void end_one(pid_t *pids, struct played_case *all_played, const struct host_case *cases, size_t n, unsigned *counts)
{
	for (;;) {
		pid_t pid = waitpid(-1, NULL, 0);

		for (size_t i = 0; i < n; i++) {
			if (pids[i] != pid)
				continue;
			pids[i] = 0;
			print_case(&cases[i], &all_played[i]);
			counts[all_played[i].harm]++;
			return;
		}
	}
}

int host_main(int argc, char **argv, const char *program, const struct host_case *cases, size_t n)
{
	long jobs = sysconf(_SC_NPROCESSORS_ONLN) + 2;
	unsigned counts[SKIPPED + 1] = {0}, playing = 0, played = 0;
	uint64_t began = sheaf_now_ns();
	struct played_case *all_played;
	pid_t *pids;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--plain")) {
			plain = true;
		} else if (!strncmp(argv[i], "--jobs=", 7)) {
			jobs = atol(argv[i] + 7);
		} else if (!strcmp(argv[i], "--list")) {
			for (size_t k = 0; k < n; k++)
				printf("%s %s\n", program, cases[k].name);
			return 0;
		} else if (argv[i][0] == '-') {
			printf("usage: %s [--plain] [--jobs=N] [--list] [CASE...]\n", argv[0]);
			return 2;
		}
	}
	all_played = mmap(NULL, n * sizeof(*all_played), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pids = calloc(n, sizeof(*pids));
	if (all_played == MAP_FAILED || !pids)
		return 1;
	for (size_t i = 0; i < n; i++) {
		if (!wanted(cases[i].name, argc, argv))
			continue;
		while (playing >= (unsigned)(jobs < 1 ? 1 : jobs)) {
			end_one(pids, all_played, cases, n, counts);
			playing--;
		}
		fflush(stdout);
		all_played[i].harm = WRONG;
		pids[i] = fork();
		if (!pids[i]) {
			this_case = &all_played[i];
			referee(&cases[i]);
			_exit(0);
		}
		playing++;
		played++;
	}
	for (; playing > 0; playing--)
		end_one(pids, all_played, cases, n, counts);
	if (!played) {
		printf("%s has no such case; --list names them\n", program);
		return 2;
	}
	printf("%s: %u passed, %u failed, %u skipped\n", program, counts[FINE], counts[WRONG] + counts[HUNG] + counts[LEAKED],
	       counts[SKIPPED]);
	printf("report {\"name\": \"hosts\", \"cases\": %u, \"lost\": 0, \"duplicated\": 0, \"hung\": %u, \"leaked\": %u, "
	       "\"harmed\": %u, \"left out\": %u, \"seed\": 0, \"seconds\": %.1f, \"ok\": %s}\n",
	       played - counts[SKIPPED], counts[HUNG], counts[LEAKED], counts[WRONG], counts[SKIPPED],
	       (double)(sheaf_now_ns() - began) / 1e9, counts[WRONG] + counts[HUNG] + counts[LEAKED] ? "false" : "true");
	free(pids);
	return counts[WRONG] + counts[HUNG] + counts[LEAKED] ? 1 : counts[SKIPPED] == played ? 77 : 0;
}
