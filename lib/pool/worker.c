/*
 * worker.c - claim, run, and sleep when there is nothing to claim.
 */
#include "pool/worker.h"

#include "base/atomic.h"
#include "batch/chunks.h"
#include "os/os.h"
#include "os/output.h"
#include "os/patience.h"
#include "queue/doorbell.h"
#include "queue/ring.h"

#include <unistd.h>

#define PAUSES_PER_LOOK 4        /* each look takes a line from the submitters */
#define LOOKS_PER_TAIL 32        /* a task is seldom anywhere but in the next slot */
#define MOST_PATIENCE_NS 2000000 /* a pool that has been idle for so long uses no CPU */

static void look_out(struct runner *runner, bool looking)
{
	/* Relaxed: a hint. */
	store_relaxed(&runner->segment->workers[runner->worker].looking, looking);
	runner->looking = looking;
}

/* Does the ring hold tasks behind this one? */
static bool more_behind(const struct segment *segment, const struct shared_slot *slot)
{
	/* Relaxed: a hint. */
	uint64_t tail = load_relaxed(&segment->control->tail);

	return (uint64_t)(slot - segment->ring) != ((tail - 1) & (segment->ring_size - 1));
}

typedef int claim_fn(struct segment *, struct ring_owner, uint64_t *, struct shared_slot **, uint64_t *);

/* How to look while there is no hurry to sleep. What has gathered behind the tail is learnt at once by a look at it, too. */
static claim_fn *now_and_then(struct runner *runner)
{
	if (++runner->looks % LOOKS_PER_TAIL)
		return ring_claim_next;
	output_look();
	return ring_claim;
}

static bool claim_and_run(struct runner *runner, claim_fn *claim, bool announced)
{
	struct ring_owner me = {.worker = runner->worker, .generation = runner->generation};
	struct shared_slot *slot;
	uint64_t word;

	/* Relaxed: a terminated pool's processes are killed; its threads look before each task. */
	if (load_relaxed(&runner->segment->control->state) > POOL_FINISHED ||
	    claim(runner->segment, me, &runner->tail, &slot, &word))
		return false;
	/* Others may have left it to us to take what they sent, but we take one. */
	if (runner->looking) {
		look_out(runner, false);
		if (runner->segment->worker_count > 1 && more_behind(runner->segment, slot))
			doorbell_ring(runner->segment);
	}
	/* Who took our announcement meant to wake somebody for another task: pass it on before we are busy. */
	if (announced && !doorbell_retract(runner->segment, runner->worker))
		doorbell_ring(runner->segment);
	if (slot->kind == TASK_SHARE)
		share_run(runner, slot, word);
	else
		call_run(runner, slot, word);
	return true;
}

static bool pool_runs(const struct segment *segment)
{
	/* Whoever changes the state gives everybody a token afterwards, asleep or not. Seq_cst, pairs with post() in doorbell.c: a successor
	 * to whose predecessor the token went sees the change. */
	return load_seq_cst(&segment->control->state) == POOL_OPEN;
}

/* Looks for a while, as a task that comes soon costs much less than a sleep. */
static bool spin(struct runner *runner)
{
	const struct segment *segment = runner->segment;

	if (!segment->spin_ns)
		return false;
	patience_begin(&runner->patience, PAUSES_PER_LOOK);
	look_out(runner, true);
	while (patience_wait(&runner->patience, segment->eager_ns, runner->patience_ns) && pool_runs(segment))
		if (claim_and_run(runner, now_and_then(runner), false))
			return true;
	look_out(runner, false);
	return false;
}

/* Whose last sleep was so short that it would rather have looked on, looks on the next time. */
static void learn_patience(struct runner *runner)
{
	bool short_sleep = runner->patience.since_ns && sheaf_now_ns() - runner->patience.since_ns < MOST_PATIENCE_NS;

	runner->patience_ns = short_sleep ? MOST_PATIENCE_NS : runner->segment->spin_ns;
}

/* A process that no signal tells of its parent's death looks for itself; one that runs a task does when that has ended. */
static void sleep_until_rung(struct segment *segment, unsigned worker, unsigned generation, pid_t parent)
{
	doorbell_sleep(segment, worker, generation, parent ? sheaf_now_ns() + os_parent_check_ns() : SHEAF_FOREVER);
	if (parent && getppid() != parent)
		_exit(1);
}

void worker_run(struct segment *segment, unsigned worker, unsigned generation, pid_t parent)
{
	struct runner runner = {.segment = segment,
				.worker = worker,
				.generation = generation,
				.pid = (int32_t)getpid(),
				.forks = forks_count(),
				.forks_private = parent ? forks_private : NULL,
				.patience_ns = segment->spin_ns};

	for (;;) {
		bool ran;

		/* Terminated workers of the thread backend have to look themselves; processes are killed. */
		if (load_relaxed(&segment->control->state) > POOL_FINISHED)
			return;
		if (claim_and_run(&runner, now_and_then(&runner), false))
			continue;
		runner.clock_ns = 0;
		if (spin(&runner))
			continue;
		if (parent)
			output_flush(false);
		doorbell_announce(segment, worker);
		ran = claim_and_run(&runner, ring_claim, true);
		if (!ran)
			room_ring_one(segment); /* nothing is READY: nobody else would */
		if (!ran && pool_runs(segment)) {
			sleep_until_rung(segment, worker, generation, parent);
			learn_patience(&runner);
		}
		if (!ran)
			doorbell_retract(segment, worker);
		if (!ran && !pool_runs(segment) && !claim_and_run(&runner, ring_claim, false))
			return;
	}
}
