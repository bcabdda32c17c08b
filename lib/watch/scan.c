/*
 * scan.c - reads the parts of a segment from outside, one copied piece at a time.
 *
 * A live pool changes while it is read. A slot that is not possible is read again, because it may
 * have been read half before and half after a change. Only one that is as wrong the second time
 * counts as damaged.
 */
#include "watch/scan.h"

#include "base/error.h"

#include <errno.h>

#define PIECE 16384u /* copied at once */

int scan_begin(const sheaf_inspect *inspect, const char *call, const void *out, size_t room, struct reader_facts *facts)
{
	if (!inspect || (!out && room))
		return sheaf_fail(-EINVAL, "%s: %s is NULL", call, inspect ? "what it must fill" : "inspect");
	return reader_look(&inspect->reader, facts);
}

int scan_walk(const struct reader *reader, uint64_t at, uint64_t count, size_t size, item_fn *fn, void *context)
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

/* ---- the rings ---- */

/* Tell whether the fields of a slot fit together. */
static bool is_possible(const struct reader *reader, const struct shared_slot *slot)
{
	struct word w = word_unpack(value64(&slot->word));

	if (w.state == WORD_FREE || w.state == WORD_FILLING)
		return true;
	if (w.state != WORD_READY && (w.state != WORD_OWNED || w.seat >= reader->header.worker_count))
		return false;
	return (slot->kind == TASK_CALL || slot->kind == TASK_SHARE) &&
	       BATCH_INDEX(value64(&slot->batch)) < reader->header.batch_count;
}

/* Count a slot, and note the task that a worker has in hand. */
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

	if (!is_possible(scan->reader, &slot)) {
		int r = reader_copy(scan->reader, scan->reader->header.ring + index * sizeof(slot), &slot, sizeof(slot));

		if (r)
			return r;
	}
	if (is_possible(scan->reader, &slot))
		note_slot(scan, index, &slot);
	else
		scan->damaged++;
	return 0;
}

int scan_ring(struct scan *scan)
{
	const struct shared_header *header = &scan->reader->header;
	uint64_t count = header->ring_size;
	uint32_t heed;
	int r = reader_copy(scan->reader, header->control + offsetof(struct shared_control, heed), &heed, sizeof(heed));

	if (r)
		return r;
	/* Memory that is not committed would read as free slots. */
	if (heeds_rings(heed))
		count *= PRIORITIES;
	return scan_walk(scan->reader, header->ring, count, sizeof(struct shared_slot), scan_slot, scan);
}
