/*
 * worker.c - a worker's life: wait until the pool is over, and run tasks meanwhile.
 */
#include "pool/worker.h"

#include "member/wait.h"
#include "os/os.h"
#include "os/output.h"
#include "queue/ring.h"
#include "work/chunk.h"

#include <unistd.h>

#define PAUSES_PER_CHECK 4   /* each check takes a line from the submitters */
#define CHECKS_PER_TAIL 32   /* a task is seldom anywhere but in the next slot */
#define MOST_SPIN_NS 2000000 /* a pool that has been idle for so long uses no CPU */

struct life {
	struct member member;
	pid_t parent; /* 0: it is a thread */
};

static void look_out(struct member *member, bool looking)
{
	/* Relaxed: a hint. */
	store_relaxed(&member->seat->looking, looking);
	member->looking = looking;
}

/* Does the ring hold tasks behind this one? */
static bool more_behind(const struct segment *segment, const struct shared_slot *slot)
{
	/* Relaxed: a hint. */
	uint64_t tail = load_relaxed(&segment->ring.shared->tail);

	return (uint64_t)(slot - segment->ring.slots) != ((tail - 1) & (segment->ring.size - 1));
}

typedef int claim_fn(const struct ring *, uint64_t, uint64_t *, struct shared_slot **, uint64_t *);

/* How to look while there is no hurry to sleep. What has gathered behind the tail is learnt at once by a look at it, too. */
static claim_fn *now_and_then(struct member *member)
{
	if (++member->looks % CHECKS_PER_TAIL)
		return ring_claim_next;
	output_look();
	return ring_claim;
}

static bool retract(struct member *member)
{
	struct sleeper sleeper = sleeper_of_worker(member->segment, member->number, member->generation);

	return sleeper_retract(&sleeper);
}

static bool claim_and_run(struct member *member, claim_fn *claim, bool announced)
{
	struct shared_slot *slot;
	uint64_t word;

	/* Relaxed: a terminated pool's processes are killed; its threads look before each task. */
	if (load_relaxed(&member->segment->control->state) > POOL_FINISHED ||
	    claim(&member->segment->ring, member->claimant, &member->tail, &slot, &word))
		return false;
	/* Relaxed: read after this process's death, by the supervisor. */
	store_relaxed(&member->seat->hand, segment_offset(member->segment, slot));
	/* Others may have left it to us to take what they sent, but we take one. */
	if (member->looking) {
		look_out(member, false);
		if (member->segment->worker_count > 1 && more_behind(member->segment, slot))
			workers_ring(member->segment);
	}
	/* Who took our announcement meant to wake somebody for another task: pass it on before we are busy. */
	if (announced && !retract(member))
		workers_ring(member->segment);
	if (slot->kind == TASK_SHARE)
		share_run(member, slot, word);
	else
		call_run(member, slot, word);
	return true;
}

/* Is there nothing left to do for this worker? Of a closed pool it runs what was submitted. */
static bool is_over(void *context)
{
	const struct life *life = context;
	const struct segment *segment = life->member.segment;
	/* A member that changes the state gives everybody a token afterwards, asleep or not. Seq_cst, pairs with ring_seat() in bell.c: a successor
	 * to whose predecessor the token went sees the change. */
	uint32_t state = load_seq_cst(&segment->control->state);

	/* Workers of a terminated pool are killed, but for threads. */
	return state > POOL_FINISHED || (state != POOL_OPEN && !ring_has_ready(&segment->ring));
}

static bool run_tasks(void *context, bool announced)
{
	struct life *life = context;
	bool ran = claim_and_run(&life->member, announced ? ring_claim : now_and_then(&life->member), announced);

	if (ran)
		while (claim_and_run(&life->member, now_and_then(&life->member), false))
			continue;
	life->member.clock_ns = 0;
	return ran;
}

/* Spin for a while, because a task that comes soon costs much less than a sleep. */
static bool spin_for_task(void *context)
{
	struct life *life = context;
	struct member *member = &life->member;
	const struct segment *segment = member->segment;

	if (!segment->spin_ns)
		return false;
	backoff_begin(&member->backoff, PAUSES_PER_CHECK);
	look_out(member, true);
	while (backoff_wait(&member->backoff, segment->eager_ns, member->spin_ns) && !is_over(life))
		if (claim_and_run(member, now_and_then(member), false))
			return true;
	look_out(member, false);
	return false;
}

/* Before a sleep, because others may wait for what tasks have printed. */
static int write_out(void *context, bool late)
{
	const struct life *life = context;

	(void)late;
	if (life->parent)
		output_flush(false);
	return 0;
}

/* Nothing is READY: no other member would wake a submitter. */
static void ring_room(void *context)
{
	const struct life *life = context;

	room_ring_one(life->member.segment);
}

static void learn_from_sleep(void *context)
{
	struct life *life = context;
	struct member *member = &life->member;
	bool brief;

	/* A process that no signal tells of its parent's death asks for itself. */
	if (life->parent && getppid() != life->parent)
		_exit(1);
	/* If the sleep was shorter than a spin would have been, spin longer next time. */
	brief = member->backoff.since_ns && sheaf_now_ns() - member->backoff.since_ns < MOST_SPIN_NS;
	member->spin_ns = brief ? MOST_SPIN_NS : member->segment->spin_ns;
}

void worker_run(struct segment *segment, unsigned worker, unsigned generation, pid_t parent)
{
	struct life life = {.parent = parent};
	struct wait wait = {
		.context = &life,
		.ready = is_over,
		.help = run_tasks,
		.spin = spin_for_task,
		.doubt = write_out,
		.idle = ring_room,
		.woken = learn_from_sleep,
		.sleeper = sleeper_of_worker(segment, worker, generation),
		.longest_ns = parent ? os_parent_check_ns() : 0,
		.deaf = true,
	};

	member_sit(&life.member, segment, worker, generation, (int32_t)getpid(), parent ? forks_private : NULL);
	member_wait(&life.member, &wait, SHEAF_FOREVER);
}
