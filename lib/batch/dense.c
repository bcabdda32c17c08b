/*
 * dense.c - makes a batch dense: lays a map or a loop out in chunks, and invites workers to it.
 *
 * Writers           The opener: the batch's description and its chunk words, while no slot of the
 *                   ring names the batch. Of a slot that carries an invitation: as submit.c.
 * Edges             By RING1 (ring.c) an invitation hands over the description, the chunk words and
 *                   the context.
 * Deaths            Of the opener, while that is the owner: the pool ends. An invitation that a
 *                   worker died with returns to the ring.
 */
#include "batch/dense.h"

#include "base/cancel.h"
#include "base/error.h"
#include "base/guard.h"
#include "base/number.h"
#include "batch/help.h"
#include "batch/create.h"
#include "batch/open.h"
#include "batch/piece.h"
#include "batch/room.h"
#include "batch/publish.h"
#include "batch/view_calls.h"
#include "batch/view_dense.h"
#include "batch/where.h"
#include "segment/heap.h"
#include "work/check.h"
#include "work/check_pointers.h"
#include "work/chunk.h"
#include "work/function.h"
#include "work/nest.h"
#include "work/share.h"

#include <errno.h>
#include <string.h>

#define CHECKED_BYTES ((size_t)1 << 20) /* of an array, that are searched for pointers */

/* A map or a loop that is being submitted. */
struct dense {
	const char *call; /* for messages */
	enum batch_kind kind;
	any_fn *fn;
	uint64_t function; /* as it is stored */
	const void *in;
	size_t in_size;
	void *out;
	size_t out_size;
	size_t n;
	const void *context;
	size_t context_size; /* so many bytes of it are copied */
	struct cut cut;
	struct piece words, copy; /* of the heap, for the chunks' words and for the context */
	/* What the batch had before, if the map is refused. */
	uint64_t shortest_ns;
	bool caller_works, gatherer_works;
};

/* ---- where things lie ---- */

/*
 * A line in which nothing changes from one map to the next stays with the workers that have read
 * it.
 */
static void put_if_new(uint64_t *field, uint64_t value)
{
	if (*field != value)
		*field = value;
}

/* Put the chunk words into the batch's own slot, or into the heap. */
static int place_table(struct sheaf_batch *batch, struct dense *dense)
{
	const struct cut *cut = &dense->cut;
	struct segment *segment = batch->segment;
	struct shared_batch *shared = batch->shared;
	uint64_t offset = segment_offset(segment, shared->table);
	int r;

	if (cut->bytes > BATCH_INLINE) {
		if ((r = piece_take(batch, batch->heap_id, cut->bytes, "the chunks of a map", &dense->words)))
			return r;
		offset = dense->words.offset;
	}
	batch->plan.words = offset;
	batch->plan.hints = offset + cut_words(cut->chunks);
	put_if_new(&shared->words, batch->plan.words);
	put_if_new(&shared->hints, batch->plan.hints);
	return 0;
}

/*
 * Copy the context behind the chunk words in the batch's own slot, or into the heap. *@place: where
 * it is; 0: there is none.
 */
static int place_context(struct sheaf_batch *batch, struct dense *dense, uint64_t *place)
{
	const struct cut *cut = &dense->cut;
	struct segment *segment = batch->segment;
	uint64_t offset;
	int r = where_check_context(segment, dense->call, "options.", dense->context, dense->context_size);

	if (r || !dense->context) {
		*place = 0;
		return r;
	}
	if (dense->context_size) {
		uint64_t behind = cut->bytes <= BATCH_INLINE ? round_up(cut->bytes, 64) : 0;

		offset = segment_offset(segment, batch->shared->table) + behind;
		if (dense->context_size > BATCH_INLINE - behind) {
			r = piece_take(batch, batch->heap_id, dense->context_size,
				       dense->kind == KIND_MAP ? "the context of a map" : "the context of a loop",
				       &dense->copy);
			if (r)
				return r;
			offset = dense->copy.offset;
		}
		memcpy(segment_at(segment, offset), dense->context, dense->context_size);
		*place = offset;
		return 0;
	}
	*place = segment_offset(segment, dense->context);
	return 0;
}

/*
 * Say where arrays, context and chunk words lie. Only what a map alone reads is changed, so there
 * is nothing to undo but pieces.
 */
UNGUARDED static int place_all(struct sheaf_batch *batch, struct dense *dense)
{
	struct segment *segment = batch->segment;
	int r;

	batch->plan.out = batch->plan.context = 0;
	if (dense->kind == KIND_MAP) {
		if ((r = where_check_array(segment, dense->call, "in", dense->in, dense->n, dense->in_size)) ||
		    (r = where_check_array(segment, dense->call, "out", dense->out, dense->n, dense->out_size)))
			return r;
		batch->plan.in = dense->in && dense->in_size ? segment_offset(segment, dense->in) : 0;
		batch->plan.out = dense->out && dense->out_size ? segment_offset(segment, dense->out) : 0;
	}
	r = place_context(batch, dense, dense->kind == KIND_MAP ? &batch->plan.context : &batch->plan.in);
	return r ? r : place_table(batch, dense);
}

/* ---- becoming dense ---- */

/*
 * In a pool of SHEAF_CHECK, search the arguments for pointers that workers cannot follow; of a
 * large array only its beginning.
 */
static int check_content(const struct sheaf_batch *batch, const struct dense *dense)
{
	const struct check_memory *memory = batch->member->memory;
	size_t size;
	int r;

	if (!(batch->flags & BATCH_CHECKED))
		return 0;
	if ((r = check_pointers(memory, batch->segment, dense->call, "context", dense->context, dense->context_size)))
		return r;
	size = !dense->in_size ? 0 : dense->n < CHECKED_BYTES / dense->in_size ? dense->n * dense->in_size : CHECKED_BYTES;
	if (dense->in && !heap_contains(batch->segment, dense->in, size))
		return 0; /* where_check_array() says it better */
	return check_pointers(memory, batch->segment, dense->call, "in", dense->in, size);
}

/* Check the request, but not yet what it points to. 0; -EINVAL, -EOVERFLOW, -EBUSY. */
static int check_request(const struct sheaf_batch *batch, const struct dense *dense, const sheaf_map_options *options)
{
	uint64_t n = dense->n; /* of 64 bits, so that it can be compared where a size_t has 32 */
	int r = batch_check_attempts(options->max_attempts, dense->call);

	if (r || (r = member_may_limit(batch->segment, dense->call, "options.task_timeout_ns", options->task_timeout_ns)))
		return r;
	if (options->deadline_ns && !batch->give_up)
		return sheaf_fail(
			-EINVAL,
			"%s: options.deadline_ns is set, but this call does not wait: give the deadline to sheaf_next()",
			dense->call);
	if ((options->left || options->left_size) && !batch->give_up)
		return sheaf_fail(-EINVAL,
				  "%s: options.%s is set, but this call does not wait: results have what was left as data",
				  dense->call, options->left ? "left" : "left_size");
	if (options->context && dense->kind == KIND_FOR)
		return sheaf_fail(-EINVAL,
				  "for: options.context is set, but a loop has its context as an argument: pass it there");
	if (n > MAX_POSITIONS)
		return sheaf_fail(-EOVERFLOW, "%s: n is %zu, at most 2^45", dense->call, dense->n);
	if (options->first > UINT64_MAX - n)
		return sheaf_fail(-EOVERFLOW, "%s: options.first is %llu, and with n = %zu above 2^64", dense->call,
				  (unsigned long long)options->first, dense->n);
	if (batch->cancelled)
		return room_fail_cancelled();
	if (batch->window)
		return sheaf_fail(-EINVAL, "%s: the batch has a window, which is for single tasks: a map needs none",
				  dense->call);
	if (batch_is_dense(batch) || batch->order.count)
		return sheaf_fail(-EBUSY, "%s: the batch has tasks already: a map needs a batch of its own", dense->call);
	return 0;
}

/*
 * Describe the map or loop, for the opener itself and, in the segment, for the others. @limit_ns:
 * of its tasks.
 */
UNGUARDED static void describe(struct sheaf_batch *batch, const struct dense *dense, const sheaf_map_options *options,
			       uint64_t limit_ns)
{
	struct shared_batch *shared = batch->shared;
	struct plan *plan = &batch->plan;

	plan->kind = dense->kind;
	plan->function = dense->function;
	if (batch->flags & BATCH_CHECKED && dense->kind == KIND_MAP) {
		plan->checked = shared->checked = dense->function;
		plan->function = function_store_own(batch->segment, FUNCTION_CHECK_ITEM, (any_fn *)check_item);
	}
	plan->in_size = dense->in_size;
	plan->out_size = dense->out_size;
	plan->n = dense->n;
	plan->first = options->first;
	plan->chunk = dense->cut.chunk;
	plan->chunks = dense->cut.chunks;
	plan->shares = dense->cut.shares;
	shared->kind = plan->kind;
	shared->function = plan->function;
	shared->in = plan->in;
	shared->out = plan->out;
	shared->out_size = plan->out_size;
	shared->shares = plan->shares;
	put_if_new(&shared->in_size, plan->in_size);
	put_if_new(&shared->context, plan->context);
	put_if_new(&shared->n, plan->n);
	put_if_new(&shared->first, plan->first);
	put_if_new(&shared->chunk, plan->chunk);
	put_if_new(&shared->chunks, plan->chunks);
	if (options->max_attempts)
		shared->max_attempts = options->max_attempts;
	put_if_new(&shared->limit_ns, limit_ns);
	if (options->task_timeout_ns)
		batch_limit(batch, limit_ns);
}

/*
 * Take back what place_all() and describe() did: nothing runs, and the batch may be used for
 * something else.
 */
static void undo_dense(struct sheaf_batch *batch, const struct dense *dense)
{
	struct shared_batch *shared = batch->shared;

	batch->view = &view_calls;
	batch->plan.kind = KIND_CALLS;
	batch->caller_works = dense->caller_works;
	batch->gatherer_works = dense->gatherer_works;
	shared->kind = KIND_CALLS;
	shared->out_size = batch->result_size;
	shared->max_attempts = batch->max_attempts;
	shared->limit_ns = batch->limit_ns;
	/* Relaxed: no slot names the batch. Another thread may have cancelled positions. */
	store_relaxed(&shared->stop, STOP_NOWHERE);
	batch_limit_undo(batch, dense->shortest_ns);
	piece_give_back(batch, &dense->words);
	piece_give_back(batch, &dense->copy);
}

/*
 * Wait for room in the ring. Another thread cannot submit to the batch now, but may gather from it.
 * A task that does not wait runs one of others, the first time that it asks. -ENOBUFS, of a task:
 * all slots are held by tasks that wait, so there is none to wait for.
 */
static int await_room(struct sheaf_batch *batch, unsigned heard, bool asked)
{
	bool waits = !(batch->flags & SHEAF_NONBLOCK);
	int r;

	pthread_mutex_unlock(&batch->lock);
	if (!member_is_task(batch->member))
		r = batch_wait_for_room(batch, heard, 0);
	else if (!waits && asked)
		r = room_fail_full(batch, -EAGAIN);
	else
		r = help_make_room(batch, waits) == ROOM_NONE ? -ENOBUFS : 0;
	pthread_mutex_lock(&batch->lock);
	return r;
}

/* Take part in the batch without an invitation, as a task that finds no room for one. */
static int run_at_once(struct sheaf_batch *batch)
{
	struct shared_slot own = {.kind = TASK_SHARE};

	/* Relaxed: nobody else sees the slot. */
	store_relaxed(&own.batch, batch->ref);
	pthread_mutex_unlock(&batch->lock);
	nest_run_at_once(batch->member, &own);
	pthread_mutex_lock(&batch->lock);
	return 0;
}

/* Send the invitations. If some were sent, the batch runs, at worst with fewer workers. */
UNGUARDED static int invite(struct sheaf_batch *batch, uint64_t limit_ns)
{
	const uint32_t first = batch->caller_works ? CALLERS_SHARE + 1 : 0;
	/*
	 * The caller works anyway. Waking a worker that is not needed would cost it more than one
	 * that comes late.
	 */
	const unsigned lookers = batch->caller_works ? workers_looking(batch->segment, batch->plan.shares - first) : 0;
	const unsigned heard = member_heard(batch->member);
	const uint64_t flags = READY_SHARE | (member_is_task(batch->member) && limit_ns ? READY_LEFT : batch->word_flags);

	bool asked = false;

	for (uint32_t share = first; share < batch->plan.shares; share++) {
		struct shared_slot *slot;
		uint64_t ticket;
		int r = member_open(batch->member);

		for (; !r && (r = ring_take(batch->ring, batch->member->name, &slot, &ticket)) == -EAGAIN; asked = true)
			r = await_room(batch, heard, asked || share > first);
		/*
		 * If the batch runs, its gatherer learns what has come meanwhile, an interruption
		 * for example.
		 */
		if (r)
			return share > first ? 0 : r == -EINTR ? member_interrupt(batch->member) : r;
		slot->kind = TASK_SHARE;
		store_relaxed(&slot->target, share); /* the word publishes it (RING1) */
		slot->arg_size = 0;
		/* Release, as in submit.c. */
		store_release(&slot->batch, batch->ref);
		if ((r = publish_slot(batch, slot, ticket, share - first >= lookers, flags)))
			return share > first ? 0 : r;
	}
	return 0;
}

UNGUARDED static int submit_dense(struct sheaf_batch *batch, struct dense *dense, const sheaf_map_options *options)
{
	uint64_t limit_ns;
	int r = check_request(batch, dense, options);

	if (r)
		return r;
	limit_ns = limit_of(options->task_timeout_ns, batch->limit_ns);
	if (dense->kind == KIND_MAP)
		dense->context = options->context;
	dense->context_size = options->context_size;
	dense->shortest_ns = batch->shortest_ns;
	dense->caller_works = batch->caller_works;
	dense->gatherer_works = batch->gatherer_works;
	batch->gatherer_works = batch->gatherer_works && !limit_ns;
	/* A task that waits runs what it has sent invitations for. */
	batch->caller_works = batch->caller_works && dense->n && !limit_ns && !member_is_task(batch->member) &&
			      !batch->segment->workers.init;
	dense->cut = cut_choose(dense->n, options->grain, segment_wanted(batch->segment) + batch->caller_works,
				batch->segment->worker_count + batch->caller_works);
	if ((r = check_content(batch, dense)) || (r = place_all(batch, dense))) {
		undo_dense(batch, dense);
		return r;
	}
	describe(batch, dense, options, limit_ns);
	if (dense->n)
		chunks_init(batch->segment, &batch->plan);
	batch->dense.untried = batch->plan.chunks;
	batch->view = &view_dense;
	batch->inviting = true;
	r = invite(batch, limit_ns);
	if (r == -ENOBUFS)
		r = run_at_once(batch);
	batch->inviting = false;
	if (r)
		undo_dense(batch, dense);
	return r;
}

UNGUARDED static int submit_dense_locked(sheaf_batch *batch, struct dense *dense, const sheaf_map_options *options)
{
	static const sheaf_map_options defaults = {0};
	int r = batch_check(batch), cancel;

	if (r || (r = member_open(batch->member)) ||
	    (r = function_store(batch->segment, dense->call, dense->fn,
				dense->kind == KIND_MAP ? FUNCTION_TASK : FUNCTION_RANGE, &dense->function)))
		return r;
	/* Between invitations nothing could be undone. */
	cancel = cancel_refuse();
	pthread_mutex_lock(&batch->lock);
	r = submit_dense(batch, dense, options ? options : &defaults);
	pthread_mutex_unlock(&batch->lock);
	cancel_allow(cancel);
	return r;
}

UNGUARDED int sheaf_submit_map(sheaf_batch *batch, sheaf_task_fn *fn, const void *in, size_t in_size, void *out,
			       size_t out_size, size_t n, const sheaf_map_options *options)
{
	struct dense dense = {
		.call = "map",
		.kind = KIND_MAP,
		.fn = (any_fn *)fn,
		.in = in,
		.in_size = in_size,
		.out = out,
		.out_size = out_size,
		.n = n,
	};

	if (!batch || !fn)
		return sheaf_fail(-EINVAL, "map: %s is NULL", batch ? "fn" : "batch");
	return submit_dense_locked(batch, &dense, options);
}

UNGUARDED int sheaf_submit_for(sheaf_batch *batch, sheaf_range_fn *fn, void *context, size_t n,
			       const sheaf_map_options *options)
{
	struct dense dense = {
		.call = "for",
		.kind = KIND_FOR,
		.fn = (any_fn *)fn,
		.context = context,
		.n = n,
	};

	if (!batch || !fn)
		return sheaf_fail(-EINVAL, "for: %s is NULL", batch ? "fn" : "batch");
	return submit_dense_locked(batch, &dense, options);
}

void dense_help(struct sheaf_batch *batch, bool (*over)(void *context), void *context)
{
	struct member_scope before;
	int cancel;

	if (!batch->caller_works)
		return;
	cancel = cancel_refuse(); /* else the batch would not be retired */
	/* Relaxed, both: as in help_as_caller(). */
	fetch_add_relaxed(&batch->member->running, 1);
	before = member_run_tasks_of(batch->segment);
	share_help(batch->member, batch->shared, &batch->plan, batch->heap_id, over, context);
	member_end_tasks(before);
	fetch_sub_relaxed(&batch->member->running, 1);
	cancel_allow(cancel);
}
