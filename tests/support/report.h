/*
 * report.h - what a program reports to tools/prove: its counts, as one line of JSON on stdout, the
 * last of a part.
 *
 *   report {"name": "storm", "kills": 10000, "lost": 0, "duplicated": 0, "hung": 0, "leaked": 0,
 *   "seed": 7, "seconds": 61.2, "ok": true}
 *
 * A program may report several parts, one after the other. tools/prove adds up the lines of the
 * same name.
 */
#ifndef SHEAF_TESTS_SUPPORT_REPORT_H
#define SHEAF_TESTS_SUPPORT_REPORT_H

#include "check.h"

#include <stdint.h>

/*
 * Begin a part. @counted: what its points are called, "points", "kills" or "cases". Both must live
 * until the end.
 */
void report_begin(const char *name, const char *counted, uint64_t seed);

/* Begin no part: a child calls it whose failures its parent reports. */
void report_nothing(void);

/* Count what was tried. From any thread. */
void report_add(uint64_t count);

/*
 * Add a figure to the line, such as a latency; @name must live until the end. At most 16 per part.
 */
void report_figure(const char *name, double value);

/* Print the line of a part that went well. */
void report_end(void);

/* Print the line of a part that did this harm, if one was begun. check_fail() calls it. */
void report_failure(enum harm harm);

#endif
