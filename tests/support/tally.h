/*
 * tally.h - what a part of tools/prove tells: counts, as one line of JSON, the last on stdout, whether it went well or not.
 *
 *   tally {"name": "storm", "kills": 10000, "lost": 0, "duplicated": 0, "hung": 0, "leaked": 0, "seed": 7, "seconds": 61.2, "ok": true}
 *
 * A program may tell several parts, one after the other. tools/prove adds up lines of the same name.
 */
#ifndef SHEAF_TESTS_SUPPORT_TALLY_H
#define SHEAF_TESTS_SUPPORT_TALLY_H

#include "trial.h"

/* What went wrong, for CHECK_AS(). A plain CHECK() that fails is HARM_OTHER. */
enum harm { HARM_OTHER, HARM_LOST, HARM_DUPLICATED, HARM_HUNG, HARM_LEAKED };

/* Begins a part. @counted: what its points are called, "points", "kills" or "cases". Both must live until the end. */
void tally_begin(const char *name, const char *counted, uint64_t seed);

/* So much more was tried. From any thread. */
void tally_add(uint64_t count);

/* A further figure for the line, such as latencies; @name must live until the end. At most 16 per part. */
void tally_note(const char *name, double value);

/* All went well: prints the line. */
void tally_end(void);

/* As trial_fail(), which calls it: if a part was begun, prints the line with the harm before it ends the program. */
_Noreturn void tally_fail(enum harm harm, const char *file, int line, const char *condition, const char *format, ...)
	__attribute__((__format__(__printf__, 5, 6)));

#define CHECK_AS(harm, condition, ...)                                                 \
	do {                                                                           \
		if (!(condition))                                                      \
			tally_fail(harm, __FILE__, __LINE__, #condition, __VA_ARGS__); \
	} while (0)

#endif
