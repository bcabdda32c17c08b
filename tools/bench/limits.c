/*
 * limits.c - what the machine itself needs for the step that a case cannot do without. What memory needs is in limits_memory.c.
 */
#include "child.h"
#include "crew.h"
#include "measure.h"
#include "peers.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* The word counts the passes: process 0 waits for even numbers, process 1 for odd ones. */
static void pass_line(const struct crew *crew, unsigned index, const struct bench_job *job)
{
	atomic_ulong *word = &crew->page->word;

	for (unsigned long i = 0; i < job->n; i++) {
		unsigned spins = 0;

		/* Acquire and release: what travels with the word would be visible, as a real hand-over needs. */
		while (atomic_load_explicit(word, memory_order_acquire) != 2 * i + index)
			if (++spins % 4096 == 0)
				sched_yield();
		atomic_store_explicit(word, 2 * i + index + 1, memory_order_release);
	}
}

int limit_line(const struct bench_job *job, double *ns)
{
	struct bench_job shorter = *job;

	shorter.n = job->n / 10 + 1;
	return crew_measure(&shorter, (struct crew){.size = 2, .work = pass_line}, ns);
}

static void hammer(const struct crew *crew, unsigned index, const struct bench_job *job)
{
	size_t first, share = crew_share(crew, index, job->n, &first);

	/* Relaxed: nothing is handed over, only the line moves. */
	for (size_t i = 0; i < share; i++)
		atomic_fetch_add_explicit(&crew->page->word, 1, memory_order_relaxed);
}

int limit_fetch_add(const struct bench_job *job, double *ns)
{
	struct bench_job longer = *job;

	/* Long enough that the scheduler has spread the crew over the CPUs for most of it. */
	longer.n = 10 * job->n;
	return crew_measure(&longer, (struct crew){.size = job->workers < 2 ? 2 : job->workers, .work = hammer}, ns);
}

static void call(const struct crew *crew, unsigned index, const struct bench_job *job)
{
	size_t first, share = crew_share(crew, index, job->n, &first);
	sheaf_task_fn *volatile which = bench_task; /* volatile: the pointer is not known when this is compiled */
	sheaf_task_fn *fn = which;
	uint64_t in[512] = {0}, out[512];

	for (size_t i = 0; i < share; i++)
		fn(NULL, &in[i % 512], &out[i % 512]);
}

int limit_calls(const struct bench_job *job, double *ns)
{
	return crew_measure(job, (struct crew){.size = job->workers, .work = call}, ns);
}

static int run_wake(const struct bench_job *job, void *context, uint64_t *ns)
{
	struct crew_page *page = context;
	uint64_t start;

	(void)job;
	bench_idle();
	start = sheaf_now_ns();
	sem_post(&page->call);
	while (sem_wait(&page->answer) != 0)
		if (errno != EINTR)
			return bench_fail("sem_wait: %s", strerror(errno));
	*ns = sheaf_now_ns() - start;
	return 0;
}

int limit_wake(const struct bench_job *job, double *ns)
{
	void *memory = NULL;
	struct crew_page *page;
	pid_t helper;
	int r = crew_memory(sizeof(*page), &memory);

	if (r != 0)
		return r;
	page = memory;
	if (sem_init(&page->call, 1, 0) != 0) {
		r = bench_fail("sem_init: %s", strerror(errno));
		goto unmap;
	}
	if (sem_init(&page->answer, 1, 0) != 0) {
		r = bench_fail("sem_init: %s", strerror(errno));
		goto destroy_call;
	}
	helper = fork();
	if (helper == 0) {
		alarm(CHILD_LONGEST_S);
		for (;;)
			if (sem_wait(&page->call) == 0)
				sem_post(&page->answer);
	}
	if (helper < 0) {
		r = bench_fail("fork: %s", strerror(errno));
		goto destroy_answer;
	}
	r = bench_repeat(job, run_wake, page, ns);
	crew_end(&helper, 1);
destroy_answer:
	sem_destroy(&page->answer);
destroy_call:
	sem_destroy(&page->call);
unmap:
	munmap(page, sizeof(*page));
	return r;
}

/* A pool of n workers has n + 1 processes: the supervisor too. */
static int run_forks(const struct bench_job *job, void *context, uint64_t *ns)
{
	pid_t *pids = context;
	unsigned n = job->workers + 1, started = 0;
	uint64_t start = sheaf_now_ns();
	int r = 0;

	for (; started < n; started++) {
		pids[started] = fork();
		if (pids[started] == 0)
			_exit(0);
		if (pids[started] < 0) {
			r = bench_fail("fork: %s", strerror(errno));
			break;
		}
	}
	for (unsigned i = 0; i < started; i++)
		while (waitpid(pids[i], NULL, 0) < 0 && errno == EINTR)
			;
	*ns = sheaf_now_ns() - start;
	return r;
}

int limit_forks(const struct bench_job *job, double *ns)
{
	pid_t *pids = malloc((job->workers + 1) * sizeof(*pids));
	int r;

	if (!pids)
		return bench_fail("no memory for %u process ids", job->workers + 1);
	r = bench_repeat(job, run_forks, pids, ns);
	free(pids);
	return r;
}
