/*
 * limits.c - what the machine itself needs for the step that a case cannot do without.
 *
 * A *crew* is a few processes with one page in common. The caller is one of them, so that a crew of as many as there are CPUs
 * leaves none of them to a mere onlooker. Helpers end by themselves if their caller is gone: child.c kills them with it, and an
 * alarm ends what is left.
 *
 * Who writes what   go: the caller. ready, done: everybody, by addition. word: as each limit says.
 * Edges             go (release -> acquire) hands n and the start to the helpers; done (release -> acquire) ends the run.
 */
#include "child.h"
#include "measure.h"
#include "peers.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

struct page {
	_Alignas(128) atomic_uint ready;
	_Alignas(128) atomic_uint go;
	_Alignas(128) atomic_uint done;
	_Alignas(128) atomic_ulong word;
	_Alignas(128) sem_t call;
	sem_t answer;
};

struct crew {
	struct page *page;
	unsigned size; /* processes, the caller among them */
	void (*work)(struct page *page, unsigned index, const struct bench_job *job, unsigned size);
};

/* Waits politely: with fewer CPUs than processes the other side needs this one. */
static void wait_for(const atomic_uint *word, unsigned value)
{
	while (atomic_load_explicit(word, memory_order_acquire) < value)
		sched_yield();
}

/* A page that only this process and its children see: the name is gone before anybody else can use it. */
static struct page *page_new(void)
{
	struct page *page;
	char name[64];
	int fd;

	snprintf(name, sizeof(name), "/sheaf-bench-limit-%ld", (long)getpid());
	fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
	if (fd < 0)
		return NULL;
	shm_unlink(name);
	if (ftruncate(fd, sizeof(*page)) != 0) {
		close(fd);
		return NULL;
	}
	page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return page == MAP_FAILED ? NULL : page;
}

static void end_helpers(pid_t *pids, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		kill(pids[i], SIGKILL);
	for (unsigned i = 0; i < n; i++)
		waitpid(pids[i], NULL, 0);
}

static int run_crew(const struct bench_job *job, void *context, uint64_t *ns)
{
	struct crew *crew = context;
	struct page *page = crew->page;
	unsigned helpers = crew->size - 1;
	pid_t *pids = malloc(crew->size * sizeof(*pids));
	uint64_t start;
	int r = 0;

	if (!pids)
		return bench_fail("no memory for %u process ids", crew->size);
	atomic_store_explicit(&page->ready, 0, memory_order_relaxed); /* the helpers do not exist yet */
	atomic_store_explicit(&page->go, 0, memory_order_relaxed);
	atomic_store_explicit(&page->done, 0, memory_order_relaxed);
	atomic_store_explicit(&page->word, 0, memory_order_relaxed);
	for (unsigned i = 0; i < helpers; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			alarm(CHILD_LONGEST_S);
			atomic_fetch_add_explicit(&page->ready, 1, memory_order_release);
			wait_for(&page->go, 1);
			crew->work(page, i + 1, job, crew->size);
			atomic_fetch_add_explicit(&page->done, 1, memory_order_release);
			_exit(0);
		}
		if (pids[i] < 0) {
			r = bench_fail("fork: %s", strerror(errno));
			helpers = i;
			goto end;
		}
	}
	wait_for(&page->ready, helpers);
	start = sheaf_now_ns();
	atomic_store_explicit(&page->go, 1, memory_order_release);
	crew->work(page, 0, job, crew->size);
	wait_for(&page->done, helpers);
	*ns = sheaf_now_ns() - start;
end:
	end_helpers(pids, helpers);
	free(pids);
	return r;
}

static int measure_crew(const struct bench_job *job, struct crew crew, double *ns)
{
	int r;

	crew.page = page_new();
	if (!crew.page)
		return bench_fail("no shared page for the limits: %s", strerror(errno));
	r = bench_repeat(job, run_crew, &crew, ns);
	munmap(crew.page, sizeof(*crew.page));
	return r;
}

/* The word counts the passes: process 0 waits for even numbers, process 1 for odd ones. */
static void pass_line(struct page *page, unsigned index, const struct bench_job *job, unsigned size)
{
	(void)size;
	for (unsigned long i = 0; i < job->n; i++) {
		unsigned spins = 0;

		/* Acquire and release: what travels with the word would be visible, as a real hand-over needs. */
		while (atomic_load_explicit(&page->word, memory_order_acquire) != 2 * i + index)
			if (++spins % 4096 == 0)
				sched_yield();
		atomic_store_explicit(&page->word, 2 * i + index + 1, memory_order_release);
	}
}

int limit_line(const struct bench_job *job, double *ns)
{
	struct bench_job shorter = *job;

	shorter.n = job->n / 10 + 1;
	return measure_crew(&shorter, (struct crew){.size = 2, .work = pass_line}, ns);
}

static size_t share_of(size_t n, unsigned index, unsigned size)
{
	return n / size + (index < n % size);
}

static void hammer(struct page *page, unsigned index, const struct bench_job *job, unsigned size)
{
	size_t share = share_of(job->n, index, size);

	/* Relaxed: nothing is handed over, only the line moves. */
	for (size_t i = 0; i < share; i++)
		atomic_fetch_add_explicit(&page->word, 1, memory_order_relaxed);
}

int limit_fetch_add(const struct bench_job *job, double *ns)
{
	struct bench_job longer = *job;

	/* Long enough that the scheduler has spread the crew over the CPUs for most of it. */
	longer.n = 10 * job->n;
	return measure_crew(&longer, (struct crew){.size = job->workers < 2 ? 2 : job->workers, .work = hammer}, ns);
}

static void call(struct page *page, unsigned index, const struct bench_job *job, unsigned size)
{
	size_t share = share_of(job->n, index, size);
	sheaf_task_fn *volatile which = bench_task; /* volatile: the pointer is not known when this is compiled */
	sheaf_task_fn *fn = which;
	uint64_t in[512] = {0}, out[512];

	(void)page;
	for (size_t i = 0; i < share; i++)
		fn(NULL, &in[i % 512], &out[i % 512]);
}

int limit_calls(const struct bench_job *job, double *ns)
{
	return measure_crew(job, (struct crew){.size = job->workers, .work = call}, ns);
}

static int run_wake(const struct bench_job *job, void *context, uint64_t *ns)
{
	struct page *page = context;
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
	struct page *page = page_new();
	pid_t helper;
	int r = -1;

	if (!page)
		return bench_fail("no shared page for the limits: %s", strerror(errno));
	if (sem_init(&page->call, 1, 0) != 0) {
		bench_fail("sem_init: %s", strerror(errno));
		goto unmap;
	}
	if (sem_init(&page->answer, 1, 0) != 0) {
		bench_fail("sem_init: %s", strerror(errno));
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
		bench_fail("fork: %s", strerror(errno));
		goto destroy_answer;
	}
	r = bench_repeat(job, run_wake, page, ns);
	end_helpers(&helper, 1);
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
