/*
 * inspect_rules.c - the rules of each call, as sheaf_inspect.h tells them.
 */
#include "inspect_rules.h"

#include "sheaf_trace.h"
#include "work/chunk.h"
#include "segment/segment.h"
#include "support/check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check_code(const char *call, int r, const int *codes, size_t n)
{
	if (r >= 0)
		return;
	CHECK(*sheaf_message(), "%s: %d without a message", call, r);
	for (size_t i = 0; i < n; i++)
		if (r == codes[i])
			return;
	CHECK(false, "%s returns %d", call, r);
}

static void check_pool(const sheaf_inspect_pool *p)
{
	CHECK(p->state >= SHEAF_POOL_OPEN && p->state <= SHEAF_POOL_DAMAGED, "state %d", (int)p->state);
	CHECK(p->state != SHEAF_POOL_DAMAGED || p->damaged, "the state is damaged, and no word");
	CHECK(p->workers >= 1 && p->workers <= SHEAF_MAX_WORKERS, "%u workers", p->workers);
	CHECK(p->ring_size >= 1 && p->ring_size <= LARGEST_RING, "a ring of %u", p->ring_size);
	CHECK(p->max_batches >= 1 && p->max_batches <= LARGEST_BATCHES, "%u batches", p->max_batches);
	CHECK(p->max_attempts >= 1 && p->max_attempts <= SHEAF_MAX_ATTEMPTS, "%u attempts", p->max_attempts);
	CHECK(p->batches <= p->max_batches, "%u of %u batches are open", p->batches, p->max_batches);
	CHECK((uint64_t)p->filling + p->ready + p->running <= PRIORITIES * (uint64_t)p->ring_size,
	      "%u + %u + %u slots of 3 x %u", p->filling, p->ready, p->running, p->ring_size);
	CHECK(p->heap_used <= p->heap_size && p->heap_size < p->size, "%llu of %llu bytes of the heap, %llu of the segment",
	      (unsigned long long)p->heap_used, (unsigned long long)p->heap_size, (unsigned long long)p->size);
	CHECK(p->owner_lives == 0 || p->owner_lives == 1, "owner_lives %d", p->owner_lives);
	CHECK(p->owner >= 0 && (p->owner_lives || p->owner > 0), "owner %ld", (long)p->owner);
}

static void check_worker(const sheaf_inspect_worker *w)
{
	CHECK(w->state >= SHEAF_WORKER_GONE && w->state <= SHEAF_WORKER_RUNS, "state %d", (int)w->state);
	CHECK(w->pid >= 0 && (w->state != SHEAF_WORKER_GONE || !w->pid), "state %d, pid %ld", (int)w->state, (long)w->pid);
	CHECK(w->batch >= -1 && w->batch < (int)LARGEST_BATCHES, "batch %d", w->batch);
	CHECK((w->batch >= 0) == (w->state == SHEAF_WORKER_RUNS), "state %d, batch %d", (int)w->state, w->batch);
	CHECK(w->attempt <= SHEAF_MAX_ATTEMPTS, "attempt %u", w->attempt);
	CHECK(w->positioned == 0 || (w->positioned == 1 && w->state == SHEAF_WORKER_RUNS), "positioned %d", w->positioned);
	CHECK(w->positioned || !w->position, "position %llu", (unsigned long long)w->position);
}

static void check_batch(const sheaf_inspect_batch *b)
{
	static const sheaf_inspect_batch none;

	CHECK(b->state >= SHEAF_BATCH_FREE && b->state <= SHEAF_BATCH_DAMAGED, "state %d", (int)b->state);
	CHECK(b->kind >= SHEAF_BATCH_TASKS && b->kind <= SHEAF_BATCH_LOOP, "kind %d", (int)b->kind);
	CHECK(b->chunks_done <= b->chunks && b->chunks <= MAX_CHUNKS && b->n <= MAX_POSITIONS,
	      "%llu of %llu chunks, %llu positions", (unsigned long long)b->chunks_done, (unsigned long long)b->chunks,
	      (unsigned long long)b->n);
	CHECK(b->kind != SHEAF_BATCH_TASKS || !b->n, "tasks have n %llu", (unsigned long long)b->n);
	if (b->state == SHEAF_BATCH_FREE || b->state == SHEAF_BATCH_DAMAGED)
		CHECK(b->kind == none.kind && !b->serial && !b->ready && !b->running && !b->n && !b->chunk && !b->chunks,
		      "a place in state %d is not empty", (int)b->state);
}

void inspect_opened(const sheaf_inspect *inspect, struct inspection *found)
{
	static const int codes[] = {-ESTALE, -EBADMSG};
	const size_t n = sizeof(codes) / sizeof(codes[0]);

	found->looked = sheaf_inspect_look(inspect, &found->pool);
	check_code("sheaf_inspect_look", found->looked, codes, n);
	if (!found->looked)
		check_pool(&found->pool);
	found->counted_workers = sheaf_inspect_workers(inspect, found->workers, INSPECTION_ROOM);
	check_code("sheaf_inspect_workers", found->counted_workers, codes, n);
	for (int i = 0; i < found->counted_workers && i < INSPECTION_ROOM; i++)
		check_worker(&found->workers[i]);
	found->counted_batches = sheaf_inspect_batches(inspect, found->batches, INSPECTION_ROOM);
	check_code("sheaf_inspect_batches", found->counted_batches, codes, n);
	for (int i = 0; i < found->counted_batches && i < INSPECTION_ROOM; i++)
		check_batch(&found->batches[i]);
	if (!found->looked && found->counted_workers > 0 && found->counted_batches > 0)
		CHECK(found->counted_workers == (int)(found->pool.workers + found->pool.places) &&
			      found->counted_batches == (int)found->pool.max_batches,
		      "%d workers, %d batches", found->counted_workers, found->counted_batches);
}

/* Check what is in a file that was saved: no name can have ended a text, or begun a line. */
static void check_saved(const char *path)
{
	FILE *file = fopen(path, "r");
	uint64_t quotes = 0, braces = 0;
	int c, last = 0;

	CHECK(file, "%s: %s", path, strerror(errno));
	while ((c = fgetc(file)) != EOF) {
		CHECK(c == '\n' || (c >= ' ' && c <= '~' && c != '\\'), "the byte %d in a trace", c);
		quotes += c == '"';
		braces += quotes % 2 == 0 && c == '{';
		braces -= quotes % 2 == 0 && c == '}';
		last = c == '\n' ? last : c;
	}
	fclose(file);
	CHECK(quotes % 2 == 0 && braces == 0 && last == '}', "a trace does not end as it began");
}

/* Save the trace, if the environment says where to. */
static void save_trace(const char *name)
{
	static const int codes[] = {-EINVAL, -ESTALE, -EBADMSG};
	const char *path = getenv("TRACE_FILE");
	int r = path ? sheaf_trace_save(name, path) : -EINVAL;

	if (path)
		check_code("sheaf_trace_save", r, codes, sizeof(codes) / sizeof(codes[0]));
	if (!r)
		check_saved(path);
}

void inspect_segment(const char *name, struct inspection *found)
{
	static const int codes[] = {-ENOENT, -EACCES, -EBADMSG, -EPROTO, -EAGAIN, -ESTALE};
	sheaf_inspect *inspect = NULL;

	memset(found, 0, sizeof(*found));
	found->opened = sheaf_inspect_open(&inspect, name);
	check_code("sheaf_inspect_open", found->opened, codes, sizeof(codes) / sizeof(codes[0]));
	CHECK(!inspect == (found->opened != 0), "%d, and a handle %p", found->opened, (void *)inspect);
	if (!found->opened)
		inspect_opened(inspect, found);
	sheaf_inspect_close(inspect);
	if (!found->opened)
		save_trace(name);
}

static uint64_t pages(uint64_t count, uint64_t size)
{
	return (count * size + PAGE - 1) / PAGE * PAGE;
}

bool header_is_lawful(const struct shared_header *h, uint64_t file_size)
{
	uint64_t functions = PAGE + pages(1, sizeof(struct shared_control));
	uint64_t seats = functions + pages(h->function_count, 64);
	uint64_t ring = seats + pages(h->worker_count + UINT64_C(1), sizeof(struct shared_seat));
	uint64_t batches = ring + pages(h->ring_size * UINT64_C(3), sizeof(struct shared_slot));
	uint64_t trace = batches + pages(h->batch_count, sizeof(struct shared_batch)), map = trace, end;

	if (h->magic != SEGMENT_MAGIC || h->version != SEGMENT_VERSION || h->layout != LAYOUT_WORD || h->ready != 1 ||
	    !h->worker_count || h->worker_count > 2048 || !h->ring_size || h->ring_size > 1u << 20 ||
	    (h->ring_size & (h->ring_size - 1)) || !h->batch_count || h->batch_count > 16384 || !h->max_attempts ||
	    h->max_attempts > 31 || !h->owner_pid || h->owner_pid > INT32_MAX || !h->heap_size || h->heap_size % UNIT ||
	    h->heap_size > UINT64_C(1) << 62 || h->function_count > 4096 || h->places > 64 || h->places >= h->worker_count ||
	    h->trace_records > 1u << 20 || (h->trace_records & (h->trace_records - 1)) ||
	    (h->trace_records && h->trace_records < 64))
		return false;
	/* 256 functions, and for each seat a line and its records. */
	if (h->trace_records)
		map += pages(256 + (h->worker_count + UINT64_C(1)) * (2 + h->trace_records), 64);
	end = map + h->heap_size / UNIT * 8;
	end = (end + UNIT - 1) / UNIT * UNIT + UNIT;
	end = (end + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
	return h->control == PAGE && h->functions == functions && h->seats == seats && h->ring == ring &&
	       h->batches == batches && h->trace == trace && h->heap_map == map && h->heap == end &&
	       h->size == end + h->heap_size && file_size == h->size;
}
