/*
 * subject_pool.c - the host on one side of a shared page, the test on the other.
 *
 * The host writes its phase, and the runs of each position; the test writes what it wants and its
 * order. The test waits for a phase, and for nothing else, with a deadline that only a hanging pool
 * misses. Each position has one value. A run fails that finds its result slot not zeroed.
 */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "subject_pool.h"

#include "batch/view_dense.h"
#include "batch/withdraw.h"
#include "check.h"
#include "children.h"
#include "deadline.h"
#include "leaks.h"
#include "pool/pool.h"
#include "pool/recover.h"
#include "proc.h"
#include "rng.h"
#include "queue/bell.h"
#include "queue/ring.h"
#include "segment/heap.h"
#include "session.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define WORDS 9 /* more than fit an entry */
#define HEAP ((size_t)4 << 20)
#define NAP_NS 20000

enum phase { OPENING, OPEN, SUBMITTING, WAITING, JOINING, GATHERED, RETIRED, ENDING };

static struct page {
	struct workload load;
	sem_t command;      /* wakes the host that has no batch to wait for */
	_Atomic int wanted; /* what it is to do next: SUBMITTING, RETIRED, or ENDING */
	_Atomic int phase;
	_Atomic int order;
	_Atomic unsigned order_worker;
	uint64_t salt;
	uint32_t batch;
	struct segment segment; /* the host's view */
	_Atomic unsigned runs[SUBJECT_POSITIONS];
	_Atomic unsigned excused;
	_Atomic pid_t held;
	_Atomic bool pass;
} * page;

/* ---- tasks ---- */

static void hold(uint64_t position)
{
	if (!page->load.holds || position != page->load.hold_at || atomic_load(&page->pass))
		return;
	atomic_store(&page->held, getpid());
	while (!atomic_load(&page->pass))
		sleep_ns(1000000);
}

/* Return the text of a position's failure: one letter, because printing is not what is tested. */
static char text_of(uint64_t position)
{
	return (char)('a' + position);
}

static uint64_t value_of(uint64_t position, unsigned word)
{
	return distinct_value(page->salt + position * WORDS + word);
}

/* One that fails leaves a word, too. */
static int begin_run(sheaf_task *task, uint64_t position)
{
	uint64_t value = value_of(position, 0);
	void *memory;
	int r;

	atomic_fetch_add(&page->runs[position], 1);
	hold(position);
	if (page->load.leaves)
		CHECK(sheaf_task_leave(task) == 0, "sheaf_task_leave: \"%s\"", sheaf_message());
	CHECK(!page->load.hooks || sheaf_task_state(task) == page, "the worker is not set up");
	if (!page->load.fails)
		return 0;
	if ((r = sheaf_task_result(task, sizeof(value), &memory)))
		return r;
	memcpy(memory, &value, sizeof(value));
	return sheaf_task_fail(task, -EDOM, "%c", text_of(position));
}

static bool is_zero(const uint64_t *words, size_t size)
{
	for (size_t i = 0; i < size / sizeof(*words); i++)
		if (words[i])
			return false;
	return true;
}

static int call(sheaf_task *task, const void *arg, void *result)
{
	uint64_t position = sheaf_task_position(task), *words;
	size_t size = page->load.slot ? page->load.slot : WORDS * sizeof(*words);
	int r = begin_run(task, position);

	(void)arg;
	if (!r && !page->load.slot)
		r = sheaf_task_result(task, size, &result);
	if (r)
		return r;
	if (!is_zero(result, size))
		return sheaf_task_fail(task, -EBADMSG, "the result is not zeroed");
	words = result;
	for (unsigned i = 0; i < size / sizeof(*words); i++)
		words[i] = value_of(position, i);
	return 0;
}

static int item(sheaf_task *task, const void *in, void *out)
{
	uint64_t position = sheaf_task_position(task), value = value_of(position, 0);
	int r = begin_run(task, position);

	(void)in;
	if (r)
		return r;
	memcpy(out, &value, sizeof(value));
	return 0;
}

static int range(sheaf_task *task, size_t begin, size_t end, void *context)
{
	uint64_t *out = context;

	for (size_t i = begin; i < end; i++) {
		int r = begin_run(task, i);

		if (r)
			return r;
		out[i] = value_of(i, 0);
	}
	return 0;
}

/* ---- hooks ---- */

static int set_up(void **state, unsigned worker, void *context)
{
	(void)worker;
	*state = context;
	return 0;
}

static void clear_up(void *state, unsigned worker, void *context)
{
	(void)worker;
	CHECK(state == context, "another state");
}

/* ---- the host ---- */

struct host {
	sheaf_pool *pool;
	sheaf_batch *batch;
	sheaf_batch *higher; /* or NULL */
	uint64_t *out;
	unsigned wanted; /* positions submitted */
};

/*
 * Wait for room as the library does, but without a check of which processes live, and without a
 * deadline.
 */
static void wait_for_room(struct host *host)
{
	struct segment *segment = &host->pool->segment;
	const struct member *owner = &host->pool->member;
	int room = room_take(segment, owner->name, SHEAF_NORMAL);
	struct sleeper sleeper = sleeper_of_room(segment, room);
	struct shared_slot *slot;
	uint64_t ticket;

	sleeper_announce(&sleeper);
	if (ring_take(&segment->rings[SHEAF_NORMAL], owner->name, &slot, &ticket))
		sem_wait(&segment->control->room[room]);
	else
		ring_abandon(slot);
	sleeper_retract(&sleeper);
	room_leave(segment, room);
}

static void obey(struct host *host);

static void submit_call(struct host *host)
{
	int r;

	while ((r = sheaf_submit(host->batch, host->wanted, call, NULL, 0)) == -EAGAIN) {
		wait_for_room(host);
		obey(host);
	}
	CHECK(r == 0, "sheaf_submit: %d", r);
	host->wanted++;
}

static void submit(struct host *host)
{
	const struct workload *load = &page->load;
	sheaf_map_options options = {.grain = load->grain, .max_attempts = load->attempts};
	int r = 0;

	host->wanted = 0;
	if (load->kind == KIND_CALLS) {
		while (host->wanted < load->positions)
			submit_call(host);
		return;
	}
	if (load->kind == KIND_MAP)
		r = sheaf_submit_map(host->batch, item, NULL, 0, host->out, sizeof(*host->out), load->positions, &options);
	else
		r = sheaf_submit_for(host->batch, range, host->out, load->positions, &options);
	CHECK(r == 0, "a dense batch: %d", r);
	host->wanted = load->positions;
}

static int do_nothing(sheaf_task *task, const void *arg, void *result)
{
	(void)task;
	(void)arg;
	(void)result;
	return 0;
}

static void submit_higher(struct host *host)
{
	sheaf_batch_options options = {.priority = SHEAF_HIGH};
	int r = sheaf_batch_create(&host->higher, host->pool, &options);

	CHECK(r == 0, "sheaf_batch_create: %d", r);
	CHECK((r = sheaf_submit(host->higher, 0, do_nothing, NULL, 0)) == 0, "sheaf_submit: %d", r);
}

static void check_higher(struct host *host)
{
	sheaf_result result;
	int r = sheaf_next(host->higher, &result, hang_deadline());

	CHECK_AS(HARM_HUNG, r == 1, "the higher task: %d", r);
	CHECK_AS(HARM_LOST, result.status == 0, "the higher task: status %d, %s", result.status, result.message);
}

static void obey(struct host *host)
{
	struct member *owner = &host->pool->member;
	unsigned worker = atomic_load(&page->order_worker);
	int r;

	switch (atomic_load(&page->order)) {
	case ORDER_CHECK:
		CHECK((r = owner->ops->look(owner)) == 0, "a check of the family: %d", r);
		break;
	case ORDER_SUBMIT:
		if (page->load.kind == KIND_CALLS)
			submit_call(host);
		else
			submit_higher(host);
		break;
	case ORDER_KILL:
		owner->ops->kill(owner, worker, atomic_load(&owner->segment->seats[worker].generation));
		break;
	default:
		return;
	}
	atomic_store(&page->order, ORDER_NONE);
}

/* Is the chunk done, or cancelled? Its opener ends what was cancelled and nobody has begun. */
static bool is_chunk_over(const struct sheaf_batch *batch, unsigned c, uint64_t bits)
{
	return word_state(bits) == WORD_DONE || (page->load.cancels && withdraw_chunk(batch, c, bits));
}

/* Is all done? If not, @wait is what to wait for. */
static bool all_done(struct host *host, uint64_t *wait)
{
	const _Atomic uint64_t *words = segment_at(&host->pool->segment, host->batch->shared->words);
	unsigned i = 0;

	*wait = page->load.wait;
	if (page->load.kind != KIND_CALLS) {
		while (i < host->batch->shared->chunks && is_chunk_over(host->batch, i, atomic_load(&words[i])))
			i++;
		if (*wait == WAIT_NOTHING)
			*wait = WAIT_CHUNK(i);
		return i == host->batch->shared->chunks;
	}
	while (i < host->wanted && word_state(atomic_load(&batch_entry(host->batch, i)->word)) == WORD_DONE)
		i++;
	if (*wait == WAIT_NOTHING && i < host->wanted)
		*wait = WAIT_ENTRY(batch_entry_offset(host->batch, i));
	/* More are submitted by order. */
	if (i == host->wanted && i < page->load.positions + page->load.more)
		*wait = WAIT_ANY;
	return i == page->load.positions + page->load.more;
}

static void wait_for_all(struct host *host)
{
	struct shared_batch *shared = host->batch->shared;
	uint64_t wait;

	while (obey(host), !all_done(host, &wait)) {
		struct sleeper sleeper = sleeper_of_batch(shared, wait);

		sleeper_announce(&sleeper);
		if (!all_done(host, &wait) && atomic_load(&page->order) == ORDER_NONE)
			sem_wait(&shared->bell);
		sleeper_retract(&sleeper);
	}
}

/* Of a loop it tells of the range's first position. */
static void check_failure(const sheaf_result *result, unsigned position)
{
	const uint64_t value = value_of(position, 0);
	bool own = page->load.kind != KIND_FOR;

	CHECK_AS(HARM_LOST, !own || result->message[0] == text_of(position), "position %u: \"%s\"", position, result->message);
	CHECK_AS(HARM_LOST, result->size == sizeof(value) && (!own || !memcmp(result->data, &value, sizeof(value))),
		 "position %u: what it left is lost", position);
}

static void check_result(const struct host *host, const sheaf_result *result, unsigned position)
{
	const struct workload *load = &page->load;
	unsigned words = load->slot ? (unsigned)(load->slot / sizeof(uint64_t)) : WORDS;

	CHECK_AS(HARM_DUPLICATED, result->position >= position, "position %llu was given twice",
		 (unsigned long long)result->position);
	CHECK_AS(HARM_LOST, result->position == position, "position %u is missing", position);
	CHECK_AS(HARM_DUPLICATED,
		 load->kind != KIND_CALLS ||
			 atomic_load(&page->runs[position]) <= result->attempts + atomic_load(&page->excused),
		 "position %u: %u runs in %u attempts", position, atomic_load(&page->runs[position]), result->attempts);
	if (load->cancels && result->status == -ECANCELED)
		return;
	if (load->attempts && result->status == -ECHILD) {
		CHECK(result->signal == SIGKILL, "position %u: signal %d", position, result->signal);
		return;
	}
	CHECK_AS(HARM_LOST, result->status == (load->fails ? -EDOM : 0), "position %u: status %d, %s", position, result->status,
		 result->message);
	if (load->fails)
		check_failure(result, position);
	else if (load->kind != KIND_CALLS)
		CHECK_AS(HARM_LOST, host->out[position] == value_of(position, 0), "position %u: a wrong value", position);
	else
		for (unsigned i = 0; i < words; i++)
			CHECK_AS(HARM_LOST, ((const uint64_t *)result->data)[i] == value_of(position, i),
				 "position %u: word %u", position, i);
}

/* One after the other: the place of each is used no more when the next one comes. */
static void check_stream(struct host *host)
{
	sheaf_result result;

	for (unsigned i = 0; i < host->wanted; i++) {
		int r = sheaf_next(host->batch, &result, hang_deadline());

		CHECK_AS(HARM_HUNG, r == 1, "sheaf_next: %d", r);
		check_result(host, &result, i);
	}
}

static void check_results(struct host *host)
{
	const struct workload *load = &page->load;
	const sheaf_result *results;
	unsigned cancelled = 0;
	size_t n;
	int r = sheaf_gather(host->batch, &results, &n, hang_deadline());

	CHECK_AS(HARM_HUNG, r >= 0, "sheaf_gather: %d", r);
	CHECK_AS(HARM_LOST, n == host->wanted, "%zu results of %u", n, host->wanted);
	for (size_t i = 0; i < n; i++) {
		check_result(host, &results[i], (unsigned)i);
		cancelled += results[i].status == -ECANCELED;
	}
	CHECK_AS(HARM_LOST, !load->fails || cancelled < n, "the failure that has cancelled all of them is lost");
}

/* Wait for the end of a closed pool. Check more often than the library would. */
static void join(struct host *host)
{
	uint64_t deadline = hang_deadline();
	int r;

	atomic_store(&page->phase, JOINING);
	while ((r = sheaf_pool_join(host->pool, 0)) == -EAGAIN) {
		CHECK_AS(HARM_HUNG, sheaf_now_ns() < deadline, "the closed pool does not end");
		obey(host);
		atomic_store(&host->pool->member.looked_ns, 0);
		sleep_ns(NAP_NS);
	}
	CHECK(r == 0, "sheaf_pool_join: %d", r);
}

/* Wait until the test wants @one or @other, and obey meanwhile. */
static int wait_until_wanted(struct host *host, enum phase one, enum phase other)
{
	int wanted;

	while ((wanted = atomic_load(&page->wanted)) != (int)one && wanted != (int)other) {
		obey(host);
		sem_wait(&page->command);
	}
	return wanted;
}

static void cancel(struct host *host)
{
	uint64_t deadline = hang_deadline();
	int r;

	while (!atomic_load(&page->held)) {
		CHECK_AS(HARM_HUNG, sheaf_now_ns() < deadline, "no task waits");
		sleep_ns(NAP_NS);
	}
	r = sheaf_batch_cancel(host->batch, 0);
	CHECK(r == 0, "sheaf_batch_cancel: %d", r);
}

static void play(struct host *host)
{
	sheaf_batch_options options = {.result_size = page->load.slot,
				       .window = page->load.windowed ? SUBJECT_POSITIONS : 0,
				       .max_attempts = page->load.attempts,
				       .flags = SHEAF_NONBLOCK,
				       .on_error = page->load.cancels ? SHEAF_CANCEL_REST : SHEAF_GO_ON};
	int r = sheaf_batch_create(&host->batch, host->pool, &options);

	CHECK(r == 0, "sheaf_batch_create: %d", r);
	host->higher = NULL;
	submit(host);
	if (page->load.cancels && page->load.holds)
		cancel(host);
	if (page->load.closes)
		CHECK((r = sheaf_pool_close(host->pool)) == 0, "sheaf_pool_close: %d", r);
	atomic_store(&page->phase, WAITING);
	wait_for_all(host);
	if (page->load.windowed)
		check_stream(host);
	else
		check_results(host);
	if (host->higher)
		check_higher(host);
	if (page->load.closes)
		join(host);
	atomic_store(&page->phase, GATHERED);
	wait_until_wanted(host, RETIRED, RETIRED);
	sheaf_batch_retire(host->higher);
	sheaf_batch_retire(host->batch);
	atomic_store(&page->phase, RETIRED);
}

static int host_main(void *context)
{
	const struct workload *load = &page->load;
	sheaf_pool_options options = {.workers = load->workers,
				      .ring_size = SUBJECT_RING,
				      .max_batches = 2,
				      .heap_size = HEAP,
				      .flags = SHEAF_ANONYMOUS,
				      .max_attempts = 10};
	sheaf_worker_options workers = {.on_demand = load->demand};
	int files = count_open_files(), mappings = count_segment_mappings(), r;
	struct host host;
	void *memory;

	(void)context;
	setsid();
	if (load->hooks)
		workers = (sheaf_worker_options){.init = set_up, .exit = clear_up, .context = page};
	options.worker_options = &workers;
	CHECK((r = sheaf_pool_create(&host.pool, &options)) == 0, "sheaf_pool_create: %d", r);
	CHECK((r = sheaf_alloc(host.pool, UNIT, &memory)) == 0, "sheaf_alloc: %d", r);
	host.out = memory;
	page->segment = host.pool->segment;
	atomic_store(&page->phase, OPEN);
	while (wait_until_wanted(&host, SUBMITTING, ENDING) == SUBMITTING)
		play(&host);
	sheaf_pool_destroy(host.pool);
	CHECK_AS(HARM_LEAKED, count_open_files() == files && count_segment_mappings() == mappings && count_children() <= 0,
		 "%d files, %d segments, %d children left", count_open_files() - files, count_segment_mappings() - mappings,
		 count_children());
	return 0;
}

/* ---- the test ---- */

static pid_t host;
static struct segment view; /* the pool's segment, mapped here */
static uint64_t used;       /* heap at the start */
static struct {
	const char *what;
	uint64_t point;
} now; /* for messages */

struct segment *subject_segment(void)
{
	return &view;
}

struct shared_batch *subject_batch(void)
{
	return &view.batches[0];
}

pid_t subject_host(void)
{
	return host;
}

static void want(enum phase phase)
{
	atomic_store(&page->wanted, (int)phase);
	sem_post(&page->command);
}

static bool in_state(pid_t pid, char state)
{
	struct proc proc;

	return proc_read(pid, &proc) && proc.state == state;
}

/*
 * Sleep once in a wait. End the program if it takes too long, or if the host has ended, which has
 * said why.
 */
static void nap(uint64_t deadline, const char *for_what)
{
	struct proc proc;

	if (!proc_read(host, &proc) || proc.state == 'Z')
		exit(1);
	CHECK_AS(HARM_HUNG, sheaf_now_ns() < deadline, "%s, point %llu: waited too long: %s (phase %d)",
		 now.what ? now.what : "", (unsigned long long)now.point, for_what, atomic_load(&page->phase));
	sleep_ns(NAP_NS);
}

static void await(enum phase phase, const char *for_what)
{
	uint64_t deadline = hang_deadline();

	while (atomic_load(&page->phase) != (int)phase)
		nap(deadline, for_what);
}

static void *moved(const void *theirs)
{
	return view.base + ((const unsigned char *)theirs - page->segment.base);
}

/* Map the host's segment by the file that it has open. */
static bool map_segment(void)
{
	char path[64];
	void *base;

	snprintf(path, sizeof(path), "/proc/%ld/fd/%d", (long)host, page->segment.fd);
	view = page->segment;
	view.fd = open(path, O_RDWR | O_CLOEXEC);
	if (view.fd < 0)
		return false;
	base = mmap(NULL, (size_t)view.size, PROT_READ | PROT_WRITE, MAP_SHARED, view.fd, 0);
	CHECK(base != MAP_FAILED, "mmap: errno %d", errno);
	view.base = base;
	view.header = moved(page->segment.header);
	view.control = moved(page->segment.control);
	view.seats = moved(page->segment.seats);
	view.slots = moved(page->segment.slots);
	for (unsigned p = 0; p < PRIORITIES; p++) {
		view.rings[p].shared = moved(page->segment.rings[p].shared);
		view.rings[p].slots = moved(page->segment.rings[p].slots);
	}
	view.batches = moved(page->segment.batches);
	view.heap_map = moved((const void *)page->segment.heap_map);
	return true;
}

bool subject_begin(const struct workload *load)
{
	CHECK(load->positions <= SUBJECT_POSITIONS, "%u positions, at most %d", load->positions, SUBJECT_POSITIONS);
	if (!page) {
		page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		CHECK(page != MAP_FAILED, "mmap: errno %d", errno);
	}
	if (!session_visible()) {
		puts("skipped: no /proc or no /dev/shm here");
		return false;
	}
	memset(page, 0, sizeof(*page));
	page->load = *load;
	sem_init(&page->command, 1, 0);
	CHECK((host = child_start(host_main, NULL)) > 0, "child_start: %d", (int)host);
	await(OPEN, "a pool");
	if (!map_segment()) {
		puts("skipped: files of other processes cannot be opened here");
		subject_end();
		return false;
	}
	used = heap_used(&view);
	return true;
}

void subject_end(void)
{
	int status = -1;

	want(ENDING);
	CHECK_AS(HARM_HUNG, child_wait(host, &status, hang_deadline()) == 0, "%s: the host does not end", now.what);
	if (status)
		exit(1);
	CHECK_AS(HARM_LEAKED, session_ended(host, hang_deadline()), "%s: processes are left", now.what);
	sem_destroy(&page->command);
	if (view.base) {
		munmap(view.base, (size_t)view.size);
		close(view.fd);
		view.base = NULL;
	}
}

unsigned subject_generation(unsigned worker)
{
	return atomic_load(&view.seats[worker].generation);
}

/* Does the worker sleep, with no token that would wake it? */
static bool asleep(unsigned worker, pid_t *pid)
{
	int tokens;

	*pid = atomic_load(&view.seats[worker].pid);
	sem_getvalue(&view.seats[worker].bell[subject_generation(worker) & 1], &tokens);
	return *pid > 0 && !tokens && atomic_load(&view.control->sleepers[0]) >> worker & 1 && in_state(*pid, 'S');
}

pid_t subject_worker(unsigned worker)
{
	uint64_t deadline = hang_deadline();
	pid_t pid;

	while (!asleep(worker, &pid))
		nap(deadline, "a worker asleep");
	return pid;
}

/* Wait until the process that has the lock sleeps. Return its pid. */
static pid_t asleep_with(unsigned lock, unsigned locks, const char *what)
{
	uint64_t deadline = hang_deadline();
	pid_t pid;

	while (os_locked(view.fd, lock, locks, &pid) != 1 || !in_state(pid, 'S'))
		nap(deadline, what);
	return pid;
}

pid_t subject_supervisor(void)
{
	return asleep_with(OS_LOCK_SUPERVISOR, 1, "the supervisor asleep");
}

pid_t subject_spare(void)
{
	return asleep_with(OS_LOCK_SPARE, OS_LOCK_SPARES, "the spare asleep");
}

static void stop(pid_t pid, const char *what)
{
	uint64_t deadline = hang_deadline();

	CHECK(kill(pid, SIGSTOP) == 0, "SIGSTOP: errno %d", errno);
	while (!in_state(pid, 'T'))
		nap(deadline, what);
}

static void go_on(pid_t pid)
{
	CHECK(kill(pid, SIGCONT) == 0, "SIGCONT: errno %d", errno);
}

static pid_t stopped;

void subject_stop_supervisor(void)
{
	stopped = subject_supervisor();
	stop(stopped, "the supervisor stopped");
}

void subject_continue_supervisor(void)
{
	go_on(stopped);
}

void subject_submit_batch(const char *what, uint64_t point)
{
	uint64_t deadline = hang_deadline();
	int phase;

	now.what = what;
	now.point = point;
	page->salt += SUBJECT_POSITIONS * WORDS;
	for (unsigned i = 0; i < SUBJECT_POSITIONS; i++)
		atomic_store(&page->runs[i], 0);
	atomic_store(&page->excused, 0);
	atomic_store(&page->held, 0);
	atomic_store(&page->pass, false);
	atomic_store(&page->phase, SUBMITTING);
	want(SUBMITTING);
	while ((phase = atomic_load(&page->phase)) < JOINING) {
		bool waits = phase == WAITING ? atomic_load(&subject_batch()->waiter) != WAIT_NOTHING
					      : atomic_load(&view.control->room_waiters) != 0;

		if (waits && in_state(host, 'S'))
			break;
		nap(deadline, "the host asleep");
	}
}

pid_t subject_wait_for_held(void)
{
	uint64_t deadline = hang_deadline();
	pid_t pid;

	while (!(pid = atomic_load(&page->held)))
		nap(deadline, "a task in hand");
	return pid;
}

void subject_let_pass(void)
{
	atomic_store(&page->pass, true);
}

void subject_order(enum command order, unsigned worker)
{
	atomic_store(&page->order_worker, worker);
	atomic_store(&page->order, (int)order);
	/* Wake it wherever it waits. For room it waits in the first place. */
	sem_post(&subject_batch()->bell);
	sem_post(&view.control->room[0]);
	sem_post(&page->command);
}

void subject_wait_for_order(void)
{
	uint64_t deadline = hang_deadline();

	while (atomic_load(&page->order) != ORDER_NONE)
		nap(deadline, "an order");
}

void subject_excuse_runs(unsigned runs)
{
	atomic_store(&page->excused, runs);
}

static uint64_t hash(uint64_t seed, const void *memory, size_t size)
{
	const unsigned char *bytes = memory;

	for (size_t i = 0; i < size; i += 8) {
		uint64_t word = 0;

		memcpy(&word, bytes + i, size - i < 8 ? size - i : 8);
		seed = (seed ^ word) * UINT64_C(0x100000001b3);
		seed ^= seed >> 29;
	}
	return seed;
}

static uint64_t hash_map(uint64_t digest)
{
	return hash(digest, (const void *)view.heap_map,
		    (size_t)atomic_load(&view.control->heap_mapped) * sizeof(*view.heap_map));
}

static uint64_t hash_failures(uint64_t digest)
{
	for (uint64_t at = atomic_load(&subject_batch()->failures); at;) {
		const struct shared_failure *failure = segment_at(&view, at);

		digest = hash(digest, failure, sizeof(*failure));
		at = failure->next;
	}
	return digest;
}

uint64_t subject_full_digest(void)
{
	uint64_t digest = hash(1, view.control, sizeof(*view.control));

	digest = hash(digest, view.seats, view.seat_count * sizeof(*view.seats));
	digest = hash(digest, view.slots, segment_slots(&view) * sizeof(*view.slots));
	digest = hash(digest, subject_batch(), sizeof(struct shared_batch));
	return hash_failures(hash_map(digest));
}

uint64_t subject_digest(void)
{
	const struct shared_batch *batch = subject_batch();
	uint64_t digest = hash(1, view.slots, segment_slots(&view) * sizeof(*view.slots));

	digest = hash(digest, batch, offsetof(struct shared_batch, waiter));
	digest = hash(digest, (const void *)batch->inside, sizeof(batch->inside));
	digest = hash(digest, batch->table, sizeof(batch->table));
	digest = hash(digest, (const void *)&view.control->given_up, sizeof(uint64_t));
	return hash_failures(hash_map(digest));
}

static void recover_again(unsigned worker, unsigned generation)
{
	struct death death = {.seat = worker, .generation = generation, .signal = SIGKILL, .exit_code = -1};
	struct region region = {0};

	recover(&view, &death, &region);
}

void subject_recover_twice(unsigned worker, unsigned generation)
{
	uint64_t once, twice;

	/* Else it may take back what the first recovery has cancelled. */
	stop(host, "the host stopped");
	recover_again(worker, generation);
	once = subject_digest();
	recover_again(worker, generation);
	twice = subject_digest(); /* before the host goes on, which changes more */
	go_on(host);
	CHECK(twice == once, "%s, point %llu: a second recovery changes the words", now.what, (unsigned long long)now.point);
}

static void wait_for_quiet(void)
{
	for (unsigned worker = 0; worker < view.worker_count; worker++)
		subject_worker(worker);
	subject_supervisor();
}

/* Check that no word names an owner, living or dead. */
static void check_words(void)
{
	struct shared_batch *batch = subject_batch();
	const _Atomic uint64_t *words = segment_at(&view, batch->words);

	for (uint32_t i = 0; i < segment_slots(&view); i++)
		CHECK_AS(HARM_LEAKED, word_state(atomic_load(&view.slots[i].word)) == WORD_FREE,
			 "%s, point %llu: slot %u is %#llx", now.what, (unsigned long long)now.point, i,
			 (unsigned long long)atomic_load(&view.slots[i].word));
	for (uint64_t c = 0; batch->kind != KIND_CALLS && c < batch->chunks; c++)
		CHECK_AS(HARM_LOST, word_state(atomic_load(&words[c])) == WORD_DONE, "%s, point %llu: chunk %llu is %#llx",
			 now.what, (unsigned long long)now.point, (unsigned long long)c,
			 (unsigned long long)atomic_load(&words[c]));
	CHECK_AS(HARM_LEAKED, !atomic_load(&batch->inside[0]) && !atomic_load(&view.control->room_waiters),
		 "%s, point %llu: inside %#llx, waiters %#llx", now.what, (unsigned long long)now.point,
		 (unsigned long long)atomic_load(&batch->inside[0]),
		 (unsigned long long)atomic_load(&view.control->room_waiters));
	for (unsigned room = 0; room < ROOM_SLOTS; room++)
		CHECK_AS(HARM_LEAKED, !atomic_load(&view.control->room_holder[room]), "%s, point %llu: room %u is held by %#x",
			 now.what, (unsigned long long)now.point, room, atomic_load(&view.control->room_holder[room]));
}

void subject_finish_batch(unsigned worker, unsigned generation)
{
	bool closed = page->load.closes;
	uint64_t before;

	await(GATHERED, "the results");
	if (!closed)
		wait_for_quiet();
	check_words();
	before = subject_digest();
	recover_again(worker, generation);
	if (!closed)
		wait_for_quiet();
	CHECK(subject_digest() == before, "%s, point %llu: to recover once more changes the words", now.what,
	      (unsigned long long)now.point);
	CHECK(!closed || atomic_load(&view.control->state) == POOL_FINISHED, "%s, point %llu: state %u", now.what,
	      (unsigned long long)now.point, atomic_load(&view.control->state));
	want(RETIRED);
	await(RETIRED, "the batch retired");
	CHECK_AS(HARM_LEAKED, heap_used(&view) == used, "%s, point %llu: %llu bytes of the heap are left", now.what,
		 (unsigned long long)now.point, (unsigned long long)(heap_used(&view) - used));
}
