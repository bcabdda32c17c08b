/*
 * map_unsafe.c - what a map costs without ownership: a claim is one fetch_add, a finished chunk one
 * byte.
 *
 * Nothing says which worker has claimed what. A worker that dies takes its chunk with it, and the
 * caller waits for ever. There are no attempts, no generations and no supervisor.
 *
 * Writers           A range's next: the worker that claims from it. A chunk's done: the worker that
 *                   has claimed the chunk.
 * Edges             U1 -> U2  a chunk's results to the caller, which checks every chunk's byte in
 *                   the end. The semaphores hand over the rest.
 */
#include "map.h"
#include "crew.h"
#include "helpers.h"
#include "measure.h"

#include <errno.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

struct range {
	_Alignas(128) _Atomic uint64_t next; /* chunk; beyond the end if there are no more */
	uint64_t end;
};

struct unsafe {
	size_t n, grain, chunks;
	unsigned workers, ranges;
	sem_t *call, *ended; /* the first one per worker */
	struct range *range;
	atomic_uchar *done; /* one per chunk */
	uint64_t *in, *out;
	sheaf_task_fn *task;
};

static void run_chunk(const struct unsafe *map, uint64_t chunk)
{
	size_t end = (chunk + 1) * map->grain < map->n ? (chunk + 1) * map->grain : map->n;

	for (size_t i = chunk * map->grain; i < end; i++)
		map->task(NULL, &map->in[i], &map->out[i]);
	atomic_store_explicit(&map->done[chunk], 1, memory_order_release); /* U1 */
}

static void work(void *context, unsigned index)
{
	const struct unsafe *map = context;

	for (;;) {
		while (sem_wait(&map->call[index]) != 0)
			;
		for (unsigned i = 0; i < map->ranges; i++) {
			struct range *range = &map->range[(index + i) % map->ranges];
			uint64_t chunk;

			/* Relaxed: decides only which worker runs the chunk. */
			while ((chunk = atomic_fetch_add_explicit(&range->next, 1, memory_order_relaxed)) < range->end)
				run_chunk(map, chunk);
		}
		sem_post(map->ended);
	}
}

static int run(const struct bench_job *job, void *context, uint64_t *ns)
{
	struct unsafe *map = context;
	uint64_t start;
	int r = 0;

	/*
	 * What the run before left would hide a position that this one forgets; 0 is no expected
	 * value.
	 */
	memset(map->out, 0, map->n * sizeof(*map->out));
	start = sheaf_now_ns();
	memset((void *)map->done, 0, map->chunks * sizeof(*map->done));
	for (unsigned i = 0; i < map->ranges; i++) {
		map->range[i].end = map->chunks * (i + 1) / map->ranges;
		atomic_store_explicit(&map->range[i].next, map->chunks * i / map->ranges, memory_order_relaxed);
	}
	for (unsigned i = 0; i < map->workers; i++)
		sem_post(&map->call[i]);
	for (unsigned i = 0; i < map->workers; i++)
		while (sem_wait(map->ended) != 0)
			;
	for (size_t i = 0; i < map->chunks; i++)
		if (!atomic_load_explicit(&map->done[i], memory_order_acquire)) /* U2 */
			r = bench_fail("chunk %zu is not done", i);
	*ns = sheaf_now_ns() - start;
	for (size_t i = 0; r == 0 && i < job->n; i++)
		r = bench_check(i, map->in[i], map->out[i]);
	return r;
}

/* The parts of the shared memory, one after the other, each on lines of its own. */
static void *place(size_t *used, unsigned char *memory, size_t size)
{
	size_t at = *used;

	*used += (size + 127) / 128 * 128;
	return memory ? memory + at : NULL;
}

static size_t place_all(struct unsafe *map, unsigned char *memory)
{
	size_t used = 0;

	map->range = place(&used, memory, map->ranges * sizeof(*map->range));
	map->ended = place(&used, memory, sizeof(*map->ended));
	map->call = place(&used, memory, map->workers * sizeof(*map->call));
	map->done = place(&used, memory, map->chunks * sizeof(*map->done));
	map->in = place(&used, memory, map->n * sizeof(*map->in));
	map->out = place(&used, memory, map->n * sizeof(*map->out));
	return used;
}

static int measure(const struct bench_job *job, bool ranges, double *ns)
{
	size_t grain = (size_t)job->way;
	sheaf_task_fn *volatile task = bench_task; /* volatile: called by a pointer, as tasks are */
	struct unsafe map = {.n = job->n,
			     .grain = grain,
			     .chunks = (job->n + grain - 1) / grain,
			     .workers = job->workers,
			     .ranges = ranges ? job->workers : 1,
			     .task = task};
	size_t size = place_all(&map, NULL);
	struct helpers workers;
	void *memory;
	int r = crew_memory(size, &memory);

	if (r)
		return r;
	place_all(&map, memory);
	for (size_t i = 0; i < map.n; i++)
		map.in[i] = i;
	for (unsigned i = 0; i < map.workers; i++)
		if (sem_init(&map.call[i], 1, 0) != 0)
			r = bench_fail("sem_init: %s", strerror(errno));
	if (sem_init(map.ended, 1, 0) != 0)
		r = bench_fail("sem_init: %s", strerror(errno));
	if (r == 0 && (r = helpers_start(&workers, map.workers, work, &map)) == 0) {
		r = bench_repeat(job, run, &map, ns);
		helpers_end(&workers);
	}
	munmap(memory, size);
	return r;
}

int map_measure_counter(const struct bench_job *job, double *ns)
{
	return measure(job, false, ns);
}

int map_measure_ranges(const struct bench_job *job, double *ns)
{
	return measure(job, true, ns);
}
