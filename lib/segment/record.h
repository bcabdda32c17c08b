/*
 * record.h - what a traced pool keeps of the tasks that have run: docs/explanation/trace.md.
 *
 * A part of layout.h, which says how the bytes of a segment are written. A pool that is not traced
 * has none of this.
 *
 *   table of functions | trail of worker 0 | trail of worker 1 | ... | trail of the owner
 *
 * A trail is a struct shared_trail and, behind it, the header's trace_records records.
 */
#ifndef SHEAF_SEGMENT_RECORD_H
#define SHEAF_SEGMENT_RECORD_H

#include "segment/seat.h"

#include <stdatomic.h>
#include <stdint.h>

#define TRACED_FUNCTIONS 256u /* the next ones run untraced */
#define LEAST_TRAIL 64u       /* records */
#define LARGEST_TRAIL (1u << 20)

/* A function that was submitted, where the pool has no table of names. Its number is its place. */
struct shared_traced {
	/* TRACED_WORD, by a CAS of the member that submits it first; 0: nobody has the place. */
	_Atomic uint64_t word;
	char name[56]; /* by the same member, afterwards; ends with a zero */
};

/* No address of a program has the two highest bits. @kind: enum function_kind. */
#define TRACED_WORD(address, kind) ((uint64_t)(address) | (uint64_t)(kind) << 62)
#define TRACED_KIND(word) ((unsigned)((word) >> 62))
#define TRACED_ADDRESS(word) ((word) & ~(UINT64_C(3) << 62))

struct shared_trail {
	/* How many records were begun. Record i is at i modulo trace_records. */
	_Alignas(LINE) _Atomic uint64_t next;
};

enum record_kind {
	RECORD_TASK = 1,   /* a submitted task */
	RECORD_ITEMS = 2,  /* items of a map */
	RECORD_RANGE = 3,  /* positions of a loop */
	RECORD_WAIT = 4,   /* a worker sleeps because it finds no task */
	RECORD_SUBMIT = 5, /* a task is submitted */
	/* The process in the seat has ended: status is its signal, count its exit code. */
	RECORD_END = 6,
};

enum record_flags {
	RECORD_STOLEN = 1, /* from the share of another member */
	RECORD_INSIDE = 2, /* inside of a task that waits */
};

/*
 * All but its stamp and end: by the member whose trail it is in, before it tells the stamp. One of
 * RECORD_END: by the supervisor.
 */
struct shared_record {
	_Alignas(64) _Atomic uint64_t stamp; /* i + 1 for record i; 0: it is being written */
	_Atomic uint64_t begin_ns;
	_Atomic uint64_t end_ns; /* 0: it runs, or its member has died */
	_Atomic uint64_t position;
	_Atomic uint64_t count; /* positions from there on */
	_Atomic uint64_t batch; /* its serial */
	/* Number of the function: of the table of names, or its place in the other one, from 1. */
	_Atomic uint32_t function;
	_Atomic int32_t pid;
	_Atomic int32_t status; /* what the function returned */
	_Atomic uint32_t what;  /* RECORD_WHAT */
};

/* @kind: enum record_kind. @flags: enum record_flags. */
#define RECORD_WHAT(kind, flags, attempt) ((uint32_t)(kind) | (uint32_t)(flags) << 8 | (uint32_t)(attempt) << 16)
#define RECORD_KIND(what) ((what)&0xffu)
#define RECORD_FLAGS(what) ((what) >> 8 & 0xffu)
#define RECORD_ATTEMPT(what) ((what) >> 16)

static_assert(sizeof(struct shared_record) == 64, "a record is a line of a processor");
static_assert(sizeof(struct shared_traced) == 64, "offset table in docs/explanation/segment.md");

#endif
