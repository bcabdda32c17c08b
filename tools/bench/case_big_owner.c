/*
 * case_big_owner.c - big-owner: what a death costs a pool whose owner has 4 GiB of its own in
 * memory.
 *
 * A fork copies the page tables: 8 bytes for each page of 4 KiB. What counts is whether the memory
 * was there before the pool's first fork or came later, so each death is measured with both. The
 * memory is in ordinary pages; huge ones have tables that are nothing.
 */
#define _DEFAULT_SOURCE /* madvise() */
#include "deaths.h"
#include "measure.h"
#include "peers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIZE(job) ((size_t)((job)->quick ? 16 : 4096) << 20) /* bytes */
/* what is written once to have it in memory: no page is smaller */
#define PAGE 4096u

/* ways: the memory came before or after the pool's creation */
enum { NEVER, BEFORE, AFTER };

/* Write to each page of @memory, an owner's data. */
static void touch(unsigned char *memory, size_t size)
{
#ifdef MADV_NOHUGEPAGE
	unsigned char *begin = memory + (PAGE - (uintptr_t)memory % PAGE) % PAGE;

	madvise(begin, (size_t)(memory + size - begin) / PAGE * PAGE, MADV_NOHUGEPAGE);
#endif
	for (size_t i = 0; i < size; i += PAGE)
		memory[i] = 1;
}

/* Return: 0, or as a measurement. */
static int grow(const struct bench_job *job, unsigned char **memory)
{
	int r;

	if (!job->quick && sizeof(size_t) < 8)
		return bench_skip("needs an address space of 64 bits");
	r = bench_room(SIZE(job));
	if (r)
		return r;
	*memory = malloc(SIZE(job));
	if (!*memory)
		return bench_skip("malloc() has no %zu MiB", SIZE(job) >> 20);
	touch(*memory, SIZE(job));
	return 0;
}

/* The fork alone, and the end of the child. */
static int run_fork(const struct bench_job *job, void *context, uint64_t *ns)
{
	uint64_t start = sheaf_now_ns();
	pid_t pid = fork();

	(void)job;
	(void)context;
	if (pid == 0)
		_exit(0);
	if (pid < 0)
		return bench_fail("fork: %s", strerror(errno));
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	*ns = sheaf_now_ns() - start;
	return 0;
}

static int limit_fork(const struct bench_job *job, double *ns)
{
	unsigned char *memory = NULL;
	int r = grow(job, &memory);

	if (r == 0)
		r = bench_repeat(job, run_fork, NULL, ns);
	free(memory);
	return r;
}

static int measure_deaths(const struct bench_job *job, bool of_supervisor, double *ns)
{
	sheaf_pool_options options = {.workers = job->workers};
	double *times = malloc(job->repeats * sizeof(*times));
	struct deaths *deaths = NULL;
	unsigned char *memory = NULL;
	sheaf_pool *pool = NULL;
	int r;

	if (!times)
		return bench_fail("no memory for %u times", job->repeats);
	r = job->way == BEFORE ? grow(job, &memory) : 0;
	if (r == 0) {
		r = sheaf_pool_create(&pool, &options);
		r = r < 0 ? bench_sheaf_failed("sheaf_pool_create", r) : deaths_prepare(pool, &deaths);
	}
	if (r == 0 && job->way == AFTER)
		r = grow(job, &memory);
	for (unsigned i = 0; r == 0 && i < job->repeats; i++)
		r = of_supervisor ? deaths_of_supervisor(pool, i, &times[i]) : deaths_of_worker(pool, deaths, i, &times[i]);
	if (r == 0)
		*ns = bench_median(times, job->repeats);
	sheaf_pool_destroy(pool);
	free(memory);
	free(times);
	return r;
}

static int measure_worker(const struct bench_job *job, double *ns)
{
	return measure_deaths(job, false, ns);
}

static int measure_supervisor(const struct bench_job *job, double *ns)
{
	return measure_deaths(job, true, ns);
}

#define BIG_OWNER(variant, text)                                                                                    \
	.name = "big-owner/" variant, .unit = "ms", .unit_ns = 1e6, .what = (text), .full = {.n = 1, .repeats = 5}, \
	.quick = {.n = 1, .repeats = 1}
#define FORK LIMIT("a fork of such an owner", limit_fork, 0)
#define SMALL(fn) VARIANT("Sheaf, small owner", fn, NEVER)
#define MEMORY_BEFORE(fn) VARIANT("Sheaf, memory before creation", fn, BEFORE)

const struct bench_case cases_big_owner[] = {
	{
		BIG_OWNER("worker",
			  "from SIGKILL of a worker until its task runs elsewhere; the owner's 4 GiB came after the pool's "
			  "creation"),
		.contenders = {SHEAF(measure_worker, AFTER), MEMORY_BEFORE(measure_worker), SMALL(measure_worker), FORK},
		.bounds = {{.most = 40}},
	},
	{
		BIG_OWNER("supervisor",
			  "from SIGKILL of the supervisor until the next task is done; the owner's 4 GiB came after the pool's "
			  "creation"),
		.contenders = {SHEAF(measure_supervisor, AFTER), MEMORY_BEFORE(measure_supervisor), SMALL(measure_supervisor),
			       FORK},
		.bounds = {{.most = 142.5}},
	},
	{0},
};
