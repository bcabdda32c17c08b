/*
 * helpers.c - forks helpers and ends them.
 */
#include "helpers.h"
#include "child.h"
#include "measure.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

int helpers_start(struct helpers *helpers, unsigned n, helper_fn *work, void *context)
{
	*helpers = (struct helpers){.pids = malloc((n + 1) * sizeof(*helpers->pids))};
	if (!helpers->pids)
		return bench_fail("no memory for %u process ids", n);
	for (; helpers->n < n; helpers->n++) {
		pid_t pid = fork();

		if (pid == 0) {
			alarm(CHILD_LONGEST_S);
			work(context, helpers->n);
			_exit(0);
		}
		if (pid < 0) {
			int error = errno;

			helpers_end(helpers);
			return bench_fail("fork: %s", strerror(error));
		}
		helpers->pids[helpers->n] = pid;
	}
	return 0;
}

void helpers_end(struct helpers *helpers)
{
	for (unsigned i = 0; i < helpers->n; i++)
		kill(helpers->pids[i], SIGKILL);
	for (unsigned i = 0; i < helpers->n; i++)
		waitpid(helpers->pids[i], NULL, 0);
	free(helpers->pids);
}
