/*
 * process_state.c - descriptors, mappings, threads, children and signals.
 */
#include "process_state.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>

#include "check.h"
#include "deadline.h"
#include "leaks.h"
#include "sheaf.h"

static int count_threads(void)
{
	DIR *folder = opendir("/proc/self/task");
	int count = 0;

	CHECK(folder, "/proc/self/task");
	for (const struct dirent *entry; (entry = readdir(folder));)
		count += isdigit((unsigned char)entry->d_name[0]) != 0;
	closedir(folder);
	return count;
}

struct process_state process_state_now(void)
{
	struct process_state b = {
		.mappings = count_segment_mappings(),
		.threads = count_threads(),
		.children = count_children(),
	};

	for (int fd = 0; fd < STATE_FILES; fd++)
		b.files[fd] = (signed char)fcntl(fd, F_GETFD);
	for (int i = 1; i < 32; i++)
		sigaction(i, NULL, &b.actions[i]);
	pthread_sigmask(SIG_SETMASK, NULL, &b.mask);
	return b;
}

static bool no_zombies(const struct sigaction *action)
{
	return action->sa_handler == SIG_IGN || action->sa_flags & SA_NOCLDWAIT;
}

void process_state_check(const struct process_state *before)
{
	struct process_state after = process_state_now();
	uint64_t deadline = hang_deadline();

	/*
	 * A joined thread may still be ending, and so may a child that leaves no zombie. All others
	 * were waited for.
	 */
	while (after.threads > before->threads && sheaf_now_ns() < deadline)
		after.threads = count_threads();
	while (no_zombies(&after.actions[SIGCHLD]) && after.children > before->children && sheaf_now_ns() < deadline)
		after.children = count_children();
	for (int fd = 0; fd < STATE_FILES; fd++)
		CHECK_AS(HARM_LEAKED, after.files[fd] == before->files[fd], "descriptor %d has flags %d, %d before", fd,
			 after.files[fd], before->files[fd]);
	CHECK_AS(HARM_LEAKED, after.mappings == before->mappings, "%d mappings, %d before", after.mappings, before->mappings);
	CHECK_AS(HARM_LEAKED, after.threads == before->threads, "%d threads, %d before", after.threads, before->threads);
	CHECK_AS(HARM_LEAKED, after.children == before->children, "%d children, %d before", after.children, before->children);
	for (int i = 1; i < 32; i++) {
		const struct sigaction *a = &after.actions[i], *b = &before->actions[i];

		CHECK(a->sa_handler == b->sa_handler && a->sa_flags == b->sa_flags, "the action of signal %d changed", i);
		CHECK(sigismember(&after.mask, i) == sigismember(&before->mask, i), "signal %d was masked or unmasked", i);
	}
}
