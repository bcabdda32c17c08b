/*
 * crash_ring_steps.c - single-steps a worker at the ring, and kills it between two instructions.
 *
 * Usage: crash_ring_steps [SEED [POINTS [PATH]]]; see stepped_call.h. There is no pool, only a
 * segment. The victim plays worker 0, and calls what a worker calls that also submits, waits for
 * room and gathers. Others sleep meanwhile: another worker, the owner that waits for room in the
 * ring, and a gatherer. After each kill the test recovers as the supervisor does. A second recovery
 * must change nothing, and no word may name the dead worker. Then the others must go on. They wait
 * without a deadline, so that a lost wake-up hangs.
 *
 * Should the others be woken, they are kept at a gate until the words have been checked.
 */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "pool/recover.h"
#include "queue/bell.h"
#include "queue/ring.h"
#include "segment/create.h"
#include "segment/heap.h"
#include "segment/stock.h"
#include "support/arguments.h"
#include "support/deadline.h"
#include "support/stepped_call.h"
#include "support/proc.h"
#include "support/report.h"
#include "support/rng.h"
#include "work/call.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define RING 2
#define UNITS 16
#define ENTRIES 4
#define NONE ENTRIES
#define MUCH 100 /* bytes of an argument that does not fit a slot */

enum { VICTIM, OTHER, WORKERS };

static struct segment segment;
static struct shared_batch *batch;

/* Between all of them. */
static struct shared_page {
	_Atomic bool gate; /* open */
	_Atomic bool stop;
	_Atomic bool worker_sleeps, owner_sleeps, gatherer_sleeps;
	_Atomic bool accepted;      /* the victim's task */
	_Atomic uint64_t memory_id; /* of the victim's own allocation */
	_Atomic unsigned runs[ENTRIES];
} * page;

struct path {
	const char *name;
	void (*call)(void); /* the victim */
	void (*wake)(void); /* the test: what it sleeps for */
	unsigned ready;     /* entries that wait in the ring: 0, 1, ... */
	unsigned own;       /* entry that the victim submits */
	unsigned owners;    /* entry for which the owner waits for room */
	unsigned awaited;   /* entry that the gatherer waits for */
	bool worker;        /* the other worker sleeps */
	unsigned entries;   /* all of them */
	bool victim_gathers;
	bool stocks; /* the victim is the opener of the batch, or the supervisor */
};

static struct member victim;
static unsigned generation; /* of the victim */
static uint32_t owner;      /* the owner's name */
static uint64_t salt;
static bool submitted; /* by the test, in wake() */

/* ---- tasks ---- */

static uint64_t ref(void)
{
	return BATCH_REF(0, atomic_load(&batch->word) >> 8);
}

static struct shared_entry *entry_of(unsigned number)
{
	return (struct shared_entry *)(void *)batch->table + number;
}

static bool is_done(unsigned number)
{
	return word_state(atomic_load(&entry_of(number)->word)) == WORD_DONE;
}

static int answer(sheaf_task *task, const void *arg, void *result)
{
	uint64_t value = distinct_value(salt + task->position);

	(void)arg;
	atomic_fetch_add(&page->runs[task->position], 1);
	memcpy(result, &value, sizeof(value));
	return 0;
}

static bool submit(uint32_t name, unsigned number, uint64_t arg)
{
	struct shared_entry *entry = entry_of(number);
	struct shared_slot *slot;
	uint64_t ticket;

	if (ring_take(&segment.rings[SHEAF_NORMAL], name, &slot, &ticket))
		return false;
	entry->position = number;
	store_relaxed(&entry->word, word_pack((struct word){.state = WORD_READY}));
	slot->kind = TASK_CALL;
	slot->function = (uint64_t)(uintptr_t)answer;
	slot->target = segment_offset(&segment, entry);
	slot->arg_size = arg ? MUCH : 0;
	slot->arg.offset = arg;
	slot->limit = LIMIT_NONE;
	store_release(&slot->batch, ref());
	ring_publish(&segment.rings[SHEAF_NORMAL], slot, ticket, 0);
	if (name == victim.name)
		atomic_store(&page->accepted, true);
	workers_ring(&segment);
	return true;
}

static bool run_one(struct member *member)
{
	struct shared_slot *slot;
	uint64_t word;

	if (ring_claim(&segment.rings[SHEAF_NORMAL], member->claimant, &member->tail[SHEAF_NORMAL], &slot, &word))
		return false;
	member->made = member->returns = forks_count();
	call_run(member, slot, word);
	return true;
}

/* ---- the members that wait ---- */

static bool is_victim; /* this process */

static void pass_gate(void)
{
	while (!is_victim && !atomic_load(&page->gate))
		sleep_ns(20000);
}

/* As worker_run(), but for the gate. */
static void work(struct member *member, _Atomic bool *sleeps)
{
	struct sleeper sleeper = sleeper_of_worker(&segment, member->number, member->generation);

	room_ring(&segment);
	sleeper_announce(&sleeper);
	if (run_one(member)) {
		if (!sleeper_retract(&sleeper))
			workers_ring(&segment);
		return;
	}
	atomic_store(sleeps, true);
	sleeper_sleep(&sleeper, SHEAF_FOREVER);
	atomic_store(sleeps, false);
	pass_gate();
	sleeper_retract(&sleeper);
}

static int other_worker(void *context)
{
	struct member member;

	(void)context;
	member_sit(&member, &segment, OTHER, 1, (int32_t)getpid(), NULL);
	while (!atomic_load(&page->stop))
		if (!run_one(&member))
			work(&member, &page->worker_sleeps);
	return 0;
}

/* As wait_for_room(), but for the gate, and for the time limit. */
static void wait_and_submit(uint32_t name, unsigned number, _Atomic bool *sleeps)
{
	while (!submit(name, number, 0)) {
		int room = room_take(&segment, name, SHEAF_NORMAL);
		struct sleeper sleeper = sleeper_of_room(&segment, room);
		bool sent;

		sleeper_announce(&sleeper);
		sent = submit(name, number, 0);
		if (!sent) {
			atomic_store(sleeps, true);
			sleeper_sleep(&sleeper, SHEAF_FOREVER / 2);
			atomic_store(sleeps, false);
			pass_gate();
		}
		sleeper_retract(&sleeper);
		room_leave(&segment, room);
		if (sent)
			return;
	}
}

static int waiting_owner(void *context)
{
	const struct path *path = context;

	wait_and_submit(owner, path->owners, &page->owner_sleeps);
	return 0;
}

/* As member_wait(), but for the gate, and for the time limit. */
static void gather(unsigned number, _Atomic bool *sleeps)
{
	struct sleeper sleeper = sleeper_of_batch(batch, WAIT_ENTRY(segment_offset(&segment, entry_of(number))));

	while (!is_done(number)) {
		sleeper_announce(&sleeper);
		if (!is_done(number)) {
			atomic_store(sleeps, true);
			sleeper_sleep(&sleeper, SHEAF_FOREVER / 2);
			atomic_store(sleeps, false);
			pass_gate();
		}
		sleeper_retract(&sleeper);
	}
}

static int gatherer(void *context)
{
	const struct path *path = context;

	gather(path->awaited, &page->gatherer_sleeps);
	return 0;
}

/* ---- the victim's calls ---- */

static void call_submit(void)
{
	submit(victim.name, 0, 0);
}

static void call_submit_much(void)
{
	static struct region region;
	static const unsigned char arg[MUCH] = {1};
	uint64_t offset;

	CHECK(!region_alloc(&segment, batch->heap_id, batch, &region, MUCH, &offset), "region_alloc");
	memcpy(segment_at(&segment, offset), arg, MUCH);
	submit(victim.name, 0, offset);
}

static void call_abandon(void)
{
	struct shared_slot *slot;
	uint64_t ticket;

	if (!ring_take(&segment.rings[SHEAF_NORMAL], victim.name, &slot, &ticket))
		ring_abandon(slot);
}

static void call_run_two(void)
{
	run_one(&victim);
	run_one(&victim);
}

static _Atomic bool unused;

static void call_wait_for_room(void)
{
	wait_and_submit(victim.name, 2, &unused);
}

static void call_sleep(void)
{
	while (!is_done(0))
		work(&victim, &unused);
}

static void call_gather(void)
{
	gather(0, &unused);
}

static void call_alloc(void)
{
	static struct region region;
	uint64_t offset;

	for (unsigned i = 0; i < 3; i++)
		CHECK(!region_alloc(&segment, batch->heap_id, batch, &region, UNIT - 64, &offset), "region_alloc");
	CHECK(!heap_alloc(&segment, batch->heap_id, 3 * UNIT, &offset), "heap_alloc");
}

static void call_free(void)
{
	uint64_t offset, id = heap_new_id(&segment);

	atomic_store(&page->memory_id, id);
	CHECK(!heap_alloc(&segment, id, 3 * UNIT, &offset), "heap_alloc");
	for (unsigned i = 0; i < 3; i++)
		memset(segment_at(&segment, offset + i * UNIT), 1, 64);
	CHECK(!heap_free(&segment, offset), "heap_free");
}

/* Take units from the system, and keep them: two, of which one held bytes. Open the next batch. */
static void fill_stock(void)
{
	uint64_t offset;
	bool left;

	CHECK(!stock_alloc(&segment, batch, batch->heap_id, 2 * UNIT, &offset), "stock_alloc");
	memset(segment_at(&segment, offset), 1, 64);
	CHECK(stock_keep(&segment, VICTIM, batch, batch->heap_id, &left) && !left, "stock_keep");
	atomic_store(&batch->units, 0);
	batch->heap_id = heap_new_batch_id(&segment);
}

static void call_stock(void)
{
	struct region region = {0};
	uint64_t offset;
	bool left;

	fill_stock();
	CHECK(!region_alloc(&segment, batch->heap_id, batch, &region, UNIT - 64, &offset), "region_alloc");
	CHECK(!*(unsigned char *)segment_at(&segment, offset), "the memory is not zero");
	/* Takes another one, and fails to take the third. */
	CHECK(stock_take(&segment, batch, batch->heap_id, &offset), "stock_take");
	CHECK(!stock_take(&segment, batch, batch->heap_id, &offset), "stock_take");
	CHECK(stock_keep(&segment, VICTIM, batch, batch->heap_id, &left) && !left, "stock_keep");
}

/* All of the heap is wanted, so the stock is given back by a worker. */
static void call_need(void)
{
	uint64_t offset;

	fill_stock();
	CHECK(!stock_alloc(&segment, batch, batch->heap_id, UNITS * UNIT, &offset), "stock_alloc");
}

/* As the supervisor does it. */
static void call_empty(void)
{
	fill_stock();
	CHECK(stock_empty(&segment, UNIT_LEAVING), "stock_empty");
}

/* ---- what the test does for a member that sleeps ---- */

static struct member helper; /* the other worker, played by the test before it is there */

static void nothing(void)
{
}

static void run_all(void)
{
	while (run_one(&helper))
		;
}

static void submit_first(void)
{
	if (!submitted)
		submitted = submit(owner, 0, 0);
}

static const struct path paths[] = {
	{.name = "ring: submit",
	 .call = call_submit,
	 .wake = nothing,
	 .own = 0,
	 .owners = NONE,
	 .awaited = 0,
	 .worker = true,
	 .entries = 1},
	{.name = "ring: submit much",
	 .call = call_submit_much,
	 .wake = nothing,
	 .own = 0,
	 .owners = NONE,
	 .awaited = 0,
	 .worker = true,
	 .entries = 1},
	{.name = "ring: give a slot back",
	 .call = call_abandon,
	 .wake = nothing,
	 .own = 0,
	 .owners = NONE,
	 .awaited = 0,
	 .worker = true,
	 .entries = 1},
	{.name = "ring: claim and run",
	 .call = call_run_two,
	 .wake = nothing,
	 .ready = 2,
	 .own = NONE,
	 .owners = 2,
	 .awaited = 0,
	 .entries = 3},
	{.name = "ring: wait for room",
	 .call = call_wait_for_room,
	 .wake = run_all,
	 .ready = 2,
	 .own = 2,
	 .owners = 3,
	 .awaited = 2,
	 .entries = 4},
	{.name = "ring: fall asleep, and wake",
	 .call = call_sleep,
	 .wake = submit_first,
	 .own = NONE,
	 .owners = NONE,
	 .awaited = 0,
	 .worker = true,
	 .entries = 1},
	{.name = "ring: gather",
	 .call = call_gather,
	 .wake = run_all,
	 .ready = 1,
	 .own = NONE,
	 .owners = NONE,
	 .awaited = 0,
	 .entries = 1,
	 .victim_gathers = true},
	{.name = "heap: alloc", .call = call_alloc, .wake = nothing, .own = NONE, .owners = NONE, .awaited = NONE},
	{.name = "heap: alloc and free", .call = call_free, .wake = nothing, .own = NONE, .owners = NONE, .awaited = NONE},
	{.name = "stock: keep and take",
	 .call = call_stock,
	 .wake = nothing,
	 .own = NONE,
	 .owners = NONE,
	 .awaited = NONE,
	 .stocks = true},
	{.name = "stock: give back in need",
	 .call = call_need,
	 .wake = nothing,
	 .own = NONE,
	 .owners = NONE,
	 .awaited = NONE,
	 .stocks = true},
	{.name = "stock: give back",
	 .call = call_empty,
	 .wake = nothing,
	 .own = NONE,
	 .owners = NONE,
	 .awaited = NONE,
	 .stocks = true},
};

#define PATHS (sizeof(paths) / sizeof(paths[0]))

/* ---- before each child ---- */

static pid_t worker_pid, owner_pid, gatherer_pid;

static pid_t begin(child_fn *fn, const struct path *path)
{
	pid_t pid = child_start(fn, (void *)(uintptr_t)path);

	CHECK(pid > 0, "child: %ld", (long)pid);
	return pid;
}

/* No token is left, and it does not run: so only a token can wake it. */
static void wait_for_sleep(const struct path *path, pid_t pid, const _Atomic bool *sleeps, sem_t *bell)
{
	uint64_t deadline = hang_deadline();
	struct proc proc;
	int tokens;

	while (!atomic_load(sleeps) || sem_getvalue(bell, &tokens) || tokens || !proc_read(pid, &proc) || proc.state != 'S') {
		CHECK_AS(HARM_HUNG, sheaf_now_ns() < deadline, "%s: process %ld does not fall asleep", path->name, (long)pid);
		sleep_ns(20000);
	}
}

/* Tokens that were left of a death would wake the next sleeper for nothing. */
static void drain(sem_t *bell)
{
	while (!sem_trywait(bell))
		;
}

static void open_batch(void)
{
	static uint64_t serial;

	memset(batch->table, 0, ENTRIES * sizeof(struct shared_entry));
	batch->kind = KIND_CALLS;
	batch->flags = 0;
	batch->max_attempts = SHEAF_MAX_ATTEMPTS;
	batch->heap_id = heap_new_batch_id(&segment);
	batch->out_size = sizeof(uint64_t);
	atomic_store(&batch->units, 0);
	atomic_store(&batch->waiter, WAIT_NOTHING);
	atomic_store(&batch->word, BATCH_WORD(BATCH_OPEN, ++serial));
}

/* As spawn() in the supervisor. */
static void prepare_victim(void)
{
	struct shared_seat *seat = &segment.seats[VICTIM];

	generation++;
	sem_init(&seat->bell[generation & 1], 1, 0);
	atomic_store(&seat->cursor, CURSOR_NONE);
	atomic_store(&seat->generation, generation);
	member_sit(&victim, &segment, VICTIM, generation, 0, NULL);
}

static void prepare_child(void *context)
{
	const struct path *path = context;

	memset((void *)page, 0, sizeof(*page));
	atomic_store(&page->gate, true);
	salt++;
	submitted = false;
	member_sit(&helper, &segment, OTHER, 1, (int32_t)getpid(), NULL);
	open_batch();
	prepare_victim();
	atomic_store(&batch->opener, HELD_BY(path->stocks ? victim.name : owner));
	drain(&batch->bell);
	for (unsigned i = 0; i < ROOM_SLOTS; i++)
		drain(&segment.control->room[i]);
	worker_pid = owner_pid = gatherer_pid = 0;
	for (unsigned i = 0; i < path->ready; i++)
		CHECK(submit(owner, i, 0), "the ring is full");
	if (path->worker) {
		worker_pid = begin(other_worker, path);
		wait_for_sleep(path, worker_pid, &page->worker_sleeps, &segment.seats[OTHER].bell[1]);
	}
	if (path->owners != NONE) {
		owner_pid = begin(waiting_owner, path);
		wait_for_sleep(path, owner_pid, &page->owner_sleeps, &segment.control->room[0]);
	}
	if (path->awaited != NONE && !path->victim_gathers) {
		gatherer_pid = begin(gatherer, path);
		wait_for_sleep(path, gatherer_pid, &page->gatherer_sleeps, &batch->bell);
	}
	atomic_store(&page->gate, false);
}

static int child_main(void *context)
{
	const struct path *path = context;

	victim.pid = (int32_t)getpid();
	is_victim = true;
	if (!stepped_call_begin())
		return 1;
	path->call();
	stepped_call_end();
}

static void wake(void *context)
{
	((const struct path *)context)->wake();
}

/* ---- what must hold ---- */

/* Is the task in the ring, or done? */
static bool present(unsigned number)
{
	for (unsigned i = 0; i < RING; i++) {
		const struct shared_slot *slot = &segment.slots[i];
		enum word_state state = word_state(atomic_load(&slot->word));

		if ((state == WORD_READY || state == WORD_OWNED) && atomic_load(&slot->batch) == ref() &&
		    slot->target == segment_offset(&segment, entry_of(number)))
			return true;
	}
	return is_done(number);
}

/* Everything that decides; semaphores do not. */
struct shot {
	struct shared_slot ring[RING];
	struct shared_batch batch;
	uint64_t map[UNITS];
	uint64_t tail, head, sleepers, room_waiters;
	uint32_t room_holder[ROOM_SLOTS];
};

static void shoot(struct shot *shot)
{
	const struct shared_control *control = segment.control;
	uint64_t mapped = atomic_load(&control->heap_mapped);

	memset(shot, 0, sizeof(*shot));
	memcpy((void *)shot->ring, (void *)segment.slots, sizeof(shot->ring));
	memcpy((void *)&shot->batch, (void *)batch, sizeof(shot->batch));
	memset(&shot->batch.bell, 0, sizeof(shot->batch.bell));
	for (uint64_t i = 0; i < mapped; i++)
		shot->map[i] = atomic_load(&segment.heap_map[i]);
	shot->tail = atomic_load(&control->rings[SHEAF_NORMAL].tail);
	shot->head = HEAD_TICKET(atomic_load(&control->rings[SHEAF_NORMAL].head));
	shot->sleepers = atomic_load(&control->sleepers[0]);
	shot->room_waiters = atomic_load(&control->room_waiters);
	for (unsigned i = 0; i < ROOM_SLOTS; i++)
		shot->room_holder[i] = atomic_load(&control->room_holder[i]);
}

static void recover_twice(const struct path *path, pid_t pid, uint64_t point)
{
	static struct region region;
	static struct shot once, twice;
	struct death death = {.seat = VICTIM, .generation = generation, .pid = pid, .signal = SIGKILL, .exit_code = -1};
	unsigned settled = recover(&segment, &death, &region);
	bool ready[ENTRIES] = {false};

	CHECK(settled <= 1, "%s, killed at %llu: %u slots named the dead", path->name, (unsigned long long)point, settled);
	shoot(&once);
	for (unsigned i = 0; i < RING; i++) {
		struct word w = word_unpack(atomic_load(&segment.slots[i].word));
		const struct shared_entry *entry = segment_at(&segment, segment.slots[i].target);

		CHECK_AS(HARM_LOST, w.state == WORD_FREE || w.state == WORD_READY,
			 "%s, killed at %llu: slot %u is in state %d of worker %u", path->name, (unsigned long long)point, i,
			 (int)w.state, w.seat);
		if (w.state != WORD_READY)
			continue;
		CHECK_AS(HARM_DUPLICATED, !ready[entry->position], "%s, killed at %llu: task %u is in the ring twice",
			 path->name, (unsigned long long)point, (unsigned)entry->position);
		ready[entry->position] = true;
	}
	CHECK(!(once.sleepers & 1u << VICTIM), "%s, killed at %llu: the dead is announced", path->name,
	      (unsigned long long)point);
	for (unsigned room = 0; room < ROOM_SLOTS; room++)
		CHECK_AS(HARM_LEAKED, once.room_holder[room] != HELD_BY(victim.name),
			 "%s, killed at %llu: the dead holds room %u", path->name, (unsigned long long)point, room);
	CHECK(recover(&segment, &death, &region) == 0, "%s, killed at %llu: the second recovery settles more", path->name,
	      (unsigned long long)point);
	shoot(&twice);
	CHECK(!memcmp(&once, &twice, sizeof(once)), "%s, killed at %llu: the second recovery changes something", path->name,
	      (unsigned long long)point);
}

static void wait_for_end(const struct path *path, pid_t pid, const char *who, uint64_t point)
{
	int status;

	if (!pid)
		return;
	CHECK_AS(HARM_HUNG, !child_wait(pid, &status, hang_deadline()), "%s, killed at %llu: %s sleeps for ever", path->name,
		 (unsigned long long)point, who);
	CHECK(!status, "%s, killed at %llu: %s: status %#x", path->name, (unsigned long long)point, who, (unsigned)status);
}

static void wait_for(const struct path *path, bool (*reached)(const struct path *), const char *what, uint64_t point)
{
	uint64_t deadline = hang_deadline();

	while (!reached(path)) {
		CHECK_AS(HARM_HUNG, sheaf_now_ns() < deadline, "%s, killed at %llu: %s", path->name, (unsigned long long)point,
			 what);
		sleep_ns(20000);
	}
}

static bool all_done(const struct path *path)
{
	for (unsigned i = 0; i < path->entries; i++)
		if (!is_done(i))
			return false;
	return true;
}

static bool all_free(const struct path *path)
{
	(void)path;
	for (unsigned i = 0; i < RING; i++)
		if (word_state(atomic_load(&segment.slots[i].word)) != WORD_FREE)
			return false;
	return true;
}

static bool own_submitted(const struct path *path)
{
	return submit(owner, path->own, 0);
}

/*
 * Each unit in a stock has a slot. The opener finds what the dead one had by the number of units
 * that was counted, and the next supervisor gives the stocks back.
 */
static void check_stock(const struct path *path, uint64_t point)
{
	bool left;

	(void)stock_keep(&segment, OTHER, batch, batch->heap_id, &left);
	CHECK_AS(HARM_LEAKED, left || !heap_used(&segment), "%s, killed at %llu: the batch has more units than were counted",
		 path->name, (unsigned long long)point);
	heap_free_all(&segment, batch->heap_id);
	(void)stock_empty(&segment, UNIT_LEAVING);
	for (unsigned u = 0; u < heap_units(&segment); u++)
		CHECK_AS(HARM_LEAKED, !atomic_load(&segment.heap_map[u]), "%s, killed at %llu: the word of unit %u is %#llx",
			 path->name, (unsigned long long)point, u, (unsigned long long)atomic_load(&segment.heap_map[u]));
}

/* The dead one's units are found by their id; all of the heap can be had again, and is zero. */
static void check_heap(const struct path *path, uint64_t point)
{
	static const unsigned char zero[UNIT];
	uint64_t offset, id = heap_new_batch_id(&segment), own = atomic_load(&page->memory_id);

	if (path->stocks)
		check_stock(path, point);
	heap_free_all(&segment, batch->heap_id);
	if (own)
		heap_free_all(&segment, own);
	CHECK_AS(HARM_LEAKED, !heap_used(&segment), "%s, killed at %llu: %llu bytes of the heap are taken", path->name,
		 (unsigned long long)point, (unsigned long long)heap_used(&segment));
	CHECK_AS(HARM_LEAKED, !heap_alloc(&segment, id, UNITS * UNIT, &offset),
		 "%s, killed at %llu: the heap is not free in one piece", path->name, (unsigned long long)point);
	for (unsigned i = 0; i < UNITS; i++)
		CHECK(!memcmp(segment_at(&segment, offset + i * UNIT), zero, UNIT), "%s, killed at %llu: unit %u is not zero",
		      path->name, (unsigned long long)point, i);
	heap_free_all(&segment, id);
}

static void check(void *context, pid_t pid, uint64_t point)
{
	const struct path *path = context;
	unsigned runs[ENTRIES];
	bool done[ENTRIES], own_is_there;

	/* Rings the dead one if it was announced. */
	if (path->wake == submit_first)
		submit_first();
	own_is_there = path->own != NONE && present(path->own);
	CHECK_AS(HARM_LOST, own_is_there || !atomic_load(&page->accepted),
		 "%s, killed at %llu: the task was accepted, and is gone", path->name, (unsigned long long)point);
	for (unsigned i = 0; i < ENTRIES; i++) {
		done[i] = is_done(i);
		runs[i] = atomic_load(&page->runs[i]);
	}
	recover_twice(path, pid, point);
	CHECK_AS(HARM_LOST, path->own == NONE || present(path->own) == own_is_there,
		 "%s, killed at %llu: recovery lost the task", path->name, (unsigned long long)point);
	atomic_store(&page->gate, true);
	if (!worker_pid)
		worker_pid = begin(other_worker, path);
	if (path->own != NONE && !own_is_there)
		wait_for(path, own_submitted, "the ring stays full", point);
	if (path->victim_gathers)
		gatherer_pid = begin(gatherer, path);
	wait_for_end(path, owner_pid, "the owner", point);
	wait_for(path, all_done, "a task is not run", point);
	wait_for_end(path, gatherer_pid, "the gatherer", point);
	wait_for(path, all_free, "a slot is not free", point);
	atomic_store(&page->stop, true);
	workers_ring_all(&segment);
	wait_for_end(path, worker_pid, "the worker", point);

	for (unsigned i = 0; i < path->entries; i++) {
		uint64_t value;

		memcpy(&value, entry_of(i)->last.small, sizeof(value));
		CHECK_AS(HARM_LOST, !entry_of(i)->status && value == distinct_value(salt + i),
			 "%s, killed at %llu: result %u is wrong", path->name, (unsigned long long)point, i);
		CHECK_AS(HARM_DUPLICATED, atomic_load(&page->runs[i]) == runs[i] + !done[i],
			 "%s, killed at %llu: task %u ran %u times, then %u", path->name, (unsigned long long)point, i, runs[i],
			 atomic_load(&page->runs[i]));
	}
	CHECK(!atomic_load(&segment.control->sleepers[0]) && !atomic_load(&segment.control->room_waiters),
	      "%s, killed at %llu: an announcement is left", path->name, (unsigned long long)point);
	for (unsigned room = 0; room < ROOM_SLOTS; room++)
		CHECK_AS(HARM_LEAKED, !atomic_load(&segment.control->room_holder[room]), "%s, killed at %llu: room %u is held",
			 path->name, (unsigned long long)point, room);
	check_heap(path, point);
}

/*
 * The test plays each path itself, so that all functions are bound. Whatever would put it to sleep
 * has happened by then.
 */
static void warm_up(void)
{
	struct sleeper worker, room;

	for (unsigned i = 0; i < PATHS; i++) {
		void *path = (void *)(uintptr_t)&paths[i];

		prepare_child(path);
		paths[i].wake();
		paths[i].call();
		check(path, getpid(), 0);
	}
	workers_ring_all(&segment);
	worker = sleeper_of_worker(&segment, VICTIM, generation);
	sleeper_sleep(&worker, SHEAF_FOREVER);
	room = sleeper_of_room(&segment, 0);
	sleeper_sleep(&room, 0);
}

int main(int argc, char **argv)
{
	struct rng rng = {seed_argument(argc, argv)};
	uint64_t points = amount_argument(argc, argv, 2, 20), only = amount_argument(argc, argv, 3, PATHS);
	struct segment_options options = {.anonymous = true,
					  .workers = WORKERS,
					  .ring_size = RING,
					  .batches = 1,
					  .max_attempts = SHEAF_MAX_ATTEMPTS,
					  .heap_size = UNITS * UNIT};
	struct proc proc;

	if (!proc_read(getpid(), &proc) || !stepped_call_possible()) {
		puts("skipped: no /proc, or processes may not be traced here");
		return 77;
	}
	report_begin("steps", "points", rng.state);
	salt = rng_next(&rng);
	page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(page != MAP_FAILED, "mmap: errno %d", errno);
	CHECK(!segment_create(&segment, &options), "segment_create");
	owner = seat_name(segment_owner_seat(&segment), 1);
	batch = &segment.batches[0];
	sem_init(&batch->bell, 1, 0);
	bells_seal(&batch->bell_seal, &batch->bell_end_seal);
	atomic_store(&segment.seats[OTHER].generation, 1);
	warm_up();
	for (unsigned i = 0; i < PATHS; i++) {
		struct stepped_call call = {.name = paths[i].name,
					    .context = (void *)(uintptr_t)&paths[i],
					    .prepare = prepare_child,
					    .child = child_main,
					    .wake = wake,
					    .check = check};

		if (only >= PATHS || i == only)
			stepped_call_kill(&call, &rng, points);
	}
	segment_destroy(&segment);
	report_end();
	return 0;
}
