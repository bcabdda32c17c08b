/*
 * session.c - reads /proc and /dev/shm.
 */
#include "session.h"

#include <ctype.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "deadline.h"
#include "proc.h"
#include "sheaf.h"

#define SHM "/dev/shm"

bool session_visible(void)
{
	struct proc proc;

	return proc_read(getpid(), &proc) && access(SHM, X_OK) == 0;
}

static bool in_session(pid_t pid, const struct proc *proc, pid_t session)
{
	(void)proc;
	return getsid(pid) == session;
}

static bool has_parent(pid_t pid, const struct proc *proc, pid_t parent)
{
	(void)pid;
	return proc->parent == parent;
}

/* List living processes that belong to @of. A process that ends meanwhile is no error. */
static unsigned list(bool (*belongs)(pid_t, const struct proc *, pid_t), pid_t of, pid_t *pids, unsigned room)
{
	DIR *folder = of > 0 ? opendir("/proc") : NULL;
	unsigned count = 0;

	/* With 0 the processes would be the system's, and callers kill what they get. */
	if (!folder)
		return 0;
	for (const struct dirent *entry; (entry = readdir(folder));) {
		pid_t pid = (pid_t)atol(entry->d_name);
		struct proc proc;

		if (!isdigit((unsigned char)entry->d_name[0]) || !proc_read(pid, &proc) || proc.state == 'Z' ||
		    proc.state == 'X' || !belongs(pid, &proc, of))
			continue;
		if (count < room)
			pids[count] = pid;
		count++;
	}
	closedir(folder);
	return count;
}

unsigned session_processes(pid_t session, pid_t *pids, unsigned room)
{
	return list(in_session, session, pids, room);
}

unsigned living_children(pid_t parent, pid_t *pids, unsigned room)
{
	return list(has_parent, parent, pids, room);
}

bool session_ended(pid_t session, uint64_t deadline_ns)
{
	pid_t pids[64];
	unsigned count;

	while ((count = session_processes(session, pids, 64))) {
		if (sheaf_now_ns() >= deadline_ns) {
			for (unsigned i = 0; i < count && i < 64; i++) {
				fprintf(stderr, "process %ld of session %ld lives on\n", (long)pids[i], (long)session);
				kill(pids[i], SIGKILL);
			}
			return false;
		}
		sleep_ns(1000000);
	}
	return true;
}

/* Call visit(), if there is one, for each name of this prefix, and return their number. */
static unsigned each_name(const char *prefix, void (*visit)(const char *name))
{
	DIR *folder = opendir(SHM);
	unsigned count = 0;

	if (!folder)
		return 0;
	for (const struct dirent *entry; (entry = readdir(folder));)
		if (strncmp(entry->d_name, prefix, strlen(prefix)) == 0) {
			count++;
			if (visit)
				visit(entry->d_name);
		}
	closedir(folder);
	return count;
}

unsigned segments_of(pid_t owner)
{
	char prefix[64];

	snprintf(prefix, sizeof prefix, "sheaf-%ld-", (long)owner);
	return each_name(prefix, NULL);
}

static void take_away(const char *name)
{
	char path[300];

	snprintf(path, sizeof path, SHM "/%s", name);
	unlink(path);
}

bool session_begin(void)
{
	char prefix[64];

	if (setsid() < 0)
		return false;
	snprintf(prefix, sizeof prefix, "sheaf-%ld-", (long)getpid());
	each_name(prefix, take_away);
	return true;
}
