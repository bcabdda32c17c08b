/*
 * wild_words.c - each word that the processes of a pool share is written over, by values that mean
 * something and by some that mean nothing, while the owner submits, waits, gathers, maps, joins,
 * ends: no call of the owner's hangs or crashes it, and the end of the pool comes.
 *
 * A sweep goes over all bytes of header and control area, of a seat, of slots, of batches
 * with the beginning of their tables, and of the heap map, eight or four at a time. So a field that
 * layout.h gets is swept, too. Which value meets which call changes from word to word and from
 * sweep to sweep. One sweep is played, or as many as WILD_SWEEPS says in the environment; WILD_SEED
 * begins elsewhere.
 *
 * What tasks find may be damaged, and what they return wrong: workers may crash, positions may be
 * lost. That calls say so is checked by the cases for single words.
 */
#include "hosts/host.h"

#include "work/chunk.h"
#include "pool/pool.h"
#include "queue/ring.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define WORKERS 2
#define RING 8
#define MS UINT64_C(1000000)
#define TASKS 20
#define ITEMS 64
/* seconds, of a trial on a loaded machine: nothing takes more than about ten by design */
#define LONGEST 40

/* ---- what is played: one per trial ---- */

static sheaf_pool *pool;
static struct segment *segment;

struct shared_gate {
	_Atomic int open;    /* tasks wait for it */
	_Atomic int died;    /* a task that kills its worker has done so */
	_Atomic int running; /* tasks */
};
static struct shared_gate *gate;

static int gated_task(sheaf_task *task, const void *arg, void *result)
{
	struct shared_gate *at;

	memcpy(&at, arg, sizeof(at));
	atomic_fetch_add(&at->running, 1);
	for (int i = 0; i < 5000 && !atomic_load(&at->open); i++)
		usleep(200);
	if (result)
		*(uint64_t *)result = sheaf_task_position(task);
	return 0;
}

static int dying_task(sheaf_task *task, const void *arg, void *result)
{
	struct shared_gate *at;

	memcpy(&at, arg, sizeof(at));
	if (!atomic_exchange(&at->died, 1)) {
		gated_task(task, arg, result);
		raise(SIGKILL);
	}
	return gated_task(task, arg, result);
}

static int long_task(sheaf_task *task, const void *arg, void *result)
{
	(void)task;
	(void)arg;
	(void)result;
	usleep(600000);
	return 0;
}

/* @in: where the gate is. Workers have no pointer to it: it was made after them. */
static int failing_item(sheaf_task *task, const void *in, void *out)
{
	uint64_t position = sheaf_task_position(task);

	if (position < WORKERS)
		gated_task(task, in, NULL);
	*(uint64_t *)out = position;
	return position % 5 == 3 ? sheaf_task_fail(task, -EDOM, "position %d is wrong", (int)position) : 0;
}

static int failing_range(sheaf_task *task, size_t begin, size_t end, void *context)
{
	(void)end;
	if (begin < WORKERS)
		gated_task(task, &context, NULL);
	return begin % 9 == 4 ? -EDOM : 0;
}

static volatile unsigned char sink;

/* All that a result hands out can be read. */
static void read_result(const sheaf_result *result)
{
	for (size_t i = 0; result->data && i < result->size; i++)
		sink ^= ((const unsigned char *)result->data)[i];
	for (unsigned i = 0; i < result->backtrace_size; i++)
		sink ^= (unsigned char)result->backtrace[i];
	EXPECT(strlen(result->message) < 1000, "got a message of %zu bytes", strlen(result->message));
	EXPECT(result->pid >= 0, "got the pid %ld in a result, expected one that may be signalled", (long)result->pid);
}

static void apply(void)
{
	uint64_t result;

	(void)sheaf_apply(pool, gated_task, &gate, sizeof(gate), &result, sizeof(result), NULL);
}

static void lose_worker(void)
{
	uint64_t result;

	(void)sheaf_apply(pool, dying_task, &gate, sizeof(gate), &result, sizeof(result), NULL);
}

static void exceed_limit(void)
{
	(void)sheaf_apply(pool, long_task, NULL, 0, NULL, 0, &(sheaf_map_options){.task_timeout_ns = 30 * MS});
}

static void stream(void)
{
	sheaf_batch *batch;
	sheaf_result result;
	char large[100] = {0};

	if (sheaf_batch_create(&batch, pool, &(sheaf_batch_options){.result_size = 64}))
		return;
	memcpy(large, &gate, sizeof(gate));
	for (uint64_t i = 0; i < TASKS && !sheaf_submit(batch, i, gated_task, large, i % 2 ? sizeof(large) : sizeof(gate)); i++)
		;
	while (sheaf_next(batch, &result, SHEAF_FOREVER) > 0)
		read_result(&result);
	sheaf_batch_retire(batch);
}

static void stream_done(void)
{
	sheaf_batch *batch;
	sheaf_result result;
	sheaf_progress progress;

	if (sheaf_batch_create(&batch, pool, &(sheaf_batch_options){.result_size = 8}))
		return;
	for (uint64_t i = 0; i < RING && !sheaf_submit(batch, i, gated_task, &gate, sizeof(gate)); i++)
		;
	while (sheaf_next_done(batch, &result, SHEAF_FOREVER) > 0)
		read_result(&result);
	(void)sheaf_batch_get_progress(batch, &progress);
	sheaf_batch_retire(batch);
}

/* The arrays of a map of failing_item(): in one allocation, the first @out. */
static int take_arrays(void **out, struct shared_gate ***items)
{
	int r = sheaf_alloc_array(pool, 2 * ITEMS, sizeof(uint64_t), out);

	if (r)
		return r;
	*items = (struct shared_gate **)*out + ITEMS;
	for (int i = 0; i < ITEMS; i++)
		(*items)[i] = gate;
	return 0;
}

static void gather_map(void)
{
	const sheaf_result *results;
	struct shared_gate **items = NULL;
	sheaf_batch *batch;
	void *out;
	size_t n;

	if (take_arrays(&out, &items))
		return;
	if (!sheaf_batch_create(&batch, pool, NULL)) {
		if (!sheaf_submit_map(batch, failing_item, items, sizeof(gate), out, sizeof(uint64_t), ITEMS,
				      &(sheaf_map_options){.grain = 1}) &&
		    sheaf_gather(batch, &results, &n, SHEAF_FOREVER) >= 0)
			for (size_t i = 0; i < n; i++)
				read_result(&results[i]);
		sheaf_batch_retire(batch);
	}
	(void)sheaf_free(pool, out);
}

static void help(void)
{
	(void)sheaf_for(pool, failing_range, gate, ITEMS, &(sheaf_map_options){.grain = 1, .caller_works = true});
}

static void join(void)
{
	sheaf_batch *batch;
	sheaf_result result;

	if (sheaf_batch_create(&batch, pool, NULL))
		return;
	for (uint64_t i = 0; i < 4 && !sheaf_submit(batch, i, gated_task, &gate, sizeof(gate)); i++)
		;
	(void)sheaf_pool_close(pool);
	(void)sheaf_pool_join(pool, SHEAF_FOREVER);
	while (sheaf_next(batch, &result, SHEAF_FOREVER) > 0)
		read_result(&result);
	sheaf_batch_retire(batch);
}

/* The work in hand is given up. */
static void retire(void)
{
	sheaf_batch *batch;

	if (sheaf_batch_create(&batch, pool, NULL))
		return;
	for (uint64_t i = 0; i < 4 && !sheaf_submit(batch, i, gated_task, &gate, sizeof(gate)); i++)
		;
	sheaf_batch_retire(batch);
}

static const struct activity {
	const char *name;
	void (*play)(void);
} activities[] = {
	{"sheaf_apply()", apply},
	{"submits and sheaf_next()", stream},
	{"submits and sheaf_next_done()", stream_done},
	{"a map that is gathered", gather_map},
	{"a loop in which the caller works", help},
	{"sheaf_pool_join()", join},
	{"a batch that is retired", retire},
	{"the death of a worker", lose_worker},
	{"a task over its limit", exceed_limit},
};

#define ACTIVITIES (sizeof(activities) / sizeof(activities[0]))

/* ---- what is written ---- */

enum part { HEADER, CONTROL, SEAT, SLOT, BATCH, TABLE, HEAP_MAP, PARTS };

static const char *const part_names[PARTS] = {
	[HEADER] = "header", [CONTROL] = "control", [SEAT] = "seat",         [SLOT] = "slot",
	[BATCH] = "batch",   [TABLE] = "table",     [HEAP_MAP] = "heap map",
};

#define TABLE_BYTES 512 /* entries, or chunk words and hints, of what is played here */
#define HEAP_MAP_BYTES 128

static_assert(offsetof(struct shared_batch, table) + BATCH_INLINE + BATCH_ROOM == sizeof(struct shared_batch),
	      "BATCH, TABLE and arguments are all of a batch");

static unsigned char *place_of(enum part part, size_t offset, unsigned which)
{
	switch (part) {
	case HEADER:
		return (unsigned char *)segment->header + offset;
	case CONTROL:
		return (unsigned char *)segment->control + offset;
	case SEAT:
		return (unsigned char *)&segment->seats[which % segment->seat_count] + offset;
	case SLOT:
		return (unsigned char *)&segment->slots[which % RING] + offset;
	case BATCH:
		return (unsigned char *)&segment->batches[0] + offset;
	case TABLE:
		return segment->batches[0].table + offset;
	default:
		return (unsigned char *)segment->heap_map + offset;
	}
}

#define VALUES 14

static uint64_t value_of(unsigned kind, uint64_t before, uint64_t chance)
{
	switch (kind % VALUES) {
	case 0:
		return 0;
	case 1:
		return UINT64_MAX;
	case 2:
		return 1;
	case 3:
		return 6;
	case 4:
		return 7;
	case 5:
		return before + 1;
	case 6:
		return before - 1;
	case 7:
		return (uint64_t)(uintptr_t)&sink; /* the owner's own memory */
	case 8:
		return (uint64_t)(uintptr_t)segment->base;
	case 9:
		return before ^ UINT64_C(1) << chance % 64;
	case 10:
		return UINT64_C(1) << 63;
	case 11:
		return UINT64_C(0x0303030303030303);
	case 12:
		return segment->heap + chance % 16 * 64;
	default:
		return chance;
	}
}

enum moment { BEFORE, MEANWHILE, AGAIN_AND_AGAIN, MOMENTS };

static struct trial {
	enum part part;
	size_t offset;
	size_t size; /* 8, or 4 */
	unsigned which, kind, activity;
	enum moment moment;
	uint64_t chance;
} trial;

static void write_word(void)
{
	unsigned char *at = place_of(trial.part, trial.offset, trial.which);
	uint64_t before = 0, value;

	memcpy(&before, at, trial.size);
	value = value_of(trial.kind, before, trial.chance);
	/* In the order of this machine's bytes: four of them are the lower half. */
	memcpy(at, &value, trial.size);
}

static void *scribble(void *unused)
{
	(void)unused;
	usleep(3000);
	for (int i = 0; i < (trial.moment == AGAIN_AND_AGAIN ? 300 : 1); i++) {
		write_word();
		usleep(trial.moment == AGAIN_AND_AGAIN ? 300 : 3000);
	}
	atomic_store(&gate->open, 1);
	return NULL;
}

static void look_around(void)
{
	sheaf_pool_info info;
	void *memory;

	(void)sheaf_pool_get_info(pool, &info);
	for (unsigned i = 0; i < WORKERS; i++)
		EXPECT(sheaf_pool_worker_pid(pool, i) >= 0, "got the pid %ld of a worker, expected one that may be signalled",
		       (long)sheaf_pool_worker_pid(pool, i));
	if (!sheaf_alloc(pool, 100000, &memory))
		(void)sheaf_free(pool, memory);
}

/* In a process of its own. */
static int play_trial(void *unused)
{
	const sheaf_pool_options options = {.workers = WORKERS, .ring_size = RING, .max_batches = 3, .heap_size = 8 * MIB};
	const struct rlimit no_core = {0};
	uint64_t began;
	pthread_t thread;
	void *memory;

	(void)unused;
	setrlimit(RLIMIT_CORE, &no_core);
	pool = host_pool_with(&options);
	segment = &pool->segment;
	NEED(sheaf_alloc(pool, sizeof(*gate), &memory));
	gate = memory;
	host_works(pool);
	if (trial.moment == BEFORE) {
		write_word();
		atomic_store(&gate->open, 1);
	} else if (pthread_create(&thread, NULL, scribble, NULL)) {
		host_verdict(1, "got no thread, expected one");
	}
	activities[trial.activity].play();
	look_around();
	began = sheaf_now_ns();
	/* It writes into the pool's memory. */
	if (trial.moment != BEFORE)
		pthread_join(thread, NULL);
	sheaf_pool_destroy(pool);
	EXPECT(sheaf_now_ns() - began < 15 * SECOND, "got the end of the pool after %.1f s",
	       (double)(sheaf_now_ns() - began) / 1e9);
	return 0;
}

static void judge_trial(void)
{
	pid_t pid = fork();
	uint64_t deadline = sheaf_now_ns() + LONGEST * SECOND;
	int status;

	EXPECT(pid >= 0, "got no process (%s), expected one", strerror(errno));
	if (!pid)
		_exit(play_trial(NULL));
	while (!waitpid(pid, &status, WNOHANG)) {
		if (sheaf_now_ns() < deadline) {
			usleep(1000);
			continue;
		}
		kill(pid, SIGABRT);
		waitpid(pid, &status, 0);
		host_verdict(1, "got no end of %s, with value %u in %zu bytes at %zu of the %s (%u), moment %d",
			     activities[trial.activity].name, trial.kind % VALUES, trial.size, trial.offset,
			     part_names[trial.part], trial.which, trial.moment);
	}
	EXPECT(WIFEXITED(status) && !WEXITSTATUS(status),
	       "got the end %#x of %s, with value %u in %zu bytes at %zu of the %s (%u), moment %d", (unsigned)status,
	       activities[trial.activity].name, trial.kind % VALUES, trial.size, trial.offset, part_names[trial.part],
	       trial.which, trial.moment);
}

static uint64_t number_of(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 33) * UINT64_C(0xff51afd7ed558ccd);
	x = (x ^ x >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
	return x ^ x >> 33;
}

/*
 * The words from @begin to @end of a part, which is swept @times times. With @step each @step-th
 * word, others in each sweep.
 */
struct swept {
	enum part part;
	size_t begin, end, step;
	unsigned times;
};

static void sweep(const struct swept *swept)
{
	enum part part = swept->part;
	size_t step = swept->step;
	uint64_t sweeps = number_of("WILD_SWEEPS", 1), seed = number_of("WILD_SEED", (uint64_t)getpid());

	printf("seed %llu\n", (unsigned long long)seed);
	fflush(stdout); /* once, and not by each child */
	for (uint64_t s = 0; s < sweeps; s++)
		for (size_t offset = swept->begin + 8 * (mix(seed + s) % step); offset < swept->end; offset += 8 * step) {
			uint64_t chance = mix(seed + (s << 32 | (uint64_t)part << 24 | offset));

			trial = (struct trial){
				.part = part,
				.offset = offset,
				.size = chance % 3 ? 8 : 4,
				.which = (unsigned)(chance >> 8),
				.kind = (unsigned)(chance >> 16 & 0xffff),
				.activity = (unsigned)(chance >> 32 & 0xffff) % ACTIVITIES,
				.moment = (enum moment)((chance >> 48) % MOMENTS),
				.chance = mix(chance),
			};
			if (chance % 3 == 2)
				trial.offset += 4, trial.size = 4;
			judge_trial();
		}
}

static int words(const void *context)
{
	const struct swept *swept = context;

	for (unsigned i = 0; i < swept->times; i++)
		sweep(swept);
	return 0;
}

#define HOLDERS_BEGIN offsetof(struct shared_control, room_holder) /* 64, which are all alike */
#define HOLDERS_END offsetof(struct shared_control, room_seal)
#define ROOM_BEGIN offsetof(struct shared_control, room) /* 64 semaphores, which are all alike */
#define ROOM_END offsetof(struct shared_control, room_end_seal)

#define SWEEP_CASE(name, ...) LONG_CASE_WITH(name, words, (&(const struct swept){__VA_ARGS__}), 280)

/* ---- single words, and what is said of them ---- */

static sheaf_batch *begin_waiting(unsigned tasks)
{
	const sheaf_pool_options options = {.workers = WORKERS, .ring_size = RING, .heap_size = 8 * MIB};
	sheaf_batch *batch;
	void *memory;

	pool = host_pool_with(&options);
	segment = &pool->segment;
	NEED(sheaf_alloc(pool, sizeof(*gate), &memory));
	gate = memory;
	batch = host_batch(pool, &(sheaf_batch_options){.result_size = sizeof(uint64_t)});
	for (uint64_t i = 0; i < tasks; i++)
		NEED(sheaf_submit(batch, i, gated_task, &gate, sizeof(gate)));
	for (unsigned want = tasks < WORKERS ? tasks : WORKERS; (unsigned)atomic_load(&gate->running) < want;)
		host_nap(1);
	return batch;
}

static void expect_results(sheaf_batch *batch, unsigned tasks)
{
	const sheaf_result *results = host_gather(batch, tasks, NULL);

	for (unsigned i = 0; i < tasks; i++)
		EXPECT(!results[i].status && *(const uint64_t *)results[i].data == i, "got the wrong result of position %u", i);
}

/*
 * While tasks run, the state becomes one that no member has asked for: the wait ends, and says so.
 */
static int expect_given_up(const void *context)
{
	uint32_t state = *(const uint32_t *)context;
	sheaf_batch *batch = begin_waiting(4);
	uint64_t began = sheaf_now_ns();
	sheaf_result result;
	int r;

	atomic_store(&segment->control->state, state);
	r = sheaf_next(batch, &result, SHEAF_FOREVER);
	EXPECT(r == -ENOTRECOVERABLE && strstr(sheaf_message(), "was written over"),
	       "got %d (%s) of a pool in state %u, expected -ENOTRECOVERABLE", r, sheaf_message(), state);
	r = sheaf_submit(batch, 100, gated_task, &gate, sizeof(gate));
	EXPECT(r == -ENOTRECOVERABLE, "got %d (%s) from a submit, expected -ENOTRECOVERABLE", r, sheaf_message());
	r = sheaf_apply(pool, host_nothing, NULL, 0, NULL, 0, NULL);
	EXPECT(r == -ENOTRECOVERABLE, "got %d (%s) from sheaf_apply(), expected -ENOTRECOVERABLE", r, sheaf_message());
	sheaf_batch_retire(batch);
	sheaf_pool_destroy(pool);
	EXPECT(sheaf_now_ns() - began < 20 * SECOND, "got the end after %.1f s", (double)(sheaf_now_ns() - began) / 1e9);
	return 0;
}

/* The states of a pool that is closed already: it goes on, and loses nothing. */
static int expect_joined(const void *context)
{
	uint32_t state = *(const uint32_t *)context;
	sheaf_batch *batch = begin_waiting(4);

	NEED(sheaf_pool_close(pool));
	atomic_store(&segment->control->state, state);
	host_nap(20);
	atomic_store(&gate->open, 1);
	NEED(sheaf_pool_join(pool, sheaf_now_ns() + 20 * SECOND));
	expect_results(batch, 4);
	sheaf_pool_destroy(pool);
	return 0;
}

/* The hints by which workers find tasks lead nowhere. */
static void expect_found(uint64_t head, uint64_t tail)
{
	sheaf_batch *batch = begin_waiting(6);

	atomic_store(&segment->control->rings[SHEAF_NORMAL].head, head);
	atomic_store(&segment->control->rings[SHEAF_NORMAL].tail, tail);
	atomic_store(&gate->open, 1);
	expect_results(batch, 6);
	host_works(pool);
	sheaf_pool_destroy(pool);
}

static int tasks_that_are_hidden(void)
{
	expect_found(UINT64_MAX, 6);
	expect_found(1000, 6);
	expect_found(0, 0);
	expect_found(0, UINT64_MAX);
	expect_found(0, UINT64_MAX - 3);
	expect_found(UINT64_MAX, UINT64_MAX);
	expect_found(0, UINT64_C(1) << 55);
	return 0;
}

/* The word that says that all rings are in use says something else. */
static int rings_that_are_forgotten(void)
{
	static const uint32_t values[] = {0, 1, UINT32_MAX, 0x12345678};

	for (unsigned i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		sheaf_batch_options options = {.result_size = sizeof(uint64_t), .priority = SHEAF_HIGH};
		sheaf_batch *batch = begin_waiting(2), *high = host_batch(pool, &options);

		for (uint64_t p = 0; p < 6; p++)
			NEED(sheaf_submit(high, p, gated_task, &gate, sizeof(gate)));
		atomic_store(&segment->control->heed, values[i]);
		atomic_store(&gate->open, 1);
		expect_results(high, 6);
		expect_results(batch, 2);
		host_works(pool);
		sheaf_pool_destroy(pool);
	}
	return 0;
}

/* Free slots say that they are in use. */
static void expect_room(uint64_t word)
{
	sheaf_batch *batch = begin_waiting(0);
	int r;

	for (unsigned i = 0; i < RING; i++)
		atomic_store(&segment->slots[i].word, word);
	atomic_store(&gate->open, 1);
	for (uint64_t i = 0; i < 3 * RING; i++)
		NEED(sheaf_submit(batch, i, gated_task, &gate, sizeof(gate)));
	expect_results(batch, 3 * RING);
	/* And once more for the end. */
	atomic_store(&segment->slots[3].word, word);
	if (!(r = sheaf_pool_close(pool)))
		r = sheaf_pool_join(pool, sheaf_now_ns() + 20 * SECOND);
	/* The supervisor may have been the first to find it: it gives the pool up. */
	EXPECT(!r || r == -ENOTRECOVERABLE, "got %d (%s) from a join, expected its end", r, sheaf_message());
	sheaf_pool_destroy(pool);
}

static int slots_that_are_blocked(void)
{
	for (unsigned state = WORD_DONE; state < 8; state++)
		expect_room(state);
	expect_room(WORD_FILLING);
	expect_room(UINT64_MAX);
	expect_room(word_pack((struct word){.state = WORD_FILLING, .seat = WORKERS, .generation = 1, .payload = 12345}));
	expect_room(word_pack((struct word){.state = WORD_OWNED, .seat = 77, .attempt = 1}));
	expect_room(word_pack((struct word){.state = WORD_OWNED, .seat = WORKERS, .generation = 1, .attempt = 1}));
	expect_room(word_pack((struct word){.state = WORD_OWNED, .seat = 1, .generation = 50, .attempt = 1}));
	return 0;
}

/* A task that waits seems to be in the hands of a worker, which sleeps. */
static int slot_of_a_worker_that_sleeps(void)
{
	sheaf_batch *batch = begin_waiting(3);
	bool found = false;

	for (unsigned i = 0; i < RING; i++) {
		uint64_t word = atomic_load(&segment->slots[i].word);

		if (word_state(word) != WORD_READY)
			continue;
		atomic_store(&segment->slots[i].word, word_pack((struct word){.state = WORD_OWNED,
									      .seat = 1,
									      .generation = 1,
									      .attempt = 1,
									      .payload = word_unpack(word).payload}));
		found = true;
	}
	EXPECT(found, "got no task that waits, expected one");
	atomic_store(&gate->open, 1);
	expect_results(batch, 3);
	sheaf_pool_destroy(pool);
	return 0;
}

static int free_batches_that_seem_taken(void)
{
	const uint32_t openers[] = {UINT32_MAX, HELD_BY(seat_name(WORKERS, 1)), HELD_BY(seat_name(77, 1)),
				    HELD_BY(seat_name(1, 50))};
	sheaf_batch *batch = begin_waiting(0), *more;

	for (unsigned i = 0; i < segment->batches_added; i++)
		atomic_store(&segment->batches[i].word, UINT64_MAX);
	for (int i = 0; i < 100; i++) {
		more = host_batch(pool, NULL);
		sheaf_batch_retire(more);
	}
	for (unsigned i = 0; i < sizeof(openers) / sizeof(openers[0]); i++) {
		for (unsigned b = 1; b < segment->batches_added; b++)
			atomic_store(&segment->batches[b].opener, openers[i]);
		more = host_batch(pool, NULL);
		EXPECT(more->index == 1, "got slot %u where slots say that %#x has them, expected 1", more->index, openers[i]);
		sheaf_batch_retire(more);
	}
	/* And one that is open seems free. */
	atomic_store(&segment->batches[0].opener, 0);
	atomic_store(&segment->batches[0].word, BATCH_FREE);
	more = host_batch(pool, NULL);
	EXPECT(more->index != batch->index, "got the slot of a batch that is open, expected another");
	sheaf_batch_retire(more);
	sheaf_batch_retire(batch);
	host_works(pool);
	sheaf_pool_destroy(pool);
	return 0;
}

/* ---- what the owner follows ---- */

static int evil(sheaf_task *task, size_t begin, size_t end, void *context)
{
	(void)task;
	(void)begin;
	(void)end;
	(void)context;
	host_verdict(1, "got a call of what stands in the segment, expected none");
}

static unsigned items_run;

/*
 * The caller runs it: all workers wait. From the first item on, the batch in the segment is another
 * one.
 */
static int spoil_item(sheaf_task *task, size_t begin, size_t end, void *context)
{
	struct shared_batch *batch = &segment->batches[1];

	EXPECT(sheaf_task_worker(task) == WORKERS, "got worker %u, expected the caller", sheaf_task_worker(task));
	EXPECT(context == gate && end == begin + 1, "got another range or context than was given");
	batch->function = (uint64_t)(uintptr_t)evil;
	batch->in = batch->words = batch->hints = batch->chunk = UINT64_MAX / 3;
	batch->n = batch->chunks = UINT64_MAX;
	batch->shares = 0;
	batch->kind = KIND_MAP;
	batch->heap_id = pool->segment.heap;
	items_run++;
	return begin % 8 == 7 ? sheaf_task_fail(task, -EDOM, "%zu is odd", begin) : 0;
}

static int function_of_a_caller_that_works(void)
{
	sheaf_batch *batch = begin_waiting(WORKERS);
	int r = sheaf_for(pool, spoil_item, gate, ITEMS,
			  &(sheaf_map_options){.grain = 1, .caller_works = true, .deadline_ns = sheaf_now_ns() + 2 * SECOND});

	EXPECT(items_run == ITEMS, "got %u items that the caller ran, expected %d", items_run, ITEMS);
	EXPECT(r == -EDOM && strstr(sheaf_message(), "7 is odd"), "got %d (%s), expected -EDOM of position 7", r,
	       sheaf_message());
	atomic_store(&gate->open, 1);
	expect_results(batch, WORKERS);
	sheaf_pool_destroy(pool);
	return 0;
}

static int plan_of_a_map(void)
{
	sheaf_batch *first = begin_waiting(0), *batch = host_batch(pool, NULL);
	const sheaf_result *results;
	sheaf_progress progress;
	struct shared_batch *shared = batch->shared;
	struct shared_gate **items = NULL;
	void *out;
	int failed;

	NEED(take_arrays(&out, &items));
	atomic_store(&gate->open, 1);
	NEED(sheaf_submit_map(batch, failing_item, items, sizeof(gate), out, sizeof(uint64_t), ITEMS,
			      &(sheaf_map_options){.grain = 1}));
	do {
		host_nap(1);
		NEED(sheaf_batch_get_progress(batch, &progress));
	} while (progress.done < ITEMS);
	host_nap(20);
	shared->n = shared->chunks = shared->chunk = UINT64_MAX;
	shared->words = shared->out = shared->hints = UINT64_MAX / 2;
	shared->heap_id = 1;
	results = host_gather(batch, ITEMS, &failed);
	for (uint64_t i = 0; i < ITEMS; i++) {
		EXPECT(results[i].status == (i % 5 == 3 ? -EDOM : 0), "got the status %d of position %d", results[i].status,
		       (int)i);
		EXPECT(results[i].status || *(const uint64_t *)results[i].data == i, "got another result of position %d",
		       (int)i);
		read_result(&results[i]);
	}
	sheaf_batch_retire(batch);
	EXPECT(*(uint64_t *)out == 0 && ((uint64_t *)out)[ITEMS - 1] == ITEMS - 1,
	       "got memory that was given back, expected mine");
	sheaf_batch_retire(first);
	sheaf_pool_destroy(pool);
	return 0;
}

/* ---- the chain of failures ---- */

/* The newest record of a map whose items have failed. */
static struct shared_failure *fail_map(sheaf_batch *batch)
{
	struct shared_gate **items = NULL;
	void *out;

	NEED(take_arrays(&out, &items));
	NEED(sheaf_submit_map(batch, failing_item, items, sizeof(gate), out, sizeof(uint64_t), ITEMS,
			      &(sheaf_map_options){.grain = 1}));
	/* Nothing has read the records yet, as a look at the progress does. */
	EXPECT(sheaf_wait(&batch, 1, SHEAF_ALL_DONE, SHEAF_FOREVER) >= 0, "got %s", sheaf_message());
	return (struct shared_failure *)(void *)(segment->base + atomic_load(&batch->shared->failures));
}

static int ring_in_the_failures(void)
{
	for (int bend = 0; bend < 5; bend++) {
		sheaf_batch *first = begin_waiting(0), *batch = host_batch(pool, NULL);
		struct shared_failure *newest, *second;
		const sheaf_result *results;
		uint64_t began, self;
		size_t n;
		int r;

		atomic_store(&gate->open, 1);
		newest = fail_map(batch);
		self = segment_offset(segment, newest);
		second = (struct shared_failure *)(void *)(segment->base + newest->next);
		switch (bend) {
		case 0:
			newest->next = self;
			break;
		case 1:
			second->next = self;
			break;
		case 2:
			newest->next = UINT64_MAX - 63;
			break;
		case 3:
			newest->text_size = UINT32_MAX;
			break;
		default:
			newest->position = UINT64_MAX;
		}
		/* All of the heap could be in use, for all that the segment says. */
		atomic_store(&segment->control->heap_mapped, UINT64_MAX);
		began = sheaf_now_ns();
		r = sheaf_gather(batch, &results, &n, SHEAF_FOREVER);
		EXPECT(r == -EBADMSG, "got %d (%s) with bend %d, expected -EBADMSG", r, sheaf_message(), bend);
		EXPECT(sheaf_now_ns() - began < 5 * SECOND, "got that after %.1f s", (double)(sheaf_now_ns() - began) / 1e9);
		sheaf_batch_retire(batch);
		sheaf_batch_retire(first);
		sheaf_pool_destroy(pool);
	}
	return 0;
}

/* An item that fails, then bends the chain and kills its worker. */
static int bending_item(sheaf_task *task, const void *in, void *out)
{
	struct shared_failure *newest;
	uint64_t offset;

	(void)in;
	(void)out;
	if (sheaf_task_position(task) < 3)
		return -EDOM;
	offset = atomic_load(&task->batch->failures);
	newest = segment_at(task->member->segment, offset);
	newest->next = offset;
	raise(SIGKILL);
	return 0;
}

static int ring_in_the_failures_of_the_dead(void)
{
	/* Address space, as much as a walk of all the heap would take half a minute for. */
	const sheaf_pool_options options = {.workers = 1, .heap_size = (size_t)64 << 30};
	uint64_t began;
	int r;

	pool = host_pool_with(&options);
	segment = &pool->segment;
	atomic_store(&segment->control->heap_mapped, UINT64_MAX);
	began = sheaf_now_ns();
	r = sheaf_map(pool, bending_item, NULL, 0, NULL, 0, 8, &(sheaf_map_options){.grain = 1});
	EXPECT(r < 0, "got success of a map whose worker died, expected an error");
	EXPECT(sheaf_now_ns() - began < 8 * SECOND, "got %d (%s) after %.1f s", r, sheaf_message(),
	       (double)(sheaf_now_ns() - began) / 1e9);
	sheaf_pool_destroy(pool);
	return 0;
}

/* ---- pids ---- */

static int pids_of_workers(void)
{
	const pid_t wild[] = {-1, 0, 1, getpid(), getppid(), INT32_MIN, INT32_MAX};
	sheaf_batch *batch = begin_waiting(WORKERS);
	pid_t pids[WORKERS];

	for (unsigned w = 0; w < WORKERS; w++) {
		pids[w] = sheaf_pool_worker_pid(pool, w);
		EXPECT(pids[w] > 1, "got the pid %ld, expected a worker's", (long)pids[w]);
	}
	for (unsigned i = 0; i < sizeof(wild) / sizeof(wild[0]); i++)
		for (unsigned w = 0; w < WORKERS; w++) {
			atomic_store(&segment->seats[w].pid, wild[i]);
			EXPECT(sheaf_pool_worker_pid(pool, w) == pids[w],
			       "got the pid %ld where the segment says %ld, expected %ld", (long)sheaf_pool_worker_pid(pool, w),
			       (long)wild[i], (long)pids[w]);
		}
	/* Of a worker that is dead, too. */
	NEED(sheaf_pool_terminate(pool));
	for (unsigned i = 0; i < sizeof(wild) / sizeof(wild[0]); i++) {
		atomic_store(&segment->seats[0].pid, wild[i]);
		EXPECT(sheaf_pool_worker_pid(pool, 0) == 0, "got the pid %ld of a worker that has ended, expected 0",
		       (long)sheaf_pool_worker_pid(pool, 0));
	}
	sheaf_batch_retire(batch);
	sheaf_pool_destroy(pool);
	return 0;
}

#define STATE_CASE(name, play_with, state) CASE_WITH(name, play_with, (&(const uint32_t){state}))

HOST_PROGRAM("wild_words", STATE_CASE(state_that_there_is_not, expect_given_up, 7),
	     STATE_CASE(largest_state_that_there_is_not, expect_given_up, UINT32_MAX),
	     STATE_CASE(state_closed_by_nobody, expect_given_up, POOL_CLOSED),
	     STATE_CASE(state_finished_by_nobody, expect_given_up, POOL_FINISHED),
	     STATE_CASE(state_terminated_by_nobody, expect_given_up, POOL_TERMINATED),
	     STATE_CASE(closed_pool_that_is_open_again, expect_joined, POOL_OPEN),
	     STATE_CASE(closed_pool_that_is_finished_early, expect_joined, POOL_FINISHED), CASE(tasks_that_are_hidden),
	     CASE(rings_that_are_forgotten), CASE(slots_that_are_blocked), CASE(slot_of_a_worker_that_sleeps),
	     CASE(free_batches_that_seem_taken), CASE(function_of_a_caller_that_works), CASE(plan_of_a_map),
	     CASE(ring_in_the_failures), CASE(ring_in_the_failures_of_the_dead), CASE(pids_of_workers),
	     SWEEP_CASE(header_words, HEADER, 0, sizeof(struct shared_header), 1, 1),
	     SWEEP_CASE(control_words, CONTROL, 0, HOLDERS_BEGIN, 1, 1),
	     SWEEP_CASE(control_holders, CONTROL, HOLDERS_BEGIN, HOLDERS_END, 8, 1),
	     SWEEP_CASE(control_words_of_rooms, CONTROL, HOLDERS_END, ROOM_BEGIN, 1, 1),
	     SWEEP_CASE(control_semaphores, CONTROL, ROOM_BEGIN, ROOM_END, 16, 1),
	     SWEEP_CASE(control_words_behind, CONTROL, ROOM_END, sizeof(struct shared_control), 1, 1),
	     SWEEP_CASE(seat_words, SEAT, 0, sizeof(struct shared_seat), 1, 1),
	     SWEEP_CASE(slot_words, SLOT, 0, sizeof(struct shared_slot), 1, 3),
	     SWEEP_CASE(batch_words, BATCH, 0, offsetof(struct shared_batch, table), 1, 1),
	     SWEEP_CASE(table_words, TABLE, 0, TABLE_BYTES, 1, 1),
	     SWEEP_CASE(heap_map_words, HEAP_MAP, 0, HEAP_MAP_BYTES, 1, 1))
