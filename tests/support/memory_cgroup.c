/*
 * memory_cgroup.c - control groups of version 1 and 2, by their files.
 */
#include "support/memory_cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sheaf.h"
#include "support/children.h"
#include "support/deadline.h"

static char folder[4300];

static bool write_text(const char *name, const char *text)
{
	char path[4400];
	int fd;
	bool written;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	written = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	close(fd);
	return written;
}

static bool make_below(const char *mount, const char *own, const char *knob, uint64_t limit)
{
	char text[32];

	snprintf(folder, sizeof(folder), "%s%s/sheaf-test-%ld", mount, own, (long)getpid());
	snprintf(text, sizeof(text), "%llu", (unsigned long long)limit);
	if (mkdir(folder, 0755)) {
		folder[0] = '\0';
		return false;
	}
	if (!write_text(knob, text)) {
		memory_cgroup_remove();
		return false;
	}
	/* Swap would take what does not fit. */
	write_text("memory.swap.max", "0");
	write_text("memory.memsw.limit_in_bytes", text);
	write_text("memory.swappiness", "0");
	return true;
}

/* Lines of /proc/self/cgroup are "4:memory:/path" (version 1) and "0::/path" (version 2). */
bool memory_cgroup_make(uint64_t limit)
{
	FILE *file = fopen("/proc/self/cgroup", "r");
	bool made = false;
	char line[4096];

	while (file && !made && fgets(line, sizeof(line), file)) {
		char *controllers = strchr(line, ':'), *own = controllers ? strchr(controllers + 1, ':') : NULL;

		if (!own)
			continue;
		own[strcspn(own, "\n")] = '\0';
		*own++ = '\0';
		if (!strcmp(controllers, ":memory"))
			made = make_below("/sys/fs/cgroup/memory", own, "memory.limit_in_bytes", limit);
		else if (!strcmp(controllers, ":"))
			made = make_below("/sys/fs/cgroup", own, "memory.max", limit);
	}
	if (file)
		fclose(file);
	return made;
}

bool memory_cgroup_enter(void)
{
	char text[32];

	snprintf(text, sizeof(text), "%ld", (long)getpid());
	return write_text("cgroup.procs", text);
}

static void kill_members(void)
{
	char path[4400];
	FILE *file;
	long pid;

	snprintf(path, sizeof(path), "%s/cgroup.procs", folder);
	file = fopen(path, "r");
	while (file && fscanf(file, "%ld", &pid) == 1)
		kill((pid_t)pid, SIGKILL);
	if (file)
		fclose(file);
}

void memory_cgroup_remove(void)
{
	uint64_t deadline = hang_deadline();

	while (folder[0] && rmdir(folder) && errno == EBUSY && sheaf_now_ns() < deadline) {
		kill_members();
		sleep_ns(1000000);
	}
	folder[0] = '\0';
}
