/*
 * trail.h - writes into a traced pool's segment which tasks its members run, and when.
 */
#ifndef SHEAF_TRACE_TRAIL_H
#define SHEAF_TRACE_TRAIL_H

#include "segment/segment.h"

/* What a member begins. */
struct trail_entry {
	enum record_kind kind;
	unsigned flags; /* enum record_flags */
	unsigned attempt;
	uint32_t function; /* as in struct shared_record */
	uint64_t batch, position, count;
};

/* Of something that goes on, for trail_end(). */
struct trail_mark {
	struct shared_record *record;
	uint64_t stamp;
	uint64_t begin_ns;
	/* It shares the record with so many positions before it, which ended then; else 0. */
	uint64_t shares, shares_ns;
};

/* Note that the calling thread begins something, in the trail of that seat. */
void trail_begin(const struct segment *segment, unsigned seat, const struct trail_entry *entry, struct trail_mark *mark);

/* Note that it has ended, and with which status. */
void trail_end(const struct segment *segment, unsigned seat, const struct trail_entry *entry, const struct trail_mark *mark,
	       int status);

/* Note that a thread has submitted a task, by a call that began then. */
void trail_submitted(const struct segment *segment, unsigned seat, uint32_t function, uint64_t batch, uint64_t position,
		     uint64_t begin_ns);

/* Note that the process in a seat has ended. @signal: 0: it ended by itself, with that code. */
void trail_ended(const struct segment *segment, unsigned seat, int32_t pid, int signal, int exit_code);

/*
 * Find the number of a function, for a pool without a table of names; or give it one, and note its
 * name. 0: all numbers have been given out.
 */
uint32_t trail_number(const struct segment *segment, uint64_t address, enum function_kind kind);

/* Find the word of a function by its number: TRACED_WORD. 0: there is none of that number. */
uint64_t trail_function(const struct segment *segment, uint32_t number);

#endif
