/*
 * place.c - finds the memory of a chunk: in the caller's arrays, or in buffers of the rank.
 *
 * A rank needs buffers for what travels to it or from it, two of each. So a chunk may have only so
 * many bytes, but always one position for each worker.
 */
#include "mpi/place.h"

#include "sheaf_adapter.h"

#include <errno.h>
#include <string.h>

#define CHUNK_BYTES ((uint64_t)8 << 20)
#define COLLECT_MOST 4096 /* positions: each is a task of its own, with a result of any size */
#define CHECKED_BYTES ((size_t)1 << 30)

void place_survey(struct job *job, int rank)
{
	/* For all ranks alike: the root's chunks are no larger than those of others. */
	bool in = job->options.input == SHEAF_INPUT_AT_ROOT && job->in_size;
	bool out = job->kind == JOB_MAP && job->out_size && job->options.results != SHEAF_RESULTS_WHERE_MADE;
	uint64_t bytes = (in ? job->in_size : 0) + (out ? job->out_size : 0);

	job->root = !rank;
	/* A file has what a node has written when that node says so, or a journal. */
	job->kept = !job->options.checkpoint && !job->options.journal &&
		    (job->kind == JOB_FOR ||
		     (job->kind == JOB_MAP && (!job->out_size || job->options.results >= SHEAF_RESULTS_WHERE_MADE)));
	job->in_travels = in && !job->root;
	job->out_travels = out && (!job->root || job->options.results == SHEAF_RESULTS_IN_FILE);
	job->most = !bytes ? 0 : bytes > CHUNK_BYTES ? 1 : CHUNK_BYTES / bytes;
	if (job->kind == JOB_COLLECT && (!job->most || job->most > COLLECT_MOST))
		job->most = COLLECT_MOST;
}

/* ---- the caller's arrays ---- */

static int no_item(sheaf_task *task, const void *arg, void *result)
{
	(void)task;
	(void)arg;
	(void)result;
	return 0;
}

/*
 * Have the pool check where an array lies: a map over it whose tasks do nothing, of items that are
 * as large as they may be.
 */
static int check_place(sheaf_pool *pool, const void *in, void *out, size_t n, size_t size)
{
	size_t group = size && size < CHECKED_BYTES ? CHECKED_BYTES / size : 1, whole = n / group * group;
	int r = 0;

	if (!size)
		return 0;
	if (whole)
		r = sheaf_map(pool, no_item, in, in ? size * group : 0, out, out ? size * group : 0, whole / group, NULL);
	if (!r && whole < n) {
		const unsigned char *rest = (const unsigned char *)in + whole * size;

		r = sheaf_map(pool, no_item, in ? rest : NULL, in ? size * (n - whole) : 0,
			      out ? (unsigned char *)out + whole * size : NULL, out ? size * (n - whole) : 0, 1, NULL);
	}
	return r;
}

static bool have_common_bytes(const struct job *job)
{
	uintptr_t in = (uintptr_t)job->in, out = (uintptr_t)job->out;

	return job->in && job->out && in < out + job->n * job->out_size && out < in + job->n * job->in_size;
}

static int check_output(const struct job *job, sheaf_pool *pool)
{
	bool needed = job->root || job->options.results != SHEAF_RESULTS_AT_ROOT;

	if (job->kind != JOB_MAP || !job->out_size || job->options.results == SHEAF_RESULTS_IN_FILE || !needed)
		return 0;
	if (!job->out)
		return sheaf_message_set(-EINVAL, "%s: out is NULL, but out_size is %zu", job->call, job->out_size);
	if (have_common_bytes(job))
		return sheaf_message_set(-EINVAL, "%s: in and out have bytes in common: give results a place of their own",
					 job->call);
	/* Where a broadcast alone writes, any memory will do. */
	return job->root || job->options.results == SHEAF_RESULTS_WHERE_MADE
		       ? check_place(pool, NULL, job->out, (size_t)job->n, job->out_size)
		       : 0;
}

int place_check(const struct job *job, sheaf_pool *pool)
{
	int r;

	if (job->kind != JOB_FOR && !job->in_travels && job->in_size) {
		if (!job->in)
			return sheaf_message_set(-EINVAL, "%s: in is NULL, but in_size is %zu", job->call, job->in_size);
		if ((r = check_place(pool, job->in, NULL, (size_t)job->n, job->in_size)))
			return r;
	}
	if ((r = check_output(job, pool)))
		return r;
	return sheaf_map(pool, no_item, NULL, 0, NULL, 0, 1, NULL);
}

/* ---- memory of hands ---- */

static int get_memory(sheaf_pool *pool, uint64_t n, size_t size, void **memory)
{
	return n > SIZE_MAX ? sheaf_message_set(-EOVERFLOW, "a chunk has %llu items", (unsigned long long)n)
			    : sheaf_alloc_array(pool, (size_t)n, size, memory);
}

uint64_t place_room(const struct job *job, unsigned workers)
{
	uint64_t most = job->most > workers ? job->most : workers;

	return job->n < most || !job->most ? job->n : most;
}

int place_open(const struct job *job, sheaf_pool *pool, unsigned workers, struct hand hands[LEDGER_HANDS])
{
	uint64_t n = place_room(job, workers);
	int r = 0;

	for (unsigned h = 0; h < LEDGER_HANDS && !r; h++) {
		if (job->in_travels)
			r = get_memory(pool, n, job->in_size, &hands[h].in);
		if (!r && job->out_travels && job->kind == JOB_MAP)
			r = get_memory(pool, n, job->out_size, &hands[h].out);
	}
	if (r)
		place_close(pool, hands);
	return r;
}

void place_close(sheaf_pool *pool, struct hand hands[LEDGER_HANDS])
{
	for (unsigned h = 0; h < LEDGER_HANDS; h++) {
		sheaf_free(pool, hands[h].in);
		sheaf_free(pool, hands[h].out);
		hands[h].in = hands[h].out = NULL;
	}
}

const unsigned char *place_input(const struct job *job, const struct hand *hand)
{
	if (!job->in_size)
		return NULL;
	return job->in_travels ? hand->in : job->in + hand->chunk.begin * job->in_size;
}

unsigned char *place_output(const struct job *job, const struct hand *hand)
{
	if (!job->out_size)
		return NULL;
	return job->out_travels ? hand->out : job->out + hand->chunk.begin * job->out_size;
}

void place_clear(const struct job *job, const struct hand *hand)
{
	if (job->kind == JOB_MAP && job->out_size)
		memset(place_output(job, hand), 0, (hand->chunk.end - hand->chunk.begin) * job->out_size);
}

bool place_store(const struct job *job, const struct packet *packet, const void *bytes)
{
	bool comes = job->kind == JOB_MAP && job->options.results <= SHEAF_RESULTS_EVERYWHERE;
	uint64_t size = comes ? (packet->end - packet->begin) * job->out_size : 0;

	if (packet->offset > size || packet->bytes > size - packet->offset)
		return false;
	if (packet->bytes)
		memcpy(job->out + packet->begin * job->out_size + packet->offset, bytes, packet->bytes);
	return true;
}
