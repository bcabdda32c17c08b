/*
 * gather.c - waits for results and hands them out: by position, by completion, or all at once.
 *
 * The gatherer waits on words, never on counts. It hands out pointers into the segment, and composes in its own memory only what
 * nobody wrote there: the text of a death.
 *
 * Edges             G1, pairs with P1 in table.c: an acquire load that finds an entry DONE sees all of it, and the result.
 */
#include "batch/handle.h"

#include "base/atomic.h"
#include "base/error.h"
#include "base/guard.h"
#include "batch/message.h"
#include "batch/view_dense.h"
#include "member/wait.h"
#include "os/os.h"
#include "queue/ring.h"
#include "segment/heap.h"
#include "work/task.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_done(const struct shared_entry *entry)
{
	/* G1. Seq_cst: a gatherer that has announced itself looks here before it sleeps. */
	return word_state(load_seq_cst(&entry->word)) == WORD_DONE;
}

static bool entry_done(struct sheaf_batch *batch, uint64_t index)
{
	return is_done(batch_entry(batch, index));
}

/* ---- texts ---- */

int batch_take_text(struct sheaf_batch *batch, sheaf_result *result, const char *text, size_t size)
{
	struct note *note = malloc(sizeof(*note) + size + 1);

	if (!note)
		return sheaf_fail(-ENOMEM, "no memory for the message of a failed position");
	memcpy(note->text, text, size);
	note->text[size] = '\0';
	note->next = batch->notes;
	batch->notes = note;
	result->message = note->text;
	return 0;
}

bool batch_worker_died(const sheaf_result *result)
{
	return result->status && (result->signal || result->exit_code >= 0);
}

__attribute__((noinline)) static int compose_message(struct sheaf_batch *batch, sheaf_result *result, const struct cause *cause)
{
	char text[640], how[320], runs[64], time[64] = "";

	if (!batch_worker_died(result)) {
		result->message = sheaf_strerror(result->status);
		return 0;
	}
	fault_tell(batch, result, cause, how, sizeof(how));
	if (result->status == -ETIMEDOUT)
		snprintf(runs, sizeof(runs), "in attempt %u", result->attempts);
	else if (result->attempts == 1)
		snprintf(runs, sizeof(runs), "in its only attempt");
	else
		snprintf(runs, sizeof(runs), "in attempt %u, the last", result->attempts);
	if (result->started_ns)
		snprintf(time, sizeof(time), ", after %.3g s", (double)(result->finished_ns - result->started_ns) / 1e9);
	snprintf(text, sizeof(text), "position %llu: worker %d (pid %ld) %s %s%s", (unsigned long long)result->position,
		 result->worker, (long)result->pid, how, runs, time);
	return batch_take_text(batch, result, text, strlen(text));
}

/* Gives a failed result its text, if the task left none. */
static int explain(struct sheaf_batch *batch, sheaf_result *result, const struct cause *cause)
{
	return result->message ? 0 : compose_message(batch, result, cause);
}

/* ---- results ---- */

/* Fill in what a task left that failed: a text, or what the supervisor wrote for its worker. */
static __attribute__((noinline)) int failed_result(struct sheaf_batch *batch, const struct shared_entry *entry,
						   sheaf_result *result)
{
	const struct segment *segment = batch->member->segment;
	struct cause cause = {0};
	int r;

	result->data = NULL;
	result->size = 0;
	result->message = NULL;
	result->signal = entry->last.cause.signal;
	result->exit_code = entry->last.cause.exit_code;
	if (entry->data && batch_worker_died(result)) {
		const struct shared_account *account = segment_at(segment, entry->data);

		fault_note(result, &cause, account->way, account->address);
		result->backtrace = entry->size ? (const uint64_t *)(account + 1) : NULL;
		result->backtrace_size = (unsigned)entry->size;
	} else if (entry->data && (r = batch_take_text(batch, result, segment_at(segment, entry->data), (size_t)entry->size))) {
		return r;
	}
	return explain(batch, result, &cause);
}

/* Where the result lies of a task that succeeded and did not call sheaf_task_result(). */
static void *own_data(struct shared_entry *entry, uint64_t size)
{
	return !size ? NULL : size <= 8 ? (void *)entry->last.small : (void *)(entry + 1);
}

/* Of a task that succeeded and left a result of the batch's size. */
__attribute__((always_inline)) static inline void fill_result(const struct sheaf_batch *batch, struct shared_entry *entry,
							      sheaf_result *result)
{
	/* Relaxed: it was found DONE before, in this call or under the lock in an earlier one (G1). */
	struct word w = word_unpack(load_relaxed(&entry->word));

	/* Every field is named, or the compiler clears all of it first. */
	*result = (sheaf_result){
		.position = entry->position,
		.status = entry->status,
		.signal = 0,
		.exit_code = -1,
		.attempts = w.attempt,
		.worker = (int)w.seat,
		.pid = entry->pid,
		.data = own_data(entry, batch->result_size),
		.size = (size_t)batch->result_size,
		.message = "",
		.started_ns = entry->started_ns,
		.finished_ns = entry->finished_ns,
		.backtrace = NULL,
		.backtrace_size = 0,
		.fault_address = NULL,
	};
}

int batch_damaged(uint64_t position)
{
	return sheaf_fail(
		-EBADMSG,
		"position %llu: its place in the result table was written over, so that its result is lost: most likely a task "
		"wrote behind its result or its argument (SHEAF_CHECK=1 in the environment tells which)",
		(unsigned long long)position);
}

/* Complete the result of an entry with a status or data of its own, unless it looks so because somebody wrote over it. */
__attribute__((noinline)) static int rare_result(struct sheaf_batch *batch, struct shared_entry *entry, uint64_t index,
						 sheaf_result *result)
{
	const struct segment *segment = batch->member->segment;
	uint64_t position = batch->order.positions[index], most = segment->size, size;
	struct shared_entry seen = *entry; /* what is checked is used */
	sheaf_result found;
	int r;

	size = seen.size;
	if (seen.status && (seen.last.cause.signal || seen.last.cause.exit_code >= 0)) {
		most = MAX_FRAMES;
		size = sizeof(struct shared_account) + seen.size * sizeof(uint64_t);
	} else if (seen.status) {
		most = FAIL_TEXT - 1;
	}
	if (seen.position != position || seen.pid < 0 || seen.size > most || seen.data >= segment->size ||
	    (!seen.status && !seen.data) || (seen.data && !heap_contains(segment, segment_at(segment, seen.data), size)))
		return batch_damaged(position);
	fill_result(batch, entry, &found);
	found.status = seen.status;
	found.data = seen.status ? NULL : segment_at(segment, seen.data);
	found.size = seen.status ? 0 : (size_t)seen.size;
	if (seen.status && (r = failed_result(batch, &seen, &found)))
		return r;
	*result = found;
	return 0;
}

__attribute__((always_inline)) static inline int entry_result(struct sheaf_batch *batch, struct shared_entry *entry,
							      uint64_t index, sheaf_result *result)
{
	if (entry->status || entry->data || entry->pid < 0 || entry->position != batch->order.positions[index])
		return rare_result(batch, entry, index, result);
	fill_result(batch, entry, result);
	return 0;
}

UNGUARDED int batch_result(struct sheaf_batch *batch, uint64_t index_or_position, sheaf_result *result)
{
	struct cause cause;
	int r;

	if (!batch->dense)
		return entry_result(batch, batch_entry(batch, index_or_position), index_or_position, result);
	cause = (struct cause){0};
	r = dense_result(batch, index_or_position, result, &cause);
	return r ? r : explain(batch, result, &cause);
}

UNGUARDED int batch_first_failure(struct sheaf_batch *batch, sheaf_result *result, uint64_t *failed)
{
	uint64_t lowest;
	int r = dense_failures(batch, &lowest, failed);

	return r || !*failed ? r : batch_result(batch, lowest, result);
}

/* ---- one gatherer at a time ---- */

static int begin(struct sheaf_batch *batch, const char *call)
{
	int r = batch_check(batch);

	if (r)
		return r;
	pthread_mutex_lock(&batch->lock);
	if (!batch->gathering) {
		batch->gathering = true;
		return 0;
	}
	pthread_mutex_unlock(&batch->lock);
	return sheaf_fail(-EBUSY, "%s: another thread is gathering from this batch", call);
}

static int end(struct sheaf_batch *batch, int r)
{
	batch->gathering = false;
	pthread_mutex_unlock(&batch->lock);
	return r;
}

/* A map none of whose invitations has been sent may still be refused, and then the batch has no tasks. */
static bool not_accepted(const struct sheaf_batch *batch)
{
	return batch->inviting && !batch->sent;
}

/* ---- waiting: the lock is free meanwhile, so that others can submit ---- */

struct look {
	struct sheaf_batch *batch;
	struct shared_entry *entry;
	uint64_t chunk;
	uint64_t index;
	bool (*ready)(void *context);
	unsigned heard;         /* see member_heard() */
	uint64_t suspect;       /* see rouse(): the word of a slot, or 0 */
	uint32_t suspects_slot; /* and which slot */
};

static struct look new_look(struct sheaf_batch *batch)
{
	return (struct look){.batch = batch, .heard = member_heard(batch->member)};
}

static bool is_entry_done(void *context)
{
	const struct look *look = context;

	return is_done(look->entry);
}

static bool is_chunk_done(void *context)
{
	const struct look *look = context;

	return dense_chunk_done(look->batch, look->chunk);
}

static bool is_all_done(void *context)
{
	const struct look *look = context;

	return (look->batch->plan.chunks <= FEW_CHUNKS || !dense_busy(look->batch)) && dense_all_done(look->batch);
}

static bool is_any_chunk_done(void *context)
{
	struct look *look = context;

	return dense_any_done(look->batch, &look->chunk);
}

/*
 * Is a task or an invitation of the batch in the ring? Then somebody has it or will have it. Under the batch's lock, so that none is on its
 * way there.
 */
static bool in_flight(struct sheaf_batch *batch)
{
	struct segment *segment = batch->member->segment;
	/* Of a pool that is over, no worker has anything in hand, whatever a slot says. Acquire: as state_of() in pool.c. */
	bool over = load_acquire(&segment->control->state) >= POOL_FINISHED;

	for (uint32_t i = 0; i < segment->ring.size; i++) {
		/* Acquire, pairs with ring_release() (R2): of a task that has left its slot we see what it published. */
		uint64_t bits = load_acquire(&segment->ring.slots[i].word);

		/* Relaxed: a slot with a task of ours has held our name since before it was READY, and we see that by the word. */
		if ((word_state(bits) == WORD_READY ||
		     (word_state(bits) == WORD_OWNED && !over && !segment_is_orphan(segment, word_unpack(bits)))) &&
		    load_relaxed(&segment->ring.slots[i].batch) == batch->ref)
			return true;
	}
	return false;
}

/*
 * A worker that sleeps has nothing in hand. If a slot with a task of ours says at two looks that it has, a wild task has put it there. Have that
 * worker killed: the supervisor gives the task back then, uncharged. One that only was slow to take its announcement back had not begun.
 */
static void rouse(struct look *look)
{
	struct member *member = look->batch->member;
	struct segment *segment = member->segment;
	uint64_t suspect = 0;
	uint32_t at = 0;

	/* Relaxed, all: what is wrong with one look is right with the next. */
	for (uint32_t i = 0; i < segment->ring.size; i++) {
		uint64_t word = load_relaxed(&segment->ring.slots[i].word);
		struct word w = word_unpack(word);

		if (w.state != WORD_OWNED || w.seat >= segment->worker_count ||
		    load_relaxed(&segment->ring.slots[i].batch) != look->batch->ref ||
		    !(load_relaxed(&segment->control->sleepers[w.seat / 64]) >> w.seat % 64 & 1))
			continue;
		suspect = word;
		at = i;
		if (suspect == look->suspect && at == look->suspects_slot)
			member->ops->kill(member, w.seat, load_relaxed(&segment->seats[w.seat].generation));
	}
	look->suspect = suspect;
	look->suspects_slot = at;
}

/* The lowest position that is not done and was not handed out, for a message. */
static uint64_t missing(struct sheaf_batch *batch)
{
	if (batch->dense) {
		for (uint64_t c = 0; c < batch->plan.chunks; c++)
			if (!dense_chunk_done(batch, c))
				return dense_span(batch, c).at;
		return 0;
	}
	for (uint64_t i = 0; i < batch->order.count; i++)
		if (!entry_done(batch, i))
			return batch->order.positions[i];
	return 0;
}

/*
 * A task that nobody has can only be done. If it is not, somebody wrote over its entry, its chunk or its slot, and nothing would ever come.
 * Without that, an entry is READY until it is DONE.
 */
static int doubt(void *context, bool late)
{
	struct look *look = context;
	struct sheaf_batch *batch = look->batch;
	uint64_t position = 0;
	bool lost = false;

	if (!late)
		return 0;
	pthread_mutex_lock(&batch->lock);
	if (look->entry) {
		/* Acquire, pairs with P1 in table.c. */
		enum word_state state = word_state(load_acquire(&look->entry->word));

		lost = state != WORD_READY && state != WORD_DONE;
	}
	lost = lost || (!batch->inviting && !in_flight(batch));
	if (lost)
		position = look->entry ? batch->order.positions[look->index] : missing(batch);
	pthread_mutex_unlock(&batch->lock);
	if (!lost)
		rouse(look);
	return lost && !look->ready(look) ? batch_damaged(position) : 0;
}

static void gathering_cancelled(void *context)
{
	const struct look *look = context;
	struct sheaf_batch *batch = look->batch;

	pthread_mutex_lock(&batch->lock);
	batch->awaiting = false;
	batch->gathering = false;
	pthread_mutex_unlock(&batch->lock);
	if (batch->of_call)
		batch_free(batch, false);
}

static int wait_unlocked(bool (*ready)(void *), struct look *look, uint64_t what, uint64_t deadline_ns)
{
	struct sheaf_batch *batch = look->batch;
	/* What waits for a worker that wakes up takes longer than we would look; and the CPU is of use to that worker. */
	struct wait wait = {
		.ready = ready,
		.context = look,
		.sleeper = sleeper_of_batch(batch->shared, what),
		.longest_ns = CHECK_EVERY_NS,
		.sleep = batch->woke,
		.heard = look->heard,
		.doubt = doubt,
		.cancelled = gathering_cancelled,
	};
	int r;

	look->ready = ready;
	batch->woke = false;
	pthread_mutex_unlock(&batch->lock);
	r = member_wait(batch->member, &wait, deadline_ns);
	if (r == -EINTR)
		r = member_interrupt(batch->member);
	pthread_mutex_lock(&batch->lock);
	return r;
}

static int wait_entry(struct look *look, uint64_t index, uint64_t deadline_ns)
{
	look->entry = batch_entry(look->batch, index);
	look->index = index;
	return wait_unlocked(is_entry_done, look, WAIT_ENTRY(batch_entry_offset(look->batch, index)), deadline_ns);
}

/* Waits for the last task first: while it runs, few others do, so the gatherer is woken few times. */
static int wait_calls(struct sheaf_batch *batch, uint64_t deadline_ns, unsigned heard)
{
	struct look look = {.batch = batch, .heard = heard};
	struct calls_view *view = &batch->calls;
	int r;

	while (view->done < batch->order.count) {
		uint64_t last = batch->order.count - 1;

		if (!entry_done(batch, last) && (r = wait_entry(&look, last, deadline_ns)))
			return r;
		while (view->done <= last) {
			if (!entry_done(batch, view->done) && (r = wait_entry(&look, view->done, deadline_ns)))
				return r;
			view->done++;
		}
	}
	return 0;
}

static int wait_dense(struct sheaf_batch *batch, uint64_t deadline_ns, unsigned heard)
{
	struct look look = {.batch = batch, .heard = heard};
	int r = dense_all_done(batch) ? 0 : wait_unlocked(is_all_done, &look, WAIT_ALL, deadline_ns);

	/* Workers that were killed at the end of the pool stay inside; and so do those whom a wild task has put there. */
	if (r == -EBADMSG && dense_all_done(batch))
		dense_forget_inside(batch);
	return r && dense_all_done(batch) ? 0 : r;
}

UNGUARDED static int wait_all(struct sheaf_batch *batch, uint64_t deadline_ns, unsigned heard)
{
	return batch->dense ? wait_dense(batch, deadline_ns, heard) : wait_calls(batch, deadline_ns, heard);
}

UNGUARDED int batch_wait_all(struct sheaf_batch *batch, uint64_t deadline_ns, unsigned heard)
{
	int r = begin(batch, "wait");

	return r ? r : end(batch, wait_all(batch, deadline_ns, heard));
}

/* ---- by position ---- */

/* Done, or no longer the lowest. */
static bool is_lowest_done(void *context)
{
	const struct look *look = context;
	struct sheaf_batch *batch = look->batch;
	uint64_t index;
	bool ready;

	pthread_mutex_lock(&batch->lock);
	ready = order_lowest(&batch->order, &index) && (index != look->index || entry_done(batch, index));
	pthread_mutex_unlock(&batch->lock);
	return ready;
}

/* Until the lowest position that was not handed out is done: 1 and its index; 0: there is none; or the error that ended the wait. */
static int wait_lowest(struct sheaf_batch *batch, uint64_t *index, uint64_t deadline_ns)
{
	struct look look = new_look(batch);
	int r;

	/* A lower position may be submitted while we wait for one: it comes first then, and its submitter rings. */
	for (;;) {
		if (!order_lowest(&batch->order, &look.index))
			return 0;
		*index = look.index;
		if (entry_done(batch, look.index))
			return 1;
		batch->awaited = batch->order.positions[look.index];
		batch->awaiting = true;
		r = wait_unlocked(is_lowest_done, &look, WAIT_ENTRY(batch_entry_offset(batch, look.index)), deadline_ns);
		batch->awaiting = false;
		if (r)
			return r;
	}
}

static int next_call(struct sheaf_batch *batch, sheaf_result *result, uint64_t deadline_ns)
{
	struct shared_entry *entry;
	uint64_t index;
	int r;

	if (!order_lowest(&batch->order, &index))
		return 0;
	entry = batch_entry(batch, index);
	if (!is_done(entry)) {
		if ((r = wait_lowest(batch, &index, deadline_ns)) <= 0)
			return r;
		entry = batch_entry(batch, index);
	}
	if ((r = entry_result(batch, entry, index, result)))
		return r;
	order_hand(&batch->order, index);
	return 1;
}

static int give(struct sheaf_batch *batch, struct span *span, sheaf_result *result)
{
	int r = batch_result(batch, span->at, result);

	if (r)
		return r;
	span->at++;
	return 1;
}

static int next_dense(struct sheaf_batch *batch, sheaf_result *result, uint64_t deadline_ns)
{
	struct dense_view *view = &batch->view;
	struct look look = new_look(batch);
	int r = not_accepted(batch) ? 0 : dense_prepare(batch);
	bool more;

	if (r || not_accepted(batch))
		return r;
	if (view->next.at == view->next.end) {
		more = dense_lowest(batch, &look.chunk);
		/* What sheaf_next_done() has begun to hand out may come first. */
		if (view->next_done.at < view->next_done.end &&
		    (!more || view->next_done.at < dense_span(batch, look.chunk).at))
			return give(batch, &view->next_done, result);
		if (!more)
			return 0;
		if (!dense_chunk_done(batch, look.chunk) &&
		    (r = wait_unlocked(is_chunk_done, &look, WAIT_CHUNK(look.chunk), deadline_ns)))
			return r;
		view->taken[look.chunk] = true;
		view->next = dense_span(batch, look.chunk);
	}
	if (view->next_done.at < view->next_done.end && view->next_done.at < view->next.at)
		return give(batch, &view->next_done, result);
	return give(batch, &view->next, result);
}

static int check_next(sheaf_batch *batch, sheaf_result *result, const char *call)
{
	return batch && result ? 0 : sheaf_fail(-EINVAL, "%s: %s is NULL", call, batch ? "result" : "batch");
}

UNGUARDED int sheaf_next(sheaf_batch *batch, sheaf_result *result, uint64_t deadline_ns)
{
	int r = check_next(batch, result, "sheaf_next");

	if (r || (r = begin(batch, "sheaf_next")))
		return r;
	return end(batch, batch->dense ? next_dense(batch, result, deadline_ns) : next_call(batch, result, deadline_ns));
}

/* ---- by completion ---- */

static int grow(uint64_t **vector, size_t *capacity, size_t need)
{
	size_t wanted = *capacity ? *capacity : 64;
	uint64_t *grown;

	if (need <= *capacity)
		return 0;
	while (wanted < need)
		wanted *= 2;
	grown = realloc(*vector, wanted * sizeof(**vector));
	if (!grown)
		return sheaf_fail(-ENOMEM, "no memory to gather a batch");
	*vector = grown;
	*capacity = wanted;
	return 0;
}

struct finish {
	uint64_t time;
	uint64_t index;
};

static int compare_finishes(const void *a, const void *b)
{
	const struct finish *x = a, *y = b;

	if (x->time != y->time)
		return x->time < y->time ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

/* Sorts what was just found by the times at which it ended. Without times, or memory, submission order must do. */
static void sort_ready(struct sheaf_batch *batch)
{
	struct calls_view *view = &batch->calls;
	struct finish *finishes;

	if (batch->flags & SHEAF_NO_TIMES || view->ready_count < 2 ||
	    !(finishes = malloc(view->ready_count * sizeof(*finishes))))
		return;
	for (size_t i = 0; i < view->ready_count; i++)
		finishes[i] = (struct finish){batch_entry(batch, view->ready[i])->finished_ns, view->ready[i]};
	qsort(finishes, view->ready_count, sizeof(*finishes), compare_finishes);
	for (size_t i = 0; i < view->ready_count; i++)
		view->ready[i] = finishes[i].index;
	free(finishes);
}

/* Moves what is done from the open list to the ready list. At most a ring full of tasks is not done, so the open list is short. */
static int find_ready(struct sheaf_batch *batch)
{
	struct calls_view *view = &batch->calls;
	size_t kept = 0;
	int r;

	if ((r = grow(&view->open, &view->open_capacity, view->open_count + (size_t)(batch->order.count - view->listed))))
		return r;
	while (view->listed < batch->order.count)
		view->open[view->open_count++] = view->listed++;
	view->ready_at = view->ready_count = 0;
	if ((r = grow(&view->ready, &view->ready_capacity, view->open_count)))
		return r;
	for (size_t i = 0; i < view->open_count; i++) {
		uint64_t index = view->open[i];

		if (batch->order.handed[index])
			continue;
		if (entry_done(batch, index))
			view->ready[view->ready_count++] = index;
		else
			view->open[kept++] = index;
	}
	view->open_count = kept;
	sort_ready(batch);
	return 0;
}

static bool is_any_open_done(void *context)
{
	const struct look *look = context;
	const struct calls_view *view = &look->batch->calls;
	bool found = false;

	/* A submitter may be enlarging the table. */
	pthread_mutex_lock(&look->batch->lock);
	for (size_t i = 0; i < view->open_count && !found; i++)
		found = entry_done(look->batch, view->open[i]);
	for (uint64_t i = view->listed; i < look->batch->order.count && !found; i++)
		found = entry_done(look->batch, i);
	pthread_mutex_unlock(&look->batch->lock);
	return found;
}

static int next_done_call(struct sheaf_batch *batch, sheaf_result *result, uint64_t deadline_ns)
{
	struct look look = new_look(batch);
	struct calls_view *view = &batch->calls;
	int r;

	for (;;) {
		while (view->ready_at < view->ready_count && batch->order.handed[view->ready[view->ready_at]])
			view->ready_at++;
		if (view->ready_at < view->ready_count)
			break;
		if ((r = find_ready(batch)))
			return r;
		if (view->ready_count)
			continue;
		if (!view->open_count)
			return 0;
		if ((r = wait_unlocked(is_any_open_done, &look, WAIT_ANY, deadline_ns)))
			return r;
	}
	if ((r = batch_result(batch, view->ready[view->ready_at], result)))
		return r;
	order_hand(&batch->order, view->ready[view->ready_at++]);
	return 1;
}

static int next_done_dense(struct sheaf_batch *batch, sheaf_result *result, uint64_t deadline_ns)
{
	struct dense_view *view = &batch->view;
	struct look look = new_look(batch);
	int r = not_accepted(batch) ? 0 : dense_prepare(batch);

	if (r || not_accepted(batch))
		return r;
	if (view->next_done.at == view->next_done.end) {
		/* What sheaf_next() has begun to hand out is done. */
		if (view->next.at < view->next.end)
			return give(batch, &view->next, result);
		if (!dense_lowest(batch, &look.chunk))
			return 0;
		if (!dense_any_done(batch, &look.chunk) && (r = wait_unlocked(is_any_chunk_done, &look, WAIT_ANY, deadline_ns)))
			return r;
		view->taken[look.chunk] = true;
		view->next_done = dense_span(batch, look.chunk);
	}
	return give(batch, &view->next_done, result);
}

UNGUARDED int sheaf_next_done(sheaf_batch *batch, sheaf_result *result, uint64_t deadline_ns)
{
	int r = check_next(batch, result, "sheaf_next_done");

	if (r || (r = begin(batch, "sheaf_next_done")))
		return r;
	return end(batch,
		   batch->dense ? next_done_dense(batch, result, deadline_ns) : next_done_call(batch, result, deadline_ns));
}

/* ---- all at once ---- */

static int collect(struct sheaf_batch *batch, uint64_t *indices, size_t n, int *failed)
{
	sheaf_result *results = n > SIZE_MAX / sizeof(*results) ? NULL : os_large_alloc((n ? n : 1) * sizeof(*results));
	int r;

	if (!results)
		return sheaf_fail(-ENOMEM, "no memory for an array of %zu results: sheaf_next() needs none", n);
	*failed = 0;
	for (size_t i = 0; i < n; i++) {
		if ((r = batch_result(batch, indices ? indices[i] : i, &results[i]))) {
			free(results);
			return r;
		}
		if (results[i].status && *failed < INT_MAX)
			++*failed;
	}
	free(batch->results);
	batch->results = results;
	return 0;
}

static int gather(struct sheaf_batch *batch, const sheaf_result **results, size_t *n, uint64_t deadline_ns)
{
	uint64_t *indices = NULL;
	size_t count;
	int r = not_accepted(batch) ? 0 : wait_all(batch, deadline_ns, member_heard(batch->member)), failed;

	if (r)
		return r;
	count = (size_t)(not_accepted(batch) ? 0 : batch->dense ? batch->plan.n : batch->order.count);
	if (!batch->dense && !(indices = order_sorted(&batch->order)))
		return sheaf_fail(-ENOMEM, "no memory to sort %zu positions", count);
	r = collect(batch, indices, count, &failed);
	free(indices);
	if (r)
		return r;
	*results = batch->results;
	*n = count;
	return failed;
}

int sheaf_gather(sheaf_batch *batch, const sheaf_result **results, size_t *n, uint64_t deadline_ns)
{
	int r;

	if (!batch || !results || !n)
		return sheaf_fail(-EINVAL, "sheaf_gather: %s is NULL", !batch ? "batch" : !results ? "results" : "n");
	if ((r = begin(batch, "sheaf_gather")))
		return r;
	return end(batch, gather(batch, results, n, deadline_ns));
}
