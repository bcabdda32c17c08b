/*
 * check_pointers.c - compares the words of an argument with the owner's memory map.
 *
 * Workers have what was mapped when the pool was created, as it was then. They do not have what the
 * owner mapped later, nor its stack below the frame that created the pool. A word that is an
 * address of such memory is refused. A number that only looks like such an address is refused as
 * well. It would have to hit a mapping of this moment, and numbers and floating-point values in use
 * do not. Memory that malloc() takes from what was mapped before goes unnoticed, and so does what
 * is reached by more than one pointer.
 */
#include "work/check_pointers.h"

#include "base/error.h"
#include "os/os.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LOWEST_ADDRESS 65536

struct range {
	uintptr_t begin, end;
};

struct check_memory {
	uintptr_t frame; /* that created the pool: the stack below it belongs to later calls */
	size_t count, capacity;
	struct range *ranges; /* that workers have, too */
};

static bool add_range(uintptr_t begin, uintptr_t end, void *context)
{
	struct check_memory *memory = context;

	if (memory->count == memory->capacity) {
		size_t capacity = memory->capacity ? 2 * memory->capacity : 64;
		struct range *ranges = realloc(memory->ranges, capacity * sizeof(*ranges));

		if (!ranges)
			return false;
		memory->ranges = ranges;
		memory->capacity = capacity;
	}
	memory->ranges[memory->count++] = (struct range){begin, end};
	return true;
}

struct check_memory *check_remember(void)
{
	struct check_memory *memory = calloc(1, sizeof(*memory));

	if (!memory)
		return NULL;
	memory->frame = (uintptr_t)__builtin_frame_address(0);
	if (os_each_own_mapping(add_range, memory)) {
		check_forget(memory);
		return NULL;
	}
	return memory;
}

void check_forget(struct check_memory *memory)
{
	if (memory)
		free(memory->ranges);
	free(memory);
}

struct search {
	uintptr_t address;
	bool found;
};

static bool holds_address(uintptr_t begin, uintptr_t end, void *context)
{
	struct search *search = context;

	search->found = search->address >= begin && search->address < end;
	return !search->found;
}

static bool is_alien(const struct check_memory *memory, const struct segment *segment, uintptr_t address)
{
	struct search search = {.address = address};

	if (address < LOWEST_ADDRESS || address - (uintptr_t)segment->base < segment->size)
		return false;
	for (size_t i = 0; i < memory->count; i++) {
		const struct range *range = &memory->ranges[i];

		if (address < range->begin || address >= range->end)
			continue;
		/* Stacks grow downwards on all systems that have mappings to list. */
		return memory->frame >= range->begin && memory->frame < range->end && address < memory->frame;
	}
	os_each_own_mapping(holds_address, &search);
	return search.found;
}

int check_pointers(const struct check_memory *memory, const struct segment *segment, const char *call, const char *what,
		   const void *bytes, size_t size)
{
	if (!memory || !bytes)
		return 0;
	for (size_t at = 0; at + sizeof(uintptr_t) <= size; at += sizeof(uintptr_t)) {
		uintptr_t word;

		memcpy(&word, (const unsigned char *)bytes + at, sizeof(word));
		if (is_alien(memory, segment, word))
			return sheaf_fail(-EFAULT,
					  "%s: %s holds the address %#llx at offset %zu: memory of this process that its "
					  "workers do not have. "
					  "Use sheaf_alloc(), or copy it into the argument (found by SHEAF_CHECK)",
					  call, what, (unsigned long long)word, at);
	}
	return 0;
}
