/*
 * retire.c - takes a batch apart.
 *
 * A worker reaches a batch through a slot of the ring that names it. So the batch may be freed when
 * no slot names it any longer. The opener withdraws the tasks that no worker has claimed, and waits
 * for the others. That includes tasks of dead workers, because their slots name the batch until the
 * supervisor has settled them.
 *
 * Writers           The batch's word and its tasks in the ring that are READY: the opener. Slots of
 *                   the ring that were OWNED: as in ring.c.
 * Edges             By RING2 (ring.c) what a task wrote comes before the batch is freed.
 * Deaths            Of a worker: its slot goes back to READY, or is freed because the batch is
 *                   cancelled. Either ends the wait. Of the supervisor: the opener checks the pool
 *                   while it waits and starts a successor, which does the same. All memory goes by
 *                   the batch's heap id.
 */
#include "batch/retire.h"

#include "base/atomic.h"
#include "base/cancel.h"
#include "base/error.h"
#include "batch/message.h"
#include "batch/open.h"
#include "batch/units.h"
#include "batch/window.h"
#include "member/wait.h"
#include "os/os.h"
#include "queue/bell.h"
#include "queue/ring.h"

#include <errno.h>
#include <stdlib.h>

#define DEFAULT_GRACE_NS UINT64_C(1000000000)
#define CHECKS_BEFORE_SLEEP 4096
#define NAP_NS 200000
#define LONG_NAP_NS 10000000 /* once the wait has taken longer than the default grace time */

/* The opener waits until slots of the ring no longer name its batch. */
struct clearing {
	struct sheaf_batch *batch;
	struct shared_slot *slot;
	uint64_t began;     /* 0: it has not slept yet */
	uint64_t grace_end; /* from then on workers are killed */
	struct wait *wait;
};

/*
 * Does the slot name the batch no longer? Withdraw the task if no worker has claimed it. False: a
 * worker owns it, by the word *@bits.
 */
static bool is_slot_clear(const struct sheaf_batch *batch, struct shared_slot *slot, uint64_t *bits)
{
	enum slot_has has = ring_clear(slot, batch->ref, bits);

	/* Not by the hint: if all workers sleep, nobody would ring later. */
	if (has == SLOT_WITHDRAWN)
		room_ring_one(batch->segment);
	return has != SLOT_OWNED;
}

static bool is_clear(void *context)
{
	const struct clearing *clearing = context;
	uint64_t bits;

	return is_slot_clear(clearing->batch, clearing->slot, &bits);
}

/* Spin for a moment, because most tasks take microseconds. */
static bool spin_until_clear(struct clearing *clearing)
{
	for (unsigned i = 0; i < CHECKS_BEFORE_SLEEP; i++) {
		os_relax();
		if (is_clear(clearing))
			return true;
	}
	return false;
}

/* After the grace time, have the worker killed that still runs the task. */
static int end_grace(void *context, bool late)
{
	struct clearing *clearing = context;
	uint64_t grace_ns = clearing->batch->grace_ns ? clearing->batch->grace_ns : DEFAULT_GRACE_NS;
	uint64_t now = sheaf_now_ns(), bits;

	(void)late;
	if (!clearing->began) {
		clearing->began = now;
		clearing->grace_end = now + grace_ns < now ? SHEAF_FOREVER : now + grace_ns;
	}
	clearing->wait->sleeper.nap_ns = now - clearing->began > DEFAULT_GRACE_NS && now <= clearing->grace_end ? LONG_NAP_NS
														: NAP_NS;
	if (now <= clearing->grace_end || is_slot_clear(clearing->batch, clearing->slot, &bits))
		return 0;
	/*
	 * Where a wild task wrote the word, no worker runs the task or dies with it, so no repair
	 * would come by.
	 */
	if (segment_is_orphan(clearing->batch->segment, word_unpack(bits)))
		(void)ring_release(clearing->slot, bits);
	else
		member_kill(clearing->batch->member, bits);
	return 0;
}

/* Wait until the slot is clear, or no process is left that could run its task. */
static void wait_until_clear(struct clearing *clearing)
{
	struct member *member = clearing->batch->member;
	struct wait wait = {
		.context = clearing,
		.ready = is_clear,
		.doubt = end_grace,
		.sleeper = {.nap_ns = NAP_NS},
		.sleep = true,
		.deaf = true,
	};

	clearing->wait = &wait;
	/* Once the pool has stopped, its processes end soon. */
	while (member_wait(member, &wait, SHEAF_FOREVER) && !member->ops->ended(member)) {
		(void)end_grace(clearing, false);
		os_sleep_ns(NAP_NS);
	}
}

static void clear_ring(struct sheaf_batch *batch)
{
	const struct ring *ring = batch->ring;
	struct clearing clearing = {.batch = batch};
	uint64_t bits;

	if (!batch->sent)
		return;
	if (batch->last_ticket - batch->first_ticket >= ring->size)
		batch->first_ticket = batch->last_ticket - (ring->size - 1);
	for (uint64_t t = batch->first_ticket, left = batch->last_ticket - t + 1; left; t++, left--) {
		clearing.slot = &ring->slots[t & (ring->size - 1)];
		if (!is_slot_clear(batch, clearing.slot, &bits) && !spin_until_clear(&clearing))
			wait_until_clear(&clearing);
	}
}

static void free_parts(struct sheaf_batch *batch, bool abandon)
{
	if (batch->window)
		window_close(batch, !abandon);
	message_free(batch);
	order_free(&batch->order);
	entries_free(&batch->entries);
	free(batch->calls.open);
	free(batch->calls.ready);
	free(batch->dense.taken);
	free(batch->dense.failures);
	free(batch->results);
}

void batch_free(struct sheaf_batch *batch, bool abandon)
{
	int cancel = cancel_refuse();

	if (!abandon) {
		/* Relaxed: workers see it sooner or later, and clear_ring() waits for them. */
		store_relaxed(&batch->shared->word, BATCH_WORD(BATCH_RETIRED, batch->heap_id));
		clear_ring(batch);
		room_ring(batch->segment);
		/* Relaxed: counted before the slot was released. */
		if (load_relaxed(&batch->shared->units))
			units_free(batch, batch->heap_id);
	}
	free_parts(batch, abandon);
	batch_close(batch);
	cancel_allow(cancel);
}

void sheaf_batch_retire(sheaf_batch *batch)
{
	/*
	 * In a forked child the memory belongs to the parent's pool, and that of a dead batch may
	 * serve another one by now.
	 */
	if (!batch || batch_check(batch) || member_check_process(batch->member))
		return;
	/* The thread that gathers has called this task. */
	if (member_is_inside(batch->segment) && batch->gathering) {
		(void)sheaf_fail(-EDEADLK,
				 "sheaf_batch_retire: the batch waits for the task that retires it: do so when it is gathered");
		return;
	}
	if (batch->window && batch->window->reader) {
		(void)sheaf_fail(-EBUSY,
				 "sheaf_batch_retire: another batch is chained to this one, and reads its results: retire "
				 "that first");
		return;
	}
	batch_free(batch, false);
}
