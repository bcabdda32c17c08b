/*
 * inspect.c - figures of a pool, from the outside.
 *
 * Every walk is bounded by the private copy of the header (segment/reader.h), or by the memory that the system says the file
 * takes: a file may be as long as its holes. Each word is copied once, and the copy is checked and used.
 *
 * A live pool changes while it is read. What does not fit together is looked at again, since it may have been read half before
 * and half after a change; only what is as wrong the second time is called damaged.
 */
#include "base/atomic.h"
#include "sheaf_inspect.h"

#include "base/error.h"
#include "base/number.h"
#include "base/printable.h"
#include "work/chunk.h"
#include "os/os.h"
#include "segment/reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PIECE 16384u /* copied at once */
#define LOOKS 3
#define COME_AND_GO 16

struct sheaf_inspect {
	struct reader reader;
};

/* @out: where so many items shall go. */
static int begin(const sheaf_inspect *inspect, const char *call, const void *out, size_t room, struct reader_facts *facts)
{
	if (!inspect || (!out && room))
		return sheaf_fail(-EINVAL, "%s: %s is NULL", call, inspect ? "what it shall fill" : "inspect");
	return reader_look(&inspect->reader, facts);
}

/* ---- walks ---- */

typedef int item_fn(void *context, uint64_t index, const void *item);

/* Calls @fn for each of @count items, on a copy of it, until one returns what is not 0. */
static int walk(const struct reader *reader, uint64_t at, uint64_t count, size_t size, item_fn *fn, void *context)
{
	_Alignas(LINE) unsigned char piece[PIECE];
	uint64_t fit = PIECE / size;

	for (uint64_t i = 0; i < count; i += fit) {
		uint64_t n = count - i < fit ? count - i : fit;
		int r = reader_copy(reader, at + i * size, piece, (size_t)n * size);

		for (uint64_t j = 0; !r && j < n; j++)
			r = fn(context, i + j, piece + j * size);
		if (r)
			return r;
	}
	return 0;
}

/* What is read in a copy is not shared. */
static uint64_t value64(const _Atomic uint64_t *word)
{
	return load_relaxed(word);
}

static uint32_t value32(const _Atomic uint32_t *word)
{
	return load_relaxed(word);
}

/* ---- the ring ---- */

struct hand {
	uint64_t slot; /* its index, and its word, where it was seen */
	uint64_t word;
	uint64_t batch;
	uint64_t target;
	uint16_t kind;
	bool busy;
};

struct queue {
	uint64_t serial;
	unsigned ready, running;
};

struct scan {
	const struct reader *reader;
	struct hand *hands;   /* of each worker, or NULL */
	struct queue *queues; /* of each batch, with its serial filled in, or NULL */
	unsigned filling, ready, running;
	uint64_t damaged;
};

static bool possible(const struct reader *reader, const struct shared_slot *slot)
{
	struct word w = word_unpack(value64(&slot->word));

	if (w.state == WORD_FREE || w.state == WORD_FILLING)
		return true;
	if (w.state != WORD_READY && (w.state != WORD_OWNED || w.seat >= reader->header.worker_count))
		return false;
	return (slot->kind == TASK_CALL || slot->kind == TASK_SHARE) &&
	       BATCH_INDEX(value64(&slot->batch)) < reader->header.batch_count;
}

static void note_slot(struct scan *scan, uint64_t index, const struct shared_slot *slot)
{
	uint64_t bits = value64(&slot->word), batch = value64(&slot->batch);
	struct word w = word_unpack(bits);

	scan->filling += w.state == WORD_FILLING;
	scan->ready += w.state == WORD_READY;
	scan->running += w.state == WORD_OWNED;
	if (w.state != WORD_READY && w.state != WORD_OWNED)
		return;
	if (scan->queues) {
		struct queue *queue = &scan->queues[BATCH_INDEX(batch)];
		bool present = BATCH_REF(BATCH_INDEX(batch), queue->serial) == batch;

		queue->ready += present && w.state == WORD_READY;
		queue->running += present && w.state == WORD_OWNED;
	}
	if (scan->hands && w.state == WORD_OWNED)
		scan->hands[w.seat] = (struct hand){
			.slot = index, .word = bits, .batch = batch, .target = slot->target, .kind = slot->kind, .busy = true};
}

static int scan_slot(void *context, uint64_t index, const void *item)
{
	struct scan *scan = context;
	struct shared_slot slot = *(const struct shared_slot *)item;

	if (!possible(scan->reader, &slot)) {
		int r = reader_copy(scan->reader, scan->reader->header.ring + index * sizeof(slot), &slot, sizeof(slot));

		if (r)
			return r;
	}
	if (possible(scan->reader, &slot))
		note_slot(scan, index, &slot);
	else
		scan->damaged++;
	return 0;
}

static int scan_ring(struct scan *scan)
{
	const struct shared_header *header = &scan->reader->header;

	return walk(scan->reader, header->ring, header->ring_size, sizeof(struct shared_slot), scan_slot, scan);
}

/* ---- list, open, close ---- */

struct listing {
	sheaf_inspect_visit *visit;
	void *context;
	int count;
};

static void list_one(const char *name, void *context)
{
	struct listing *listing = context;

	/* No pool has such a name: see segment_check_name(). */
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

static int add_used(void *context, uint64_t index, const void *item)
{
	sheaf_inspect_pool *pool = context;

	(void)index;
	pool->heap_used += value64(item) ? UNIT : 0;
	return 0;
}

static int look_at_control(const struct reader *reader, sheaf_inspect_pool *pool)
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
	/* These words are committed, so there are no more than the file has memory. */
	return walk(reader, header->heap_map, mapped < most ? mapped : most, sizeof(uint64_t), add_used, pool);
}

static int count_batches(const struct reader *reader, sheaf_inspect_pool *pool)
{
	for (uint32_t i = 0; i < reader->header.batch_count; i++) {
		uint64_t word;
		int r = reader_copy(reader, reader->header.batches + i * sizeof(struct shared_batch), &word, sizeof(word));

		if (r)
			return r;
		pool->batches += (word & 0xff) == BATCH_OPEN || (word & 0xff) == BATCH_CANCELLED;
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
	int r = begin(inspect, "sheaf_inspect_look", out, 1, &facts);

	if (r)
		return r;
	header = &inspect->reader.header;
	scan = (struct scan){.reader = &inspect->reader};
	pool = (sheaf_inspect_pool){
		.owner_lives = facts.owner_lives,
		.owner = facts.owner_lives ? facts.owner : (pid_t)header->owner_pid,
		.workers = header->worker_count,
		.ring_size = header->ring_size,
		.max_batches = header->batch_count,
		.max_attempts = header->max_attempts,
		.size = header->size,
		.committed = facts.committed,
		.heap_size = header->heap_size,
	};
	if ((r = look_at_control(&inspect->reader, &pool)) || (r = count_batches(&inspect->reader, &pool)) ||
	    (r = scan_ring(&scan)) ||
	    (r = walk(&inspect->reader, header->seats, header->worker_count, sizeof(struct shared_seat), add_completed,
		      &pool)))
		return r;
	pool.filling = scan.filling;
	pool.ready = scan.ready;
	pool.running = scan.running;
	pool.damaged += scan.damaged;
	*out = pool;
	return 0;
}

/* ---- workers ---- */

struct roll {
	const struct reader *reader;
	struct shared_control control;
	struct hand *hands;
	sheaf_inspect_worker *workers;
	bool over; /* no worker lives, whatever the pids say */
};

/* The position of a submitted task, from its entry. It counts only if the slot has not changed meanwhile. */
static int read_position(const struct reader *reader, const struct hand *hand, sheaf_inspect_worker *worker)
{
	const struct shared_header *header = &reader->header;
	struct shared_entry entry;
	uint64_t word;
	int r;

	/* In a batch's own slot, or in the heap. */
	if (hand->target % sizeof(entry) || hand->target < header->batches ||
	    (hand->target >= header->heap_map && hand->target < header->heap) || hand->target >= header->size)
		return 0;
	if ((r = reader_copy(reader, hand->target, &entry, sizeof(entry))) ||
	    (r = reader_copy(reader, header->ring + hand->slot * sizeof(struct shared_slot), &word, sizeof(word))))
		return r;
	worker->positioned = word == hand->word;
	worker->position = worker->positioned ? entry.position : 0;
	return 0;
}

static int see_worker(void *context, uint64_t index, const void *item)
{
	const struct roll *roll = context;
	const struct shared_seat *shared = item;
	const struct hand *hand = &roll->hands[index];
	sheaf_inspect_worker *worker = &roll->workers[index];
	int32_t pid = load_relaxed(&shared->pid);
	uint64_t cursor = value64(&shared->cursor);

	*worker = (sheaf_inspect_worker){
		.state = SHEAF_WORKER_IDLE,
		.pid = pid > 0 ? pid : 0,
		.generation = value32(&shared->generation),
		.completed = value64(&shared->completed),
		.batch = -1,
	};
	if (roll->over || (!worker->pid && value64(&roll->control.supervisors))) {
		worker->state = SHEAF_WORKER_GONE;
		worker->pid = 0;
		return 0;
	}
	if (hand->busy && word_unpack(hand->word).generation == (worker->generation & 0xffff)) {
		worker->state = SHEAF_WORKER_RUNS;
		worker->batch = (int)BATCH_INDEX(hand->batch);
		if (hand->kind == TASK_CALL) {
			worker->attempt = word_unpack(hand->word).attempt;
			return read_position(roll->reader, hand, worker);
		}
		worker->positioned = cursor < MAX_POSITIONS;
		worker->position = worker->positioned ? cursor : 0;
	} else if (value64(&roll->control.sleepers[index / 64]) & UINT64_C(1) << index % 64) {
		worker->state = SHEAF_WORKER_ASLEEP;
	}
	return 0;
}

static int see_workers(struct roll *roll, uint64_t count)
{
	const struct shared_header *header = &roll->reader->header;
	struct scan scan = {.reader = roll->reader, .hands = roll->hands};
	int r;

	if ((r = scan_ring(&scan)) || (r = reader_copy(roll->reader, header->control, &roll->control, sizeof(roll->control))))
		return r;
	roll->over |= value32(&roll->control.state) >= POOL_TERMINATED;
	return walk(roll->reader, header->seats, count, sizeof(struct shared_seat), see_worker, roll);
}

int sheaf_inspect_workers(const sheaf_inspect *inspect, sheaf_inspect_worker *workers, size_t room)
{
	struct reader_facts facts;
	struct roll roll;
	uint32_t count;
	int r = begin(inspect, "sheaf_inspect_workers", workers, room, &facts);

	if (r)
		return r;
	count = inspect->reader.header.worker_count;
	roll = (struct roll){.reader = &inspect->reader, .workers = workers, .over = !facts.owner_lives};
	roll.hands = calloc(count, sizeof(*roll.hands));
	if (!roll.hands)
		return sheaf_fail(-ENOMEM, "no memory to look at %u workers", count);
	r = see_workers(&roll, room < count ? room : count);
	free(roll.hands);
	return r ? r : (int)count;
}

/* ---- batches ---- */

/* A batch without its table. */
union batch_head {
	struct shared_batch batch;
	unsigned char bytes[offsetof(struct shared_batch, table)];
};

struct ledger {
	const struct reader *reader;
	struct queue *queues;
	uint64_t walked; /* bytes of chunk words */
};

static uint64_t batch_at(const struct reader *reader, uint64_t index)
{
	return reader->header.batches + index * sizeof(struct shared_batch);
}

/*
 * Do the fields of a dense batch fit together, and lie its chunk words where they may? No two batches share words, so together
 * they have no more than the file has memory; batches that come and go while we look may add up to some times that.
 */
static bool fits(const struct ledger *ledger, uint64_t index, const struct shared_batch *batch, uint64_t committed)
{
	const struct shared_header *header = &ledger->reader->header;
	uint64_t bytes = batch->chunks * sizeof(uint64_t);

	if (batch->n > MAX_POSITIONS || batch->chunks > MAX_CHUNKS || !batch->chunk || batch->chunk > WORD_PAYLOAD_MAX ||
	    batch->chunks != batch->n / batch->chunk + (batch->n % batch->chunk != 0) ||
	    ledger->walked + bytes > COME_AND_GO * committed)
		return false;
	if (batch->words == batch_at(ledger->reader, index) + offsetof(struct shared_batch, table))
		return bytes <= BATCH_INLINE;
	return batch->words % sizeof(uint64_t) == 0 && batch->words >= header->heap &&
	       batch->words - header->heap < header->heap_size && bytes <= header->heap_size - (batch->words - header->heap);
}

static int add_done(void *context, uint64_t index, const void *item)
{
	sheaf_inspect_batch *batch = context;

	(void)index;
	batch->chunks_done += word_state(value64(item)) == WORD_DONE;
	return 0;
}

/* One look; *@again: its fields do not fit together, or it was another batch at the end. */
static int see_once(struct ledger *ledger, uint64_t index, sheaf_inspect_batch *out, bool *again)
{
	const struct reader *reader = ledger->reader;
	const struct queue *queue = &ledger->queues[index];
	union batch_head head;
	const struct shared_batch *batch = &head.batch;
	struct reader_facts facts;
	uint64_t word, after;
	int r = reader_copy(reader, batch_at(reader, index), head.bytes, sizeof(head.bytes));

	if (r)
		return r;
	*out = (sheaf_inspect_batch){0};
	*again = false;
	word = value64(&batch->word);
	if ((word & 0xff) == BATCH_FREE)
		return 0;
	if ((word & 0xff) > BATCH_CANCELLED || batch->kind > KIND_FOR)
		goto damaged;
	out->state = (enum sheaf_batch_state)(word & 0xff);
	out->serial = word >> 8;
	if (queue->serial == out->serial) {
		out->ready = queue->ready;
		out->running = queue->running;
	}
	if (batch->kind == KIND_CALLS)
		return 0;
	/* Asked now: what the batch has was committed before. */
	if ((r = reader_look(reader, &facts)))
		return r;
	if (!fits(ledger, index, batch, facts.committed)) {
		/* The owner may be filling it in: it is no map before a slot names it. */
		if (!out->ready && !out->running)
			return 0;
		goto damaged;
	}
	out->kind = (enum sheaf_batch_kind)batch->kind;
	out->n = batch->n;
	out->chunk = batch->chunk;
	out->chunks = batch->chunks;
	ledger->walked += batch->chunks * sizeof(uint64_t);
	if ((r = walk(reader, batch->words, batch->chunks, sizeof(uint64_t), add_done, out)) ||
	    (r = reader_copy(reader, batch_at(reader, index), &after, sizeof(after))))
		return r;
	*again = after >> 8 != word >> 8;
	return 0;
damaged:
	*out = (sheaf_inspect_batch){.state = SHEAF_BATCH_DAMAGED};
	*again = true;
	return 0;
}

static int see_batch(struct ledger *ledger, uint64_t index, sheaf_inspect_batch *out)
{
	bool again = true;
	int r = 0;

	for (unsigned look = 0; look < LOOKS && again && !r; look++)
		r = see_once(ledger, index, out, &again);
	return r;
}

static int see_batches(struct ledger *ledger, sheaf_inspect_batch *batches, uint64_t count)
{
	struct scan scan = {.reader = ledger->reader, .queues = ledger->queues};
	int r;

	for (uint32_t i = 0; i < ledger->reader->header.batch_count; i++) {
		uint64_t word;

		if ((r = reader_copy(ledger->reader, batch_at(ledger->reader, i), &word, sizeof(word))))
			return r;
		ledger->queues[i].serial = word >> 8;
	}
	r = scan_ring(&scan);
	for (uint64_t i = 0; i < count && !r; i++)
		r = see_batch(ledger, i, &batches[i]);
	return r;
}

int sheaf_inspect_batches(const sheaf_inspect *inspect, sheaf_inspect_batch *batches, size_t room)
{
	struct reader_facts facts;
	struct ledger ledger;
	uint32_t count;
	int r = begin(inspect, "sheaf_inspect_batches", batches, room, &facts);

	if (r)
		return r;
	count = inspect->reader.header.batch_count;
	ledger = (struct ledger){.reader = &inspect->reader};
	ledger.queues = calloc(count, sizeof(*ledger.queues));
	if (!ledger.queues)
		return sheaf_fail(-ENOMEM, "no memory to look at %u batches", count);
	r = see_batches(&ledger, batches, room < count ? room : count);
	free(ledger.queues);
	return r ? r : (int)count;
}
