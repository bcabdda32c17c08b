/*
 * process_id.c - whether a pid still names the process that it named.
 *
 * Pids are given out again. So a process is known by its pid, the time when it started, and the
 * namespaces that count both.
 */
#include "os/process_id.h"

#include "base/atomic.h"
#include "os/forks.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define START_FIELD 22 /* of /proc/PID/stat */
#define THREADS_FIELD 20

struct stat_line {
	char state;
	uint64_t start;
	uint64_t threads;
};

/* Read what Linux tells of a process in /proc. False: it tells nothing. */
static bool read_stat(const char *path, struct stat_line *line)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char text[1024], *at;
	ssize_t got;

	if (fd < 0)
		return false;
	do
		got = read(fd, text, sizeof(text) - 1);
	while (got < 0 && errno == EINTR);
	close(fd);
	if (got <= 0)
		return false;
	text[got] = '\0';
	/* The second field is the name in parentheses, which may hold anything. */
	at = strrchr(text, ')');
	if (!at || at[1] != ' ')
		return false;
	line->state = *(at += 2);
	for (int field = 3; field < START_FIELD; field++) {
		at = strchr(at, ' ');
		if (!at)
			return false;
		at++;
		if (field + 1 == THREADS_FIELD)
			line->threads = strtoull(at, NULL, 10);
	}
	line->start = strtoull(at, NULL, 10);
	return true;
}

static uint64_t inode_of(const char *path)
{
	struct stat status;

	return fstatat(AT_FDCWD, path, &status, 0) ? 0 : (uint64_t)status.st_ino;
}

/*
 * Identify the namespaces in which pids and start times are counted. They are those of this thread:
 * a first thread that has ended shows none, and the answer must be the same all life long.
 */
static uint64_t space_of_process(void)
{
	return inode_of("/proc/thread-self/ns/pid") | inode_of("/proc/thread-self/ns/time") << 32;
}

void os_process_note(struct os_process_id *id)
{
	/*
	 * Asking takes as long as half of a fork, and the answer is the same all life long. Threads
	 * that ask at once store the same.
	 */
	static _Atomic uint64_t known, start, space;
	static _Atomic uint32_t pid;
	struct stat_line line = {0};

	id->pid = (uint32_t)getpid();
	/*
	 * Acquire, pairs with the store to `known` below: else start and space could be read before
	 * they were stored. A child in another namespace may have our pid, so its number tells it
	 * apart.
	 */
	if (load_acquire(&known) == forks_count() + UINT64_C(1) && load_relaxed(&pid) == id->pid) {
		id->start = load_relaxed(&start);
		id->space = load_relaxed(&space);
		return;
	}
	id->space = space_of_process();
	/*
	 * By "self", because /proc may be that of another namespace, where our pid is another
	 * process.
	 */
	id->start = id->space && read_stat("/proc/self/stat", &line) ? line.start : 0;
	store_relaxed(&start, id->start);
	store_relaxed(&space, id->space);
	store_relaxed(&pid, id->pid);
	/* Release, pairs with the load of `known` above. */
	store_release(&known, forks_count() + UINT64_C(1));
}

/* Tell whether /proc is that of our own namespace. */
static bool proc_is_ours(void)
{
	char text[32];
	ssize_t got = readlink("/proc/self", text, sizeof(text) - 1);

	if (got <= 0)
		return false;
	text[got] = '\0';
	return strtoll(text, NULL, 10) == (long long)getpid();
}

/* Read what Linux tells of the process with the pid. False: it tells nothing. */
static bool read_stat_of(pid_t pid, struct stat_line *line)
{
	char path[40];

	snprintf(path, sizeof(path), "/proc/%lu/stat", (unsigned long)pid);
	return proc_is_ours() && read_stat(path, line);
}

void os_process_note_other(pid_t pid, struct os_process_id *id)
{
	struct stat_line line = {0};

	os_process_note(id);
	id->pid = (uint32_t)pid;
	id->start = read_stat_of(pid, &line) ? line.start : 0;
}

int os_process_is(const struct os_process_id *id)
{
	struct stat_line line = {0};

	if (!id->start || id->space != space_of_process())
		return -1;
	if (read_stat_of((pid_t)id->pid, &line))
		return line.start == id->start;
	/* The process may have had no descriptor left to read the file with. */
	return kill((pid_t)id->pid, 0) && errno == ESRCH ? 0 : -1;
}

int os_process_lives(const struct os_process_id *id)
{
	struct stat_line line = {0};

	if (!id->pid || id->pid > INT32_MAX || id->space != space_of_process())
		return -1;
	if (kill((pid_t)id->pid, 0) && errno == ESRCH)
		return 0;
	/* Some process has that pid. Is it the same one, and does any thread of it still run? */
	if (!read_stat_of((pid_t)id->pid, &line))
		return 1;
	/* A zombie has ended, unless it is the first thread of a process whose others run on. */
	if (line.state == 'X' || (line.state == 'Z' && line.threads <= 1))
		return 0;
	return !id->start || line.start == id->start;
}
