/*
 * limits.c - what the machine itself needs for the step that a case cannot do without. What memory
 * needs is in limits_memory.c.
 */
#include "crew.h"
#include "helpers.h"
#include "kernel.h"
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

		/*
		 * Acquire and release: what travels with the word would be visible, as a real
		 * hand-over needs.
		 */
		while (atomic_load_explicit(word, memory_order_acquire) != 2 * i + index)
			if (++spins % 4096 == 0)
				sched_yield();
		atomic_store_explicit(word, 2 * i + index + 1, memory_order_release);
	}
}

static int measure_line(const struct bench_job *job, size_t n, double *ns)
{
	struct bench_job round_trips = *job;

	round_trips.n = n;
	return crew_measure(&round_trips, (struct crew){.size = 2, .work = pass_line}, ns);
}

int limit_line(const struct bench_job *job, double *ns)
{
	return measure_line(job, job->n / 10 + 1, ns);
}

int limit_lines(const struct bench_job *job, double *ns)
{
	int r = measure_line(job, 100 * job->n + 1, ns);

	*ns *= job->way;
	return r;
}

static void pass_cpu(const struct crew *crew, unsigned index, const struct bench_job *job)
{
	atomic_ulong *word = &crew->page->word;

	for (unsigned long i = 0; i < job->n; i++) {
		/* As in pass_line(). */
		while (atomic_load_explicit(word, memory_order_acquire) != 2 * i + index)
			sched_yield();
		atomic_store_explicit(word, 2 * i + index + 1, memory_order_release);
	}
}

int limit_yield(const struct bench_job *job, double *ns)
{
	struct bench_job round_trips = *job;
	int r = kernel_one_cpu();

	round_trips.n = job->quick ? 1000 : 10000;
	return r ? r : crew_measure(&round_trips, (struct crew){.size = 2, .work = pass_cpu}, ns);
}

static void post_back(void *context, unsigned index)
{
	struct crew_page *page = context;

	(void)index;
	for (;;)
		if (sem_wait(&page->call) == 0)
			sem_post(&page->answer);
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
	struct helpers helper;
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
	if ((r = helpers_start(&helper, 1, post_back, page)))
		goto destroy_answer;
	r = bench_repeat(job, run_wake, page, ns);
	helpers_end(&helper);
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
