/*
 * passes.h - passes over the rows of tables: loops of workers, one after the other, and the shared
 * memory that they need meanwhile.
 *
 * A pass runs again where a worker has died. So it writes only what no other part of it reads, and
 * its places depend on what earlier passes have found.
 */
#ifndef SHEAF_GROUP_PASSES_H
#define SHEAF_GROUP_PASSES_H

#include "sheaf_group.h"

struct passes {
	sheaf_pool *pool;
	const char *call; /* its name, for messages */
	sheaf_map_options options;
	void **memory; /* private */
	size_t count, room;
};

/* Begin the passes of a call: -EINVAL, as of reach_check_options(). */
int passes_begin(struct passes *passes, sheaf_pool *pool, const char *call, const sheaf_map_options *options);

/* Take memory until passes_end(), or until passes_drop(). *@memory: out. As sheaf_alloc_array(). */
int passes_alloc(struct passes *passes, size_t n, size_t size, void *memory);
void passes_drop(struct passes *passes, void *memory);

/* Run @fn over [0, n), with a copy of the job. grain: 0: chosen. As sheaf_for(). */
int passes_run(const struct passes *passes, sheaf_range_fn *fn, const void *job, size_t job_size, size_t n, size_t grain);

/* Free what was taken, and return @code. */
int passes_end(struct passes *passes, int code);

/* ---- chunks ---- [0, n), cut into ranges of one length, but for the last one. */

struct chunks {
	size_t n, length, count;
};

/* Cut into at most @most chunks of at least @least rows. */
struct chunks chunks_cut(size_t n, size_t least, size_t most);

static inline size_t chunks_begin(const struct chunks *chunks, size_t number)
{
	return number * chunks->length;
}

static inline size_t chunks_end(const struct chunks *chunks, size_t number)
{
	size_t begin = number * chunks->length;

	return chunks->n - begin > chunks->length ? begin + chunks->length : chunks->n;
}

#endif
