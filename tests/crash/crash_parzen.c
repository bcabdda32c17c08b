/*
 * crash_parzen.c - the main example gives the same digits while its workers are killed.
 *
 * Usage: crash_parzen PARZEN [SEED [KILLS]]. Kills a random worker every 50 ms.
 */
#include "support/arguments.h"
#include "support/check.h"
#include "support/children.h"
#include "support/deadline.h"
#include "support/rng.h"
#include "support/session.h"

#include "sheaf.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define EVERY_NS 50000000
#define WORKERS 3

struct run {
	const char *parzen;
	FILE *output;
};

static int exec_parzen(void *context)
{
	struct run *run = context;
	char *const argv[] = {(char *)(uintptr_t)run->parzen,
			      "--csv",
			      "--widths",
			      "1.0:1.2:0.0005",
			      "--workers",
			      "3",
			      "--attempts",
			      "31",
			      "--repeat",
			      "200",
			      NULL};

	if (!session_begin() || dup2(fileno(run->output), STDOUT_FILENO) < 0)
		return 126;
	execv(run->parzen, argv);
	return 127;
}

/* All that the program prints, to be freed, with kills meanwhile. */
static char *run_parzen(const char *parzen, struct rng *rng, uint64_t *kills, size_t *size)
{
	struct run run = {.parzen = parzen, .output = tmpfile()};
	char *text;
	int status;
	pid_t pid;

	CHECK(run.output, "tmpfile");
	pid = child_start(exec_parzen, &run);
	CHECK(pid > 0, "child");
	while (child_wait(pid, &status, sheaf_now_ns() + EVERY_NS) != 0) {
		pid_t supervisor, children[WORKERS + 1]; /* the workers and the spare */
		unsigned count;

		if (!rng || living_children(pid, &supervisor, 1) != 1)
			continue;
		count = living_children(supervisor, children, WORKERS + 1);
		if (count > 0 && count <= WORKERS + 1 && kill(children[rng_below(rng, count)], SIGKILL) == 0)
			++*kills;
	}
	CHECK(status == 0, "%s: status %#x", parzen, (unsigned)status);
	CHECK(session_ended(pid, hang_deadline()) && segments_of(pid) == 0, "%s left something", parzen);
	CHECK(fseek(run.output, 0, SEEK_END) == 0, "fseek");
	*size = (size_t)ftell(run.output);
	rewind(run.output);
	text = malloc(*size + 1);
	CHECK(text && fread(text, 1, *size, run.output) == *size, "%zu bytes", *size);
	fclose(run.output);
	return text;
}

int main(int argc, char **argv)
{
	uint64_t wanted, kills = 0, runs = 0;
	struct rng rng;
	size_t size, again;
	char *text;

	if (argc < 2) {
		fprintf(stderr, "usage: crash_parzen PARZEN [SEED [KILLS]]\n");
		return 2;
	}
	if (!session_visible() || access(argv[1], X_OK) != 0) {
		printf("skipped: no %s, no /proc, or no /dev/shm\n", argv[1]);
		return 77;
	}
	rng.state = seed_argument(argc - 1, argv + 1);
	wanted = amount_argument(argc, argv, 3, 60);
	text = run_parzen(argv[1], NULL, NULL, &size);
	CHECK(size > 1000, "%zu bytes", size);
	for (; kills < wanted; runs++) {
		char *other = run_parzen(argv[1], &rng, &kills, &again);

		CHECK(again == size && memcmp(text, other, size) == 0, "run %llu differs", (unsigned long long)runs);
		free(other);
	}
	free(text);
	printf("kills=%llu, %llu runs of 200 repetitions, no digit differs\n", (unsigned long long)kills,
	       (unsigned long long)runs);
	return 0;
}
