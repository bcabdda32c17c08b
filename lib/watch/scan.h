/*
 * scan.h - reads the parts of a segment from outside: walks over arrays, and what the ring holds.
 */
#ifndef SHEAF_WATCH_SCAN_H
#define SHEAF_WATCH_SCAN_H

#include "base/atomic.h"
#include "segment/reader.h"
#include "sheaf_inspect.h"

struct sheaf_inspect {
	struct reader reader;
};

/*
 * Begin an inspection. @out: where @room items must go. 0, or an error of sheaf_inspect_look() with
 * its message.
 */
int scan_begin(const sheaf_inspect *inspect, const char *call, const void *out, size_t room, struct reader_facts *facts);

typedef int item_fn(void *context, uint64_t index, const void *item);

/*
 * Call @fn for each of @count items, on a copy of it, until a call does not return 0. Returns what
 * it did.
 */
int scan_walk(const struct reader *reader, uint64_t at, uint64_t count, size_t size, item_fn *fn, void *context);

/* Read a word of a copy. Relaxed, because a copy is not shared. */
static inline uint64_t value64(const _Atomic uint64_t *word)
{
	return load_relaxed(word);
}

static inline uint32_t value32(const _Atomic uint32_t *word)
{
	return load_relaxed(word);
}

/* The task that a worker has in hand. */
struct hand {
	uint64_t slot; /* its index */
	uint64_t word; /* of the slot, when it was read */
	uint64_t batch;
	uint64_t target;
	uint16_t kind;
	bool busy;
};

/* What the ring holds of one batch. */
struct queue {
	uint64_t serial;
	unsigned ready, running;
};

/* What a scan of the ring has found. */
struct scan {
	const struct reader *reader;
	struct hand *hands;   /* one for each worker, or NULL */
	struct queue *queues; /* one for each batch, with its serial filled in, or NULL */
	unsigned filling, ready, running;
	uint64_t damaged;
};

/* Scan all slots of the rings. 0, or an error of reader_copy(). */
int scan_ring(struct scan *scan);

#endif
