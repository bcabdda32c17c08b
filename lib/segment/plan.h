/*
 * plan.h - where the parts of a segment lie, how large it is, and how a segment may be named.
 */
#ifndef SHEAF_SEGMENT_PLAN_H
#define SHEAF_SEGMENT_PLAN_H

#include "base/own.h"
#include "segment/layout.h"
#include "sheaf_attach.h"

#define SEGMENT_PREFIX "sheaf-" /* of the names that are made up, without the slash */

/* What the owner asks for. */
struct segment_options {
	const char *name; /* NULL: a random one */
	bool anonymous;
	bool dump; /* core files hold the segment */
	uint32_t workers, ring_size, batches, max_attempts;
	uint64_t heap_size; /* 0: as much as the machine has, less if the address space is short */
	/* For programs that join. No functions: nobody may. `places` come on top of workers. */
	const struct sheaf_function *functions;
	uint32_t function_count, places;
	own_lists *own;         /* the library's own */
	uint64_t own_functions; /* functions_hash() of them */
	uint64_t limit_ns;
	uint64_t seed;
	bool on_demand;
	uint32_t trace_records; /* 0: the pool is not traced */
};

/* Check a segment's name. 0, or -EINVAL with its message. */
int segment_check_name(const char *name);

/* Compute all offsets of a header, and its size, from its counts and heap_size. */
void segment_plan(struct shared_header *header);

/* Fill in the counts by the options, and the rest by segment_plan(). */
void plan_header(const struct segment_options *options, uint64_t heap_size, struct shared_header *header);

/* Compute where the tables end. Behind them lies the guard. */
uint64_t plan_tables_end(const struct shared_header *header);

/*
 * Compute where the ring of SHEAF_NORMAL ends. The others, up to the batches, are committed later.
 */
uint64_t plan_first_ring_end(const struct shared_header *header);

/* Compute how many of @count batch slots are committed at once. Few programs have more open. */
uint32_t plan_batches(uint32_t count);

/* Compute how many bytes one trail takes. */
static inline uint64_t plan_trail_size(uint32_t records)
{
	return sizeof(struct shared_trail) + records * (uint64_t)sizeof(struct shared_record);
}

/* Compute how many bytes the whole trace takes. 0: the pool is not traced. */
uint64_t plan_trace_size(const struct shared_header *header);

/* Compute how many bytes a segment has committed when it is created. */
uint64_t segment_least(const struct segment_options *options);

#endif
