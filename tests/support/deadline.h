/*
 * deadline.h - waits of tests: how long an event may take, and the sleep between two checks for it.
 */
#ifndef SHEAF_TESTS_SUPPORT_DEADLINE_H
#define SHEAF_TESTS_SUPPORT_DEADLINE_H

#include <stdint.h>

/*
 * Return a deadline for what must happen at once: in two minutes, which only a hanging program
 * needs.
 */
uint64_t hang_deadline(void);

/* Sleep; a signal may end it early. */
void sleep_ns(uint64_t ns);

#endif
