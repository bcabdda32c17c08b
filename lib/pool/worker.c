/*
 * worker.c - claim, run, and sleep when there is nothing to claim.
 */
#include "pool/worker.h"

#include "batch/chunks.h"
#include "os/os.h"
#include "queue/doorbell.h"
#include "queue/ring.h"

#include <stdio.h>
#include <unistd.h>

#define LOOKS_PER_CLOCK 8
#define RELAX_PER_LOOK 8 /* each look takes the line of the tail from the submitters */

static bool claim_and_run(struct runner *runner)
{
	struct ring_owner me = {.worker = runner->worker, .generation = runner->generation};
	struct shared_slot *slot;
	uint64_t word;

	if (ring_claim(runner->segment, me, &runner->tail, &slot, &word))
		return false;
	if (slot->kind == TASK_SHARE)
		share_run(runner, slot, word);
	else
		call_run(runner, slot, word);
	return true;
}

static bool pool_runs(const struct segment *segment)
{
	/* Seq_cst: whoever changes the state rings afterwards; see doorbell.c. */
	return atomic_load_explicit(&segment->control->state, memory_order_seq_cst) == POOL_OPEN;
}

/* Looks for a while, as a task that comes soon costs much less than a sleep. */
static bool spin(struct runner *runner)
{
	uint64_t until = 0;

	if (!runner->segment->spin_ns)
		return false;
	for (unsigned look = 0;; look++) {
		if (claim_and_run(runner))
			return true;
		if (look % LOOKS_PER_CLOCK == 0) {
			uint64_t now = sheaf_now_ns();

			if (!until)
				until = now + runner->segment->spin_ns;
			else if (now >= until || !pool_runs(runner->segment))
				return false;
		}
		for (unsigned i = 0; i < RELAX_PER_LOOK; i++)
			os_relax();
	}
}

void worker_run(struct segment *segment, unsigned worker, unsigned generation, bool process)
{
	struct runner runner = {.segment = segment, .worker = worker, .generation = generation, .pid = (int32_t)getpid()};

	for (;;) {
		bool ran;

		/* Terminated workers of the thread backend have to look themselves; processes are killed. */
		if (atomic_load_explicit(&segment->control->state, memory_order_relaxed) > POOL_FINISHED)
			return;
		if (claim_and_run(&runner))
			continue;
		runner.clock_ns = 0;
		if (spin(&runner))
			continue;
		if (process)
			fflush(stdout);
		doorbell_announce(segment, worker);
		ran = claim_and_run(&runner);
		if (!ran && pool_runs(segment))
			doorbell_sleep(segment, worker, generation, SHEAF_FOREVER);
		doorbell_retract(segment, worker);
		if (!ran && !pool_runs(segment) && !claim_and_run(&runner))
			return;
	}
}
