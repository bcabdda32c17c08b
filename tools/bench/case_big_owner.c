/*
 * case_big_owner.c - big-owner: what a pool costs a program that has 4 GiB of its own in memory.
 *
 * A fork copies the page tables: 8 bytes for each page of 4 KiB. What counts is whether the memory was there before the pool's first
 * fork or came later, so each death is measured with both. The memory is in ordinary pages; huge ones have tables that are nothing.
 */
#define _DEFAULT_SOURCE /* madvise() */
#include "deaths.h"
#include "measure.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIZE(job) ((size_t)((job)->quick ? 16 : 4096) << 20) /* bytes */
#define PAGE 4096u                                           /* what is written once to have it in memory: no page is smaller */

enum when { NEVER, BEFORE, AFTER }; /* the memory came before or after the pool's creation */

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

static int run_task(sheaf_pool *pool)
{
	uint64_t argument = 7, result = 0;
	int r = sheaf_apply(pool, bench_task, &argument, sizeof(argument), &result, sizeof(result), NULL);

	return r < 0 ? bench_sheaf_failed("sheaf_apply", r) : bench_check(0, argument, result);
}

/* ---- creation and destruction ---- */

struct life {
	enum when when;
	bool end_timed; /* the destruction, not the creation */
};

static int run_life(const struct bench_job *job, void *context, uint64_t *ns)
{
	const struct life *life = context;
	sheaf_pool_options options = {.workers = job->workers};
	sheaf_pool *pool = NULL;
	unsigned char *memory = NULL;
	uint64_t start;
	int r = life->when == BEFORE ? grow(job, &memory) : 0;

	if (r)
		return r;
	start = sheaf_now_ns();
	r = sheaf_pool_create(&pool, &options);
	*ns = sheaf_now_ns() - start;
	r = r < 0 ? bench_sheaf_failed("sheaf_pool_create", r) : run_task(pool);
	if (r == 0 && life->when == AFTER)
		r = grow(job, &memory);
	start = sheaf_now_ns();
	sheaf_pool_destroy(pool);
	if (life->end_timed)
		*ns = sheaf_now_ns() - start;
	free(memory);
	return r;
}

static int measure_life(const struct bench_job *job, enum when when, bool end_timed, double *ns)
{
	struct life life = {.when = when, .end_timed = end_timed};

	return bench_repeat(job, run_life, &life, ns);
}

static int create_before(const struct bench_job *job, double *ns)
{
	return measure_life(job, BEFORE, false, ns);
}

static int create_never(const struct bench_job *job, double *ns)
{
	return measure_life(job, NEVER, false, ns);
}

static int destroy_before(const struct bench_job *job, double *ns)
{
	return measure_life(job, BEFORE, true, ns);
}

static int destroy_after(const struct bench_job *job, double *ns)
{
	return measure_life(job, AFTER, true, ns);
}

static int destroy_never(const struct bench_job *job, double *ns)
{
	return measure_life(job, NEVER, true, ns);
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

/* ---- deaths ---- */

static int measure_deaths(const struct bench_job *job, enum when when, bool of_supervisor, double *ns)
{
	sheaf_pool_options options = {.workers = job->workers};
	double *times = malloc(job->repeats * sizeof(*times));
	struct deaths *deaths = NULL;
	unsigned char *memory = NULL;
	sheaf_pool *pool = NULL;
	int r;

	if (!times)
		return bench_fail("no memory for %u times", job->repeats);
	r = when == BEFORE ? grow(job, &memory) : 0;
	if (r == 0) {
		r = sheaf_pool_create(&pool, &options);
		r = r < 0 ? bench_sheaf_failed("sheaf_pool_create", r) : deaths_prepare(pool, &deaths);
	}
	if (r == 0 && when == AFTER)
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

static int worker_after(const struct bench_job *job, double *ns)
{
	return measure_deaths(job, AFTER, false, ns);
}

static int worker_before(const struct bench_job *job, double *ns)
{
	return measure_deaths(job, BEFORE, false, ns);
}

static int worker_never(const struct bench_job *job, double *ns)
{
	return measure_deaths(job, NEVER, false, ns);
}

static int supervisor_after(const struct bench_job *job, double *ns)
{
	return measure_deaths(job, AFTER, true, ns);
}

static int supervisor_before(const struct bench_job *job, double *ns)
{
	return measure_deaths(job, BEFORE, true, ns);
}

static int supervisor_never(const struct bench_job *job, double *ns)
{
	return measure_deaths(job, NEVER, true, ns);
}

#define MILLISECONDS .unit = "ms", .unit_ns = 1e6
#define FORK                                                             \
	{                                                                \
		.name = "a fork of such an owner", .measure = limit_fork \
	}

const struct bench_case case_big_owner_create = {
	.name = "big-owner/create",
	MILLISECONDS,
	.what = "create a pool in a program that has 4 GiB in memory",
	.full = {.n = 1, .repeats = 1},
	.quick = {.n = 1, .repeats = 1},
	.sheaf = {.name = "Sheaf", .measure = create_before},
	.peers = {{.name = "Sheaf, small owner", .measure = create_never, .is_sheaf = true}},
	.limits = {FORK},
};

const struct bench_case case_big_owner_worker = {
	.name = "big-owner/worker",
	MILLISECONDS,
	.what = "from SIGKILL of a worker until its task runs elsewhere; the owner's 4 GiB came after the pool's creation",
	.full = {.n = 1, .repeats = 5},
	.quick = {.n = 1, .repeats = 1},
	.sheaf = {.name = "Sheaf", .measure = worker_after},
	.peers = {{.name = "Sheaf, memory before creation", .measure = worker_before, .is_sheaf = true},
		  {.name = "Sheaf, small owner", .measure = worker_never, .is_sheaf = true}},
	.limits = {FORK},
	.bounds = {{.most = 40}},
};

const struct bench_case case_big_owner_supervisor = {
	.name = "big-owner/supervisor",
	MILLISECONDS,
	.what = "from SIGKILL of the supervisor until the next task is done; the owner's 4 GiB came after the pool's creation",
	.full = {.n = 1, .repeats = 5},
	.quick = {.n = 1, .repeats = 1},
	.sheaf = {.name = "Sheaf", .measure = supervisor_after},
	.peers = {{.name = "Sheaf, memory before creation", .measure = supervisor_before, .is_sheaf = true},
		  {.name = "Sheaf, small owner", .measure = supervisor_never, .is_sheaf = true}},
	.limits = {FORK},
	.bounds = {{.most = 142.5}},
};

const struct bench_case case_big_owner_destroy = {
	.name = "big-owner/destroy",
	MILLISECONDS,
	.what = "destroy a pool of a program that had 4 GiB in memory when it created the pool",
	.full = {.n = 1, .repeats = 1},
	.quick = {.n = 1, .repeats = 1},
	.sheaf = {.name = "Sheaf", .measure = destroy_before},
	.peers = {{.name = "Sheaf, memory after creation", .measure = destroy_after, .is_sheaf = true},
		  {.name = "Sheaf, small owner", .measure = destroy_never, .is_sheaf = true}},
	.limits = {FORK},
};
