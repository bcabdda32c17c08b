/*
 * plan.c - where the parts of a segment lie, how large it is, and how a segment may be named.
 *
 * All of it follows from a few counts. So the owner computes it once, and a reader or a sweep can
 * compute it anew and compare. Nothing here touches a segment.
 */
#include "segment/plan.h"

#include "base/error.h"
#include "base/number.h"
#include "base/printable.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#define BATCHES_AT_ONCE 4u

int segment_check_name(const char *name)
{
	/* Names are listed to terminals and logs. */
	if (name[0] != '/' || !name[1] || strchr(name + 1, '/') || strlen(name) >= NAME_MAX || !printable_already(name))
		return sheaf_fail(-EINVAL,
				  "the segment name \"%.100s\" must be a slash and up to %d other characters, printable and "
				  "without a slash",
				  name, NAME_MAX - 2);
	return 0;
}

uint64_t plan_trace_size(const struct shared_header *header)
{
	uint64_t trails = header->worker_count + UINT64_C(1);

	if (!header->trace_records)
		return 0;
	return round_up(TRACED_FUNCTIONS * sizeof(struct shared_traced) + trails * plan_trail_size(header->trace_records),
			PAGE);
}

void segment_plan(struct shared_header *header)
{
	uint64_t at = PAGE;

	header->control = at;
	at = round_up(at + sizeof(struct shared_control), PAGE);
	header->functions = at;
	at = round_up(at + (uint64_t)header->function_count * sizeof(struct shared_function), PAGE);
	header->seats = at;
	at = round_up(at + (uint64_t)(header->worker_count + 1) * sizeof(struct shared_seat), PAGE);
	header->ring = at;
	at = round_up(at + (uint64_t)header->ring_size * PRIORITIES * sizeof(struct shared_slot), PAGE);
	header->batches = at;
	at = round_up(at + (uint64_t)header->batch_count * sizeof(struct shared_batch), PAGE);
	header->trace = at;
	at += plan_trace_size(header);
	header->heap_map = at;
	at = round_up(at + header->heap_size / UNIT * sizeof(uint64_t), UNIT);
	header->heap = round_up(at + UNIT, HUGE_PAGE); /* at least one UNIT of guard pages */
	header->size = header->heap + header->heap_size;
}

void plan_header(const struct segment_options *options, uint64_t heap_size, struct shared_header *header)
{
	header->worker_count = options->workers + options->places;
	header->places = options->places;
	header->function_count = options->function_count;
	header->own_functions = options->own_functions;
	header->limit_ns = options->limit_ns;
	header->seed = options->seed;
	header->on_demand = options->on_demand;
	header->trace_records = options->trace_records;
	header->ring_size = options->ring_size;
	header->batch_count = options->batches;
	header->max_attempts = options->max_attempts;
	header->heap_size = heap_size;
	segment_plan(header);
}

uint64_t plan_tables_end(const struct shared_header *header)
{
	return header->heap_map + round_up(header->heap_size / UNIT * sizeof(uint64_t), PAGE);
}

uint32_t plan_batches(uint32_t count)
{
	return count < BATCHES_AT_ONCE ? count : BATCHES_AT_ONCE;
}

uint64_t plan_first_ring_end(const struct shared_header *header)
{
	return header->ring + header->ring_size * sizeof(struct shared_slot);
}

uint64_t segment_least(const struct segment_options *options)
{
	struct shared_header header = {0};

	plan_header(options, UNIT, &header);
	return plan_first_ring_end(&header) + plan_batches(options->batches) * sizeof(struct shared_batch) +
	       plan_trace_size(&header);
}
