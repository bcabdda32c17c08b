/*
 * inspect.c - figures of a pool, from outside.
 *
 * Every walk is bounded by the private copy of the header (segment/reader.h), or by the memory that
 * the system says the file takes, because holes may make a file as long as it likes. Each word is
 * copied once, and the copy is checked and used.
 *
 * Nothing is written to the segment, so an inspector's death leaves nothing there.
 */
#include "base/error.h"
#include "base/printable.h"
#include "os/os.h"
#include "segment/plan.h"
#include "watch/scan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- list, open, close ---- */

struct listing {
	sheaf_inspect_visit *visit;
	void *context;
	int count;
};

static void list_one(const char *name, void *context)
{
	struct listing *listing = context;

	/* No pool has a name that is not printable: see segment_check_name(). */
	if (!printable_already(name))
		return;
	listing->visit(name, listing->context);
	listing->count++;
}

int sheaf_inspect_list(sheaf_inspect_visit *visit, void *context)
{
	struct listing listing = {.visit = visit, .context = context};
	int r;

	if (!visit)
		return sheaf_fail(-EINVAL, "sheaf_inspect_list: visit is NULL");
	r = os_each_segment(SEGMENT_PREFIX, list_one, &listing);
	return r ? sheaf_fail(r, "cannot list the shared memory of this system: %s", strerror(-r)) : listing.count;
}

int sheaf_inspect_open(sheaf_inspect **out, const char *name)
{
	sheaf_inspect *inspect;
	int r;

	if (!out || !name)
		return sheaf_fail(-EINVAL, "sheaf_inspect_open: %s is NULL", out ? "name" : "inspect");
	inspect = malloc(sizeof(*inspect));
	if (!inspect)
		return sheaf_fail(-ENOMEM, "no memory for an inspection");
	r = reader_open(&inspect->reader, name);
	if (r) {
		free(inspect);
		return r;
	}
	*out = inspect;
	return 0;
}

void sheaf_inspect_close(sheaf_inspect *inspect)
{
	if (inspect)
		reader_close(&inspect->reader);
	free(inspect);
}

/* ---- the pool ---- */

static int add_completed(void *context, uint64_t index, const void *item)
{
	sheaf_inspect_pool *pool = context;

	(void)index;
	pool->completed += value64(&((const struct shared_seat *)item)->completed);
	return 0;
}

static int add_unit(void *context, uint64_t index, const void *item)
{
	sheaf_inspect_pool *pool = context;

	(void)index;
	pool->heap_used += unit_is_used(value64(item)) ? UNIT : 0;
	pool->heap_stocked += value64(item) == UNIT_STOCKED ? UNIT : 0;
	return 0;
}

/* Read the pool's state and counters, and count the heap's units that are taken. */
static int read_control(const struct reader *reader, sheaf_inspect_pool *pool)
{
	const struct shared_header *header = &reader->header;
	struct shared_control control;
	uint64_t mapped, most = pool->committed / sizeof(uint64_t);
	int r = reader_copy(reader, header->control, &control, sizeof(control));

	if (r)
		return r;
	pool->state = SHEAF_POOL_DAMAGED;
	if (value32(&control.state) <= POOL_UNPLUGGED)
		pool->state = (enum sheaf_pool_state)value32(&control.state);
	pool->damaged += pool->state == SHEAF_POOL_DAMAGED;
	pool->given_up = value64(&control.given_up);
	pool->deaths = value64(&control.deaths);
	pool->supervisors = value64(&control.supervisors);
	mapped = value64(&control.heap_mapped);
	if (mapped > header->heap_size / UNIT) {
		pool->damaged++;
		mapped = header->heap_size / UNIT;
	}
	/* These words are committed, so they take no more memory than the file does. */
	return scan_walk(reader, header->heap_map, mapped < most ? mapped : most, sizeof(uint64_t), add_unit, pool);
}

static int count_batches(const struct reader *reader, sheaf_inspect_pool *pool)
{
	for (uint32_t i = 0; i < reader->header.batch_count; i++) {
		uint64_t word;
		int r = reader_copy(reader, reader->header.batches + i * sizeof(struct shared_batch), &word, sizeof(word));

		if (r)
			return r;
		pool->batches += (word & 0xff) != BATCH_FREE && (word & 0xff) <= BATCH_CANCELLED;
		pool->damaged += (word & 0xff) > BATCH_CANCELLED;
	}
	return 0;
}

int sheaf_inspect_look(const sheaf_inspect *inspect, sheaf_inspect_pool *out)
{
	struct reader_facts facts;
	const struct shared_header *header;
	struct scan scan;
	sheaf_inspect_pool pool;
	int r = scan_begin(inspect, "sheaf_inspect_look", out, 1, &facts);

	if (r)
		return r;
	header = &inspect->reader.header;
	scan = (struct scan){.reader = &inspect->reader};
	pool = (sheaf_inspect_pool){
		.owner_lives = facts.owner_lives,
		.owner = facts.owner_lives ? facts.owner : (pid_t)header->owner_pid,
		.workers = header->worker_count - header->places,
		.places = header->places,
		.ring_size = header->ring_size,
		.max_batches = header->batch_count,
		.max_attempts = header->max_attempts,
		.size = header->size,
		.committed = facts.committed,
		.heap_size = header->heap_size,
	};
	if ((r = read_control(&inspect->reader, &pool)) || (r = count_batches(&inspect->reader, &pool)) ||
	    (r = scan_ring(&scan)) ||
	    (r = scan_walk(&inspect->reader, header->seats, header->worker_count, sizeof(struct shared_seat), add_completed,
			   &pool)))
		return r;
	pool.filling = scan.filling;
	pool.ready = scan.ready;
	pool.running = scan.running;
	pool.damaged += scan.damaged;
	*out = pool;
	return 0;
}
