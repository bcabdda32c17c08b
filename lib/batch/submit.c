/*
 * submit.c - hands tasks to the ring: one by one, or as invitations to a dense batch.
 */
#include "batch/handle.h"

#include "base/atomic.h"
#include "base/cancel.h"
#include "base/error.h"
#include "base/guard.h"
#include "base/number.h"
#include "member/wait.h"
#include "os/os.h"
#include "queue/bell.h"
#include "queue/ring.h"
#include "segment/heap.h"
#include "work/check.h"
#include "work/check_pointers.h"
#include "work/chunk.h"
#include "work/share.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define CHECKED_BYTES ((size_t)1 << 20) /* of an array, that are looked at for pointers */

#define LARGEST_STRETCH ((uint64_t)16 << 20) /* bytes */

#define ROOM_SLICE_NS 20000
#define RELAX_PER_CHECK 32

/* ---- memory that is given back if the call fails ---- */

/* Memory of a batch's own region, which nobody else knows of yet. */
struct piece {
	uint64_t size; /* 0: none */
	uint64_t offset;
	struct region before; /* the region, without it */
};

/* 0, or the errors of region_alloc() with a message about @what. */
static int take_piece(struct sheaf_batch *batch, uint64_t size, const char *what, struct piece *piece)
{
	struct region before = batch->region;
	struct piece taken = {.size = size, .before = before};
	int r = region_alloc_as(batch->member->segment, batch->heap_id, batch->shared, &batch->region, size, &taken.offset);

	if (r) {
		batch->region = before;
		return heap_fail(batch->member->segment, r, size, what);
	}
	*piece = taken;
	return 0;
}

/* The last piece first. */
static void give_piece(struct sheaf_batch *batch, const struct piece *piece)
{
	if (piece->size)
		region_undo(batch->member->segment, &batch->region, &piece->before, piece->offset, piece->size);
}

/* ---- the result table ---- */

const struct stretch *batch_find_stretch(struct sheaf_batch *batch, uint64_t index)
{
	struct entries *entries = &batch->entries;
	size_t low = 0, high = entries->count;

	while (high - low > 1) {
		size_t middle = (low + high) / 2;

		if (entries->stretches[middle].first <= index)
			low = middle;
		else
			high = middle;
	}
	entries->near = low;
	return &entries->stretches[low];
}

/* Bytes of the heap that a stretch takes which begins at this entry: pieces that double. */
static uint64_t stretch_bytes(const struct entries *entries, uint64_t first)
{
	uint64_t bytes = round_up(entries->stride, UNIT);

	while (bytes < LARGEST_STRETCH && bytes / entries->stride < first)
		bytes *= 2;
	return bytes;
}

/* Make the table one stretch longer: the batch's own slot first, then pieces of the heap. */
static int grow_entries(struct sheaf_batch *batch)
{
	struct entries *entries = &batch->entries;
	struct segment *segment = batch->member->segment;
	struct stretch *stretches = realloc(entries->stretches, (entries->count + 1) * sizeof(*stretches));
	struct stretch *stretch;
	int r;

	if (!stretches)
		return sheaf_fail(-ENOMEM, "no memory for the result table of a batch");
	entries->stretches = stretches;
	stretch = &stretches[entries->count];
	stretch->first = entries->capacity;
	if (!entries->count && BATCH_INLINE / entries->stride) {
		stretch->offset = segment_offset(segment, batch->shared->table);
		stretch->count = BATCH_INLINE / entries->stride;
	} else {
		uint64_t bytes = stretch_bytes(entries, entries->capacity);

		/* Relaxed, before the units are taken: see region.c. */
		fetch_add_relaxed(&batch->shared->units, bytes / UNIT);
		r = heap_alloc(segment, batch->heap_id, bytes, &stretch->offset);
		if (r)
			return heap_fail(segment, r, bytes, "the result table of a batch");
		stretch->count = bytes / entries->stride;
	}
	entries->capacity += stretch->count;
	entries->count++;
	return 0;
}

/* Take grow_entries() back: the last stretch holds no task. */
static void drop_stretch(struct sheaf_batch *batch)
{
	struct entries *entries = &batch->entries;
	struct segment *segment = batch->member->segment;
	const struct stretch *stretch = &entries->stretches[--entries->count];

	entries->capacity = stretch->first;
	if (stretch->offset != segment_offset(segment, batch->shared->table))
		heap_give_back(segment, stretch->offset, stretch_bytes(entries, stretch->first));
}

__attribute__((always_inline)) static inline uint64_t new_entry(struct sheaf_batch *batch, uint64_t index, uint64_t position)
{
	uint64_t offset = batch_entry_offset(batch, index);
	struct shared_entry *entry = segment_at(batch->member->segment, offset);

	/* Heap memory is zero already; the batch's own slot holds what earlier batches left. */
	if (index < batch->entries.stretches[0].count)
		memset(entry, 0, batch->entries.stride);
	entry->position = position;
	/* Relaxed: published by the ring slot (R1). */
	store_relaxed(&entry->word, word_pack((struct word){.state = WORD_READY}));
	return offset;
}

/* ---- the ring ---- */

/* A submitter that waits for room in the ring. */
struct room_wait {
	struct sheaf_batch *batch;
	int room;
	bool late; /* it has slept until the end of its sleep */
};

/*
 * Spin while the ring drains fast: each 20 us must free a quarter of the slots still missing. Tiny tasks free them sooner than a sleep
 * would end, and all other tasks need this CPU more than the submitter does.
 */
static bool spin_for_room(void *context)
{
	const struct room_wait *wait = context;
	const struct segment *segment = wait->batch->member->segment;
	uint64_t missing = ring_wanting(&segment->ring), left = missing, until;

	if (!segment->spin_ns)
		return false;
	do {
		missing = left;
		until = sheaf_now_ns() + ROOM_SLICE_NS;
		do {
			for (unsigned i = 0; i < RELAX_PER_CHECK; i++)
				os_relax();
			left = ring_wanting(&segment->ring);
		} while (left && sheaf_now_ns() < until);
	} while (left && left < missing && missing - left >= missing / 4);
	return !left;
}

/*
 * Is there room? Workers ring when a slot frees. With nothing READY none will, so a slot is tried at once, whatever the hints say.
 * So it is now and then, because tasks that take long free slots one by one.
 */
static bool is_room(void *context)
{
	const struct room_wait *wait = context;
	struct member *member = wait->batch->member;
	const struct ring *ring = &member->segment->ring;
	struct shared_slot *slot;
	uint64_t ticket;
	int r;

	if (!wait->late && ring_wanting(ring) && ring_has_ready(ring))
		return false;
	/* Seq_cst, both: see nobody_submits() in open.c. */
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

/* A worker that is awake looks for us before it sleeps. Also for a task that was sent without ringing; see invite(). */
static void ring_before_sleep(void *context)
{
	const struct room_wait *wait = context;

	workers_ring(wait->batch->member->segment);
}

static void room_cancelled(void *context)
{
	const struct room_wait *wait = context;
	struct sheaf_batch *batch = wait->batch;

	room_leave(batch->member->segment, wait->room);
	if (batch->of_call)
		batch_free(batch, false);
}

/*
 * Wait until the ring has a free slot for some submitter, without any lock. 0; the errors of sheaf_submit() that end the wait; -ETIMEDOUT
 * by the batch's own deadline; -EINTR, of which the caller has to say that it was told (member_interrupt()).
 */
static int wait_for_room(struct sheaf_batch *batch, unsigned heard)
{
	struct member *member = batch->member;
	struct segment *segment = member->segment;
	struct room_wait context = {.batch = batch};
	struct wait wait = {
		.context = &context,
		.ready = is_room,
		.spin = spin_for_room,
		.doubt = doubt_room,
		.idle = ring_before_sleep,
		.cancelled = room_cancelled,
		.longest_ns = CHECK_EVERY_NS,
		.heard = heard,
	};
	int r;

	if (batch->flags & SHEAF_NONBLOCK) {
		r = member_look(member, false);
		return r ? r : sheaf_fail(-EAGAIN, "the ring is full: %u tasks wait or run", segment->ring.size);
	}
	context.room = room_take(segment, member->name);
	wait.sleeper = sleeper_of_room(segment, context.room);
	r = member_wait(member, &wait, batch->deadline_ns ? batch->deadline_ns : SHEAF_FOREVER);
	room_leave(segment, context.room);
	return r;
}

static void note_ticket(struct sheaf_batch *batch, uint64_t ticket)
{
	if (!batch->sent || ticket < batch->first_ticket)
		batch->first_ticket = ticket;
	if (!batch->sent || ticket > batch->last_ticket)
		batch->last_ticket = ticket;
	batch->sent = true;
}

/*
 * Publishes, unless the pool finished meanwhile: a pool that is closed just now may have looked at the ring before our task was in
 * it. False: the task was taken back. @ring: wakes a worker, if one sleeps.
 */
static bool publish(struct sheaf_batch *batch, struct shared_slot *slot, uint64_t ticket, bool ring)
{
	struct segment *segment = batch->member->segment;
	uint64_t word;

	note_ticket(batch, ticket);
	ring_publish(&segment->ring, slot, ticket);
	/* Seq_cst, pairs with finish() in supervisor.c. */
	if (load_seq_cst(&segment->control->state) == POOL_FINISHED) {
		word = load_relaxed(&slot->word);
		if (word_state(word) == WORD_READY && load_relaxed(&slot->batch) == batch->ref && ring_withdraw(slot, word))
			return false;
	}
	if (ring)
		batch->woke |= workers_ring(segment);
	return true;
}

/* ---- one task ---- */

/* What a task takes beside its slot: a place for a large argument, a new stretch of the table. */
struct taken {
	struct piece argument;
	bool stretch;
};

static void give_back(struct sheaf_batch *batch, const struct taken *taken)
{
	give_piece(batch, &taken->argument);
	if (taken->stretch)
		drop_stretch(batch);
}

/* Nothing is taken if this fails. -EAGAIN: the ring is full, so that there is no use for memory. */
static int take(struct sheaf_batch *batch, const void *arg, size_t arg_size, struct taken *taken)
{
	int r;

	*taken = (struct taken){0};
	if (!ring_has_room(&batch->member->segment->ring))
		return -EAGAIN;
	if (batch->order.count == batch->entries.capacity) {
		if ((r = grow_entries(batch)))
			return r;
		taken->stretch = true;
	}
	if (arg_size <= INLINE_ARG)
		return 0;
	if ((r = take_piece(batch, arg_size, "the argument of a task", &taken->argument))) {
		give_back(batch, taken);
		return r;
	}
	memcpy(segment_at(batch->member->segment, taken->argument.offset), arg, arg_size);
	return 0;
}

/* Take a slot, fill and publish it. @offset: where a large argument lies. -EAGAIN: the ring is full. */
__attribute__((always_inline)) static inline int send(struct sheaf_batch *batch, uint64_t position, sheaf_task_fn *fn,
						      const void *arg, size_t arg_size, uint16_t limit, uint64_t offset)
{
	struct segment *segment = batch->member->segment;
	struct shared_slot *slot;
	uint64_t ticket;
	bool lower;
	int r;

	if ((r = ring_take(&segment->ring, batch->member->name, &slot, &ticket)))
		return r;
	if (arg_size > INLINE_ARG)
		slot->arg.offset = offset;
	else if (__builtin_expect(arg_size == sizeof(uint64_t), 1))
		memcpy(slot->arg.bytes, arg, sizeof(uint64_t)); /* a number or a pointer, most often: no call */
	else if (arg_size)
		memcpy(slot->arg.bytes, arg, arg_size);
	slot->function = (uint64_t)(uintptr_t)fn;
	slot->arg_size = (uint32_t)arg_size;
	slot->kind = TASK_CALL;
	slot->limit = limit;
	slot->target = new_entry(batch, batch->order.count, position);
	/* Release, pairs with clear_slot(), which may see it before the word: the slot's last task is over. */
	store_release(&slot->batch, batch->ref);
	order_add(&batch->order, position);
	lower = batch->awaiting && position < batch->awaited;
	if (publish(batch, slot, ticket, true)) {
		/* The gatherer shall wait for this one instead. */
		if (lower)
			gatherer_ring_always(batch->shared);
		return 0;
	}
	order_drop_last(&batch->order);
	return sheaf_fail(-EPIPE, "the pool was closed meanwhile");
}

/* send() for a task that takes memory, which is given back if it is refused. */
__attribute__((noinline)) static int send_heavy(struct sheaf_batch *batch, uint64_t position, sheaf_task_fn *fn,
						const void *arg, size_t arg_size, uint16_t limit)
{
	struct taken taken;
	int cancel = cancel_refuse(), r = take(batch, arg, arg_size, &taken);

	if (!r && (r = send(batch, position, fn, arg, arg_size, limit, taken.argument.offset)))
		give_back(batch, &taken);
	cancel_allow(cancel);
	return r;
}

/*
 * Prepare all that may take time or fail, then send the task; under the batch's lock, so that nobody holds a slot while it waits for a
 * lock. -EAGAIN: the ring is full.
 */
__attribute__((always_inline)) static inline int submit_call(struct sheaf_batch *batch, uint64_t position, sheaf_task_fn *fn,
							     const void *arg, size_t arg_size, uint16_t limit)
{
	int r;

	if ((r = member_open(batch->member)))
		return r;
	if (batch->dense)
		return sheaf_fail(-EBUSY, "the batch is a map: submit single tasks to another batch");
	r = order_reserve(&batch->order, position);
	if (r == -EEXIST)
		return sheaf_fail(r, "position %llu was submitted to this batch before", (unsigned long long)position);
	if (r)
		return sheaf_fail(r, "no memory for the positions of a batch");
	if (arg_size > INLINE_ARG || batch->order.count == batch->entries.capacity)
		return send_heavy(batch, position, fn, arg, arg_size, limit);
	return send(batch, position, fn, arg, arg_size, limit, 0);
}

__attribute__((always_inline)) static inline int submit_locked(struct sheaf_batch *batch, uint64_t position, sheaf_task_fn *fn,
							       const void *arg, size_t arg_size, uint16_t limit)
{
	int r;

	pthread_mutex_lock(&batch->lock);
	r = submit_call(batch, position, fn, arg, arg_size, limit);
	pthread_mutex_unlock(&batch->lock);
	return r;
}

/* The same after it has found the ring full: again and again, as soon as there is room. */
__attribute__((noinline)) static int submit_waiting(struct sheaf_batch *batch, uint64_t position, sheaf_task_fn *fn,
						    const void *arg, size_t arg_size, uint16_t limit)
{
	unsigned heard = member_heard(batch->member);
	int r;

	do
		r = wait_for_room(batch, heard);
	while (!r && (r = submit_locked(batch, position, fn, arg, arg_size, limit)) == -EAGAIN);
	return r == -EINTR ? member_interrupt(batch->member) : r;
}

/* With a pool of SHEAF_CHECK: the function goes in front of the argument. */
__attribute__((noinline)) static int submit_checked(sheaf_batch *batch, uint64_t position, sheaf_task_fn *fn, const void *arg,
						    size_t arg_size, uint16_t limit)
{
	struct check_header header = {.function = (uint64_t)(uintptr_t)fn, .arg_size = arg_size};
	unsigned char *whole;
	int r = check_pointers(batch->member->memory, batch->member->segment, "sheaf_submit", "the argument", arg, arg_size);

	if (r)
		return r;
	whole = arg_size <= UINT32_MAX - sizeof(header) ? malloc(sizeof(header) + arg_size) : NULL;
	if (!whole)
		return sheaf_fail(-ENOMEM, "no memory to check an argument of %zu bytes", arg_size);
	memcpy(whole, &header, sizeof(header));
	if (arg_size)
		memcpy(whole + sizeof(header), arg, arg_size);
	r = submit_locked(batch, position, check_call, whole, sizeof(header) + arg_size, limit);
	if (r == -EAGAIN)
		r = submit_waiting(batch, position, check_call, whole, sizeof(header) + arg_size, limit);
	free(whole);
	return r;
}

UNGUARDED static int submit_one(sheaf_batch *batch, uint64_t position, sheaf_task_fn *fn, const void *arg, size_t arg_size,
				uint16_t limit)
{
	int r;

	if (!batch || !fn || (!arg && arg_size))
		return sheaf_fail(-EINVAL, "sheaf_submit: %s is NULL", !batch ? "batch" : !fn ? "fn" : "arg");
	if (arg_size > UINT32_MAX)
		return sheaf_fail(-EOVERFLOW,
				  "sheaf_submit: an argument of %zu bytes: put it into sheaf_alloc() memory and pass a pointer",
				  arg_size);
	if ((r = batch_check(batch)))
		return r;
	if (batch->flags & BATCH_CHECKED)
		return submit_checked(batch, position, fn, arg, arg_size, limit);
	r = submit_locked(batch, position, fn, arg, arg_size, limit);
	return r != -EAGAIN ? r : submit_waiting(batch, position, fn, arg, arg_size, limit);
}

int sheaf_submit(sheaf_batch *batch, uint64_t position, sheaf_task_fn *fn, const void *arg, size_t arg_size)
{
	return submit_one(batch, position, fn, arg, arg_size, LIMIT_BATCH);
}

int sheaf_submit_with(sheaf_batch *batch, uint64_t position, sheaf_task_fn *fn, const void *arg, size_t arg_size,
		      const sheaf_task_options *options)
{
	uint16_t limit = options ? limit_pack(options->timeout_ns) : LIMIT_BATCH;
	int r = submit_one(batch, position, fn, arg, arg_size, limit);

	/* Only now: the supervisor need not wake up for a task that was refused. */
	if (!r && limit != LIMIT_BATCH && limit != LIMIT_NONE)
		batch_limit(batch, limit_unpack(limit));
	return r;
}

/* ---- dense batches ---- */

struct dense {
	const char *call; /* for messages */
	enum batch_kind kind;
	uint64_t function;
	const void *in;
	size_t in_size;
	void *out;
	size_t out_size;
	size_t n;
	struct piece words, copy; /* of the heap, for the chunks' words and for the context */
};

static int check_array(const struct segment *segment, const char *call, const char *name, const void *array, size_t n,
		       size_t size)
{
	size_t bytes;

	if (!checked_multiply(n, size, &bytes))
		return sheaf_fail(-EOVERFLOW, "%s: %zu items of %zu bytes (%s) do not fit the address space", call, n, size,
				  name);
	if (!array && bytes)
		return sheaf_fail(-EINVAL, "%s: %s is NULL, but its items have %zu bytes", call, name, size);
	if (array && bytes && !heap_contains(segment, array, bytes))
		return sheaf_fail(-EFAULT,
				  "%s: %s, %zu bytes at %p, is not in one piece of the pool's shared memory: use sheaf_alloc()",
				  call, name, bytes, array);
	return 0;
}

/* A line in which nothing changes from one map to the next stays with the workers that have read it. */
static void put(uint64_t *field, uint64_t value)
{
	if (*field != value)
		*field = value;
}

/* The table of chunk words: in the batch's own slot, or in the heap. */
static int place_table(struct sheaf_batch *batch, struct dense *dense, const struct cut *cut)
{
	struct segment *segment = batch->member->segment;
	struct shared_batch *shared = batch->shared;
	uint64_t offset = segment_offset(segment, shared->table);
	int r;

	if (cut->bytes > BATCH_INLINE) {
		if ((r = take_piece(batch, cut->bytes, "the chunks of a map", &dense->words)))
			return r;
		offset = dense->words.offset;
	}
	batch->plan.words = offset;
	batch->plan.hints = offset + round_up(cut->chunks * sizeof(uint64_t), 64);
	put(&shared->words, batch->plan.words);
	put(&shared->hints, batch->plan.hints);
	return 0;
}

/* A copy of the context goes behind the chunks in the batch's own slot, or into the heap. */
static int place_context(struct sheaf_batch *batch, struct dense *dense, size_t context_size, const struct cut *cut)
{
	struct segment *segment = batch->member->segment;
	uint64_t offset;
	int r;

	if (!dense->in) {
		batch->plan.in = 0;
		return context_size ? sheaf_fail(-EINVAL, "%s: context is NULL, but has %zu bytes", dense->call, context_size)
				    : 0;
	}
	if (context_size) {
		uint64_t behind = cut->bytes <= BATCH_INLINE ? round_up(cut->bytes, 64) : 0;

		offset = segment_offset(segment, batch->shared->table) + behind;
		if (context_size > BATCH_INLINE - behind) {
			if ((r = take_piece(batch, context_size, "the context of a loop", &dense->copy)))
				return r;
			offset = dense->copy.offset;
		}
		memcpy(segment_at(segment, offset), dense->in, context_size);
		batch->plan.in = offset;
		return 0;
	}
	if (!heap_contains(segment, dense->in, 1))
		return sheaf_fail(-EFAULT,
				  "%s: context %p is not in the pool's shared memory: use sheaf_alloc(), or set "
				  "options.context_size to have "
				  "it copied",
				  dense->call, dense->in);
	batch->plan.in = segment_offset(segment, dense->in);
	return 0;
}

/* Sends the invitations. If some were sent, the batch runs, with fewer workers at worst. */
UNGUARDED static int invite(struct sheaf_batch *batch)
{
	const uint32_t first = batch->caller_works ? CALLERS_SHARE + 1 : 0;
	/* The caller's work does not wait for them: to wake a worker that is not needed costs it more than one that comes late. */
	const unsigned lookers = batch->caller_works ? workers_looking(batch->member->segment, batch->plan.shares - first) : 0;

	const unsigned heard = member_heard(batch->member);

	for (uint32_t share = first; share < batch->plan.shares; share++) {
		struct shared_slot *slot;
		uint64_t ticket;
		int r = member_open(batch->member);

		while (!r && (r = ring_take(&batch->member->segment->ring, batch->member->name, &slot, &ticket)) == -EAGAIN) {
			/* Nobody else can submit to the batch now; it may be gathered from. */
			pthread_mutex_unlock(&batch->lock);
			r = wait_for_room(batch, heard);
			pthread_mutex_lock(&batch->lock);
		}
		/* What has come meanwhile, an interruption, say, the gatherer is told if the batch runs. */
		if (r)
			return share > first ? 0 : r == -EINTR ? member_interrupt(batch->member) : r;
		slot->kind = TASK_SHARE;
		slot->target = share;
		slot->arg_size = 0;
		/* Release, as in submit_call(). */
		store_release(&slot->batch, batch->ref);
		if (!publish(batch, slot, ticket, share - first >= lookers))
			return share > first ? 0 : sheaf_fail(-EPIPE, "the pool was closed meanwhile");
	}
	return 0;
}

/* Which of the batch's own fields submit_dense() changes. Those that only a map reads need no undoing. */
struct plain {
	uint64_t shortest_ns;
	bool caller_works;
};

static void make_plain(struct sheaf_batch *batch, const struct dense *dense, const struct plain *plain)
{
	struct shared_batch *shared = batch->shared;

	batch->dense = false;
	batch->caller_works = plain->caller_works;
	shared->kind = KIND_CALLS;
	shared->out_size = batch->result_size;
	shared->max_attempts = batch->max_attempts;
	shared->limit_ns = batch->limit_ns;
	batch_limit_undo(batch, plain->shortest_ns);
	give_piece(batch, &dense->words);
	give_piece(batch, &dense->copy);
}

UNGUARDED static int place(struct sheaf_batch *batch, struct dense *dense, size_t context_size, const struct cut *cut)
{
	struct segment *segment = batch->member->segment;
	int r;

	batch->plan.out = 0;
	if (dense->kind == KIND_MAP) {
		if ((r = check_array(segment, dense->call, "in", dense->in, dense->n, dense->in_size)) ||
		    (r = check_array(segment, dense->call, "out", dense->out, dense->n, dense->out_size)))
			return r;
		batch->plan.in = dense->in && dense->in_size ? segment_offset(segment, dense->in) : 0;
		batch->plan.out = dense->out && dense->out_size ? segment_offset(segment, dense->out) : 0;
	} else if ((r = place_context(batch, dense, context_size, cut))) {
		return r;
	}
	return place_table(batch, dense, cut);
}

/* Of a large array the beginning tells. */
static int check_dense(const struct sheaf_batch *batch, const struct dense *dense, size_t context_size)
{
	size_t size = context_size;

	if (!(batch->flags & BATCH_CHECKED))
		return 0;
	if (dense->kind == KIND_MAP)
		size = !dense->in_size                             ? 0
		       : dense->n < CHECKED_BYTES / dense->in_size ? dense->n * dense->in_size
								   : CHECKED_BYTES;
	if (dense->kind == KIND_MAP && dense->in && !heap_contains(batch->member->segment, dense->in, size))
		return 0; /* check_array() says it better */
	return check_pointers(batch->member->memory, batch->member->segment, dense->call,
			      dense->kind == KIND_MAP ? "in" : "context", dense->in, size);
}

static int submit_dense(struct sheaf_batch *batch, struct dense *dense, const sheaf_map_options *options)
{
	static const sheaf_map_options defaults = {0};
	struct segment *segment = batch->member->segment;
	struct shared_batch *shared = batch->shared;
	struct plain plain = {.shortest_ns = batch->shortest_ns, .caller_works = batch->caller_works};
	struct plan *plan = &batch->plan;
	uint64_t limit, n = dense->n; /* of 64 bits, so that it can be too large wherever a size_t has 32 */
	struct cut cut;
	int r;

	if (!options)
		options = &defaults;
	if (options->max_attempts > SHEAF_MAX_ATTEMPTS)
		return sheaf_fail(-EINVAL, "%s: max_attempts is %u, at most %u", dense->call, options->max_attempts,
				  SHEAF_MAX_ATTEMPTS);
	if (options->deadline_ns && !batch->of_call)
		return sheaf_fail(
			-EINVAL,
			"%s: options.deadline_ns is set, but this call does not wait: give the deadline to sheaf_next()",
			dense->call);
	if (n > MAX_POSITIONS)
		return sheaf_fail(-EOVERFLOW, "%s: n is %zu, at most 2^45", dense->call, dense->n);
	if (batch->dense || batch->order.count)
		return sheaf_fail(-EBUSY, "%s: the batch has tasks already: a map needs a batch of its own", dense->call);
	limit = limit_of(options->task_timeout_ns, batch->limit_ns);
	batch->caller_works = batch->caller_works && dense->n && !limit;
	cut = cut_choose(dense->n, options->grain, segment->worker_count + batch->caller_works);
	if ((r = check_dense(batch, dense, options->context_size)) || (r = place(batch, dense, options->context_size, &cut))) {
		make_plain(batch, dense, &plain);
		return r;
	}
	plan->kind = dense->kind;
	plan->function = dense->function;
	if (batch->flags & BATCH_CHECKED && dense->kind == KIND_MAP) {
		plan->checked = shared->checked = dense->function;
		plan->function = (uint64_t)(uintptr_t)check_item;
	}
	plan->in_size = dense->in_size;
	plan->out_size = dense->out_size;
	plan->n = n;
	plan->chunk = cut.chunk;
	plan->chunks = cut.chunks;
	plan->shares = cut.shares;
	shared->kind = plan->kind;
	shared->function = plan->function;
	shared->in = plan->in;
	shared->out = plan->out;
	shared->out_size = plan->out_size;
	shared->shares = plan->shares;
	put(&shared->in_size, plan->in_size);
	put(&shared->n, plan->n);
	put(&shared->chunk, plan->chunk);
	put(&shared->chunks, plan->chunks);
	if (options->max_attempts)
		shared->max_attempts = options->max_attempts;
	put(&shared->limit_ns, limit);
	if (options->task_timeout_ns)
		batch_limit(batch, limit);
	if (n)
		chunks_init(segment, plan);
	batch->dense = true;
	batch->inviting = true;
	r = invite(batch);
	batch->inviting = false;
	if (r) /* nothing runs: the batch may be used for something else */
		make_plain(batch, dense, &plain);
	return r;
}

UNGUARDED static int submit_dense_locked(sheaf_batch *batch, struct dense *dense, const sheaf_map_options *options)
{
	int r = batch_check(batch), cancel;

	if (r || (r = member_open(batch->member)))
		return r;
	/* Between invitations nothing could be undone. */
	cancel = cancel_refuse();
	pthread_mutex_lock(&batch->lock);
	r = submit_dense(batch, dense, options);
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
		.function = (uint64_t)(uintptr_t)fn,
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
		.function = (uint64_t)(uintptr_t)fn,
		.in = context,
		.n = n,
	};

	if (!batch || !fn)
		return sheaf_fail(-EINVAL, "for: %s is NULL", batch ? "fn" : "batch");
	return submit_dense_locked(batch, &dense, options);
}
