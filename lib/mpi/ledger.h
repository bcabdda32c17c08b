/*
 * ledger.h - which rank holds which positions of a job, and which are done.
 *
 * The root alone has a ledger. It knows nothing of MPI and reads no clock, so that it can be tested
 * and simulated by itself.
 */
#ifndef SHEAF_MPI_LEDGER_H
#define SHEAF_MPI_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Chunks that a rank may hold. As a rule two: while it runs one, it has the next. One more while
 * workers are idle, because slow items keep the others.
 */
#define LEDGER_USUAL 2
#define LEDGER_HANDS 3

/* Positions from begin up to but without end. */
struct span {
	uint64_t begin, end;
};

struct ledger_plan {
	uint64_t n;
	unsigned ranks;
	const unsigned *workers; /* of each rank; copied */
	uint64_t grain;          /* positions that a worker claims at once; 0: 1 */
	uint64_t most;           /* positions of a chunk, or one for each worker; 0: any number */
	bool kept;               /* what a rank has done is lost with it */
};

struct ledger;

/* Begin a job, of which nothing is done. NULL: no memory. End it with ledger_close(). */
struct ledger *ledger_open(const struct ledger_plan *plan);
void ledger_close(struct ledger *ledger);

/*
 * Say before the first claim that these positions are done already. Spans come in ascending order,
 * and do not overlap. False: no memory, and nothing has changed.
 */
bool ledger_skip(struct ledger *ledger, struct span span);

/*
 * Give a chunk to a rank. @now_ns: any clock that does not go back. @service_ns: what the root
 * takes to serve a claim, as measured. False: nothing is left, or the rank holds all it may.
 */
bool ledger_claim(struct ledger *ledger, unsigned rank, uint64_t now_ns, uint64_t service_ns, struct span *chunk);

/*
 * Refine what the root takes to serve a claim: it has served so many in so long. Return the new
 * mean, in which older ones count less and less.
 */
uint64_t ledger_service(uint64_t service_ns, uint64_t took_ns, uint64_t served);

/* Does a rank hold this chunk? */
bool ledger_holds(const struct ledger *ledger, unsigned rank, struct span chunk);

/* Note that a rank has done a chunk. False, and nothing has changed: it does not hold this one. */
bool ledger_done(struct ledger *ledger, unsigned rank, struct span chunk, uint64_t now_ns);

/* Find what a rank has in one of its hands. False: nothing. */
bool ledger_hand(const struct ledger *ledger, unsigned rank, unsigned hand, struct span *chunk);

/*
 * Take all that a rank holds, for others to claim, and all that is lost with it. It claims no more.
 * False: there was no memory to know what it has done.
 */
bool ledger_lost(struct ledger *ledger, unsigned rank);

/* Give nothing more out: what is not claimed yet is left undone. */
void ledger_stop(struct ledger *ledger);

/* Positions that nobody has claimed yet; that ranks hold; and that are done. Their sum is n. */
uint64_t ledger_left(const struct ledger *ledger);
uint64_t ledger_held(const struct ledger *ledger);
uint64_t ledger_count(const struct ledger *ledger);

/* Does no rank hold a chunk, and will none get another? */
bool ledger_is_over(const struct ledger *ledger);

/* Tell the lowest position that is not done. n: all are. */
uint64_t ledger_lowest(const struct ledger *ledger);

#endif
