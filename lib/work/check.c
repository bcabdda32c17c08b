/*
 * check.c - runs tasks on copies with guard zones, in a pool that was created with SHEAF_CHECK=1 in the environment.
 *
 * Nothing of this is on the path of other pools: a checked task is one of the library's own functions, which finds the user's in front of
 * the argument (or in the batch, of a map). It gives the task copies of its argument and of its result's place, in memory of the worker with
 * a pattern before and behind. A pattern that has changed fails the position, and the result is dropped. So the overrun reaches nobody else's
 * data, as long as it is no longer than the zone.
 *
 * Pointers: what was mapped when the pool was created, workers have, too, as of then. Memory of the owner that was mapped later they do not
 * have, nor the stack below the frame that created the pool. A word of an argument that is such an address is refused. A number that only looks
 * like one is refused as well: it would have to hit a mapping of this moment, which numbers and floating-point values in use do not.
 * Memory that malloc() gives from what was mapped before goes unnoticed, as does what is reached by more than one pointer.
 */
#include "work/check.h"

#include "base/error.h"
#include "base/number.h"
#include "os/os.h"
#include "work/task.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ZONE ((size_t)4096) /* bytes before and behind */
#define PATTERN(i) ((unsigned char)(0xa5 ^ (i)*29))
#define LEAST_ADDRESS 65536

/* ---- guard zones ---- */

/* A copy between two zones. */
struct guarded {
	unsigned char *memory;
	unsigned char *at; /* NULL: there is nothing to guard */
	size_t size;
};

static void fill(unsigned char *zone, size_t size)
{
	for (size_t i = 0; i < size; i++)
		zone[i] = PATTERN(i);
}

/* How many bytes from the zone's beginning on to the last one that was changed. */
static size_t reach(const unsigned char *zone, size_t size)
{
	while (size && zone[size - 1] == PATTERN(size - 1))
		size--;
	return size;
}

/* How many bytes from the first one that was changed to the zone's end. */
static size_t reach_back(const unsigned char *zone, size_t size)
{
	size_t i = 0;

	while (i < size && zone[i] == PATTERN(i))
		i++;
	return size - i;
}

/* False: no memory. */
static bool guard(struct guarded *guarded, const void *bytes, size_t size)
{
	*guarded = (struct guarded){.size = size};
	if (!bytes || !size)
		return true;
	guarded->memory = size < SIZE_MAX / 2 ? malloc(size + 2 * ZONE + 64) : NULL;
	if (!guarded->memory)
		return false;
	guarded->at = guarded->memory + ZONE;
	guarded->at += -(uintptr_t)guarded->at % 64;
	memcpy(guarded->at, bytes, size);
	fill(guarded->at - ZONE, ZONE);
	fill(guarded->at + size, ZONE);
	return true;
}

static const char *plural(size_t n)
{
	return n == 1 ? "" : "s";
}

static int find_overrun(struct sheaf_task *task, const struct guarded *guarded, const char *what)
{
	size_t behind, before;

	if (!guarded->at)
		return 0;
	behind = reach(guarded->at + guarded->size, ZONE);
	before = reach_back(guarded->at - ZONE, ZONE);
	if (behind)
		return sheaf_task_fail(task, -EFAULT, "the task wrote %s%zu byte%s behind its %s of %zu bytes (position %llu)",
				       behind == ZONE ? "at least " : "", behind, plural(behind), what, guarded->size,
				       (unsigned long long)sheaf_task_position(task));
	if (before)
		return sheaf_task_fail(task, -EFAULT, "the task wrote %s%zu byte%s before its %s of %zu bytes (position %llu)",
				       before == ZONE ? "at least " : "", before, plural(before), what, guarded->size,
				       (unsigned long long)sheaf_task_position(task));
	return 0;
}

/* Of sheaf_task_result(). */
static int find_overrun_of_data(struct sheaf_task *task)
{
	size_t behind;

	if (task->of_map || !task->data) /* items have none, and the field is not set for them */
		return 0;
	behind = reach((const unsigned char *)segment_at(task->member->segment, task->data) + task->size, CHECK_TAIL);
	return !behind ? 0
		       : sheaf_task_fail(task, -EFAULT,
					 "the task wrote %s%zu bytes behind the %llu bytes of sheaf_task_result() "
					 "(position %llu)",
					 behind == CHECK_TAIL ? "at least " : "", behind, (unsigned long long)task->size,
					 (unsigned long long)sheaf_task_position(task));
}

void check_fill_tail(unsigned char *tail)
{
	fill(tail, CHECK_TAIL);
}

static int run(struct sheaf_task *task, sheaf_task_fn *fn, const void *arg, size_t arg_size, void *result, size_t result_size)
{
	struct guarded in, out = {0};
	int r, overrun;

	if (!guard(&in, arg, arg_size) || !guard(&out, result, result_size)) {
		free(in.memory);
		return sheaf_task_fail(task, -ENOMEM, "no memory for the guard zones of SHEAF_CHECK");
	}
	r = fn(task, in.at, out.at);
	task_returned(task->member->forks);
	if ((overrun = find_overrun(task, &out, "result")) || (overrun = find_overrun(task, &in, "argument")) ||
	    (overrun = find_overrun_of_data(task)))
		r = overrun;
	else if (out.at)
		memcpy(result, out.at, result_size);
	free(in.memory);
	free(out.memory);
	return r;
}

int check_call(sheaf_task *task, const void *arg, void *result)
{
	struct check_header header;

	memcpy(&header, arg, sizeof(header));
	return run(task, (sheaf_task_fn *)(uintptr_t)header.function, (const unsigned char *)arg + sizeof(header),
		   (size_t)header.arg_size, result, (size_t)task->batch->out_size);
}

int check_item(sheaf_task *task, const void *in, void *out)
{
	return run(task, (sheaf_task_fn *)(uintptr_t)task->batch->checked, in, (size_t)task->batch->in_size, out,
		   (size_t)task->batch->out_size);
}

/* ---- pointers ---- */

struct range {
	uintptr_t begin, end;
};

struct check_memory {
	uintptr_t frame; /* of who created the pool: the stack below it is of later calls */
	size_t count, capacity;
	struct range *ranges; /* that workers have, too */
};

int check_wanted(void)
{
	const char *text = os_environment("SHEAF_CHECK");

	if (!text || !*text || !strcmp(text, "0"))
		return 0;
	return !strcmp(text, "1") ? 1 : sheaf_fail(-EINVAL, "SHEAF_CHECK is \"%.40s\" in the environment: 0 or 1", text);
}

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

	if (address < LEAST_ADDRESS || address - (uintptr_t)segment->base < segment->size)
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
