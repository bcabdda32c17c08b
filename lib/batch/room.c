/*
 * room.c - spins while the ring drains fast, and sleeps in a room until a worker rings.
 *
 * Writers           A room and its bit among the waiters: the submitter that has taken the room
 *                   (see bell.c). A slot that is tried: as by any submitter; it is abandoned at
 *                   once.
 * Deaths            Of a worker that was to ring: the supervisor rings all rooms after each death.
 *                   Of the submitter: see bell.c.
 */
#include "batch/room.h"

#include "base/atomic.h"
#include "base/error.h"
#include "member/wait.h"
#include "os/os.h"
#include "queue/bell.h"
#include "queue/ring.h"
#include "work/cancel.h"

#include <errno.h>

#define ROOM_SLICE_NS 20000
#define RELAX_PER_CHECK 32

/* A submitter that waits for room in the ring. */
struct room_wait {
	struct sheaf_batch *batch;
	int room;
	bool late; /* it has slept until the end of its sleep */
};

/*
 * Spin while the ring drains fast: each 20 us must free a quarter of the slots still missing. Tiny
 * tasks free them sooner than a sleep would end, and all other tasks need this CPU more than the
 * submitter does.
 */
static bool spin_for_room(void *context)
{
	const struct room_wait *wait = context;
	const struct ring *ring = wait->batch->ring;
	uint64_t missing = ring_wanting(ring), left = missing, until;

	if (!wait->batch->segment->spin_ns)
		return false;
	do {
		missing = left;
		until = sheaf_now_ns() + ROOM_SLICE_NS;
		do {
			for (unsigned i = 0; i < RELAX_PER_CHECK; i++)
				os_relax();
			left = ring_wanting(ring);
		} while (left && sheaf_now_ns() < until);
	} while (left && left < missing && missing - left >= missing / 4);
	return !left;
}

/*
 * Is there room? Workers ring when a slot frees. With nothing READY no worker will, so try a slot
 * at once, whatever the hints say. Do so now and then in any case, because tasks that take long
 * free slots one by one.
 */
static bool is_room(void *context)
{
	const struct room_wait *wait = context;
	struct member *member = wait->batch->member;
	const struct ring *ring = wait->batch->ring;
	struct shared_slot *slot;
	uint64_t ticket;
	int r;

	if (batch_is_cancelled(wait->batch->shared))
		return true; /* batch_wait_for_room() says so */
	if (!wait->late && ring_wanting(ring) && ring_has_ready(ring))
		return false;
	/*
	 * Seq_cst, both: else all_submitted() in open.c could see the slot FILLING and not the
	 * count.
	 */
	fetch_add_seq_cst(&member->probing, 1);
	r = ring_take(ring, member->name, &slot, &ticket);
	if (!r)
		ring_abandon(slot);
	fetch_sub_seq_cst(&member->probing, 1);
	return !r;
}

static int doubt_room(void *context, bool late)
{
	struct room_wait *wait = context;

	wait->late = late;
	return member_open(wait->batch->member);
}

/*
 * Wake a worker, because one that is awake checks for submitters before it sleeps, and for tasks
 * that were sent without ringing.
 */
static void ring_before_sleep(void *context)
{
	const struct room_wait *wait = context;

	/* Without workers this would ring the submitter itself. */
	if (!wait->batch->segment->inlined)
		workers_ring(wait->batch->segment);
}

static void undo_room_wait(void *context)
{
	const struct room_wait *wait = context;
	struct sheaf_batch *batch = wait->batch;

	room_leave(batch->segment, wait->room);
	room_ring_one(batch->segment);
	if (batch->give_up)
		batch->give_up(batch);
}

int room_fail_cancelled(void)
{
	return sheaf_fail(-ECANCELED, "the batch was cancelled: it takes no more tasks");
}

int room_fail_full(const struct sheaf_batch *batch, int code)
{
	return sheaf_fail(code, "%sthe ring is full: %u tasks wait or run",
			  code == -ETIMEDOUT ? "the deadline passed while " : "", batch->ring->size);
}

int batch_wait_for_room(struct sheaf_batch *batch, unsigned heard, uint64_t deadline_ns)
{
	struct member *member = batch->member;
	struct segment *segment = batch->segment;
	struct room_wait context = {.batch = batch};
	struct wait wait = {
		.context = &context,
		.ready = is_room,
		.spin = spin_for_room,
		.doubt = doubt_room,
		.idle = ring_before_sleep,
		.cancelled = undo_room_wait,
		.longest_ns = CHECK_EVERY_NS,
		.heard = heard,
	};
	int r;

	if (!deadline_ns && batch->flags & SHEAF_NONBLOCK) {
		r = member_look(member, false);
		return r ? r : room_fail_full(batch, -EAGAIN);
	}
	if (!deadline_ns)
		deadline_ns = batch->deadline_ns ? batch->deadline_ns : SHEAF_FOREVER;
	context.room = room_take(segment, member->name, batch_priority(batch));
	wait.sleeper = sleeper_of_room(segment, context.room);
	r = member_wait(member, &wait, deadline_ns);
	room_leave(segment, context.room);
	if (r == -ETIMEDOUT)
		r = room_fail_full(batch, r);
	if (!r && batch_is_cancelled(batch->shared))
		r = room_fail_cancelled();
	/* Nothing is submitted, so a wake-up that was spent on this one is due to another. */
	if (r)
		room_ring_one(segment);
	return r;
}
