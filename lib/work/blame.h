/*
 * blame.h - what a member's death means for the task that it had in hand: one policy for submitted
 * tasks and for chunks.
 *
 * Nothing here reads or writes shared memory. The caller passes what it has read, and applies what
 * comes back.
 */
#ifndef SHEAF_WORK_BLAME_H
#define SHEAF_WORK_BLAME_H

#include "segment/layout.h"

/* How a member ended, as the kernel tells. */
struct death {
	unsigned seat;
	unsigned generation;
	int32_t pid;
	int32_t signal;      /* 0: none */
	int32_t exit_code;   /* -1: none */
	bool innocent;       /* killed by order, or with its supervisor: no attempt counts */
	bool late;           /* killed because the task in hand ran longer than its limit */
	uint64_t cursor;     /* the position of a map in hand, or CURSOR_NONE */
	uint64_t started_ns; /* when the task in hand began; 0: not known */
	uint64_t ended_ns;
	uint32_t way;           /* enum death_way, if it left last words; else 0 */
	uint64_t address;       /* of a fault, if `way` says so */
	const uint64_t *frames; /* where it was, if it left last words */
	uint32_t frame_count;
	const char *text; /* how it ended, where neither signal nor exit code tells; or NULL */
};

/* Does a task word name the dead member? */
static inline bool death_named(const struct death *death, uint64_t word)
{
	return word_name(word) == seat_name(death->seat, death->generation);
}

/*
 * What the dead member ran in one call: a submitted task, or positions of a chunk. Only this is
 * suspect.
 */
struct suspect {
	uint64_t first, count; /* positions, counted from the chunk's first; those below are done */
	unsigned attempt;      /* which run this was, from 1 on */
	bool whole;            /* the first run of a range: no position is known */
	bool in_hand;          /* it was running, or about to run */
	bool wide;             /* WORD_WIDE: it ran singly, because a range was cut off before */
};

/* Tell what is suspect: of a submitted task, and of a chunk. */
struct suspect suspect_call(struct word word);

/* @begin, @size: of the chunk. @cursor: of the dead member's seat. It may point anywhere. */
struct suspect suspect_chunk(struct word word, enum batch_kind kind, uint64_t begin, uint64_t size, uint64_t cursor);

/*
 * Decide what follows:
 *
 *   the member              one task, or one position          a whole range
 *   was late                fails                              runs again singly, not charged
 *   died innocent           runs again, not charged            runs again as before, not charged
 *   died, attempts left     runs again, charged                runs again singly, charged
 *   died, none left         fails                              fails, every position of it
 *
 * A member that was late is innocent as well, and the first line holds.
 */
struct verdict {
	bool fails;        /* else it runs again */
	bool wide;         /* it runs singly, because no position is known */
	unsigned attempts; /* runs that count so far */
};
struct verdict blame(const struct suspect *suspect, unsigned max_attempts, const struct death *death);

/* Return what becomes of a chunk's word. */
struct word blame_chunk(struct word word, enum batch_kind kind, uint64_t size, const struct suspect *suspect,
			const struct verdict *verdict, const struct death *death);

/*
 * A member owns several slots if a task of it waits for a batch and runs other tasks meanwhile.
 * These tell how the death counts for one of them. Only the innermost task was running, so the
 * others run again and are not charged, but for one whose time is over: it is late, and the
 * innermost one is not.
 *
 * @limited: which slot's time it was, if the death is a late one, by the dead member's seat; 0: the
 * innermost one's. @cursor: the position that this slot's task had in hand; CURSOR_NONE: it is of
 * no map.
 */
struct death blame_innermost(const struct death *death, uint64_t limited);
struct death blame_late(const struct death *death, uint64_t cursor);

/* @innermost_known: if it is not, the death is charged to each of them. */
struct death blame_outer(const struct death *death, bool innermost_known);

#endif
