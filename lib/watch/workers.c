/*
 * workers.c - what each worker of a pool does, from outside.
 *
 * The ring tells what a worker has in hand, and the worker's own record tells the rest. The two are
 * read at different times, so a task counts only if its generation is the worker's.
 */
#include "base/error.h"
#include "watch/scan.h"
#include "work/cut.h"

#include <errno.h>
#include <stdlib.h>

struct roll {
	const struct reader *reader;
	struct shared_control control;
	struct hand *hands;
	sheaf_inspect_worker *workers;
	bool over; /* no worker lives, whatever the pids say */
};

/*
 * Read the position of a submitted task from its entry. It counts only if the slot has not changed
 * meanwhile.
 */
static int read_position(const struct reader *reader, const struct hand *hand, sheaf_inspect_worker *worker)
{
	const struct shared_header *header = &reader->header;
	struct shared_entry entry;
	uint64_t word;
	int r;

	/* An entry lies in a batch's own slot, or in the heap. */
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

/* Fill in one worker from its record. */
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
	return scan_walk(roll->reader, header->seats, count, sizeof(struct shared_seat), see_worker, roll);
}

int sheaf_inspect_workers(const sheaf_inspect *inspect, sheaf_inspect_worker *workers, size_t room)
{
	struct reader_facts facts;
	struct roll roll;
	uint32_t count;
	int r = scan_begin(inspect, "sheaf_inspect_workers", workers, room, &facts);

	if (r)
		return r;
	count = inspect->reader.header.worker_count;
	roll = (struct roll){.reader = &inspect->reader, .workers = workers, .over = !facts.owner_lives};
	roll.hands = calloc(count, sizeof(*roll.hands));
	if (!roll.hands)
		return sheaf_fail(-ENOMEM, "no memory to read %u workers", count);
	r = see_workers(&roll, room < count ? room : count);
	free(roll.hands);
	return r ? r : (int)count;
}
