/*
 * batches.c - the open batches of a pool, from outside.
 *
 * A batch whose fields do not fit together is read again, because the owner may be filling it in.
 * Only one that is as wrong each time is called damaged.
 */
#include "base/error.h"
#include "watch/scan.h"
#include "work/cut.h"

#include <errno.h>
#include <stdlib.h>

#define TRIES 3
#define COME_AND_GO 16 /* times the file's memory that all chunk words of one inspection may take */

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
 * Tell whether the fields of a dense batch fit together, and its chunk words lie where they may. No
 * two batches share words, so together the words take no more memory than the file does. Batches
 * that come and go meanwhile may add up to some times that.
 */
static bool fits_together(const struct ledger *ledger, uint64_t index, const struct shared_batch *batch, uint64_t committed)
{
	const struct shared_header *header = &ledger->reader->header;
	uint64_t bytes = batch->chunks * sizeof(uint64_t);

	if (!cut_possible(batch->n, batch->chunk, batch->chunks) || ledger->walked + bytes > COME_AND_GO * committed)
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

/*
 * Read one batch once. *@again: its fields do not fit together, or it was another batch at the end.
 */
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
	if (batch->flags & BATCH_WINDOWED) {
		out->windowed = true;
		out->accepted = value64(&batch->accepted);
		out->given = value64(&batch->given);
		out->head = value64(&batch->head);
	}
	if (batch->kind == KIND_CALLS)
		return 0;
	/* Asked after the head was read, so that what the batch has is committed by now. */
	if ((r = reader_look(reader, &facts)))
		return r;
	if (!fits_together(ledger, index, batch, facts.committed)) {
		/* The owner may be filling it in: it is no dense batch before a slot names it. */
		if (!out->ready && !out->running)
			return 0;
		goto damaged;
	}
	out->kind = (enum sheaf_batch_kind)batch->kind;
	out->n = batch->n;
	out->chunk = batch->chunk;
	out->chunks = batch->chunks;
	ledger->walked += batch->chunks * sizeof(uint64_t);
	if ((r = scan_walk(reader, batch->words, batch->chunks, sizeof(uint64_t), add_done, out)) ||
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

	for (unsigned i = 0; i < TRIES && again && !r; i++)
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
	int r = scan_begin(inspect, "sheaf_inspect_batches", batches, room, &facts);

	if (r)
		return r;
	count = inspect->reader.header.batch_count;
	ledger = (struct ledger){.reader = &inspect->reader};
	ledger.queues = calloc(count, sizeof(*ledger.queues));
	if (!ledger.queues)
		return sheaf_fail(-ENOMEM, "no memory to read %u batches", count);
	r = see_batches(&ledger, batches, room < count ? room : count);
	free(ledger.queues);
	return r ? r : (int)count;
}
