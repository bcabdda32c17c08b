/*
 * memory.c - words with a past, and a race detector for what is not atomic.
 *
 * Modification order is the order of execution, so stores are never late, only loads are: all that
 * a store buffer, a cache or a reordered load can do to message passing and to Dekker's handshake
 * is seen, what needs a store that overtakes an earlier load is not. Seq_cst order is the order of
 * execution, too: a seq_cst load gets the last seq_cst store of its word or something newer.
 * Changes (read-modify-write) get the newest value, as everywhere, and go on with a release that
 * they change.
 *
 * The real memory holds the newest values. If it holds something else, code that is not
 * instrumented has written: the past is dropped.
 */
#include "races/memory.h"

#include "races/fibers.h"
#include "support/check.h"

#include <string.h>

#define DEPTH 8 /* values of a word that can still be read */
#define TABLE 4096
#define CELLS 65536
#define LARGEST 4096

struct message {
	uint64_t value;
	bool released;
	unsigned width; /* words that were known when it was released */
	struct memory_view view;
};

struct location {
	uintptr_t address;
	bool weak;
	/* numbers of messages: the newest, and the oldest that anybody may read */
	uint32_t newest, floor;
	uint32_t strong; /* of the last seq_cst store */
	struct message messages[DEPTH];
};

/* Four bytes of plain memory: who accessed them last. */
struct cell {
	uintptr_t key;
	uint32_t life; /* of another life: empty */
	uint32_t write_clock;
	unsigned writer;
	const void *write_code;
	uint32_t read_clock[FIBERS];
	const void *read_code;
};

static struct location locations[LOCATIONS];
static unsigned location_count;
static unsigned table[TABLE]; /* number of a location + 1 */
static struct cell cells[CELLS];
static uint32_t life;
static uintptr_t watched;
static uint64_t watched_size;
static unsigned staleness;

void memory_reset(void)
{
	memset(table, 0, sizeof(table));
	location_count = 0;
	watched_size = 0;
	life++;
}

void memory_watch(const void *base, uint64_t size)
{
	watched = (uintptr_t)base;
	watched_size = size;
}

void memory_staleness(unsigned of_16)
{
	staleness = of_16;
}

static void join(struct memory_view *to, const struct memory_view *from, unsigned width)
{
	for (unsigned i = 0; i < width; i++)
		if (from->seen[i] > to->seen[i])
			to->seen[i] = from->seen[i];
	for (unsigned i = 0; i < FIBERS; i++)
		if (from->clock[i] > to->clock[i])
			to->clock[i] = from->clock[i];
}

void view_join(struct memory_view *to, const struct memory_view *from)
{
	join(to, from, location_count);
}

void view_tick(struct memory_view *view, unsigned fiber)
{
	view->clock[fiber]++;
}

static bool acquires(int order)
{
	return order != RELAXED && order != RELEASE;
}

static bool releases(int order)
{
	return order >= RELEASE;
}

static bool is_watched(uintptr_t address)
{
	return address - watched < watched_size;
}

bool memory_is_shared(const volatile void *address)
{
	return is_watched((uintptr_t)address);
}

static uint64_t raw(const struct access *access)
{
	switch (access->size) {
	case 1:
		return *(volatile uint8_t *)access->address;
	case 2:
		return *(volatile uint16_t *)access->address;
	case 4:
		return *(volatile uint32_t *)access->address;
	default:
		return *(volatile uint64_t *)access->address;
	}
}

static void set_raw(const struct access *access, uint64_t value)
{
	switch (access->size) {
	case 1:
		*(volatile uint8_t *)access->address = (uint8_t)value;
		break;
	case 2:
		*(volatile uint16_t *)access->address = (uint16_t)value;
		break;
	case 4:
		*(volatile uint32_t *)access->address = (uint32_t)value;
		break;
	default:
		*(volatile uint64_t *)access->address = value;
	}
}

static struct message *message_of(struct location *location, uint32_t number)
{
	return &location->messages[number % DEPTH];
}

static struct message *append(struct location *location, uint64_t value)
{
	struct message *message = message_of(location, ++location->newest);

	message->value = value;
	message->released = false;
	if (location->newest - location->floor >= DEPTH)
		location->floor = location->newest - DEPTH + 1;
	return message;
}

static struct location *location_of(const struct access *access)
{
	uintptr_t address = (uintptr_t)access->address;
	unsigned at = (unsigned)((address >> 2) * 2654435761u >> 8) % TABLE;
	struct location *location;
	uint64_t now = raw(access);

	while (table[at] && locations[table[at] - 1].address != address)
		at = (at + 1) % TABLE;
	if (!table[at]) {
		CHECK(location_count < LOCATIONS, "more than %d atomic words: make the lives smaller", LOCATIONS);
		location = &locations[location_count++];
		table[at] = location_count;
		/* Number 0 is what every fiber has seen. */
		location->address = address;
		location->weak = is_watched(address);
		location->newest = location->floor = location->strong = 0;
		location->messages[0].value = now;
		location->messages[0].released = false;
		return location;
	}
	location = &locations[table[at] - 1];
	if (message_of(location, location->newest)->value != now) {
		append(location, now);
		location->floor = location->newest;
	}
	return location;
}

static unsigned number_of(const struct location *location)
{
	return (unsigned)(location - locations);
}

/* The message that a load gets. */
static uint32_t choose(struct location *location, const struct access *access, int order)
{
	uint32_t oldest = access->view->seen[number_of(location)];

	if (oldest < location->floor)
		oldest = location->floor;
	if (order == SEQ_CST && oldest < location->strong)
		oldest = location->strong;
	if (!location->weak || oldest == location->newest || fibers_luck(16) >= staleness)
		return location->newest;
	return oldest + (uint32_t)fibers_luck(location->newest - oldest + 1);
}

static uint64_t take(struct location *location, const struct access *access, uint32_t number, int order)
{
	struct message *message = message_of(location, number);

	access->view->seen[number_of(location)] = number;
	if (acquires(order) && message->released)
		join(access->view, &message->view, message->width);
	return message->value;
}

/* Appends the value; @from: the message that a change goes on with, or NULL. */
static void put(struct location *location, const struct access *access, uint64_t value, const struct message *from)
{
	bool carries = from && from->released;
	struct message *message = append(location, value);

	set_raw(access, value);
	access->view->seen[number_of(location)] = location->newest;
	if (access->order == SEQ_CST)
		location->strong = location->newest;
	if (!carries && !releases(access->order))
		return;
	memset(message->view.clock, 0, sizeof(message->view.clock));
	memset(message->view.seen, 0, location_count * sizeof(message->view.seen[0]));
	message->released = true;
	message->width = location_count;
	if (carries)
		join(&message->view, &from->view, from->width);
	if (releases(access->order)) {
		view_join(&message->view, access->view);
		view_tick(access->view, access->fiber);
	}
}

static struct cell *cell_of(uintptr_t key)
{
	unsigned at = (unsigned)(key * 2654435761u >> 4) % CELLS, looks = 0;

	while (cells[at].life == life && cells[at].key != key) {
		CHECK(++looks < CELLS, "more than %d plain words: make the lives smaller", CELLS);
		at = (at + 1) % CELLS;
	}
	if (cells[at].life != life) {
		memset(&cells[at], 0, sizeof(cells[at]));
		cells[at].life = life;
		cells[at].key = key;
	}
	return &cells[at];
}

static void check_after_write(const struct cell *cell, const struct memory_view *view, const volatile void *address,
			      const void *code)
{
	if (cell->write_clock > view->clock[cell->writer])
		fibers_object("race: offset %#lx written at %p, accessed at %p", (unsigned long)((uintptr_t)address - watched),
			      cell->write_code, code);
}

/* An atomic access is no race with another one, but with a plain write before it or after it. */
static void note_atomic(const struct access *access)
{
	uintptr_t address = (uintptr_t)access->address;

	if (!is_watched(address))
		return;
	for (uintptr_t key = address >> 2; key <= (address + access->size - 1) >> 2; key++) {
		struct cell *cell = cell_of(key);

		check_after_write(cell, access->view, access->address, access->code);
		cell->read_clock[access->fiber] = access->view->clock[access->fiber];
		cell->read_code = access->code;
	}
}

void memory_plain(struct memory_view *view, unsigned fiber, const volatile void *memory, uint64_t size, bool write,
		  const void *code)
{
	uintptr_t address = (uintptr_t)memory;

	if (!size || !is_watched(address))
		return;
	/* The beginning stands for all of a large piece, which is zeroed. */
	if (size > LARGEST)
		size = LARGEST;
	for (uintptr_t key = address >> 2; key <= (address + size - 1) >> 2; key++) {
		struct cell *cell = cell_of(key);

		check_after_write(cell, view, memory, code);
		if (!write) {
			cell->read_clock[fiber] = view->clock[fiber];
			cell->read_code = code;
			continue;
		}
		for (unsigned i = 0; i < FIBERS; i++)
			if (cell->read_clock[i] > view->clock[i])
				fibers_object("race: offset %#lx read at %p, written at %p", (unsigned long)(address - watched),
					      cell->read_code, code);
		cell->writer = fiber;
		cell->write_clock = view->clock[fiber];
		cell->write_code = code;
	}
}

uint64_t memory_load(const struct access *access)
{
	struct location *location = location_of(access);

	note_atomic(access);
	return take(location, access, choose(location, access, access->order), access->order);
}

void memory_store(const struct access *access, uint64_t value)
{
	struct location *location = location_of(access);

	note_atomic(access);
	put(location, access, value, NULL);
}

uint64_t memory_change(const struct access *access, uint64_t (*change)(uint64_t, uint64_t), uint64_t operand)
{
	struct location *location = location_of(access);
	/* A copy's place may be taken by the new message: DEPTH is more than one. */
	struct message *from = message_of(location, location->newest);
	uint64_t old;

	note_atomic(access);
	old = take(location, access, location->newest, access->order);
	put(location, access, change(old, operand), from);
	return old;
}

bool memory_compare_exchange(const struct access *access, uint64_t *expected, uint64_t value, int failure_order)
{
	struct location *location = location_of(access);
	uint32_t number = choose(location, access, failure_order);
	struct message *from;

	note_atomic(access);
	/* It may fail by an older value, but succeeds only with the newest. */
	if (message_of(location, number)->value == *expected)
		number = location->newest;
	from = message_of(location, number);
	if (from->value != *expected) {
		*expected = take(location, access, number, failure_order);
		return false;
	}
	take(location, access, number, access->order);
	put(location, access, value, from);
	return true;
}
