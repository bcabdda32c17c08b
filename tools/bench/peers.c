/*
 * peers.c - becomes the program of a peer. They lie in the folder "bench/peers" beside this program where it was built, and in PEERS_FOLDER
 * where it is installed. Never in a folder that somebody is in: a program that was found by PATH does not know by its name where it lies.
 */
#include "peers.h"
#include "measure.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The path of a peer beside this program, whose own path the system tells, or the shell by a name with a slash. False: neither does. */
static bool find_beside(const char *program, char *path, size_t room)
{
	char own[1024];
	ssize_t length = readlink("/proc/self/exe", own, sizeof(own) - 1);
	const char *slash;

	own[length > 0 ? length : 0] = '\0';
	if (length <= 0)
		snprintf(own, sizeof(own), "%s", bench_program);
	slash = strrchr(own, '/');
	return slash && snprintf(path, room, "%.*sbench/peers/%s", (int)(slash + 1 - own), own, program) < (int)room;
}

/* Returns only if that cannot be. @before: a program that runs it and that program's options, NULL: none. */
static int become(const char *program, const char *const *before, const struct bench_job *job)
{
	char path[1100], workers[24], n[24], repeats[24];
	const char *words[16];
	size_t count = 0;

	if (!find_beside(program, path, sizeof(path)) || access(path, R_OK) != 0)
		snprintf(path, sizeof(path), "%s/%s", PEERS_FOLDER, program);
	if (access(path, R_OK) != 0)
		return bench_skip("sheaf-bench was built without it");
	snprintf(workers, sizeof(workers), "%u", job->workers);
	snprintf(n, sizeof(n), "%zu", job->n);
	snprintf(repeats, sizeof(repeats), "%u", job->repeats);
	for (; before && *before; before++)
		words[count++] = *before;
	words[count++] = path;
	words[count++] = job->name;
	words[count++] = workers;
	words[count++] = n;
	words[count++] = repeats;
	words[count++] = job->quick ? "1" : "0";
	words[count] = NULL;
	execvp(words[0], (char *const *)words);
	return errno == ENOENT ? bench_skip("%s was not found in PATH", words[0])
			       : bench_skip("%s: %s", words[0], strerror(errno));
}

static int become_openmp(const char *program, const char *policy, const struct bench_job *job)
{
	if (policy && setenv("OMP_WAIT_POLICY", policy, 1) != 0)
		return bench_fail("setenv: %s", strerror(errno));
	return become(program, NULL, job);
}

static int become_python(const char *peer, const struct bench_job *job)
{
	const char *before[] = {"python3", "-I", NULL};
	char program[64];

	snprintf(program, sizeof(program), "%s.py", peer);
	return become(program, before, job);
}

int peer_libgomp(const struct bench_job *job, double *ns)
{
	(void)ns;
	return become_openmp("libgomp", NULL, job);
}

int peer_libgomp_active(const struct bench_job *job, double *ns)
{
	(void)ns;
	return become_openmp("libgomp", "active", job);
}

int peer_libgomp_passive(const struct bench_job *job, double *ns)
{
	(void)ns;
	return become_openmp("libgomp", "passive", job);
}

int peer_libomp(const struct bench_job *job, double *ns)
{
	(void)ns;
	return become_openmp("libomp", NULL, job);
}

int peer_tbb(const struct bench_job *job, double *ns)
{
	(void)ns;
	return become("tbb", NULL, job);
}

int peer_pipes(const struct bench_job *job, double *ns)
{
	(void)ns;
	return become("pipes", NULL, job);
}

/* One rank asks and the others are the workers: a single one in a stream, and one less where the caller works, too. */
static unsigned mpi_ranks(const struct bench_job *job)
{
	unsigned workers = job->workers;

	if (strcmp(job->name, "stream") == 0)
		workers = 1;
	else if (strcmp(job->name, "fork-join-hot") == 0 && workers > 1)
		workers--;
	return 1 + workers;
}

int peer_mpi(const struct bench_job *job, double *ns)
{
	char ranks[24];
	const char *before[] = {"mpirun", "--allow-run-as-root", "--oversubscribe", "-q", "--stdin", "none", "-n", ranks, NULL};

	(void)ns;
	snprintf(ranks, sizeof(ranks), "%u", mpi_ranks(job));
	return become("mpi", before, job);
}

int peer_pool(const struct bench_job *job, double *ns)
{
	(void)ns;
	return become_python("pool", job);
}

int peer_executor(const struct bench_job *job, double *ns)
{
	(void)ns;
	return become_python("executor", job);
}

int peer_joblib(const struct bench_job *job, double *ns)
{
	(void)ns;
	return become_python("joblib_peer", job);
}
