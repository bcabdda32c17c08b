/*
 * help.c - runs tasks in the wait of a task, and in that of an owner that works.
 *
 *   ready? -> own tasks -> spin -> announce -> own tasks, then others' -> ready? -> sleep
 *
 * While it waits for results the worker sleeps on its batch's bell, and is announced as a worker,
 * too, so that submitters ring it there (bell.c).
 *
 * Writers           As the worker of any task (call.c, share.c). `awaits` of its seat: the worker.
 * Deaths            Of the worker: the batch of the wait goes (orphans.c), and what it had claimed
 *                   is returned to the ring (recover.c).
 */
#include "batch/help.h"

#include "base/atomic.h"
#include "base/cancel.h"
#include "batch/withdraw.h"
#include "os/os.h"
#include "work/cancel.h"
#include "work/held.h"
#include "work/nest.h"
#include "work/share.h"

/* A worker that may not run what others are woken for looks so often for what it must run. */
#define LOOK_EVERY_NS 5000000
#define PAUSES_PER_CHECK 4
#define ROOM_NAP_NS 200000

/* Look again at all tickets that a batch's tasks may have. Under the batch's lock. */
static struct ring_span span_of_batch(const struct sheaf_batch *batch)
{
	const struct search search = withdraw_begin(batch);

	return (struct ring_span){.ticket = search.ticket, .count = search.left};
}

static struct ring_span renewed_span(struct sheaf_batch *batch)
{
	struct ring_span span;

	pthread_mutex_lock(&batch->lock);
	span = span_of_batch(batch);
	pthread_mutex_unlock(&batch->lock);
	return span;
}

/* Claim a task of one of the batches, searching all of their tickets. */
static bool claim_any_own(const struct helping *helping, struct claim *claim)
{
	for (unsigned i = 0; i < helping->count; i++) {
		struct sheaf_batch *batch = helping->batches[i];
		struct ring_span span = renewed_span(batch);

		if (nest_claim_own(batch->member, batch->ring, batch->ref, &span, claim))
			return true;
	}
	return false;
}

static struct member *handle_of(const struct helping *helping)
{
	return helping->batches[0]->member;
}

/* Run a task of the batches. Of a single one, the tickets are not searched twice. */
static bool run_own(struct helping *helping)
{
	struct member *handle = handle_of(helping);
	struct claim claim;

	if (helping->count > 1
		    ? !claim_any_own(helping, &claim)
		    : !nest_claim_own(handle, helping->batches[0]->ring, helping->batches[0]->ref, &helping->span, &claim))
		return false;
	nest_run(handle, &claim, true);
	return true;
}

/* ---- waiting for results ---- */

bool help_first(struct sheaf_batch *batch, const struct shared_entry *entry)
{
	struct ring_span span = span_of_batch(batch);
	struct member *handle = batch->member;
	struct claim claim;
	bool done = false;

	pthread_mutex_unlock(&batch->lock);
	while (!done && nest_claim_own(handle, batch->ring, batch->ref, &span, &claim)) {
		nest_run(handle, &claim, true);
		/* Relaxed: the caller looks again. */
		done = word_state(load_relaxed(&entry->word)) == WORD_DONE;
	}
	pthread_mutex_lock(&batch->lock);
	return done;
}

/* The innermost wait of this thread. */
static _Thread_local const struct awaited *innermost;

void help_awaits(struct awaited *awaited, struct sheaf_batch *const *batches, size_t count)
{
	*awaited = (struct awaited){.batches = batches, .count = count, .outer = innermost};
	innermost = awaited;
}

void help_awaits_no_longer(const struct awaited *awaited)
{
	innermost = awaited->outer;
}

bool help_is_awaited(const struct sheaf_batch *batch)
{
	for (const struct awaited *awaited = innermost; awaited; awaited = awaited->outer)
		for (size_t i = 0; i < awaited->count; i++)
			if (awaited->batches[i] == batch)
				return true;
	return false;
}

static bool is_work_over(void *context)
{
	struct working *working = context;
	const struct sheaf_batch *batch = working->batch;
	uint64_t deadline_ns = working->deadline_ns;

	/* Relaxed: as is_cancelled() in share.c. */
	if (load_relaxed(&batch->segment->control->state) > POOL_FINISHED)
		return true;
	return !deadline_ns || batch_is_cancelled(batch->shared) || member_interrupted(batch->member, working->heard) ||
	       (deadline_ns != SHEAF_FOREVER && sheaf_now_ns() >= deadline_ns) || working->ready(working->context) ||
	       member_ask_host(batch->member, &working->asking);
}

/* Both under the batch's lock, which is free meanwhile. */
static void work_on_chunks(struct sheaf_batch *batch, struct working *working)
{
	struct member_scope before;
	uint64_t untried = batch->dense.untried;

	/* One that may still be refused has no work yet. */
	if (batch->inviting)
		return;
	before = member_run_tasks_of(batch->segment);
	pthread_mutex_unlock(&batch->lock);
	share_help_beside(batch->member, batch->shared, &batch->plan, batch->heap_id, is_work_over, working, &untried);
	pthread_mutex_lock(&batch->lock);
	batch->dense.untried = untried;
	member_end_tasks(before);
}

static void work_on_tasks(struct sheaf_batch *batch, struct working *working)
{
	struct ring_span span = span_of_batch(batch);
	struct claim claim;

	pthread_mutex_unlock(&batch->lock);
	while (!is_work_over(working) && nest_claim_fresh(batch->member, batch->ring, batch->ref, &span, &claim))
		nest_run_as_caller(batch->member, &claim, &batch->callers);
	pthread_mutex_lock(&batch->lock);
}

bool help_as_caller(struct working *working)
{
	struct sheaf_batch *batch = working->batch;
	struct awaited awaited;
	bool ready;
	int cancel = cancel_refuse(); /* what is claimed has to be ended */

	help_awaits(&awaited, &batch, 1);
	/* Relaxed, both: a number of the owner's own, whose threads it is asked by. */
	fetch_add_relaxed(&batch->member->running, 1);
	if (batch_is_dense(batch))
		work_on_chunks(batch, working);
	else
		work_on_tasks(batch, working);
	fetch_sub_relaxed(&batch->member->running, 1);
	help_awaits_no_longer(&awaited);
	cancel_allow(cancel);
	pthread_mutex_unlock(&batch->lock);
	ready = working->ready(working->context);
	pthread_mutex_lock(&batch->lock);
	return ready;
}

static bool may_run_others(const struct helping *helping)
{
	return helping->patient && nest_may_run_others(handle_of(helping));
}

/*
 * May the worker that waits take a task that is left? It may end with that, and so would the task
 * that waits and all that is known of its tasks. If all workers took such tasks at once, none would
 * ever see its result. So where there have been deaths, each waits for what is under way first. Of
 * those whose tasks have cost some, only the lowest one that can takes a task, so that the rest get
 * on. *@lowest: that holds for this one.
 */
static bool may_run_left(const struct helping *helping, bool *lowest)
{
	bool runs = false;

	*lowest = false;
	for (unsigned i = 0; i < helping->count; i++) {
		struct sheaf_batch *batch = helping->batches[i];
		struct ring_span span = renewed_span(batch);
		struct nest_state state = nest_look(batch->segment, batch->ring, batch->ref, &span);

		runs |= state.runs;
		*lowest |= state.has_died;
	}
	return !runs || !(*lowest || handle_of(helping)->wary);
}

/* Claim a task of others: one that is left only if there is no other one. */
static bool claim_others(struct helping *helping, struct claim *claim)
{
	struct member *handle = handle_of(helping);
	enum nest_others which = may_run_others(helping) ? NEST_ANY : NEST_LEFT;
	struct wait *wait = helping->wait;
	bool spared, lowest;

	if (nest_claim_safe(handle, which, claim, &spared))
		return true;
	if (!spared)
		return false;
	if (may_run_left(helping, &lowest)) {
		if (nest_claim_left(handle, lowest, claim))
			return true;
		if (!lowest) /* another worker has just taken it */
			return false;
	}
	/* It looks again by the clock, and is not rung for such tasks. */
	wait->longest_ns = LOOK_EVERY_NS;
	if (wait->beside.announced && !sleeper_retract(&wait->beside))
		workers_ring(handle->segment);
	wait->beside = (struct sleeper){0};
	return false;
}

static bool help_before_sleep(struct helping *helping)
{
	struct member *handle = handle_of(helping);
	struct claim claim;
	bool own = claim_any_own(helping, &claim);

	if (!own && !claim_others(helping, &claim))
		return false;
	member_retract(handle, helping->wait);
	help_end(handle);
	nest_run(handle, &claim, own);
	return true;
}

static bool is_time_over(uint64_t deadline_ns)
{
	return deadline_ns != SHEAF_FOREVER && (!deadline_ns || sheaf_now_ns() >= deadline_ns);
}

/* One task at least, also for a call that does not wait: else a task could ask for ever. */
static bool gather_help(void *context, bool announced)
{
	struct helping *helping = context;

	if (announced)
		return help_before_sleep(helping);
	if (!run_own(helping))
		return false;
	while (!is_time_over(helping->deadline_ns) && !helping->ready(helping->context) && run_own(helping))
		continue;
	return true;
}

static bool gather_spin(void *context)
{
	struct helping *helping = context;
	struct member *handle = handle_of(helping);

	if (!handle->segment->spin_ns)
		return false;
	backoff_begin(&handle->backoff, PAUSES_PER_CHECK);
	while (backoff_wait(&handle->backoff, handle->segment->idle_eager_ns, handle->segment->spin_ns))
		if (helping->ready(helping->context))
			return true;
	return false;
}

static bool gather_ready(void *context)
{
	const struct helping *helping = context;

	return helping->ready(helping->context);
}

/* The last step before the announcement: say on which bell it sleeps. */
static int gather_doubt(void *context, bool late)
{
	const struct helping *helping = context;
	const struct member *handle = handle_of(helping);

	sleeper_redirect(handle->segment, handle->number, helping->awaits);
	return helping->doubt(helping->context, late);
}

static void gather_woken(void *context)
{
	const struct helping *helping = context;

	help_end(handle_of(helping));
}

void help_gatherer(struct helping *helping, struct sheaf_batch *const *batches, unsigned count, uint32_t awaits,
		   struct wait *wait, uint64_t deadline_ns)
{
	struct member *handle = batches[0]->member;

	*helping = (struct helping){
		.batches = batches,
		.count = count,
		.awaits = awaits,
		.wait = wait,
		.patient = deadline_ns == SHEAF_FOREVER,
		.deadline_ns = deadline_ns,
		.ready = wait->ready,
		.doubt = wait->doubt,
		.context = wait->context,
	};
	if (count == 1)
		helping->span = span_of_batch(batches[0]);
	wait->context = helping;
	wait->ready = gather_ready;
	wait->doubt = gather_doubt;
	wait->woken = gather_woken;
	wait->help = gather_help;
	wait->spin = gather_spin;
	wait->sleep = false;
	wait->cancelled = NULL; /* a thread of a task that is cancelled ends the worker */
	/* Where the owner's threads are the worker, the worker's bell is theirs. */
	if (may_run_others(helping) && !handle->segment->inlined)
		wait->beside = sleeper_of_worker(handle->segment, handle->number, handle->generation);
	else
		wait->longest_ns = LOOK_EVERY_NS;
}

void help_end(const struct member *handle)
{
	sleeper_redirect(handle->segment, handle->number, 0);
}

/* ---- waiting for room ---- */

/* While it rests, its task does not count as one that runs: see may_run_left(). */
static void rest(const struct member *handle)
{
	/* Relaxed, both: others look again soon. */
	store_relaxed(&handle->seat->awaits, AWAITS_OTHERS);
	os_sleep_ns(ROOM_NAP_NS);
	store_relaxed(&handle->seat->awaits, 0);
}

enum help_room help_make_room(struct sheaf_batch *batch, bool waits)
{
	struct member *handle = batch->member;
	struct ring_span span = renewed_span(batch);
	struct claim claim;
	bool own = nest_claim_own(handle, batch->ring, batch->ref, &span, &claim);

	if (!own && !nest_claim_other(handle, NEST_ANY, batch->ring, &claim)) {
		if (!nest_has_left(handle, batch->ring))
			return ROOM_NONE;
		if (waits)
			rest(handle);
		return ROOM_LEFT;
	}
	nest_run(handle, &claim, own);
	return ROOM_MADE;
}
