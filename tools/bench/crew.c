/*
 * crew.c - forks the helpers anew for each run, and lets all of them go at once.
 */
#include "crew.h"
#include "helpers.h"
#include "measure.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* Yield while waiting: with fewer CPUs than processes the other side needs this CPU. */
static void wait_for(const atomic_uint *word, unsigned value)
{
	while (atomic_load_explicit(word, memory_order_acquire) < value)
		sched_yield();
}

/* The name is new, and gone before another process can use it. */
int crew_memory(size_t size, void **memory)
{
	struct timespec now;
	char name[64];
	int fd, r = 0;

	do {
		clock_gettime(CLOCK_REALTIME, &now);
		snprintf(name, sizeof(name), "/sheaf-bench-limit-%ld-%09ld", (long)getpid(), now.tv_nsec);
		fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
	} while (fd < 0 && errno == EEXIST);
	if (fd < 0)
		return bench_fail("shm_open: %s", strerror(errno));
	shm_unlink(name);
	if (ftruncate(fd, (off_t)size) != 0)
		r = errno;
	/* A full /dev/shm must be an error, not a signal later. */
	if (r == 0)
		r = posix_fallocate(fd, 0, (off_t)size);
	if (r == 0) {
		*memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (*memory == MAP_FAILED)
			r = errno;
	}
	close(fd);
	if (r == ENOSPC)
		return bench_skip("no %zu bytes of shared memory", size);
	return r == 0 ? 0 : bench_fail("%zu bytes of shared memory: %s", size, strerror(r));
}

/* What a helper needs for one run. */
struct part {
	const struct crew *crew;
	const struct bench_job *job;
};

static void help(void *context, unsigned index)
{
	const struct part *part = context;
	const struct crew *crew = part->crew;

	if (crew->warm)
		crew->work(crew, index + 1, part->job);
	atomic_fetch_add_explicit(&crew->page->ready, 1, memory_order_release);
	wait_for(&crew->page->go, 1);
	crew->work(crew, index + 1, part->job);
	atomic_fetch_add_explicit(&crew->page->done, 1, memory_order_release);
}

int crew_run(const struct crew *crew, const struct bench_job *job, uint64_t *ns)
{
	struct part part = {.crew = crew, .job = job};
	struct crew_page *page = crew->page;
	struct helpers helpers;
	uint64_t start;
	int r;

	/* the helpers do not exist yet */
	atomic_store_explicit(&page->ready, 0, memory_order_relaxed);
	atomic_store_explicit(&page->go, 0, memory_order_relaxed);
	atomic_store_explicit(&page->done, 0, memory_order_relaxed);
	atomic_store_explicit(&page->word, 0, memory_order_relaxed);
	if ((r = helpers_start(&helpers, crew->size - 1, help, &part)))
		return r;
	if (crew->warm)
		crew->work(crew, 0, job);
	wait_for(&page->ready, helpers.n);
	start = sheaf_now_ns();
	atomic_store_explicit(&page->go, 1, memory_order_release);
	crew->work(crew, 0, job);
	wait_for(&page->done, helpers.n);
	*ns = sheaf_now_ns() - start;
	helpers_end(&helpers);
	return 0;
}

static int run(const struct bench_job *job, void *context, uint64_t *ns)
{
	return crew_run(context, job, ns);
}

int crew_measure(const struct bench_job *job, struct crew crew, double *ns)
{
	void *page = NULL;
	int r = crew_memory(sizeof(*crew.page), &page);

	if (r != 0)
		return r;
	crew.page = page;
	r = bench_repeat(job, run, &crew, ns);
	munmap(page, sizeof(*crew.page));
	return r;
}

size_t crew_share(const struct crew *crew, unsigned index, size_t n, size_t *first)
{
	size_t each = n / crew->size, rest = n % crew->size;

	*first = index * each + (index < rest ? index : rest);
	return each + (index < rest);
}
