/*
 * peers.c - becomes the program of a peer. It lies beside this program, and is never taken from the
 * folder that the user is in.
 */
#include "peers.h"
#include "measure.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * The path of @program. Where the system does not tell where this program lies, its starter has:
 * sheaf-bench gives its whole path.
 */
static bool find(const char *program, char *path, size_t room)
{
	char own[1024];
	ssize_t length = readlink("/proc/self/exe", own, sizeof(own) - 1);
	const char *slash;

	own[length > 0 ? length : 0] = '\0';
	if (length <= 0)
		snprintf(own, sizeof(own), "%s", bench_program);
	slash = strrchr(own, '/');
	return slash && snprintf(path, room, "%.*s%s", (int)(slash + 1 - own), own, program) < (int)room &&
	       access(path, R_OK) == 0;
}

/* What runs a script, by the ending of its name, and how it is told to read no settings. */
static const struct {
	char *ending, *program, *flag;
} interpreters[] = {
	{".py", "python3", "-I"},
	{".R", "Rscript", "--vanilla"},
	{".mjs", "node", "--no-warnings"},
};

/* Returns only if this process cannot become the peer. */
int peer_measure(const struct bench_job *job, double *ns)
{
	const struct bench_contender *contender = job->contender;
	const char *ending = strrchr(contender->program, '.');
	char path[1100], name[64], workers[24], n[24], repeats[24], *interpreter = NULL, *flag = NULL;
	char *words[] = {NULL, NULL, path, name, workers, n, repeats, job->quick ? "1" : "0", NULL};
	char **first;

	for (size_t i = 0; i < sizeof(interpreters) / sizeof(interpreters[0]); i++)
		if (ending && strcmp(ending, interpreters[i].ending) == 0) {
			interpreter = interpreters[i].program;
			flag = interpreters[i].flag;
		}
	words[0] = interpreter;
	words[1] = flag;
	first = interpreter ? words : words + 2;
	(void)ns;
	if (!find(contender->program, path, sizeof(path)))
		return bench_skip("sheaf-bench was built without it");
	if (contender->wait_policy && setenv("OMP_WAIT_POLICY", contender->wait_policy, 1) != 0)
		return bench_fail("setenv: %s", strerror(errno));
	snprintf(name, sizeof(name), "%s%s%s", job->name, contender->variant ? ":" : "",
		 contender->variant ? contender->variant : "");
	snprintf(workers, sizeof(workers), "%u", job->workers);
	snprintf(n, sizeof(n), "%zu", job->n);
	snprintf(repeats, sizeof(repeats), "%u", job->repeats);
	execvp(first[0], first);
	return errno == ENOENT ? bench_skip("%s was not found in PATH", first[0])
			       : bench_skip("%s: %s", first[0], strerror(errno));
}
